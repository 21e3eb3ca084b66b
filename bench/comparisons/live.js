import { createMongoAbility } from '@casl/ability';
import { bootstrapDatabase, createAdapter, createLiveEnforcer } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { cedarWith } from '../peers/cedar.js';
import { cachedEnforcerWith, enforcerWith } from '../peers/plain-enforcer.js';
import { openWatched } from '../peers/watched-enforcer.js';
import { compile, RBAC, rolePolicy } from '../policies.js';
import { toGrowth, toRatio, toRows } from '../result.js';

const LIVE = 'live enforcer';
const PLAIN = 'enforceSync';
const CACHED = 'newCachedEnforcer, asked before';
const BATCH = 'batchEnforce';
const CASL = '@casl/ability';
const CEDAR = 'Cedar (wasm)';
/** Whoever goes through all rules. */
const SLOW_DECISIONS = 40;
const FEW_DECISIONS = 10;
/** Changes whose time until they are decided on is measured, in each round. */
const CHANGES = 100;
const DECISIONS = 20_000;
const FIRST = 1_000;

export default {
  name: 'live',
  title: 'Decide in a running application',
  about:
    'One decision of createLiveEnforcer(), whose database has a journal, over roles that inherit from each other in a chain of ten: half of the requests are allowed. Beside it, a plain enforcer with the same rules in memory, and an ability of @casl/ability made of the rules of one role, which knows no roles, and Cedar with a policy for each rule, parsed before. Then the time from the call of addPolicy() by somebody else to the moment in which the live enforcer decides on it, and in which a stock enforcer that casbin-pg-watcher has load all rules does: the median, and the 99th percentile.',
  chart: 'lines',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const result = { rows: [], ratios: [] };
    let first;
    for (const size of scale.sizes([FIRST, 10_000, 100_000, 1_000_000])) {
      progress(`${size} rules`);
      const { live, write, close } = await openLive(server, size);
      const requests = requestsOf(size);
      const contenders = [decider(LIVE, requests, (request) => live.enforceSync(...request), DECISIONS)];
      if (size <= 10_000) {
        const plain = await enforcerWith(RBAC, compile(rolePolicy(size)));
        const cached = await cachedEnforcerWith(RBAC, compile(rolePolicy(size)));
        for (const request of requests) await cached.enforce(...request);
        contenders.push(
          decider(PLAIN, requests, (request) => plain.enforceSync(...request), SLOW_DECISIONS),
          decider(CACHED, requests, (request) => cached.enforce(...request), DECISIONS, true),
          batchDecider(BATCH, requests.slice(0, SLOW_DECISIONS), plain),
        );
        // It goes through all policies, and takes longest of all.
        if (size <= FIRST)
          contenders.push(decider(CEDAR, requests, cedarWith(rolePolicy(size).rules), FEW_DECISIONS));
      }
      const ability = abilityOf(size);
      contenders.push(
        decider(CASL, requests, ([, object, action]) => ability.can(action, object), DECISIONS),
      );
      const times = await race(contenders, { rounds: scale.rounds(FIRST) });
      const visible = await raceToBeSeen({ server, size, write, rounds: scale.full ? CHANGES : 5 });
      await close();
      result.rows.push(
        ...toRows({ work: 'decision', size, unit: 'µs' }, times),
        ...toRows({ work: 'addPolicy until it is decided on', size, beside: true }, visible),
        ...toRows({ work: 'the same, 99th percentile', size, beside: true }, p99Of(visible)),
      );
      first ??= { size: 1, samples: times[LIVE] };
      if (times[PLAIN] !== undefined)
        result.ratios.push(
          toRatio({
            what: `${size.toLocaleString('en-US')} rules: enforceSync to live`,
            part: times[PLAIN],
            whole: times[LIVE],
          }),
        );
      result.ratios.push(
        toRatio({
          what: `${size.toLocaleString('en-US')} rules: live to @casl/ability`,
          part: times[LIVE],
          whole: times[CASL],
          atMost: 5,
        }),
        toGrowth({
          what: `${size.toLocaleString('en-US')} rules: a decision to one over ${FIRST.toLocaleString('en-US')}`,
          from: first,
          to: { size: 1, samples: times[LIVE] },
          atMost: 1.5,
        }),
      );
    }
    return result;
  },
};

async function openLive(server, size) {
  const database = await server.createDatabase();
  const { pool } = database;
  await bootstrapDatabase(pool, { policy: rolePolicy(size), seeders: [], verify: false, journal: true });
  const live = await createLiveEnforcer(pool);
  const adapter = createAdapter(pool);
  let count = 0;
  const write = async () => {
    const user = `user${count++}`;
    const started = performance.now();
    await adapter.addPolicy('g', 'g', [user, 'role9']);
    while (!live.enforceSync(user, 'resource9', 'read'))
      await new Promise((resolve) => setImmediate(resolve));
    return { overriddenDuration: performance.now() - started };
  };
  const close = async () => {
    await live.close();
    await database.drop();
  };
  return { live, write, close };
}

/** Of the last role of the chain, which has what all ten have: half of them may be read. */
function requestsOf(size) {
  return Array.from({ length: 200 }, (_, n) => {
    const resource = (n % 10) + 100 * (n % Math.max(1, Math.floor((size - 10) / 100)));
    return ['role9', `resource${resource}`, n % 2 === 0 ? 'read' : 'write'];
  });
}

/** A contender whose time is that of one decision, in microseconds. */
function decider(name, requests, decide, decisions, isAsync = false) {
  return {
    name,
    run: async () => {
      let allowed = 0;
      const started = performance.now();
      if (isAsync)
        for (let n = 0; n < decisions; n++) allowed += (await decide(requests[n % requests.length])) ? 1 : 0;
      else for (let n = 0; n < decisions; n++) if (decide(requests[n % requests.length])) allowed += 1;
      const overriddenDuration = ((performance.now() - started) / decisions) * 1_000;
      if (allowed * 2 !== decisions)
        throw new Error(`${allowed} of ${decisions} were allowed, and half should be.`);
      return { overriddenDuration };
    },
  };
}

/** A contender that decides all requests in one call. */
function batchDecider(name, requests, enforcer) {
  return {
    name,
    run: async () => {
      const started = performance.now();
      const answers = await enforcer.batchEnforce(requests);
      const overriddenDuration = ((performance.now() - started) / requests.length) * 1_000;
      if (answers.filter(Boolean).length * 2 !== requests.length)
        throw new Error('Half of the requests should be allowed.');
      return { overriddenDuration };
    },
  };
}

/** Change by change: one that the live enforcer decides on, and one that a watched enforcer loads. */
async function raceToBeSeen({ server, size, write, rounds }) {
  const contenders = [{ name: LIVE, run: write }];
  // At each change it loads all rules.
  const watched = size <= 10_000 ? await openWatched(server, rolePolicy(size)) : null;
  if (watched !== null)
    contenders.push({
      name: 'casbin-pg-watcher, loadPolicy',
      run: watched.write,
      rounds: Math.min(rounds, 20),
    });
  const times = await race(contenders, { rounds });
  await watched?.close();
  return times;
}

function p99Of(times) {
  return Object.fromEntries(
    Object.entries(times).map(([name, samples]) => [
      name,
      [samples.toSorted((a, b) => a - b)[Math.ceil(samples.length * 0.99) - 1]],
    ]),
  );
}

function abilityOf(size) {
  const rules = rolePolicy(size).rules.flatMap(([ptype, role, subject, action]) =>
    ptype === 'p' && /^role\d$/.test(role) ? [{ action, subject }] : [],
  );
  return createMongoAbility(rules);
}

import { createMongoAbility } from '@casl/ability';
import { bootstrapDatabase, createAdapter, createLiveEnforcer } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { cedarWith } from '../peers/cedar.js';
import { cachedEnforcerWith, enforcerWith } from '../peers/plain-enforcer.js';
import { openWatched } from '../peers/watched-enforcer.js';
import { RBAC, rolePolicy } from '../policies.js';
import { toRatio, toRows } from '../result.js';

const LIVE = 'live enforcer';
const PLAIN = 'enforceSync';
const CACHED = 'newCachedEnforcer, asked before';
const BATCH = 'batchEnforce';
const CASL = '@casl/ability';
const CEDAR = 'Cedar (wasm)';
/** Rules that all slow contenders together go through in a round: few decisions over many rules, many over few. */
const GONE_THROUGH = 400_000;
/** Rounds of those. */
const SLOW_ROUNDS = 3;
/** Changes whose time until they are decided on is measured. */
const CHANGES = 100;
const DECISIONS = 20_000;
const ROUNDS = 15;
const FIRST = 1_000;
/** One that can be filled with a million rules in seconds: it has one index, where casbin-pg-adapter's has nine. */
const TABLE = 'casbin_rule';

export default {
  name: 'live',
  title: 'Decide in a running application',
  about:
    'One decision of createLiveEnforcer(), whose database has a journal, over roles that inherit from each other in a chain of ten: half of the requests are allowed. It is asked the same number of different requests over all sizes, each many times, in turns with an ability of @casl/ability made of the rules of one role, which knows no roles. Beside it plain, cached and batch enforcers with the same rules in memory, and Cedar with a policy for each rule, parsed before. Then the time from the call of addPolicy() by somebody else to the moment in which the live enforcer decides on it, and in which a stock enforcer that casbin-pg-watcher has load all rules does: the median, and the 99th percentile.',
  chart: 'lines',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const sizes = scale.sizes([FIRST, 10_000, 100_000, 1_000_000]);
    const result = { rows: [], ratios: [] };
    const slow = new Map();
    // First, as whoever goes through all rules needs none of the others in memory.
    for (const size of sizes) {
      progress(`${size} rules, plain`);
      slow.set(size, await raceSlow(size));
    }
    const opened = [];
    for (const size of sizes) {
      progress(`${size} rules, live`);
      opened.push({ size, ...(await openLive(server, size)) });
    }
    progress('decisions over all sizes in turns');
    const contenders = opened.flatMap(({ size, live }) => {
      const requests = requestsOf(size);
      const ability = abilityOf(size);
      return [
        decider(keyOf(LIVE, size), requests, (request) => live.enforceSync(...request), DECISIONS),
        decider(keyOf(CASL, size), requests, ([, object, action]) => ability.can(action, object), DECISIONS),
      ];
    });
    globalThis.gc?.();
    const times = await race(contenders, { rounds: scale.full ? ROUNDS : 3, warmUp: true, collect: false });
    for (const { size, write, close } of opened) {
      progress(`${size} rules, changes`);
      const visible = await raceToBeSeen({ server, size, write, rounds: scale.full ? CHANGES : 5 });
      await close();
      const live = times[keyOf(LIVE, size)];
      const decided = { [LIVE]: live, [CASL]: times[keyOf(CASL, size)], ...slow.get(size) };
      const rules = `${size.toLocaleString('en-US')} rules`;
      result.rows.push(
        ...toRows({ work: 'decision', size, unit: 'µs' }, decided),
        ...toRows({ work: 'addPolicy until it is decided on', size, beside: true }, visible),
        ...toRows({ work: 'the same, 99th percentile', size, beside: true }, p99Of(visible)),
      );
      result.ratios.push(
        toRatio({ what: `${rules}: enforceSync to live`, part: decided[PLAIN], whole: live }),
        toRatio({ what: `${rules}: live to @casl/ability`, part: live, whole: decided[CASL], atMost: 5 }),
        toRatio({
          what: `${rules}: a decision to one over ${FIRST.toLocaleString('en-US')}`,
          part: live,
          whole: times[keyOf(LIVE, sizes[0])],
          atMost: 1.5,
        }),
      );
    }
    return result;
  },
};

function keyOf(name, size) {
  return `${name}, ${size} rules`;
}

/** Whoever goes through all rules, or remembers what it has decided. */
async function raceSlow(size) {
  const rules = rolePolicy(size).rules.map(([ptype, ...values]) => ({ ptype, values }));
  const requests = requestsOf(size);
  const decisions = Math.max(2, 2 * Math.floor(GONE_THROUGH / size / 2));
  const plain = await enforcerWith(RBAC, rules);
  const contenders = [decider(PLAIN, requests, (request) => plain.enforceSync(...request), decisions)];
  if (size <= 10_000) {
    const cached = await cachedEnforcerWith(RBAC, rules);
    for (const request of requests) await cached.enforce(...request);
    contenders.push(
      decider(CACHED, requests, (request) => cached.enforce(...request), DECISIONS, true),
      batchDecider(BATCH, requests.slice(0, decisions), plain),
    );
  }
  // It goes through all policies, and takes longest of all.
  if (size <= FIRST) contenders.push(decider(CEDAR, requests, cedarWith(rolePolicy(size).rules), 10));
  return race(contenders, { rounds: size >= 100_000 ? 1 : SLOW_ROUNDS, warmUp: false });
}

async function openLive(server, size) {
  const database = await server.createDatabase();
  const { pool } = database;
  const options = { table: TABLE, policy: null, seeders: [] };
  await bootstrapDatabase(pool, options);
  await fill(pool, size);
  await bootstrapDatabase(pool, { ...options, journal: true });
  const live = await createLiveEnforcer(pool, { table: TABLE });
  const adapter = createAdapter(pool, { table: TABLE });
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

/** The rules of rolePolicy(size), made on the server. */
async function fill(pool, size) {
  await pool.query(
    `insert into ${TABLE} (ptype, v0, v1, v2)
     select 'p', 'role' || n % 100, 'resource' || n, 'read' from generate_series(0, $1::int - 10) n
     union all
     select 'g', 'role' || n + 1, 'role' || n, null from generate_series(0, 8) n`,
    [size],
  );
  await pool.query(`create index on ${TABLE} (ptype, v0)`);
  await pool.query(`analyze ${TABLE}`);
}

/** Of the last role of the chain, which has what all ten have: eighty resources from all over, and half may be read. */
function requestsOf(size) {
  const blocks = Math.max(1, Math.floor((size - 10) / 100));
  return Array.from({ length: 160 }, (_, n) => {
    const [role, block] = [(n >> 1) % 10, Math.floor(((n >> 1) / 10 / 8) * blocks)];
    return ['role9', `resource${role + 100 * block}`, n % 2 === 0 ? 'read' : 'write'];
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
  const times = await race(contenders, { rounds, collect: false });
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

import { createMongoAbility } from '@casl/ability';
import { bootstrapDatabase, createAdapter, createLiveEnforcer } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { enforcerWith } from '../peers/plain-enforcer.js';
import { compile, RBAC, rolePolicy } from '../policies.js';
import { toGrowth, toRatio, toRows } from '../result.js';

const LIVE = 'live enforcer';
const PLAIN = 'enforceSync';
const CASL = '@casl/ability';
const DECISIONS = 20_000;
const FIRST = 1_000;

export default {
  name: 'live',
  title: 'Decide in a running application',
  about:
    'One decision of createLiveEnforcer(), whose database has a journal, over roles that inherit from each other in a chain of ten: half of the requests are allowed. Beside it, a plain enforcer with the same rules in memory, and an ability of @casl/ability made of the rules of one role, which knows no roles. Then the time from the call of addPolicy() by somebody else to the moment in which the live enforcer decides on it.',
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
        contenders.push(decider(PLAIN, requests, (request) => plain.enforceSync(...request), 40));
      }
      const ability = abilityOf(size);
      contenders.push(
        decider(CASL, requests, ([, object, action]) => ability.can(action, object), DECISIONS),
      );
      const times = await race(contenders, { rounds: scale.rounds(FIRST) });
      const seen = await race([{ name: 'seen after', run: write }], { rounds: scale.rounds(FIRST) });
      await close();
      result.rows.push(
        ...toRows({ work: 'decision', size, unit: 'µs' }, times),
        ...toRows({ work: 'addPolicy until it is decided on', size, beside: true }, seen),
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
function decider(name, requests, decide, decisions) {
  return {
    name,
    run: async () => {
      let allowed = 0;
      const started = performance.now();
      for (let n = 0; n < decisions; n++) if (decide(requests[n % requests.length])) allowed += 1;
      const overriddenDuration = ((performance.now() - started) / decisions) * 1_000;
      if (allowed * 2 !== decisions)
        throw new Error(`${allowed} of ${decisions} were allowed, and half should be.`);
      return { overriddenDuration };
    },
  };
}

function abilityOf(size) {
  const rules = rolePolicy(size).rules.flatMap(([ptype, role, subject, action]) =>
    ptype === 'p' && /^role\d$/.test(role) ? [{ action, subject }] : [],
  );
  return createMongoAbility(rules);
}

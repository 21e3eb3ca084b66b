import { monitorEventLoopDelay } from 'node:perf_hooks';
import { bootstrapDatabase } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { rolePolicy } from '../policies.js';
import { toRatio, toRows } from '../result.js';

const DEFINED = 5_000;
const GRANTS = 'with grants that are not defined';
const LINKS = 'with as many users’ roles';
/** How long an application that starts may be kept from its other work, in milliseconds. */
const LONGEST_STOP = 100;

export default {
  name: 'drift',
  title: 'Start beside what administrators granted',
  about:
    'bootstrapDatabase() on a database that holds 5,000 defined rules and many grants to their roles that are not defined: each of them changes decisions, is found, and is explained. Beside it, the same start where the other rows are roles of users, which change none. The longest time that the event loop was stopped is shown too.',
  chart: 'bars',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const result = { rows: [], ratios: [] };
    for (const added of scale.sizes([4_000, 10_000])) {
      progress(`${DEFINED} rules and ${added} grants`);
      const size = DEFINED + added;
      const grants = await databaseWith(server, added, 'p');
      const links = await databaseWith(server, added, 'g');
      const stops = [];
      const times = await race(
        [
          { name: LINKS, run: () => links.start(), check: requireDrift(0) },
          { name: GRANTS, run: () => watched(grants.start, stops), check: requireDrift(added) },
        ],
        { rounds: scale.rounds(size) },
      );
      await Promise.all([grants.drop(), links.drop()]);
      const label = `${added.toLocaleString('en-US')} grants`;
      result.rows.push(
        ...toRows({ work: 'start', size }, times),
        ...toRows({ work: 'longest stop of the event loop', size, beside: true }, { [GRANTS]: stops }),
      );
      result.ratios.push(
        toRatio({
          what: `${label}: to a start without them`,
          part: times[GRANTS],
          whole: times[LINKS],
          atMost: 3,
        }),
        toRatio({
          what: `${label}: longest stop of the event loop to ${LONGEST_STOP} ms`,
          part: stops,
          whole: stops.map(() => LONGEST_STOP),
          atMost: 1,
        }),
      );
    }
    return result;
  },
};

async function databaseWith(server, added, ptype) {
  const database = await server.createDatabase();
  const { pool } = database;
  const policy = rolePolicy(DEFINED);
  const start = () =>
    bootstrapDatabase(pool, { policy, seeders: [], verify: { full: true }, notifyChannel: false });
  await start();
  const values = Array.from({ length: added }, (_, n) =>
    ptype === 'g'
      ? [`user${n}`, `role${n % 100}`]
      : [`role${(n + 37 + 25 * Math.floor(n / DEFINED)) % 100}`, `resource${n % (DEFINED - 9)}`, 'read'],
  );
  await pool.query('insert into casbin (ptype, rule) select $1, value from jsonb_array_elements($2) value', [
    ptype,
    JSON.stringify(values),
  ]);
  await pool.query('vacuum analyze casbin');
  return { start, drop: () => database.drop() };
}

/** Runs a start, and notes the longest time, in ms, that the process could do nothing else. */
async function watched(start, stops) {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  delays.enable();
  const report = await start();
  delays.disable();
  stops.push(delays.max / 1e6);
  return report;
}

/** Every grant must be found: by a decision that names it, or by itself, or counted. */
function requireDrift(added) {
  return ({ changed, verification: { drift, omitted } }) => {
    if (changed) throw new Error('A start with nothing to do changed something.');
    const rules = new Set(drift.flatMap((finding) => finding.added.map((rule) => JSON.stringify(rule))));
    if (rules.size + omitted.drift < added || (added === 0 && drift.length > 0)) {
      throw new Error(`${rules.size} rules were found to be drift, and ${added} are.`);
    }
  };
}

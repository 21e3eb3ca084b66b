import { bootstrapDatabase, createEnforcer } from 'casbin-bootstrap';
import { runChild } from '../child.js';
import { race } from '../measure.js';
import { countLoaded, loadByHand } from '../peers/plain-enforcer.js';
import { loadByStockAdapter } from '../peers/stock-adapter.js';
import { RBAC, rolePolicy } from '../policies.js';
import { toRatio, toRows } from '../result.js';

const OURS = 'casbin-bootstrap, createEnforcer';
const FLOOR = 'select and push';
const STOCK = 'casbin-pg-adapter';

const SIZES = [1_000, 10_000, 100_000, 1_000_000];
const STOCK_UP_TO = 100_000;
const MEMORY_ROUNDS = 3;

export default {
  name: 'load',
  title: 'Load the policy into an enforcer',
  about:
    'createEnforcer() beside `select … order by id`, each row pushed into a model and the role links built, and beside an enforcer on casbin-pg-adapter. Below, for the largest size, the memory that loading adds to a process of its own, with Node’s own settings: at its peak (resident, from before the load to the most that the process ever had), and afterwards, when a garbage collection has left just the enforcer. What the process had before, with the library imported and the pool connected, counts for neither.',
  remarks:
    'From 2,000 rules on, createEnforcer() reads in portions: the first 2,000 rules are read to find out that there are more, and once more with the others.',
  chart: 'lines',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const rows = [];
    const ratios = [];
    const sizes = scale.sizes(SIZES);
    for (const size of sizes) {
      progress(`${size} rules`);
      const policy = rolePolicy(size);
      const database = await server.createDatabase();
      const { pool } = database;
      await bootstrapDatabase(pool, { policy, seeders: [], verify: false });
      const times = await race(contenders(pool, size, requireLoaded(size)), {
        rounds: scale.rounds(size),
      });
      rows.push(...toRows({ work: 'load', size }, times));
      ratios.push(...compare(size, times));
      if (size === sizes.at(-1)) {
        progress(`${size} rules, memory`);
        const memory = await measureMemory(database, size);
        rows.push(...memory.rows);
        ratios.push(...memory.ratios);
      }
      await database.drop();
    }
    return { rows, ratios };
  },
};

function contenders(pool, size, check) {
  return [
    { name: FLOOR, run: () => loadByHand(pool, RBAC), check },
    { name: OURS, run: () => createEnforcer(pool), check },
    ...(size > STOCK_UP_TO
      ? []
      : [{ name: STOCK, rounds: 3, run: () => loadByStockAdapter(pool, RBAC), check }]),
  ];
}

const AIMS = new Map([
  [100_000, 1.5],
  [1_000_000, 1.2],
]);

function compare(size, times) {
  const of = `${size.toLocaleString('en-US')} rules`;
  const ours = times[OURS];
  const stock = times[STOCK];
  return [
    toRatio({ what: `${of}: ours to the floor`, part: ours, whole: times[FLOOR], atMost: AIMS.get(size) }),
    ...(stock === undefined
      ? []
      : [
          toRatio({
            what: `${of}: casbin-pg-adapter to ours`,
            part: stock,
            whole: ours,
            ...(size === STOCK_UP_TO ? { atLeast: 10 } : {}),
          }),
        ]),
  ];
}

async function measureMemory({ url }, size) {
  const peaks = { [OURS]: [], [FLOOR]: [] };
  const held = { [OURS]: [], [FLOOR]: [] };
  for (let round = 0; round < MEMORY_ROUNDS; round++) {
    for (const [name, contender] of [
      [OURS, 'ours'],
      [FLOOR, 'floor'],
    ]) {
      const one = await runChild('load.js', [contender], { DATABASE_URL: url }, ['--expose-gc']);
      if (one.rules !== size) throw new Error(`${one.rules} rules were loaded, not ${size}.`);
      peaks[name].push(one.peak);
      held[name].push(one.held);
    }
  }
  const what = (name) => `memory: the peak of ${name} to the enforcer alone`;
  return {
    rows: [
      ...toRows({ work: 'peak memory', size, unit: 'MiB', beside: true }, peaks),
      ...toRows({ work: 'memory of the enforcer', size, unit: 'MiB', beside: true }, held),
    ],
    ratios: [
      toRatio({ what: what('ours'), part: peaks[OURS], whole: held[OURS], atMost: 1.3 }),
      toRatio({ what: what('the floor'), part: peaks[FLOOR], whole: held[FLOOR] }),
    ],
  };
}

/** Every rule is there, and an inherited permission is granted. */
function requireLoaded(size) {
  return async (enforcer) => {
    if (countLoaded(enforcer) !== size)
      throw new Error(`${countLoaded(enforcer)} rules were loaded, not ${size}.`);
    if (!(await enforcer.enforce('role1', 'resource0', 'read'))) throw new Error('A permission is missing.');
  };
}

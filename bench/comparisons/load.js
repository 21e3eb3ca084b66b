import { bootstrapDatabase, createEnforcer } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { loadByHand } from '../peers/plain-enforcer.js';
import { loadByStockAdapter } from '../peers/stock-adapter.js';
import { RBAC, rolePolicy } from '../policies.js';
import { toRatio, toRows } from '../result.js';

const OURS = 'casbin-bootstrap, createEnforcer';
const FLOOR = 'select and push';
const STOCK = 'casbin-pg-adapter';

export default {
  name: 'load',
  title: 'Load the policy into an enforcer',
  about:
    'createEnforcer() beside `select … order by id`, each row pushed into a model and the role links built, and beside an enforcer on casbin-pg-adapter.',
  chart: 'bars',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const size = scale.upTo(100_000);
    const policy = rolePolicy(size);
    const database = await server.createDatabase();
    const { pool } = database;
    await bootstrapDatabase(pool, { policy, seeders: [], verify: false });
    progress(`${size} rules`);
    const check = requireLoaded(policy.rules);
    const times = await race(
      [
        { name: FLOOR, run: () => loadByHand(pool, RBAC), check },
        { name: OURS, run: () => createEnforcer(pool), check },
        { name: STOCK, rounds: 3, run: () => loadByStockAdapter(pool, RBAC), check },
      ],
      { rounds: scale.rounds(size) },
    );
    await database.drop();
    return {
      rows: toRows({ work: 'load', size }, times),
      ratios: [
        toRatio({ what: 'ours to the floor', part: times[OURS], whole: times[FLOOR], atMost: 1.5 }),
        toRatio({ what: 'casbin-pg-adapter to ours', part: times[STOCK], whole: times[OURS], atLeast: 10 }),
      ],
    };
  },
};

/** Every rule is there, and an inherited permission is granted. */
function requireLoaded(rules) {
  const { length } = rules;
  return async (enforcer) => {
    const loaded = (await enforcer.getPolicy()).length + (await enforcer.getGroupingPolicy()).length;
    if (loaded !== length) throw new Error(`${loaded} rules were loaded, not ${length}.`);
    if (!(await enforcer.enforce('role1', 'resource0', 'read'))) throw new Error('A permission is missing.');
  };
}

import { bootstrapDatabase } from 'casbin-bootstrap';
import { race, repeat } from '../measure.js';
import { toRatio, toRows } from '../result.js';

const OURS = 'casbin-bootstrap';
const NONE = 'none';
const RUNS = 5;
const SIZES = [100_000, 1_000_000];

export default {
  name: 'restart-foreign',
  title: 'Start with nothing to do beside the roles of users',
  about:
    'bootstrapDatabase() with the default policy, verification included, in a table that also holds a role for each of so many users, which the definition knows nothing of: just inserted, and after `analyze`. A run is five starts, the time is that of one.',
  chart: 'bars',
  counted: 'foreign rules',
  async run({ server, scale, progress }) {
    const bare = await server.createDatabase();
    await bootstrapDatabase(bare.pool);
    const databases = [{ name: NONE, state: 'none', size: 0, database: bare }];
    for (const size of scale.sizes(SIZES)) {
      progress(`${size} foreign rules`);
      databases.push(...(await withUsers(server, size)));
    }
    const contenders = databases.map(({ name, database }) => ({
      name,
      run: () => repeat(RUNS, async () => requireIdle(await bootstrapDatabase(database.pool))),
    }));
    const times = await race(contenders, { rounds: scale.rounds(1) });
    for (const { database } of databases) await database.drop();
    return {
      rows: databases.flatMap(({ name, state, size }) =>
        toRows({ work: state, size }, { [OURS]: times[name] }),
      ),
      ratios: databases
        .slice(1)
        .map(({ name }) =>
          toRatio({ what: `${name}, to none`, part: times[name], whole: times[NONE], atMost: 1.5 }),
        ),
    };
  },
};

async function withUsers(server, size) {
  const database = await server.createDatabase();
  await bootstrapDatabase(database.pool);
  await database.pool.query(
    `insert into casbin (ptype, rule)
     select 'g', jsonb_build_array('account' || n, (array['readonly', 'user', 'admin'])[n % 3 + 1])
     from generate_series(1, $1::int) n`,
    [size],
  );
  const analyzed = await server.createDatabase(database);
  await analyzed.pool.query('analyze casbin');
  const of = `${size.toLocaleString('en-US')} others`;
  return [
    { name: `${of}, just inserted`, state: 'just inserted', size, database },
    { name: `${of}, analyzed`, state: 'analyzed', size, database: analyzed },
  ];
}

function requireIdle({ changed, verification }) {
  if (changed || verification.checks === 0) throw new Error('A start with nothing to do did something.');
}

import { bootstrapDatabase } from 'casbin-bootstrap';
import { race, repeat } from '../measure.js';
import { rolePolicy } from '../policies.js';
import { toRatio, toRows } from '../result.js';

const OURS = 'casbin-bootstrap';
const NONE = 'none';
const RUNS = 5;
const SIZES = [100_000, 1_000_000];
/** A table in its first weeks, which is read whole. */
const FEW = { defined: 1_000, users: 20 };

export default {
  name: 'restart-foreign',
  title: 'Start with nothing to do beside the roles of users',
  about:
    'bootstrapDatabase() with the default policy, verification included, in a table that also holds a role for each of so many users, which the definition knows nothing of: just inserted, and after `analyze`. Below, a definition of 1,000 rules, alone and with 20 users. A run is five starts, the time is that of one.',
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
    progress(`${FEW.users} users`);
    const few = await raceFew(server, scale);
    return {
      rows: [
        ...databases.flatMap(({ name, state, size }) =>
          toRows({ work: state, size }, { [OURS]: times[name] }),
        ),
        ...few.rows,
      ],
      ratios: [
        ...databases
          .slice(1)
          .map(({ name }) =>
            toRatio({ what: `${name}, to none`, part: times[name], whole: times[NONE], atMost: 1.5 }),
          ),
        few.ratio,
      ],
    };
  },
};

async function raceFew(server, scale) {
  const options = { policy: rolePolicy(FEW.defined), seeders: [] };
  const alone = await server.createDatabase();
  await bootstrapDatabase(alone.pool, options);
  const withUsers = await server.createDatabase(alone);
  await insertUsers(withUsers, FEW.users, ['role1', 'role5', 'role9']);
  const start = async ({ pool }) => requireIdle(await bootstrapDatabase(pool, options));
  const times = await race(
    [
      { name: 'alone', run: () => repeat(RUNS, () => start(alone)) },
      { name: 'users', run: () => repeat(RUNS, () => start(withUsers)) },
    ],
    { rounds: scale.rounds(1) },
  );
  for (const database of [alone, withUsers]) await database.drop();
  const rules = FEW.defined.toLocaleString('en-US');
  return {
    rows: [
      ...toRows({ work: `${rules} rules`, size: 0, beside: true }, { [OURS]: times.alone }),
      ...toRows({ work: `${rules} rules`, size: FEW.users, beside: true }, { [OURS]: times.users }),
    ],
    ratio: toRatio({
      what: `${FEW.users} others beside ${rules} rules, to none`,
      part: times.users,
      whole: times.alone,
      atMost: 1.5,
    }),
  };
}

async function withUsers(server, size) {
  const database = await server.createDatabase();
  await bootstrapDatabase(database.pool);
  await insertUsers(database, size, ['readonly', 'user', 'admin']);
  const analyzed = await server.createDatabase(database);
  await analyzed.pool.query('analyze casbin');
  const of = `${size.toLocaleString('en-US')} others`;
  return [
    { name: `${of}, just inserted`, state: 'just inserted', size, database },
    { name: `${of}, analyzed`, state: 'analyzed', size, database: analyzed },
  ];
}

async function insertUsers({ pool }, count, roles) {
  await pool.query(
    `insert into casbin (ptype, rule)
     select 'g', jsonb_build_array('account' || n, ($2::text[])[n % 3 + 1])
     from generate_series(1, $1::int) n`,
    [count, roles],
  );
}

function requireIdle({ changed, verification }) {
  if (changed || verification.checks === 0) throw new Error('A start with nothing to do did something.');
}

import { bootstrapDatabase, createEnforcer } from 'casbin-bootstrap';
import { race, repeat } from '../measure.js';
import { rolePolicy } from '../policies.js';
import { toRatio, toRows } from '../result.js';

const DOCUMENT = 'document';
const COLUMNS = 'columns';
const TABLES = [
  { name: DOCUMENT, table: 'casbin' },
  { name: COLUMNS, table: 'casbin_rule' },
];
const INDEXED = 'columns, with an index on (ptype, v0)';
const STARTS = 20;
const SIZE = 100_000;

export default {
  name: 'layouts',
  title: 'The two layouts of a rule table',
  about: `The same work on casbin-pg-adapter’s table (*document*) and on one as typeorm-adapter makes it (*columns*): seeding a new table, a start with nothing to do (default policy; a run is ${STARTS} starts, the time is that of one), loading, and a start beside the roles of as many users, which the definition knows nothing of. There a table of columns is shown as it is made, and with the index that the log then advises.`,
  chart: 'bars',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const size = scale.upTo(SIZE);
    const rounds = scale.rounds(size);
    const works = [
      { work: 'seed', size, of: () => seedContenders(server, rolePolicy(size)) },
      { work: 'nothing to do', size: 16, of: () => startContenders(server) },
      { work: 'load', size, of: () => loadContenders(server, rolePolicy(size)) },
      { work: 'nothing to do beside users', size, of: () => crowdedContenders(server, size) },
    ];
    const rows = [];
    const ratios = [];
    for (const { work, size: counted, of } of works) {
      progress(work);
      const { contenders, end } = await of();
      const times = await race(contenders, { rounds });
      await end();
      rows.push(...toRows({ work, size: counted }, times));
      const compared = times[INDEXED] ?? times[COLUMNS];
      const atMost = work === 'nothing to do beside users' ? {} : { atMost: 1.3 };
      ratios.push(
        toRatio({ what: `${work}: columns to document`, part: compared, whole: times[DOCUMENT], ...atMost }),
      );
    }
    return { rows, ratios };
  },
};

/** The step itself, on a database of its own each time. */
async function seedContenders(server, policy) {
  const seed = async (table) => {
    const database = await server.createDatabase();
    const { seeders } = await bootstrapDatabase(database.pool, { policy, seeders: [], verify: false, table });
    await database.drop();
    return { overriddenDuration: seeders[0].durationMs };
  };
  return {
    contenders: TABLES.map(({ name, table }) => ({ name, run: () => seed(table) })),
    end: async () => {},
  };
}

async function startContenders(server) {
  const databases = await bootstrapped(server, {});
  const contenders = databases.map(({ name, table, database: { pool } }) => ({
    name,
    run: () => repeat(STARTS, async () => requireIdle(await bootstrapDatabase(pool, { table }))),
  }));
  return { contenders, end: () => dropAll(databases) };
}

async function loadContenders(server, policy) {
  const databases = await bootstrapped(server, { policy, seeders: [], verify: false });
  const contenders = databases.map(({ name, table, database: { pool } }) => ({
    name,
    run: () => createEnforcer(pool, { table }),
  }));
  return { contenders, end: () => dropAll(databases) };
}

async function crowdedContenders(server, users) {
  const databases = await bootstrapped(server, {});
  for (const { name, database } of databases) {
    const values = name === DOCUMENT ? `jsonb_build_array('account' || n, 'user')` : `'account' || n, 'user'`;
    const columns = name === DOCUMENT ? 'casbin (ptype, rule)' : 'casbin_rule (ptype, v0, v1)';
    await database.pool.query(
      `insert into ${columns} select 'g', ${values} from generate_series(1, $1::int) n`,
      [users],
    );
  }
  const bare = databases.find(({ name }) => name === COLUMNS);
  const database = await server.createDatabase(bare.database);
  await database.pool.query('create index on casbin_rule (ptype, v0)');
  databases.push({ ...bare, name: INDEXED, database });
  const contenders = databases.map(({ name, table, database: { pool } }) => ({
    name,
    run: async () => requireIdle(await bootstrapDatabase(pool, { table })),
  }));
  return { contenders, end: () => dropAll(databases) };
}

async function bootstrapped(server, options) {
  const databases = [];
  for (const one of TABLES) {
    const database = await server.createDatabase();
    await bootstrapDatabase(database.pool, { ...options, table: one.table });
    databases.push({ ...one, database });
  }
  return databases;
}

async function dropAll(databases) {
  for (const { database } of databases) await database.drop();
}

function requireIdle({ changed, verification }) {
  if (changed || verification.checks === 0) throw new Error('A start with nothing to do did something.');
}

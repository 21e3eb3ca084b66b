import { bootstrapDatabase } from 'casbin-bootstrap';
import { race } from '../measure.js';
import { migrateByKysely } from '../peers/kysely-migrator.js';

import { toRatio, toRows } from '../result.js';

const MIGRATIONS = 50;
const KYSELY = 'Kysely’s Migrator';
const UNWATCHED = 'casbin-bootstrap, verify: false';
const WATCHED = 'casbin-bootstrap, watching the policy';

const migrations = Object.fromEntries(
  Array.from({ length: MIGRATIONS }, (_, n) => [
    `m${String(n).padStart(3, '0')}`,
    { up: (db) => db.schema.createTable(`t${n}`).addColumn('id', 'integer').execute() },
  ]),
);

export default {
  name: 'migrations',
  title: 'Run fifty pending migrations',
  about:
    'bootstrapDatabase() on a database in which only the application’s migrations are pending, each of which makes a table, beside Kysely’s Migrator alone on the same; and with verification, which then holds the policy against what stood before after each of them.',
  chart: 'bars',
  counted: 'rules',
  async run({ server, scale, progress }) {
    const size = scale.upTo(2_000);
    const options = { policy: tenRoles(size), seeders: [] };
    const template = await server.createDatabase();
    await bootstrapDatabase(template.pool, { ...options, verify: false });
    progress(`${MIGRATIONS} migrations over ${size} rules`);

    let database;
    const bench = (name, work) => ({
      name,
      prepare: async () => {
        database = await server.createDatabase(template);
        await database.pool.query('select');
      },
      run: () => work(database.pool),
      check: async () => {
        const { rows } = await database.pool.query(
          `select count(*)::int as made from pg_tables where tablename ~ '^t\\d+$'`,
        );
        await database.drop();
        if (rows[0].made !== MIGRATIONS) throw new Error(`${rows[0].made} migrations made their table.`);
      },
    });
    const times = await race(
      [
        bench(KYSELY, (pool) => migrateByKysely(pool, migrations)),
        bench(UNWATCHED, (pool) => bootstrapDatabase(pool, { ...options, migrations, verify: false })),
        { ...bench(WATCHED, (pool) => bootstrapDatabase(pool, { ...options, migrations })), rounds: 2 },
      ],
      { rounds: scale.rounds(size) },
    );
    await template.drop();
    return {
      rows: toRows({ work: `${MIGRATIONS} migrations`, size }, times),
      ratios: [
        toRatio({
          what: 'ours, not verified, to Kysely’s Migrator',
          part: times[UNWATCHED],
          whole: times[KYSELY],
        }),
        toRatio({ what: 'watched to not verified', part: times[WATCHED], whole: times[UNWATCHED] }),
      ],
    };
  },
};

/** Ten roles with an equal share of the permissions. */
function tenRoles(count) {
  return { rules: Array.from({ length: count }, (_, n) => ['p', `role${n % 10}`, `resource${n}`, 'read']) };
}

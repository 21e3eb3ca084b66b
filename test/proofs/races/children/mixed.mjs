import { bootstrapDatabase, defaultPolicy } from 'casbin-bootstrap';
// The package's own entry: what an application without this library opens.
import stock from 'casbin-pg-adapter';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { loadMigrator } from '../../../../dist/src/migrator/kysely-migrator.js';
import { whenAllReady } from '../../../support/children/barrier.mjs';

const [ours, theirs] = process.argv.slice(2, 4).map(Number);
const table = process.argv[4];
const index = Number(process.env.PROCESS_INDEX);
const connectionString = process.env.DATABASE_URL;
const migrations = {
  '2026_notes': { up: (db) => db.schema.createTable('notes').addColumn('id', 'integer').execute() },
};

// As typeorm-adapter makes it.
const TYPEORM_TABLE = `create table if not exists ${table} (id serial primary key, ptype varchar, v0 varchar, v1 varchar, v2 varchar, v3 varchar, v4 varchar, v5 varchar, v6 varchar)`;

const pool = new pg.Pool({ connectionString, max: 1 });
await pool.query('select 1');
await whenAllReady();
console.log(JSON.stringify(await run()));
// Those who failed by their own faults may have left their pools open.
process.exit(0);

async function run() {
  if (index < ours) {
    const { verification } = await bootstrapDatabase(pool, { migrations, table, policy: defaultPolicy });
    return { role: 'ours', ok: verification.ok };
  }
  return index < ours + theirs ? openStock() : migrate();
}

async function openStock() {
  try {
    if (table === 'casbin') await stock.default.newAdapter({ connectionString });
    else {
      await pool.query(TYPEORM_TABLE);
      await pool.query(`insert into ${table} (ptype, v0, v1) values ('g', 'alice', 'user')`);
    }
    return { role: 'stock', ok: true };
  } catch (error) {
    return { role: 'stock', ok: false, error: error.message };
  }
}

async function migrate() {
  const Migrator = await loadMigrator();
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error } = await migrator.migrateToLatest();
  return { role: 'migrator', ok: error === undefined, error: error?.message };
}

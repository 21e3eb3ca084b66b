import { bootstrapDatabase, defaultPolicy } from 'casbin-bootstrap';
// The package's own entry: what an application without this library opens.
import adapter from 'casbin-pg-adapter';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { loadMigrator } from '../../../../dist/src/migrator/kysely-migrator.js';
import { serveRounds } from '../../../support/children/rounds.mjs';

const PostgresAdapter = adapter.default;
const index = Number(process.env.PROCESS_INDEX);
const migrations = {
  '2026_notes': { up: (db) => db.schema.createTable('notes').addColumn('id', 'integer').execute() },
};

const start = { ours, stock, migrator };

await serveRounds(async ({ url, table, roles }) => {
  const { role, instances } = roles[index];
  const pools = Array.from({ length: instances }, () => new pg.Pool({ connectionString: url, max: 1 }));
  await Promise.all(pools.map((pool) => pool.query('select 1')));
  return async () => {
    const outcomes = await Promise.all(pools.map((pool) => start[role](pool, table, url)));
    await Promise.all(pools.map((pool) => pool.end()));
    return outcomes.map((ok) => ({ role, ok }));
  };
});

async function ours(pool, table) {
  const { verification } = await bootstrapDatabase(pool, { migrations, table, policy: defaultPolicy });
  return verification.ok;
}

/** It may fail by its own faults. */
function stock(pool, table, connectionString) {
  const opening = table === 'casbin' ? openStockAdapter(connectionString) : writeAsTypeorm(pool, table);
  return opening.then(
    () => true,
    () => false,
  );
}

/** What `newAdapter()` does; one that fails would leave its pool open. */
async function openStockAdapter(connectionString) {
  const adapter = new PostgresAdapter({ connectionString });
  await adapter.open().finally(() => adapter.close());
}

async function writeAsTypeorm(pool, table) {
  // As typeorm-adapter makes it.
  await pool.query(
    `create table if not exists ${table} (id serial primary key, ptype varchar, v0 varchar, v1 varchar, v2 varchar, v3 varchar, v4 varchar, v5 varchar, v6 varchar)`,
  );
  await pool.query(`insert into ${table} (ptype, v0, v1) values ('g', 'alice', 'user')`);
}

async function migrator(pool) {
  const Migrator = await loadMigrator();
  const db = new Kysely({ dialect: new PostgresDialect({ pool }) });
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: async () => migrations },
  }).migrateToLatest();
  return error === undefined;
}

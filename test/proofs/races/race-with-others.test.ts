import { expect, test } from 'vitest';
import { bootstrapDatabase, type Migration, verifyDatabase } from '../../../src/index.ts';
import { loadStockAdapter } from '../../../src/tables/adapter.ts';
import { readRules, readUniqueness } from '../../bootstrap/database-state.fixture.ts';
import { HALF_MIGRATED, withStockEnforcer } from '../../bootstrap/stock-adapter.fixture.ts';
import { applicationMigrator } from '../../migrator/kysely-migrator.fixture.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { runProcesses } from '../../support/processes.ts';

// Many processes on few cores.
const PATIENCE_MS = 180_000;
const MIXED = new URL('./children/mixed.mjs', import.meta.url);
const OURS = 4;
const STOCK = 8;
const MIGRATORS = 1;
const ROUNDS = 4;

const migrations: Record<string, Migration> = {
  '2026_notes': { up: (db) => db.schema.createTable('notes').addColumn('id', 'integer').execute() },
};

/** All at once, on connections that are open already, so that they meet as closely as they can. */
async function startTogether(database: TestDatabase) {
  const ours = Array.from({ length: OURS }, () => database.pool({ max: 1 }));
  const theirs = Array.from({ length: MIGRATORS }, () => database.pool({ max: 1 }));
  await Promise.all([...ours, ...theirs].map((pool) => pool.query('select 1')));
  const others = [
    ...theirs.map((pool) => applicationMigrator(pool, migrations).migrateToLatest()),
    ...Array.from({ length: STOCK }, () => openAndClose(database.url)),
  ];
  const reports = await Promise.all(ours.map((pool) => bootstrapDatabase(pool, { migrations })));
  await Promise.all(others);
  expect(reports.map(({ verification }) => verification.ok)).toEqual(Array(OURS).fill(true));
}

/** What `newAdapter()` does; it may fail by its own faults, and would then leave its pool open. */
async function openAndClose(connectionString: string): Promise<void> {
  const StockAdapter = loadStockAdapter();
  const adapter = new StockAdapter({ connectionString });
  await adapter.open().catch(() => {});
  await adapter.close();
}

/** Whoever came first, this is how it must end. */
async function expectBootstrapped(database: TestDatabase) {
  const pool = database.pool();
  expect(new Set(await readRules(pool)).size).toBe(16);
  expect(await readRules(pool)).toHaveLength(16);
  expect(await readUniqueness(pool)).toEqual(['UNIQUE (ptype, rule)']);
  await expect(verifyDatabase(pool)).resolves.toMatchObject({ ok: true, checks: 56, allowed: 26, drift: [] });
  const { rows } = await pool.query('select name from kysely_migration');
  expect(rows).toEqual([{ name: '2026_notes' }]);
  const allowed = await withStockEnforcer(database.url, (stock) =>
    stock.enforce('admin', 'accounts', 'read'),
  );
  expect(allowed).toBe(true);
}

test('succeeds beside stock adapters and a Kysely Migrator that start at the same moment', {
  timeout: PATIENCE_MS,
}, async () => {
  for (let round = 1; round <= ROUNDS; round++) {
    const database = await createDatabase();
    await startTogether(database);
    await expectBootstrapped(database);
  }
});

test('succeeds beside stock adapters that go on with half of their migrations', {
  timeout: PATIENCE_MS,
}, async () => {
  for (let round = 1; round <= ROUNDS; round++) {
    const database = await createDatabase();
    await database.pool().query(HALF_MIGRATED);
    await startTogether(database);
    await expectBootstrapped(database);
  }
});

test('succeeds in processes beside others that run stock adapters and a Kysely Migrator', {
  timeout: PATIENCE_MS,
}, async () => {
  const database = await createDatabase();

  const results = await runProcesses(OURS + STOCK + MIGRATORS, MIXED, {
    args: [String(OURS), String(STOCK)],
    env: { DATABASE_URL: database.url },
  });

  expect(results.filter(({ code }) => code !== 0)).toEqual([]);
  const outcomes = results.map(({ stdout }) => JSON.parse(stdout));
  expect(outcomes.filter(({ role }) => role === 'ours')).toEqual(
    Array(OURS).fill({ role: 'ours', ok: true }),
  );
  await expectBootstrapped(database);
});

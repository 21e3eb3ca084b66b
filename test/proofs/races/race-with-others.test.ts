import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapDatabase, defaultPolicy, type Migration, verifyDatabase } from '../../../src/index.ts';
import { loadStockAdapter } from '../../../src/tables/adapter.ts';
import { readUniqueness } from '../../bootstrap/database-state.fixture.ts';
import { HALF_MIGRATED, withStockEnforcer } from '../../bootstrap/stock-adapter.fixture.ts';
import { applicationMigrator } from '../../migrator/kysely-migrator.fixture.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { type Processes, startProcesses } from '../../support/processes.ts';
import { LAYOUTS, type LayoutFixture } from '../../tables/layouts.fixture.ts';
import { storedRules } from '../../tables/rule-table.fixture.ts';
import { createStockTable } from '../../tables/stock-tables.fixture.ts';

// Many processes on few cores.
const PATIENCE_MS = 180_000;
const MIXED = new URL('./children/mixed.mjs', import.meta.url);
const OURS = 4;
const STOCK = 8;
const MIGRATORS = 1;
const ROUNDS = 4;
/** A link of an administrator, which such an adapter may store more than once. */
const STRANGE = ['g', 'alice', 'user'];

const migrations: Record<string, Migration> = {
  '2026_notes': { up: (db) => db.schema.createTable('notes').addColumn('id', 'integer').execute() },
};

/** All at once, on connections that are open already, so that they meet as closely as they can. */
async function startTogether(database: TestDatabase, layout: LayoutFixture) {
  const ours = Array.from({ length: OURS }, () => database.pool({ max: 1 }));
  const theirs = Array.from({ length: MIGRATORS }, () => database.pool({ max: 1 }));
  await Promise.all([...ours, ...theirs].map((pool) => pool.query('select 1')));
  const others = [
    ...theirs.map((pool) => applicationMigrator(pool, migrations).migrateToLatest()),
    ...Array.from({ length: STOCK }, () => openStock(database, layout)),
  ];
  const reports = await Promise.all(
    ours.map((pool) => bootstrapDatabase(pool, { ...layout.options, migrations, policy: defaultPolicy })),
  );
  await Promise.all(others);
  expect(reports.map(({ verification }) => verification.ok)).toEqual(Array(OURS).fill(true));
}

/** A start of a stock adapter on such a table. */
async function openStock(database: TestDatabase, layout: LayoutFixture): Promise<void> {
  if (layout.name === 'document') return openAndClose(database.url);
  // typeorm-adapter makes the table where it is missing, and two that do may fail.
  const pool = database.pool({ max: 1 });
  await createStockTable(pool, 'typeorm-adapter').catch(() => {});
  await layout.insert(pool, STRANGE).catch(() => {});
}

/** What `newAdapter()` does; it may fail by its own faults, and would then leave its pool open. */
async function openAndClose(connectionString: string): Promise<void> {
  const StockAdapter = loadStockAdapter();
  const adapter = new StockAdapter({ connectionString });
  await adapter.open().catch(() => {});
  await adapter.close();
}

/** Whoever came first, this is how it must end. */
async function expectBootstrapped(database: TestDatabase, layout: LayoutFixture) {
  const pool = database.pool();
  const rules = await storedRules(pool, layout.table);
  const ours = rules.filter((rule) => !isDeepStrictEqual(rule, STRANGE));
  expect(new Set(ours.map((rule) => rule.join())).size).toBe(16);
  expect(ours).toHaveLength(16);
  const expected = { ok: true, checks: 56, allowed: 26, drift: [] };
  await expect(verifyDatabase(pool, { ...layout.options, policy: defaultPolicy })).resolves.toMatchObject(
    expected,
  );
  const { rows } = await pool.query('select name from kysely_migration');
  expect(rows).toEqual([{ name: '2026_notes' }]);
  if (layout.name === 'columns') return;
  expect(await readUniqueness(pool)).toEqual(['UNIQUE (ptype, rule)']);
  const allowed = await withStockEnforcer(database.url, (stock) =>
    stock.enforce('admin', 'accounts', 'read'),
  );
  expect(allowed).toBe(true);
}

test.each(LAYOUTS)(
  'succeeds beside stock adapters and a Kysely Migrator that start at the same moment, with layout $name',
  {
    timeout: PATIENCE_MS,
  },
  async (layout) => {
    for (let round = 1; round <= ROUNDS; round++) {
      const database = await createDatabase();
      await startTogether(database, layout);
      await expectBootstrapped(database, layout);
    }
  },
);

test('succeeds beside stock adapters that go on with half of their migrations', {
  timeout: PATIENCE_MS,
}, async () => {
  for (let round = 1; round <= ROUNDS; round++) {
    const database = await createDatabase();
    await database.pool().query(HALF_MIGRATED);
    await startTogether(database, LAYOUTS[0]);
    await expectBootstrapped(database, LAYOUTS[0]);
  }
});

/** What each process runs. One has all stock adapters, which are of others, two have ours. */
const ROLES = [
  ...Array.from({ length: 2 }, () => ({ role: 'ours', instances: OURS / 2 })),
  { role: 'stock', instances: STOCK },
  { role: 'migrator', instances: MIGRATORS },
];

describe('in processes', () => {
  let processes: Processes;
  beforeAll(() => {
    processes = startProcesses(ROLES.length, MIXED);
  });
  afterAll(() => processes[Symbol.asyncDispose]());

  test.each(LAYOUTS)(
    'succeeds beside others that run stock adapters and a Kysely Migrator, with layout $name',
    {
      timeout: PATIENCE_MS,
    },
    async (layout) => {
      const database = await createDatabase();

      const outcomes = await processes.round<{ role: string; ok: boolean }[]>({
        url: database.url,
        table: layout.table,
        roles: ROLES,
      });

      expect(outcomes.flat().filter(({ role }) => role === 'ours')).toEqual(
        Array(OURS).fill({ role: 'ours', ok: true }),
      );
      await expectBootstrapped(database, layout);
    },
  );
});

import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { snapshot } from './database-state.fixture.ts';
import { migrateByStockAdapter, withStockEnforcer } from './stock-adapter.fixture.ts';

describe('a fresh database', () => {
  test('has nothing to take over', async () => {
    const database = await createDatabase();
    await expect(bootstrapDatabase(database.pool())).resolves.toMatchObject({ takeover: null });
  });

  test('is opened by the stock adapter, which finds nothing to migrate and the same policy', async () => {
    const database = await createBootstrapped();
    const pool = database.pool();
    const before = await snapshot(pool);

    await withStockEnforcer(database.url, async (stock) => {
      expect(await snapshot(pool)).toEqual(before);
      const ours = await createEnforcer(pool);
      // The stock adapter has no order.
      expect((await stock.getPolicy()).toSorted()).toEqual((await ours.getPolicy()).toSorted());
      expect((await stock.getGroupingPolicy()).toSorted()).toEqual(
        (await ours.getGroupingPolicy()).toSorted(),
      );
      await stock.addPolicy('alice', 'ledger', 'read');
      const reloaded = await createEnforcer(pool);
      await expect(reloaded.enforce('alice', 'ledger', 'read')).resolves.toBe(true);
    });
  });

  test('has the table, indexes and sequence that the stock adapter would make, uniqueness aside', async () => {
    const [ours, stock] = await Promise.all([createDatabase(), createDatabase()]);
    await bootstrapDatabase(ours.pool());
    await migrateByStockAdapter(stock.url);
    const describeTable = `
      select 'column' as kind, column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') as is
      from information_schema.columns where table_name in ('casbin', 'casbin_migrations')
      union all
      select 'index', indexdef from pg_indexes
      where tablename in ('casbin', 'casbin_migrations') and indexname not like '%uniq%'
      order by 1, 2
    `;

    const [mine, theirs] = await Promise.all([
      ours.pool().query(describeTable),
      stock.pool().query(describeTable),
    ]);
    expect(mine.rows).toEqual(theirs.rows);
  });
});

import { PostgresAdapter } from 'casbin-pg-adapter/lib/adapter.js';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, defaultPolicy } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { readRules, readUniqueness, snapshot } from './database-state.fixture.ts';
import { captureLog, linesOf, WARN } from './log.fixture.ts';
import { HALF_MIGRATED, migrateByStockAdapter, withStockEnforcer } from './stock-adapter.fixture.ts';

describe('a database of the stock adapter', () => {
  test('keeps its policy, for an application with the stock adapter and for one with ours', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await withStockEnforcer(database.url, async (enforcer) => {
      await enforcer.addPolicy('alice', 'ledger', 'read');
      await enforcer.addPolicy('readonly', 'accounts', 'read');
      await enforcer.addGroupingPolicy('alice', 'user');
    });
    const before = await readRules(pool);

    const report = await bootstrapDatabase(pool);

    expect(report).toMatchObject({
      changed: true,
      takeover: { constraintReplaced: true, duplicatesRemoved: 0 },
      verification: { ok: true },
    });
    expect(report.seeders[0]).toMatchObject({ inserted: 15, existing: 1, total: 16 });
    expect((await readRules(pool)).slice(0, 3)).toEqual(before);
    await withStockEnforcer(database.url, async (stock) => {
      const ours = await createEnforcer(pool);
      for (const enforcer of [stock, ours]) {
        await expect(enforcer.enforce('alice', 'ledger', 'read')).resolves.toBe(true);
        await expect(enforcer.enforce('alice', 'accounts', 'read')).resolves.toBe(true);
        await expect(enforcer.enforce('alice', 'users', 'read')).resolves.toBe(false);
      }
      expect((await stock.getPolicy()).toSorted()).toEqual((await ours.getPolicy()).toSorted());
    });
  });

  test('may hold the same values under two ptypes from then on', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await migrateByStockAdapter(database.url);
    const both = `insert into casbin (ptype, rule) values ('g', '["a", "b"]'), ('g2', '["a", "b"]')`;
    await expect(pool.query(both)).rejects.toMatchObject({ code: '23505' });

    await bootstrapDatabase(pool);

    await expect(pool.query(both)).resolves.toBeDefined();
    await expect(pool.query(both)).rejects.toMatchObject({ code: '23505' });
  });

  test('may do so under another name of the table too', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await migrateByStockAdapter(database.url);
    await pool.query(`
      alter table casbin rename constraint casbin_uniq_rule to "Each rule once";
      alter table casbin rename to rules;
    `);

    const table = { name: 'rules', layout: 'document' } as const;
    const { takeover } = await bootstrapDatabase(pool, { table, seeders: [] });

    expect(takeover).toEqual({ constraintReplaced: true, duplicatesRemoved: 0 });
    const both = `insert into rules (ptype, rule) values ('g', '["a", "b"]'), ('g2', '["a", "b"]')`;
    await expect(pool.query(both)).resolves.toBeDefined();
  });

  test('is taken over once', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await migrateByStockAdapter(database.url);
    const { logger, lines } = captureLog();

    await bootstrapDatabase(pool, { logger });
    const after = await snapshot(pool);
    const again = await bootstrapDatabase(pool, { logger });

    expect(again).toMatchObject({ changed: false, takeover: null });
    expect(linesOf(lines, 'table_taken_over')).toEqual([
      expect.objectContaining({ level: WARN, constraintReplaced: true, duplicatesRemoved: 0 }),
    ]);
    expect(await snapshot(pool)).toEqual(after);
  });

  test('that has run only the first of its migrations is completed', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query(HALF_MIGRATED);
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);

    await expect(bootstrapDatabase(pool, { policy: defaultPolicy })).resolves.toMatchObject({
      changed: true,
      takeover: null,
    });

    expect(await readUniqueness(pool)).toEqual(['UNIQUE (ptype, rule)']);
    const { rows } = await pool.query('select name from casbin_migrations order by id');
    expect(rows.map(({ name }) => name)).toEqual(['1587132340023_initial', '1591572942519_pkey-and-uniq']);
    await expect(
      withStockEnforcer(database.url, (stock) => stock.enforce('alice', 'accounts', 'write')),
    ).resolves.toBe(true);
  });

  test('can not get its constraint back: its second migration fails on a table of ours', async () => {
    const database = await createBootstrapped();
    const pool = database.pool();
    await pool.query(`delete from casbin_migrations where name = '1591572942519_pkey-and-uniq'`);
    const client = await pool.connect();

    // On our client, as it leaves an aborted transaction and a lock behind.
    const stock = PostgresAdapter.newAdapter({ dbClient: (execute) => execute(client) });
    await expect(stock).rejects.toThrow(/multiple primary keys/);
    await client.query('rollback');
    await client.query('select pg_advisory_unlock_all()');
    client.release();

    expect(await readUniqueness(pool)).toEqual(['UNIQUE (ptype, rule)']);
  });
});

import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, defaultPolicy } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { readUniqueness, snapshot, untilBlocked } from './database-state.fixture.ts';
import { captureLog, linesOf, WARN } from './log.fixture.ts';
import { UNCONSTRAINED, withStockEnforcer } from './stock-adapter.fixture.ts';

describe('a casbin table without any constraint', () => {
  const DUPLICATES = `
    ${UNCONSTRAINED}
    insert into casbin (id, ptype, rule) values
      (7, 'p', '["alice", "ledger", "read"]'),
      (3, 'p', '["alice", "ledger", "read"]'),
      (9, 'p', '["alice",   "ledger", "read"]'),
      (4, 'g', '["alice", "user"]'),
      (5, 'g2', '["alice", "user"]')
  `;

  test('loses its duplicates but for the row with the lowest id, and says so', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query(DUPLICATES);
    const { logger, lines } = captureLog();

    const report = await bootstrapDatabase(pool, { policy: defaultPolicy, logger });

    expect(report.takeover).toEqual({ constraintReplaced: false, duplicatesRemoved: 2 });
    expect(linesOf(lines, 'table_taken_over')).toEqual([
      expect.objectContaining({ level: WARN, duplicatesRemoved: 2 }),
    ]);
    const { rows } = await pool.query(`select id from casbin where rule ->> 0 = 'alice' order by id`);
    expect(rows.map(({ id }) => id)).toEqual([3, 4, 5]);
    expect(linesOf(lines, 'conflict_retried'), 'new rules get ids of their own').toEqual([]);
    expect(await readUniqueness(pool)).toEqual(['UNIQUE (ptype, rule)']);
  });

  test.each([
    ['smallserial', 'varchar'],
    ['bigserial', 'varchar(255)'],
    ['serial', 'varchar(100)'],
  ])('may have ids made by %s, and a ptype of type %s', async (id, ptype) => {
    const pool = (await createDatabase()).pool();
    await pool.query(`create table casbin (id ${id}, ptype ${ptype}, rule jsonb)`);
    await bootstrapDatabase(pool, { policy: defaultPolicy, seeders: [] });
    expect(await readUniqueness(pool)).toEqual(['UNIQUE (ptype, rule)']);
  });

  test('gives new rules ids of their own, also beyond those that a number of JavaScript can tell apart', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create schema "My app";
      create table "My app".casbin (id bigserial, ptype text not null, rule jsonb not null);
      insert into "My app".casbin (id, ptype, rule) values (9007199254740992, 'p', '["alice", "ledger", "read"]')
    `);

    const policy = { rules: [['p', 'user', 'ledger', 'read']] };
    await bootstrapDatabase(pool, { policy, seeders: [], schema: 'My app' });

    const { rows } = await pool.query('select id from "My app".casbin order by id');
    expect(rows.map(({ id }) => id)).toEqual(['9007199254740992', '9007199254740993']);
  });

  test('keeps a constraint that it has already, whatever the order of its columns', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(
      'create table casbin (rule jsonb not null, ptype text not null, id serial primary key, unique (rule, ptype))',
    );
    await bootstrapDatabase(pool, { policy: defaultPolicy, seeders: [] });
    expect(await readUniqueness(pool)).toEqual(['UNIQUE (rule, ptype)']);
  });

  test('is taken over under quote_all_identifiers, by which types and functions come quoted', async () => {
    const database = await createDatabase();
    await database.pool().query(DUPLICATES);
    const pool = database.pool({ max: 1, options: '-c quote_all_identifiers=on' });

    const report = await bootstrapDatabase(pool, { policy: defaultPolicy });

    expect(report).toMatchObject({ takeover: { duplicatesRemoved: 2 }, verification: { ok: true } });
  });

  test('keeps them under dryRun, which reports what would be removed', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query(DUPLICATES);
    const before = await snapshot(pool);

    const report = await bootstrapDatabase(pool, { policy: defaultPolicy, dryRun: true });

    expect(report).toMatchObject({ changed: true, takeover: { duplicatesRemoved: 2 } });
    expect(await snapshot(pool)).toEqual(before);
  });

  test('waits for who is writing to it, and sees their duplicates at once', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.query(UNCONSTRAINED);
    const insert = `insert into casbin (id, ptype, rule) values ($1, 'p', '["alice", "ledger", "read"]')`;
    await pool.query(insert, [1]);
    const other = await pool.connect();
    await other.query('begin');
    await other.query(insert, [2]);
    const { logger, lines } = captureLog();

    const bootstrap = bootstrapDatabase(database.pool(), { policy: defaultPolicy, logger });
    await untilBlocked(pool);
    await other.query('commit');
    other.release();

    await expect(bootstrap).resolves.toMatchObject({ takeover: { duplicatesRemoved: 1 } });
    expect(linesOf(lines, 'conflict_retried')).toEqual([]);
  });

  test('is opened by the stock adapter afterwards', async () => {
    const database = await createDatabase();
    await database.pool().query(DUPLICATES);

    await bootstrapDatabase(database.pool(), { policy: defaultPolicy });

    await expect(
      withStockEnforcer(database.url, (stock) => stock.enforce('alice', 'ledger', 'read')),
    ).resolves.toBe(true);
  });
});

test('a table that is made anew gets its indexes, beside a renamed one that still has their names', async () => {
  const pool = (await createDatabase()).pool();
  const options = { policy: defaultPolicy, seeders: [] };
  const indexes = async (table: string) => {
    const { rows } = await pool.query(
      `select pg_get_indexdef(indexrelid) as definition from pg_index where indrelid = $1::regclass`,
      [table],
    );
    return rows.map(({ definition }) => definition.replace(/^.* USING /, '')).toSorted();
  };
  await bootstrapDatabase(pool, options);
  const before = await indexes('casbin');
  await pool.query('alter table casbin rename to casbin_2025');
  await pool.query(`delete from casbin_bootstrap_migration where name = '0001_casbin'`);

  await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: true });

  expect(before).toHaveLength(9);
  expect(await indexes('casbin')).toEqual(before);
  expect(await indexes('casbin_2025')).toEqual(before);
  await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
});

test('each index of a new table has its usual name, unless something else of the schema has that name', async () => {
  const pool = (await createDatabase()).pool();
  const options = { policy: defaultPolicy, seeders: [] };
  await bootstrapDatabase(pool, options);
  await pool.query('create schema app; create sequence app.idx_casbin_ptype');

  await bootstrapDatabase(pool, { ...options, schema: 'app' });

  const { rows } = await pool.query(
    `select relname as name from pg_index join pg_class c on c.oid = indexrelid
     where indrelid = 'app.casbin'::regclass order by 1`,
  );
  expect(rows.map(({ name }) => name)).toEqual([
    'casbin_pkey',
    'casbin_ptype_idx',
    'casbin_uniq_ptype_rule',
    ...[0, 1, 2, 3, 4, 5].map((position) => `idx_casbin_rule_v${position}`),
  ]);
});

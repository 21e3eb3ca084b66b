import { describe, expect, test } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  defaultPolicy,
  definePolicy,
  verifyDatabase,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { storedRules } from '../tables/rule-table.fixture.ts';
import { COLUMNS_ADAPTERS, createStockTable } from '../tables/stock-tables.fixture.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';

describe('a start with nothing to do', () => {
  test.each(COLUMNS_ADAPTERS)('takes one round trip on the table of %s', async (adapter) => {
    const database = await createDatabase();
    await createStockTable(database.pool(), adapter);
    const options = { seeders: [] };
    await bootstrapDatabase(database.pool(), options);
    await using wire = await openWire(database.url);

    await expect(
      bootstrapDatabase(database.pool({ connectionString: wire.url }), options),
    ).resolves.toMatchObject({ changed: false, verification: { ok: true, checks: 56 } });
    expect(wire.roundTrips).toBe(1);
  });

  test('takes one round trip on the table of pgx, whose ptype has another name, and whose ids are its own', async () => {
    const database = await createDatabase();
    await createStockTable(database.pool(), 'pgx-adapter of Go');
    await database.pool().query(`
      insert into casbin_rule (id, p_type, v0, v1, v2) values
        ('b', 'p', 'clerk', 'invoices', 'write'), ('d', 'g', 'clerk', 'viewer', null), ('a', 'g', 'clerk', 'viewer', null)
    `);
    const policy = definePolicy({
      rules: [
        ['p', 'clerk', 'invoices', 'write'],
        ['g', 'clerk', 'viewer'],
      ],
    });
    await using wire = await openWire(database.url);

    await expect(
      bootstrapDatabase(database.pool({ connectionString: wire.url }), { policy, seeders: [] }),
    ).resolves.toMatchObject({
      changed: false,
      verification: { ok: true, integrity: [{ ids: ['a', 'd'] }] },
    });
    expect(wire.roundTrips).toBe(1);
  });

  test.each([
    ['int', 7],
    ['bigint', 7],
    ['text', '7'],
  ])('names rows by their ids where these are %s', async (type, id) => {
    const database = await createDatabase();
    await database.pool().query(`
      create sequence ids start 1000;
      create table casbin_rule (
        id ${type} primary key default nextval('ids')::${type}, ptype text, v0 text, v1 text, v2 text, v3 text
      )`);
    const options = { policy: { ...defaultPolicy }, seeders: [] };
    await bootstrapDatabase(database.pool(), options);
    await database
      .pool()
      .query(`insert into casbin_rule (id, ptype, v0, v1, v2) values ('7', 'p', 'user', 'vault', 'open')`);

    const { verification } = await bootstrapDatabase(database.pool(), options);

    expect(verification.drift).toEqual([expect.objectContaining({ ids: [id] })]);
    expect((await verifyDatabase(database.pool(), options)).drift).toEqual(verification.drift);
  });

  test('reads rows by ctid where ids are not unique', async () => {
    const database = await createDatabase();
    await database
      .pool()
      .query('create table casbin_rule (id int default 7, ptype text, v0 text, v1 text, v2 text, v3 text)');
    const options = { policy: { ...defaultPolicy }, seeders: [] };
    await bootstrapDatabase(database.pool(), options);
    await database
      .pool()
      .query(`insert into casbin_rule (ptype, v0, v1, v2) select ptype, v0, v1, v2 from casbin_rule limit 1`);

    const report = await bootstrapDatabase(database.pool(), options);

    expect(report).toMatchObject({ changed: false, verification: { ok: true } });
    expect(report.verification.integrity).toEqual([
      expect.objectContaining({ ids: ['(0,1)', expect.stringMatching(/^\(0,\d+\)$/)] }),
    ]);
  });

  test.each<[string, BootstrapOptions, number]>([
    ['casbin', {}, 1],
    ['casbin_rule', {}, 1],
    ['casbin_rule', { engine: 'cockroachdb' }, 2],
  ])(
    'takes few round trips where %s is in a later schema of the search_path: %o',
    async (table, given, trips) => {
      const database = await createBootstrapped({ table });
      await database.pool().query('create schema tenant; create table tenant.providers (id int)');
      await using wire = await openWire(database.url);
      const options = '-c search_path=tenant,public';

      await expect(
        bootstrapDatabase(database.pool({ connectionString: wire.url, options }), given),
      ).resolves.toMatchObject({ changed: false });
      expect(wire.roundTrips).toBe(trips);
    },
  );

  test('takes one round trip on a large document table, and two on a large one of columns', async () => {
    for (const [table, values, trips] of [
      ['casbin', `(ptype, rule) select 'g', jsonb_build_array('user' || n, 'user')`, 1],
      ['casbin_rule', `(ptype, v0, v1) select 'g', 'user' || n, 'user'`, 2],
    ] as const) {
      const database = await createBootstrapped({ table });
      await database.pool().query(`insert into ${table} ${values} from generate_series(1, 2000) n`);
      await using wire = await openWire(database.url);
      const pool = database.pool({ connectionString: wire.url, max: 1 });

      await expect(bootstrapDatabase(pool)).resolves.toMatchObject({
        changed: false,
        verification: { ok: true, checks: 56, allowed: 26 },
      });
      expect([table, wire.roundTrips]).toEqual([table, trips]);
      // What a message keeps for its later queries ends with it.
      const { rows } = await pool.query(
        `select current_setting('casbin_bootstrap.' || name, true) as left from unnest(array['rule_count', 'found']) name`,
      );
      expect(rows.every(({ left }) => !left)).toBe(true);
    }
  });

  test('passes over a table of a usual name that has no rules', async () => {
    const database = await createBootstrapped();
    await database
      .pool()
      .query('create table policies (id serial primary key, insured text); create sequence casbin_rules');
    await using wire = await openWire(database.url);

    await expect(bootstrapDatabase(database.pool({ connectionString: wire.url }))).resolves.toMatchObject({
      changed: false,
    });
    expect(wire.roundTrips).toBe(1);
  });

  test('takes no temporary table for the rule table', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1 });
    await pool.query(
      `create temporary table casbin_rule as select 1 as id, 'p' as ptype, 'clerk' as v0, 'invoices' as v1, 'read' as v2, '' as v3; alter table casbin_rule add primary key (id)`,
    );
    const policy = definePolicy({ rules: [['p', 'clerk', 'invoices', 'read']] });

    await expect(bootstrapDatabase(pool, { policy, seeders: [] })).resolves.toMatchObject({ changed: true });
    expect(await storedRules(pool, 'public.casbin')).toEqual([['p', 'clerk', 'invoices', 'read']]);
  });

  test('takes no temporary table for it that has its name and columns', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1 });
    const policy = definePolicy({ rules: [['p', 'clerk', 'invoices', 'read']] });
    await bootstrapDatabase(pool, { policy, seeders: [] });
    await pool.query('create temporary table casbin as select * from casbin; delete from public.casbin');

    await expect(bootstrapDatabase(pool, { policy, seeders: [] })).resolves.toMatchObject({ changed: true });
    expect(await storedRules(pool, 'public.casbin')).toEqual([['p', 'clerk', 'invoices', 'read']]);
  });
});

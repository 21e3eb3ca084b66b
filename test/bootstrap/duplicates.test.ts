import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, type Migration, readJournal } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createWithTable, DEFINED, idsOf, insert, OPTIONS } from './table-of-columns.fixture.ts';

describe('a rule that others have stored twice', () => {
  const twice = [
    ...DEFINED,
    ...DEFINED.slice(0, 1),
    ['g', 'alice', 'clerk', null],
    ['g', 'alice', 'clerk', null],
  ];

  test('is reported with its rows, and left', async () => {
    const { pool } = await createWithTable();
    await insert(pool, ...twice);
    const report = await bootstrapDatabase(pool, OPTIONS);
    expect(report).toMatchObject({ changed: false, verification: { ok: true } });
    expect(report.verification.integrity).toEqual([
      {
        severity: 'warning',
        ids: [1, 4],
        rule: DEFINED[0],
        message: `"p, viewer, invoices, read" is stored 2 times. Delete all rows but one, or have a bootstrap do it: table: { name, duplicates: 'remove' }.`,
      },
      expect.objectContaining({ severity: 'warning', ids: [5, 6], rule: ['g', 'alice', 'clerk'] }),
    ]);
    expect(await idsOf(pool)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  test('is removed except for its first row on request, also after the first bootstrap', async () => {
    const { pool } = await createWithTable();
    const options = { ...OPTIONS, table: { name: 'casbin_rule', duplicates: 'remove' } } as const;
    await insert(pool, ...twice);
    expect(await bootstrapDatabase(pool, { ...options, dryRun: true })).toMatchObject({
      changed: true,
      takeover: { duplicatesRemoved: 2 },
    });
    expect(await idsOf(pool)).toHaveLength(6);
    expect(await bootstrapDatabase(pool, options)).toMatchObject({
      changed: true,
      takeover: { constraintReplaced: false, duplicatesRemoved: 2 },
      verification: { integrity: [] },
    });
    expect(await idsOf(pool)).toEqual([1, 2, 3, 5]);
    expect(await bootstrapDatabase(pool, options)).toMatchObject({ changed: false });
    await insert(pool, ['g', 'alice', 'clerk', null]);
    expect(await bootstrapDatabase(pool, options)).toMatchObject({ takeover: { duplicatesRemoved: 1 } });
    expect(await idsOf(pool)).toEqual([1, 2, 3, 5]);
  });

  test('is removed from a large table, also where the definition reaches none of its rows', async () => {
    const { pool } = await createWithTable();
    const options = { ...OPTIONS, table: { name: 'casbin_rule', duplicates: 'remove' } } as const;
    await insert(pool, ...DEFINED);
    await pool.query(`
      insert into casbin_rule (ptype, v0, v1) select 'g', 'user' || n, 'clerk' from generate_series(1, 3000) n;
      insert into casbin_rule (ptype, v0, v1) select 'g', 'user' || n, 'clerk' from generate_series(1, 3000, 3) n;
    `);
    expect(await bootstrapDatabase(pool, options)).toMatchObject({
      changed: true,
      takeover: { constraintReplaced: false, duplicatesRemoved: 1_000 },
    });
    expect(await idsOf(pool)).toHaveLength(3_003);
    expect(await bootstrapDatabase(pool, options)).toMatchObject({ changed: false });
  });

  test('is in the journal as removed by the bootstrap, which tells nothing of a migration by the application', async () => {
    const { pool } = await createWithTable();
    const options = {
      ...OPTIONS,
      table: { name: 'casbin_rule', duplicates: 'remove' },
      journal: true,
    } as const;
    await bootstrapDatabase(pool, options);
    await insert(pool, ...DEFINED.slice(0, 1));
    await insert(pool, ['g', 'alice', 'clerk', null]);
    const leave: Migration = {
      async up(db) {
        await sql`delete from casbin_rule where v0 = 'alice'`.execute(db);
      },
    };

    await bootstrapDatabase(pool, { ...options, migrations: { leave } });

    const removed = (await readJournal(pool)).filter(({ operation }) => operation === 'removed');
    expect(removed.map(({ values: [first], actor }) => [first, actor])).toEqual([
      ['viewer', 'casbin-bootstrap'],
      ['alice', null],
    ]);
  });

  test('is removed under migrations: false too', async () => {
    const { pool } = await createWithTable();
    const table = { name: 'casbin_rule', duplicates: 'remove' } as const;
    await insert(pool, ...twice);
    expect(await bootstrapDatabase(pool, { ...OPTIONS, table, migrations: false })).toMatchObject({
      changed: true,
      takeover: { duplicatesRemoved: 2 },
    });
    expect(await idsOf(pool)).toEqual([1, 2, 3, 5]);
  });

  test('is not removed where a row of another table refers to it', async () => {
    const { pool } = await createWithTable();
    await insert(pool, ...twice);
    await pool.query(
      'create table notes (rule integer references casbin_rule); insert into notes values (4)',
    );
    await expect(
      bootstrapDatabase(pool, { ...OPTIONS, table: { name: 'casbin_rule', duplicates: 'remove' } }),
    ).rejects.toMatchObject({ code: 'TABLE_SHAPE', message: expect.stringContaining('refers to id 4') });
    expect(await idsOf(pool)).toHaveLength(6);
  });

  test('is removed from its own partition, where each has rows at the same places', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table casbin_rule (ptype text, v0 text, v1 text, v2 text, v3 text) partition by list (ptype);
      create table rules_p partition of casbin_rule for values in ('p');
      create table rules_g partition of casbin_rule for values in ('g');
    `);
    const once = [...DEFINED, ['g', 'alice', 'clerk', null]];
    await insert(pool, ...DEFINED.slice(0, 1), ...once);
    const places = await pool.query('select ctid from casbin_rule group by ctid having count(*) > 1');
    expect(places.rows).toHaveLength(2);

    const report = await bootstrapDatabase(pool, {
      ...OPTIONS,
      table: { name: 'casbin_rule', duplicates: 'remove' },
    });

    expect(report).toMatchObject({ takeover: { duplicatesRemoved: 1 }, seeders: [{ inserted: 0 }] });
    const { rows } = await pool.query('select ptype, v0, v1, v2 from casbin_rule');
    expect(rows.map((row) => Object.values(row))).toEqual(expect.arrayContaining(once));
    expect(rows).toHaveLength(once.length);
  });

  test('is not removed where a row refers to it, also in a table without an id', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table casbin_rule (
        ptype text, v0 text, v1 text, v2 text, v3 text, key uuid primary key default gen_random_uuid()
      );
      create table notes (rule uuid references casbin_rule);
    `);
    await insert(pool, ...twice);
    await pool.query(`insert into notes select key from casbin_rule where ctid = '(0,4)'`);
    const options = { ...OPTIONS, table: { name: 'casbin_rule', duplicates: 'remove' } } as const;

    await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({
      code: 'TABLE_SHAPE',
      message: expect.stringContaining('of table notes refers to ctid (0,4). '),
    });
    await pool.query(`update notes set rule = (select key from casbin_rule where ctid = '(0,1)')`);
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({
      takeover: { duplicatesRemoved: 2 },
    });
  });
});

test('duplicates are not removed through a view, and the error says where they are', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(`
    create table kept (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text);
    create view casbin_rule as select * from kept`);
  const remove = { ...OPTIONS, table: { name: 'casbin_rule', duplicates: 'remove' } } as const;
  await expect(bootstrapDatabase(pool, remove)).resolves.toMatchObject({ takeover: null });
  await insert(pool, ...DEFINED.slice(0, 1));
  await expect(bootstrapDatabase(pool, remove)).rejects.toMatchObject({
    code: 'TABLE_SHAPE',
    message: expect.stringContaining('"casbin_rule" is a view'),
  });
  await bootstrapDatabase(pool, { ...OPTIONS, table: { name: 'kept', duplicates: 'remove' } });
  expect(await idsOf(pool)).toEqual([1, 2, 3]);
});

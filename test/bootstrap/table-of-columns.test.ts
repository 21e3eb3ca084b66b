import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import {
  type BootstrapReport,
  bootstrapDatabase,
  bootstrapTenants,
  createAdapter,
  createEnforcer,
  type Migration,
  verifyDatabase,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';
import { createStockTable } from '../tables/stock-tables.fixture.ts';
import { captureLog, linesOf } from './log.fixture.ts';
import { createWithTable, DEFINED, insert, OPTIONS } from './table-of-columns.fixture.ts';

test('a stored rule with an empty value is a warning, because other adapters of such tables leave it out', async () => {
  const { pool } = await createWithTable();
  await insert(pool, ...DEFINED, ['p', 'eve', '', 'read']);
  const { verification } = await bootstrapDatabase(pool, OPTIONS);
  expect(verification.integrity.map(({ message }) => message)).toContain(
    '"p, eve, "", read" is stored, and the stock adapter reads "p, eve, read" instead. Store other values.',
  );
});

test('a defined rule that is inserted into a table with other defined rules is logged', async () => {
  const { pool } = await createWithTable();
  await insert(pool, ...DEFINED.slice(1));
  const { logger, lines } = captureLog();
  await bootstrapDatabase(pool, { ...OPTIONS, logger });
  expect(linesOf(lines, 'rule_inserted')).toEqual([
    expect.objectContaining({ rule: 'p, viewer, invoices, read' }),
  ]);
});

test('rules that are inserted into a table without any defined rule are not logged', async () => {
  const { pool } = await createWithTable();
  await insert(pool, ['g', 'alice', 'viewer', null]);
  const { logger, lines } = captureLog();
  await bootstrapDatabase(pool, { ...OPTIONS, logger });
  expect(linesOf(lines, 'rule_inserted')).toEqual([]);
});

test('the error for a row without a rule says what a rule of that layout is', async () => {
  const { pool } = await createWithTable();
  await insert(pool, ...DEFINED, ['p', null, null, null]);
  await expect(bootstrapDatabase(pool, OPTIONS)).rejects.toMatchObject({
    code: 'STORED_RULE_INVALID',
    ids: [4],
    message: expect.stringContaining(
      'Every rule in table public.casbin_rule must be a ptype with at least one value, or no enforcer can load it.',
    ),
  });
});

test('a view of a table of columns is read and written as that table', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(`
    create table kept (number serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text);
    create view casbin_rule as select number as id, ptype, v0, v1, v2, v3 from kept`);
  await expect(bootstrapDatabase(pool, OPTIONS)).resolves.toMatchObject({ seeders: [{ inserted: 3 }] });
  await expect(bootstrapDatabase(pool, OPTIONS)).resolves.toMatchObject({ changed: false });

  const enforcer = await createEnforcer(pool);
  await enforcer.addPolicy('alice', 'ledger', 'read');
  await enforcer.updatePolicy(['alice', 'ledger', 'read'], ['alice', 'ledger', 'write']);
  await enforcer.addGroupingPolicy('bob', 'clerk');
  await enforcer.removePolicy('viewer', 'invoices', 'read');

  const { rows } = await pool.query('select number, ptype, v0, v1, v2 from kept order by number');
  expect(rows.map((row) => Object.values(row))).toEqual([
    [2, 'p', 'clerk', 'invoices', 'write'],
    [3, 'g', 'clerk', 'viewer', null],
    [4, 'p', 'alice', 'ledger', 'write'],
    [5, 'g', 'bob', 'clerk', null],
  ]);
});

test('a view of a large table of columns is read in part', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query(`
    create table kept (number serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text);
    create view casbin_rule as select number as id, ptype, v0, v1, v2, v3 from kept`);
  await bootstrapDatabase(pool, OPTIONS);
  await pool.query(
    `insert into kept (ptype, v0, v1) select 'g', 'user' || n, 'clerk' from generate_series(1, 2000) n`,
  );
  await expect(bootstrapDatabase(pool, OPTIONS)).resolves.toMatchObject({
    changed: false,
    verification: { ok: true, scope: { kind: 'part', rules: 3 } },
  });
});

test('an adapter refuses a table without a name', async () => {
  const { pool } = await createWithTable();
  for (const table of ['', 5, null, {}, { layout: 'columns' }])
    expect(() => Reflect.apply(createAdapter, null, [pool, { table }])).toThrow(
      /table: must be the name of a table/,
    );
});

describe('a definition that does not fit', () => {
  test('is refused before anything is written, all problems with their places', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`create table casbin_rule (id serial primary key, ptype varchar(100), v0 varchar(6), v1 varchar(6),
      v2 varchar(100), v3 varchar(100))`);
    const rules = [
      ['p', 'a', 'b', 'c'],
      ['p', 'auditor', 'ledgers', 'read'],
      ['p', 'a', '', 'read'],
    ] as const;
    await expect(bootstrapDatabase(pool, { policy: { rules }, seeders: [] })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [
        {
          code: 'RULE_DOES_NOT_FIT_TABLE',
          at: 'policy.rules[1]',
          message: expect.stringContaining('column "v0"'),
        },
        {
          code: 'RULE_DOES_NOT_FIT_TABLE',
          at: 'policy.rules[1]',
          message: expect.stringContaining('column "v1"'),
        },
        { code: 'VALUE_DISTORTED', at: 'policy.rules[2]' },
      ],
    });
    expect((await pool.query('select from casbin_rule')).rowCount).toBe(0);
  });
});

describe('a role that may only', () => {
  test('read, starts where nothing is missing', async () => {
    const { database, pool } = await createWithTable();
    await insert(pool, ...DEFINED);
    const role = await database.createRole();
    await pool.query(`grant select on casbin_rule to ${role.name}`);
    expect(await bootstrapDatabase(database.pool({ connectionString: role.url }), OPTIONS)).toMatchObject({
      changed: false,
    });
    expect(await verifyDatabase(database.pool({ connectionString: role.url }), OPTIONS)).toMatchObject({
      ok: true,
    });
  });

  test('insert, is told that it can keep others away only with the right to update', async () => {
    const { database, pool } = await createWithTable();
    const role = await database.createRole();
    await pool.query(`
      grant select, insert on casbin_rule to ${role.name};
      grant usage on sequence casbin_rule_id_seq to ${role.name};
      grant create on schema public to ${role.name}`);
    await bootstrapDatabase(database.pool({ connectionString: role.url }), { ...OPTIONS, policy: null });
    const error = await bootstrapDatabase(database.pool({ connectionString: role.url }), OPTIONS).catch(
      (thrown) => thrown,
    );
    expect(error).toMatchObject({
      name: 'PermissionError',
      remedies: [`grant update on table public.casbin_rule to ${role.name};`],
    });
    for (const remedy of error.remedies) await pool.query(remedy);
    expect(await bootstrapDatabase(database.pool({ connectionString: role.url }), OPTIONS)).toMatchObject({
      changed: true,
    });
  });
});

describe('a large table', () => {
  const statement = 'create index on public.casbin_rule (ptype, v0);';

  async function bootstrapLarge(index: string): Promise<[BootstrapReport, unknown[]]> {
    const { pool } = await createWithTable();
    const { logger, lines } = captureLog();
    await bootstrapDatabase(pool, { ...OPTIONS, logger });
    await pool.query(
      `insert into casbin_rule (ptype, v0, v1) select 'g', 'user' || n, 'clerk' from generate_series(1, 3000) n`,
    );
    await pool.query(index);
    const report = await bootstrapDatabase(pool, { ...OPTIONS, logger });
    return [report, linesOf(lines, 'index_missing')];
  }

  test('is read in part, and it is said once which index would help', async () => {
    const [report, logs] = await bootstrapLarge('');
    expect(report).toMatchObject({
      changed: false,
      verification: { ok: true, scope: { kind: 'part', rules: 3 } },
    });
    expect(logs).toEqual([expect.objectContaining({ table: 'public.casbin_rule', statement })]);
  });

  test('with that index is read in part without a warning', async () => {
    const [report, logs] = await bootstrapLarge(statement);
    expect(report).toMatchObject({ verification: { ok: true, scope: { kind: 'part', rules: 3 } } });
    expect(logs).toEqual([]);
  });
});

test('other writers wait only for a bootstrap that inserts rules or removes duplicates', async () => {
  const { database, pool } = await createWithTable();
  const locked = async () => {
    const { rows } = await pool.query(
      `select mode from pg_locks where relation = 'casbin_rule'::regclass and mode = 'ShareRowExclusiveLock'`,
    );
    return rows.length > 0;
  };
  let seen: boolean | undefined;
  const looking = {
    name: 'looking',
    async seed() {
      seen = await locked();
      return { inserted: 0, existing: 0 };
    },
  };
  await bootstrapDatabase(database.pool(), { ...OPTIONS, seeders: [looking] });
  expect(seen).toBe(true);
  await bootstrapDatabase(database.pool(), { ...OPTIONS, seeders: [looking] });
  expect(seen).toBe(false);
  await insert(pool, ...DEFINED.slice(0, 1));
  const table = { name: 'casbin_rule', duplicates: 'remove' } as const;
  await bootstrapDatabase(database.pool(), { ...OPTIONS, seeders: [looking], table });
  expect(seen).toBe(true);
});

test('a start with nothing to do begins no transaction that writes', async () => {
  const { database, pool } = await createWithTable();
  await bootstrapDatabase(pool, OPTIONS);
  await using wire = await openWire(database.url);
  const through = database.pool({ connectionString: wire.url, max: 1 });
  await bootstrapDatabase(through, { ...OPTIONS, table: 'casbin_rule' });
  expect(wire.statements.filter((statement) => /^begin/.test(statement))).toEqual([
    expect.stringContaining('begin isolation level repeatable read read only'),
  ]);
});

test('each tenant has the table that its application reads', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await pool.query('create schema old; create schema fresh');
  await createStockTable(pool, 'typeorm-adapter', 'old.casbin_rule');
  const report = await bootstrapTenants(
    [
      { name: 'old', schema: 'old', pool },
      { name: 'fresh', schema: 'fresh', pool },
    ],
    OPTIONS,
  );
  expect(report).toMatchObject({ ok: true, changed: 2 });
  const { rows } = await pool.query(
    `select schemaname, tablename from pg_tables where tablename ~ '^casbin(_rule)?$' order by 1, 2`,
  );
  expect(rows).toEqual([
    { schemaname: 'fresh', tablename: 'casbin' },
    { schemaname: 'old', tablename: 'casbin_rule' },
  ]);
  const again = await bootstrapTenants(
    [
      { name: 'old', schema: 'old', pool },
      { name: 'fresh', schema: 'fresh', pool },
    ],
    OPTIONS,
  );
  expect(again).toMatchObject({ ok: true, changed: 0 });
});

test('an enforcer reads the table that is there, or the one that is named', async () => {
  const { pool } = await createWithTable();
  await bootstrapDatabase(pool, OPTIONS);
  for (const options of [OPTIONS, { ...OPTIONS, table: 'casbin_rule' }]) {
    const enforcer = await createEnforcer(pool, options);
    expect(await enforcer.enforce('clerk', 'invoices', 'read')).toBe(true);
  }
  await expect(createEnforcer(pool, { ...OPTIONS, table: 'casbin' })).rejects.toMatchObject({
    code: 'TABLE_MISSING',
  });
});

test("a table of columns with the name of casbin-pg-adapter's table is used unchanged", async () => {
  const pool = (await createDatabase()).pool();
  await createStockTable(pool, 'typeorm-adapter', 'casbin');
  for (const options of [OPTIONS, { ...OPTIONS, table: 'casbin' }]) {
    expect(await bootstrapDatabase(pool, options)).toMatchObject({ changed: options === OPTIONS });
    expect(await bootstrapDatabase(pool, options)).toMatchObject({
      changed: false,
      verification: { ok: true },
    });
    expect(await verifyDatabase(pool, options)).toMatchObject({ ok: true });
  }
  const { rows } = await pool.query('select ptype, v0, v1, v2 from casbin order by id');
  expect(rows.map(Object.values)).toEqual(expect.arrayContaining(DEFINED));
});

test('a table may have a dot in its name, where that is not a schema and a table', async () => {
  const pool = (await createDatabase()).pool();
  const table = 'my.rules"; drop table x; --';
  expect(await bootstrapDatabase(pool, { ...OPTIONS, table })).toMatchObject({ changed: true });
  expect(await bootstrapDatabase(pool, { ...OPTIONS, table })).toMatchObject({ changed: false });
});

test('a start with the expected table and an empty one of another adapter uses the first', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, OPTIONS);
  await createStockTable(pool, 'typeorm-adapter');
  expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({
    changed: false,
    verification: { ok: true },
  });
  await insert(pool, ...DEFINED);
  await expect(bootstrapDatabase(pool, OPTIONS)).rejects.toMatchObject({ code: 'RULE_TABLE_AMBIGUOUS' });
  await pool.query('alter table casbin_rule rename ptype to p_type');
  await expect(bootstrapDatabase(pool, OPTIONS)).rejects.toMatchObject({ code: 'RULE_TABLE_AMBIGUOUS' });
  expect(await bootstrapDatabase(pool, { ...OPTIONS, table: 'casbin' })).toMatchObject({ changed: false });
});

test('a migration that makes a second table of rules is refused before the commit, as each later start would be', async () => {
  const { pool } = await createWithTable();
  await insert(pool, ...DEFINED);
  const up: Migration['up'] = async (db) => {
    await sql`create table casbin (like casbin_rule including all)`.execute(db);
  };
  await expect(
    bootstrapDatabase(pool, { ...OPTIONS, migrations: { '1_copy': { up } } }),
  ).rejects.toMatchObject({
    code: 'RULE_TABLE_AMBIGUOUS',
  });
  expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({ changed: false });
});

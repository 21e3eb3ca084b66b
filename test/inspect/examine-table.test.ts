import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy, examineDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createStockTable } from '../tables/stock-tables.fixture.ts';
import { bootstrapped, fault, faults, OPTIONS, POLICY } from './examined.fixture.ts';

describe('an examination', () => {
  test('finds columns that nobody fills, with the statements that fill the id again', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`
      alter table casbin alter id drop default, add tenant text not null default 'one', add origin text;
      update casbin set origin = 'here';
      alter table casbin alter tenant drop default`);
    const findings = await faults(pool);
    expect(findings).toEqual([
      fault(
        'table',
        'failure',
        /^No rule can be added to table public\.casbin: column "id" has no default\.$/,
        [
          expect.stringMatching(/^create sequence if not exists /),
          expect.stringMatching(/^select setval/),
          expect.stringMatching(/ alter column id set default nextval/),
        ],
      ),
      fault(
        'table',
        'failure',
        /: column "tenant" has no default\. Give column "tenant" a default, or let it allow null\.$/,
      ),
    ]);
    for (const remedy of findings[0]?.remedies ?? []) await pool.query(remedy);
    await pool.query(`
      create function fill() returns trigger language plpgsql as $$ begin new.tenant = 'one'; return new; end $$;
      create trigger too_late after insert on casbin for each row execute function fill()`);
    expect(await faults(pool)).toEqual(findings.slice(1));
    await pool.query('create trigger fill before insert on casbin for each row execute function fill()');
    expect(await faults(pool)).toEqual([]);
    const more = definePolicy({ roles: { ...POLICY.roles, owner: { inherits: ['clerk'] } } });
    await expect(bootstrapDatabase(pool, { ...OPTIONS, policy: more })).resolves.toMatchObject({
      changed: true,
    });
  });

  test('fills the ids of a table with the longest name', async () => {
    const pool = (await createDatabase()).pool();
    const table = 'r'.repeat(63);
    await pool.query(
      `create table ${table} (id int primary key, ptype text, v0 text, v1 text, v2 text, v3 text)`,
    );
    const { findings } = await examineDatabase(pool, { ...OPTIONS, table });
    const remedies = findings.flatMap((found) => (found.check === 'table' ? found.remedies : []));
    expect(remedies).toHaveLength(3);
    for (const remedy of remedies) await pool.query(remedy);
    await expect(bootstrapDatabase(pool, { ...OPTIONS, table })).resolves.toMatchObject({ changed: true });
  });

  test('fills the ids of a table by the sequence of a renamed one, and makes none again', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create table casbin_rule (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text);
      insert into casbin_rule (ptype) select 'p' from generate_series(1, 5);
      alter table casbin_rule rename to old_rule;
      create table casbin_rule (id int primary key, ptype text, v0 text, v1 text, v2 text, v3 text)`);
    const { findings } = await examineDatabase(pool, { ...OPTIONS, table: 'casbin_rule' });
    for (const { check, remedies } of findings)
      for (const remedy of check === 'table' ? remedies : []) await pool.query(remedy);
    await pool.query(
      "insert into casbin_rule (ptype) values ('p'); insert into old_rule (ptype) values ('p')",
    );
    const { rows } = await pool.query('select id from casbin_rule union all select max(id) from old_rule');
    expect(rows).toEqual([{ id: 6 }, { id: 7 }]);
  });

  test('finds no fault in a column of a domain with a default, nor in the id of a view', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query(`
      create domain tenant as text default 'one';
      create table stored (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text, tenant tenant not null);
      create view casbin_rule as select id, ptype, v0, v1, v2, v3 from stored`);
    for (const table of ['stored', 'casbin_rule']) {
      const { findings } = await examineDatabase(pool, { ...OPTIONS, table });
      expect(findings.filter(({ check }) => check === 'table')).toEqual([
        fault('table', 'fine', new RegExp(`^Rules are in public.${table}, layout columns`)),
      ]);
    }
  });

  test('only warns of ids that are no numbers, as the application may make them', async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'pgx-adapter of Go');
    expect(await faults(pool)).toContainEqual(
      fault(
        'table',
        'warning',
        /casbin_rule: column "id" has no default\. If the application makes the ids, let it add/,
      ),
    );
  });

  test.each([OPTIONS, { ...OPTIONS, table: 'casbin_rule' }])(
    'asks for no index of a view, which has none, and to which rules can be added: %o',
    async (options) => {
      const { pool } = await bootstrapped(options);
      const name = 'table' in options ? options.table : 'casbin';
      await pool.query(`alter table ${name} rename to stored; create view ${name} as select * from stored`);
      expect(await faults(pool, options)).toEqual([]);
      const more = definePolicy({ roles: { ...POLICY.roles, owner: { inherits: ['clerk'] } } });
      const adding = bootstrapDatabase(pool, { ...options, policy: more });
      await expect(adding).resolves.toMatchObject({ changed: true });
    },
  );

  test('finds a table of columns without an index', async () => {
    const { pool } = await bootstrapped({ ...OPTIONS, table: 'casbin_rule' });
    expect(await faults(pool)).toEqual([
      fault('index', 'warning', /^No index/, [expect.stringMatching(/^create index /)]),
    ]);
  });

  test('finds indexes that were dropped from a table of documents', async () => {
    const { pool } = await bootstrapped();
    await pool.query(
      'alter table casbin drop constraint casbin_uniq_ptype_rule; drop index idx_casbin_rule_v0',
    );
    const found = await faults(pool);
    expect(found).toEqual([
      fault('index', 'failure', /^No unique constraint on \(ptype, rule\)/, [expect.any(String)]),
      fault('index', 'warning', /^No index on the first values/, [expect.any(String)]),
    ]);
    for (const { remedies } of found) for (const remedy of remedies) await pool.query(remedy);
    expect(await faults(pool)).toEqual([]);
  });

  test.each([
    'create index on casbin (ptype, rule)',
    `create unique index on casbin (ptype, rule) where ptype = 'p'`,
    'create unique index on casbin (ptype, rule, id)',
    'create unique index on casbin (ptype, id) include (rule)',
    'create unique index on casbin (rule)',
    `create unique index broken on casbin (ptype, rule);
     update pg_index set indisvalid = false where indexrelid = 'broken'::regclass`,
  ])('takes no other index for the unique one: %s', async (create) => {
    const { pool } = await bootstrapped();
    await pool.query(`alter table casbin drop constraint casbin_uniq_ptype_rule; ${create}`);
    expect(await faults(pool)).toEqual([
      fault('index', 'failure', /^No unique constraint/, [expect.any(String)]),
    ]);
    const more = definePolicy({ roles: { ...POLICY.roles, owner: { inherits: ['clerk'] } } });
    await expect(bootstrapDatabase(pool, { ...OPTIONS, policy: more })).rejects.toMatchObject({
      code: 'UNIQUE_CONSTRAINT_MISSING',
    });
  });

  test('takes an index with another column beside its key for the unique one, as PostgreSQL does', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`
      alter table casbin drop constraint casbin_uniq_ptype_rule, add unique (ptype, rule) include (id)`);
    expect(await faults(pool)).toEqual([]);
    const more = definePolicy({ roles: { ...POLICY.roles, owner: { inherits: ['clerk'] } } });
    const adding = bootstrapDatabase(pool, { ...OPTIONS, policy: more });
    await expect(adding).resolves.toMatchObject({ changed: true });
  });

  test('asks for no index that a pending migration makes, and tells of each pending one', async () => {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'casbin-pg-adapter', 'casbin');
    const migrations = { '001_orders': { up: async () => {} } };
    expect(await faults(pool, { ...OPTIONS, migrations })).toEqual([
      fault('migrations', 'warning', /^Pending: 0001_casbin, 001_orders\. Run/),
    ]);
  });

  test('finds the indexes of a table of documents under quote_all_identifiers too', async () => {
    const { database } = await bootstrapped();
    expect(await faults(database.pool({ options: '-c quote_all_identifiers=on' }))).toEqual([]);
  });

  test('finds a unique constraint that is deferrable', async () => {
    const { pool } = await bootstrapped();
    await pool.query(
      'alter table casbin drop constraint casbin_uniq_ptype_rule, add constraint "By rule" unique (rule, ptype) deferrable',
    );
    const found = await faults(pool);
    expect(found).toEqual([fault('index', 'failure', /\(ptype, rule\) is deferrable/, [expect.any(String)])]);
    for (const { remedies } of found) for (const remedy of remedies) await pool.query(remedy);
    expect(await faults(pool)).toEqual([]);
  });

  test('finds a table of that name with other columns, which a bootstrap refuses', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table casbin (id serial, ptype text, rule json)');
    expect(await faults(pool)).toEqual([
      fault('table', 'failure', /^"casbin" is there, but not/),
      fault('migrations', 'warning', /^Pending/),
    ]);
    await expect(bootstrapDatabase(pool, OPTIONS)).rejects.toMatchObject({ code: 'TABLE_SHAPE' });
  });
});

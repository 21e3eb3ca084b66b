import { newModelFromString } from 'casbin';
import type pg from 'pg';
import { describe, expect, test, vi } from 'vitest';
import {
  bootstrapDatabase,
  createAdapter,
  type PolicyDefinition,
  readJournal,
  writeBootstrapSql,
} from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { storedRules } from '../tables/rule-table.fixture.ts';
import { clerk, FIRST, historiesOn, intern, SECOND, viewer } from './histories.fixture.ts';
import { expectComplete } from './scripted.fixture.ts';

describe.each(LAYOUTS)('the SQL of a definition with a version, on a table of layout $name', (layout) => {
  const histories = historiesOn(layout);

  /** As if that had happened a year ago. */
  async function makeOld(pool: pg.Pool, schema: string) {
    await pool.query(`do $$ begin
      update "${schema}".casbin_bootstrap_version set at = at - interval '1 year';
    exception when undefined_table then null;
    end $$`);
  }

  async function readAll(pool: pg.Pool, schema: string) {
    const tables = [
      `select to_jsonb(rule) - 'id' as row from "${schema}".${layout.table} rule order by id`,
      `select source, version, changes, at > now() - interval '1 day' as is_new
       from "${schema}".casbin_bootstrap_version order by version`,
      `select ptype, rule, inserted, first_version, last_version, revoked_by, revoked_reason
       from "${schema}".casbin_bootstrap_rule order by ptype, rule`,
    ];
    return Promise.all(tables.map(async (query) => (await pool.query(query)).rows));
  }

  test.each(Object.keys(histories))('has the same result as a bootstrap, after %s', async (history) => {
    const schema = 'Auth';
    const options = { ...layout.options, schema, seeders: [] };
    const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
    const [one, other] = pools as [pg.Pool, pg.Pool];
    for (const pool of pools) {
      await histories[history]?.(pool, options);
      await makeOld(pool, schema);
    }
    const sql = await writeBootstrapSql({ ...options, policy: SECOND });

    await bootstrapDatabase(one, { ...options, policy: SECOND });
    await other.query(sql);
    expect(await readAll(other, schema)).toEqual(await readAll(one, schema));
    const readTimes = async () =>
      (await other.query(`select at from "${schema}".casbin_bootstrap_version order by version`)).rows;
    const times = await readTimes();
    await other.query(sql);

    expect(await readAll(other, schema)).toEqual(await readAll(one, schema));
    expect(await readTimes()).toEqual(times);
    await expectComplete(other, { ...options, policy: SECOND });
    const { rows } = await other.query('show search_path');
    expect(rows).toEqual([{ search_path: '"$user", public' }]);
  });

  test.each([
    ['second', 'priority, sub, obj, act', (role: string, object: string) => ['1', role, object, 'read']],
    ['third', 'obj, act, sub', (role: string, object: string) => [object, 'read', role]],
  ])('finds roles where the model has them, the %s of a rule, as a bootstrap does', async (_, p, rule) => {
    const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
    const [one, other] = pools as [pg.Pool, pg.Pool];
    const options = { ...layout.options, seeders: [], model: newModelFromString(modelText({ p })) };
    const permit = (role: string, object: string) => ['p', ...rule(role, object)];
    const first = { version: 1, rules: [permit('clerk', 'invoices'), permit('cook', 'menus')] };
    const second: PolicyDefinition = {
      version: 2,
      rules: [permit('accountant', 'invoices')],
      renamed: { roles: { clerk: 'accountant' } },
      retired: { roles: { cook: {} } },
    };
    for (const pool of pools) {
      await bootstrapDatabase(pool, { ...options, policy: first });
      const adapter = createAdapter(pool, layout.options);
      await adapter.addPolicies('p', 'p', [rule('clerk', 'notes'), rule('viewer', 'clerk')]);
      await adapter.addPolicy('g', 'g', ['ann', 'clerk']);
    }

    await bootstrapDatabase(one, { ...options, policy: second });
    await other.query(await writeBootstrapSql({ ...options, policy: second }));

    expect(await storedRules(one, layout.table)).toEqual([
      permit('accountant', 'invoices'),
      permit('accountant', 'notes'),
      permit('viewer', 'clerk'),
      ['g', 'ann', 'accountant'],
    ]);
    await makeOld(one, 'public');
    await makeOld(other, 'public');
    expect(await readAll(other, 'public')).toEqual(await readAll(one, 'public'));
    await expectComplete(other, { ...options, policy: second });
  });

  test.skipIf(layout.name === 'document')(
    'has the same result as a bootstrap on a table without ids, whose ptype has another name',
    async () => {
      const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
      const [one, other] = pools as [pg.Pool, pg.Pool];
      const options = { ...layout.options, seeders: [], journal: true };
      const columns = [0, 1, 2, 3, 4, 5].map((n) => `v${n} varchar(100) not null default ''`).join(', ');
      const first = await writeBootstrapSql({ ...options, policy: FIRST });
      const second = await writeBootstrapSql({ ...options, policy: SECOND });
      for (const pool of pools) {
        await pool.query(`create table casbin_rule (p_type varchar(100) not null, ${columns})`);
        if (pool === one) await bootstrapDatabase(pool, { ...options, policy: FIRST });
        else await pool.query(first);
        for (const [user, role] of [
          ['ann', 'intern'],
          ['ann', 'viewer'],
          ['bob', 'intern'],
          ['carol', 'clerk'],
          ['carol', 'clerk'],
        ])
          await pool.query(`insert into casbin_rule (p_type, v0, v1) values ('g', $1, $2)`, [user, role]);
      }
      const read = async (pool: pg.Pool) =>
        (await pool.query('select * from casbin_rule order by ctid')).rows;
      const sorted = async (pool: pg.Pool) => (await read(pool)).map((row) => JSON.stringify(row)).sort();
      await bootstrapDatabase(one, { ...options, policy: SECOND });
      await other.query(second);
      expect(await sorted(other)).toEqual(await sorted(one));
      await other.query(second);
      expect(await sorted(other)).toEqual(await sorted(one));
      await expectComplete(other, { ...options, policy: SECOND });
    },
  );

  test.each([
    ['another bootstrap', `select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`],
    ['a change of the rules', `delete from ${layout.table} where ${layout.first} = 'intern'`],
  ])('waits for %s, and finds what that has stored', async (_, statement) => {
    const pool = (await createDatabase()).pool();
    const options = { ...layout.options, seeders: [] };
    await bootstrapDatabase(pool, { ...options, policy: FIRST });
    const other = await pool.connect();
    await other.query('begin');
    await other.query(statement);
    const script = pool.query(await writeBootstrapSql({ ...options, policy: SECOND }));
    const isWaiting = async () => {
      const { rowCount } = await other.query(`
        select from pg_locks join pg_database on pg_database.oid = database
        where not granted and datname = current_database()`);
      return rowCount === 1;
    };
    await vi.waitUntil(isWaiting, { timeout: 30_000, interval: 20 });
    await layout.insert(other, ['g', 'ann', 'intern']);
    await other.query('commit');
    other.release();
    await script;
    expect(await storedRules(pool, layout.table)).toContainEqual(['g', 'ann', 'viewer']);
  });

  test('may be run in a session of its own, on tables that were made before', async () => {
    const database = await createDatabase();
    const options = { ...layout.options, policy: FIRST, seeders: [] };
    const tables = database.pool({ max: 1 });
    await tables.query(await writeBootstrapSql(options, { schemaOnly: true }));
    await layout.insert(tables, ['p', 'viewer', 'invoices', 'read']);
    const pool = database.pool({ max: 1 });
    await pool.query(await writeBootstrapSql({ ...options, migrations: false }));
    const { rows } = await pool.query('select rule from casbin_bootstrap_rule where not inserted');
    expect(rows).toEqual([{ rule: '["viewer","invoices","read"]' }]);
  });

  test('takes over the record of a table that was renamed, as a bootstrap does', async () => {
    const pools = await Promise.all([1, 2].map(async () => (await createDatabase()).pool({ max: 1 })));
    const [one, other] = pools as [pg.Pool, pg.Pool];
    for (const pool of pools) {
      await bootstrapDatabase(pool, { ...layout.options, policy: FIRST, seeders: [] });
      await pool.query(`alter table ${layout.table} rename to rules`);
    }
    const options = { table: { name: 'rules', layout: layout.name }, policy: SECOND, seeders: [] };
    await bootstrapDatabase(one, options);
    await other.query(await writeBootstrapSql(options));
    const read = async (pool: pg.Pool) => {
      const record = await pool.query(
        'select source, ptype, rule, inserted, first_version from casbin_bootstrap_rule order by ptype, rule',
      );
      return [record.rows, await storedRules(pool, 'rules')];
    };
    expect(await read(other)).toEqual(await read(one));
    await expectComplete(other, options);
  });

  test('counts a rule of somebody else as its own once it has to insert it', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const options = { ...layout.options, seeders: [] };
    const [first, second] = [
      ['p', 'viewer', 'invoices', 'read'],
      ['p', 'viewer', 'notes', 'read'],
    ];
    const policy = { version: 2, rules: [first, second] };
    await bootstrapDatabase(pool, { ...options, policy: { version: 1, rules: [first] } });
    await layout.insert(pool, second);
    const script = await writeBootstrapSql({ ...options, policy });
    const readInserted = async () => {
      await pool.query(script);
      const { rows } = await pool.query('select inserted from casbin_bootstrap_rule order by rule');
      return rows.map(({ inserted }) => inserted);
    };
    expect(await readInserted()).toEqual([true, false]);
    await pool.query(`delete from ${layout.table}`);
    expect(await readInserted()).toEqual([true, true]);
    expect(await storedRules(pool, layout.table)).toEqual(policy.rules);
  });

  test('retires a rule where no role is retired', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const options = { ...layout.options, seeders: [] };
    const [kept, retired] = [
      ['p', 'viewer', 'invoices', 'read'],
      ['p', 'viewer', 'notes', 'read'],
    ];
    await bootstrapDatabase(pool, { ...options, policy: { version: 1, rules: [kept, retired] } });
    const policy = { version: 2, rules: [kept], retired: { rules: [retired] } };
    await pool.query(await writeBootstrapSql({ ...options, policy }));
    expect(await storedRules(pool, layout.table)).toEqual([kept]);
    await expectComplete(pool, { ...options, policy });
  });

  test.skipIf(layout.name === 'document').each(['integer', 'integer unique'])(
    'keeps the same of equal rows as a bootstrap, with id %s',
    async (id) => {
      const options = { ...layout.options, seeders: [], policy: SECOND };
      const run = async (work: (pool: pg.Pool) => Promise<unknown>) => {
        const pool = (await createDatabase()).pool({ max: 1 });
        const columns = [0, 1, 2, 3, 4, 5].map((n) => `v${n} text`).join(', ');
        await pool.query(`create table casbin_rule (id ${id} generated by default as identity (start 10), ptype text, ${columns});
        insert into casbin_rule (id, ptype, v0, v1) values (2, 'g', 'ann', 'clerk'), (1, 'g', 'ann', 'cashier')`);
        await work(pool);
        const { rows } = await pool.query(`select id, v1 from casbin_rule where v0 = 'ann'`);
        return rows;
      };
      const kept = await run((pool) => bootstrapDatabase(pool, options));
      expect(kept).toEqual([{ id: id === 'integer' ? 2 : 1, v1: 'accountant' }]);
      expect(await run(async (pool) => pool.query(await writeBootstrapSql(options)))).toEqual(kept);
    },
  );

  test('renames a role in rules that have one value', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const model = newModelFromString(modelText({ r: 'sub', p: 'sub', m: 'g(r.sub, p.sub)' }));
    const options = { ...layout.options, seeders: [], model };
    const rulesOf = (...roles: string[]) => [
      ...roles.map((role) => ['p', role]),
      ['g', 'ann', roles[0] ?? ''],
    ];
    await bootstrapDatabase(pool, { ...options, policy: { version: 1, rules: rulesOf('boss', 'clerk') } });
    const policy: PolicyDefinition = {
      version: 2,
      rules: rulesOf('chief', 'accountant'),
      renamed: { roles: { boss: 'chief', clerk: 'accountant' } },
    };
    await pool.query(await writeBootstrapSql({ ...options, policy }));
    await expectComplete(pool, { ...options, policy });
    expect(await storedRules(pool, layout.table)).toEqual([
      ['p', 'chief'],
      ['p', 'accountant'],
      ['g', 'ann', 'chief'],
    ]);
  });

  test.skipIf(layout.name === 'document')(
    'removes no row of another partition that has the same place there',
    async () => {
      const pool = (await createDatabase()).pool({ max: 1 });
      const columns = [0, 1, 2, 3, 4, 5].map((n) => `v${n} varchar(100)`).join(', ');
      await pool.query(`
      create table casbin_rule (ptype varchar(100), ${columns}) partition by list (ptype);
      create table permissions partition of casbin_rule for values in ('p');
      create table links partition of casbin_rule default;
      insert into casbin_rule (ptype, v0, v1, v2) values
        ('p', 'viewer', 'invoices', 'read'), ('p', 'bob', 'notes', 'read'), ('p', 'clerk', 'invoices', 'write'),
        ('g', 'ann', 'accountant', null), ('g', 'ann', 'clerk', null)
    `);
      const policy: PolicyDefinition = {
        version: 1,
        roles: { viewer, accountant: { permissions: { invoices: ['write'] } } },
        renamed: { roles: { clerk: 'accountant' } },
      };
      await pool.query(await writeBootstrapSql({ ...layout.options, seeders: [], policy }));
      const { rows } = await pool.query('select ptype, v0, v1, v2 from casbin_rule order by 1, 2, 3');
      expect(rows.map((row) => Object.values(row).join(' ').trim())).toEqual([
        'g ann accountant',
        'p accountant invoices write',
        'p bob notes read',
        'p viewer invoices read',
      ]);
    },
  );

  test('records what a bootstrap without a version has inserted, also run statement by statement', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    await bootstrapDatabase(pool, {
      ...layout.options,
      policy: { roles: { viewer, clerk, intern } },
      seeders: [],
    });
    const script = await writeBootstrapSql({ ...layout.options, policy: FIRST, seeders: [] });
    for (const statement of script.split(/\n\n(?=--|create|do )/)) await pool.query(statement);
    const { rows } = await pool.query('select distinct inserted from casbin_bootstrap_rule');
    expect(rows).toEqual([{ inserted: true }]);
  });

  test('may be run statement by statement, and the journal has the version as release', async () => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const options = { ...layout.options, policy: FIRST, seeders: [], journal: true };
    const statements = (await writeBootstrapSql(options)).split(/\n\n(?=--|create|do )/);
    for (const statement of statements) await pool.query(statement);
    await expectComplete(pool, options);
    // In the transaction of the script, too.
    await pool.query(
      `${statements.join('\n\n')}\ndelete from ${layout.table} where ${layout.first} = 'intern'`,
    );

    const [entry] = await readJournal(pool, { limit: 1, value: 'clerk' });
    expect(entry).toMatchObject({ actor: 'casbin-bootstrap', release: '1' });
    const [last] = await readJournal(pool, { limit: 1 });
    expect(last).toMatchObject({ operation: 'removed', actor: null, release: null });
  });
});

import { DefaultRoleManager, type Enforcer } from 'casbin';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, domainsModelPath, examineDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { bootstrapped, fault, faults, OPTIONS } from './examined.fixture.ts';

describe('an examination', () => {
  test('finds nothing wrong with a bootstrapped database, and needs no policy for that', async () => {
    const { pool } = await bootstrapped();
    const { ok, findings } = await examineDatabase(pool, { seeders: [] });
    expect(ok).toBe(true);
    expect(findings).toEqual([
      fault('server', 'fine', /^PostgreSQL \d+/),
      fault('connection', 'fine', /^Connected to \w+ as \w+\.$/),
      fault('table', 'fine', /^Rules are in public\.casbin, layout document\.$/),
      fault('migrations', 'fine', /^No migration is pending\.$/),
      fault('privileges', 'fine', /may do all/),
      fault('rules', 'fine', /^Stored rules: 2\./),
    ]);
  });

  test('needs no policy for another model either', async () => {
    const options = { model: domainsModelPath, seeders: [] };
    const { pool } = await bootstrapped({ ...options, policy: null });
    await pool.query(
      `insert into casbin (ptype, rule) values ('p', '["clerk", "acme", "invoices", "read"]')`,
    );
    expect(await faults(pool, options)).toEqual([]);
  });

  test('finds a table that is missing, and migrations that are pending', async () => {
    const pool = (await createDatabase()).pool();
    expect(await faults(pool)).toEqual([
      fault('table', 'warning', /no rule table "casbin"\. Run casbin-bootstrap seed/),
      fault('migrations', 'warning', /^Pending: 0001_casbin\. Run casbin-bootstrap seed/),
    ]);
    expect(await faults(pool, { ...OPTIONS, migrations: false })).toEqual([
      fault(
        'table',
        'warning',
        /no rule table "casbin"\. With migrations: false, another tool must create it/,
      ),
    ]);
  });

  test.each([undefined, 'auth'])(
    'finds a table that was removed after its migration, with the statement that lets seed make it: schema %s',
    async (schema) => {
      const options = schema === undefined ? OPTIONS : { ...OPTIONS, schema };
      const { pool } = await bootstrapped(options);
      await pool.query(`drop table ${schema ?? 'public'}.casbin`);
      await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
      const found = await faults(pool, options);
      expect(found).toEqual([
        fault(
          'table',
          'failure',
          /no rule table .* was applied, so it was removed, .* after this statement:$/,
          [expect.stringContaining(`where name in ('0001_casbin');`)],
        ),
      ]);
      for (const remedy of found[0]?.remedies ?? []) await pool.query(remedy);
      await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: true });
      expect(await faults(pool, options)).toEqual([]);
    },
  );

  test('finds tables that could be meant too', async () => {
    const { pool } = await bootstrapped();
    await pool.query('create schema other; create table other.casbin_rule (id serial, ptype text, v0 text)');
    const session = await pool.connect();
    onTestFinished(() => session.release(true));
    await session.query('create temporary table casbin_rule (id serial, ptype text, v0 text)');
    await pool.query('create schema views create view policies as select ptype from public.casbin');
    expect(await faults(pool)).toEqual([
      fault('other tables', 'warning', /: other\.casbin_rule\. Only one decides/),
    ]);
    await pool.query(`
      do $$ begin for n in 10..20 loop
        execute format('create schema s%s; create table s%s.policies (ptype text, p_type text)', n, n);
      end loop; end $$`);
    expect(await faults(pool)).toEqual([
      fault('other tables', 'warning', /: other\.casbin_rule, s10\.policies, .*, s18\.policies and 2 more\./),
    ]);
    await pool.query(
      `create table casbin_rule (id serial primary key, ptype text, v0 text, v1 text, v2 text, v3 text, v4 text, v5 text);
       insert into casbin_rule (ptype, v0, v1, v2) values ('p', 'a', 'b', 'c')`,
    );
    expect(await faults(pool)).toEqual([fault('table', 'failure', /more than one table.*Name the one/)]);
  });

  test('takes the tables of other tenants for what they are', async () => {
    const pool = (await createDatabase()).pool();
    for (const schema of ['acme', 'globex']) await bootstrapDatabase(pool, { ...OPTIONS, schema });
    expect(await faults(pool, { ...OPTIONS, schema: 'acme' })).toEqual([]);
    await bootstrapDatabase(pool, OPTIONS);
    expect(await faults(pool, { ...OPTIONS, schema: 'acme' }), 'where others may read').toEqual([
      fault('other tables', 'warning', /: public\.casbin\. Only one/),
    ]);
    await pool.query('drop table casbin');
    await pool.query('create table acme.policies (ptype text); create table globex.policies (ptype text)');
    expect(await faults(pool, { ...OPTIONS, schema: 'acme' })).toEqual([
      fault('other tables', 'warning', /: acme\.policies\. Only one/),
    ]);
  });

  test('finds a named table that is not a rule table', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table rules (name text)');
    const { ok } = await examineDatabase(pool, { ...OPTIONS, table: 'rules' });
    expect(ok).toBe(false);
    expect(await faults(pool, { ...OPTIONS, table: 'rules' })).toEqual([
      fault('table', 'failure', /rules is not a rule table/),
    ]);
  });

  test('finds privileges that a role lacks, with the statements that give them', async () => {
    const { database, pool } = await bootstrapped();
    const role = await database.createRole();
    await pool.query(`grant select on casbin, casbin_bootstrap_migration to ${role.name}`);
    const reader = database.pool({ connectionString: role.url });
    expect(await faults(reader)).toEqual([
      fault('privileges', 'warning', /lacks privileges/, [
        expect.stringContaining('grant insert on table public.casbin to'),
        expect.stringContaining('grant usage on sequence public.casbin_id_seq to'),
      ]),
    ]);
    await pool.query(`revoke select on casbin from ${role.name}`);
    expect(await faults(reader)).toMatchObject([
      {
        check: 'privileges',
        status: 'failure',
        remedies: expect.arrayContaining([expect.stringContaining('select')]),
      },
    ]);
  });

  test('finds schemas of the search_path in which every role may create functions', async () => {
    const { database } = await bootstrapped();
    const pool = database.pool({ options: '-c search_path=public,"Tools"' });
    await pool.query('create schema "Tools"; create schema elsewhere');
    await pool.query('grant create on schema "Tools", public, elsewhere to public');

    const found = await faults(pool);
    expect(found).toEqual([
      fault('privileges', 'warning', /^Every role may create functions in public, "Tools", which /, [
        'revoke create on schema public from public;',
        'revoke create on schema "Tools" from public;',
      ]),
    ]);
    for (const statement of found.flatMap(({ remedies }) => remedies)) await pool.query(statement);
    expect(await faults(pool)).toEqual([]);
  });

  test('finds every rule that does not read back as written, or does not fit the model', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`insert into casbin (ptype, rule) values
      ('p', '["a", "b,c", "read"]'), ('p', '["a", "b"]'), ('p2', '["a", "b", "c"]'), ('g', '["viewer", "clerk"]')`);
    expect(await faults(pool, { seeders: [] })).toEqual([
      fault('rules', 'warning', /^Row 3: .*the stock adapter reads/),
      fault('rules', 'warning', /^Row 4: It has 2 values/),
      fault('rules', 'warning', /^Row 5: The model has no "p2"/),
      fault('rules', 'failure', /^Rows 2, 6: .*circle/),
    ]);
    await pool.query(`insert into casbin (ptype, rule) values ('p', '{}')`);
    expect(await faults(pool)).toEqual([fault('rules', 'failure', /must be an array of strings.*id 7/)]);
  });

  test('finds a link that turns a defined one around, if the policy is given', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`update casbin set rule = '["viewer", "clerk"]' where ptype = 'g'`);
    expect(await faults(pool)).toEqual([fault('rules', 'failure', /^Row 2: .*"viewer".*"clerk"/)]);
    expect(await faults(pool, { seeders: [] })).toEqual([]);
  });

  test('finds roles too deep only where the role manager of the application does not follow them either', async () => {
    const { pool } = await bootstrapped();
    await pool.query(
      `insert into casbin (ptype, rule)
      select 'g', jsonb_build_array('role' || n, 'role' || n + 1) from generate_series(1, 11) n`,
    );
    const configureEnforcer = (enforcer: Enforcer) => enforcer.setRoleManager(new DefaultRoleManager(20));
    expect(await faults(pool)).toEqual([fault('rules', 'failure', /Inheritance over 11 links.*role12/)]);
    expect(await faults(pool, { ...OPTIONS, configureEnforcer })).toEqual([]);
  });

  test('only warns of a rule that the stock adapter can not load', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["al(ice", "b", "read"]')`);
    expect(await faults(pool)).toEqual([fault('rules', 'warning', /^Row 3: Casbin's loader throws/)]);
  });
});

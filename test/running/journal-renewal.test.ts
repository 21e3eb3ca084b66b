import { type Kysely, sql } from 'kysely';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  createLiveEnforcer,
  type JournalEntry,
  planBootstrap,
  readJournal,
  readStatus,
  writeBootstrapSql,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';

const RECORDED = { seeders: [], journal: true } as const;

function lines(entries: readonly JournalEntry[]): string[] {
  return entries.map(({ table, operation, values }) => [table, operation, ...values].join(' '));
}

/** What is recorded from now on. */
async function since(pool: pg.Pool, schema = 'public') {
  const known = (await readJournal(pool, { schema })).length;
  return async () => lines((await readJournal(pool, { schema })).slice(known));
}

/** The functions and triggers as releases before made them: the schema in the text, and anybody may call them. */
async function makeAsBefore(pool: pg.Pool, table: string, values: string) {
  await pool.query(`
    create or replace function casbin_bootstrap_journal_${table}() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    begin
      if tg_op <> 'INSERT' then insert into public.casbin_bootstrap_journal (source, operation, ptype, rule, role)
        select '${table}', '-', changed.ptype, ${values}, session_user from old_rows changed; end if;
      if tg_op <> 'DELETE' then insert into public.casbin_bootstrap_journal (source, operation, ptype, rule, role)
        select '${table}', '+', changed.ptype, ${values}, session_user from new_rows changed; end if;
      return null;
    end $$;
    create function casbin_bootstrap_journal_truncate_${table}() returns trigger
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
    begin
      insert into public.casbin_bootstrap_journal (source, operation, role) values ('${table}', '0', session_user);
      return null;
    end $$;
    create or replace trigger casbin_bootstrap_journal_truncate_${table} after truncate on ${table}
    for each statement execute function casbin_bootstrap_journal_truncate_${table}();
    grant execute on function casbin_bootstrap_journal_${table}() to public
  `);
}

describe.each(LAYOUTS)('the journal of a table of layout $name', (layout) => {
  const options: BootstrapOptions = { ...layout.options, ...RECORDED };
  const name = `0003_journal_${layout.table}`;
  const values =
    layout.name === 'document'
      ? 'changed.rule'
      : `to_jsonb(array[${[0, 1, 2, 3, 4, 5, 6].map((n) => `changed.v${n}`).join(', ')}]::text[])`;

  test('goes on recording after its schema was renamed, without any bootstrap', async () => {
    const pool = (await createDatabase()).pool();
    // Its triggers have the same names.
    await bootstrapDatabase(pool, options);
    await bootstrapDatabase(pool, { ...options, schema: 'auth' });
    await pool.query('alter schema auth rename to "It\'s \\ IAM"; create schema auth');
    const moved = { schema: "It's \\ IAM" };
    const read = await since(pool, moved.schema);
    const client = await pool.connect();
    await client.query(`set search_path = "${moved.schema}"`);
    const own = { listened: [] as unknown[] };
    client.on('notification', ({ payload }) => own.listened.push(payload));
    await client.query('listen casbin_bootstrap_journal');
    await layout.insert(client, ['g', 'alice', 'user']);
    await client.query(`update ${layout.table} set ptype = 'g' where ${layout.first} = 'alice'`);
    await client.query(`delete from ${layout.table} where ${layout.first} = 'alice'`);
    await client.query(`truncate ${layout.table}`);
    client.release(true);

    expect(await read()).toEqual([
      `${layout.table} added alice user`,
      `${layout.table} removed alice user`,
      `${layout.table} added alice user`,
      `${layout.table} removed alice user`,
      `${layout.table} truncated`,
    ]);
    expect(own.listened).toHaveLength(4);
    await bootstrapDatabase(pool, { ...options, ...moved });
    await expect(bootstrapDatabase(pool, { ...options, ...moved })).resolves.toMatchObject({
      changed: false,
    });
    await using live = await createLiveEnforcer(pool, { ...layout.options, ...moved });
    expect(live.state.by).toBe('journal');
  });

  test('records a table that was moved to another schema under the name of both', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options);
    const read = await since(pool);
    await pool.query(`create schema other; alter table ${layout.table} set schema other`);
    const client = await pool.connect();
    await client.query('set search_path = other');
    await layout.insert(client, ['g', 'alice', 'user']);
    client.release(true);
    expect(await read()).toEqual([`other.${layout.table} added alice user`]);

    const there = { ...options, schema: 'other' };
    expect(await bootstrapDatabase(pool, there)).toMatchObject({ changed: true });
    await expect(bootstrapDatabase(pool, there)).resolves.toMatchObject({ changed: false });
    await pool.query(`delete from other.${layout.table} where ${layout.first} = 'alice'`);
    expect((await readJournal(pool, { schema: 'other' })).at(-1)).toMatchObject({
      table: layout.table,
      operation: 'removed',
      values: ['alice', 'user'],
    });
  });

  test('is followed only where its triggers write to the journal of the schema', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...options, schema: 'app' });
    await bootstrapDatabase(pool, options);
    await pool.query(`drop table app.${layout.table}; alter table public.${layout.table} set schema app`);
    await using live = await createLiveEnforcer(pool, { ...layout.options, schema: 'app' });
    expect(live.state.by).toBe('reload');
    await layout.insert(database.pool({ options: '-c search_path=app' }), ['g', 'alice', 'user']);
    await live.caughtUp();
    expect(await live.getRolesForUser('alice')).toEqual(['user']);
    const { migrations } = await bootstrapDatabase(pool, { ...options, schema: 'app' });
    expect(migrations).toEqual([{ name, status: 'applied' }]);
  });

  test('of an earlier release is made anew by the next bootstrap', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, options);
    await makeAsBefore(pool, layout.table, values);
    await using live = await createLiveEnforcer(pool, layout.options);
    expect(live.state.by, 'an earlier one is followed as well').toBe('journal');

    expect(await planBootstrap(pool, options)).toMatchObject({ changed: true, migrations: [{ name }] });
    expect(await readStatus(pool, options)).toMatchObject({
      isComplete: false,
      packageMigrations: { pending: [name] },
    });
    const report = await bootstrapDatabase(pool, options);
    expect(report).toMatchObject({ changed: true, migrations: [{ name, status: 'applied' }] });
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
    expect(await readStatus(pool, options)).toMatchObject({
      isComplete: true,
      packageMigrations: { applied: expect.arrayContaining([name]), pending: [] },
    });
    const { rows } = await pool.query(
      `select proname::text as name, has_function_privilege('public', oid, 'execute') as open
       from pg_proc where proname like 'casbin_bootstrap_journal%'`,
    );
    expect(rows).toEqual([{ name: `casbin_bootstrap_journal_${layout.table}`, open: false }]);

    await layout.insert(pool, ['g', 'alice', 'user']);
    await live.caughtUp();
    expect(await live.getRolesForUser('alice')).toEqual(['user']);
    expect(live.state.by).toBe('journal');
  });

  test('of an earlier release still records a renamed table, beside a new one', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options);
    await makeAsBefore(pool, layout.table, values);
    await pool.query(`alter table ${layout.table} rename to former; drop table casbin_bootstrap_migration`);
    await bootstrapDatabase(pool, options);
    const read = await since(pool);
    await pool.query('truncate former');
    expect(await read()).toEqual([`${layout.table} truncated`]);
  });

  test('of a later release is left as it is', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options);
    await pool.query(
      `update pg_proc set prosrc = regexp_replace(prosrc, '^-- casbin_bootstrap_journal \\d+:', '-- casbin_bootstrap_journal 99:')
       where proname = 'casbin_bootstrap_journal_${layout.table}'`,
    );
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
  });

  test('is made again where somebody has dropped or disabled parts of it, and records no change twice', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options);
    const trigger = `casbin_bootstrap_journal_delete_${layout.table}`;
    for (const change of [
      `drop trigger ${trigger} on ${layout.table}`,
      `alter table ${layout.table} disable trigger ${trigger}`,
      'drop table casbin_bootstrap_journal',
      `create trigger casbin_bootstrap_journal_delete_former after delete on ${layout.table}
       referencing old table as old_rows for each statement execute function casbin_bootstrap_journal_${layout.table}()`,
    ]) {
      await pool.query(change);
      const { migrations } = await bootstrapDatabase(pool, options);
      expect(migrations).toEqual([{ name, status: 'applied' }]);
      await layout.insert(pool, ['g', 'alice', 'user']);
      const read = await since(pool);
      await pool.query(`delete from ${layout.table} where ${layout.first} = 'alice'`);
      expect(await read()).toEqual([`${layout.table} removed alice user`]);
    }
  });

  test('is made again before a migration writes rules, and before rules that are stored twice are removed', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options);
    const isColumns = layout.name === 'columns';
    await layout.insert(pool, ['g', 'alice', 'user'], ...(isColumns ? [['g', 'alice', 'user']] : []));
    await pool.query('drop table casbin_bootstrap_journal');
    const statement =
      layout.name === 'document'
        ? `insert into casbin (ptype, rule) values ('g', '["bob", "user"]')`
        : `insert into casbin_rule (ptype, v0, v1) values ('g', 'bob', 'user')`;

    const report = await bootstrapDatabase(pool, {
      ...options,
      ...(isColumns && { table: { name: layout.table, duplicates: 'remove' } }),
      migrations: { '1_bob': { up: async (db) => void (await sql.raw(statement).execute(db)) } },
    });

    expect(report.migrations).toEqual([
      { name, status: 'applied' },
      { name: '1_bob', status: 'applied' },
    ]);
    const ofMigration = await readJournal(pool, { value: 'bob' });
    expect(lines(ofMigration)).toEqual([`${layout.table} added bob user`]);
    expect(ofMigration).toMatchObject([{ actor: null }]);
    if (!isColumns) return;
    expect(report.takeover).toMatchObject({ duplicatesRemoved: 1 });
    const ofBootstrap = await readJournal(pool, { value: 'alice' });
    expect(ofBootstrap).toMatchObject([{ operation: 'removed', actor: 'casbin-bootstrap' }]);
  });

  test('follows its table to another name, and is written once', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options);
    const read = await since(pool);
    await pool.query(`alter table ${layout.table} rename to rules`);
    const named = { ...options, table: 'rules' };
    const insert = (user: string) =>
      pool.query(
        layout.name === 'document'
          ? `insert into rules (ptype, rule) values ('g', '["${user}", "user"]')`
          : `insert into rules (ptype, v0, v1) values ('g', '${user}', 'user')`,
      );
    await insert('alice');
    await bootstrapDatabase(pool, named);
    await insert('bob');
    expect(await read()).toEqual(['rules added alice user', 'rules added bob user']);
    await expect(bootstrapDatabase(pool, named)).resolves.toMatchObject({ changed: false });
  });

  test('of a table that was renamed says nothing about a new one of the former name', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, options);
    await pool.query(`
      create table made (like ${layout.table} including all);
      insert into made select * from ${layout.table};
      alter table ${layout.table} rename to former;
      alter table made rename to ${layout.table}
    `);
    await bootstrapDatabase(pool, options);
    await using live = await createLiveEnforcer(pool, layout.options);
    expect(live.state.by).toBe('journal');
    await pool.query('delete from former');
    await live.caughtUp();
    expect(await live.enforce('readonly', 'accounts', 'read')).toBe(true);
  });
});

test.each(['a bootstrap', 'SQL'])(
  'a renamed table is recorded on, beside one of its former name with other columns, by %s',
  async (by) => {
    const pool = (await createDatabase()).pool({ max: 1 });
    const name = '100 %s';
    const options = { ...RECORDED, table: name };
    const make = async (width: number) => {
      const columns = Array.from({ length: width }, (_, position) => `v${position} varchar`).join(', ');
      await pool.query(`create table "${name}" (id serial primary key, ptype varchar, ${columns})`);
      if (by === 'SQL') await pool.query(await writeBootstrapSql(options));
      await bootstrapDatabase(pool, options);
    };
    await make(6);
    await pool.query(`alter table "${name}" rename to former; drop table casbin_bootstrap_migration`);
    await make(8);

    const read = await since(pool);
    await pool.query(`insert into former (ptype, v0, v1) values ('g', 'alice', 'user')`);
    await pool.query(`insert into "${name}" (ptype, v0, v1, v7) values ('g', 'bob', 'user', 'x')`);
    expect(await read()).toEqual(['former added alice user', `${name} added bob user      x`]);
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
    await expect(bootstrapDatabase(pool, { ...options, table: 'former' })).resolves.toMatchObject({
      migrations: [{ name: '0003_journal_former' }],
    });
  },
);

test('the journal has a value column that was added to the table later', async () => {
  const pool = (await createDatabase()).pool();
  const options = { ...RECORDED, table: 'casbin_rule' };
  await bootstrapDatabase(pool, options);
  await using live = await createLiveEnforcer(pool, { table: 'casbin_rule' });
  expect(live.state.by).toBe('journal');
  await pool.query('alter table casbin_rule add column v7 varchar');
  await live.caughtUp();
  expect(live.state.by, 'what is recorded lacks a value').toBe('reload');

  expect((await bootstrapDatabase(pool, options)).migrations).toEqual([
    { name: '0003_journal_casbin_rule', status: 'applied' },
  ]);
  await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
  const rule = ['0', '1', '2', '3', '4', '5', '6', '7'];
  await pool.query(
    `insert into casbin_rule (ptype, v0, v1, v2, v3, v4, v5, v6, v7) values ('p', ${rule.map((value) => `'${value}'`).join(', ')})`,
  );
  expect((await readJournal(pool, { limit: 1 }))[0]?.values).toEqual(rule);
});

test('the journal has a value column that a migration of the same bootstrap adds', async () => {
  const pool = (await createDatabase()).pool();
  const options = { ...RECORDED, table: 'casbin_rule' };
  const migrations = {
    '001_wider': {
      async up(db: Kysely<unknown>) {
        await db.schema.alterTable('casbin_rule').addColumn('v7', 'varchar').execute();
      },
    },
  };
  const report = await bootstrapDatabase(pool, { ...options, migrations });
  expect(report.migrations.map(({ name }) => name)).toEqual([
    '0001_casbin_rule',
    '0003_journal_casbin_rule',
    '001_wider',
  ]);
  await pool.query(`insert into casbin_rule (ptype, v0, v7) values ('p', 'a', 'h')`);
  const [entry] = await readJournal(pool, { limit: 1 });
  expect(entry?.values).toEqual(['a', '', '', '', '', '', '', 'h']);
});

test('a journal of a partitioned table is made again as well', async () => {
  const pool = (await createDatabase()).pool();
  const columns = [0, 1, 2, 3, 4, 5].map((position) => `v${position} varchar`).join(', ');
  await pool.query(`
    create table casbin_rule (id bigint, ptype varchar, ${columns}) partition by list (ptype);
    create table rules partition of casbin_rule default
  `);
  await bootstrapDatabase(pool, { ...RECORDED, table: 'casbin_rule' });
  await pool.query('alter table casbin_rule add column v6 varchar');
  expect((await bootstrapDatabase(pool, { ...RECORDED, table: 'casbin_rule' })).migrations).toHaveLength(1);
  await pool.query(`insert into casbin_rule (ptype, v0, v6) values ('p', 'a', 'g')`);
  expect((await readJournal(pool, { limit: 1 }))[0]?.values).toEqual(['a', '', '', '', '', '', 'g']);
});

test.each(['view', 'materialized view'])('a %s has no journal, and the error says so', async (kind) => {
  const pool = (await createDatabase()).pool();
  const columns = [0, 1, 2, 3, 4, 5].map((position) => `v${position} varchar`).join(', ');
  await pool.query(
    `create table rules (id serial primary key, ptype varchar, ${columns}); create ${kind} casbin_rule as select * from rules`,
  );
  await expect(bootstrapDatabase(pool, { ...RECORDED, table: 'casbin_rule' })).rejects.toMatchObject({
    code: 'JOURNAL_IMPOSSIBLE',
    message: expect.stringContaining('"casbin_rule" is a view. Nothing was changed. Leave out the journal'),
  });
});

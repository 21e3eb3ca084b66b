import pg from 'pg';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  createAdapter,
  explainDecision,
  InvalidOptionsError,
  type JournalEntry,
  readJournal,
} from '../../src/index.ts';
import { readJournalState } from '../../src/running/journal.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';

const NO_PROVIDERS: { seeders: []; journal: true } = { seeders: [], journal: true };

function lines(entries: readonly JournalEntry[]): string[] {
  return entries.map(({ operation, ptype, values }) => [operation, ptype, ...values].join(' '));
}

describe.each(LAYOUTS)('the journal of a table of layout $name', (layout) => {
  async function recorded() {
    const database = await createDatabase();
    const pool = database.pool();
    const options = { ...layout.options, ...NO_PROVIDERS };
    const report = await bootstrapDatabase(pool, options);
    return { database, pool, options, report };
  }

  /** What is recorded from now on. */
  async function since(pool: Parameters<typeof readJournal>[0]) {
    const known = (await readJournal(pool)).length;
    return async () => (await readJournal(pool)).slice(known);
  }

  test('is created by a migration of its own, and has the changes by the bootstrap', async () => {
    const { pool, report } = await recorded();
    expect(report.migrations.map(({ name }) => name)).toEqual([
      `0001_${layout.table}`,
      `0003_journal_${layout.table}`,
    ]);
    const entries = await readJournal(pool);
    expect(entries).toHaveLength(16);
    expect(lines(entries)).toContain('added g user readonly');
    expect(new Set(entries.map(({ transaction }) => transaction)).size).toBe(1);
    expect(entries[0]).toMatchObject({
      table: layout.table,
      actor: 'casbin-bootstrap',
      reason: null,
      role: expect.any(String),
    });
    expect(Math.abs(Date.now() - Number(entries[0]?.at))).toBeLessThan(600_000);
  });

  test('is there for a start with nothing to do, which writes nothing into it', async () => {
    const { pool, options } = await recorded();
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
    expect(await readJournal(pool)).toHaveLength(16);
  });

  test('is added to a table that was bootstrapped without', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [] });
    const pool = database.pool();
    const report = await bootstrapDatabase(pool, { ...layout.options, ...NO_PROVIDERS });
    expect(report.migrations).toEqual([{ name: `0003_journal_${layout.table}`, status: 'applied' }]);
    expect(await readJournal(pool)).toEqual([]);
  });

  test('has what any writer does: inserts, updates, deletes and a truncate', async () => {
    const { pool, options } = await recorded();
    const read = await since(pool);

    await createAdapter(pool, options).addPolicies('p', 'p', [
      ['user', 'reports', 'read'],
      ['user', 'reports', 'write'],
    ]);
    await createAdapter(pool, options).updatePolicy(
      'p',
      'p',
      ['user', 'reports', 'write'],
      ['user', 'reports', 'delete'],
    );
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'admin'`);
    await layout.insert(pool, ['g', "o'hara, $1\\", 'user']);
    await pool.query(`truncate ${layout.table}`);

    const entries = await read();
    expect(lines(entries)).toEqual([
      'added p user reports read',
      'added p user reports write',
      'removed p user reports write',
      'added p user reports delete',
      ...lines(entries).filter((line) => line.includes(' admin ')),
      "added g o'hara, $1\\ user",
      'truncated ',
    ]);
    expect(lines(entries).filter((line) => line.startsWith('removed p admin'))).not.toEqual([]);
    expect(entries.map(({ actor }) => actor)).toEqual(entries.map(() => null));
    expect(entries.at(-1)).toMatchObject({ ptype: null, values: [] });
  });

  test('has nothing of a statement that changes no row, nor of one that is rolled back', async () => {
    const { pool } = await recorded();
    const read = await since(pool);
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'nobody'`);
    const client = await pool.connect();
    await client.query('begin');
    await layout.insert(client, ['g', 'alice', 'user']);
    await client.query('rollback');
    client.release();
    expect(await read()).toEqual([]);
  });

  test('notifies once a statement, whatever its size', async () => {
    const { database, pool } = await recorded();
    const listener = await database.pool().connect();
    const heard: (string | undefined)[] = [];
    listener.on('notification', ({ channel, payload }) => heard.push(`${channel} ${payload}`));
    await listener.query('listen casbin_bootstrap_journal');
    const rules = Array.from({ length: 5_000 }, (_, index) => [`user ${index} ${'x'.repeat(100)}`, 'user']);

    await createAdapter(pool, layout.options).addPolicies('g', 'g', rules);
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'nobody'`);

    await expect.poll(() => heard).toEqual([`casbin_bootstrap_journal public.${layout.table}`]);
    listener.release(true);
  });

  test('is written for a role that may not write it, and that role can change nothing in it', async () => {
    const { database } = await recorded();
    const role = await database.createRole();
    await database.pool().query(`
      grant usage on schema public to ${role.name};
      grant select, insert, update, delete on ${layout.table} to ${role.name};
      grant select on casbin_bootstrap_journal to ${role.name};
      grant usage on sequence ${layout.table}_id_seq to ${role.name}
    `);
    const pool = database.pool({ connectionString: role.url });

    await createAdapter(pool, layout.options).addPolicy('p', 'p', ['user', 'reports', 'read']);

    const [entry] = await readJournal(pool, { limit: 1 });
    expect(entry).toMatchObject({ operation: 'added', role: role.name });
    for (const statement of ['delete from', 'truncate', 'insert into']) {
      const end = statement === 'insert into' ? ' default values' : '';
      await expect(pool.query(`${statement} casbin_bootstrap_journal${end}`)).rejects.toMatchObject({
        code: '42501',
      });
    }
  });

  test('can not be written elsewhere, or with other values, by a search_path of the writer', async () => {
    const { database, pool } = await recorded();
    await database.pool().query(`
      create schema evil;
      create table evil.casbin_bootstrap_journal (note text);
      create function evil.current_setting(text, boolean) returns text return 'forged'
    `);
    const client = await pool.connect();
    await client.query(`
      set search_path = evil, pg_catalog, public;
      create domain pg_temp.text as pg_catalog.text check (false)
    `);
    await layout.insert(client, ['g', 'alice', 'user']);
    client.release(true);
    const entries = await readJournal(pool, { schema: 'public', value: 'alice' });
    expect(lines(entries)).toEqual(['added g alice user']);
    expect(entries).toMatchObject([{ actor: null, reason: null }]);
  });

  test('has the time of each change, not that of its transaction', async () => {
    const { pool } = await recorded();
    const client = await pool.connect();
    await client.query('begin');
    await layout.insert(client, ['g', 'alice', 'user']);
    const { rows } = await client.query(
      'select at > now() as later from casbin_bootstrap_journal order by id desc limit 1',
    );
    await client.query('commit');
    client.release();
    expect(rows).toEqual([{ later: true }]);
  });

  test('is read by time, actor, value and table', async () => {
    const { pool } = await recorded();
    const before = new Date('2026-01-01T10:00:00.000Z');
    await pool.query('update casbin_bootstrap_journal set at = $1', [before]);
    await layout.insert(pool, ['g', 'alice', 'user'], ['g', 'bob', 'user']);

    const after = new Date(before.getTime() + 1);
    expect(lines(await readJournal(pool, { since: after }))).toEqual([
      'added g alice user',
      'added g bob user',
    ]);
    expect(await readJournal(pool, { since: before })).toHaveLength(18);
    expect(await readJournal(pool, { until: after })).toHaveLength(16);
    const [first, last] = [new Date('0001-01-01'), new Date('9999-12-31')];
    expect(await readJournal(pool, { since: first, until: last })).toHaveLength(18);
    expect(await readJournal(pool, { until: before })).toEqual([]);
    expect(lines(await readJournal(pool, { value: 'bob' }))).toEqual(['added g bob user']);
    expect(lines(await readJournal(pool, { value: ['user', 'bob'] }))).toEqual(['added g bob user']);
    expect(await readJournal(pool, { value: ['bob', 'accounts'] })).toEqual([]);
    expect(await readJournal(pool, { actor: 'casbin-bootstrap' })).toHaveLength(16);
    expect(await readJournal(pool, { table: 'another' })).toEqual([]);
    expect(lines(await readJournal(pool, { limit: 1 }))).toEqual(['added g bob user']);
  });
});

test('of a journal, the newest thousand entries are read', async () => {
  const pool = (await createBootstrapped(NO_PROVIDERS)).pool();
  await pool.query(`insert into casbin (ptype, rule)
    select 'g', jsonb_build_array('user ' || n, 'user') from generate_series(1, 1500) n`);
  const entries = await readJournal(pool);
  expect(lines(entries)).toEqual(Array.from({ length: 1_000 }, (_, n) => `added g user ${n + 501} user`));
});

test('it is known whether a journal has an entry of a table, and whether it records its changes', async () => {
  const pool = (await createBootstrapped(NO_PROVIDERS)).pool();
  await bootstrapDatabase(pool, { ...NO_PROVIDERS, schema: 'elsewhere' });
  const stateOf = (table?: string) => readJournalState(pool, { schema: undefined, table });
  expect(await stateOf()).toEqual({ isEmpty: false, isRecording: true });
  expect(await stateOf('casbin')).toEqual({ isEmpty: false, isRecording: true });
  expect(await stateOf('another')).toEqual({ isEmpty: true, isRecording: false });

  const { rows } = await pool.query(
    `select tgname as name from pg_trigger where tgrelid = 'casbin'::regclass`,
  );
  const setTriggers = async (state: string) => {
    for (const { name } of rows) await pool.query(`alter table casbin ${state} trigger "${name}"`);
  };
  await setTriggers('enable always');
  expect(await stateOf()).toEqual({ isEmpty: false, isRecording: true });
  await pool.query(`create trigger another before update on casbin
    for each row execute function suppress_redundant_updates_trigger()`);
  for (const state of ['disable', 'enable replica']) {
    await setTriggers(state);
    expect(await stateOf(), state).toEqual({ isEmpty: false, isRecording: false });
  }
});

test('empty values are read as they are stored: at the end of a document, and never in the columns after a rule', async () => {
  const pool = (await createDatabase()).pool();
  const rule = ['p', 'user', '', ''];
  await bootstrapDatabase(pool, { ...NO_PROVIDERS, schema: 'documents' });
  await pool.query(`insert into documents.casbin (ptype, rule) values ('p', '["user", "", ""]')`);
  const [entry] = await readJournal(pool, { schema: 'documents', limit: 1 });
  expect([entry?.ptype, ...(entry?.values ?? [])]).toEqual(rule);
  const explained = await explainDecision(pool, ['user', '', ''], { schema: 'documents' });
  expect(explained.granted).toMatchObject([{ rule, actor: null }]);

  const table = { name: 'casbin', layout: 'columns' } as const;
  await bootstrapDatabase(pool, { ...NO_PROVIDERS, schema: 'columns', table });
  await pool.query(
    `insert into columns.casbin (ptype, v0, v1, v2, v3, v4, v5, v6) values ('p', 'user', '', null, 'x', '', '', '')`,
  );
  // Neither column is that of a document.
  await pool.query('alter table columns.casbin add rule text, add note jsonb');
  const [other] = await readJournal(pool, { schema: 'columns', limit: 1 });
  expect(other?.values).toEqual(['user', '', '', 'x']);
});

test('a table of any name is recorded, and its name is never code', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  const names = [`it's "a" $$ table; drop table x --`, 'z'.repeat(63)];
  for (const name of names) {
    await bootstrapDatabase(pool, { ...NO_PROVIDERS, table: { name, layout: 'columns' } });
    await createAdapter(pool, { table: name }).addPolicy('p', 'p', ['user', 'reports', 'read']);
    expect(await readJournal(pool, { table: name })).toHaveLength(17);
  }
});

test('the journal of a named table is beside the table that the search_path finds', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool(), { ...NO_PROVIDERS, schema: 'public' });
  const quoted = { name: 'Rules, old', layout: 'columns' } as const;
  await bootstrapDatabase(database.pool(), { ...NO_PROVIDERS, schema: 'public', table: quoted });
  await bootstrapDatabase(database.pool(), { ...NO_PROVIDERS, schema: 'first', table: 'casbin_rule' });
  const pool = database.pool({ options: '-c search_path=first,public' });
  expect(await readJournal(pool, { table: quoted.name })).toHaveLength(16);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);

  expect(lines(await readJournal(pool, { table: 'casbin', limit: 1 }))).toEqual(['added g alice user']);
  expect(await readJournal(pool, { table: 'casbin_rule', value: 'alice' })).toEqual([]);
  expect(await readJournal(pool, { table: 'casbin_rule' })).toHaveLength(16);
  expect(await readJournal(pool, { table: 'casbin_rule', schema: 'public' })).toEqual([]);
});

test('a missing journal is named with the schema of the table', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool(), { seeders: [], schema: 'app' });
  const pool = database.pool({ options: '-c search_path=app,public' });
  await expect(readJournal(pool, { table: 'casbin' })).rejects.toMatchObject({
    code: 'TABLE_MISSING',
    message: expect.stringContaining('There is no journal "app"."casbin_bootstrap_journal".'),
  });
});

test('the journal of a named table is found beside a temporary table of that name', async () => {
  const database = await createDatabase();
  await bootstrapDatabase(database.pool(), NO_PROVIDERS);
  const pool = database.pool({ max: 1 });
  await pool.query('create temporary table casbin (note text)');
  expect(await readJournal(pool, { table: 'casbin' })).toHaveLength(16);
});

test('wrong filters and a missing journal are reported at once', async () => {
  const pool = (await createDatabase()).pool();
  const wrong = {
    since: new Date(Number.NaN),
    limit: 0,
    user: 'alice',
    actor: 'a\0',
    value: ['a', '\ud800'],
  };
  const refused = readJournal(pool, wrong as never);
  await expect(refused).rejects.toBeInstanceOf(InvalidOptionsError);
  await expect(refused).rejects.toMatchObject({
    problems: expect.arrayContaining(
      ['since', 'limit', 'user', 'actor', 'value[1]'].map((at) => expect.objectContaining({ at })),
    ),
  });
  const unreachable = new pg.Pool({ connectionString: 'postgres://127.0.0.1:1/none' });
  await expect(readJournal(unreachable)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' });
  await expect(readJournal(pool)).rejects.toMatchObject({
    code: 'TABLE_MISSING',
    message: expect.stringContaining('journal: true'),
  });
});

import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { triggersOf } from '../../migrations/0003_journal.ts';
import { bootstrapDatabase, changePolicy, pruneJournal } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { gateOf } from './gate.fixture.ts';
import { follow, openJournaled } from './live.fixture.ts';

describe.each(LAYOUTS)('a live enforcer that follows the journal of a table of layout $name', (layout) => {
  test('has entries that got their number early and commit late', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const pool = database.pool();
    const { live, changes } = await follow(database, layout.options);
    const early = await pool.connect();
    await early.query('begin');
    await layout.insert(early, ['g', 'early', 'user']);
    await layout.insert(pool, ['g', 'late', 'user']);
    await live.caughtUp();
    await layout.insert(pool, ['g', 'later', 'user']);
    await live.caughtUp();
    expect([
      live.enforceSync('late', 'accounts', 'read'),
      live.enforceSync('early', 'accounts', 'read'),
    ]).toEqual([true, false]);
    await early.query('commit');
    early.release();
    await live.caughtUp();
    expect(live.enforceSync('early', 'accounts', 'read')).toBe(true);
    expect(live.state.by).toBe('journal');
    // Each once, although those behind the early one were read again.
    expect(changes.map(({ reloaded, added }) => [reloaded, ...added.map(({ values }) => values[0])])).toEqual(
      [
        [false, 'late'],
        [false, 'later'],
        [false, 'early'],
      ],
    );
  });

  test('lists changes in the order in which they were made, whichever transaction began first', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const [pool, own] = [database.pool(), database.pool()];
    const gate = gateOf(own);
    const { live, changes } = await follow(database, layout.options, own);
    const early = await pool.connect();
    await early.query('begin');
    await early.query('select pg_current_xact_id()');
    gate.close();
    await layout.insert(pool, ['g', 'first', 'user']);
    await layout.insert(early, ['g', 'second', 'user']);
    await early.query('commit');
    early.release();
    gate.open();
    await live.caughtUp();
    expect(changes).toMatchObject([
      { added: [{ values: ['first', 'user'] }, { values: ['second', 'user'] }] },
    ]);
  });

  test('is notified, without asking', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const pool = database.pool();
    const { live } = await follow(database, layout.options);
    const client = await pool.connect();
    await changePolicy(client, { assign: [['alice', 'user']] }, { ...layout.options, actor: 'root' });
    client.release();
    await expect.poll(() => live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });

  test('reads everything again where the journal does not have it', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const pool = database.pool();
    const { live, changes } = await follow(database, layout.options);

    // As after a pruning that took what was not read yet.
    await layout.insert(pool, ['g', 'alice', 'user']);
    await pool.query('delete from casbin_bootstrap_journal');
    await layout.insert(pool, ['g', 'bob', 'user']);
    await live.caughtUp();
    expect(['alice', 'bob'].map((name) => live.enforceSync(name, 'accounts', 'read'))).toEqual([true, true]);

    // As after somebody has turned the triggers off.
    await pool.query(`alter table ${layout.table} disable trigger user`);
    await layout.insert(pool, ['g', 'carol', 'user']);
    await live.caughtUp();
    expect(live.enforceSync('carol', 'accounts', 'read')).toBe(true);
    expect(live.state.by).toBe('reload');
    expect(changes.at(-1)).toMatchObject({ reloaded: true });
  });

  test('has what was changed while the triggers of the journal were off between two looks', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...layout.options, seeders: [], journal: true });
    const { live } = await follow(database, layout.options);
    await layout.insert(pool, ['g', 'alice', 'user']);
    await live.caughtUp();

    // As `pg_restore --disable-triggers` does.
    await pool.query(`alter table ${layout.table} disable trigger user`);
    await layout.insert(pool, ['g', 'bob', 'user']);
    await pool.query(`alter table ${layout.table} enable trigger user`);
    await live.caughtUp();

    expect(['alice', 'bob'].map((name) => live.enforceSync(name, 'accounts', 'read'))).toEqual([true, true]);
    expect(live.state.by).toBe('journal');
  });

  test('follows a journal whose triggers fire for a replication too', async () => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal: true });
    const pool = database.pool();
    for (const trigger of triggersOf(layout.table))
      await pool.query(`alter table ${layout.table} enable always trigger ${trigger}`);
    const { live } = await follow(database, layout.options);
    await layout.insert(pool, ['g', 'alice', 'user']);
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
    expect(live.state.by).toBe('journal');
  });

  test('goes on when the journal is dropped, with its triggers or without them', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...layout.options, seeders: [], journal: true });
    const { live } = await follow(database, layout.options);
    await layout.insert(pool, ['g', 'alice', 'user']);
    await live.caughtUp();

    await pool.query('drop table casbin_bootstrap_journal');
    await live.caughtUp();
    expect(live.state).toMatchObject({ by: 'reload', error: null });

    await pool.query(`drop function casbin_bootstrap_journal_${layout.table} cascade`);
    await layout.insert(pool, ['g', 'bob', 'user']);
    await live.caughtUp();
    expect(['alice', 'bob'].map((name) => live.enforceSync(name, 'accounts', 'read'))).toEqual([true, true]);
  });

  test('reads all rules of a table that was renamed, as its triggers have its former name', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...layout.options, seeders: [], journal: true });
    await pool.query(`alter table ${layout.table} rename to policies`);
    const { live } = await follow(database, { table: 'policies' });
    expect(live.state.by).toBe('reload');
    // In one transaction, or a look could meet the former name.
    const client = await pool.connect();
    await client.query(`begin; alter table policies rename to ${layout.table}`);
    await layout.insert(client, ['g', 'alice', 'user']);
    await client.query(`alter table ${layout.table} rename to policies; commit`);
    client.release();
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });
});

describe('a live enforcer that follows a journal', () => {
  test('has a rule with an empty last value from the journal as from the table', async () => {
    const { live, changes } = await openJournaled();
    expect(await live.addPolicies([['alice', 'accounts', '']])).toBe(true);
    await live.addPolicy('bob', 'accounts', '');
    expect(live.enforceSync('alice', 'accounts', '')).toBe(true);
    expect(changes.at(-1)).toEqual({
      reloaded: false,
      added: [{ ptype: 'p', values: ['bob', 'accounts', ''] }],
      removed: [],
    });
    await live.removePolicy('bob', 'accounts', '');
    expect(live.enforceSync('bob', 'accounts', '')).toBe(false);
  });

  test('refuses a row that holds no rule, though its other values would fit', async () => {
    const { live, database } = await openJournaled();
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await live.caughtUp();
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["bob", null, "read"]')`);
    await expect(live.caughtUp()).rejects.toThrow('must be an array of strings');
    await pool.query(`delete from casbin where rule ->> 0 = 'bob'`);
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
  });

  test('forgets what only the journal told, where all rules are read again and are as at first', async () => {
    const { live, database } = await openJournaled();
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(true);
    await pool.query(`
      alter table casbin disable trigger user;
      delete from casbin where rule ->> 0 = 'alice';
      alter table casbin enable trigger user`);
    await live.caughtUp();
    expect(live.enforceSync('alice', 'accounts', 'read')).toBe(false);
  });

  test('reads everything anew once after more changes than are worth going through', async () => {
    const { live, database, changes } = await openJournaled();
    // What began before keeps the journal's floor where it is.
    const older = await database.pool().connect();
    await older.query('begin');
    await older.query('select pg_current_xact_id()');
    const pool = database.pool();
    await pool.query(`
      insert into casbin (ptype, rule)
      select 'g', jsonb_build_array('user ' || n, 'user') from generate_series(1, 10001) n
    `);
    await live.caughtUp();
    expect(live.enforceSync('user 10001', 'accounts', 'read')).toBe(true);
    expect(live.state.by).toBe('journal');
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await live.caughtUp();
    await pool.query(`delete from casbin where rule ->> 0 = 'alice'`);
    await live.caughtUp();
    await older.query('rollback');
    older.release();
    const alice = { ptype: 'g', values: ['alice', 'user'] };
    expect(changes).toEqual([
      { reloaded: true, added: [], removed: [] },
      { reloaded: false, added: [alice], removed: [] },
      { reloaded: false, added: [], removed: [alice] },
    ]);
  });

  test('misses nothing that was pruned before it could read it, however old its number is', async () => {
    const { pool, gate, live, link } = await openGated();
    const late = await pool.connect();
    await late.query('begin');
    await late.query(link, ['late']);
    await pool.query(link, ['early']);
    await live.caughtUp();
    gate.close();
    await late.query('commit');
    late.release();
    await pruneAll(pool);
    gate.open();
    await live.caughtUp();
    expect(live.enforceSync('early', 'accounts', 'read')).toBe(true);
    expect(live.enforceSync('late', 'accounts', 'read')).toBe(true);
  });

  /** A live enforcer whose looks can be held up, and the statement that gives a user a role. */
  async function openGated() {
    const database = await createBootstrapped({ seeders: [], journal: true });
    const gated = database.pool();
    const gate = gateOf(gated);
    const { live } = await follow(database, {}, gated);
    const link = `insert into casbin (ptype, rule) values ('g', jsonb_build_array($1::text, 'user'))`;
    return { pool: database.pool(), gate, live, link };
  }

  /** Makes all entries old, and prunes them. */
  async function pruneAll(pool: pg.Pool): Promise<void> {
    await pool.query(`update casbin_bootstrap_journal set at = at - interval '1 day'`);
    expect(await pruneJournal(pool, { olderThan: new Date(Date.now() - 2 * 3_600_000) })).toBeGreaterThan(0);
  }

  test.each(['before', 'after'])(
    'misses nothing where what was pruned had begun %s what is left',
    async (when) => {
      const { pool, gate, live, link } = await openGated();
      const [one, two] = [await pool.connect(), await pool.connect()];
      for (const client of [one, two]) await client.query('begin; select pg_current_xact_id()');
      if (when === 'before') {
        // The entry of the later transaction has the lower number. It is not read, and what is read comes after it.
        await two.query(link, ['missed']);
        await one.query(link, ['read']);
        await one.query('commit');
        await live.caughtUp();
        gate.close();
        await two.query('commit');
        await pruneAll(pool);
      } else {
        // The entry with the lowest number is committed after the pruning.
        await one.query(link, ['late']);
        await pool.query(link, ['read']);
        await live.caughtUp();
        gate.close();
        await two.query(link, ['missed']);
        await two.query('commit');
        await pool.query(link, ['last']);
        await pruneAll(pool);
        await one.query('commit');
      }
      one.release();
      two.release();
      gate.open();
      await live.caughtUp();
      for (const name of ['read', 'missed', ...(when === 'before' ? [] : ['late'])])
        expect(live.enforceSync(name, 'accounts', 'read'), name).toBe(true);
    },
  );

  test('misses nothing that was pruned from before the first entry, which then is the same', async () => {
    const { pool, gate, live, link } = await openGated();
    const client = await pool.connect();
    await client.query('begin');
    await client.query(link, ['missed']);
    await pool.query(link, ['read']);
    await pruneAll(pool);
    await live.caughtUp();
    gate.close();
    await client.query('commit');
    client.release();
    await pruneAll(pool);
    gate.open();
    await live.caughtUp();
    expect(live.enforceSync('missed', 'accounts', 'read')).toBe(true);
  });

  test('reads everything anew no more than once while a transaction is open that began before the journal', async () => {
    const database = await createBootstrapped({ seeders: [] });
    const pool = database.pool();
    const older = await pool.connect();
    await older.query('begin; select pg_current_xact_id()');
    await bootstrapDatabase(pool, { seeders: [], journal: true });
    const { live, changes } = await follow(database);
    for (const user of ['alice', 'bob', 'carol']) {
      await pool.query(`insert into casbin (ptype, rule) values ('g', jsonb_build_array('${user}', 'user'))`);
      await live.caughtUp();
    }
    await older.query('rollback');
    older.release();
    expect(changes.map(({ reloaded }) => reloaded)).toEqual([true, false, false]);
  });

  test('goes on with the journal where all that was pruned had been read', async () => {
    const { live, database, changes } = await openJournaled();
    const pool = database.pool();
    for (const user of ['alice', 'bob']) {
      await pool.query(`insert into casbin (ptype, rule) values ('g', jsonb_build_array('${user}', 'user'))`);
      await live.caughtUp();
    }
    // Tests of other databases on this server may have older transactions open.
    const isOver = 'bool_and(transaction < pg_snapshot_xmin(pg_current_snapshot()))';
    const read = () => pool.query(`select ${isOver} as "isOver" from casbin_bootstrap_journal`);
    await expect.poll(async () => (await read()).rows[0].isOver).toBe(true);
    await live.caughtUp();
    await pruneAll(pool);
    await live.caughtUp();
    await pool.query(`delete from casbin where rule ->> 0 = 'alice'`);
    await live.caughtUp();
    expect(changes.map(({ reloaded, removed }) => ({ reloaded, removed: removed.length }))).toEqual([
      { reloaded: false, removed: 0 },
      { reloaded: false, removed: 0 },
      { reloaded: false, removed: 1 },
    ]);
    // An empty journal tells nothing of what was in it.
    await pool.query('delete from casbin_bootstrap_journal');
    await live.caughtUp();
    expect(changes.at(-1)).toMatchObject({ reloaded: true });
  });

  test('misses nothing among many changes of another table with the same journal', async () => {
    const { live, database, changes } = await openJournaled();
    const pool = database.pool();
    await bootstrapDatabase(pool, {
      table: { name: 'others', layout: 'document' },
      seeders: [],
      journal: true,
    });
    const client = await pool.connect();
    await client.query('begin');
    await client.query(`
      insert into others (ptype, rule)
      select 'g', jsonb_build_array('user ' || n, 'user') from generate_series(1, 10001) n
    `);
    await client.query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await client.query('commit');
    client.release();
    await live.caughtUp();
    expect(changes).toEqual([
      { reloaded: false, added: [{ ptype: 'g', values: ['alice', 'user'] }], removed: [] },
    ]);
  });
});

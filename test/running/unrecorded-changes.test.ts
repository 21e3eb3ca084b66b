import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { bootstrapDatabase, changePolicy, createLiveEnforcer } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const RECORDED = { seeders: [], journal: true } as const;

test('a table whose rows changed without a trigger is read anew by a live enforcer', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { ...RECORDED, table: 'casbin_rule' });
  await pool.query(`insert into casbin_rule (ptype, v0, v1) values ('g', 'ALICE', 'user')`);
  await using live = await createLiveEnforcer(pool, { table: 'casbin_rule' });
  await pool.query('alter table casbin_rule alter column v0 type text using lower(v0)');
  await live.caughtUp();
  expect(await live.enforce('alice', 'accounts', 'read')).toBe(true);
  expect(await live.enforce('ALICE', 'accounts', 'read')).toBe(false);
});

test('a change under another name is seen by a live enforcer, although it is recorded under that name', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, RECORDED);
  await using live = await createLiveEnforcer(pool);
  expect(live.state.by).toBe('journal');
  await pool.query(`
    begin;
    alter table casbin rename to other;
    delete from other where rule ->> 0 = 'readonly';
    alter table other rename to casbin;
    commit
  `);
  await live.caughtUp();
  expect(await live.enforce('readonly', 'accounts', 'read')).toBe(false);
});

test('rows of partitions and of tables that inherit are seen by a live enforcer, although no trigger records them', async () => {
  const pool = (await createDatabase()).pool();
  const columns = [0, 1, 2, 3, 4, 5].map((position) => `v${position} varchar`).join(', ');
  await pool.query(`
    create schema parted;
    create table parted.casbin_rule (id bigint, ptype varchar, ${columns}) partition by list (ptype);
    create table parted.permissions partition of parted.casbin_rule for values in ('p');
    create table parted.others partition of parted.casbin_rule default
  `);
  await bootstrapDatabase(pool, { ...RECORDED, schema: 'parted' });
  await bootstrapDatabase(pool, { ...RECORDED, schema: 'inherited', table: 'casbin_rule' });
  await using parted = await createLiveEnforcer(pool, { schema: 'parted' });
  await using inherited = await createLiveEnforcer(pool, { schema: 'inherited' });
  expect([parted.state.by, inherited.state.by]).toEqual(['reload', 'journal']);

  await pool.query(`
    create table inherited.more () inherits (inherited.casbin_rule);
    insert into parted.permissions (ptype, v0, v1, v2) values ('p', 'eve', 'accounts', 'read');
    insert into inherited.more (id, ptype, v0, v1, v2) values (1000, 'p', 'eve', 'accounts', 'read')
  `);
  for (const live of [parted, inherited]) {
    await live.caughtUp();
    expect(await live.enforce('eve', 'accounts', 'read')).toBe(true);
  }
  const client = await pool.connect();
  const by = { actor: 'root', schema: 'parted' };
  const change = await changePolicy(client, { assign: [['carol', 'user']] }, by);
  client.release();
  expect(change.journaled, 'what is written to the table itself is recorded').toBe(true);
});

test('what is deleted through a table that the rule table inherits from is seen by a live enforcer', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, RECORDED);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["zed", "user"]')`);
  await using live = await createLiveEnforcer(pool);
  await pool.query(`
    create table everything (id int not null, ptype text, rule jsonb);
    alter table casbin inherit everything
  `);
  await live.caughtUp();
  expect(live.state.by).toBe('reload');
  await pool.query(`delete from everything where rule ->> 0 = 'zed'`);
  await live.caughtUp();
  expect(await live.getRolesForUser('zed')).toEqual([]);
});

test('what a session writes without triggers is read when a trigger is made anew, as documented', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, RECORDED);
  await using live = await createLiveEnforcer(pool);
  const loader = await pool.connect();
  await loader.query('set session_replication_role = replica');
  await loader.query(`delete from casbin where rule ->> 0 = 'readonly'`);
  loader.release(true);
  await live.caughtUp();
  expect(await live.enforce('readonly', 'accounts', 'read'), 'it can not know').toBe(true);

  const documented = await readFile('docs/running.md', 'utf8');
  const [, remedy = ''] = /by making a trigger anew: `([^`]+)`/.exec(documented) ?? [];
  await pool.query(remedy);
  await live.caughtUp();
  expect(await live.enforce('readonly', 'accounts', 'read')).toBe(false);
  expect(live.state.by).toBe('journal');
});

test('a live enforcer reads all rules where entries were removed together with what they say', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, RECORDED);
  await using live = await createLiveEnforcer(pool);
  await pool.query(`
    begin;
    delete from casbin where rule ->> 0 = 'readonly';
    truncate casbin_bootstrap_journal restart identity;
    insert into casbin (ptype, rule) values ('g', '["alice", "user"]');
    commit
  `);
  await live.caughtUp();
  expect(await live.enforce('readonly', 'accounts', 'read')).toBe(false);
});

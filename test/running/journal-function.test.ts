import { expect, test } from 'vitest';
import { bootstrapDatabase, createLiveEnforcer } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const RECORDED = { seeders: [], journal: true } as const;

test('a role can not have the journal record what it writes to a table of its own', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, RECORDED);
  const role = await database.createRole();
  await pool.query(`grant usage on schema public to ${role.name}; grant select on casbin to ${role.name}`);
  await using live = await createLiveEnforcer(pool);
  const forger = await database.pool({ connectionString: role.url }).connect();
  await forger.query('create temporary table casbin (ptype text, rule jsonb)');
  const forged = forger.query(
    `create trigger forged after insert on casbin referencing new table as new_rows
     for each statement execute function public.casbin_bootstrap_journal_casbin()`,
  );
  await expect(forged).rejects.toMatchObject({ code: '42501' });
  await forger.query(`insert into casbin values ('p', '["mallory", "accounts", "delete"]')`);
  forger.release(true);
  await live.caughtUp();
  expect(await live.enforce('mallory', 'accounts', 'delete')).toBe(false);
});

test('a journal whose function anybody may execute, as after a restore without privileges, is closed again', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, RECORDED);
  await pool.query('grant execute on function casbin_bootstrap_journal_casbin() to public');
  expect((await bootstrapDatabase(pool, RECORDED)).migrations).toHaveLength(1);
  const { rows } = await pool.query(
    `select has_function_privilege('public', 'casbin_bootstrap_journal_casbin()', 'execute') as open`,
  );
  expect(rows).toEqual([{ open: false }]);
});

test('a journal whose function a role has opened to another one is closed to both', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, RECORDED);
  const [first, second] = [await database.createRole(), await database.createRole()];
  const record = 'function casbin_bootstrap_journal_casbin()';
  await pool.query(`grant execute on ${record} to ${first.name} with grant option`);
  const own = database.pool({ connectionString: first.url });
  await own.query(`grant execute on ${record} to ${second.name}`);
  expect((await bootstrapDatabase(pool, RECORDED)).migrations).toHaveLength(1);
  const { rows } = await pool.query(
    `select role from unnest($1::text[]) role
     where has_function_privilege(role, 'casbin_bootstrap_journal_casbin()', 'execute')`,
    [[first.name, second.name]],
  );
  expect(rows).toEqual([]);
});

test('a journal whose function other roles may execute by default privileges is closed', async () => {
  const pool = (await createDatabase()).pool();
  const { rows: roles } = await pool.query('select current_user as name');
  const role = `e_default_${process.pid}`;
  await pool.query(`create role ${role}`);
  try {
    await pool.query(`alter default privileges grant execute on functions to ${role}`);
    await bootstrapDatabase(pool, RECORDED);
    const { rows } = await pool.query(
      `select array_agg(a.grantee::regrole::text) as may
       from pg_proc p, aclexplode(p.proacl) a where p.oid = 'casbin_bootstrap_journal_casbin'::regproc`,
    );
    expect(rows).toEqual([{ may: [roles[0].name] }]);
    await expect(bootstrapDatabase(pool, RECORDED)).resolves.toMatchObject({ changed: false });
  } finally {
    await pool.query(`drop owned by ${role}; drop role ${role}`);
  }
});

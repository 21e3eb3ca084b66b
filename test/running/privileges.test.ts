import type pg from 'pg';
import { expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  createEnforcer,
  createLiveEnforcer,
  PermissionError,
  type PolicyDefinition,
  pruneJournal,
  readJournal,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';

const POLICY: PolicyDefinition = { version: 1, roles: { clerk: { permissions: { invoices: ['write'] } } } };

/** A bootstrapped database, and a pool of a role that may do nothing in it. */
async function open(options: object) {
  const database = await createDatabase();
  const owner = database.pool();
  await bootstrapDatabase(owner, { policy: POLICY, seeders: [], journal: true, ...options });
  const { name, url } = await database.createRole();
  return { owner, name, pool: database.pool({ connectionString: url }) };
}

/** What it is told to have granted, which is granted then, until it succeeds. */
async function grantWhatIsTold(
  owner: pg.Pool,
  work: () => Promise<unknown>,
  what = /^A privilege/,
): Promise<string[]> {
  const granted: string[] = [];
  for (let attempt = 0; attempt < 5; attempt++) {
    const error = await work().then(
      () => null,
      (reason: unknown) => reason,
    );
    if (error === null) return granted;
    expect(error).toBeInstanceOf(PermissionError);
    const { message, remedies } = error as PermissionError;
    expect(message).toMatch(what);
    for (const remedy of remedies) {
      expect(message).toContain(remedy);
      await owner.query(remedy);
    }
    granted.push(...remedies);
  }
  throw new Error(`not enough: ${granted.join(' ')}`);
}

async function change({ pool }: { readonly pool: pg.Pool }, changes: object, options: object) {
  const client = await pool.connect();
  await client.query('begin');
  try {
    return await changePolicy(client, changes, { ...options, actor: 'root', reason: 'ticket 7' });
  } finally {
    await client.query('commit');
    client.release();
  }
}

test('privileges that reading and pruning a journal lack are reported as SQL, and are enough', async () => {
  const { owner, name, pool } = await open({});
  const journal = `public.casbin_bootstrap_journal to ${name};`;

  expect(await grantWhatIsTold(owner, () => readJournal(pool), /to read the journal/)).toEqual([
    `grant select on table ${journal}`,
  ]);
  const prune = () => pruneJournal(pool, { olderThan: new Date(0) });
  expect(await grantWhatIsTold(owner, prune, /to prune the journal/)).toEqual([
    `grant delete on table ${journal}`,
  ]);
});

test('the same holds in a schema that the role may not use', async () => {
  const { owner, name, pool } = await open({ schema: 'auth' });

  expect(await grantWhatIsTold(owner, () => readJournal(pool, { schema: 'auth' }))).toEqual([
    `grant usage on schema auth to ${name};`,
    `grant select on table auth.casbin_bootstrap_journal to ${name};`,
  ]);
});

test.each(LAYOUTS)(
  'so is what a live enforcer, an enforcer and a change lack, on a table of layout $name',
  async (layout) => {
    const opened = await open(layout.options);
    const { owner, name, pool } = opened;
    const table = `public.${layout.table} to ${name};`;
    const record = `public.casbin_bootstrap_rule to ${name};`;

    expect(await grantWhatIsTold(owner, async () => createEnforcer(pool, layout.options))).toEqual([
      `grant select on table ${table}`,
    ]);
    const follow = async () => (await createLiveEnforcer(pool, layout.options)).close();
    expect(await grantWhatIsTold(owner, follow)).toEqual([
      `grant select on table public.casbin_bootstrap_journal to ${name};`,
    ]);
    const revoke = () => change(opened, { revoke: [['clerk', 'invoices', 'write']] }, layout.options);
    const lacking = [
      `grant delete on table ${table}`,
      `grant select on table ${record}`,
      `grant update on table ${record}`,
      `grant update on table ${table}`,
    ];
    expect((await grantWhatIsTold(owner, revoke)).sort()).toEqual(lacking.sort());
    const grant = () => change(opened, { grant: [['clerk', 'notes', 'read']] }, layout.options);
    expect((await grantWhatIsTold(owner, grant)).sort()).toEqual([
      `grant insert on table ${table}`,
      `grant usage on sequence public.${layout.table}_id_seq to ${name};`,
    ]);
  },
);

test('so it is where the table is found by its name, in another schema than the first, and for a trial', async () => {
  const table = 'casbin_rule';
  const opened = await open({ schema: 'auth', table });
  const { owner, name, pool } = opened;
  await owner.query(
    `grant usage on schema auth to ${name}; alter role ${name} set search_path = public, auth`,
  );

  expect(await grantWhatIsTold(owner, async () => createEnforcer(pool))).toEqual([
    `grant select on table auth.${table} to ${name};`,
  ]);
  expect(await grantWhatIsTold(owner, async () => (await createLiveEnforcer(pool)).close())).toEqual([
    `grant select on table auth.casbin_bootstrap_journal to ${name};`,
  ]);
  // Another application has records in the first schema.
  await bootstrapDatabase(owner, { policy: POLICY, seeders: [] });
  const grant = () => change(opened, { grant: [['clerk', 'notes', 'read']] }, { table, dryRun: true });
  expect((await grantWhatIsTold(owner, grant)).sort()).toEqual([
    `grant insert on table auth.${table} to ${name};`,
    `grant select on table auth.casbin_bootstrap_rule to ${name};`,
    `grant update on table auth.casbin_bootstrap_rule to ${name};`,
    `grant usage on sequence auth.${table}_id_seq to ${name};`,
  ]);
});

test('a live enforcer that loses a privilege reports which one, and continues when it is granted again', async () => {
  const { owner, name, pool } = await open({});
  await owner.query(`grant select on casbin, casbin_bootstrap_journal to ${name}`);
  const errors: Error[] = [];
  await using live = await createLiveEnforcer(pool, {
    pollIntervalMs: 50,
    onError: (error) => errors.push(error),
  });

  await owner.query(`revoke select on casbin_bootstrap_journal from ${name}`);
  await expect.poll(() => live.state.error).toBeInstanceOf(PermissionError);
  expect(errors[0]?.message).toContain(`grant select on table public.casbin_bootstrap_journal to ${name};`);
  await owner.query(`grant select on casbin_bootstrap_journal to ${name}`);
  await expect.poll(() => live.state.error).toBeNull();
});

test('a live enforcer of a role from which row-level security may hide rules, or their changes, is refused', async () => {
  const { owner, name, pool } = await open({});
  await owner.query(`grant select on casbin, casbin_bootstrap_journal to ${name}`);
  const follow = async () => (await createLiveEnforcer(pool)).close();
  for (const table of ['casbin', 'casbin_bootstrap_journal']) {
    await follow();
    await owner.query(
      `alter table ${table} enable row level security; create policy few on ${table} using (id < 0)`,
    );
    await expect(follow()).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(`Row-level security is active for role ${name}`),
      remedies: [`alter role ${name} bypassrls;`],
    });
    await owner.query(`alter table ${table} disable row level security`);
  }
  await owner.query('alter table casbin enable row level security');
  await owner.query(`alter role ${name} bypassrls`);
  await follow();
});

test('a change of a database without a rule table says so', async () => {
  const pool = (await createDatabase()).pool();
  const client = await pool.connect();
  await expect(changePolicy(client, { grant: [['a', 'b', 'c']] }, { actor: 'root' })).rejects.toMatchObject({
    code: 'TABLE_MISSING',
    message: expect.stringContaining('Run bootstrapDatabase() first'),
  });
  client.release();
});

import { describe, expect, test } from 'vitest';
import { LOCKS } from '../../src/database/lock.ts';
import { bootstrapDatabase, changePolicy, type Seeder } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { untilBlocked } from '../bootstrap/database-state.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { BY, openForChanges } from './change.fixture.ts';

/** More than are locked one by one. */
const MANY_LINKS = Array.from({ length: 64 }, (_, index) => [`user ${index}`, 'clerk'] as const);

describe.each(LAYOUTS)('changePolicy on a table of layout $name', (layout) => {
  const open = () => openForChanges(layout);

  test('by two who make the same change at once is made once', async () => {
    await using opened = await open();
    const { pool, options, stored } = opened;
    const reports = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const client = await pool.connect();
        try {
          return await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
        } finally {
          client.release();
        }
      }),
    );
    expect(reports.flatMap(({ added }) => added)).toEqual([['g', 'carol', 'clerk']]);
    expect((await stored()).filter((first) => first === 'carol')).toHaveLength(1);
  });

  test.each([
    ['added', { grant: [['accountant', 'reports', 'read']] }, ['p', 'accountant', 'reports', 'read']],
    ['removed', { revoke: [['clerk', 'invoices', 'read']] }, ['p', 'clerk', 'invoices', 'read']],
  ] as const)(
    'that has waited does not count as its own what another one has %s',
    async (list, changes, rule) => {
      await using opened = await open();
      const { pool, client, options } = opened;
      await client.query('begin');
      const first = await changePolicy(client, changes, { ...options, policy: undefined });
      const other = await pool.connect();
      const second = changePolicy(other, changes, { ...options, policy: undefined });
      await untilBlocked(pool);
      await client.query('commit');
      expect(first[list]).toEqual([rule]);
      expect(await second).toMatchObject({ added: [], removed: [] });
      other.release();
    },
  );

  test('and a bootstrap see each other, where both together allow what must never be', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const role = (...actions: string[]) => ({ permissions: { invoices: actions } });
    const guest = [
      ['g', 'bob', 'guest'],
      ['p', 'guest', 'invoices', 'read'],
    ];
    const never = [['bob', 'invoices', 'delete']] as const;
    const [before, after] = [['read'], ['read', 'delete']].map((actions) => ({
      ...layout.options,
      seeders: [],
      policy: { roles: { clerk: role(...actions) }, rules: guest, never },
    }));
    const start = (options: object = {}) => bootstrapDatabase(pool, options);
    await start(before);
    const client = await pool.connect();
    await client.query('begin');
    await changePolicy(client, { assign: [['bob', 'clerk']] } as never, { ...before, ...BY } as never);

    const started = start(after).catch((error: unknown) => error);
    await untilBlocked(pool);
    await client.query('commit');
    client.release();

    expect(await started).toMatchObject({ code: 'VERIFICATION_FAILED' });
    expect(await start(before)).toMatchObject({ changed: false });
  });

  test('names who holds the lock for which it waited too long, and leaves the transaction usable', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const other = await pool.connect();
    await other.query('begin');
    await changePolicy(other, { assign: [['carol', 'clerk']] }, options);
    const { rows } = await other.query('select pg_backend_pid() as pid');
    for (const limit of ['lock_timeout', 'statement_timeout']) {
      await client.query(`begin; set local ${limit} = '100ms'`);
      await layout.insert(client, ['g', limit, 'clerk']);

      const refused = changePolicy(client, { assign: [['dave', 'clerk']] }, options);

      await expect(refused).rejects.toMatchObject(
        limit === 'lock_timeout'
          ? {
              code: 'LOCK_TIMEOUT',
              message: expect.stringMatching(
                /needed to change the policy .* Nothing was changed\. It is held by pid .* raise the lock_timeout/,
              ),
              holders: [{ pid: rows[0].pid, since: expect.any(Date) }],
              cause: { code: '55P03' },
            }
          : { code: 'STATEMENT_TIMEOUT', cause: { code: '57014' } },
      );
      await client.query('commit');
    }
    await other.query('rollback');
    other.release();
    expect((await opened.stored()).slice(-2)).toEqual(['lock_timeout', 'statement_timeout']);
  });

  test('is not disturbed by another one that fails on the same client at the same time', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const other = await pool.connect();
    await other.query('begin');
    await changePolicy(other, { assign: [['carol', 'clerk']] }, options);
    await client.query(`begin; set local lock_timeout = '200ms'`);
    const failing = changePolicy(client, { assign: [['dave', 'clerk']] }, options).catch(({ code }) => code);
    await untilBlocked(pool);
    const made = changePolicy(
      client,
      { revoke: [['accountant', 'invoices', 'delete']] },
      { ...options, force: true },
    );
    expect(await failing).toBe('LOCK_TIMEOUT');
    expect(await made).toMatchObject({ removed: [['p', 'accountant', 'invoices', 'delete']] });
    for (const session of [client, other]) await session.query('rollback');
    other.release();
  });

  test('in several calls may meet another transaction, and one of them ends with the code of a deadlock', async () => {
    await using opened = await open();
    const { pool, client, options, stored } = opened;
    const other = await pool.connect();
    const [withoutNever, withNever] = [{ ...layout.options, ...BY }, options];
    const users = ['carol', 'dave'];
    const sessions = [client, other];
    for (const [index, session] of sessions.entries()) {
      await session.query(`set deadlock_timeout = '10ms'; begin`);
      await changePolicy(session, { assign: [[users[index] ?? '', 'clerk']] }, withoutNever);
    }
    const outcomes = await Promise.all(
      sessions.map((session) =>
        changePolicy(session, { grant: [['accountant', 'invoices', 'read']] }, withNever).then(
          () => 'made',
          async ({ code }) => {
            await session.query('rollback');
            return code;
          },
        ),
      ),
    );
    for (const session of sessions) await session.query('commit');
    other.release();
    expect(outcomes.sort()).toEqual(['40P01', 'made']);
    expect((await stored()).filter((first) => users.includes(first))).toHaveLength(1);
  });

  test.each([
    ['two roles', ['clerk', 'accountant'], ['accountant', 'clerk'], 'ROLE_CYCLE'],
    ['a role and one without rules', ['auditor', 'clerk'], ['clerk', 'auditor'], 'ROLE_CYCLE'],
    ['two names without rules', ['carol', 'dave'], ['dave', 'carol'], 'ROLE_CYCLE'],
    ['names that links lead to', ['team', 'leads'], ['leads', 'staff'], 'ROLE_CYCLE'],
    ['many names', ['carol', 'dave'], ['dave', 'carol'], 'ROLE_CYCLE', MANY_LINKS],
    // Nobody inherits from these users.
    ['a role and a new user', ['clerk', 'accountant'], ['carol', 'admin'], null],
    ['two users', ['carol', 'clerk'], ['erin', 'clerk'], null],
  ] as const)(
    'of links between %s, made at the same moment, is checked together',
    async (_, first, second, code, others = []) => {
      await using opened = await open();
      const { pool, client } = opened;
      const options = { ...layout.options, ...BY };
      await changePolicy(client, { unassign: [['accountant', 'clerk']] }, options);
      await layout.insert(client, ['g', 'staff', 'team'], ['g', 'erin', 'admin']);
      await client.query('begin');
      await changePolicy(client, { assign: [first, ...others] }, options);
      const other = await pool.connect();
      const made = changePolicy(other, { assign: [second] }, options).then(
        () => null,
        ({ problems }) => problems[0].code,
      );
      if (code === null) expect(await made).toBeNull();
      else await Promise.race([made, untilBlocked(pool)]);
      await client.query('commit');
      expect(await made).toBe(code);
      other.release();
    },
  );

  test('locks the names of links in the order of their keys, so that no two changes wait for each other', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const users = Array.from({ length: 20 }, (_, index) => `user ${index}`);
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query(
      `select pg_advisory_xact_lock($1, min(hashtext(concat_ws(' ', $2::regclass::oid, name))))
       from unnest($3::text[]) as name`,
      [LOCKS.LINKS, layout.table, [...users, 'clerk']],
    );
    const assign = users.map((name) => [name, 'clerk'] as const);
    const changing = changePolicy(client, { assign }, options);
    await untilBlocked(pool);
    const { rows } = await pool.query(
      `select granted, count(*)::int as locks from pg_locks
       where locktype = 'advisory' and classid = $1::int::oid
       and database = (select oid from pg_database where datname = current_database())
       group by 1 order by 1`,
      [LOCKS.LINKS],
    );
    expect(rows).toEqual([false, true].map((granted) => ({ granted, locks: 1 })));
    await holder.query('rollback');
    await changing;
    holder.release();
  });

  test.each([1, undefined])(
    'and a bootstrap that links roles at the same moment are checked together (version %s)',
    async (version) => {
      const role = { permissions: { invoices: ['read'] } };
      const before = { ...(version && { version }), roles: { clerk: role, accountant: role } };
      const database = await createBootstrapped({ ...layout.options, policy: before, seeders: [] });
      const pool = database.pool();
      const client = await pool.connect();
      let made: Promise<unknown> = Promise.resolve();
      const seeder: Seeder = {
        name: 'last',
        async seed() {
          const assign = [['accountant', 'clerk']] as const;
          made = changePolicy(client, { assign }, { ...layout.options, ...BY }).catch(
            ({ problems }) => problems[0].code,
          );
          await Promise.race([made, untilBlocked(pool)]);
          return { inserted: 0, existing: 0 };
        },
      };
      const after = {
        ...(version && { version: 2 }),
        roles: { accountant: role, clerk: { ...role, inherits: ['accountant'] } },
      };
      await bootstrapDatabase(pool, { ...layout.options, policy: after, seeders: [seeder] });
      expect(await made).toBe('ROLE_CYCLE');
      client.release();
    },
  );

  test('that links roles does not take the lock of a bootstrap', async () => {
    await using opened = await open();
    const { client, options } = opened;
    await client.query('begin');
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    const { rows } = await client.query(
      `select distinct classid::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows).not.toContainEqual({ classid: 0x6373626e });
    await client.query('rollback');
  });
});

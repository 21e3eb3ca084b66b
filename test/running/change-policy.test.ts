import { type Enforcer, newModelFromString } from 'casbin';
import pg from 'pg';
import { describe, expect, expectTypeOf, test } from 'vitest';
import { LOCKS } from '../../src/database/lock.ts';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  type ChangeOptions,
  type ChangesFor,
  changePolicy,
  createAdapter,
  createEnforcer,
  createPolicyEditor,
  type DomainPolicyChanges,
  definePolicy,
  domainsModelPath,
  type PolicyChanges,
  type PolicyEditor,
  readJournal,
  type Seeder,
} from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { untilBlocked } from '../bootstrap/database-state.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { modelText } from '../verification/verify.fixture.ts';

test('the options of a bootstrap, with an actor and a reason that may be missing, are options of a change', () => {
  type Given = BootstrapOptions & { actor: string; reason: string | undefined };
  expectTypeOf<Given>().toExtend<ChangeOptions>();
});

const policy = definePolicy({
  roles: {
    clerk: { permissions: { invoices: ['read'] } },
    accountant: { inherits: ['clerk'], permissions: { invoices: ['write', 'delete'] } },
  },
  never: [['clerk', 'invoices', 'delete']],
});

const BY = { actor: 'root', reason: 'ticket 7' } as const;

/** More than are locked one by one. */
const MANY_LINKS = Array.from({ length: 64 }, (_, index) => [`user ${index}`, 'clerk'] as const);

describe.each(LAYOUTS)('changePolicy on a table of layout $name', (layout) => {
  async function open() {
    const given = { ...layout.options, policy };
    const database = await createBootstrapped({ ...given, seeders: [], journal: true });
    const pool = database.pool();
    const client = await pool.connect();
    const stored = async (on: pg.Pool | pg.ClientBase = client) => {
      const { rows } = await on.query(`select ${layout.first} as first from ${layout.table} order by id`);
      return rows.map(({ first }) => first);
    };
    return {
      pool,
      client,
      options: { ...given, ...BY },
      stored,
      [Symbol.asyncDispose]: async () => client.release(),
    };
  }

  test('adds and removes rules, and returns those that changed', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const changes = {
      grant: [
        ['accountant', 'invoices', 'read'],
        ['clerk', 'invoices', 'read'],
      ],
      revoke: [['accountant', 'invoices', 'write']],
      assign: [['carol', 'clerk']],
      unassign: [['dave', 'clerk']],
    } as const;

    const report = await changePolicy(client, changes, options);

    expect(report).toEqual({
      added: [
        ['p', 'accountant', 'invoices', 'read'],
        ['g', 'carol', 'clerk'],
      ],
      removed: [['p', 'accountant', 'invoices', 'write']],
      comesBack: [['p', 'accountant', 'invoices', 'write']],
      journaled: true,
    });
    const enforcer = await createEnforcer(pool, options);
    expect(await enforcer.enforce('carol', 'invoices', 'read')).toBe(true);
    expect(await enforcer.enforce('accountant', 'invoices', 'write')).toBe(false);
    expect(await changePolicy(client, changes, options)).toMatchObject({ added: [], removed: [] });
  });

  test('tries a change and takes it back, in a transaction of its own or of the caller', async () => {
    await using opened = await open();
    const { client, options, stored } = opened;
    const before = await stored();
    const tryIt = () => changePolicy(client, { assign: [['carol', 'clerk']] }, { ...options, dryRun: true });

    expect(await tryIt()).toMatchObject({ added: [['g', 'carol', 'clerk']] });
    expect(await stored()).toEqual(before);

    await client.query('begin');
    await layout.insert(client, ['g', 'dave', 'clerk']);
    expect(await tryIt()).toMatchObject({ added: [['g', 'carol', 'clerk']] });
    await client.query('commit');
    expect(await stored()).toEqual([...before, 'dave']);
  });

  test('says whether a journal records who made the change', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const insert = `casbin_bootstrap_journal_insert_${layout.table}`;
    for (const [mode, journaled] of [
      [`enable always trigger ${insert}`, true],
      [`enable replica trigger ${insert}`, false],
      ['disable trigger user', false],
    ] as const) {
      await client.query(`alter table ${layout.table} ${mode}`);
      const report = await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
      expect(report.journaled, mode).toBe(journaled);
    }
  });

  test("is rolled back with the caller's transaction, and seen by others after its commit", async () => {
    await using opened = await open();
    const { pool, client, options, stored } = opened;
    const before = await stored();

    await client.query('begin');
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    expect(await stored(pool)).toEqual(before);
    await client.query('rollback');
    expect(await stored()).toEqual(before);

    await client.query('begin');
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    await client.query('commit');
    expect(await stored(pool)).toEqual([...before, 'carol']);
  });

  test('is in the journal with its actor and its reason, and what comes after it in the transaction is not', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    await client.query('begin');
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    await layout.insert(client, ['g', 'dave', 'clerk']);
    await client.query('commit');

    const entries = await readJournal(pool, { value: 'clerk' });
    expect(entries.slice(-2)).toMatchObject([
      { operation: 'added', values: ['carol', 'clerk'], actor: 'root', reason: 'ticket 7' },
      { operation: 'added', values: ['dave', 'clerk'], actor: null, reason: null },
    ]);
  });

  test('refuses what must never be allowed, says why, and leaves the transaction usable', async () => {
    await using opened = await open();
    const { pool, client, options, stored } = opened;
    const before = await stored();
    await client.query('begin');

    const refused = changePolicy(
      client,
      { grant: [['clerk', 'invoices', 'delete']], assign: [['carol', 'clerk']] },
      options,
    );

    await expect(refused).rejects.toMatchObject({
      code: 'CHANGE_REFUSED',
      message: expect.stringContaining(
        '"clerk, invoices, delete" would be allowed: by "p, clerk, invoices, delete"',
      ),
      violations: [{ request: ['clerk', 'invoices', 'delete'], rule: ['p', 'clerk', 'invoices', 'delete'] }],
    });
    expect(await stored()).toEqual(before);
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    await client.query('commit');
    expect((await readJournal(pool, { value: 'carol' })).map(({ actor }) => actor)).toEqual(['root']);
  });

  test('refuses it also where bootstraps verify nothing, and reads no migrations for that', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const getMigrations = () => Promise.reject(new Error('the folder was not deployed'));
    const shared = { ...options, migrations: { getMigrations }, verify: false };
    await expect(
      changePolicy(client, { grant: [['clerk', 'invoices', 'delete']] }, shared),
    ).rejects.toMatchObject({ code: 'CHANGE_REFUSED' });
  });

  test('may allow what the definition denies without never', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const write = ['clerk', 'invoices', 'write'] as const;
    const report = await changePolicy(
      client,
      { grant: [write] },
      { ...options, policy: definePolicy({ ...policy, deny: [write] }) },
    );
    expect(report.added).toEqual([['p', ...write]]);
  });

  test('refuses it by a role as well', async () => {
    await using opened = await open();
    const { client, options } = opened;
    await layout.insert(client, ['p', 'manager', 'invoices', 'delete']);
    await expect(
      changePolicy(client, { assign: [['clerk', 'manager' as never]] }, options),
    ).rejects.toMatchObject({ violations: [{ rolePath: ['clerk', 'manager'] }] });
  });

  test('refuses it also where two changes allow it only together', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    await layout.insert(client, ['p', 'manager', 'invoices', 'approve']);
    await client.query('begin');
    await changePolicy(client, { assign: [['clerk', 'manager' as never]] }, options);
    const other = await pool.connect();
    const settled = changePolicy(
      other,
      { grant: [['manager' as never, 'invoices', 'delete']] },
      options,
    ).then(
      () => 'made',
      ({ code }) => code,
    );
    await Promise.race([settled, untilBlocked(pool)]);
    await client.query('commit');
    expect(await settled).toBe('CHANGE_REFUSED');
    other.release();
  });

  test('refuses it also where it was so until another change took it away, for which this one waited', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const grant = [['clerk', 'invoices', 'delete']] as const;
    await changePolicy(client, { grant }, { ...options, force: true });
    await client.query('begin');
    await changePolicy(client, { revoke: grant }, options);
    const other = await pool.connect();
    const settled = changePolicy(other, { grant }, options).then(
      () => 'made',
      ({ code }) => code,
    );
    await Promise.race([settled, untilBlocked(pool)]);
    await client.query('commit');
    expect(await settled).toBe('CHANGE_REFUSED');
    other.release();
  });

  test('refuses what else must never be allowed where something is so already, and lists all of it', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const user = 'eve, deputy';
    const never = [
      ['clerk', 'invoices', 'delete'],
      ['clerk', 'invoices', 'write'],
      [user, 'invoices', 'read'],
    ] as const;
    const guarded = { ...options, policy: { ...policy, never, rules: [] } };
    await changePolicy(client, { grant: [['clerk', 'invoices', 'delete']] }, { ...guarded, force: true });

    const refused = changePolicy(
      client,
      { grant: [['clerk', 'invoices', 'write']], assign: [[user, 'clerk']] },
      guarded,
    );

    await expect(refused).rejects.toMatchObject({
      message: expect.stringMatching(
        /2 requests would .*\n.*"clerk, invoices, write".*\n.*""eve, deputy", invoices, read" /,
      ),
      violations: [{ request: ['clerk', 'invoices', 'write'] }, { request: [user, 'invoices', 'read'] }],
    });
  });

  test('does it by force, and the journal says so', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const grant = [['clerk', 'invoices', 'delete']] as const;
    await changePolicy(client, { grant }, { ...options, force: true });
    const [entry] = await readJournal(pool, { limit: 1 });
    expect(entry).toMatchObject({ values: ['clerk', 'invoices', 'delete'], reason: 'forced: ticket 7' });
    // What is so already is not the fault of another change.
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
  });

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

  test('tells that the transaction only reads, or was aborted before', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const changes = { assign: [['carol', 'clerk']], revoke: [['clerk', 'invoices', 'read']] } as const;
    await client.query('begin read only');
    for (const more of [{}, { force: true }])
      await expect(changePolicy(client, changes, { ...options, ...more })).rejects.toMatchObject({
        code: 'READ_ONLY_DATABASE',
        message: expect.stringMatching(
          /can't change the policy: .* Nothing was changed\. .* "begin read write"/,
        ),
        cause: { code: '25006' },
      });
    await client.query('rollback');
    await client.query('begin');
    await client.query('select 1 / 0').catch(() => {});
    for (const more of [{}, { engine: 'postgresql' }] as const)
      await expect(changePolicy(client, changes, { ...options, ...more })).rejects.toMatchObject({
        code: 'TRANSACTION_ABORTED',
        message: expect.stringMatching(/An earlier error .* Nothing was changed\. Roll the transaction back/),
        cause: { code: '25P02' },
      });
    await client.query('rollback');
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

  test('refuses a circle of roles, which no bootstrap could verify', async () => {
    await using opened = await open();
    const { pool, client, options, stored } = opened;
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    await layout.insert(client, ['p', 'carol', 'invoices', 'approve']);
    // A link of other things than roles.
    await layout.insert(client, ['g2', 'carol', 'staff']);
    const before = await stored();
    const assign = [
      ['clerk', 'carol'],
      ['dave', 'clerk'],
      ['dave', 'dave'],
    ] as never;
    await expect(changePolicy(client, { assign }, options)).rejects.toMatchObject({
      problems: [
        {
          code: 'ROLE_CYCLE',
          at: 'assign[0]',
          message: expect.stringContaining('"clerk" → "carol" → "clerk"'),
        },
        { code: 'ROLE_INHERITS_ITSELF', at: 'assign[2]' },
      ],
    });
    expect(await stored()).toEqual(before);
    await client.query(`delete from ${layout.table} where ptype = 'g2'`);
    // Turned round at once, it is none.
    await changePolicy(
      client,
      { assign: [['clerk', 'carol' as never]], unassign: [['carol', 'clerk']] },
      options,
    );
    await bootstrapDatabase(pool, { ...options, seeders: [], journal: true });
  });

  test('refuses a circle of more links than Casbin follows', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const circle = Array.from(
      { length: 12 },
      (_, index) => [`role ${index}`, `role ${(index + 1) % 12}`] as const,
    );
    await expect(
      changePolicy(client, { assign: circle }, { ...options, policy: undefined }),
    ).rejects.toMatchObject({ problems: circle.map(() => ({ code: 'ROLE_CYCLE' })) });
  });

  test('names an unknown role, and the nearest one', async () => {
    await using opened = await open();
    const { client, options, stored } = opened;
    const before = await stored();
    const assign = [
      ['carol', 'clrek'],
      ['dave', 'zzzzzzzz'],
      ['erin', 'invoices'],
    ] as never;
    await expect(changePolicy(client, { assign }, options)).rejects.toMatchObject({
      problems: [
        {
          code: 'ROLE_UNDEFINED',
          at: 'assign[0]',
          message: expect.stringContaining('Did you mean "clerk"?'),
        },
        {
          code: 'ROLE_UNDEFINED',
          at: 'assign[1]',
          message:
            'there is no role "zzzzzzzz": no rule, defined, stored or added, gives it anything. Correct the name, or grant the role something in the same change.',
        },
        { code: 'ROLE_UNDEFINED', at: 'assign[2]', message: expect.not.stringContaining('mean') },
      ],
    });
    expect(await stored()).toEqual(before);
    await layout.insert(client, ['p', 'auditor', 'invoices', 'read']);
    await changePolicy(client, { assign: [['carol', 'auditor' as never]] }, options);
    const withGuests = { ...options, policy: { ...policy, rules: [['g', 'clerk', 'guest']] } };
    await changePolicy(client, { assign: [['carol', 'guest' as never]] }, withGuests);
  });

  test('knows a role that the same change gives a permission, or another role', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const changes = {
      grant: [['auditor', 'invoices', 'read']],
      assign: [
        ['carol', 'auditor'],
        ['lead', 'accountant'],
        ['dave', 'lead'],
      ],
    };
    await changePolicy(client, changes as never, options);
    const enforcer = await createEnforcer(pool, options);
    expect(await enforcer.enforce('carol', 'invoices', 'read')).toBe(true);
    expect(await enforcer.enforce('dave', 'invoices', 'delete')).toBe(true);
  });
});

test.each([
  { of: {}, reason: 'ticket 7', isRestored: true },
  { of: { version: 1 }, isRestored: true },
  { of: { version: 1 }, reason: 'ticket 7', isRestored: false },
  { of: { version: 1, onRevoked: 'keep' }, isRestored: false },
  // A database that was not bootstrapped with a version has no record yet.
  { before: {}, of: { version: 1 }, reason: 'ticket 7', isRestored: true },
  { before: {}, of: { version: 1, onRevoked: 'keep' }, isRestored: true },
] as const)(
  'tells of a removed rule whether the next bootstrap inserts it again: $of after $before, $reason',
  async (given) => {
    const rules = [
      ['p', 'clerk', 'invoices', 'read'],
      ['p', 'clerk', 'invoices', 'write'],
    ] as const;
    const versioned = definePolicy({ ...given.of, rules });
    const first = { rules, ...('before' in given ? given.before : given.of) };
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: first, seeders: [] });
    const client = await pool.connect();
    await createAdapter(client).addPolicy('p', 'p', ['auditor', 'invoices', 'read']);
    const { comesBack } = await changePolicy(
      client,
      { revoke: [rules[1].slice(1), ['auditor', 'invoices', 'read']] },
      { policy: versioned, actor: 'root', reason: given.reason },
    );
    client.release();
    const { seeders } = await bootstrapDatabase(pool, { policy: versioned, seeders: [] });

    expect(seeders[0]?.inserted).toBe(given.isRestored ? 1 : 0);
    expect(comesBack).toEqual(given.isRestored ? [rules[1]] : []);
  },
);

test('all problems are reported at once', async () => {
  const pool = (await createDatabase()).pool();
  const client = await pool.connect();
  const refused = (changes: object, options: object) => changePolicy(client, changes, options as never);
  await expect(refused({ grant: ['a'], give: [] }, { force: true, policcy: 1 })).rejects.toMatchObject({
    problems: expect.arrayContaining(
      ['grant[0]', 'give', 'actor', 'policcy'].map((at) => expect.objectContaining({ at })),
    ),
  });
  await expect(refused({}, {})).rejects.toThrow(
    'actor: it is missing. Give who makes the change: a name, such as that of the user who is signed in.',
  );
  await expect(refused({}, { actor: 'root', force: true })).rejects.toThrow('reason beside force');
  await expect(refused({ grant: [['a', 'b']], assign: [['a', 'b', 'c']] }, BY)).rejects.toMatchObject({
    problems: [
      { code: 'RULE_WRONG_LENGTH', at: 'grant[0]' },
      { code: 'RULE_WRONG_LENGTH', at: 'assign[0]' },
    ],
  });
  await expect(
    refused(
      {
        assign: [['a', 'b']],
        unassign: [
          ['a', 'b'],
          ['a', 'b', 'c'],
        ],
      },
      BY,
    ),
  ).rejects.toMatchObject({
    problems: [
      { code: 'RULE_WRONG_LENGTH', at: 'unassign[1]' },
      { code: 'RULE_DUPLICATE', at: 'unassign[0]', message: expect.stringContaining('assign[0]') },
    ],
  });
  await expect(
    refused({ grant: [['a\0b', 'b', 'c']], unassign: [['carol', '\ud800']] }, BY),
  ).rejects.toMatchObject({
    problems: [
      { code: 'VALUE_UNSTORABLE', at: 'grant[0]' },
      { code: 'VALUE_UNSTORABLE', at: 'unassign[0]' },
    ],
  });
  for (const half of ['\0', '\ud800'])
    await expect(refused({}, { actor: half, reason: half })).rejects.toMatchObject({
      problems: [{ at: 'actor' }, { at: 'reason' }],
    });
  // Without the role, the domain would be taken for it.
  await expect(refused({ assign: [['carol', undefined, 'admin']] }, BY)).rejects.toMatchObject({
    problems: [
      {
        code: 'OPTION_INVALID',
        message: expect.stringContaining(
          'must have a user and a role, and a domain where the model has some',
        ),
      },
    ],
  });
  await expect(changePolicy(pool as never, {}, BY)).rejects.toMatchObject({
    problems: [{ at: 'client', message: expect.stringContaining('not a pool') }],
  });
  client.release();
});

test('all problems of a change that only the database shows are reported together', async () => {
  const pool = (await createDatabase()).pool();
  const options = { policy, table: 'casbin_rule' };
  await bootstrapDatabase(pool, { ...options, seeders: [] });
  await pool.query('alter table casbin_rule alter v1 type varchar(10)');
  const client = await pool.connect();
  const changes = { grant: [['clerk', 'old invoices', 'read']], assign: [['carol', 'clrek']] } as never;
  await expect(changePolicy(client, changes, { ...options, ...BY })).rejects.toMatchObject({
    problems: [
      { code: 'RULE_DOES_NOT_FIT_TABLE', at: 'grant[0]' },
      { code: 'ROLE_UNDEFINED', at: 'assign[0]' },
    ],
  });
  client.release();
});

test('a change needs a client that was connected, or is connecting', async () => {
  const { url } = await createBootstrapped({ policy, seeders: [] });
  const client = new pg.Client(url);
  const assign = () => changePolicy(client, { assign: [['carol', 'clerk']] }, BY);
  await expect(assign()).rejects.toMatchObject({
    problems: [{ at: 'client', message: expect.stringContaining('await client.connect()') }],
  });
  const connected = client.connect();
  await expect(assign()).resolves.toMatchObject({ added: [['g', 'carol', 'clerk']] });
  await connected;
  await client.end();
});

test('a client with the methods of that of pg-native is no pool', async () => {
  const database = await createBootstrapped({ policy, seeders: [] });
  const pool = database.pool({ max: 1 });
  const client = await pool.connect();
  // Neither escapeIdentifier nor a stream; one that was not made by a pool has no release either.
  const { getTypeParser } = client;
  const native = { connect: async () => {}, query: client.query.bind(client), getTypeParser };
  await client.query('begin');
  await expect(changePolicy(native, { assign: [['carol', 'clerk']] }, BY)).resolves.toMatchObject({
    added: [['g', 'carol', 'clerk']],
  });
  await createAdapter(native).addPolicy('p', 'p', ['clerk', 'orders', 'read']);
  await client.query('rollback');
  client.release();
  const { rows } = await pool.query("select rule from casbin where rule ? 'carol' or rule ? 'orders'");
  expect(rows).toEqual([]);
  const problem = { at: 'pool', message: expect.stringContaining('not a single client') };
  await expect(createEnforcer(native as never)).rejects.toMatchObject({ problems: [problem] });
});

describe('a policy editor', () => {
  test('makes each change by itself, in the open transaction, with its actor and reason', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy, seeders: [], journal: true });
    const client = await pool.connect();
    await client.query('begin');
    const policies = createPolicyEditor(client, { policy, ...BY });
    expect(await policies.grant('accountant', 'invoices', 'read')).toMatchObject({
      added: [['p', 'accountant', 'invoices', 'read']],
    });
    await policies.revoke('accountant', 'invoices', 'delete');
    await policies.assign('carol', 'clerk');
    expect(await policies.unassign('carol', 'clerk')).toMatchObject({ removed: [['g', 'carol', 'clerk']] });
    await expect(policies.assign('carol', 'clrek' as never)).rejects.toMatchObject({
      problems: [{ code: 'ROLE_UNDEFINED' }],
    });
    await client.query('commit');
    client.release();
    const entries = await readJournal(pool, { actor: 'root' });
    expect(entries.map(({ operation, values }) => [operation, ...values].join(' '))).toEqual([
      'added accountant invoices read',
      'removed accountant invoices delete',
      'added carol clerk',
      'removed carol clerk',
    ]);
    expect(new Set(entries.map(({ reason, transaction }) => `${reason} ${transaction}`)).size).toBe(1);
  });

  test('knows the names of a definition as types', () => {
    type Editor = PolicyEditor<typeof policy>;
    expectTypeOf<Parameters<Editor['grant']>>().toEqualTypeOf<
      ['clerk' | 'accountant', 'invoices', 'read' | 'write' | 'delete']
    >();
    expectTypeOf<['carol', 'clerk']>().toExtend<Parameters<Editor['assign']>>();
    expectTypeOf<['carol', 'clrek']>().not.toExtend<Parameters<Editor['assign']>>();
    expectTypeOf<['carol', 'clerk', 'tenant1']>().toExtend<Parameters<PolicyEditor<string>['assign']>>();
  });
});

describe('of a definition with domains', () => {
  const tenants = definePolicy({
    domains: {
      roles: { clerk: { permissions: { invoices: ['read'] } } },
      tenants: ['tenant1', 'tenant2'],
    },
  });

  test('rules and assignments are changed in one domain', async () => {
    const pool = (await createDatabase()).pool();
    const options = { model: domainsModelPath, policy: tenants };
    await bootstrapDatabase(pool, { ...options, seeders: [] });
    const client = await pool.connect();
    const report = await changePolicy(
      client,
      { revoke: [['clerk', 'tenant1', 'invoices', 'read']], assign: [['carol', 'clerk', 'tenant1']] },
      { ...options, ...BY },
    );
    const policies = createPolicyEditor(client, { ...options, ...BY });
    await policies.assign('carol', 'clerk', 'tenant2');
    client.release();
    expect(report).toMatchObject({
      added: [['g', 'carol', 'clerk', 'tenant1']],
      removed: [['p', 'clerk', 'tenant1', 'invoices', 'read']],
    });
    const enforcer = await createEnforcer(pool, options);
    expect(await enforcer.enforce('carol', 'tenant1', 'invoices', 'read')).toBe(false);
    expect(await enforcer.enforce('carol', 'tenant2', 'invoices', 'read')).toBe(true);
  });

  test('roles that inherit from each other in a circle do so in one domain', async () => {
    const pool = (await createDatabase()).pool();
    const options = { model: domainsModelPath, policy: null };
    await bootstrapDatabase(pool, { ...options, seeders: [] });
    const client = await pool.connect();
    const change = (...assign: [string, string, string][]) =>
      changePolicy(client, { assign }, { ...options, ...BY });
    await change(['clerk', 'staff', 'tenant1'], ['staff', 'clerk', 'tenant2']);
    await expect(change(['staff', 'clerk', 'tenant1'])).rejects.toMatchObject({
      problems: [{ code: 'ROLE_CYCLE' }],
    });
    client.release();
  });

  test('an assignment without its domain is refused, and the message names what is missing', async () => {
    const client = await (await createDatabase()).pool().connect();
    const given = { model: domainsModelPath, ...BY };
    await expect(changePolicy(client, { assign: [['carol', 'clerk']] }, given)).rejects.toMatchObject({
      problems: [
        {
          code: 'RULE_WRONG_LENGTH',
          at: 'assign[0]',
          message:
            'rule "g, carol, clerk" has 2 values, but the model defines 3: g = _, _, _. The third one is the domain: add it.',
        },
      ],
    });
    client.release();
  });

  test('its names are types', () => {
    type Changes = ChangesFor<typeof tenants>;
    expectTypeOf<Changes>().toEqualTypeOf<
      DomainPolicyChanges<'clerk', 'invoices', 'read', 'tenant1' | 'tenant2'>
    >();
    expectTypeOf<Parameters<PolicyEditor<typeof tenants>['assign']>>().toEqualTypeOf<
      [user: string, role: 'clerk', domain: 'tenant1' | 'tenant2']
    >();
    const options = { policy: tenants, actor: 'root' };
    const misspelt = (client: pg.Client) => [
      // @ts-expect-error: there is no such tenant
      changePolicy(client, { assign: [['carol', 'clerk', 'tenant3']] }, options),
      // @ts-expect-error: an assignment is of a domain
      changePolicy(client, { assign: [['carol', 'clerk']] }, options),
      // @ts-expect-error: there is no such role
      changePolicy(client, { grant: [['clrek', 'tenant1', 'invoices', 'read']] }, options),
      changePolicy(client, { grant: [['clerk', 'tenant1', 'invoices', 'read']] }, options),
    ];
    expect(misspelt).toBeTypeOf('function');
  });
});

test('grants are refused that Casbin would not use or never finish reading, and may be revoked', async () => {
  const model = newModelFromString(
    modelText({
      r: 'sub, obj, act',
      p: 'sub, obj, act, eft',
      m: 'r.sub == p.sub && keyMatch2(r.obj, p.obj) && r.act == p.act',
    }),
  );
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { model, policy: null, seeders: [] });
  const unusable = [
    ['clerk', '/invoices/:', 'read', 'allow'],
    ['clerk', '/invoices', 'read', 'Deny'],
  ] as const;
  await createAdapter(pool).addPolicy('p', 'p', [...unusable[1]]);
  const client = await pool.connect();
  const change = (changes: PolicyChanges) => changePolicy(client, changes, { ...BY, model });
  await expect(change({ grant: unusable })).rejects.toMatchObject({
    problems: [
      { code: 'RULE_VALUE_INVALID', at: 'grant[1]' },
      { code: 'PATTERN_ENDLESS', at: 'grant[0]' },
    ],
  });
  await expect(change({ revoke: unusable })).resolves.toMatchObject({ removed: [['p', ...unusable[1]]] });
  client.release();
});

test('what must never be allowed is decided with the functions of the application', async () => {
  const options = {
    model: newModelFromString(modelText({ m: 'g(r.sub, p.sub) && r.obj == p.obj && covers(p.act, r.act)' })),
    configureEnforcer: (enforcer: Enforcer) =>
      enforcer.addFunction('covers', (given: string, asked: string) => given === asked || given === 'all'),
    policy: { rules: [['p', 'clerk', 'invoices', 'read']], never: [['clerk', 'payroll', 'read']] },
  };
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { ...options, seeders: [] });
  const client = await pool.connect();
  await expect(
    changePolicy(client, { grant: [['clerk', 'payroll', 'all']] }, { ...options, ...BY }),
  ).rejects.toMatchObject({ code: 'CHANGE_REFUSED' });
  client.release();
});

test('the names of a definition are types', () => {
  type Changes = PolicyChanges<'clerk' | 'accountant', 'invoices', 'read' | 'write'>;
  expectTypeOf<readonly ['carol', 'clerk']>().toExtend<NonNullable<Changes['assign']>[number]>();
  expectTypeOf<readonly ['carol', 'clrek']>().not.toExtend<NonNullable<Changes['assign']>[number]>();
  const misspelt = (client: pg.Client) =>
    // @ts-expect-error: there is no such role
    changePolicy(client, { assign: [['carol', 'clrek']] }, { policy, actor: 'root' });
  expect(misspelt).toBeTypeOf('function');
});

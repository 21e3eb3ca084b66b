import { type Enforcer, newModelFromString } from 'casbin';
import { type Kysely, sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  defaultPolicy,
  type Migration,
  MigrationBrokePolicyError,
} from '../../src/index.ts';
import { snapshot } from '../bootstrap/database-state.fixture.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';

type Statements = Record<string, string>;

function migrationsOf(statements: Statements): Record<string, Migration> {
  return Object.fromEntries(
    Object.entries(statements).map(([name, text]) => [
      name,
      { up: async (db: Kysely<unknown>) => void (await sql.raw(text).execute(db)) },
    ]),
  );
}

const HARMLESS: Statements = {
  '1_orders': 'create table orders (id int)',
  '2_invoices': 'create table invoices (id int)',
  '4_notes': 'create table notes (id int)',
  '5_index': 'create index on orders (id)',
};

/** Bootstraps, then again with migrations; what came of that, and of the database. */
async function migrate(statements: Statements, options: BootstrapOptions = {}) {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, options);
  const before = await snapshot(pool);
  const outcome = await bootstrapDatabase(pool, { ...options, migrations: migrationsOf(statements) }).then(
    (report) => ({ report, error: null }),
    (error: unknown) => ({ report: null, error }),
  );
  return { ...outcome, before, after: await snapshot(pool), pool };
}

function brokePolicy(error: unknown): MigrationBrokePolicyError {
  expect(error).toBeInstanceOf(MigrationBrokePolicyError);
  if (!(error instanceof MigrationBrokePolicyError)) throw error;
  return error;
}

describe('of five pending migrations', () => {
  test('the one that drops a grant is named, with the decisions and the rule, and nothing is committed', async () => {
    const drop = `delete from casbin where rule = '["readonly", "accounts", "read"]'`;
    const { error, before, after } = await migrate({ ...HARMLESS, '3_cleanup': drop });

    const broke = brokePolicy(error);
    expect(broke).toMatchObject({ code: 'MIGRATION_BROKE_POLICY', migration: '3_cleanup' });
    expect(broke.failures.map(({ kind, request, actual }) => [kind, request.join(' '), actual])).toEqual([
      ['decision', 'readonly accounts read', 'deny'],
      ['decision', 'user accounts read', 'deny'],
      ['decision', 'admin accounts read', 'deny'],
    ]);
    expect(broke.message).toMatch(/^Migration "3_cleanup" breaks the policy\. Nothing was changed\./);
    expect(broke.message).toMatch(/It removed:\n {2}p, readonly, accounts, read/);
    expect(broke.message).toMatch(
      /\n\nFix the migration, or change the definition if the new decisions are right\.$/,
    );
    expect(broke.message).toMatch(/user, accounts, read .*allow.*deny/);
    expect(after).toEqual(before);
  });

  test('the one that drops a role link is named, with that link', async () => {
    const drop = `delete from casbin where ptype = 'g' and rule = '["admin", "user"]'`;
    const { error, before, after } = await migrate({ ...HARMLESS, '3_cleanup': drop });

    const broke = brokePolicy(error);
    expect(broke.migration).toBe('3_cleanup');
    expect(broke.failures).toHaveLength(8);
    expect(broke.message).toMatch(/It removed:\n {2}g, admin, user/);
    expect(after).toEqual(before);
  });

  test('the migration that grants a request of deny is named, with the rule that it added', async () => {
    const grant = `insert into casbin (ptype, rule) values ('p', '["readonly", "users", "write"]')`;
    const { error } = await migrate({ ...HARMLESS, '3_grant': grant });

    const broke = brokePolicy(error);
    expect(broke.migration).toBe('3_grant');
    expect(broke.failures.map(({ request, added }) => [request.join(' '), added])).toEqual([
      ['readonly users write', [['p', 'readonly', 'users', 'write']]],
      ['user users write', [['p', 'readonly', 'users', 'write']]],
    ]);
    expect(broke.message).toMatch(/It added:\n {2}p, readonly, users, write/);
  });

  test('the one that closes roles in a circle is named, and nothing is decided on it', async () => {
    const circle = `insert into casbin (ptype, rule) values ('g', '["readonly", "admin"]')`;
    const { error } = await migrate({ ...HARMLESS, '3_circle': circle });

    const broke = brokePolicy(error);
    expect(broke).toMatchObject({ migration: '3_circle', failures: [{ kind: 'structure', request: [] }] });
    expect(broke.message).toContain('in a circle: user → readonly → admin → user');
  });

  test('the one that grants what must never be allowed is named, with what it has added itself', async () => {
    const policy = {
      rules: [['p', 'clerk', 'invoices', 'read']],
      never: [['clerk', 'invoices', 'write']],
    };
    const add = (action: string) =>
      `insert into casbin (ptype, rule) values ('p', '["clerk", "invoices", "${action}"]')`;
    const { error } = await migrate(
      { ...HARMLESS, '2_print': add('print'), '3_write': add('write') },
      { policy, seeders: [] },
    );
    const broke = brokePolicy(error);
    expect(broke).toMatchObject({
      migration: '3_write',
      failures: [{ kind: 'never', request: ['clerk', 'invoices', 'write'], actual: 'allow' }],
    });
    expect(broke.message).toMatch(/It added:\n {2}p, clerk, invoices, write\n\nFix/);
  });

  test('the one that changes many rules is named with twenty of them', async () => {
    const actions = Array.from({ length: 22 }, (_, number) => `action ${number}`);
    const policy = { roles: { clerk: { permissions: { invoices: actions } } } };
    const { error } = await migrate({ '1_all': 'delete from casbin' }, { policy, seeders: [] });
    expect(brokePolicy(error).message).toMatch(/It removed:\n(?: {2}p, .*\n){20} {2}… and 2 more\n\nFix/);
  });

  test.each([
    [
      'grows',
      900,
      `insert into casbin (ptype, rule) select 'g', jsonb_build_array('new' || n, 'user') from generate_series(1, 200) n`,
    ],
    ['shrinks', 1_100, `delete from casbin where rule ->> 0 like 'user___' and rule ->> 1 = 'readonly'`],
  ])(
    'the one after which the table %s, and another part of it is read, is named with its own changes only',
    async (_, users, change) => {
      const pool = (await createDatabase()).pool();
      await bootstrapDatabase(pool);
      await pool.query(
        `insert into casbin (ptype, rule) select 'g', jsonb_build_array('user' || n, 'readonly') from generate_series(1, $1::int) n`,
        [users],
      );
      const drop = `delete from casbin where rule = '["admin", "user"]'`;

      const migrated = bootstrapDatabase(pool, {
        migrations: migrationsOf({ '1_users': `${change}; ${drop}` }),
      });

      const { message } = brokePolicy(await migrated.catch((error: unknown) => error));
      expect(message).toMatch(/\n\nIt removed:\n {2}g, admin, user\n\nFix/);
    },
  );

  test.each([
    ['removed', `delete from casbin where rule = '["readonly", "extra"]'`, 'g, readonly, extra'],
    ['added', `insert into casbin (ptype, rule) values ('g', '["user", "other"]')`, 'g, user, other'],
  ])(
    'the one after which a large table has a link %s is named without the rules that this leads to, and that stay',
    async (done, change, link) => {
      const pool = (await createDatabase()).pool();
      await bootstrapDatabase(pool);
      await pool.query(`
        insert into casbin (ptype, rule) select 'g', jsonb_build_array('user' || n, 'readonly') from generate_series(1, 1100) n;
        insert into casbin (ptype, rule) values
          ('g', '["readonly", "extra"]'), ('p', '["extra", "x", "read"]'), ('p', '["other", "x", "write"]')`);
      const drop = `delete from casbin where rule = '["admin", "user"]'`;

      const migrated = bootstrapDatabase(pool, {
        migrations: migrationsOf({ '1_links': `${change}; ${drop}` }),
      });

      const { message } = brokePolicy(await migrated.catch((error: unknown) => error));
      expect(message).toMatch(/\n\nIt removed:\n {2}g, admin, user\n/);
      expect(message).toMatch(new RegExp(`\n\nIt ${done}:\n(?: {2}g, admin, user\n)? {2}${link}\n\nFix`));
    },
  );

  test('the one that leaves a rule that no enforcer can load is named, with the rule', async () => {
    const spoil = `update casbin set rule = '{}' where rule = '["readonly", "accounts", "read"]'`;
    const { error, before, after } = await migrate({ ...HARMLESS, '3_spoil': spoil });

    const broke = brokePolicy(error);
    expect(broke).toMatchObject({ migration: '3_spoil', failures: [], cause: { ids: [1] } });
    expect(broke.message).toMatch(
      /^Migration "3_spoil" leaves stored rules that can't be used\. Nothing was changed\. Fix the migration\. It left this:\n\n.*id 1: rule is an object/,
    );
    expect(after).toEqual(before);
  });

  test('none is named for a rule that no enforcer can load and that was not read before', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool);
    await pool.query(
      `insert into casbin (ptype, rule) select 'g', jsonb_build_array('user' || n, 'readonly') from generate_series(1, 1500) n`,
    );
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["zoe", 5]')`);

    const migrated = bootstrapDatabase(pool, {
      migrations: migrationsOf({
        '1_users': `delete from casbin where rule ->> 0 like 'user_%' and ptype = 'g'`,
      }),
    });

    await expect(migrated).rejects.toMatchObject({ code: 'STORED_RULE_INVALID' });
  });

  test('a role that moves rules, with all that leads to them, is not a cause', async () => {
    const { report } = await migrate({
      ...HARMLESS,
      '3_move': `
        insert into casbin (ptype, rule) values ('g', '["user", "viewer"]'), ('g', '["viewer", "readonly"]');
        delete from casbin where rule = '["user", "readonly"]';
      `,
    });

    expect(report?.migrations).toHaveLength(5);
    expect(report?.verification).toMatchObject({ ok: true });
  });

  test('one may rewrite a rule, in a row of its own', async () => {
    const { report } = await migrate({
      ...HARMLESS,
      '3_rewrite': `
        delete from casbin where rule = '["user", "sessions", "write"]';
        insert into casbin (ptype, rule) values ('p', '["user", "sessions", "write"]');
      `,
    });

    expect(report?.verification).toMatchObject({ ok: true, drift: [] });
  });
});

test('a decision that was wrong before the first migration does not count against any', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  await pool.query(`delete from casbin where rule = '["readonly", "accounts", "read"]'`);
  const migrations = migrationsOf({
    ...HARMLESS,
    '3_unrelated': `insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`,
  });

  const report = await bootstrapDatabase(pool, { migrations });

  expect(report).toMatchObject({ migrations: { length: 5 }, seeders: [{ inserted: 1 }, {}] });
});

test('rules that can not be read may be repaired, and grants beside them are not new', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  await pool.query(
    `insert into casbin (ptype, rule) values ('p', '{}'), ('p', '["readonly", "users", "write"]')`,
  );
  const migrations = migrationsOf({ '1_repair': `delete from casbin where rule = '{}'` });
  await expect(bootstrapDatabase(pool, { policy: defaultPolicy, migrations })).resolves.toMatchObject({
    migrations: [{ name: '1_repair' }],
  });
});

test('a circle that was there before may be opened', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["readonly", "admin"]')`);
  const migrations = migrationsOf({
    '1_open': `delete from casbin where rule = '["readonly", "admin"]'`,
  });

  await expect(bootstrapDatabase(pool, { migrations })).resolves.toMatchObject({
    verification: { ok: true },
  });
});

test('migrations that leave the policy alone cost no decision', async () => {
  const pool = (await createDatabase()).pool();
  let enforcers = 0;
  let decisions = 0;
  const options: BootstrapOptions = {
    model: newModelFromString(
      modelText({ m: 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act && counted(r.sub)' }),
    ),
    policy: defaultPolicy,
    configureEnforcer: async (enforcer: Enforcer) => {
      enforcers += 1;
      await enforcer.addFunction('counted', () => {
        decisions += 1;
        return true;
      });
    },
  };
  const cost = async (statements: Statements) => {
    enforcers = 0;
    decisions = 0;
    await bootstrapDatabase(pool, { ...options, migrations: migrationsOf(statements) });
    return { enforcers, decisions };
  };
  await bootstrapDatabase(pool, options);

  const one = await cost({ '1_orders': HARMLESS['1_orders'] ?? '' });
  const four = await cost({
    '1_orders': '',
    ...Object.fromEntries(
      ['2', '3', '4', '5'].map((number) => [`${number}_table`, `create table table_${number} (id int)`]),
    ),
  });

  expect(one.decisions).toBeGreaterThan(0);
  expect(four).toEqual(one);
});

test('the reads before and after a migration keep no lock, which another bootstrap that alters the table would wait for', async () => {
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool);
  const locks: unknown[] = [];
  const look: Migration = {
    async up(db) {
      const { rows } = await sql`
        select mode from pg_locks where relation = 'casbin'::regclass and pid = pg_backend_pid()
      `.execute(db);
      locks.push(rows);
    },
  };

  await bootstrapDatabase(pool, { policy: defaultPolicy, migrations: { '1_look': look, '2_look': look } });

  expect(locks).toEqual([[], []]);
});

test('without verification, migrations may do what they like', async () => {
  const drop = `delete from casbin where rule = '["readonly", "accounts", "read"]'`;
  const circle = `insert into casbin (ptype, rule) values ('g', '["readonly", "admin"]')`;

  const { report } = await migrate({ '1_drop': drop, '2_circle': circle }, { verify: false });

  expect(report).toMatchObject({ migrations: { length: 2 }, seeders: [{ inserted: 1 }, {}] });
});

test('a role hierarchy that is already broken is not watched; the verification at the end reports it', async () => {
  const pool = (await createDatabase()).pool();
  const policy = defaultPolicy;
  await bootstrapDatabase(pool, { policy });
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["readonly", "admin"]')`);
  const repair = `delete from casbin where rule in ('["readonly", "admin"]', '["readonly", "accounts", "read"]')`;
  const migrations = migrationsOf({ '1_repair': repair });

  // The migration also takes a permission away, which the seeder gives back.
  await expect(bootstrapDatabase(pool, { policy, migrations })).resolves.toMatchObject({
    verification: { ok: true },
  });
});

import type { Kysely, SchemaModule } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { PermissionError } from '../../src/errors.ts';
import { readStatus } from '../../src/inspect/read-status.ts';
import { pullPolicy } from '../../src/review/pull-policy.ts';
import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { MAY_READ, STOCK } from './privileges.fixture.ts';
import { type AnyOptions, refusalOf } from './refusal.fixture.ts';

const MORE = { policy: { rules: [['p', 'one', 'more', 'rule']] } };
const SETTINGS = {
  seeders: [rowSeeder({ name: 'settings', table: 'app.settings', key: 'id', rows: [{ id: 1 }] })],
};

/**
 * `ROLE` and `DATABASE` stand for their names; the database is bootstrapped by its owner first, unless it is `bare`.
 */
interface Case {
  readonly bare?: boolean;
  readonly before?: string;
  readonly path?: string;
  readonly options?: AnyOptions;
}

const MAY_WRITE = `${MAY_READ} grant insert on all tables in schema public to ROLE; grant usage on all sequences in schema public to ROLE;`;

function plansMadeBy(make: (schema: SchemaModule) => { execute(): Promise<void> }): AnyOptions {
  const migrations = { plans_1: { up: (db: Kysely<unknown>) => make(db.schema).execute() } };
  return {
    seeders: [rowSeeder({ name: 'plans', table: 'plans', key: 'id', rows: [{ id: 1 }], migrations })],
  };
}

describe('a role without the privileges', () => {
  test.each<[string, Case, string[]]>([
    ['to create tables in public', { bare: true }, ['grant create on schema public to ROLE;']],
    [
      'to use public',
      { bare: true, before: 'revoke usage on schema public from public' },
      ['grant usage on schema public to ROLE;', 'grant create on schema public to ROLE;'],
    ],
    [
      'to create its schema',
      { bare: true, options: { schema: 'Mine' } },
      ['grant create on database DATABASE to ROLE; /* schema "Mine" does not exist: is its name right? */'],
    ],
    [
      'to create tables in its schema',
      {
        bare: true,
        before: 'create schema "Mine"; grant usage on schema "Mine" to ROLE',
        options: { schema: 'Mine' },
      },
      ['grant create on schema "Mine" to ROLE;'],
    ],
    [
      'to use the schema of its search_path',
      { bare: true, before: 'create schema mine', path: 'mine', options: { schema: 'mine' } },
      ['grant usage on schema mine to ROLE;', 'grant create on schema mine to ROLE;'],
    ],
    [
      'to alter the table that the stock adapter made',
      { bare: true, before: `${STOCK} grant create on schema public to ROLE` },
      [
        'grant select on table public.casbin_migrations to ROLE;',
        'grant insert on table public.casbin_migrations to ROLE;',
        'grant usage on sequence public.casbin_migrations_id_seq to ROLE;',
        'alter table public.casbin owner to ROLE;',
      ],
    ],
    [
      'to read anything',
      {},
      [
        'grant select on table public.casbin to ROLE;',
        'grant insert on table public.casbin to ROLE;',
        'grant select on table public.providers to ROLE;',
        'grant insert on table public.providers to ROLE;',
        'grant select on table public.casbin_bootstrap_migration to ROLE;',
        'grant usage on sequence public.casbin_id_seq to ROLE;',
      ],
    ],
    [
      'to insert rules',
      { before: `${MAY_READ} grant usage on all sequences in schema public to ROLE`, options: MORE },
      ['grant insert on table public.casbin to ROLE;', 'grant insert on table public.providers to ROLE;'],
    ],
    [
      'to insert rules into tables that another tool has made',
      {
        before: `${MAY_READ} drop table casbin_bootstrap_migration, casbin_bootstrap_migration_lock; grant usage on all sequences in schema public to ROLE`,
        options: { ...MORE, migrations: false },
      },
      ['grant insert on table public.casbin to ROLE;', 'grant insert on table public.providers to ROLE;'],
    ],
    [
      'to make the table of a seeder that is new',
      {
        before: MAY_WRITE,
        options: plansMadeBy((schema) =>
          schema.createTable('plans').addColumn('id', 'integer', (id) => id.unique()),
        ),
      },
      ['grant create on schema public to ROLE;'],
    ],
    [
      'to alter the table of a seeder',
      {
        before: `create table plans (id int unique); grant create on schema public to ROLE; ${MAY_WRITE}`,
        options: plansMadeBy((schema) => schema.alterTable('plans').addColumn('seats', 'integer')),
      },
      ['alter table public.plans owner to ROLE;'],
    ],
    [
      'on the sequence',
      { before: `${MAY_READ} grant insert on all tables in schema public to ROLE`, options: MORE },
      ['grant usage on sequence public.casbin_id_seq to ROLE;'],
    ],
    [
      'to read rules',
      {
        before: `${MAY_READ} revoke select on casbin from ROLE; grant insert on all tables in schema public to ROLE; grant usage on all sequences in schema public to ROLE`,
        options: MORE,
      },
      ['grant select on table public.casbin to ROLE;'],
    ],
    [
      'to insert providers',
      {
        before: `${MAY_READ} delete from providers where slug = 'alpaca'; grant insert on casbin to ROLE; grant usage on sequence casbin_id_seq to ROLE`,
      },
      ['grant insert on table public.providers to ROLE;'],
    ],
    [
      'on the table of a seeder in another schema',
      {
        before: `${MAY_READ} grant insert on casbin to ROLE; grant usage on sequence casbin_id_seq to ROLE; create schema app; create table app.settings (id int primary key, n serial)`,
        options: SETTINGS,
      },
      [
        'grant usage on schema app to ROLE;',
        'grant select on table app.settings to ROLE;',
        'grant insert on table app.settings to ROLE;',
        'grant usage on sequence app.settings_n_seq to ROLE;',
      ],
    ],
  ])(
    '%s is given the statements, after which it succeeds',
    async (_, { bare = false, before = '', path, options = {} }, expected) => {
      const database = await (bare ? createDatabase() : createBootstrapped());
      const owner = database.pool();
      const role = await database.createRole();
      await owner.query(before.replaceAll('ROLE', role.name));
      const pool = database.pool({
        connectionString: role.url,
        ...(path === undefined ? {} : { options: `-c search_path=${path}` }),
      });

      const error = await refusalOf(database, options, pool);
      expect(error).toBeInstanceOf(PermissionError);
      const remedies: string[] = Reflect.get(error, 'remedies');
      for (const remedy of remedies) expect(error.message).toContain(`\n  ${remedy}`);
      const shown = remedies.map((remedy) =>
        remedy
          .replaceAll(role.name, 'ROLE')
          .replaceAll(database.name, 'DATABASE')
          .replace(/ -- it is owned by .*/, ''),
      );
      expect(shown.sort()).toEqual([...expected].sort());

      for (const remedy of remedies) await owner.query(remedy);
      await expect(bootstrapDatabase(pool, Object(options))).resolves.toBeDefined();
      await expect(bootstrapDatabase(pool, Object(options))).resolves.toMatchObject({ changed: false });
    },
  );

  test('is given only what lets it read by what only reads', async () => {
    const database = await createBootstrapped();
    const role = await database.createRole();
    const pool = database.pool({ connectionString: role.url });
    const ofRules = `grant select on table public.casbin to ${role.name};`;
    const ofMigrations = `grant select on table public.casbin_bootstrap_migration to ${role.name};`;
    const inspections = [
      { inspect: readStatus, expected: [ofRules, ofMigrations] },
      { inspect: verifyDatabase, expected: [ofRules] },
      { inspect: pullPolicy, expected: [ofRules] },
    ];
    for (const { inspect, expected } of inspections) {
      await database.pool().query(`revoke all on all tables in schema public from ${role.name}`);
      const error = await inspect(pool).then(() => expect.unreachable(), Object);
      expect(error).toBeInstanceOf(PermissionError);
      expect([...error.remedies].sort()).toEqual(expected);
      for (const remedy of expected) await database.pool().query(remedy);
      await expect(inspect(pool)).resolves.toBeDefined();
    }
  });

  test('is told for the rule table that a start finds, wherever it is', async () => {
    const database = await createDatabase();
    const owner = database.pool();
    await owner.query('create schema mine');
    const options = { seeders: [] };
    await bootstrapDatabase(owner, { ...options, table: 'casbin_rule', schema: 'mine' });
    const role = await database.createRole();
    await owner.query(`grant usage on schema mine to ${role.name}`);
    const pool = database.pool({ connectionString: role.url, options: '-c search_path=public,mine' });

    const error = await refusalOf(database, options, pool);

    const remedies: string[] = Reflect.get(error, 'remedies');
    expect([...remedies].sort()).toEqual([
      `grant insert on table mine.casbin_rule to ${role.name};`,
      `grant select on table mine.casbin_bootstrap_migration to ${role.name};`,
      `grant select on table mine.casbin_rule to ${role.name};`,
      `grant update on table mine.casbin_rule to ${role.name};`,
      `grant usage on sequence mine.casbin_rule_id_seq to ${role.name};`,
    ]);
    for (const remedy of remedies) await owner.query(remedy);
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: false });
  });

  test('gets the owner of the table that it would have to alter', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    await database.pool().query(`${STOCK} grant create on schema public to ${role.name}`);
    const { rows } = await database.pool().query('select current_user as name');
    const error = await refusalOf(database, {}, database.pool({ connectionString: role.url }));
    expect(error.message).toContain(
      `alter table public.casbin owner to ${role.name}; -- it is owned by ${rows[0].name}; or run the bootstrap as that role`,
    );
  });

  test('for its own migration gets the name of that migration', async () => {
    const database = await createDatabase();
    await database.pool().query('create table stock (id int)');
    const role = await database.createRole();
    await database.pool().query(`grant create on schema public to ${role.name}`);
    const error = await refusalOf(
      database,
      {
        migrations: {
          stock_1: {
            up: (db: object) => Object(db).schema.alterTable('stock').addColumn('n', 'text').execute(),
          },
        },
      },
      database.pool({ connectionString: role.url }),
    );
    expect(error).toBeInstanceOf(PermissionError);
    expect(error.message).toBe(
      'A privilege is missing: Migration "stock_1" failed: must be owner of table stock. Nothing was changed. Grant what is missing to the role, or run it as the owner.',
    );
  });

  test('to use any schema of its search_path gets the grant for one', async () => {
    const database = await createDatabase();
    await database.pool().query('create schema "Hidden"');
    const role = await database.createRole();
    const pool = database.pool({ connectionString: role.url, options: '-c search_path=nowhere,"Hidden"' });
    const error = await refusalOf(database, {}, pool);
    expect(error).toBeInstanceOf(PermissionError);
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED' });
    for (const remedy of Reflect.get(error, 'remedies')) await database.pool().query(remedy);
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: true });
  });
});

test('a role that may only insert is given the statements to retire rules, after which it succeeds', async () => {
  const database = await createDatabase();
  const owner = database.pool();
  const roles = { viewer: { permissions: { invoices: ['read'] } } };
  const clerk = { permissions: { invoices: ['write'] } };
  await bootstrapDatabase(owner, { policy: { version: 1, roles: { ...roles, clerk } }, seeders: [] });
  const role = await database.createRole();
  await owner.query(
    `grant select, insert on all tables in schema public to ${role.name}; grant usage on all sequences in schema public to ${role.name}`,
  );
  const options = { policy: { version: 2, roles, retired: { roles: { clerk: {} } } }, seeders: [] };
  const pool = database.pool({ connectionString: role.url });

  const error = await bootstrapDatabase(pool, options).catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(PermissionError);
  const remedies: string[] = Reflect.get(error as object, 'remedies');
  expect(remedies.map((remedy) => remedy.replaceAll(role.name, 'ROLE')).sort()).toEqual(
    ['casbin', 'casbin_bootstrap_rule', 'casbin_bootstrap_version']
      .flatMap((table) => [
        `grant delete on table public.${table} to ROLE;`,
        `grant update on table public.${table} to ROLE;`,
      ])
      .sort(),
  );
  for (const remedy of remedies) await owner.query(remedy);
  expect((await bootstrapDatabase(pool, options)).ownership?.removed).toEqual([
    ['p', 'clerk', 'invoices', 'write'],
  ]);
});

import { type Kysely, sql } from 'kysely';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { domainsModelPath } from '../../src/casbin/model-file.ts';
import { createEnforcer } from '../../src/create-enforcer.ts';
import { createPage } from '../../src/create-page.ts';
import type { PoolLike } from '../../src/database/client.ts';
import { defaultPolicy } from '../../src/defaults/default-policy.ts';
import { DatabaseError } from '../../src/errors.ts';
import { explainDecision } from '../../src/explain-decision.ts';
import { planBootstrap } from '../../src/plan-bootstrap.ts';
import { definePolicy } from '../../src/policy/definition.ts';
import { pullPolicy } from '../../src/pull-policy.ts';
import { changePolicy } from '../../src/running/change-policy.ts';
import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { failureOf, problemsOf, refusalOf } from './refusal.fixture.ts';

/** A database with what a test is about, bootstrapped before unless it is `bare`. */
async function databaseWith(statements = '', { bare = false } = {}): Promise<TestDatabase> {
  const database = await (bare ? createDatabase() : createBootstrapped({ seeders: [] }));
  if (statements !== '') await database.pool().query(statements);
  return database;
}

function settings(options: object = {}) {
  const rows = [{ id: 1, currency: 'EUR' }];
  return rowSeeder({ name: 'settings', table: 'settings', key: 'id', rows, ...options });
}

test.each<[string, (pool: PoolLike, options: { schema: string }) => Promise<unknown>]>([
  ['verifyDatabase', verifyDatabase],
  ['explainDecision', (pool, options) => explainDecision(pool, ['admin', 'users', 'read'], options)],
  ['pullPolicy', pullPolicy],
  ['createPage', createPage],
])('%s says that there is no rule table, and where it was looked for', async (_, read) => {
  const pool = (await createDatabase()).pool();
  await expect(read(pool, { schema: 'auth' })).rejects.toMatchObject({
    code: 'TABLE_MISSING',
    message: expect.stringMatching(
      /^Table "auth"\."casbin" does not exist\. Run bootstrapDatabase\(\) first/,
    ),
  });
});

describe('a row seeder', () => {
  test.each([{ bare: true }, { bare: false }])('without its table is refused: %j', async (state) => {
    const database = await databaseWith('', state);
    const error = await refusalOf(database, { seeders: [settings()] });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_MISSING' });
    expect(error.message).toBe(
      'Seeder "settings" failed: relation "settings" does not exist. Nothing was changed. Add a migration that creates it to the seeder or to the migrations option, or correct its name.',
    );
  });

  test('whose table is in a schema that is not there is refused', async () => {
    const database = await databaseWith();
    const error = await refusalOf(database, { seeders: [settings({ table: 'shop.settings' })] });
    expect(error).toMatchObject({ code: 'TABLE_MISSING' });
    expect(error.message).toContain('"shop.settings" does not exist');
  });

  test('whose table was dropped after its migration fails with advice to restore it', async () => {
    const up = async (db: Kysely<unknown>) => {
      await sql`create table settings (id int primary key, currency text)`.execute(db);
    };
    const options = { seeders: [settings({ migrations: { "shop's settings": { up } } })] };
    const database = await databaseWith();
    await bootstrapDatabase(database.pool(), options);
    await database.pool().query('drop table settings');
    const error = await refusalOf(database, options);
    expect(error).toMatchObject({ code: 'TABLE_MISSING' });
    const remedy = /let the migration run again: (delete .*;)$/.exec(error.message)?.[1];
    await database.pool().query(remedy ?? '');
    await expect(bootstrapDatabase(database.pool(), options)).resolves.toMatchObject({ changed: true });
  });

  test('whose table a migration of this run removes is told so, but not where an earlier run has made it', async () => {
    const make = async (db: Kysely<unknown>) => {
      await sql`create table settings (id int primary key, currency text)`.execute(db);
    };
    const drop = async (db: Kysely<unknown>) => void (await sql`drop table settings`.execute(db));
    const database = await databaseWith();
    const migrations = { settings_1: { up: make } };
    await bootstrapDatabase(database.pool(), { seeders: [settings({ migrations })] });
    const removed = await refusalOf(database, {
      seeders: [settings({ migrations })],
      migrations: { odd: { up: drop } },
    });
    expect(removed.message).toContain(
      'The migrations of this run did not create it, or removed or renamed it.',
    );

    await database.pool().query('drop table settings');
    const later = { ...migrations, settings_2: { up: async () => {} } };
    const gone = await refusalOf(database, { seeders: [settings({ migrations: later })] });
    expect(gone.message).toContain('let the migration run again');
  });

  test('with columns that the table lacks is refused, with all of them', async () => {
    const database = await databaseWith('create table settings (id int primary key, "Currency" text)');
    const rows = [
      { id: 1, currency: 'EUR' },
      { id: 2, 'odd "one"': 1, 'a.b': 2 },
    ];
    const error = await refusalOf(database, { seeders: [settings({ rows })] });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'COLUMN_MISSING' });
    expect(error.message).toBe(
      'Seeder "settings" failed: table "settings" has no columns "currency", "odd ""one""", "a.b". Nothing was changed. Add it by a migration, or correct its name.',
    );
  });

  test.each(['uid', 'ID', 'a.b', '"', 'present'])(
    'whose key has a name that is no column of the table is refused: %s',
    async (key) => {
      const database = await databaseWith('create table settings (id int primary key)');
      const rows = [{ id: 1, [key]: 1 }];
      const error = await refusalOf(database, { seeders: [settings({ key: ['id', key], rows })] });
      expect(error).toMatchObject({ code: 'COLUMN_MISSING' });
      expect(error.message).toContain(`table "settings" has no column "${key.replaceAll('"', '""')}".`);
    },
  );

  test.each([
    'create table settings (id int, currency text)',
    'create table settings (id int, currency text, unique (id, currency))',
    'create table settings (id int, currency text); create unique index on settings (id) where currency is null',
    'create table settings (id int, currency text); create unique index on settings (abs(id))',
    'create table settings (id int, currency text); create unique index on settings (id, lower(currency))',
    'create table settings (id int, currency text); create index on settings (id)',
    `create table settings (id int, currency text); create unique index invalid on settings (id);
    update pg_index set indisvalid = false where indexrelid = 'invalid'::regclass`,
  ])('without a unique constraint on its key is refused: %s', async (statements) => {
    const database = await databaseWith(statements);
    const error = await refusalOf(database, { seeders: [settings()] });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'UNIQUE_CONSTRAINT_MISSING' });
    const remedy = /Add the constraint: (alter .*;)$/.exec(error.message)?.[1];
    await database.pool().query(remedy ?? '');
    await expect(bootstrapDatabase(database.pool(), { seeders: [settings()] })).resolves.toBeDefined();
  });

  test.each(['view', 'materialized view'])(
    'of a %s is refused, as it can get no constraint',
    async (view) => {
      const database = await databaseWith(
        `create table kept (id int primary key, currency text); create ${view} settings as select * from kept`,
      );
      const error = await refusalOf(database, { seeders: [settings()] });
      expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
      expect(error.message).toBe(
        'Seeder "settings" failed: "settings" is a view, which has no unique constraints, so its rows can\'t be told apart. Nothing was changed. Name the table behind it.',
      );
    },
  );

  test.each([
    'create table settings (id int unique deferrable, currency text)',
    'create table settings (id int unique deferrable, currency text); create unique index on settings (id)',
    'create table settings (id int primary key deferrable initially deferred, currency text)',
  ])(
    'whose constraint is deferrable is refused, with the statement that fixes it: %s',
    async (statements) => {
      const database = await databaseWith(statements);
      const error = await refusalOf(database, { seeders: [settings()] });
      expect(error).toMatchObject({ code: 'UNIQUE_CONSTRAINT_MISSING' });
      expect(error.message).toContain('is deferrable');
      const remedy = /(alter .*;)$/.exec(error.message)?.[1];
      await database.pool().query(remedy ?? '');
      await expect(bootstrapDatabase(database.pool(), { seeders: [settings()] })).resolves.toBeDefined();
    },
  );

  test.each([
    [
      'create table settings (id int, code text, currency text, unique (code, id) include (currency))',
      ['id', 'code'],
    ],
    ['create table settings ("Id.x" int primary key, currency text)', 'Id.x'],
  ])('finds the constraint in whatever form: %s', async (statements, key) => {
    const database = await databaseWith(statements);
    const names: readonly string[] = [key].flat();
    const rows = [Object.fromEntries(names.map((name) => [name, 1]))];
    await expect(
      bootstrapDatabase(database.pool(), { seeders: [settings({ key, rows })] }),
    ).resolves.toMatchObject({ changed: true });
  });

  test.each<[object, string, RegExp]>([
    [{ id: 'one' }, 'int', /invalid input syntax for type integer: "one"/],
    [{ id: 1, currency: null }, 'int', /null value in column "currency"/],
    [{ id: 1, currency: 'EURO' }, 'int', /value too long for type character varying\(3\)/],
    [{ id: 1, currency: 'xxx' }, 'int', /violates check constraint/],
    [{ id: 2 ** 40, currency: 'EUR' }, 'int', /out of range/],
  ])(
    'with a value that its column does not take is named, with the reason: %j',
    async (row, type, reason) => {
      const database = await databaseWith(
        `create table settings (id ${type} primary key, currency varchar(3) not null check (currency ~ '^[A-Z]+$'))`,
      );
      const error = await refusalOf(database, { seeders: [settings({ rows: [row] })] });
      expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED', seeder: 'settings' });
      expect(error.message).toMatch(/^Seeder "settings" failed: .* Nothing was changed\.$/);
      expect(error.message).toMatch(reason);
      expect(error.cause).toBeInstanceOf(Error);
    },
  );
});

describe('a table that is there already', () => {
  test.each([
    [
      'create table providers (id int primary key)',
      /column "id" is integer, not uuid; column "slug" is missing/,
    ],
    ['create table providers ()', /column "id" is missing/],
    ['create view providers as select 1 as id', /There is a view "providers" where a table is needed/],
    [
      'create table providers (id uuid primary key, slug int unique, name text, category text, credential_type text, description text, logo_url text, website_url text, is_active text, created_at timestamptz, updated_at timestamp)',
      /column "slug" is integer.*"is_active" is text, not boolean; column "updated_at" is timestamp without/,
    ],
  ])('as another "providers" is refused, with what differs: %s', async (statement, differences) => {
    const database = await databaseWith(statement, { bare: true });
    const error = await refusalOf(database);
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
    expect(error.message).toMatch(differences);
    expect(error.message).toMatch(/Rename it, (change these columns, )?or give another schema\. /);
    expect(error.message).toMatch(
      /the application's own, .* provider seeder, .* by default: seeders: \[\]\.$/,
    );
    await expect(bootstrapDatabase(database.pool(), { seeders: [] })).resolves.toMatchObject({
      changed: true,
    });
  });

  test('as "providers" without uniqueness of the slug is refused', async () => {
    const database = await databaseWith('', { bare: true });
    await bootstrapDatabase(database.pool());
    await database
      .pool()
      .query('alter table providers drop constraint providers_slug_key; delete from providers');
    const error = await refusalOf(database);
    expect(error).toMatchObject({ code: 'UNIQUE_CONSTRAINT_MISSING' });
    expect(error.message).toContain('alter table "providers" add unique ("slug");');
  });

  test.each([
    ['create table casbin (id uuid, ptype text, rule jsonb)', /column "id" is uuid, not integer/],
    ['create table casbin (id serial, ptype text, v0 text, v1 text, v2 text)', /column "rule" is missing/],
    ['create table casbin (id serial, ptype text, rule text)', /column "rule" is text, not jsonb/],
    ['create table casbin ()', /column "id" is missing; column "ptype" is missing; column "rule" is missing/],
  ])('as another "casbin" is refused, with what differs: %s', async (statement, differences) => {
    const database = await databaseWith(statement, { bare: true });
    const error = await refusalOf(database);
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
    expect(error.message).toMatch(differences);
  });

  test.each([
    [
      'create view casbin as select 1 as id, $$p$$::text as ptype, $$["a","b","c"]$$::jsonb as rule',
      'TABLE_SHAPE',
      'There is a view "casbin" where a table is needed',
    ],
    ['create sequence casbin', 'TABLE_SHAPE', 'There is a sequence "casbin" where a table is needed'],
    [
      'create type providers as (a int)',
      'TABLE_SHAPE',
      'There is a type "providers" where a table is needed',
    ],
    [
      "create type casbin as enum ('a')",
      'MIGRATION_FAILED',
      'Migration "0001_casbin" failed: type "casbin" already exists',
    ],
    [
      'create materialized view casbin_bootstrap_migration as select 1 as name',
      'MIGRATION_FAILED',
      'The migrations failed: column "timestamp" does not exist',
    ],
  ])('as something else of that name is refused: %s', async (statement, code, message) => {
    const database = await databaseWith(statement, { bare: true });
    const error = await refusalOf(database, { policy: defaultPolicy });
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
  });

  test('as "casbin" with ids that several rows share is refused, with those ids, until each remedy is run', async () => {
    const database = await databaseWith(
      `create table casbin (id int, ptype text, rule jsonb);
       insert into casbin
       select id, 'p', jsonb_build_array('user', 'data' || id || copy, 'read')
       from generate_series(1, 7) id, generate_series(1, 2) copy
       where id <> 3 or copy = 1`,
      { bare: true },
    );
    const options = { policy: defaultPolicy, seeders: [] };
    const first = await refusalOf(database, options);
    expect(first.message).toContain('column "id" has no default. ');
    await database.pool().query(/if they are numbers: (.*;)/.exec(first.message)?.[1] ?? '');
    const second = await refusalOf(database, options);
    expect(second).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
    expect(second.message).toContain('ids that several rows share (1, 2, 4, 5, 6), so it can');
    const update = /(update "casbin" .* where )…$/.exec(second.message)?.[1];
    await database.pool().query(`${update} rule ->> 1 like 'data_2'`);
    await expect(bootstrapDatabase(database.pool(), options)).resolves.toMatchObject({ changed: true });
  });

  test('as "casbin" whose columns were changed after the first bootstrap is refused', async () => {
    const database = await databaseWith('alter table casbin rename rule to rules');
    const error = await refusalOf(database);
    expect(error).toMatchObject({ code: 'COLUMN_MISSING' });
  });

  test.each(['casbin_uniq_ptype_rule', 'Own "name"'])(
    'as "casbin" whose constraint %s is deferrable is refused, with the statement that fixes it',
    async (name) => {
      const database = await databaseWith(
        `alter table casbin drop constraint casbin_uniq_ptype_rule; delete from casbin;
         alter table casbin add constraint "${name.replaceAll('"', '""')}" unique (ptype, rule) deferrable`,
      );
      const error = await refusalOf(database);
      expect(error).toMatchObject({ name: 'DatabaseError', code: 'UNIQUE_CONSTRAINT_MISSING' });
      expect(error.message).toContain('is deferrable');
      const remedy = /(alter table .*;)$/.exec(error.message)?.[1];
      await database.pool().query(remedy ?? '');
      await expect(bootstrapDatabase(database.pool())).resolves.toMatchObject({ changed: true });
    },
  );

  test('as "casbin" that is not unique any more is refused, with the statement that fixes it', async () => {
    const database = await databaseWith(
      'alter table casbin drop constraint casbin_uniq_ptype_rule; delete from casbin',
    );
    const error = await refusalOf(database);
    expect(error).toMatchObject({ code: 'UNIQUE_CONSTRAINT_MISSING' });
    const remedy = /(alter table .*;)$/.exec(error.message)?.[1];
    await database.pool().query(remedy ?? '');
    await expect(bootstrapDatabase(database.pool())).resolves.toMatchObject({ changed: true });
  });
});

describe('a table that is gone', () => {
  test('such as "casbin" after the first bootstrap is reported with how to get it back', async () => {
    const database = await databaseWith('drop table casbin');
    const error = await refusalOf(database);
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_MISSING' });
    const remedy = /let the migration run again: (delete .*;)$/.exec(error.message)?.[1];
    await database.pool().query(remedy ?? '');
    await expect(bootstrapDatabase(database.pool())).resolves.toMatchObject({ changed: true });
  });

  test('such as that of a seeder is reported by the next start', async () => {
    const database = await createBootstrapped();
    await database.pool().query('drop table providers');
    const error = await refusalOf(database);
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_MISSING' });
    expect(error.message).toContain('"providers" does not exist');
  });

  test.each([
    '',
    'create table casbin (id serial primary key, ptype text, rule jsonb, unique (ptype, rule))',
  ])('under migrations: false is reported with what should have made it: %j', async (statement) => {
    const database = await databaseWith(statement, { bare: true });
    const error = await refusalOf(database, { migrations: false });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_MISSING' });
    expect(error.message).toContain('With migrations: false, another tool must create all tables first');
    expect(error.message).toContain(`${statement === '' ? 'casbin' : 'providers'}" does not exist`);
  });

  test.each([{}, { schema: 'nowhere' }])('is reported by a verification too: %j', async (options) => {
    const database = await databaseWith('', { bare: true });
    const error = await failureOf(() => verifyDatabase(database.pool(), options));
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_MISSING' });
    expect(error.message).toContain('Run bootstrapDatabase() first');
  });
});

describe('a search_path without any schema', () => {
  test.each([
    ['nowhere', 'SCHEMA_MISSING', 'No schema on the search_path of this connection exists'],
    ['', 'SCHEMA_MISSING', 'No schema on the search_path of this connection exists'],
    [
      'pg_catalog',
      'SCHEMA_MISSING',
      'apart from those of PostgreSQL itself. Create one, or name one by the schema option.',
    ],
  ])('is reported: %j', async (path, code, message) => {
    const database = await createDatabase();
    const pool = database.pool({ options: `-c search_path=${path}` });
    const error = await refusalOf(database, {}, pool);
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
  });
});

describe('a table of columns whose ids have no default', () => {
  const OPTIONS = { policy: defaultPolicy, seeders: [] };
  const OF_COLUMNS =
    'create table casbin_rule (id int primary key, ptype text, v0 text, v1 text, v2 text, v3 text)';

  test('is refused, also by a plan, and works after the statements of the message', async () => {
    const database = await databaseWith(
      `${OF_COLUMNS}; insert into casbin_rule values (1, 'p', 'a', 'b', 'c')`,
      {
        bare: true,
      },
    );
    const pool = database.pool();
    const error = await refusalOf(database, OPTIONS);
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
    expect(error.message).toMatch(
      /^No rule can be added to table public\.casbin_rule: column "id" has no default\. Nothing was changed\. Let the database make the ids; if they are numbers: create .*; Instances of typeorm-adapter /,
    );
    const { message } = await failureOf(() => planBootstrap(pool, OPTIONS));
    expect(message).toBe(error.message);
    await pool.query(/ numbers: (.*;)/.exec(error.message)?.[1] ?? '');
    await expect(bootstrapDatabase(pool, OPTIONS)).resolves.toMatchObject({ changed: true });
  });

  test('is refused when rules are changed', async () => {
    const client = await (await databaseWith(OF_COLUMNS, { bare: true })).pool().connect();
    onTestFinished(() => client.release());
    const changes = { grant: [['a', 'b', 'c']] } as const;
    const error = await failureOf(() => changePolicy(client, changes, { actor: 'lee' }));
    expect(error).toMatchObject({ code: 'TABLE_SHAPE' });
  });
});

describe('a rule too long for the index', () => {
  const long = Array.from({ length: 200 }, () => crypto.randomUUID()).join('-');

  test('is refused when it is defined', async () => {
    const database = await createDatabase();
    const policy = definePolicy({
      rules: [
        ['p', 'a', 'b', 'c'],
        ['p', 'a', 'b', long],
      ],
    });
    const error = await refusalOf(database, { policy });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'RULE_TOO_LONG' });
    expect(error.message).toContain(`p, a, b, ${long.slice(0, 36)}`);
    expect(error.message.length).toBeLessThan(400);
  });

  test('is refused when it is stored in a table to be taken over', async () => {
    const database = await databaseWith('create table casbin (id serial, ptype text, rule jsonb)', {
      bare: true,
    });
    await database
      .pool()
      .query('insert into casbin (ptype, rule) values ($1, $2)', ['p', JSON.stringify(['a', 'b', long])]);
    const error = await refusalOf(database, { policy: defaultPolicy });
    expect(error.code).toMatch(/RULE_TOO_LONG/);
  });

  test('is the fault of its seeder when it is a row', async () => {
    const database = await databaseWith('create table settings (id text primary key)');
    const error = await refusalOf(database, { seeders: [settings({ rows: [{ id: long }] })] });
    expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED' });
  });
});

describe('stored rules that are not arrays of strings', () => {
  test.each([
    ['{"a": 1}', 'rule is an object'],
    ['[1, 2]', 'value 1 is a number'],
    ['"text"', 'rule is a string'],
    ['null', 'rule is null'],
    ['[]', 'rule has no values'],
    ['["a", null]', 'value 2 is null'],
    ['["a", ["b"]]', 'value 2 is an array'],
    ['["a", "b", true]', 'value 3 is a boolean'],
    ['5', 'rule is a number'],
  ])('are named by their ids: %s', async (rule, fault) => {
    const database = await databaseWith();
    await database
      .pool()
      .query(`insert into casbin (id, ptype, rule) values (700, 'p', $1), (701, 'g', $1)`, [rule]);
    const errors = [
      await refusalOf(database),
      await refusalOf(database, { policy: { rules: [['p', 'one', 'more', 'rule']] } }),
      await failureOf(() => verifyDatabase(database.pool())),
    ];
    for (const error of errors) {
      expect(error).toMatchObject({ name: 'StoredRuleError', code: 'STORED_RULE_INVALID', ids: [700, 701] });
      expect(error.message).toContain(`2 rows are not (id 700, 701: ${fault}).`);
    }
    const lookup = /Correct or delete these rows: (select .*)$/.exec(errors[0]?.message ?? '')?.[1];
    await expect(database.pool().query(lookup ?? '')).resolves.toMatchObject({ rowCount: 2 });
  });

  test('are looked up in the schema that they are in', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create schema "Team A"');
    await bootstrapDatabase(pool, { schema: 'Team A' });
    await pool.query(`insert into "Team A".casbin (id, ptype, rule) values (700, 'p', '5')`);
    const errors = [
      await failureOf(() => bootstrapDatabase(pool, { schema: 'Team A' })),
      await failureOf(() => createEnforcer(pool, { schema: 'Team A' })),
    ];
    for (const { message } of errors) {
      expect(message).toMatch(/^Every rule in table "Team A"\."?casbin"? must be an array of strings/);
      const lookup = /Correct or delete these rows: (select .*)$/.exec(message)?.[1];
      await expect(pool.query(lookup ?? '')).resolves.toMatchObject({ rows: [{ id: 700 }] });
    }
  });

  test('are named by some of their ids when there are many', async () => {
    const database = await databaseWith(
      `insert into casbin (ptype, rule) select 'p', to_jsonb(n) from generate_series(1, 900) n`,
    );
    const error = await refusalOf(database);
    expect(error).toMatchObject({ ids: { length: 900 } });
    expect(error.message.length).toBeLessThan(800);
  });

  test('are found in a table to be taken over, as is a ptype that is null', async () => {
    const database = await databaseWith(
      `create table casbin (id serial, ptype text, rule jsonb);
       insert into casbin (ptype, rule) values (null, '["a", "b", "c"]'), ('p', null), ('p', '{}')`,
      { bare: true },
    );
    const error = await refusalOf(database, { policy: defaultPolicy });
    expect(error).toMatchObject({ name: 'StoredRuleError', code: 'STORED_RULE_INVALID', ids: [1, 2, 3] });
    expect(error.message).toContain('id 1: ptype is null; id 2: rule is null; id 3: rule is an object');
  });
});

test.each([
  ['a role', 'viewer', ['a', 'b', 'c']],
  ['a later tenant', 'clerk', ['a', 'tenant', 'tenant of another']],
])('%s that is too long for its column is told once for each of its rules', async (_, role, tenants) => {
  const database = await createDatabase();
  const columns = [0, 1, 2, 3].map((n) => `v${n} varchar(5)`).join(', ');
  await database.pool().query(`create table casbin_rule (id serial primary key, ptype text, ${columns})`);
  const roles = { [role]: { permissions: { files: ['read', 'write'] } } };
  const problems = await problemsOf(
    { model: domainsModelPath, policy: { domains: { roles, tenants } }, seeders: [] },
    database.pool(),
  );
  expect(problems.map(({ code, at }) => [code, at])).toEqual(
    [0, 1].map((n) => ['RULE_DOES_NOT_FIT_TABLE', `policy.domains.roles.${role}.permissions.files[${n}]`]),
  );
});

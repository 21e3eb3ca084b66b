import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import type { PoolLike } from '../../src/database/client.ts';
import { defaultPolicy } from '../../src/defaults/default-policy.ts';
import { DatabaseError } from '../../src/errors.ts';
import { explainDecision } from '../../src/inspect/explain-decision.ts';
import { planBootstrap } from '../../src/inspect/plan-bootstrap.ts';
import { createPage } from '../../src/page/create-page.ts';
import { pullPolicy } from '../../src/review/pull-policy.ts';
import { changePolicy } from '../../src/running/change-policy.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { failureOf, refusalOf } from './refusal.fixture.ts';
import { databaseWith } from './tables.fixture.ts';

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
    ['create table casbin (id serial, ptype text, v0 text, v1 text, v2 text)', /column "v3" is missing/],
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

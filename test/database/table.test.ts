import { sql } from 'kysely';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  foundSchemaExpression,
  hasTable,
  homeSchemaExpression,
  nameAround,
  quoteTable,
  readColumns,
  refuseAnotherShape,
  tableIn,
} from '../../src/database/catalog.ts';
import { createKysely } from '../../src/database/dialect.ts';
import { withSession } from '../../src/database/session.ts';
import type { AnyKysely } from '../../src/database/transaction.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();

/** Runs work on a connection with that search_path. */
function onPath<T>(path: string, work: (db: AnyKysely) => Promise<T>): Promise<T> {
  return withSession(database.pool({ options: `-c search_path=${path}` }), (session) =>
    work(createKysely(session)),
  );
}

beforeAll(async () => {
  await database.pool().query(`
    create schema app;
    create schema "My ""Schema""";
    create table app.casbin (id int, ptype varchar(50), rule jsonb, gone text, tags text[]);
    alter table app.casbin drop column gone;
    create table app.nothing ();
    create table public.elsewhere (id bigint);
    create table "My ""Schema"""."a ""table""" (id int);
    create view app.a_view as select 1 as id;
    create materialized view app.a_materialized_view as select 1 as id;
    create sequence app.a_sequence;
    create index an_index on app.casbin (id);
    create type app.a_type as (id int);
    create table app.a_partitioned_table (id int) partition by range (id);
    create index a_partitioned_index on app.a_partitioned_table (id);
    create foreign data wrapper nothing;
    create server nowhere foreign data wrapper nothing;
    create foreign table app.a_foreign_table (id int) server nowhere;
  `);
});

describe('the name of a table as SQL', () => {
  test('is quoted, and qualified where the schema is given', () => {
    expect(quoteTable('casbin')).toBe('"casbin"');
    expect(quoteTable('a "table"', 'My "Schema"')).toBe('"My ""Schema"""."a ""table"""');
  });

  test('with more around it is within 63 bytes, and else another for each table', () => {
    expect(nameAround('a_', 'é'.repeat(29), '_id')).toBe(`a_${'é'.repeat(29)}_id`);
    const [one, other] = ['é', 'è'].map((last) => nameAround('a_', `${'é'.repeat(29)}${last}`, '_id'));
    expect(one).toMatch(/^a_[0-9a-f]{16}_id$/);
    expect(one).not.toBe(other);
  });

  test('leads to the table', async () => {
    await onPath('public', async (db) => {
      await expect(
        sql`select from ${tableIn('My "Schema"', 'a "table"')}`.execute(db),
      ).resolves.toBeDefined();
      await expect(sql`select from ${tableIn(undefined, 'elsewhere')}`.execute(db)).resolves.toBeDefined();
      await expect(sql`select from ${tableIn(undefined, 'casbin')}`.execute(db)).rejects.toThrow();
    });
  });
});

test('a table is looked for in its schema, by default in the one that a bootstrap works in', async () => {
  await onPath('app,public', async (db) => {
    expect(await hasTable(db, undefined, 'nothing')).toBe(true);
    expect(await hasTable(db, undefined, 'elsewhere')).toBe(false);
    expect(await hasTable(db, 'public', 'elsewhere')).toBe(true);
    expect(await hasTable(db, 'public', 'nothing')).toBe(false);
    expect(await hasTable(db, 'My "Schema"', 'a "table"')).toBe(true);
  });
  await onPath('nowhere', async (db) => {
    expect(await hasTable(db, undefined, 'elsewhere'), 'public, where there is no schema on the path').toBe(
      true,
    );
  });
});

test('a bootstrap works in the given schema, else where casbin is found, else where it would be made', async () => {
  const schemas = (path: string) =>
    onPath(path, async (db) => {
      const { rows } = await sql`
        select ${homeSchemaExpression('given')} as given, ${homeSchemaExpression(undefined)} as home,
          ${foundSchemaExpression('elsewhere')} as found
      `.execute(db);
      return rows[0];
    });
  expect(await schemas('public,app')).toEqual({ given: 'given', home: 'app', found: 'public' });
  expect(await schemas('public')).toEqual({ given: 'given', home: 'public', found: 'public' });
  expect(await schemas('nowhere')).toEqual({ given: 'given', home: null, found: null });
});

test('a bootstrap does not work where a temporary table has the name of the rule table', async () => {
  await onPath('public', async (db) => {
    await sql`create temporary table casbin ()`.execute(db);
    const { rows } = await sql`select ${homeSchemaExpression(undefined)} as home`.execute(db);
    await sql`drop table casbin`.execute(db);
    expect(rows).toEqual([{ home: 'public' }]);
  });
});

describe('the columns of a table', () => {
  test('are read with their types, in their order, without dropped ones', async () => {
    const columns = [
      { name: 'id', type: 'integer' },
      { name: 'ptype', type: 'character varying(50)' },
      { name: 'rule', type: 'jsonb' },
      { name: 'tags', type: 'text[]' },
    ];
    expect(await onPath('app', (db) => readColumns(db, 'casbin'))).toEqual(columns);
  });

  test('are an empty list for a table without columns, and null for a missing table', async () => {
    expect(await onPath('app', (db) => readColumns(db, 'nothing'))).toEqual([]);
    expect(await onPath('public', (db) => readColumns(db, 'nothing'))).toBeNull();
    expect(await onPath('app,public', (db) => readColumns(db, 'elsewhere'))).toBeNull();
  });
});

describe('a table that is there before', () => {
  const refuse = (table: string, expected: Record<string, string[]>) =>
    onPath('app', (db) => refuseAnotherShape(db, table, expected));

  test('passes if it has the columns, each in one of its types; it may have others', async () => {
    await expect(refuse('casbin', { id: ['bigint', 'integer'], rule: ['jsonb'] })).resolves.toBeUndefined();
    await expect(refuse('not_there', { id: ['integer'] })).resolves.toBeUndefined();
    await expect(refuse('a_partitioned_table', { id: ['integer'] })).resolves.toBeUndefined();
  });

  test('is refused with every column that differs', async () => {
    await expect(
      refuse('casbin', { id: ['uuid', 'text'], slug: ['text'], rule: ['jsonb'] }),
    ).rejects.toMatchObject({
      code: 'TABLE_SHAPE',
      message:
        'Table "casbin" exists, but not as needed: column "id" is integer, not uuid; column "slug" is missing. Rename it, change these columns, or give another schema.',
    });
  });

  test.each([
    ['a_view', 'a view'],
    ['a_materialized_view', 'a materialized view'],
    ['a_sequence', 'a sequence'],
    ['an_index', 'an index'],
    ['a_type', 'a type'],
    ['a_partitioned_index', 'an index'],
    ['a_foreign_table', 'a foreign table'],
  ])('is refused if it is not a table: %s', async (name, kind) => {
    await expect(refuse(name, {})).rejects.toMatchObject({
      code: 'TABLE_SHAPE',
      message: `There is ${kind} "${name}" where a table is needed. Rename it, or give another schema.`,
    });
  });
});

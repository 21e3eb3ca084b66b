import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { defaultPolicy } from '../../src/defaults/default-policy.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { refusalOf } from './refusal.fixture.ts';

const TABLE = 'create table casbin (id serial primary key, ptype text not null, rule jsonb not null);';
const DUPLICATES = `insert into casbin (ptype, rule) values ('p', '["a"]'), ('p', '["a"]'), ('p', '["b"]');`;

async function databaseWith(statements: string): Promise<TestDatabase> {
  const database = await createDatabase();
  await database.pool().query(statements);
  return database;
}

describe('a table "casbin" is refused and not changed', () => {
  test.each([
    [
      'with tables that inherit from it',
      `${TABLE} create table "Older rules" () inherits (casbin); ${DUPLICATES}
       insert into "Older rules" (ptype, rule) values ('g', '["c"]'), ('g', '["d"]'), ('g', '["e"]')`,
      /^Other tables inherit from table "casbin" \("Older rules"\), .* Separate them: alter table "Older rules" no inherit "casbin";$/,
    ],
    [
      'partitioned',
      'create table casbin (id int, ptype text, rule jsonb) partition by list (ptype); create table rules_p partition of casbin default',
      /^Table "casbin" is partitioned, /,
    ],
    ['a view', 'create view casbin as select 1 as id', /^There is a view "casbin" where a table is needed\./],
    [
      'a materialized view',
      'create materialized view casbin as select 1 as id',
      /^There is a materialized view "casbin" /,
    ],
    [
      'a foreign table',
      'create foreign data wrapper w; create server s foreign data wrapper w; create foreign table casbin (id int) server s',
      /^There is a foreign table "casbin" /,
    ],
  ])('%s', async (_, statements, message) => {
    const error = await refusalOf(await databaseWith(statements), { policy: defaultPolicy });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
    expect(error.message).toMatch(message);
  });

  test.each([
    [
      'no default',
      'create table casbin (id int primary key, ptype text, rule jsonb)',
      'No rule can be added to table "casbin": column "id" has no default. ',
    ],
    [
      'the same default for each row',
      'create table casbin (id int primary key default 7, ptype text, rule jsonb)',
      'No rule can be added to table "casbin": column "id" has the same default for each row (7). ',
    ],
  ])('with ids that have %s, until the remedy is run', async (_, statements, fact) => {
    const database = await databaseWith(
      `${statements}; insert into casbin values (1, 'p', '["a", "b", "c"]')`,
    );
    const error = await refusalOf(database, { policy: null });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
    expect(error.message).toContain(fact);
    await database
      .pool()
      .query(/Let the database make the ids; if they are numbers: (.*;)/.exec(error.message)?.[1] ?? '');
    await expect(bootstrapDatabase(database.pool(), { policy: defaultPolicy })).resolves.toMatchObject({
      changed: true,
    });
  });

  test('with a column of its own that no rule has a value for', async () => {
    const database = await databaseWith(
      'create table casbin (id serial, ptype text, rule jsonb, tenant int not null, note text, made timestamptz not null default now())',
    );
    const error = await refusalOf(database, { policy: defaultPolicy });
    expect(error.message).toBe(
      'No rule can be added to table "casbin": column "tenant" has no default. Give column "tenant" a default, or let it allow null.',
    );
  });
});

describe('a duplicate that another table refers to', () => {
  test.each(['cascade', 'set null', 'no action'])('is not removed: on delete %s', async (action) => {
    const database = await databaseWith(`
      ${TABLE} ${DUPLICATES}
      create schema audit;
      create table audit."Grants" (rule_id int constraint "why granted" references casbin (id) on delete ${action});
      insert into audit."Grants" values (2), (3)`);
    const error = await refusalOf(database, { policy: defaultPolicy });
    expect(error).toMatchObject({ name: 'DatabaseError', code: 'TABLE_SHAPE' });
    expect(error.message).toContain('foreign key "why granted" of table audit."Grants" refers to id 2. ');
  });

  test('may be referred to by the row that stays', async () => {
    const database = await databaseWith(`
      ${TABLE} ${DUPLICATES}
      create table grants (rule_id int references casbin (id) on delete cascade);
      insert into grants values (1), (3), (null)`);
    const report = await bootstrapDatabase(database.pool(), { policy: defaultPolicy, seeders: [] });
    expect(report.takeover).toMatchObject({ duplicatesRemoved: 1 });
    const { rows } = await database.pool().query('select count(*)::int as count from grants');
    expect(rows).toEqual([{ count: 3 }]);
  });
});

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
      `${TABLE} create table "Older rules" () inherits (casbin); create table "New rules" () inherits (casbin); ${DUPLICATES}
       insert into "Older rules" (ptype, rule) values ('g', '["c"]'), ('g', '["d"]'), ('g', '["e"]')`,
      /^Other tables inherit from table "casbin" \("New rules", "Older rules"\), .* Separate them: alter table "New rules" no inherit "casbin"; alter table "Older rules" no inherit "casbin";$/,
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

  test('with columns of its own that no rule has a value for', async () => {
    const database = await databaseWith(
      'create table casbin (id serial, ptype text, rule jsonb, tenant int not null, note text, owner text not null, made timestamptz not null default now())',
    );
    const error = await refusalOf(database, { policy: defaultPolicy });
    expect(error.message).toBe(
      'No rule can be added to table "casbin": column "tenant" has no default; column "owner" has no default. Give column "tenant" a default, or let it allow null. Give column "owner" a default, or let it allow null.',
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

  test('is told once for each foreign key, in the order of tables, with up to five ids', async () => {
    const database = await databaseWith(`
      ${TABLE} insert into casbin (ptype, rule) select 'p', '["a"]' from generate_series(1, 9);
      create table notes (rule_id int constraint noted references casbin (id));
      create table grants (rule_id int constraint granted references casbin (id)) partition by list (rule_id);
      create table other_grants partition of grants default;
      insert into notes values (2);
      insert into grants select id from casbin, generate_series(1, 2)`);
    const error = await refusalOf(database, { policy: defaultPolicy });
    expect(error.message).toContain(
      'would be removed: foreign key "granted" of table grants refers to id 2, 3, 4, 5, 6; foreign key "noted" of table notes refers to id 2. Nothing was changed.',
    );
  });

  test('may have a part in common with what another table refers to', async () => {
    const database = await databaseWith(`
      ${TABLE} ${DUPLICATES} alter table casbin add unique (id, ptype);
      create table grants (rule_id int, ptype text, foreign key (rule_id, ptype) references casbin (id, ptype));
      insert into grants values (1, 'p'), (3, 'p')`);
    const report = await bootstrapDatabase(database.pool(), { policy: defaultPolicy, seeders: [] });
    expect(report.takeover).toMatchObject({ duplicatesRemoved: 1 });
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

import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { domainsModelPath } from '../../src/casbin/model-file.ts';
import { createEnforcer } from '../../src/create-enforcer.ts';
import { defaultPolicy } from '../../src/defaults/default-policy.ts';
import { definePolicy } from '../../src/policy/definition.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createDatabase } from '../support/database.ts';
import { failureOf, problemsOf, refusalOf } from './refusal.fixture.ts';
import { databaseWith, settings } from './tables.fixture.ts';

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

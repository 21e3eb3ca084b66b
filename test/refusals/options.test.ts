import { inspect } from 'node:util';
import { newModelFromString } from 'casbin';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import type { BootstrapOptions } from '../../src/options.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { writeTemporary } from '../policy/temporary-file.ts';
import { createDatabase } from '../support/database.ts';
import { type AnyOptions, failureOf, problemsOf, refusalOf } from './refusal.fixture.ts';

describe('unknown options', () => {
  test.each<[string, AnyOptions, string]>([
    ['seeder', { seeder: [] }, 'Did you mean seeders?'],
    ['dryrun', { dryrun: true }, 'Did you mean dryRun?'],
    ['lockTimeout', { lockTimeout: 1 }, 'Did you mean lockTimeoutMs?'],
    ['verify.stric', { verify: { stric: true } }, 'Did you mean strict?'],
    ['verify.pool', { verify: { pool: true } }, 'Known are strict, full, stockLoadable.'],
    ['policy.role', { policy: { role: {} } }, 'Did you mean roles?'],
    [
      'policy.roles.admin.permission',
      { policy: { roles: { admin: { permission: {} } } } },
      'Did you mean permissions?',
    ],
    [
      'policy.roles.admin.inherit',
      { policy: { roles: { admin: { inherit: ['user'] } } } },
      'Did you mean inherits?',
    ],
  ])('are refused by their path, with the nearest one or all: %s', async (at, options, hint) => {
    const [problem, ...others] = await problemsOf(options);
    expect(others).toEqual([]);
    expect(problem).toMatchObject({
      code: 'OPTION_UNKNOWN',
      at,
      message: `there is no such option. ${hint}`,
    });
  });
});

test('options that an object inherits are refused, as a copy of it would not have them', async () => {
  class Options {
    get policy() {
      return { rules: [['p', 'a', 'b', 'c']] };
    }
  }
  for (const options of [new Options(), Object.create({ policy: null })]) {
    expect(await problemsOf(options)).toEqual([
      {
        code: 'OPTION_INVALID',
        at: 'policy',
        message: expect.stringMatching(/^is inherited, .*of its own\.$/),
      },
    ]);
  }
});

describe('options of a wrong type', () => {
  test.each<[string, AnyOptions, RegExp]>([
    ['options', null, /^must be an object of options \(it is null\)\.$/],
    ['options', [], /^must be an object of options \(it is a list\)\.$/],
    ['options', new Map(), /^must be an object of options/],
    ['model', { model: 5 }, /^must be the path of a \.conf file, or a Casbin Model \(it is 5\)\.$/],
    ['model', { model: {} }, /^must be the path/],
    ['model', { model: { model: {} } }, /^must be the path/],
    ['model', { model: '' }, /^must/],
    ['model', { model: new URL('file:///model.conf') }, /^must be the path/],
    ['policy', { policy: ['p', 'a', 'b', 'c'] }, /^must be a policy definition/],
    ['policy', { policy: new Map() }, /^must be a policy definition/],
    [
      'policy.roles',
      { policy: { roles: ['admin'] } },
      /^must be an object of role → definition \(it is a list\)\.$/,
    ],
    ['policy.roles', { policy: { roles: new Map([['admin', {}]]) } }, /^must be an object of role/],
    ['policy.roles.admin', { policy: { roles: { admin: null } } }, /^must be an object with inherits/],
    [
      'policy.roles.constructor',
      { policy: { roles: { constructor: null } } },
      /^must be an object with inherits/,
    ],
    [
      'policy.roles["a b"].inherits',
      { policy: { roles: { 'a b': { inherits: 'c' } } } },
      /^must be a list of strings/,
    ],
    [
      'policy.roles.a.permissions',
      { policy: { roles: { a: { permissions: ['read'] } } } },
      /^must be an object of resource/,
    ],
    [
      'policy.roles.a.permissions.x[1]',
      { policy: { roles: { a: { permissions: { x: ['read', 1] } } } } },
      /^must be a string/,
    ],
    ['policy.rules', { policy: { rules: 'p, a, b, c' } }, /^must be a list of rules/],
    ['policy.rules[0]', { policy: { rules: ['p, a, b, c'] } }, /^must be a list of strings/],
    [
      'policy.rules[0]',
      { policy: { rules: [[]] } },
      /^must be two strings or more: a ptype and its values \(it has 0\)/,
    ],
    ['policy.rules[0][2]', { policy: { rules: [['p', 'a', null, 'c']] } }, /^must be a string/],
    ['seeders', { seeders: {} }, /^must be a list of seeders/],
    [
      'seeders[1]',
      { seeders: [{ name: 'a', seed() {} }, undefined] },
      /^must be a seeder with a name and a seed method \(it is missing\)\.$/,
    ],
    ['policy', { policy: Promise.resolve({}) }, /\(it is a promise: put await before it\)\.$/],
    ['seeders[0].seed', { seeders: [{ name: 'a' }] }, /^it is missing: seeders\[0\] must be a seeder/],
    ['seeders[0].name', { seeders: [{ name: '', seed() {} }] }, /^must not be empty/],
    ['seeders[0].table', { seeders: [{ name: 'a', table: 'b\0', seed() {} }] }, /NUL/],
    ['migrations', { migrations: { 'a\0': { up() {} } } }, /^must not have a NUL character in a name/],
    [
      'seeders[0].isSeeded',
      { seeders: [{ name: 'a', seed() {}, isSeeded: true }] },
      /^must be a function \(it is true\)\.$/,
    ],
    ['seeders[0].check', { seeders: [{ name: 'a', seed() {}, check: true }] }, /^must be a function/],
    [
      'seeders[0].migrations.m',
      { seeders: [{ name: 'a', seed() {}, migrations: { m: 'create table' } }] },
      /^must be a migration with an up method/,
    ],
    [
      'migrations',
      { migrations: true },
      /^must be false, an object of name → migration, or a MigrationProvider/,
    ],
    ['migrations', { migrations: [] }, /^must be false, an object/],
    [
      'migrations.0001_a.up',
      { migrations: { '0001_a': {} } },
      /^it is missing: migrations\.0001_a must be a migration/,
    ],
    ['migrations.getMigrations', { migrations: { getMigrations: 1 } }, /^must be a function/],
    ['configureEnforcer', { configureEnforcer: {} }, /^must be a function \(it is an object\)\.$/],
    [
      'verify',
      { verify: true },
      /^must be false, or an object with strict, full and stockLoadable \(it is true\)\.$/,
    ],
    ['verify.strict', { verify: { strict: 'yes' } }, /^must be true or false \(it is "yes"\)\.$/],
    ['schema', { schema: 5 }, /^must be a string/],
    ['schema', { schema: '' }, /^must not be empty/],
    ['schema', { schema: 'x'.repeat(64) }, /^must not be longer than 63 bytes/],
    ['schema', { schema: 'a\0b' }, /NUL/],
    ['schema', { schema: '\ud800' }, /half of a surrogate pair/],
    ['schema', { schema: 'pg_catalog' }, /^must not be a schema of PostgreSQL itself/],
    ['schema', { schema: 'information_schema' }, /^must not be a schema of PostgreSQL itself/],
    ['schema', { schema: '$user' }, /search_path/],
    ['table', { table: 5 }, /^must be the name of a table, or an object with a name/],
    ['table', { table: '' }, /^must not be empty/],
    ['table', { table: 'x'.repeat(64) }, /^must not be longer than 63 bytes/],
    ['table', { table: 'é'.repeat(32) }, /^must not be longer than 63 bytes/],
    ...['migration', 'migration_lock', 'lock', 'journal', 'version', 'rule'].map(
      (own) =>
        [
          'table',
          { table: `casbin_bootstrap_${own}` },
          /^must not name a table of casbin-bootstrap itself \(/,
        ] as [string, object, RegExp],
    ),
    ['table', { table: 'auth.casbin' }, /without its schema: .* option schema \(it is "auth\.casbin"\)\.$/],
    ['table.name', { table: { name: 'auth.casbin' } }, /without its schema/],
    ['table', { table: 'providers' }, /^must not be the table of seeder "providers" \(it is "providers"\)/],
    ...['kysely_migration', 'kysely_migration_lock'].map(
      (list) =>
        [
          'table',
          { table: list, migrations: { '001_a': { up: async () => {} } } },
          /^must not be the table in which the migrations are recorded/,
        ] as [string, object, RegExp],
    ),
    ['table.name', { table: {} }, /^it is missing/],
    [
      'table.layout',
      { table: { name: 'r', layout: 'rows' } },
      /^must be document or columns \(it is "rows"\)\.$/,
    ],
    [
      'table.duplicates',
      { table: { name: 'r', duplicates: true } },
      /^must be report or remove \(it is true\)\.$/,
    ],
    ['lockTimeoutMs', { lockTimeoutMs: '30000' }, /^must be a number of milliseconds \(it is "30000"\)\.$/],
    ['lockTimeoutMs', { lockTimeoutMs: -1 }, /^must not be negative/],
    ['lockTimeoutMs', { lockTimeoutMs: 0.5 }, /^must be a whole number/],
    ['statementTimeoutMs', { statementTimeoutMs: 2 ** 31 }, /^must not exceed 2147483647/],
    ['connectTimeoutMs', { connectTimeoutMs: -1 }, /^must not be negative/],
    ['idleInTransactionTimeoutMs', { idleInTransactionTimeoutMs: -1 }, /^must not be negative/],
    ['journal', { journal: 'yes' }, /^must be true or false \(it is "yes"\)\.$/],
    ['dryRun', { dryRun: 'false' }, /^must be true or false \(it is "false"\)\.$/],
    ['notifyChannel', { notifyChannel: true }, /^must be a string/],
    ['logger', { logger: { log() {} } }, /must be a logger with the methods debug, info and warn, such/],
    ...['error', 'child', 'isLevelEnabled'].map(
      (method) =>
        [`logger.${method}`, { logger: { ...console, [method]: true } }, /^must be a function/] as [
          string,
          object,
          RegExp,
        ],
    ),
    ['onProgress', { onProgress: true }, /^must be a function \(it is true\)\.$/],
  ])('are refused by their path: %s of %o', async (at, options, message) => {
    const problems = await problemsOf(options);
    expect(problems[0]).toMatchObject({ code: 'OPTION_INVALID', message: expect.stringMatching(message) });
    expect(new Set(problems.map((problem) => problem.at.replace(/\.(info|warn|debug)$/, '')))).toEqual(
      new Set([at]),
    );
  });

  test('are refused together with the problems of the others', async () => {
    const problems = await problemsOf({
      dryRun: 1,
      seder: [],
      lockTimeoutMs: '1',
      model: 'no-such.conf',
      policy: {
        rules: [
          ['p', 'a'],
          ['p', 'x', 'y\0', 'z'],
        ],
      },
      seeders: [{ name: 'rbac', seed() {} }],
    });
    expect(problems.map(({ code, at }) => `${at} ${code}`).sort()).toEqual([
      'dryRun OPTION_INVALID',
      'lockTimeoutMs OPTION_INVALID',
      'no-such.conf MODEL_NOT_FOUND',
      'policy.rules[1] VALUE_UNSTORABLE',
      'seder OPTION_UNKNOWN',
      'seeders[0] "rbac" SEEDER_DUPLICATE',
    ]);
  });

  test('are refused together with what else is wrong with the same policy, if they are only unknown', async () => {
    const problems = await problemsOf({ policy: { role: {}, roles: { a: { inherits: ['b'] } } } });
    expect(problems.map(({ code }) => code)).toEqual(['OPTION_UNKNOWN', 'ROLE_UNDEFINED']);
  });

  test('cause no problems by the default in their place', async () => {
    const rules = [['p', 'clerk', 'shop', 'invoices', 'read']];
    expect(await problemsOf({ policy: { rules }, model: 5 })).toMatchObject([{ at: 'model' }]);
    const contradicted = { rules: [['p', 'a', 'b', 'c']], deny: [['a', 'b', 'c']] };
    expect(await problemsOf({ policy: contradicted, configureEnforcer: 5 })).toMatchObject([
      { at: 'configureEnforcer' },
    ]);
  });

  test('are shown in part when they are long', async () => {
    const [problem] = await problemsOf({ dryRun: 'x'.repeat(10_000) });
    expect(problem?.message.length).toBeLessThan(200);
  });

  test('are refused before a verification too', async () => {
    const error = await failureOf(() => Reflect.apply(verifyDatabase, undefined, [{}, null]));
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS' });
  });

  test('make a message of readable length, and a list of all of them', async () => {
    const rules = Array.from({ length: 1000 }, () => ['p', 'a', 'b']);
    const error = await failureOf(() =>
      Reflect.apply(verifyDatabase, undefined, [{}, { policy: { rules } }]),
    );
    expect(error.message.split('\n').length).toBeLessThan(60);
    expect(error).toMatchObject({ problems: { length: 2000 } });
    expect(error.message).toMatch(/and 1950 more, in the error's problems\.$/);
  });
});

describe('something that is not a pool', () => {
  const SECRET = 'correct horse';

  test.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /must have a connect method/],
    ['null', null, /must have a connect method/],
    ['a connection string', `postgres://me:${SECRET}@host/db`, /not a connection string.*new pg\.Pool/],
    [
      'the options of one',
      { connectionString: `postgres://me:${SECRET}@host/db` },
      /must have a connect method/,
    ],
    ['the class', pg.Pool, /must have a connect method/],
    ['a single client', new pg.Client({ password: SECRET }), /not a single client/],
  ])('is refused: %s', async (_, pool, message) => {
    const error = await failureOf(() => Reflect.apply(bootstrapDatabase, undefined, [pool]));
    expect(error).toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [{ code: 'OPTION_INVALID', at: 'pool' }],
    });
    expect(error.message).toMatch(message);
    expect(inspect(error, { depth: 20 })).not.toContain(SECRET);
  });

  test('is told in one sentence where it is given in the place of the options', async () => {
    const pool = new pg.Pool({ password: SECRET });
    const error = await failureOf(() => Reflect.apply(bootstrapDatabase, undefined, [{}, pool]));
    expect(error).toMatchObject({
      problems: [
        { at: 'pool' },
        {
          at: 'options',
          message: 'must be an object of options, not a pool or a client. Give that before the options.',
        },
      ],
    });
    expect(inspect(error, { depth: 20 })).not.toContain(SECRET);
  });

  test('is refused when it is a client of a pool, which goes on working', async () => {
    const database = await createDatabase();
    const client = await database.pool().connect();
    onTestFinished(() => client.release());
    const problems = await problemsOf({}, client);
    expect(problems).toMatchObject([{ at: 'pool', message: expect.stringContaining('not a single client') }]);
  });

  test.each<[string, () => unknown]>([
    ['gives nothing', () => undefined],
    ['gives something else', async () => ({ end() {} })],
    [
      'throws at once',
      () => {
        throw new Error('no');
      },
    ],
    ['rejects with no reason', () => Promise.reject()],
  ])('is reported as a failure to connect when its connect %s', async (_, connect) => {
    const error = await failureOf(() => Reflect.apply(bootstrapDatabase, undefined, [{ connect }]));
    expect(error).toMatchObject({ name: 'ConnectionError', code: 'CONNECTION_FAILED' });
  });

  test('is refused when it is a pool that was ended', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await pool.end();
    const error = await failureOf(() => bootstrapDatabase(pool));
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED' });
    expect(error.message).toContain('before the pool is ended');
  });
});

test('unusual but valid options are accepted', async () => {
  const database = await createDatabase();
  const error = await refusalOf(database, { policy: { roles: { constructor: { inherits: ['toString'] } } } });
  expect(error.message).toContain('role "constructor" inherits from "toString", which is not defined');
});

test.each<[string, BootstrapOptions]>([
  ['kysely_migration', { seeders: [] }],
  [
    'settings',
    { seeders: [{ name: 'on rules', table: 'settings', seed: async () => ({ inserted: 0, existing: 0 }) }] },
  ],
])('the rule table may be %s where no migration makes another of that name', async (table, options) => {
  const pool = (await createDatabase()).pool();
  await expect(bootstrapDatabase(pool, { ...options, table })).resolves.toMatchObject({ changed: true });
});

test('a policy of the wrong shape, or that can not be read, is not replaced by the default policy', async () => {
  const model = newModelFromString(
    modelText({ r: 'sub, obj', p: 'sub, obj', g: [], m: 'r.sub == p.sub && r.obj == p.obj' }),
  );
  for (const [policy, place] of [
    [5, 'policy'],
    ['none.yaml', 'none.yaml'],
  ]) {
    expect((await problemsOf({ policy, model })).map(({ at }) => at)).toEqual([place]);
  }
});

test('a file whose only key is misspelt is not called empty too', async () => {
  const policy = await writeTemporary(
    'policy.yaml',
    'rols: { clerk: { permissions: { invoices: [read] } } }',
  );
  expect(await problemsOf({ policy })).toMatchObject([{ code: 'OPTION_UNKNOWN', at: `${policy}:1:1` }]);
});

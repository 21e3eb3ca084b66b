import { inspect } from 'node:util';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createEmbeddedPool } from '../../src/embedded/index.ts';
import {
  bootstrapDatabase,
  bootstrapTenants,
  changePolicy,
  createAdapter,
  createEnforcer,
  createLiveEnforcer,
  diffPolicies,
  examineDatabase,
  importPolicy,
  loadPolicyFile,
  planBootstrap,
  policyToCsv,
  policyToTypeScript,
  policyToYaml,
  providerSeeder,
  pruneJournal,
  pullPolicy,
  readJournal,
  readStatus,
  rowSeeder,
  testPolicy,
  verifyDatabase,
} from '../../src/index.ts';
import { createTestDatabase } from '../../src/testing/index.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { failureOf, problemsOf } from './refusal.fixture.ts';

const SECRET = 'correct horse';
const URL_TEXT = `postgres://me:${SECRET}@host/db`;
const RULES = [['p', 'a', 'b', 'c']];
const QUERY_RUNNER = { connect() {}, query() {}, release() {}, startTransaction() {} };
const UNUSED = { connect: () => expect.fail('a database was asked') };

/** What a function of ours is refused with that is called as JavaScript may call it. */
function refusal(called: (...args: never[]) => unknown, ...args: unknown[]) {
  return failureOf(async () => Reflect.apply(called, undefined, args));
}

const NOT_POOLS: [string, unknown, string][] = [
  ['nothing', undefined, 'must have a connect method, like pg.Pool. It is missing.'],
  ['null', null, 'It is null. Make one: new pg.Pool'],
  ['a number', 5, 'It is a number.'],
  ['an object', { password: SECRET }, 'must have a connect method'],
  ['a connection string', URL_TEXT, 'not a connection string. Make one: new pg.Pool'],
  ['a URL', new URL('postgres://me:horse@host/db'), 'not a connection string'],
  ['settings', { host: 'h', password: SECRET }, 'These are only settings: give new pg.Pool(settings)'],
  ['the class', pg.Pool, 'It is a function: give what it returns'],
  ['a promise', Promise.resolve(), 'not the promise of one. Await it.'],
  [
    'a Kysely',
    new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ password: SECRET }) }) }),
    'not a Kysely. Give the pg.Pool that its PostgresDialect was made with.',
  ],
  ['a Knex', Object.assign(() => {}, { raw() {}, schema: {}, client: { password: SECRET } }), 'not a Knex'],
  ['a Sequelize', { query() {}, getQueryInterface() {}, password: SECRET }, 'not a Sequelize'],
  ['a Slonik', { connect() {}, query() {}, maybeOne() {} }, 'not a pool of Slonik'],
  ['a pg-promise', { connect() {}, query() {}, oneOrNone() {} }, 'Give its pool: db.$pool.'],
  ['the sql of postgres.js', Object.assign(() => {}, { unsafe() {} }), 'not a function for SQL'],
  ['the sql of Neon', Object.assign(() => {}, { unsafe() {}, query() {} }), 'not a function for SQL'],
  ['a Drizzle', { $client: { password: SECRET }, query: {} }, 'Give the pg.Pool: db.$client.'],
  ['a PrismaClient', { $connect() {} }, 'not a PrismaClient'],
  ['a QueryRunner', QUERY_RUNNER, 'Give its client: await queryRunner.connect().'],
  ['a DataSource', { connect() {}, query() {}, createQueryRunner() {} }, 'not a DataSource of TypeORM'],
];

describe.each<[string, (...args: never[]) => unknown]>([
  ['bootstrapDatabase', bootstrapDatabase],
  ['verifyDatabase', verifyDatabase],
  ['createEnforcer', createEnforcer],
  ['createLiveEnforcer', createLiveEnforcer],
  ['createAdapter', createAdapter],
  ['planBootstrap', planBootstrap],
  ['readStatus', readStatus],
  ['examineDatabase', examineDatabase],
  ['importPolicy', (pool: never) => importPolicy(pool, { rules: [['p', 'a', 'b', 'c']] })],
  ['readJournal', readJournal],
  [
    'bootstrapTenants',
    (pool: unknown) => Reflect.apply(bootstrapTenants, undefined, [[{ name: 'a', pool }]]),
  ],
])('%s', (name, called) => {
  const wrong = NOT_POOLS.filter(([, given]) => name !== 'bootstrapTenants' || typeof given !== 'function');

  test.each(wrong)('refuses %s in the place of a pool, and says what to give', async (_, given, message) => {
    const error = await refusal(called, given);
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS', problems: [{ code: 'OPTION_INVALID' }] });
    expect(error.message).toContain(message);
    expect(inspect(error, { depth: 20 })).not.toMatch(/horse/);
  });
});

test('a pool and a client of pg may have methods of other libraries', async () => {
  const methods = { maybeOne() {}, oneOrNone() {}, startTransaction() {}, selectFrom() {} };
  const connect = () => Promise.reject(new Error('the database was asked'));
  const pool = Object.assign(new pg.Pool({ host: 'h' }), methods, { connect });
  expect(await refusal(bootstrapDatabase, pool)).toMatchObject({ code: 'CONNECTION_FAILED' });
  const client = Object.assign(new pg.Client({ host: 'h' }), methods);
  const given = { assign: [['eve', 'user']] };
  const error = await refusal(changePolicy, client, given, { actor: 'me' });
  expect(error.message).toContain('must be connected');
});

test('a pool that shows its settings is a pool', async () => {
  const connect = () => Promise.reject(new Error('the database was asked'));
  for (const settings of [{ host: 'h' }, { connectionString: URL_TEXT }]) {
    const error = await refusal(bootstrapDatabase, { connect, ...settings });
    expect(error).toMatchObject({ code: 'CONNECTION_FAILED' });
  }
});

test.each<[string, unknown, string]>([
  ['a QueryRunner', QUERY_RUNNER, 'Give its client: await queryRunner.connect().'],
  ['a pool', { connect() {}, query() {} }, 'must be a client, not a pool.'],
  ['nothing', undefined, 'must be the client of pg that the transaction was begun on'],
  ['a connection string', URL_TEXT, 'must be the client of pg that the transaction was begun on'],
  [
    'a transaction of Kysely',
    { selectFrom() {} },
    'must be the client of pg that the transaction was begun on',
  ],
  [
    'a transaction of Knex',
    Object.assign(() => {}, { raw() {}, schema: {} }),
    'must be the client of pg that the transaction was begun on',
  ],
  ['a task of pg-promise', { query() {}, oneOrNone() {} }, 'must be the client of pg that'],
  ['a client of binary values', { query() {}, binary: true }, 'must not have binary: true'],
])('changePolicy refuses %s in the place of its client', async (_, client, message) => {
  const given = { assign: [['eve', 'user']] };
  const error = await refusal(changePolicy, client, given, { actor: 'me' });
  expect(error.message).toContain(message);
  expect(inspect(error, { depth: 20 })).not.toContain(SECRET);
});

test.each<[string, () => Promise<unknown>]>([
  ['pulled', () => pullPolicy(URL_TEXT as never)],
  ['compared', () => diffPolicies({ rules: RULES }, URL_TEXT)],
  ['loaded', () => loadPolicyFile(URL_TEXT)],
  ['bootstrapped', () => bootstrapDatabase(UNUSED as never, { policy: URL_TEXT })],
  ['a model', () => bootstrapDatabase(UNUSED as never, { policy: { rules: RULES }, model: URL_TEXT })],
])(
  'a connection string instead of a policy or a model is not looked for as a file, and not shown: %s',
  async (_, run) => {
    const error = await failureOf(run);
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS', problems: [{ at: expect.any(String) }] });
    expect(error.message).toContain('not a connection string');
    expect(inspect(error, { depth: 20 })).not.toContain(SECRET);
  },
);

test('an adapter takes a client, checked out or not, and whatever queries like one', async () => {
  const database = await createDatabase();
  const client = await database.pool().connect();
  try {
    for (const source of [client, new pg.Client(), { query: client.query.bind(client) }]) {
      expect(() => createAdapter(source)).not.toThrow();
    }
  } finally {
    client.release();
  }
});

test('a pool or a client with binary values is refused, because they would be misread', async () => {
  const settings = { binary: true } as object;
  const [pool, client] = [new pg.Pool(settings), new pg.Client(settings)];
  for (const error of [await refusal(bootstrapDatabase, pool), await refusal(createAdapter, client)]) {
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS', problems: [{ at: 'pool' }] });
    expect(error.message).toContain('must not have binary: true');
  }
});

test('binary values by the defaults of pg are refused with the first client, which is returned', async () => {
  const pool = (await createDatabase()).pool();
  const defaults: { binary?: boolean | undefined } = pg.defaults;
  defaults.binary = true;
  onTestFinished(() => {
    defaults.binary = false;
  });
  for (const call of [bootstrapDatabase, readJournal]) {
    const error = await refusal(call, pool);
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS', problems: [{ at: 'pool' }] });
  }
  await expect(createAdapter(pool).loadPolicy(rbacModel())).rejects.toMatchObject({
    code: 'INVALID_OPTIONS',
  });
});

test.each([undefined, null, 5, [], new URL('file:///policy.yaml')])(
  'loadPolicyFile(%o) says that it needs a path',
  async (given) => {
    const error = await refusal(loadPolicyFile, given);
    expect(error.message).toContain(
      'must be the path of a .yaml, .yml, .json, .csv file, as a string (it is ',
    );
  },
);

const NOT_DEFINITIONS: [unknown, string][] = [
  [undefined, 'an object with roles and rules (it is missing)'],
  [null, '(it is null)'],
  [5, '(it is a number)'],
  [[['p', 'a', 'b', 'c']], '(it is a list)'],
  ['policy.yaml', 'not the path of one. Load it: await loadPolicyFile(path).'],
  [Promise.resolve({}), 'not the promise of one. Await it.'],
  [new pg.Pool(), 'not a pool. Read it: await pullPolicy(pool).'],
];

describe.each<[string, (definition: never) => unknown]>([
  ['policyToCsv', policyToCsv],
  ['policyToYaml', policyToYaml],
  ['policyToTypeScript', policyToTypeScript],
])('%s', (_, write) => {
  test.each(NOT_DEFINITIONS)('of %o says what it needs', async (given, message) => {
    const error = await refusal(write, given);
    expect(error).toMatchObject({ code: 'INVALID_OPTIONS', problems: [{ at: 'policy' }] });
    expect(error.message).toContain(message);
  });
});

test.each<[unknown, string]>([
  [{ roles: { admin: null } }, 'bootstrapDatabase says which'],
  [{ rules: 5 }, 'bootstrapDatabase says which'],
  [{ rules: [['p', 5, 'b', 'c']] }, 'policy.rules[0]: must hold strings only'],
  [{ rules: [[null, 'a']] }, 'policy.rules[0]: must hold strings only'],
  [{ rules: [['', 'a']] }, 'policy.rules[0]: must hold strings only, with the ptype first'],
])('policyToCsv(%o) says what is wrong with it', async (given, message) => {
  const error = await refusal(policyToCsv, given);
  expect(error.code).toBe('INVALID_OPTIONS');
  expect(error.message).toContain(message);
});

test.each([undefined, null, 5, 'tests.yaml', ['tests.yaml', 5]])(
  'testPolicy(%o) says that it needs a list of paths',
  async (given) => {
    const error = await refusal(testPolicy, given);
    expect(error).toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [{ code: 'OPTION_INVALID', at: 'files' }],
    });
    expect(error.message).toContain('must be a list of paths');
  },
);

test('a policy that is given instead of options is refused, with how to give it', async () => {
  const policy = { roles: {}, rules: RULES, never: [] };
  const problems = await problemsOf(policy as object);
  expect(problems.map(({ at }) => at)).toEqual(['roles', 'rules', 'never']);
  for (const { message } of problems) expect(message).toContain('It belongs in a policy: give { policy }');
});

test.each<[unknown, string]>([
  [null, 'options: must be an object of options, as { dataDir } (it is null)'],
  ['folder', '(it is a string)'],
  [{ dataDir: 5 }, 'must have the path of a folder as dataDir (it is a number)'],
  [{ dataDir: '' }, '(it is empty)'],
])('createEmbeddedPool(%o) says what it needs', async (given, message) => {
  expect((await refusal(createEmbeddedPool, given)).message).toContain(message);
});

test.each([undefined, null, 5, 'settings'])(
  'rowSeeder(%o) throws nothing: the bootstrap tells what is wrong with it',
  async (given) => {
    const problems = await problemsOf({ seeders: [Reflect.apply(rowSeeder, undefined, [given])] });
    expect(problems.map(({ at }) => at)).toEqual(['seeders[0].name']);
  },
);

test.each([null, 5, 'rows'])('providerSeeder(%o) throws nothing, as rowSeeder', async (given) => {
  const problems = await problemsOf({ seeders: [Reflect.apply(providerSeeder, undefined, [given])] });
  expect(problems.length).toBeGreaterThan(0);
});

test.each([null, 5, 'policy.yaml', ['policy.yaml'], new Map()])(
  'options that are %o are refused',
  async (given) => {
    const pool = { connect: () => Promise.reject(new Error('the database was touched')) };
    for (const work of [
      () => refusal(createTestDatabase, given),
      () => refusal(verifyDatabase, pool, given),
      () => refusal(bootstrapDatabase, pool, given),
      () => refusal(createEnforcer, pool, given),
      () => refusal(createLiveEnforcer, pool, given),
      () => refusal(changePolicy, { query: pool.connect }, {}, given),
    ]) {
      expect((await work()).message).toContain('options: must be an object of options');
    }
    expect((await refusal(changePolicy, { query: pool.connect }, given, { actor: 'me' })).message).toContain(
      'changes: must be an object with grant, revoke, assign and unassign',
    );
    expect((await refusal(readJournal, pool, given)).message).toContain('filter: must be an object');
    expect((await refusal(pruneJournal, pool, given)).message).toContain(
      'options: must be an object with olderThan',
    );
  },
);

import { describe, expect, expectTypeOf, test } from 'vitest';
import type { EmbeddedPoolOptions } from '../../src/embedded/index.ts';
import {
  type BootstrapOptions,
  type BootstrapSqlOptions,
  bootstrapDatabase,
  bootstrapTenants,
  type CommandConfig,
  createEnforcer,
  createLiveEnforcer,
  defaultPolicy,
  defineConfig,
  type ImportOptions,
  type InitOptions,
  InvalidOptionsError,
  type JournalPruning,
  type LintRequirements,
  type LiveEnforcerOptions,
  type PolicyChanges,
  type PolicyTestFilter,
  type PolicyTestRequirements,
  type RowSeederOptions,
  type RulePlace,
  type RuleTableOptions,
  type ServePageOptions,
  type Tenant,
  type TenantsOptions,
  type VerifyDatabaseOptions,
  verifyDatabase,
  type WithUsers,
} from '../../src/index.ts';
import type { ModuleOptions } from '../../src/nestjs/index.ts';
import { resolveOptions } from '../../src/options/resolve.ts';
import { createTestDatabase, type PolicyTestOptions } from '../../src/testing/index.ts';
import { policyTests } from '../../src/testing/vitest.ts';
import { failureOf } from '../refusals/refusal.fixture.ts';
import { createDatabase } from '../support/database.ts';

/** One of every option that any function of the library takes, with effects that can be told from the defaults. */
const OPTIONS = {
  policy: defaultPolicy,
  seeders: [],
  migrations: {},
  configureEnforcer: () => {},
  verify: { strict: true },
  schema: 'auth',
  table: { name: 'casbin', layout: 'document', duplicates: 'report' },
  lockTimeoutMs: 10_000,
  statementTimeoutMs: 20_000,
  notifyChannel: 'elsewhere',
  onProgress: () => {},
  concurrency: 2,
} satisfies BootstrapOptions & { concurrency: number };

const UNTOUCHED = {
  connect: () => Promise.reject(new Error('the database was touched')),
};

/** With those of tests and of the command line. */
const ALL = { ...OPTIONS, target: UNTOUCHED, databaseUrl: 'postgres://localhost/shop' };

describe('one object of options', () => {
  test('serves the bootstrap, the verification, the enforcer and the tenants', async () => {
    const pool = (await createDatabase()).pool();

    await expect(bootstrapDatabase(pool, ALL)).resolves.toMatchObject({ changed: true });
    await expect(verifyDatabase(pool, ALL)).resolves.toMatchObject({ ok: true });
    const enforcer = await createEnforcer(pool, ALL);
    expect(await enforcer.enforce('admin', 'accounts', 'read')).toBe(true);
    await expect(bootstrapTenants([{ name: 'a', schema: 'a', pool }], ALL)).resolves.toMatchObject({
      ok: true,
      changed: 1,
    });
  });

  test('may have undefined for an option, as for one that is left out', async () => {
    const nothing: { readonly [Name in keyof Required<BootstrapOptions & LiveEnforcerOptions>]: undefined } =
      {
        ...{ model: undefined, configureEnforcer: undefined, schema: undefined, table: undefined },
        ...{
          engine: undefined,
          policy: undefined,
          seeders: undefined,
          migrations: undefined,
          journal: undefined,
        },
        ...{ verify: undefined, lockTimeoutMs: undefined, connectTimeoutMs: undefined, dryRun: undefined },
        ...{ statementTimeoutMs: undefined, idleInTransactionTimeoutMs: undefined, notifyChannel: undefined },
        ...{ logger: undefined, onProgress: undefined, subject: undefined, domain: undefined },
        ...{ maxStalenessMs: undefined, whenStale: undefined, pollIntervalMs: undefined },
        ...{ onChange: undefined, onError: undefined },
      };
    const pool = (await createDatabase()).pool({ max: 2 });

    await expect(bootstrapDatabase(pool, nothing)).resolves.toMatchObject({ changed: true, dryRun: false });
    await expect(verifyDatabase(pool, nothing)).resolves.toMatchObject({ ok: true });
    await using live = await createLiveEnforcer(pool, nothing);
    expect(await live.enforce('admin', 'accounts', 'read')).toBe(true);
    expect(live.state).toMatchObject({ status: 'current', error: null });
  });

  test('may have undefined for each option in TypeScript, whichever function has it', () => {
    type Undefined<Options> = {
      [Name in keyof Options as undefined extends Options[Name] ? Name : never]: undefined;
    };
    expectTypeOf<Undefined<CommandConfig>>().toExtend<CommandConfig>();
    expectTypeOf<Undefined<ServePageOptions>>().toExtend<ServePageOptions>();
    expectTypeOf<Undefined<EmbeddedPoolOptions>>().toExtend<EmbeddedPoolOptions>();
    expectTypeOf<Undefined<PolicyTestOptions>>().toExtend<PolicyTestOptions>();
    expectTypeOf<Undefined<ModuleOptions>>().toExtend<Partial<ModuleOptions>>();
    expectTypeOf<Undefined<PolicyChanges>>().toExtend<PolicyChanges>();
    expectTypeOf<Undefined<RulePlace>>().toExtend<Partial<RulePlace>>();
    expectTypeOf<Undefined<ImportOptions>>().toExtend<ImportOptions>();
    expectTypeOf<Undefined<InitOptions>>().toExtend<InitOptions>();
    expectTypeOf<Undefined<LintRequirements>>().toExtend<LintRequirements>();
    expectTypeOf<Undefined<WithUsers>>().toExtend<WithUsers>();
    expectTypeOf<Undefined<PolicyTestFilter>>().toExtend<PolicyTestFilter>();
    expectTypeOf<Undefined<PolicyTestRequirements>>().toExtend<PolicyTestRequirements>();
    expectTypeOf<Undefined<JournalPruning>>().toExtend<Partial<JournalPruning>>();
    expectTypeOf<Undefined<BootstrapSqlOptions>>().toExtend<BootstrapSqlOptions>();
    expectTypeOf<Undefined<RowSeederOptions<object>>>().toExtend<Partial<RowSeederOptions<object>>>();
    expectTypeOf<Undefined<RuleTableOptions>>().toExtend<Partial<RuleTableOptions>>();
    expectTypeOf<Undefined<Tenant>>().toExtend<Partial<Tenant>>();
    expectTypeOf<Undefined<TenantsOptions>>().toExtend<TenantsOptions>();
  });

  test('that is empty stands for the values in the documents', async () => {
    expect(await resolveOptions(UNTOUCHED, {})).toMatchObject({
      lockTimeoutMs: 30_000,
      connectTimeoutMs: 60_000,
      statementTimeoutMs: undefined,
      idleInTransactionTimeoutMs: undefined,
      notifyChannel: 'casbin',
      journal: false,
      dryRun: false,
    });
  });

  test('serves the database of a test, which is never a dry run', async () => {
    await using database = await createTestDatabase({ ...ALL, dryRun: true });
    expect(await database.enforcer.enforce('admin', 'accounts', 'read')).toBe(true);
  });

  // Registers a test for each expectation.
  policyTests({ ...OPTIONS.policy, allow: [['admin', 'accounts', 'read']] }, OPTIONS);

  test('may come from defineConfig, which keeps the type of the policy', () => {
    const config = defineConfig({ policy: 'policy.yaml', seeders: [] });
    expect(config).toEqual({ policy: 'policy.yaml', seeders: [] });
    expectTypeOf(config).toExtend<BootstrapOptions>();
    expectTypeOf(config.policy).toExtend<Parameters<typeof policyTests>[0]>();
    expectTypeOf(defineConfig({ policy: defaultPolicy }).policy).toEqualTypeOf<typeof defaultPolicy>();
    // @ts-expect-error: it has no such option
    defineConfig({ policy: defaultPolicy, polcy: defaultPolicy });
  });

  test.each<[string, (options: object) => Promise<unknown>]>([
    ['bootstrapDatabase', (options) => bootstrapDatabase(UNTOUCHED, options)],
    ['verifyDatabase', (options) => verifyDatabase(UNTOUCHED, options)],
    ['createEnforcer', (options) => createEnforcer(UNTOUCHED, options)],
    ['bootstrapTenants', (options) => bootstrapTenants([{ name: 'a', pool: UNTOUCHED }], options)],
    ['createTestDatabase', (options) => createTestDatabase(options)],
  ])('may not hold a name that belongs to no function: %s', async (_, work) => {
    const error = await failureOf(() => work({ ...ALL, zebra: defaultPolicy }));
    expect(error).toMatchObject({ problems: [{ code: 'OPTION_UNKNOWN', at: 'zebra' }] });
    for (const name of Object.keys(ALL)) expect(error.message).toContain(name);
  });
});

describe('how strict verifyDatabase is', () => {
  test('may be given beside its other options, and then overrides verify', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool);
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["user", "vault", "open"]')`);

    await expect(verifyDatabase(pool)).resolves.toMatchObject({ ok: true });
    await expect(verifyDatabase(pool, { strict: true })).resolves.toMatchObject({ ok: false });
    const imported = Object.defineProperty({ strict: true }, Symbol.toStringTag, { value: 'Module' });
    await expect(verifyDatabase(pool, imported), 'of a module').resolves.toMatchObject({ ok: false });
    const nested = { verify: { strict: true } };
    await expect(verifyDatabase(pool, nested)).resolves.toMatchObject({ ok: false });
    await expect(verifyDatabase(pool, { ...nested, strict: false })).resolves.toMatchObject({ ok: true });

    await pool.query(
      `insert into casbin (ptype, rule) select 'g', jsonb_build_array('u' || n, 'user') from generate_series(1, 1500) n`,
    );
    await expect(verifyDatabase(pool)).resolves.toMatchObject({ scope: { kind: 'part' } });
    await expect(verifyDatabase(pool, { full: true })).resolves.toMatchObject({ scope: { kind: 'whole' } });
    await expect(verifyDatabase(pool, { stockLoadable: true })).resolves.toMatchObject({
      scope: { kind: 'whole' },
    });
    for (const verify of [{ full: true }, { stockLoadable: true }]) {
      await expect(verifyDatabase(pool, { verify })).resolves.toMatchObject({ scope: { kind: 'whole' } });
    }
  });

  test('is refused flat where a bootstrap would pass over it, and says where it belongs', async () => {
    const flat: object = { strict: true, full: false, stockLoadable: true };
    const error = await failureOf(() => bootstrapDatabase(UNTOUCHED, flat));
    expect(error).toMatchObject({
      problems: ['strict', 'full', 'stockLoadable'].map((at) => ({
        at,
        message: expect.stringMatching(/^belongs in verify here, as in verify: \{ strict: true \}/),
      })),
    });
  });

  test('is true or false', async () => {
    const error = await failureOf(() =>
      Reflect.apply(verifyDatabase, undefined, [UNTOUCHED, { strict: 'yes' }]),
    );
    expect(error).toMatchObject({
      problems: [{ at: 'strict', message: expect.stringMatching(/^must be true or false/) }],
    });
  });

  test('and what else a verification uses is all that its options show; those of a bootstrap fit too', () => {
    expectTypeOf<BootstrapOptions>().toExtend<VerifyDatabaseOptions>();
    expectTypeOf<VerifyDatabaseOptions>().not.toHaveProperty('seeders');
    expectTypeOf<VerifyDatabaseOptions>().not.toHaveProperty('migrations');
    expectTypeOf<VerifyDatabaseOptions>().not.toHaveProperty('dryRun');
    expectTypeOf<VerifyDatabaseOptions>().not.toHaveProperty('notifyChannel');
  });
});

describe('options of an enforcer that are wrong', () => {
  async function problemsOf(options: unknown, pool: unknown = UNTOUCHED) {
    const error = await failureOf(() => Reflect.apply(createEnforcer, undefined, [pool, options]));
    expect(error).toBeInstanceOf(InvalidOptionsError);
    return error instanceof InvalidOptionsError ? error.problems : [];
  }

  test.each<[string, unknown, RegExp]>([
    ['options', null, /^must be an object of options \(it is null\)\.$/],
    ['model', { model: 5 }, /^must be the path of a \.conf file, or a Casbin Model/],
    ['schema', { schema: '' }, /^must not be empty/],
    ['configureEnforcer', { configureEnforcer: true }, /^must be a function \(it is true\)\.$/],
    ['configureEnforcer', { configureEnforcer: () => Promise.reject(new Error('no')) }, /^it threw: no\./],
    ['modle', { modle: 'rbac.conf' }, /^there is no such option\. Did you mean model\?$/],
    ['no-such.conf', { model: 'no-such.conf' }, /^there is no such model file/],
  ])('are refused before the database is touched: %s of %o', async (at, options, message) => {
    expect(await problemsOf(options)).toMatchObject([{ at, message: expect.stringMatching(message) }]);
  });

  test('are refused together, with the pool', async () => {
    const problems = await problemsOf(
      { model: 'no-such.conf', schema: 5, modle: 1 },
      'postgres://me:correct-horse@host/db',
    );
    expect(problems.map(({ at }) => at).sort()).toEqual(['modle', 'no-such.conf', 'pool', 'schema']);
    expect(JSON.stringify(problems)).not.toContain('correct-horse');
  });

  test('are not read for the other functions', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool);
    const options = { policy: 'no-such.yaml', lockTimeoutMs: -1 };
    await expect(createEnforcer(pool, options)).resolves.toBeDefined();
  });
});

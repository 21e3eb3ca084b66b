import type { Model } from 'casbin';
import { type Logger, pino } from 'pino';
import { casbinMigrations } from '../../migrations/index.ts';
import { findDistorted } from '../casbin/distortion.ts';
import { type ConfigureEnforcer, listFunctions } from '../casbin/enforcer.ts';
import { copyModel, ruleLengthsOf } from '../casbin/model.ts';
import { defaultModelPath, loadModelFile } from '../casbin/model-file.ts';
import { lintModel } from '../casbin/model-lint.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import type { Migrations } from '../migration/migration.ts';
import type { BootstrapOptions, VerifyOptions } from '../options.ts';
import { compilePolicy, type DefinedRule } from '../policy/compile.ts';
import { defaultPolicy } from '../policy/default-policy.ts';
import {
  findBrokenHierarchies,
  findDuplicates,
  findMisfits,
  findUndefinedRoles,
  findUnstorable,
} from '../policy/validate.ts';
import { checkSeeders } from '../seeding/check.ts';
import { providerSeeder } from '../seeding/provider-seeder.ts';
import { rbacSeeder } from '../seeding/rbac-seeder.ts';
import type { Seeder } from '../seeding/seeder.ts';
import { deriveRequests, type Request } from '../verification/requests.ts';
import { checkShape } from './shape.ts';

/** Options that are complete and valid; nothing behind them checks again. */
export interface ResolvedOptions {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  readonly rules: readonly DefinedRule[];
  readonly requests: readonly Request[];
  /** The RBAC seeder, then the given ones. */
  readonly seeders: readonly Seeder[];
  /** This package's and the seeders'; null when another tool runs migrations. */
  readonly packageMigrations: Migrations | null;
  /** The application's own; null when there are none. */
  readonly applicationMigrations: Migrations | null;
  readonly verify: VerifyOptions | null;
  readonly schema: string | undefined;
  readonly lockTimeoutMs: number;
  readonly statementTimeoutMs: number | undefined;
  readonly dryRun: boolean;
  readonly notifyChannel: string | null;
  readonly logger: Logger;
}

/**
 * Checks and completes the options.
 *
 * @throws InvalidOptionsError with every problem of the options, the model, the policy and the seeders
 */
export async function resolveOptions(pool: unknown, options: BootstrapOptions): Promise<ResolvedOptions> {
  const misshapen = [...checkPool(pool), ...checkShape(options)];
  if (misshapen.length > 0) throw new InvalidOptionsError(misshapen);

  const { model, problems: modelProblems } = await resolveModel(options);
  const definition = options.policy ?? defaultPolicy;
  const rules = compilePolicy(definition);
  const seeders = [rbacSeeder(rules), ...(options.seeders ?? [providerSeeder()])];
  const { migrations, problems: migrationProblems } = await resolveMigrations(options.migrations);
  const problems = [
    ...modelProblems,
    ...(model === null ? [] : findMisfits(rules, ruleLengthsOf(model))),
    ...findUndefinedRoles(definition),
    ...findBrokenHierarchies(rules),
    ...checkValues(rules),
    ...checkSeeders(options.seeders ?? [], casbinMigrations),
    ...migrationProblems,
  ];
  if (model === null || problems.length > 0) throw new InvalidOptionsError(problems);

  return {
    model,
    configureEnforcer: options.configureEnforcer,
    rules,
    requests: options.verify === false ? [] : deriveRequests(model, rules),
    seeders,
    packageMigrations:
      options.migrations === false
        ? null
        : Object.assign({}, casbinMigrations, ...seeders.map((seeder) => seeder.migrations)),
    applicationMigrations: migrations,
    verify: options.verify === false ? null : (options.verify ?? {}),
    schema: options.schema,
    lockTimeoutMs: options.lockTimeoutMs ?? 30_000,
    statementTimeoutMs: options.statementTimeoutMs,
    dryRun: options.dryRun ?? false,
    notifyChannel: options.notifyChannel === false ? null : (options.notifyChannel ?? 'casbin'),
    logger: options.logger ?? pino({ level: 'silent' }),
  };
}

function checkPool(pool: unknown): Problem[] {
  const connects = typeof pool === 'object' && pool !== null && 'connect' in pool;
  if (connects && typeof pool.connect === 'function') return [];
  return [{ code: 'OPTION_INVALID', at: 'pool', message: 'must have a connect method, as pg.Pool has.' }];
}

async function resolveModel(
  options: BootstrapOptions,
): Promise<{ model: Model | null; problems: Problem[] }> {
  const { model: given = defaultModelPath, configureEnforcer } = options;
  const loaded =
    typeof given === 'string'
      ? await loadModelFile(given)
      : { model: copyModel(given), locate: (key: string) => `model (${key})` };
  if (loaded.model === null) return { model: null, problems: [...loaded.problems] };
  try {
    const functions = await listFunctions(loaded.model, configureEnforcer);
    return { model: loaded.model, problems: lintModel(loaded.model, functions, loaded.locate) };
  } catch (error) {
    const message = `it threw: ${error instanceof Error ? error.message : String(error)}`;
    return { model: loaded.model, problems: [{ code: 'OPTION_INVALID', at: 'configureEnforcer', message }] };
  }
}

/** Unstorable values would also be called distorted, so those are only looked for in what can be stored. */
function checkValues(rules: readonly DefinedRule[]): Problem[] {
  const unstorable = findUnstorable(rules);
  const distorted = unstorable.length > 0 ? [] : findDistorted(rules);
  return [...findDuplicates(rules), ...unstorable, ...distorted];
}

async function resolveMigrations(
  given: BootstrapOptions['migrations'],
): Promise<{ migrations: Migrations | null; problems: Problem[] }> {
  if (given === undefined || given === false) return { migrations: null, problems: [] };
  if (typeof given.getMigrations !== 'function') return { migrations: given as Migrations, problems: [] };
  try {
    return { migrations: await given.getMigrations(), problems: [] };
  } catch (error) {
    const message = `the provider threw: ${error instanceof Error ? error.message : String(error)}`;
    return { migrations: null, problems: [{ code: 'OPTION_INVALID', at: 'migrations', message }] };
  }
}

import type { Model } from 'casbin';
import { findHangingPatterns } from '../casbin/patterns.ts';
import { checkPool } from '../database/client.ts';
import { engineNamed, POSTGRESQL } from '../database/engine.ts';
import { defaultPolicy } from '../defaults/default-policy.ts';
import { providerSeeder } from '../defaults/provider-seeder.ts';
import type { ProblemCode } from '../error-codes.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { SILENT, withFields } from '../logger.ts';
import type { BootstrapOptions, VerifyDatabaseOptions } from '../options.ts';
import { compilePolicy } from '../policy/compile.ts';
import { compileOwnership } from '../policy/ownership.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { createProgressReporter, type ProgressReporter } from '../progress.ts';
import { policySeeder } from '../seeding/policy-seeder.ts';
import { checkSeeders, type RunnableSeeder } from '../seeding/seeder.ts';
import { expectTable, toTableChoice } from '../tables/find-rule-table.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { reasonOf } from '../text.ts';
import { type ResolvedMigrations, resolveMigrations } from './resolve-migrations.ts';
import { resolveModel } from './resolve-model.ts';
import {
  checkBesideRules,
  checkPolicy,
  findEmptyPolicy,
  findRolePositions,
  resolvePolicy,
  withoutExplained,
} from './resolve-policy.ts';
import {
  type ResolvedPromises,
  recallPromises,
  rememberPromises,
  resolvePromises,
} from './resolve-promises.ts';
import { migrationsOf, NOTHING_LEFT, type ResolvedOptions, recordsOf } from './resolved-options.ts';

let shapes: Promise<typeof import('./shape.ts')> | undefined;

/** Kept, because importing a loaded module again takes a tenth of a start with nothing to do. */
function loadShapes() {
  shapes ??= import('./shape.ts');
  return shapes;
}

/** How long to wait for a lock, and for a client of the pool, by default. */
export const DEFAULT_LOCK_TIMEOUT_MS = 30_000;
export const DEFAULT_CONNECT_TIMEOUT_MS = 60_000;

/**
 * Checks and completes the options.
 *
 * @throws InvalidOptionsError with every problem of the pool, the options, the model, the policy and the seeders
 */
export async function resolveOptions(pool: unknown, options: BootstrapOptions): Promise<ResolvedOptions> {
  const { checkShape } = await loadShapes();
  return completeOptions(options, [...checkPool(pool), ...checkShape(options)]);
}

/** The same for a verification alone: takes `strict` and `full` flat, and refuses `verify: false`. */
export async function resolveVerifyOptions(
  pool: unknown,
  options: VerifyDatabaseOptions,
): Promise<ResolvedOptions> {
  const { checkVerifyShape } = await loadShapes();
  const misshapen = [...checkPool(pool), ...checkVerifyShape(options)];
  const nested = options?.verify || {};
  const verify = {
    strict: options?.strict ?? nested.strict ?? false,
    full: options?.full ?? nested.full ?? false,
    stockLoadable: options?.stockLoadable ?? nested.stockLoadable ?? false,
  };
  return completeOptions(replaceOptions(options, { verify }), misshapen);
}

/** The result of checking options. */
export interface CheckedOptions
  extends Pick<
    ResolvedOptions,
    'definition' | 'defined' | 'ownership' | 'seeders' | 'ruleTable' | 'engine' | 'logger' | 'progress'
  > {
  /** All problems. */
  readonly problems: readonly Problem[];
  readonly model: Model | null;
  /** Null if problems prevent decisions on the definition. */
  readonly promises: ResolvedPromises | null;
  readonly migrations: ResolvedMigrations;
}

/** Checks options whose shape was checked, together with further problems. */
export async function checkOptions(
  options: BootstrapOptions,
  misshapen: readonly Problem[],
): Promise<CheckedOptions> {
  const sound = withoutMisshapen(options, misshapen);

  const { model, problems: modelProblems } = await resolveModel(sound);
  const { definition: loaded, problems: policyProblems } = await resolvePolicy(sound);
  const definition = loaded ?? defaultPolicy;
  const defined = new RuleSet(compilePolicy(definition));
  const ownership = compileOwnership(definition, findRolePositions(definition, model));
  const engine = sound.engine === undefined ? POSTGRESQL : engineNamed(sound.engine);
  const ruleTable = expectTable(toTableChoice(sound.table), sound.schema, engine);
  const ofPolicy = policySeeder(ruleTable, defined.rules, recordsOf(sound.journal, ownership));
  const seeders: RunnableSeeder[] = [ofPolicy, ...(sound.seeders ?? [providerSeeder()])];
  const migrations = await resolveMigrations(sound);
  // If an option was misshapen, its default must not cause problems with other options.
  const fitting = sound.model === options?.model && sound.policy === options?.policy && loaded !== null;
  const isGivenInFull =
    sound.policy !== null &&
    policyProblems.length === 0 &&
    misshapen.every(({ at }) => !at.startsWith('policy'));
  const isConfigured = sound.configureEnforcer === options?.configureEnforcer;
  const isReadable = fitting && isConfigured && model !== null && modelProblems.length === 0;
  const recalled = isReadable ? recallPromises(model, definition, defined, sound) : null;
  const problems = [
    ...misshapen,
    ...modelProblems,
    ...policyProblems,
    ...(isGivenInFull ? findEmptyPolicy(definition, defined) : []),
    ...(isReadable && recalled !== null
      ? checkBesideRules(definition, defined, model)
      : await checkPolicy(definition, defined, fitting ? model : null, sound.configureEnforcer)),
    ...(isReadable && recalled === null ? await findHangingPatterns(model, defined.rules) : []),
    ...checkSeeders(sound.seeders ?? [], ofPolicy.migrations ?? {}),
    ...migrations.problems,
    ...findTaken(ruleTable, seeders, migrations),
  ];
  const given = sound.logger ?? SILENT;
  const logger = sound.dryRun === true ? withFields(given, { dryRun: true }) : given;
  const progress = createProgressReporter(logger, sound.onProgress);
  const isDecidable = isReadable && !problems.some(({ code }) => UNDECIDABLE.includes(code));
  const decided = isDecidable
    ? await decideDefinition({ model, definition, defined, recalled, problems }, sound, progress)
    : { problems, promises: null };
  return {
    ...decided,
    model,
    definition,
    ownership,
    defined,
    seeders,
    migrations,
    ruleTable,
    engine,
    logger,
    progress,
  };
}

/** A definition that can be decided, with the promises of an earlier start with the same options, if there was one. */
interface Decidable extends Pick<CheckedOptions, 'definition' | 'defined' | 'problems'> {
  readonly model: Model;
  readonly recalled: ResolvedPromises | null;
}

/** What the definition itself decides, and all problems, together with those that only its decisions show. */
async function decideDefinition(
  { model, definition, defined, recalled, problems }: Decidable,
  options: BootstrapOptions,
  progress: ProgressReporter,
): Promise<Pick<CheckedOptions, 'problems' | 'promises'>> {
  try {
    const promises = recalled ?? (await resolvePromises(model, definition, defined, options, progress));
    const contradictions = withoutExplained(promises.problems, problems, definition);
    const all = [...problems, ...contradictions];
    if (all.length > 0 || recalled !== null) return { problems: all, promises };
    return { problems, promises: rememberPromises(promises, model, definition, defined, options) };
  } catch (error) {
    if (problems.length > 0) return { problems, promises: null };
    const message = `Casbin can't make an enforcer from this model and policy: ${reasonOf(error)}. Fix the model, or configureEnforcer.`;
    return { problems: [{ code: 'MODEL_INVALID', at: 'model', message }], promises: null };
  }
}

/** The rule table must not be a table of a seeder, nor one in which Kysely's Migrator records migrations. */
function findTaken(
  { name }: RuleTable,
  seeders: readonly RunnableSeeder[],
  { migrations, list }: ResolvedMigrations,
): Problem[] {
  const seeder = seeders.find(
    (one) => one.isPolicy !== true && one.table === name && one.migrations !== undefined,
  );
  const isList = migrations !== null && [list.tableName, list.lockTableName].includes(name);
  const use = isList ? 'in which the migrations are recorded' : `of seeder "${seeder?.name}"`;
  if (!isList && seeder === undefined) return [];
  const message = `must not be the table ${use} (it is "${name}"). Name the table of the rules.`;
  return [{ code: 'OPTION_INVALID', at: 'table', message }];
}

/** With one of these problems, decisions would be meaningless or never end. */
const UNDECIDABLE: readonly ProblemCode[] = [
  'POLICY_SYNTAX',
  'POLICY_EMPTY',
  'MODEL_WITHOUT_DOMAINS',
  'RULE_UNKNOWN_PTYPE',
  'RULE_WRONG_LENGTH',
  'ROLE_CYCLE',
  'PATTERN_BACKTRACKS',
  'PATTERN_ENDLESS',
];

/**
 * Checks and completes options.
 *
 * @throws InvalidOptionsError with all problems
 */
export async function completeOptions(
  options: BootstrapOptions,
  misshapen: readonly Problem[],
): Promise<ResolvedOptions> {
  const { model, promises, problems, migrations, ...checked } = await checkOptions(options, misshapen);
  if (model === null || promises === null || problems.length > 0) throw new InvalidOptionsError(problems);
  return {
    ...checked,
    model,
    configureEnforcer: options.configureEnforcer,
    policyGiven: options.policy !== undefined,
    keptAway: [],
    left: NOTHING_LEFT,
    promises,
    packageMigrations: options.migrations === false ? null : migrationsOf(checked.seeders),
    applicationMigrations: migrations.migrations,
    applicationList: migrations.list,
    verify: options.verify === false ? null : (options.verify ?? {}),
    changedBy: { actor: 'casbin-bootstrap' },
    journal: options.journal ?? false,
    isEngineKnown: options.engine !== undefined,
    schema: options.schema,
    table: toTableChoice(options.table),
    lockTimeoutMs: options.lockTimeoutMs ?? DEFAULT_LOCK_TIMEOUT_MS,
    connectTimeoutMs: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
    statementTimeoutMs: options.statementTimeoutMs,
    idleInTransactionTimeoutMs: options.idleInTransactionTimeoutMs,
    dryRun: options.dryRun ?? false,
    insertedRows: null,
    notifyChannel: options.notifyChannel === false ? null : (options.notifyChannel ?? 'casbin'),
  };
}

/** The options with some of them replaced. A value that is no object is returned unchanged, for the check to report. */
export function replaceOptions(options: BootstrapOptions, replaced: BootstrapOptions): BootstrapOptions {
  const isObject = ['[object Object]', '[object Module]'].includes(Object.prototype.toString.call(options));
  return isObject ? { ...options, ...replaced } : options;
}

/** The options without misshapen ones, so that the others can still be checked. */
export function withoutMisshapen(options: BootstrapOptions, misshapen: readonly Problem[]): BootstrapOptions {
  if (misshapen.some(({ at }) => at === 'options')) return {};
  const wrong = misshapen.filter(({ code }) => code !== 'OPTION_UNKNOWN');
  const names = wrong.map(({ at }) => at.split(/[.[]/, 1)[0]);
  return Object.fromEntries(Object.entries(options).filter(([name]) => !names.includes(name)));
}

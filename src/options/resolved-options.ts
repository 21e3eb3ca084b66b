import type { Model } from 'casbin';
import { findDistorted } from '../casbin/distortion.ts';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { ChangeContext } from '../database/change-context.ts';
import type { Engine } from '../database/engine.ts';
import { InvalidOptionsError } from '../errors.ts';
import type { LoggerLike } from '../logger.ts';
import type { MigrationList, Migrations } from '../migrator/migration.ts';
import type { VerifyOptions } from '../options.ts';
import { type DefinedRule, isRepeated } from '../policy/compile.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import type { Ownership } from '../policy/ownership.ts';
import { toRule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { ProgressReporter } from '../progress.ts';
import type { InsertedRows } from '../seeding/inserted-rows.ts';
import { type PolicyRecords, policySeeder } from '../seeding/policy-seeder.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { expectTable, type TableChoice } from '../tables/find-rule-table.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import type { KeptAwayRule } from '../verification-report.ts';
import { type ResolvedPromises, resolveWithout } from './resolve-promises.ts';

/** Stored rules that are retired, or name a retired role or a renamed one by its former name. */
export interface LeftRules {
  /** Ptype first; up to 10,000. */
  readonly rules: readonly (readonly string[])[];
  /** How many more there are. */
  readonly omitted: number;
  /** Whether a bootstrap would give some users another role. */
  readonly isToMove: boolean;
}

export const NOTHING_LEFT: LeftRules = { rules: [], omitted: 0, isToMove: false };

/** Complete and valid options, which need no further checks. */
export interface ResolvedOptions {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  /** Whether a policy was given. If not, the definition is the default one. */
  readonly policyGiven: boolean;
  readonly definition: PolicyDefinition;
  /** The rules of the definition, without those that stay away. */
  readonly defined: RuleSet<DefinedRule>;
  /** What the definition says about earlier versions; null without a version. */
  readonly ownership: Ownership | null;
  /** The rules that stay away; empty before a look at the database. */
  readonly keptAway: readonly KeptAwayRule[];
  /** The stored rules that are retired or have a former name; empty before a look at the database. */
  readonly left: LeftRules;
  /** Empty if verification is turned off. */
  readonly promises: ResolvedPromises;
  /** The seeder of the policy, then the given ones. */
  readonly seeders: readonly RunnableSeeder[];
  /** The migrations of this package and the seeders; null if another tool runs them. */
  readonly packageMigrations: Migrations | null;
  /** The application's own migrations; null if there are none. */
  readonly applicationMigrations: Migrations | null;
  /** How the application's own are recorded. */
  readonly applicationList: MigrationList;
  readonly verify: VerifyOptions | null;
  /** The engine of the server; PostgreSQL until it is known. */
  readonly engine: Engine;
  readonly isEngineKnown: boolean;
  /** Who adds the rules of the definition, and why, for the journal. */
  readonly changedBy: ChangeContext;
  /** Whether changes of the rule table are recorded. */
  readonly journal: boolean;
  readonly schema: string | undefined;
  /** What the options say about the rule table. */
  readonly table: TableChoice;
  /** The rule table; before a look at the database, the expected one. */
  readonly ruleTable: RuleTable;
  readonly lockTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number | undefined;
  readonly idleInTransactionTimeoutMs: number | undefined;
  readonly dryRun: boolean;
  /** Collects the rows that seeders insert; null if they are not needed. */
  readonly insertedRows: InsertedRows | null;
  readonly notifyChannel: string | null;
  readonly logger: LoggerLike;
  readonly progress: ProgressReporter;
}

/** The same options for another schema. */
export function inSchema(options: ResolvedOptions, schema: string | undefined): ResolvedOptions {
  return withRuleTable({ ...options, schema }, expectTable(options.table, schema, options.engine));
}

/** The same options for the engine that the server was found to be. */
export function onEngine(options: ResolvedOptions, engine: Engine): ResolvedOptions {
  if (options.isEngineKnown) return options;
  const known = { ...options, engine, isEngineKnown: true };
  return engine === options.engine
    ? known
    : withRuleTable(known, expectTable(options.table, options.schema, engine));
}

/** The same options for the rule table that was found. */
export function withRuleTable(options: ResolvedOptions, ruleTable: RuleTable): ResolvedOptions {
  const seeders = options.seeders.map((seeder) =>
    seeder.isPolicy
      ? policySeeder(ruleTable, options.defined.rules, recordsOf(options.journal, options.ownership))
      : seeder,
  );
  const packageMigrations = options.packageMigrations === null ? null : migrationsOf(seeders);
  return { ...options, ruleTable, seeders, packageMigrations };
}

/** What the seeder of a policy records. */
export function recordsOf(journal: boolean | undefined, ownership: Ownership | null): PolicyRecords {
  return { journal: journal ?? false, ownership: ownership !== null };
}

/** The same options for a policy without some of the defined rules, which stay away. */
export async function withKeptAway(
  options: ResolvedOptions,
  keptAway: readonly KeptAwayRule[],
): Promise<ResolvedOptions> {
  if (keptAway.length === 0) return options;
  const away = new RuleSet(keptAway.map(({ rule }) => toRule(rule)));
  const defined = new RuleSet(options.defined.rules.filter((rule) => !away.has(rule)));
  const promises = await resolveWithout(options, defined);
  return withRuleTable({ ...options, promises, defined, keptAway }, options.ruleTable);
}

/**
 * Refuses a definition whose rules do not fit the rule table, or that its adapters would read differently.
 *
 * @throws InvalidOptionsError with all problems
 */
export function requireFitting({ ruleTable, defined: { rules } }: ResolvedOptions): void {
  const unfit = ruleTable.findUnfit(rules.filter((rule) => !isRepeated(rule)));
  // Names of later tenants may be longer. Each part of the definition that is too long is reported once.
  const longer = unfit.length > 0 ? [] : ruleTable.findUnfit(rules.filter(isRepeated));
  const once = new Map(longer.map((problem) => [problem.at, problem]));
  const problems = [
    ...unfit,
    ...once.values(),
    ...findDistorted(rules, (rule) => ruleTable.stockLines(rule)),
  ];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** The migrations of seeders. Uses entries, because assigning `__proto__` would lose that migration. */
export function migrationsOf(seeders: readonly RunnableSeeder[]): Migrations {
  return Object.fromEntries(seeders.flatMap(({ migrations = {} }) => Object.entries(migrations)));
}

import type { Model } from 'casbin';
import { findDistorted } from '../casbin/distortion.ts';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import type { Engine } from '../database/engine.ts';
import type { ChangeContext } from '../database/transaction.ts';
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
import type { KeptAwayRule } from '../report.ts';
import type { InsertedRows } from '../seeding/inserted-rows.ts';
import { type PolicyRecords, policySeeder } from '../seeding/policy-seeder.ts';
import type { RunnableSeeder } from '../seeding/seeder.ts';
import { expectTable, type TableChoice } from '../tables/find-rule-table.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import { type ResolvedPromises, resolveWithout } from './resolve-promises.ts';

/** Stored rules that are retired or name a retired role. */
export interface LeftRules {
  /** Ptype first; up to 10,000. */
  readonly rules: readonly (readonly string[])[];
  /** How many more there are. */
  readonly omitted: number;
  /** Whether a bootstrap would give some users another role. */
  readonly isToMove: boolean;
}

export const NOTHING_LEFT: LeftRules = { rules: [], omitted: 0, isToMove: false };

/** Options that are complete and valid; nothing behind them checks again. */
export interface ResolvedOptions {
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  /** Whether a policy was given; else the definition is the default one. */
  readonly policyGiven: boolean;
  readonly definition: PolicyDefinition;
  /** Its rules, without those that stay away. */
  readonly defined: RuleSet<DefinedRule>;
  /** What it says of earlier versions; null for a definition without a version. */
  readonly ownership: Ownership | null;
  /** What stays away; until a look at the database, nothing. */
  readonly keptAway: readonly KeptAwayRule[];
  /** What is retired and still stored; until a look at the database, nothing. */
  readonly left: LeftRules;
  /** None when verification is turned off. */
  readonly promises: ResolvedPromises;
  /** That of the policy, then the given ones. */
  readonly seeders: readonly RunnableSeeder[];
  /** This package's and the seeders'; null when another tool runs migrations. */
  readonly packageMigrations: Migrations | null;
  /** The application's own; null when there are none. */
  readonly applicationMigrations: Migrations | null;
  /** How the application's own are recorded. */
  readonly applicationList: MigrationList;
  readonly verify: VerifyOptions | null;
  /** What the server is; as long as nobody has said or asked, PostgreSQL. */
  readonly engine: Engine;
  readonly isEngineKnown: boolean;
  /** Who adds the rules of the definition, and why, for the journal. */
  readonly changedBy: ChangeContext;
  /** Whether changes of the rule table are recorded. */
  readonly journal: boolean;
  readonly schema: string | undefined;
  /** Which rule table is meant, as far as it is said. */
  readonly table: TableChoice;
  /** The one that is worked on; until a look at the database, the one that is expected there. */
  readonly ruleTable: RuleTable;
  readonly lockTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number | undefined;
  readonly idleInTransactionTimeoutMs: number | undefined;
  readonly dryRun: boolean;
  /** Where rows are kept that seeders insert; null unless they are asked for. */
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

/** What a policy's seeder keeps a record of. */
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
 * Refuses a definition that its rule table has no room for, or that the adapters on such a table would read otherwise.
 *
 * @throws InvalidOptionsError with all problems
 */
export function requireFitting({ ruleTable, defined: { rules } }: ResolvedOptions): void {
  const unfit = ruleTable.findUnfit(rules.filter((rule) => !isRepeated(rule)));
  // The names of the other tenants may be longer: each part of the definition that is too long with one is told once.
  const longer = unfit.length > 0 ? [] : ruleTable.findUnfit(rules.filter(isRepeated));
  const once = new Map(longer.map((problem) => [problem.at, problem]));
  const problems = [
    ...unfit,
    ...once.values(),
    ...findDistorted(rules, (rule) => ruleTable.stockLines(rule)),
  ];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** The migrations of seeders. By entries: an assignment of the name `__proto__` would leave that migration out. */
export function migrationsOf(seeders: readonly RunnableSeeder[]): Migrations {
  return Object.fromEntries(seeders.flatMap(({ migrations = {} }) => Object.entries(migrations)));
}

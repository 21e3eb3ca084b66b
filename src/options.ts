import type { Model } from 'casbin';
import type { EngineName } from './bootstrap-report.ts';
import type { ConfigureEnforcer } from './casbin/enforcer.ts';
import type { LoggerLike } from './logger.ts';
import type { MigrationProvider, MigrationSettings, Migrations } from './migrator/migration.ts';
import type { PolicyDefinition } from './policy/definition.ts';
import type { OnProgress } from './progress.ts';
import type { Seeder } from './seeding/seeder.ts';
import type { RuleTableOptions } from './tables/rule-table.ts';

/** How the stored policy is verified. */
export interface VerifyOptions {
  /**
   * Whether drift is a failure. Default: false, since administrators may grant what the definition does not;
   * with true, any such grant stops every later start.
   */
  readonly strict?: boolean | undefined;
  /**
   * Whether to read every stored rule, whatever the size of the table. Default: false, which reads small tables
   * whole, and of large ones the rules that the definition and its decisions can reach.
   */
  readonly full?: boolean | undefined;
  /**
   * Whether a stored rule that casbin-pg-adapter can't load is a failure, even if an administrator stored it: for a
   * table that other applications read by that adapter. Reads every stored rule. Default: false, which makes it a
   * warning.
   */
  readonly stockLoadable?: boolean | undefined;
}

/** The options of an application's own enforcer. Give it the options of the bootstrap: it uses only these. */
export interface EnforcerOptions {
  /** A path to a `.conf` file, or a Casbin Model, which is copied. Default: the package's RBAC model. */
  readonly model?: string | Model | undefined;
  /** Prepares every enforcer before it loads. It is called several times. */
  readonly configureEnforcer?: ConfigureEnforcer | undefined;
  /**
   * Where the tables live; a bootstrap creates it when it is missing. Default: the connection's search_path.
   * Changing it later makes a second, independent set of tables.
   */
  readonly schema?: string | undefined;
  /**
   * The rule table that the application's adapter reads, or its name. Default: the existing one of `casbin`,
   * `casbin_rule`, `casbin_rules` and `policies`; if there is none, a bootstrap creates `casbin`. If several exist, the
   * only one that holds rules; otherwise the error is `RULE_TABLE_AMBIGUOUS`. If the only one that looks like a rule
   * table can't be used as one, it is `TABLE_SHAPE`.
   */
  readonly table?: string | RuleTableOptions | undefined;
  /**
   * Which server it is: on some that speak PostgreSQL's protocol, a bootstrap needs several transactions
   * (docs/scaling.md). Default: what the server says.
   */
  readonly engine?: EngineName | undefined;
  /**
   * How long to wait for a client of the pool, in milliseconds; 0 waits without end. Default: 60 000. What a pool
   * itself limits (`connectionTimeoutMillis`) stays limited.
   */
  readonly connectTimeoutMs?: number | undefined;
}

/**
 * The options of verifyDatabase: those of a bootstrap that a verification uses, and `strict` and `full` without a
 * `verify` around them.
 */
export interface VerifyDatabaseOptions
  extends EnforcerOptions,
    VerifyOptions,
    Pick<
      BootstrapOptions,
      | 'policy'
      | 'verify'
      | 'lockTimeoutMs'
      | 'statementTimeoutMs'
      | 'idleInTransactionTimeoutMs'
      | 'logger'
      | 'onProgress'
    > {}

/**
 * The options of a bootstrap. Each has a default. One object can be given to every function of this library: each
 * function uses its own options, and refuses only names that no function knows.
 */
export interface BootstrapOptions extends EnforcerOptions {
  /**
   * A definition, or the path of a `.yaml`, `.json` or `.csv` file with one. Rules that are taken out of it later
   * stay in the database. Default: `defaultPolicy`, for a rule table that is empty or holds at least one of its
   * rules; for any other table the error is `POLICY_MISSING`. A definition without rules is an error. `null` means that
   * there is no policy on purpose: no rules are seeded, and no decisions are verified.
   */
  readonly policy?: PolicyDefinition | string | null | undefined;
  /** The seeders, which run in this order, after the policy. Default: `[providerSeeder()]`; `[]` for none. */
  readonly seeders?: readonly Seeder[] | undefined;
  /**
   * The application's own migrations, run in the same transaction and recorded in Kysely's `kysely_migration`,
   * or as the settings beside a `provider` say, which are those of Kysely's Migrator.
   * `false`: another tool has run all of them, this package's too. Default: none of its own.
   */
  readonly migrations?: Migrations | MigrationProvider | MigrationSettings | false | undefined;
  /**
   * Record every change of the rule table, whoever makes it, in the table `casbin_bootstrap_journal`: by triggers,
   * which are made once and stay when the option is left out later. Default: false.
   */
  readonly journal?: boolean | undefined;
  /** `false` verifies nothing. Default: `{}`. */
  readonly verify?: VerifyOptions | false | undefined;
  /** How long to wait for any lock, in milliseconds; 0 waits without end. Default: 30 000. */
  readonly lockTimeoutMs?: number | undefined;
  /**
   * How long one statement may take, in milliseconds; 0 is without end. Default: the connection's own setting. A
   * server that has not answered a while after that is given up, and the connection closed: without this option
   * after ten minutes, so give it where a migration may take longer.
   */
  readonly statementTimeoutMs?: number | undefined;
  /**
   * How long the transaction may wait for its next statement, in milliseconds, before the server ends it; 0 is
   * without end. Default: the connection's own setting, or 20 000 if it has none: a client that vanishes
   * would keep the lock otherwise. Raise it for a seeder or a migration that computes for longer.
   */
  readonly idleInTransactionTimeoutMs?: number | undefined;
  /** Do everything, verify, roll back, and report what would change; each line of the log has it. Default: false. */
  readonly dryRun?: boolean | undefined;
  /** The channel that is notified of a change, once, at the commit. Default: `casbin`, as in casbin-pg-watcher. */
  readonly notifyChannel?: string | false | undefined;
  /** A logger of pino, or anything with the methods `debug`, `info` and `warn`, as `console`. Default: silent. */
  readonly logger?: LoggerLike | undefined;
  /**
   * Called with the progress of long work: first when a step has taken half a second, then at most twice a second, and
   * at the end of the step. An error that it throws is logged, and does not stop the bootstrap.
   */
  readonly onProgress?: OnProgress | undefined;
}

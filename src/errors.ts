import type { VerificationFailure, VerificationReport } from './report.ts';

/** What kind of failure an error is; stable, for `switch` and for logs. */
export type BootstrapErrorCode =
  | 'INVALID_OPTIONS'
  | 'CONNECTION_FAILED'
  | 'AUTHENTICATION_FAILED'
  | 'DATABASE_MISSING'
  | 'CONNECTION_LOST'
  | 'OUTCOME_UNKNOWN'
  | 'LOCK_TIMEOUT'
  | 'STATEMENT_TIMEOUT'
  | 'READ_ONLY_DATABASE'
  | 'PERMISSION_DENIED'
  | 'CONFLICT'
  | 'DATABASE_REFUSED'
  | 'SCHEMA_MISSING'
  | 'TABLE_MISSING'
  | 'COLUMN_MISSING'
  | 'TABLE_SHAPE'
  | 'UNIQUE_CONSTRAINT_MISSING'
  | 'RULE_TOO_LONG'
  | 'STORED_RULE_INVALID'
  | 'RULES_DO_NOT_FIT_MODEL'
  | 'POLICY_MISSING'
  | 'MIGRATION_FAILED'
  | 'MIGRATION_ENDED_TRANSACTION'
  | 'MIGRATION_NOT_TRANSACTIONAL'
  | 'MIGRATION_BROKE_POLICY'
  | 'SEEDER_FAILED'
  | 'VERIFICATION_FAILED'
  | 'TENANTS_UNREADABLE'
  | 'UNEXPECTED';

/** The base of every error that this library throws on purpose. `message` says what, where and what to do. */
export class BootstrapError extends Error {
  readonly code: BootstrapErrorCode;

  constructor(code: BootstrapErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** What is wrong with one option, policy rule, model line or row. */
export type ProblemCode =
  | 'OPTION_UNKNOWN'
  | 'OPTION_INVALID'
  | 'POLICY_NOT_FOUND'
  | 'POLICY_SYNTAX'
  | 'POLICY_EMPTY'
  | 'MODEL_NOT_FOUND'
  | 'MODEL_INVALID'
  | 'MODEL_SECTION_MISSING'
  | 'MODEL_NAME_UNDEFINED'
  | 'RULE_INVALID'
  | 'RULE_UNKNOWN_PTYPE'
  | 'RULE_WRONG_LENGTH'
  | 'RULE_DUPLICATE'
  | 'VALUE_DISTORTED'
  | 'VALUE_UNSTORABLE'
  | 'PATTERN_BACKTRACKS'
  | 'ROLE_UNDEFINED'
  | 'ROLE_INHERITS_ITSELF'
  | 'ROLE_CYCLE'
  | 'ROLE_TOO_DEEP'
  | 'REQUEST_NAME_UNKNOWN'
  | 'EXPECTATION_CONTRADICTED'
  | 'SEEDER_DUPLICATE'
  | 'MIGRATION_DUPLICATE'
  | 'ROW_INVALID'
  | 'ROW_KEY_MISSING'
  | 'ROW_DUPLICATE'
  | 'TENANT_DUPLICATE';

/** One thing that is wrong with the input: fact and remedy in `message`, the place in `at`. */
export interface Problem {
  readonly code: ProblemCode;
  /** Where: an option's path (`policy.roles.user`), or a file with its line (`model.conf:11`). */
  readonly at: string;
  readonly message: string;
}

/** The input is wrong. Thrown before the database is touched, with every problem at once. */
export class InvalidOptionsError extends BootstrapError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super('INVALID_OPTIONS', describeProblems(problems));
    this.problems = problems;
  }
}

/** A generated policy may have a problem on each of its lines; all of them are in `problems`. */
const SHOWN_PROBLEMS = 50;

function describeProblems(problems: readonly Problem[]): string {
  const count = problems.length === 1 ? 'One problem was' : `${problems.length} problems were`;
  const lines = problems.slice(0, SHOWN_PROBLEMS).map(({ at, message }) => `  - ${at}: ${message}`);
  const more = problems.length - SHOWN_PROBLEMS;
  if (more > 0) lines.push(`  … and ${more} more, in the error's problems.`);
  return [`${count} found before the database was touched:`, ...lines].join('\n');
}

/** The server could not be reached, refused the login, or went away. Which of them is in `code`. */
export class ConnectionError extends BootstrapError {}

/** A session that stands in the way of a lock. */
export interface LockHolder {
  readonly pid: number;
  readonly applicationName: string;
  /** When its transaction began. */
  readonly since: Date | null;
}

/** A lock was not granted within `lockTimeoutMs`. Nothing was changed. */
export class LockTimeoutError extends BootstrapError {
  readonly holders: readonly LockHolder[];

  constructor(message: string, holders: readonly LockHolder[], options?: ErrorOptions) {
    super('LOCK_TIMEOUT', message, options);
    this.holders = holders;
  }
}

/** The database can't be used as it is: privileges, read-only server, a missing or foreign table, a conflict. */
export class DatabaseError extends BootstrapError {}

/** The role lacks a privilege, or the ownership of a table. */
export class PermissionError extends DatabaseError {
  /** Statements that give it, for somebody entitled to run; empty when the library can't tell. */
  readonly remedies: readonly string[];

  constructor(message: string, remedies: readonly string[], options?: ErrorOptions) {
    super('PERMISSION_DENIED', message, options);
    this.remedies = remedies;
  }
}

/** Stored rules that no enforcer can read, or that do not fit the model, with the ids of their rows. */
export class StoredRuleError extends BootstrapError {
  readonly ids: readonly number[];

  constructor(message: string, ids: readonly number[], code: BootstrapErrorCode = 'STORED_RULE_INVALID') {
    super(code, message);
    this.ids = ids;
  }
}

/** A migration failed, ended the transaction, can't run in one, or broke the policy. */
export class MigrationError extends BootstrapError {
  /** The migration's name, or null when the failure belongs to none of them. */
  readonly migration: string | null;

  constructor(code: BootstrapErrorCode, migration: string | null, message: string, options?: ErrorOptions) {
    super(code, message, options);
    this.migration = migration;
  }
}

/** What held before a migration does not hold after it. */
export class MigrationBrokePolicyError extends MigrationError {
  /** The decisions that held before the first pending migration, and not after this one. */
  readonly failures: readonly VerificationFailure[];

  constructor(migration: string, message: string, failures: readonly VerificationFailure[]) {
    super('MIGRATION_BROKE_POLICY', migration, message);
    this.failures = failures;
  }
}

/** A seeder threw; its own error is the `cause`. */
export class SeederError extends BootstrapError {
  readonly seeder: string;

  constructor(seeder: string, message: string, options?: ErrorOptions) {
    super('SEEDER_FAILED', message, options);
    this.seeder = seeder;
  }
}

/** The live policy does not do what the definition promises; `report` has every finding. */
export class VerificationError extends BootstrapError {
  readonly report: VerificationReport;

  constructor(message: string, report: VerificationReport) {
    super('VERIFICATION_FAILED', message);
    this.report = report;
  }
}

import type { BootstrapErrorCode, ProblemCode } from './error-codes.ts';
import type { Explanation, RowId, VerificationFailure, VerificationReport } from './verification-report.ts';

/** The base of every error that this library throws on purpose. `message` says what, where and what to do. */
export class BootstrapError extends Error {
  /** What kind of failure it is. */
  readonly code: BootstrapErrorCode;

  constructor(code: BootstrapErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.name = new.target.name;
  }
}

/** One thing that is wrong with the input: fact and remedy in `message`, the place in `at`. */
export interface Problem {
  /** What kind of problem it is; stable. */
  readonly code: ProblemCode;
  /** Where: an option's path (`policy.roles.user`), or a file with line and column (`model.conf:11:5`). */
  readonly at: string;
  /** What is wrong there, and what to do. */
  readonly message: string;
}

/** The input is wrong. Thrown with every problem at once. */
export class InvalidOptionsError extends BootstrapError {
  /** Everything that is wrong; at least one problem. */
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
  return [`${count} found in the input:`, ...lines].join('\n');
}

/** The server could not be reached, refused the login, or ended the connection. `code` says which. */
export class ConnectionError extends BootstrapError {}

/** A session that holds a lock which a bootstrap waits for. */
export interface LockHolder {
  /** The process id of its backend, as in `pg_stat_activity`; null for the holder of a lock row. */
  readonly pid: number | null;
  /** Its `application_name`, empty if it has none; for the holder of a lock row, its process and host. */
  readonly applicationName: string;
  /** When its transaction began, or the row was taken; null where the role may not see it. */
  readonly since: Date | null;
}

/**
 * A lock was not granted within `lockTimeoutMs`, or the `lock_timeout` of the caller's connection. Nothing was changed.
 */
export class LockTimeoutError extends BootstrapError {
  /** Who held it at the end of the wait; empty when it had been released by then, or the server does not tell. */
  readonly holders: readonly LockHolder[];

  constructor(message: string, holders: readonly LockHolder[], options?: ErrorOptions) {
    super('LOCK_TIMEOUT', message, options);
    this.holders = holders;
  }
}

/** The database can't be used as it is: privileges, read-only server, a missing or foreign table, a conflict. */
export class DatabaseError extends BootstrapError {}

/** A request that must never be allowed, and would be. */
export interface Violation extends Explanation {
  /** Its values, in the order of the model's request definition. */
  readonly request: readonly string[];
}

/** A change of the policy would allow a request that must never be allowed. Nothing was changed. */
export class PolicyChangeError extends BootstrapError {
  /** What would be allowed, and why. */
  readonly violations: readonly Violation[];

  constructor(message: string, violations: readonly Violation[]) {
    super('CHANGE_REFUSED', message);
    this.violations = violations;
  }
}

/** The role lacks a privilege, or the ownership of a table. */
export class PermissionError extends DatabaseError {
  /** Statements that give it, for an administrator to run; empty when the library can't tell. */
  readonly remedies: readonly string[];

  constructor(message: string, remedies: readonly string[], options?: ErrorOptions) {
    super('PERMISSION_DENIED', message, options);
    this.remedies = remedies;
  }
}

/** Stored rules that no enforcer can read, or that do not fit the model, with the ids of their rows. */
export class StoredRuleError extends BootstrapError {
  /** The ids of the rows, all of them. */
  readonly ids: readonly RowId[];

  constructor(message: string, ids: readonly RowId[], code: BootstrapErrorCode = 'STORED_RULE_INVALID') {
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

/** Decisions that were right before a migration are wrong after it, or can't be made any more. */
export class MigrationBrokePolicyError extends MigrationError {
  /**
   * The decisions that were right before the first pending migration, and are wrong after this one. Empty where the
   * rule table can't be read any more.
   */
  readonly failures: readonly VerificationFailure[];

  constructor(
    migration: string,
    message: string,
    failures: readonly VerificationFailure[],
    options?: ErrorOptions,
  ) {
    super('MIGRATION_BROKE_POLICY', migration, message, options);
    this.failures = failures;
  }
}

/** A seeder threw; its own error is the `cause`. */
export class SeederError extends BootstrapError {
  /** The seeder's name. */
  readonly seeder: string;

  constructor(seeder: string, message: string, options?: ErrorOptions) {
    super('SEEDER_FAILED', message, options);
    this.seeder = seeder;
  }
}

/** The stored policy does not do what the definition promises; `report` has every finding. */
export class VerificationError extends BootstrapError {
  /** The report of the verification, with every finding. */
  readonly report: VerificationReport;

  constructor(message: string, report: VerificationReport) {
    super('VERIFICATION_FAILED', message);
    this.report = report;
  }
}

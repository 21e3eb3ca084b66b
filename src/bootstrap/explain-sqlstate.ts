import type { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { type BootstrapError, type BootstrapErrorCode, DatabaseError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { explainLockTimeout } from './explain-lock-timeout.ts';
import { explainPermission } from './explain-permission.ts';
import { explainReadOnly } from './explain-read-only.ts';
import { describeFailure, type Failure } from './explain-step.ts';
import { explainMissingTable } from './explain-table.ts';

/** Faults that PostgreSQL has a code for, and we a remedy; null for any other. */
export async function explainSqlstate(
  failure: Failure,
  options: ResolvedOptions,
  session: Session | null,
): Promise<BootstrapError | null> {
  const { step, cause } = failure;
  const refuse = (code: BootstrapErrorCode, remedy: string) =>
    new DatabaseError(code, `${describeFailure(failure)}. Nothing was changed. ${remedy}`, { cause });
  // What a migration's own SQL refers to is for the migration to know.
  const inMigration = step?.kind === 'migration';
  switch (errorCode(cause)) {
    case SQLSTATE.LOCK_NOT_AVAILABLE:
      return explainLockTimeout(failure, options, session);
    case SQLSTATE.READ_ONLY_SQL_TRANSACTION:
    case SQLSTATE.FEATURE_NOT_SUPPORTED:
      return explainReadOnly(failure, session);
    case SQLSTATE.INSUFFICIENT_PRIVILEGE:
      return explainPermission(failure, options, session);
    case SQLSTATE.QUERY_CANCELED:
      return refuse(
        'STATEMENT_TIMEOUT',
        'Run it again; if the statement needs longer, raise statementTimeoutMs, or the statement_timeout of the role.',
      );
    case SQLSTATE.INVALID_SCHEMA_NAME:
    case SQLSTATE.UNDEFINED_TABLE:
      return inMigration ? null : explainMissingTable(failure, options);
    case SQLSTATE.UNDEFINED_COLUMN:
      return inMigration ? null : refuse('COLUMN_MISSING', 'Add it by a migration, or correct its name.');
    case SQLSTATE.INVALID_COLUMN_REFERENCE:
      if (inMigration) return null;
      return refuse(
        'UNIQUE_CONSTRAINT_MISSING',
        step?.name === 'rbac'
          ? 'The casbin table must be unique on (ptype, rule): alter table casbin drop constraint if exists casbin_uniq_rule, add unique (ptype, rule);'
          : 'Rows are told apart by their key, so the table needs a unique constraint on exactly those columns.',
      );
    case SQLSTATE.PROGRAM_LIMIT_EXCEEDED:
      if (!inMigration || step.name !== '0001_casbin') return null;
      return refuse(
        'RULE_TOO_LONG',
        'A stored rule is too long for the indexes of casbin, which take about 2.7 kB. Find it and shorten its values: select id, ptype, rule from casbin order by length(rule::text) desc limit 1;',
      );
    default:
      return null;
  }
}

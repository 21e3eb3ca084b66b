import { errorCode, SQLSTATE } from '../../database/sqlstates.ts';
import { DatabaseError } from '../../errors.ts';
import { formatRule, type Rule } from '../../policy/rule.ts';
import { shorten } from '../../reason.ts';

/** The stock adapter's constraint, on `rule` alone: there `g2, a, b` collides with `g, a, b`. */
const STOCK_CONSTRAINT = 'casbin_uniq_rule';

const SHOWN_LENGTH = 100;

/**
 * Runs a statement that reads or writes `rules` on the `casbin` table; its quoted name is `table`.
 *
 * What the server reports about that table in terms of SQL becomes a DatabaseError in terms of rules: a missing
 * table, missing uniqueness, a rule too long. Other errors pass as they are.
 */
export async function onRuleTable<T>(
  table: string,
  rules: readonly Rule[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explainFault(table, rules, error) ?? error;
  }
}

function explainFault(table: string, rules: readonly Rule[], cause: unknown): DatabaseError | undefined {
  switch (errorCode(cause)) {
    case SQLSTATE.UNDEFINED_TABLE:
    case SQLSTATE.INVALID_SCHEMA_NAME:
      return tableMissing(table, cause);
    case SQLSTATE.INVALID_COLUMN_REFERENCE:
      return uniquenessMissing(table, cause);
    case SQLSTATE.UNIQUE_VIOLATION:
      return isOnStockConstraint(cause) ? uniquenessMissing(table, cause) : undefined;
    case SQLSTATE.PROGRAM_LIMIT_EXCEEDED:
      return ruleTooLong(table, rules, cause);
    default:
      return undefined;
  }
}

function tableMissing(table: string, cause: unknown): DatabaseError {
  return new DatabaseError(
    'TABLE_MISSING',
    `Table ${table} does not exist. Run bootstrapDatabase() first, or name the schema that holds it.`,
    { cause },
  );
}

function uniquenessMissing(table: string, cause: unknown): DatabaseError {
  return new DatabaseError(
    'UNIQUE_CONSTRAINT_MISSING',
    `Table ${table} is not unique on (ptype, rule): casbin-pg-adapter makes it unique on rule alone. ` +
      'Run bootstrapDatabase() once, which takes such a table over, or: ' +
      `alter table ${table} drop constraint if exists ${STOCK_CONSTRAINT}, add unique (ptype, rule)`,
    { cause },
  );
}

function isOnStockConstraint(error: unknown): boolean {
  return error instanceof Error && 'constraint' in error && error.constraint === STOCK_CONSTRAINT;
}

function ruleTooLong(table: string, rules: readonly Rule[], cause: unknown): DatabaseError {
  // The server does not say which of them it was.
  const longest = rules.map(formatRule).reduce((a, b) => (b.length > a.length ? b : a), '');
  const which = rules.length > 1 ? 'The longest of those given' : 'It';
  return new DatabaseError(
    'RULE_TOO_LONG',
    `A rule is too long for the indexes of ${table}, which take about 2.7 kB. ` +
      `${which} has ${longest.length} characters: ${shorten(longest, SHOWN_LENGTH)}. Shorten its values.`,
    { cause },
  );
}

import { inspect } from 'node:util';
import { quoteIdentifier } from '../database/catalog.ts';
import { TransactionAborted } from '../database/refused-statement.ts';
import { errorCode, findCoded, SQLSTATE } from '../database/sqlstates.ts';
import { adviseUnfilled, describeUnfilled } from '../database/unfilled-columns.ts';
import { DatabaseError, InvalidOptionsError, type Problem } from '../errors.ts';
import { findUnstorable, isUnstorable } from '../policy/check.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { shorten } from '../text.ts';
import type { RuleTable } from './rule-table.ts';

/** The stock adapter's constraint, on `rule` alone: there `g2, a, b` collides with `g, a, b`. */
const STOCK_CONSTRAINT = 'casbin_uniq_rule';

const SHOWN_RULE_LENGTH = 100;

/**
 * Runs a statement that reads or writes `rules` on the rule table.
 *
 * Some errors of the server become a DatabaseError that speaks of rules: a missing table, missing uniqueness, a column
 * without a default, a rule that is too long. Other errors are thrown unchanged.
 */
export async function onRuleTable<T>(
  table: RuleTable,
  rules: readonly Rule[],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    // The code of a statement that was refused in an aborted transaction is that of an earlier one.
    const isExplained = error instanceof DatabaseError || error instanceof TransactionAborted;
    throw isExplained ? error : (explainFault(table, rules, error) ?? error);
  }
}

function explainFault(
  ruleTable: RuleTable,
  rules: readonly Rule[],
  cause: unknown,
): DatabaseError | undefined {
  const table = ruleTable.sql;
  switch (errorCode(cause)) {
    case SQLSTATE.UNDEFINED_TABLE:
    case SQLSTATE.INVALID_SCHEMA_NAME:
      return tableMissing(table, cause);
    case SQLSTATE.INVALID_COLUMN_REFERENCE:
      return uniquenessMissing(table, cause);
    case SQLSTATE.UNIQUE_VIOLATION:
      return isOnStockConstraint(cause) ? uniquenessMissing(table, cause) : undefined;
    case SQLSTATE.NOT_NULL_VIOLATION:
      return defaultMissing(ruleTable, cause);
    case SQLSTATE.OBJECT_NOT_IN_PREREQUISITE_STATE:
      return uniquenessDeferrable(table, cause);
    case SQLSTATE.PROGRAM_LIMIT_EXCEEDED:
      return ruleTooLong(table, rules, cause);
    case SQLSTATE.UNTRANSLATABLE_CHARACTER:
      return explainEncoding(rules, cause);
    default:
      return undefined;
  }
}

export function tableMissing(table: string, cause?: unknown): DatabaseError {
  return new DatabaseError(
    'TABLE_MISSING',
    `Table ${table} does not exist. Run bootstrapDatabase() first, or name the table and the schema that the application uses.`,
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

/** Undefined where a trigger failed so on another table. */
function defaultMissing(ruleTable: RuleTable, cause: unknown): DatabaseError | undefined {
  const { table, column }: { table?: unknown; column?: unknown } = Object(cause);
  if (table !== ruleTable.name || typeof column !== 'string') return undefined;
  const fact = describeUnfilled(ruleTable, [{ name: column, constant: null }]);
  const origin =
    column === 'id' && ruleTable.layout === 'columns'
      ? ' Instances of typeorm-adapter that start at the same moment may leave a table so. The next one that starts alone repairs it.'
      : '';
  const message = `${fact}. Nothing was changed. ${adviseUnfilled(ruleTable, column)}${origin}`;
  return new DatabaseError('TABLE_SHAPE', message, { cause });
}

function uniquenessDeferrable(table: string, cause: unknown): DatabaseError | undefined {
  const message = explainDeferrable(table, cause);
  return message === null ? undefined : new DatabaseError('UNIQUE_CONSTRAINT_MISSING', message, { cause });
}

/**
 * What is wrong with a constraint and what to do, if the server refused an insert because it is deferrable; else null.
 */
export function explainDeferrable(table: string, error: unknown): string | null {
  const { routine, constraint }: { routine?: unknown; constraint?: unknown } = Object(error);
  // Messages may be translated; the function that raised them is not.
  if (routine !== 'ExecCheckIndexConstraints' || typeof constraint !== 'string') return null;
  const name = quoteIdentifier(constraint);
  return `Constraint ${name} of table ${table} is deferrable, and PostgreSQL can't use such a constraint to leave out rules that are stored already. Replace it: alter table ${table} drop constraint ${name}, add unique (ptype, rule);`;
}

/** An error for a rule with a character that the encoding of the database lacks, if that is what the server says. */
export function explainEncoding(
  rules: readonly (Rule & { readonly at?: string })[],
  cause: unknown,
): DatabaseError | undefined {
  if (errorCode(cause) !== SQLSTATE.UNTRANSLATABLE_CHARACTER) return undefined;
  // Messages may be translated; the bytes and the names of the encodings are not.
  const { message } = findCoded(cause) ?? { message: '' };
  const bytes = [...message.matchAll(/0x([0-9a-f]{2})/g)].map(([, byte = '']) => Number.parseInt(byte, 16));
  const character = Buffer.from(bytes).toString();
  const rule = rules.find(({ ptype, values }) => [ptype, ...values].some((text) => text.includes(character)));
  if (character === '' || rule === undefined) return undefined;
  const encoding = message.match(/\b[A-Z][A-Z0-9_]+\b/g)?.find((name) => name !== 'UTF8') ?? 'not UTF8';
  return new DatabaseError(
    'CHARACTER_UNSTORABLE',
    `Rule "${shorten(formatRule(rule), SHOWN_RULE_LENGTH)}"${rule.at === undefined ? '' : ` (${rule.at})`} has the character "${character}", which the database can't store: its encoding is ${encoding}. Nothing was changed. Write the rule without it, or move to a database with encoding UTF8, which stores every character.`,
    { cause },
  );
}

function isOnStockConstraint(error: unknown): boolean {
  return error instanceof Error && 'constraint' in error && error.constraint === STOCK_CONSTRAINT;
}

function ruleTooLong(table: string, rules: readonly Rule[], cause: unknown): DatabaseError {
  // The server does not say which rule it was.
  const longest = rules.map(formatRule).reduce((a, b) => (b.length > a.length ? b : a), '');
  const which = rules.length > 1 ? 'The longest of those given' : 'It';
  return new DatabaseError(
    'RULE_TOO_LONG',
    `A rule is too long for the indexes of ${table}, which take about 2.7 kB. ` +
      `${which} has ${longest.length} characters: ${shorten(longest, SHOWN_RULE_LENGTH)}. Shorten its values.`,
    { cause },
  );
}

/**
 * Throws an InvalidOptionsError with every rule that could not be read back unchanged: one without values, one with a
 * value that is not a string, or one with NUL or half of a surrogate pair in a value.
 */
export function requireStorable(rules: readonly Rule[]): void {
  if (rules.every(isStorable)) return;
  const placed = rules.map((rule, index) => ({
    at: `rule ${index + 1}`,
    ptype: rule?.ptype,
    values: rule?.values,
  }));
  const problems = placed.flatMap(({ at, ptype, values }) => findRuleFaults(at, ptype, values));
  // Only the content of strings can be checked.
  const found = problems.length > 0 ? problems : findUnstorable(placed);
  if (found.length > 0) throw new InvalidOptionsError(found);
}

function isStorable(rule: Rule): boolean {
  const { ptype, values }: { ptype?: unknown; values?: unknown } = rule ?? {};
  return isStorableText(ptype) && Array.isArray(values) && values.length > 0 && values.every(isStorableText);
}

function isStorableText(text: unknown): boolean {
  return typeof text === 'string' && !isUnstorable(text);
}

/** Throws an InvalidOptionsError with every rule that does not fit the table. */
export function requireFitsTable(table: RuleTable, rules: readonly Rule[]): void {
  const problems = table.findUnfit(rules);
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** Casbin's types say string, but callers in JavaScript also give numbers, and Casbin accepts them. */
function findRuleFaults(at: string, ptype: unknown, values: unknown): Problem[] {
  if (typeof ptype !== 'string') {
    return [{ code: 'RULE_INVALID', at, message: `its ptype is ${show(ptype)}, not a string. Give one.` }];
  }
  if (!Array.isArray(values)) {
    return [{ code: 'RULE_INVALID', at, message: `is ${show(values)}, not a list of strings. Give one.` }];
  }
  if (values.length === 0) {
    return [{ code: 'RULE_INVALID', at, message: 'has no values. Give the values that the model defines.' }];
  }
  const position = values.findIndex((value) => typeof value !== 'string');
  if (position === -1) return [];
  const message = `value ${position + 1} is ${show(values[position])}, not a string. Convert it.`;
  return [{ code: 'RULE_INVALID', at, message }];
}

/** Shows any value, which JSON can't. */
function show(value: unknown): string {
  return shorten(inspect(value, { depth: 0, breakLength: Number.POSITIVE_INFINITY }), 100);
}

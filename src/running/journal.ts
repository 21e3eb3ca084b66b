import { JOURNAL } from '../../migrations/0003_journal.ts';
import { quoteTable } from '../database/catalog.ts';
import { type ClientLike, checkPool, type PoolLike, type QueryResultLike } from '../database/client.ts';
import type { Needs } from '../database/privileges.ts';
import { ConnectFailure, withSession } from '../database/session.ts';
import { isAbsence } from '../database/sqlstates.ts';
import { DatabaseError, InvalidOptionsError, type Problem } from '../errors.ts';
import { explainConnectFailure } from '../failure/explain-failure.ts';
import { explainPrivileges } from '../failure/explain-privileges.ts';

/** Which entries of a journal to read; all that is given must hold. */
export interface JournalFilter {
  /** The schema of the rule table. Default: wherever the connection's search_path finds the journal. */
  readonly schema?: string;
  /** The name of the rule table. Default: every table that is recorded there. */
  readonly table?: string;
  /** Not before this. */
  readonly since?: Date;
  /** Before this. */
  readonly until?: Date;
  /** Who made the change. */
  readonly actor?: string;
  /** One of the rule's values, such as a user or a role, or several, all of which it has. */
  readonly value?: string | readonly string[];
  /** How many entries, of the newest. Default: 1,000. */
  readonly limit?: number;
}

/** A change of a rule table. */
export interface JournalEntry {
  /** Ascends; but a transaction that commits late may have a lower one than others that were there before. */
  readonly id: string;
  /** When the statement ran. */
  readonly at: Date;
  /** The changes of one transaction have one number. */
  readonly transaction: string;
  /** The name of the rule table. */
  readonly table: string;
  /** A rule that was changed is one that is removed and one that is added. */
  readonly operation: 'added' | 'removed' | 'truncated';
  /** Null where the table was truncated. */
  readonly ptype: string | null;
  /** Those of the rule; empty where the table was truncated, or the row held none. */
  readonly values: readonly string[];
  /** Who changed it, as changePolicy was told; null for other writers. */
  readonly actor: string | null;
  /** Why, as changePolicy was told. */
  readonly reason: string | null;
  /** The release of the definition that a bootstrap inserted it by. */
  readonly release: string | null;
  /** The role that the session had logged in as. */
  readonly role: string;
  /** The session's `application_name`. */
  readonly application: string | null;
}

/**
 * The newest changes of a rule table, the newest last: who changed what, when and why. It has what was changed since a
 * bootstrap with `journal: true`, by whoever.
 *
 * @throws InvalidOptionsError for a filter that can't be used
 * @throws DatabaseError `TABLE_MISSING` where there is no journal
 * @throws PermissionError with what has to be granted
 * @throws ConnectionError where there is no connection
 */
export async function readJournal(pool: PoolLike, filter: JournalFilter = {}): Promise<JournalEntry[]> {
  const { checkJournalFilter } = await import('../options/running-shape.ts');
  refuse([...checkPool(pool), ...checkJournalFilter(filter)]);
  const { schema, table, since, until, actor, value, limit = 1_000 } = filter;
  const text = `
    select * from (
      select
        id, (extract(epoch from at) * 1000)::text as at, transaction::text, source, operation::text, ptype, rule,
        actor, reason, release, role, application
      from ${quoteTable(JOURNAL, schema)}
      where ($1::text is null or source = $1)
      and ($2::timestamptz is null or at >= $2)
      and ($3::timestamptz is null or at < $3)
      and ($4::text is null or actor = $4)
      and ($5::text[] is null or rule ?& $5)
      order by id desc
      limit $6
    ) newest
    order by id`;
  const having = typeof value === 'string' ? [value] : value;
  const given = [table, since?.toISOString(), until?.toISOString(), actor, having, limit];
  const values = given.map((one) => one ?? null);
  const { rows } = await onJournal(pool, { schema, select: [JOURNAL] }, text, values);
  return rows.map(toEntry);
}

const OPERATIONS = { '+': 'added', '-': 'removed', '0': 'truncated' } as const;

/** A row as it is selected; what it is read by leaves numbers beyond a JavaScript number's as text. */
interface JournalRow extends Omit<JournalEntry, 'at' | 'operation' | 'values' | 'table'> {
  readonly at: string;
  readonly source: string;
  readonly operation: keyof typeof OPERATIONS;
  readonly rule: unknown;
}

function toEntry({ source, at, operation, rule, ...rest }: JournalRow): JournalEntry {
  return {
    ...rest,
    at: new Date(Number(at)),
    table: source,
    operation: OPERATIONS[operation],
    values: valuesOf(rule),
  };
}

/** In a table of columns, those behind the last value are null or empty. */
export function valuesOf(rule: unknown): string[] {
  if (!Array.isArray(rule)) return [];
  const values = rule.map((value) => (typeof value === 'string' ? value : ''));
  return values.slice(0, values.findLastIndex((_, index) => rule[index] !== null && rule[index] !== '') + 1);
}

/** What to remove of a journal. */
export interface JournalPruning {
  /** What was changed before this goes. */
  readonly olderThan: Date;
  /** As for {@link readJournal}. */
  readonly schema?: string;
}

/** So old is what a transaction may have written that commits just now, or a follower may not have read yet. */
const YOUNGEST_MS = 60 * 60 * 1_000;

/**
 * Removes the old entries of a journal, but for the newest of these: a follower sees by it that something it has not
 * read is gone. Only the owner of the journal may, and roles that were granted `select, delete` on it.
 *
 * @returns how many entries were removed
 * @throws InvalidOptionsError for a time within the last hour: somebody may not have read what was changed then
 * @throws DatabaseError `TABLE_MISSING` where there is no journal
 * @throws PermissionError with what has to be granted
 * @throws ConnectionError where there is no connection
 */
export async function pruneJournal(pool: PoolLike, given: JournalPruning): Promise<number> {
  const { checkPruning } = await import('../options/running-shape.ts');
  refuse([...checkPool(pool), ...checkPruning(given), ...checkAge(given)]);
  const { olderThan, schema } = given;
  const journal = quoteTable(JOURNAL, schema);
  const { rows } = await onJournal(
    pool,
    { schema, remove: [JOURNAL] },
    `with pruned as (
      delete from ${journal}
      where at < $1::timestamptz
      and id < (select max(id) from ${journal} where at < $1::timestamptz)
      returning 1
    )
    select count(*)::int as pruned from pruned`,
    [olderThan.toISOString()],
  );
  return Number(rows[0]?.pruned);
}

function checkAge({ olderThan }: JournalPruning): Problem[] {
  if (!(olderThan instanceof Date) || olderThan.getTime() <= Date.now() - YOUNGEST_MS) return [];
  const message =
    'must be more than an hour ago: what was changed since may not have been read by all who follow it';
  return [{ code: 'OPTION_INVALID', at: 'olderThan', message }];
}

function refuse(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

async function onJournal(
  pool: PoolLike,
  needs: Partial<Needs>,
  text: string,
  values: unknown[],
): Promise<QueryResultLike> {
  const what = needs.remove === undefined ? 'read the journal' : 'prune the journal';
  const ask = (client: ClientLike) =>
    client.query(text, values).catch(async (error: unknown) => {
      throw await explainPrivileges(error, client, what, needs);
    });
  try {
    return await withSession(pool, ({ client }) => ask(client));
  } catch (error) {
    if (error instanceof ConnectFailure) throw explainConnectFailure(error.cause);
    if (!isAbsence(error)) throw error;
    const message = `There is no journal ${quoteTable(JOURNAL, needs.schema)}. Run a bootstrap with journal: true, or name the schema that holds it.`;
    throw new DatabaseError('TABLE_MISSING', message, { cause: error });
  }
}

import { sql } from 'kysely';
import { JOURNAL } from '../../migrations/0003_journal.ts';
import { foundSchemaExpression, quoteTable, quoteText } from '../database/catalog.ts';
import { type ClientLike, checkPool, type PoolLike, type QueryResultLike } from '../database/client.ts';
import { createKysely } from '../database/dialect.ts';
import type { Needs } from '../database/privileges.ts';
import { Session } from '../database/session.ts';
import { isAbsence } from '../database/sqlstates.ts';
import { DatabaseError, InvalidOptionsError, type Problem } from '../errors.ts';
import { explainRefusal } from '../failure/explain-refusal.ts';
import { connectionOf } from '../tables/adapter-connection.ts';
import type { RuleOrigin } from '../verification-report.ts';

/** Which entries of a journal to read. An entry must satisfy all conditions that are given. */
export interface JournalFilter {
  /** The schema of the rule table. Default: where the connection's search_path finds the table, or else the journal. */
  readonly schema?: string | undefined;
  /** The name of the rule table. Default: every table that is recorded there. */
  readonly table?: string | undefined;
  /** Only changes at this time or later. */
  readonly since?: Date | undefined;
  /** Only changes before this time. */
  readonly until?: Date | undefined;
  /** Who made the change. */
  readonly actor?: string | undefined;
  /** A value that the rule has, such as a user or a role, or several values, all of which it has. */
  readonly value?: string | readonly string[] | undefined;
  /** How many of the newest entries to read. Default: 1,000. */
  readonly limit?: number | undefined;
}

/** A change of a rule table. */
export interface JournalEntry extends Omit<RuleOrigin, 'rule'> {
  /** Ascends, but an entry of a transaction that commits late may have a lower number than earlier entries. */
  readonly id: string;
  /** The number of the transaction, the same for all of its changes. */
  readonly transaction: string;
  /** The name of the rule table. */
  readonly table: string;
  /** An update of a rule is two entries: one removed, one added. */
  readonly operation: 'added' | 'removed' | 'truncated';
  /** Null if the table was truncated. */
  readonly ptype: string | null;
  /** The values of the rule; empty if the table was truncated, or the row had none. */
  readonly values: readonly string[];
  /** The version of the definition with which a bootstrap inserted it. */
  readonly release: string | null;
}

/**
 * Reads the newest changes of a rule table, the newest last: who changed what, when and why. It has the changes by all
 * writers since a bootstrap with `journal: true`.
 *
 * @throws InvalidOptionsError for a filter that can't be used
 * @throws DatabaseError `TABLE_MISSING` where there is no journal
 * @throws PermissionError with what has to be granted
 * @throws ConnectionError where there is no connection
 */
export async function readJournal(pool: PoolLike, filter: JournalFilter = {}): Promise<JournalEntry[]> {
  const { checkJournalFilter } = await import('../options/running-shape.ts');
  refuseProblems([...checkPool(pool), ...checkJournalFilter(filter)]);
  const { schema, table, since, until, actor, value, limit = 1_000 } = filter;
  const text = (journal: string) => `
    select * from (
      select
        id, (extract(epoch from at) * 1000)::text as at, transaction::text, source, operation::text, ptype, rule,
        actor, reason, release, role, application, ${IS_DOCUMENT} as "isDocument"
      from ${journal} journal
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
  const { rows } = await onJournal(pool, { schema, table }, { select: [JOURNAL] }, text, values);
  return rows.map(toEntry);
}

/** What a journal without a certain entry tells. */
export interface JournalState {
  /** Whether it has no entry at all. */
  readonly isEmpty: boolean;
  /** Whether changes of rules are written to it now. */
  readonly isRecording: boolean;
}

/** Reads the state of a journal, as a whole or for one rule table. Throws as {@link readJournal}. */
export async function readJournalState(pool: PoolLike, place: JournalPlace): Promise<JournalState> {
  const text = (journal: string) => `
    select
      not exists (select from ${journal} where $1::text is null or source = $1) as "isEmpty",
      exists (
        select
        from pg_catalog.pg_trigger t
        join pg_catalog.pg_class recorded on recorded.oid = t.tgrelid
        join pg_catalog.pg_class own on own.relnamespace = recorded.relnamespace
        where own.oid = to_regclass(${quoteText(journal)})
        and ($1::text is null or recorded.relname = $1)
        and starts_with(t.tgname, '${JOURNAL}_')
        and t.tgenabled in ('O', 'A')
      ) as "isRecording"`;
  const { rows } = await onJournal(pool, place, { select: [JOURNAL] }, text, [place.table ?? null]);
  return rows[0];
}

/** Whether the table of an entry keeps rules as documents. It is a table of the schema that the journal is in. */
const IS_DOCUMENT = `exists (
          select
          from pg_catalog.pg_class own
          join pg_catalog.pg_class recorded on recorded.relnamespace = own.relnamespace
          join pg_catalog.pg_attribute a on a.attrelid = recorded.oid
          where own.oid = journal.tableoid
          and recorded.relname = journal.source
          and a.attname = 'rule'
          and a.atttypid = 'jsonb'::regtype
        )`;

const OPERATIONS = { '+': 'added', '-': 'removed', '0': 'truncated' } as const;

/** A selected row. Numbers may be text, because they may be larger than a JavaScript number can be. */
interface JournalRow extends Omit<JournalEntry, 'at' | 'operation' | 'values' | 'table'> {
  readonly at: string;
  readonly source: string;
  readonly operation: keyof typeof OPERATIONS;
  readonly rule: unknown;
  readonly isDocument: boolean;
}

function toEntry({ source, at, operation, rule, isDocument, ...rest }: JournalRow): JournalEntry {
  return {
    ...rest,
    at: new Date(Number(at)),
    table: source,
    operation: OPERATIONS[operation],
    values: valuesOf(rule, isDocument),
  };
}

/**
 * In a table of columns, the columns after the last value are null or empty. In a document, an empty value at the end
 * is one.
 */
export function valuesOf(rule: unknown, isDocument: boolean): string[] {
  if (!Array.isArray(rule)) return [];
  const values = rule.map((value) => (typeof value === 'string' ? value : ''));
  return isDocument
    ? values
    : values.slice(0, rule.findLastIndex((value) => value !== null && value !== '') + 1);
}

/** Which entries to remove from a journal. */
export interface JournalPruning {
  /** Removes the entries of changes before this time. */
  readonly olderThan: Date;
  /** As for {@link readJournal}. */
  readonly schema?: string | undefined;
}

/** An entry may be this old and only just committed, or not yet read by every follower. */
const YOUNGEST_MS = 60 * 60 * 1_000;

/** An SQL expression: an entry that was pruned is older, by the clock of the server. */
export const NEWEST_PRUNED = `now() - interval '${YOUNGEST_MS} milliseconds'`;

/**
 * Removes old entries of a journal, except the one of the latest transaction among them: by that one a follower notices
 * whether entries are gone that it has not read. Only the owner of the journal and roles with `select` and `delete` on
 * it may do this.
 *
 * @returns the number of removed entries
 * @throws InvalidOptionsError for a time within the last hour: a follower may not have read those changes yet
 * @throws DatabaseError `TABLE_MISSING` where there is no journal
 * @throws PermissionError with what has to be granted
 * @throws ConnectionError where there is no connection
 */
export async function pruneJournal(pool: PoolLike, given: JournalPruning): Promise<number> {
  const { checkPruning } = await import('../options/running-shape.ts');
  refuseProblems([...checkPool(pool), ...checkPruning(given), ...checkAge(given)]);
  const { olderThan, schema } = given;
  const { rows } = await onJournal(
    pool,
    { schema },
    { remove: [JOURNAL] },
    // What is left begins with that entry, so it is not enough that an entry is old: all before it have to be.
    (journal) => `with kept as (
      select id
      from ${journal}
      where id < coalesce(
        (select id from ${journal} where at >= least($1::timestamptz, ${NEWEST_PRUNED}) order by id limit 1),
        9223372036854775807
      )
      order by transaction desc, id desc
      limit 1
    ), pruned as (
      delete from ${journal}
      where id < (select id from kept)
      returning 1
    )
    select count(*)::int as pruned from pruned`,
    [olderThan.toISOString()],
  );
  return Number(rows[0]?.pruned);
}

function checkAge(given: JournalPruning): Problem[] {
  const { olderThan }: Partial<JournalPruning> = Object(given);
  if (!(olderThan instanceof Date) || olderThan.getTime() <= Date.now() - YOUNGEST_MS) return [];
  const message =
    'must be more than an hour ago: some who follow the journal may not have read what is newer. Give an earlier time.';
  return [{ code: 'OPTION_INVALID', at: 'olderThan', message }];
}

function refuseProblems(problems: readonly Problem[]): void {
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** Where a journal is: in the schema, else where the search_path finds the table, else where it finds the journal. */
interface JournalPlace {
  readonly schema: string | undefined;
  readonly table?: string | undefined;
}

function onJournal(
  pool: PoolLike,
  place: JournalPlace,
  needs: Partial<Needs>,
  text: (journal: string) => string,
  values: unknown[],
): Promise<QueryResultLike> {
  const what = needs.remove === undefined ? 'read the journal' : 'prune the journal';
  return connectionOf(pool).run(async (client) => {
    let { schema } = place;
    try {
      schema = await findSchema(client, place);
      return await client.query(text(quoteTable(JOURNAL, schema)), values);
    } catch (error) {
      if (isAbsence(error)) throw journalMissing(quoteTable(JOURNAL, schema), error);
      throw await explainRefusal(error, client, what, { ...needs, schema });
    }
  });
}

async function findSchema(client: ClientLike, { schema, table }: JournalPlace): Promise<string | undefined> {
  if (schema !== undefined || table === undefined) return schema;
  const { rows } = await sql<{ schema: string | null }>`
    select ${foundSchemaExpression(table)} as schema
  `.execute(createKysely(new Session(client)));
  return rows[0]?.schema ?? undefined;
}

function journalMissing(journal: string, cause: unknown): DatabaseError {
  const message = `There is no journal ${journal}. Run a bootstrap with journal: true, or name the schema that holds it.`;
  return new DatabaseError('TABLE_MISSING', message, { cause });
}

import { sql } from 'kysely';
import type { StoredRule } from '../casbin/rule-row.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import type { VerificationReport } from '../verification/report.ts';
import { findRowOrderFailures, type RowOrderFailures } from '../verification/row-order.ts';

/** For more rows no statements are written: they would have to be looked through before they are run. */
const MOST_MOVED_ROWS = 1_000;
const SHOWN_ROWS = 20;

/**
 * Says which failures of a report are due to the order of the rows, and what to do about it. Statements are offered
 * where only defined rules would change their places; the library itself never changes stored rules.
 */
export async function explainRowOrder(
  trx: AnyTransaction,
  { model, configureEnforcer, defined }: ResolvedOptions,
  live: readonly StoredRule[],
  report: VerificationReport,
): Promise<VerificationReport> {
  const found = await findRowOrderFailures({ model, configureEnforcer, defined, live }, report.failures);
  if (found === null) return report;
  const others = await findRowsBehind(
    trx,
    live.filter((rule) => defined.has(rule)),
    found.misplaced,
  );
  const isOffered = others.length === 0 && found.misplaced.length <= MOST_MOVED_ROWS;
  const statements = isOffered ? await writeStatements(trx, found.misplaced) : [];
  const rowOrder = { advice: advise(found, others, statements), statements };
  return { ...report, failures: found.failures, rowOrder };
}

function advise(
  { misplaced, lacksPriority }: RowOrderFailures,
  others: readonly number[],
  statements: readonly string[],
): string {
  const what = 'The order of the rows decides, and a rule that is inserted later is stored last.';
  const field = lacksPriority ? ' Or give the policy definition of the model a field called priority.' : '';
  if (statements.length > 0) {
    return `${what} These statements put the defined rules in the order in which they are defined, and move nothing else.${field}`;
  }
  if (others.length === 0) {
    return `${what} Store the defined rules in the order in which they are defined (${misplaced.length} rows would have to move).${field}`;
  }
  const shown = others.slice(0, SHOWN_ROWS).join(', ');
  const more = others.length > SHOWN_ROWS ? ' and more' : '';
  return `${what} To store the defined rules in the order in which they are defined would move them behind rules that are not defined (id ${shown}${more}), so decide first where those belong.${field}`;
}

/** The ids of rows that are not defined and that a defined one would come to stand behind, were it moved to the end. */
async function findRowsBehind(
  trx: AnyTransaction,
  definedRows: readonly StoredRule[],
  misplaced: readonly StoredRule[],
): Promise<number[]> {
  const first = misplaced.reduce((least, { id }) => Math.min(least, id), Number.POSITIVE_INFINITY);
  const { rows } = await sql<{ id: number }>`
    select id
    from casbin
    where ptype = any(${[...new Set(misplaced.map(({ ptype }) => ptype))]}::text[])
    and id > ${first}
    and id <> all(${definedRows.map(({ id }) => id)}::bigint[])
    order by id
    limit ${SHOWN_ROWS + 1}
  `.execute(trx);
  return rows.map(({ id }) => id);
}

/**
 * By what the rows hold, not by their ids: those that this transaction has inserted are gone when it is rolled back.
 * The server quotes names and values, as only it knows its settings.
 */
async function writeStatements(trx: AnyTransaction, misplaced: readonly StoredRule[]): Promise<string[]> {
  const { rows } = await sql<{ remove: string; insert: string }>`
    select
      format('delete from %I.%I where (ptype, rule) in (%s);', n.nspname, c.relname, rules.list) as remove,
      format('insert into %I.%I (ptype, rule) values %s;', n.nspname, c.relname, rules.list) as insert
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    cross join (
      select string_agg(format('(%L, %L::jsonb)', ptype, rule), ', ' order by position) as list
      from unnest(
        ${misplaced.map(({ ptype }) => ptype)}::text[],
        ${misplaced.map(({ values }) => toJson(values))}::text[]
      ) with ordinality as given (ptype, rule, position)
    ) rules
    where c.oid = to_regclass('casbin')
  `.execute(trx);
  return rows.flatMap(({ remove, insert }) => ['begin;', remove, insert, 'commit;']);
}

/** As JSON that shows what it holds, whatever it is printed on. */
function toJson(values: readonly string[]): string {
  return JSON.stringify(values).replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu, (control) => {
    return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import type { StoredRule } from '../casbin/rule-row.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Rule } from '../policy/rule.ts';
import type { RuleTable } from './rule-table.ts';

/** Fewer rules are read as fast as they are hashed. */
const MANY = 1_000;

/** The most bytes that are hashed, because the server puts all of them into one value. */
const HASHED = 1_000_000_000;

/**
 * The rules of a table that holds exactly the defined ones, in their order and with ids that follow each other, as a
 * bootstrap writes them: then the server sends one hash of all rows instead of the rows. Null for any other table, and
 * where it is not worth it; the rows have to be read then.
 */
export async function readAsDefined(
  trx: AnyTransaction,
  table: RuleTable,
  defined: readonly Rule[],
): Promise<StoredRule[] | null> {
  if (defined.length < MANY || table.layout !== 'document' || table.engine.commitsDdl) return null;
  // A stored rule may be of any length. What is cut is not the same, as it is still longer than any defined rule.
  const longest = defined.reduce((most, rule) => Math.max(most, bytesAbove(rule)), 0);
  if (longest * defined.length > HASHED || !defined.every(({ ptype }) => NAME.test(ptype))) return null;
  const [name, ptype, values] = [table.sql, table.ptype('stored'), table.valuesAsJson('stored')].map(sql.raw);
  // `textsend` gives the bytes that the server would send.
  const query = sql<{ count: number; first: unknown; last: unknown; hash: string | null }>`
    select
      count(*)::int as count,
      (select id from ${name} order by id limit 1) as first,
      (select id from ${name} order by id desc limit 1) as last,
      encode(sha256(string_agg(line, '\n' order by id)), 'hex') as hash
    from (
      select stored.id, substr(textsend(${ptype} || (${values})::text), 1, ${longest}) as line
      from ${name} stored
    ) lines
  `;
  // The server works meanwhile.
  const hashed = setImmediate().then(() => hashLines(defined));
  const [{ rows }, hash] = await Promise.all([query.execute(trx), hashed]);
  const [found] = rows;
  const [first, last] = [Number(found?.first), Number(found?.last)];
  const isSame = found?.hash === hash && found.count === defined.length;
  if (!isSame || last - first + 1 !== defined.length || !Number.isSafeInteger(last)) return null;
  return defined.map(({ ptype, values }, position) => ({ id: first + position, ptype, values }));
}

function hashLines(rules: readonly Rule[]): string {
  const hash = createHash('sha256');
  for (let start = 0; start < rules.length; start += MANY) {
    const lines = rules.slice(start, start + MANY).map(lineOf);
    hash.update(`${start === 0 ? '' : '\n'}${lines.join('\n')}`);
  }
  return hash.digest('hex');
}

/** A ptype without any character of JSON, or a line break: so all lines together can be read in one way only. */
const NAME = /^\w+$/;

/** What JSON does not hold as it is. */
const ESCAPED = /["\\\p{Cc}]/u;

/** A rule as the server writes its ptype and values. */
function lineOf({ ptype, values }: Rule): string {
  return `${ptype}[${values.map(toJson).join(', ')}]`;
}

function toJson(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** At least as many as the bytes of its line: a character of a value takes six at most, as an escape. */
function bytesAbove({ ptype, values }: Rule): number {
  return values.reduce((sum, { length }) => sum + 6 * length + 4, ptype.length + 4);
}

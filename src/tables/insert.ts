import { readRule } from '../casbin/rule-row.ts';
import { quoteText } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { type Connection, runAlone } from './adapter-connection.ts';
import { withoutIndexes } from './indexes.ts';
import { lockRules, locksOfMissing, lockTable, takeTurn } from './locks.ts';
import { inPortions, readPortions } from './portions.ts';
import { onRuleTable, requireFitsTable, requireStorable } from './refusals.ts';
import { type GivenRules, givenRules, type RuleTable } from './rule-table.ts';

/**
 * Inserts the rules that are not stored yet, with ids in the given order. Others may insert the same rules at the same
 * time, in any order: each rule is stored once, and there is no deadlock. If the table is unique, it is one statement;
 * otherwise the rules are locked before.
 *
 * Throws an InvalidOptionsError for a value that can't be stored, and a DatabaseError for a rule too long for the
 * index, or a table that is missing or lacks the uniqueness that it should have.
 */
export async function insertRules(
  connection: Connection,
  table: RuleTable,
  rules: readonly Rule[],
): Promise<void> {
  const distinct = withoutRepetitions(rules);
  requireFitsTable(table, distinct);
  const given = table.give(distinct);
  const insert = (client: ClientLike, locked: string) =>
    onRuleTable(table, distinct, () =>
      client.query(
        insertNotStored(table, given, locked),
        locked === '' ? [...given.arrays] : [...given.arrays, table.sql],
      ),
    );
  if (table.isUnique && !table.engine.commitsDdl) {
    // A single rule needs no lock.
    const locked = distinct.length > 1 ? locksOfMissing(given, `$${given.arrays.length + 1}`, 2) : '';
    await runAlone(connection, (client) => insert(client, locked), table.engine);
  } else {
    // The locks have a statement of their own: a statement does not see what was committed while it waited.
    await connection.atomically(async (client) => {
      await onRuleTable(table, distinct, () => lockRules(client, table, distinct));
      await insert(client, '');
    }, table.engine);
  }
}

// The sort reads everything before the first rule is written, so all locks are held by then.
function insertNotStored(table: RuleTable, given: GivenRules, locked: string): string {
  return `
    with missing as materialized (
      select given.*
      from ${givenRules(given)}
      where not exists (select from ${table.sql} stored where ${given.isSame('stored')})
    )
    ${locked === '' ? '' : `, ${locked}`}
    insert into ${table.sql} (${table.written})
    select ${given.values}
    from missing given
    ${locked === '' ? '' : 'cross join locked'}
    order by given.n
    ${table.onConflict}`;
}

/** With this number of rules or more, a new table is filled faster without its indexes. */
const MANY = 1_000;

/** How to seed; all of it has a default. */
export interface SeedOptions {
  /** Called with the number of rules that are done. */
  readonly report?: ((done: number) => void) | undefined;
  /**
   * Whether the transaction has called {@link lockTable}. It must not lock rules then: a writer that has locked some of
   * them may wait for the table.
   */
  readonly isLocked?: boolean;
}

/** What became of the rules that the table did not hold. */
export interface Seeded {
  readonly inserted: readonly Rule[];
  /** Those that it does not hold afterwards either: a trigger has left them out, or changed them. */
  readonly absent: readonly Rule[];
}

/**
 * Inserts the rules that the table does not hold yet. Ids come in the order given, and the rows lie in it too, as a
 * stock adapter reads them. Errors are those of {@link insertRules}.
 *
 * It works in portions, so that neither side ever holds all rules as text. The caller must open a transaction, and make
 * sure that nobody else seeds this table meanwhile. Others may insert the same rules with {@link insertRules}.
 */
export async function seedRules(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
  { report = () => {}, isLocked = false }: SeedOptions = {},
): Promise<Seeded> {
  requireStorable(rules);
  if (rules.length >= MANY && !table.engine.commitsDdl) {
    const inserted = await onRuleTable(table, rules, () =>
      withoutIndexes(client, table.sql, () =>
        writePortions(client, table, eachRuleOnce(rules), null, report),
      ),
    );
    if (inserted !== null) return { inserted, absent: [] };
  }
  const find = (given: readonly Rule[]) => onRuleTable(table, rules, () => findMissing(client, table, given));
  let missing = await find(rules);
  if (missing.length === 0) return { inserted: [], absent: [] };
  if (!table.isUnique && !isLocked) {
    await lockTable(client, table);
    missing = await find(missing);
  }
  if (table.isUnique && !isLocked) {
    await takeTurn(client, table);
    await lockRules(client, table, missing, 2);
  }
  const existing = rules.length - missing.length;
  const inserted = await writePortions(client, table, missing, table.onConflict, (done) =>
    report(existing + done),
  );
  if (inserted.length === missing.length) return { inserted, absent: [] };
  const done = new Set(inserted);
  return { inserted, absent: await find(missing.filter((rule) => !done.has(rule))) };
}

/**
 * Those of the rules that are not stored, each once. The stored rules are read and compared here: the server plans a
 * join badly on a table that was never analyzed.
 */
export async function findMissing<R extends Rule>(
  client: ClientLike,
  table: RuleTable,
  rules: readonly R[],
): Promise<R[]> {
  const given = new RuleSet(rules);
  const isStored = new Uint8Array(rules.length);
  const names = new Set(rules.map(({ values }) => values[0]));
  const select = `select ${table.columns('stored')} from ${table.sql} stored where ${table.value('stored', 0)} = any ($1::text[])`;
  await readPortions(client, table, { text: select, values: [[...names]] }, (rows) => {
    for (const row of rows) {
      // A row that holds no rule is reported when the policy is loaded.
      const rule = readRule(table, row);
      if (rule !== null) isStored[given.indexOf(rule)] = 1;
    }
  });
  // If a rule is given more than once, only the first one.
  return rules.filter((_, position) => isStored[position] === 0 && given.firstOf(position) === position);
}

/**
 * Writes rules into a table that holds none of them, in their order. The caller must open a transaction, and make sure
 * that nobody else can write to the table.
 */
export async function writeRules(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
): Promise<void> {
  await writePortions(client, table, rules);
}

async function writePortions(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
  onConflict: string | null = null,
  report: (done: number) => void = () => {},
): Promise<Rule[]> {
  const written: Rule[] = [];
  let done = 0;
  for (const portion of inPortions(rules)) {
    const added = await onRuleTable(table, portion, () => writePortion(client, table, portion, onConflict));
    for (const rule of added) written.push(rule);
    done += portion.length;
    report(done);
  }
  return written;
}

/**
 * The server sends the inserted rules only if they may not be all of those given: somebody else has just added one, or
 * there is a trigger that may leave one out or change it.
 *
 * @param onConflict null if no other writer can interfere, so that the inserted rules are known
 */
async function writePortion(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
  onConflict: string | null,
): Promise<readonly Rule[]> {
  const given = table.give(rules);
  const insert = `
    insert into ${table.sql} as stored (${table.written})
    select ${given.values}
    from ${givenRules(given)}
    order by given.n`;
  const arrays = given.arrays.map(toArrayParameter);
  if (onConflict === null) {
    await client.query(insert, arrays);
    return rules;
  }
  // What such an engine tells of triggers is not known.
  const hasTriggers = table.engine.commitsDdl
    ? 'false'
    : `exists (select from pg_catalog.pg_trigger where tgrelid = ${quoteText(table.sql)}::regclass and tgtype & 5 = 5)`;
  const { rows } = await client.query(
    `with inserted as (
       ${insert}
       ${onConflict}
       returning ${table.columns('stored')}
     )
     select
       case when count(*) < $${given.arrays.length + 1} or ${hasTriggers}
         then coalesce(jsonb_agg(inserted), '[]')
       end as inserted
     from inserted`,
    [...arrays, rules.length],
  );
  const { inserted } = rows[0];
  if (inserted === null) return rules;
  const added = new RuleSet(rules);
  return inserted.flatMap((row: Record<string, unknown>) => {
    const rule = readRule(table, row);
    return (rule === null ? undefined : rules[added.indexOf(rule)]) ?? [];
  });
}

/** Escapes of JSON that an array of PostgreSQL does not know. */
const ESCAPED = /[\p{Cc}\p{Surrogate}]/u;

/** Writes texts as an array of PostgreSQL by way of JSON: ten times as fast as the driver, which writes one by one. */
function toArrayParameter(texts: readonly string[]): unknown {
  if (texts.some((text) => ESCAPED.test(text))) return texts;
  return `{${JSON.stringify(texts).slice(1, -1)}}`;
}

/** The rules, each once, in their order. Throws an InvalidOptionsError for a value that can't be stored. */
export function withoutRepetitions(rules: readonly Rule[]): Rule[] {
  requireStorable(rules);
  return eachRuleOnce(rules);
}

function eachRuleOnce(rules: readonly Rule[]): Rule[] {
  const given = new RuleSet(rules);
  return rules.filter((_, position) => given.firstOf(position) === position);
}

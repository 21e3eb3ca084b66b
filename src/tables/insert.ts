import { isRuleValues } from '../casbin/rule-row.ts';
import { sequenceExpression } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { NAMESPACE } from '../database/lock.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { onRuleTable, requireStorable } from './refusals.ts';

/** What an adapter remembers of its table: which sequence ids are drawn from, null for none; unknown at first. */
export interface IdSource {
  sequence?: string | null | undefined;
}

/**
 * Inserts the rules that the table does not hold yet, with ids in the order given, and returns those. Others
 * may insert the same rules at the same moment; each is stored once.
 *
 * `table` is the quoted name. Throws an InvalidOptionsError for a value that can't be stored, and a DatabaseError
 * for a rule too long for the index, or a table that is missing or not unique on (ptype, rule).
 */
export async function insertRules(
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
  source: IdSource = {},
): Promise<Rule[]> {
  const parameters = toParameters(rules);
  try {
    source.sequence ??= await onRuleTable(table, rules, () => findSequence(client, table));
    const { sequence } = source;
    return sequence === null
      ? await insertBy(insertMissingInTurn(table), [...parameters, table], client, table, rules)
      : await insertBy(insertMissing(table), [...parameters, sequence], client, table, rules);
  } catch (error) {
    // Somebody may have given the column another sequence.
    source.sequence = undefined;
    throw error;
  }
}

async function findSequence(client: ClientLike, table: string): Promise<string | null> {
  const { rows } = await client.query(
    `select format('%I.%I', n.nspname, c.relname) as name
     from (
       select ${sequenceExpression('a')} as oid
       from pg_catalog.pg_attribute a
       where a.attrelid = $1::regclass
       and a.attname = 'id'
     ) drawn
     join pg_catalog.pg_class c on c.oid = drawn.oid
     join pg_catalog.pg_namespace n on n.oid = c.relnamespace`,
    [table],
  );
  return rows[0]?.name ?? null;
}

/**
 * As {@link insertRules}, and the rows lie in the order given too, as a stock adapter reads them. For one who
 * writes alone: two who write the same rules in different orders would end in a deadlock.
 */
export function insertRulesInOrder(
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
): Promise<Rule[]> {
  return insertBy(insertMissingInOrder(table), toParameters(rules), client, table, rules);
}

async function insertBy(
  statement: string,
  parameters: unknown[],
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
): Promise<Rule[]> {
  const { rows } = await onRuleTable(table, rules, () => client.query(statement, parameters));
  return rows.map(({ ptype, rule }) => ({ ptype, values: rule }));
}

// All who insert write in one order, whatever order they were given: else two of them would each wait for a rule
// of the other's. So the ids are drawn before, and only for what is missing. The second sort also completes the
// existence check before the first rule is written, which it might scan otherwise, once for each that follows.
function insertMissing(table: string): string {
  return `
    with inserted as (
      insert into ${table} (id, ptype, rule)
      overriding system value
      select id, ptype, document::jsonb
      from (
        select
          nextval((select to_regclass($3))) as id,
          given.ptype,
          given.document
        from unnest($1::text[], $2::text[]) with ordinality as given (ptype, document, n)
        where ${isMissing(table)}
        order by given.n
      ) missing
      order by ptype collate "C", document collate "C"
      on conflict (ptype, rule) do nothing
      returning id, ptype, rule
    )
    select ptype, rule
    from inserted
    order by id`;
}

// Ids that only the server can make, by a function or a trigger, come in the order of writing. So that is the order
// given, and those who insert take turns until their transactions end.
function insertMissingInTurn(table: string): string {
  return `
    with turn as materialized (
      select pg_advisory_xact_lock(${NAMESPACE}, hashtext('rules of ' || $3))
    )
    insert into ${table} (ptype, rule)
    select given.ptype, given.document::jsonb
    from turn
    cross join unnest($1::text[], $2::text[]) with ordinality as given (ptype, document, n)
    where ${isMissing(table)}
    order by given.n
    on conflict (ptype, rule) do nothing
    returning ptype, rule`;
}

function insertMissingInOrder(table: string): string {
  return `
    insert into ${table} (ptype, rule)
    select given.ptype, given.document::jsonb
    from unnest($1::text[], $2::text[]) with ordinality as given (ptype, document, n)
    where ${isMissing(table)}
    order by given.n
    on conflict (ptype, rule) do nothing
    returning ptype, rule`;
}

function isMissing(table: string): string {
  return `not exists (
    select from ${table} stored
    where stored.ptype = given.ptype
    and stored.rule = given.document::jsonb
  )`;
}

/** How many rules one statement takes. */
const PORTION = 10_000;

/**
 * Inserts the rules that the table does not hold yet, in their order, and returns those. In portions, so that
 * neither side ever holds all of them as text; the caller sees to a transaction, and that nobody else writes the
 * same in another order.
 *
 * @param report is told how many of the rules are seen to
 */
export async function insertMany(
  client: ClientLike,
  table: string,
  rules: readonly Rule[],
  report: (done: number) => void,
): Promise<Rule[]> {
  requireStorable(rules);
  const missing = await onRuleTable(table, rules, () => findMissing(client, table, rules));
  const inserted: Rule[] = [];
  for (let start = 0; start < missing.length; start += PORTION) {
    const portion = missing.slice(start, start + PORTION);
    const added = await onRuleTable(table, portion, () => insertPortion(client, table, portion));
    for (const rule of added) inserted.push(rule);
    report(rules.length - missing.length + start + portion.length);
  }
  return inserted;
}

/** Reads what is stored, so that the server plans no join: on a table that was never analyzed it plans it badly. */
async function findMissing(client: ClientLike, table: string, rules: readonly Rule[]): Promise<Rule[]> {
  const given = new RuleSet(rules);
  const isStored = new Uint8Array(rules.length);
  const names = new Set(rules.map(({ values }) => values[0]));
  await client.query(
    `declare casbin_bootstrap_stored no scroll cursor for
     select ptype, rule from ${table} where rule ->> 0 = any ($1::text[])`,
    [[...names]],
  );
  for (let count = PORTION; count === PORTION; ) {
    const { rows } = await client.query(`fetch ${PORTION} from casbin_bootstrap_stored`);
    for (const { ptype, rule } of rows) {
      // A row that holds no rule is told of by whoever loads the policy.
      if (isRuleValues(rule)) isStored[given.indexOf({ ptype, values: rule })] = 1;
    }
    count = rows.length;
  }
  await client.query('close casbin_bootstrap_stored');
  // Of rules that are given more than once, the first.
  return rules.filter((rule, position) => isStored[position] === 0 && given.indexOf(rule) === position);
}

/** Which of them it was only travels when it was not all of them: somebody else added one just now. */
async function insertPortion(client: ClientLike, table: string, rules: readonly Rule[]): Promise<Rule[]> {
  const { rows } = await client.query(
    `with inserted as (
       insert into ${table} (ptype, rule)
       select given.ptype, given.document::jsonb
       from unnest($1::text[], $2::text[]) with ordinality as given (ptype, document, n)
       order by given.n
       on conflict (ptype, rule) do nothing
       returning ptype, rule
     )
     select count(*)::int as count, case when count(*) < $3 then jsonb_agg(inserted) end as inserted
     from inserted`,
    [...toDocuments(rules), rules.length],
  );
  const { count, inserted } = rows[0] ?? { count: 0, inserted: null };
  if (count === rules.length) return [...rules];
  return (inserted ?? []).map(({ ptype, rule }: { ptype: string; rule: string[] }) => ({
    ptype,
    values: rule,
  }));
}

/** Rules as parameters for `unnest($1::text[], $2::text[])`: two arrays, however many rules there are. */
type Documents = [ptypes: string[], documents: string[]];

/** The rules, each once, in their order. Throws an InvalidOptionsError for a value that can't be stored. */
export function toParameters(rules: readonly Rule[]): Documents {
  requireStorable(rules);
  const given = new RuleSet(rules);
  return toDocuments(rules.filter((rule, position) => given.indexOf(rule) === position));
}

/** The same for rules that are known to be storable, and none of them twice. */
export function toDocuments(rules: readonly Rule[]): Documents {
  return [rules.map(({ ptype }) => ptype), rules.map(({ values }) => JSON.stringify(values))];
}

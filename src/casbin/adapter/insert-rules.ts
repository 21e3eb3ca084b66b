import type { ClientLike } from '../../database/client.ts';
import { NAMESPACE } from '../../database/lock.ts';
import { sequenceExpression } from '../../database/sequence.ts';
import type { Rule } from '../../policy/rule.ts';
import { onRuleTable } from './faults.ts';
import { toParameters } from './parameters.ts';

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

import type { Model } from 'casbin';
import type { ClientLike } from '../database/client.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { DatabaseError } from '../errors.ts';
import { formatRule, type Rule, ruleKey } from '../policy/rule.ts';
import type { Connection } from './adapter-connection.ts';
import { toParameters, withoutRepetitions, writeRules } from './insert.ts';
import { hasFields } from './load.ts';
import { onRuleTable, requireStorable } from './refusals.ts';

/** Deletes exactly these rules; those that are not stored are passed over. */
export async function removeRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  const parameters = toParameters(rules);
  await onRuleTable(table, rules, () => client.query(removeGiven(table), parameters));
}

/** Deletes the rules of `ptype` that have these values from `fieldIndex` on; see {@link hasFields}. */
export async function removeMatchingRules(
  client: ClientLike,
  table: string,
  ptype: string,
  fieldIndex: number,
  values: readonly string[],
): Promise<void> {
  const condition = hasFields(ptype, fieldIndex, values);
  if (condition === null) return;
  requireStorable([{ ptype, values }]);
  await onRuleTable(table, [], () =>
    client.query(remove(table, `select id from ${table} where ${condition.sql} order by id for update`), [
      ...condition.parameters,
    ]),
  );
}

function removeGiven(table: string): string {
  const stored = `
      select stored.id
      from ${table} stored
      join unnest($1::text[], $2::text[]) as given (ptype, document)
      on stored.ptype = given.ptype
      and stored.rule = given.document::jsonb
      order by stored.id
      for update of stored`;
  return remove(table, stored);
}

// Locked in one order, by their ids, by all who remove: else two of them would each wait for a row that the other
// has locked.
function remove(table: string, idsInOrder: string): string {
  return `delete from ${table} where id in (${idsInOrder})`;
}

/**
 * Puts `next` in the place of `previous`, in the row with the same id; when `next` is stored already, deletes
 * `previous`. Both have the same ptype.
 *
 * When neither is stored, somebody removed or changed `previous`, and writing `next` would bring back what they
 * took away: throws a DatabaseError with code CONFLICT. When only `next` is, there is nothing to do.
 */
export async function updateRule(
  connection: Connection,
  table: string,
  previous: Rule,
  next: Rule,
): Promise<void> {
  requireStorable([previous, next]);
  if (ruleKey(previous) === ruleKey(next)) return;
  const attempt = () => connection.atomically((client) => replaceRule(client, table, previous, next));
  // What somebody committed while the first attempt waited for them is visible to a second one only.
  await attempt().catch((error: unknown) => {
    if (!isPossibleRace(error)) throw error;
    return attempt();
  });
}

function isPossibleRace(error: unknown): boolean {
  const isConflict = error instanceof DatabaseError && error.code === 'CONFLICT';
  return isConflict || errorCode(error) === SQLSTATE.UNIQUE_VIOLATION;
}

async function replaceRule(client: ClientLike, table: string, previous: Rule, next: Rule): Promise<void> {
  const { rows } = await onRuleTable(table, [previous, next], () =>
    client.query(moveOrDelete(table), [
      previous.ptype,
      JSON.stringify(previous.values),
      JSON.stringify(next.values),
    ]),
  );
  if (rows[0].settled) return;
  throw new DatabaseError(
    'CONFLICT',
    `Rule ${formatRule(previous)} is not stored: somebody removed or changed it since it was loaded. ` +
      `Nothing was changed. Load the policy again. If you still want ${formatRule(next)}, add it.`,
  );
}

function moveOrDelete(table: string): string {
  return `
    with present as (
      select from ${table}
      where ptype = $1
      and rule = $3::jsonb
    ), updated as (
      update ${table}
      set rule = $3::jsonb
      where ptype = $1
      and rule = $2::jsonb
      and not exists (select from present)
      returning id
    ), deleted as (
      delete from ${table}
      where ptype = $1
      and rule = $2::jsonb
      and exists (select from present)
      returning id
    )
    select exists (select from present)
      or exists (select from updated)
      or exists (select from deleted) as settled`;
}

/** The rules that a model holds, in its order: policy first, then role definitions. */
export function rulesOf(model: Model): Rule[] {
  return ['p', 'g'].flatMap((section) =>
    [...(model.model.get(section) ?? [])].flatMap(([ptype, { policy }]) =>
      policy.map((values) => ({ ptype, values })),
    ),
  );
}

/**
 * Makes the table hold exactly these rules, with ids in their order. Other writers wait meanwhile, readers don't.
 *
 * It takes several statements: the caller sees to a transaction.
 */
export async function replaceRules(client: ClientLike, table: string, rules: readonly Rule[]): Promise<void> {
  const distinct = withoutRepetitions(rules);
  await onRuleTable(table, rules, async () => {
    // Two savers at once would each delete what they see, and together leave a mixture.
    await client.query(`lock table ${table} in share row exclusive mode`);
    await client.query(`delete from ${table}`);
  });
  await writeRules(client, table, distinct);
}

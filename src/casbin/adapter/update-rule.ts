import type { ClientLike } from '../../database/client.ts';
import { errorCode, SQLSTATE } from '../../database/sqlstates.ts';
import { DatabaseError } from '../../errors.ts';
import { formatRule, type Rule, ruleKey } from '../../policy/rule.ts';
import type { Connection } from './connection.ts';
import { onRuleTable } from './faults.ts';
import { requireStorable } from './storable.ts';

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
  const code = errorCode(error);
  return code === 'CONFLICT' || code === SQLSTATE.UNIQUE_VIOLATION;
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
      `Nothing was changed. Load the policy again; to have ${formatRule(next)} all the same, add it.`,
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

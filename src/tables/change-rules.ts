import type { ClientLike } from '../database/client.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { DatabaseError } from '../errors.ts';
import { formatRule, type Rule, ruleKey } from '../policy/rule.ts';
import type { Connection } from './adapter-connection.ts';
import { withoutRepetitions, writeRules } from './insert.ts';
import { hasFields } from './load.ts';
import { lockRules, lockTable } from './locks.ts';
import { onRuleTable, requireFitsTable, requireStorable } from './refusals.ts';
import { type GivenRules, givenRules, type RuleTable } from './rule-table.ts';

/** Deletes exactly these rules; those that are not stored are ignored. */
export async function removeRules(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
): Promise<void> {
  const given = table.give(fittingRules(table, withoutRepetitions(rules)));
  await onRuleTable(table, rules, () => client.query(removeGiven(table, given), [...given.arrays]));
}

/** The rules that fit the table. Others can't be stored, although a stored rule may equal the beginning of one. */
function fittingRules(table: RuleTable, rules: readonly Rule[]): Rule[] {
  return rules.filter((rule) => table.findUnfit([rule]).length === 0);
}

/** Deletes the rules of `ptype` that have these values from `fieldIndex` on; see {@link hasFields}. */
export async function removeMatchingRules(
  client: ClientLike,
  table: RuleTable,
  ptype: string,
  fieldIndex: number,
  values: readonly string[],
): Promise<void> {
  const condition = hasFields(table, ptype, fieldIndex, values);
  if (condition === null) return;
  requireStorable([{ ptype, values }]);
  await onRuleTable(table, [], () =>
    client.query(removeStatement(table, condition.sql), [...condition.parameters]),
  );
}

function removeGiven(table: RuleTable, given: GivenRules): string {
  return removeStatement(table, given.isSame('stored'), givenRules(given));
}

// Everybody who removes rows locks them in the order of their ids; otherwise two writers could each wait for a row of
// the other. The rows are then found again by the condition, not by the locked ones: after a wait for a changed row,
// its `ctid` is the new place, where this statement sees no row.
function removeStatement({ sql, identity, engine }: RuleTable, condition: string, given?: string): string {
  const join = given === undefined ? '' : `cross join ${given}`;
  const using = given === undefined ? '' : `using ${given}`;
  if (!engine.hasRowLocks) return `delete from ${sql} stored ${using} where ${condition}`;
  return `
    with locked as materialized (
      select count(*) as rows
      from (
        select from ${sql} stored ${join} where ${condition} order by stored.${identity} for update of stored
      ) found
    )
    delete from ${sql} stored ${using}
    where (select rows from locked) > 0 and ${condition}`;
}

/**
 * Replaces `previous` by `next`, in the row with the same id; if `next` is stored already, deletes `previous`. Both
 * have the same ptype.
 *
 * If neither is stored, somebody else removed or changed `previous`, and writing `next` would undo that: it throws a
 * DatabaseError with code CONFLICT. If only `next` is stored, there is nothing to do.
 */
export async function updateRule(
  connection: Connection,
  table: RuleTable,
  previous: Rule,
  next: Rule,
): Promise<void> {
  requireStorable([previous, next]);
  requireFitsTable(table, [next]);
  if (ruleKey(previous) === ruleKey(next)) return;
  const attempt = () =>
    connection.atomically((client) => replaceRule(client, table, previous, next), table.engine);
  for (let number = 1; ; number++) {
    try {
      return await attempt();
    } catch (error) {
      if (number >= triesFor(error)) throw error;
    }
  }
}

/** Only another attempt sees what others committed while the last one waited for them. */
function triesFor(error: unknown): number {
  // Somebody else has just stored the next rule, and may have removed and stored it again since.
  if (errorCode(error) === SQLSTATE.UNIQUE_VIOLATION) return 10;
  return error instanceof DatabaseError && error.code === 'CONFLICT' ? 2 : 1;
}

async function replaceRule(client: ClientLike, table: RuleTable, previous: Rule, next: Rule): Promise<void> {
  // A previous rule that does not fit is not stored, so it is not looked for.
  const given = table.give([next, ...fittingRules(table, [previous])]);
  const isSettled = await onRuleTable(table, [previous, next], async () => {
    if (!table.isUnique) await lockRules(client, table, [previous, next]);
    for (const statement of [movePrevious(table, given), deletePrevious(table, given)]) {
      const { rows } = await client.query(statement, [...given.arrays]);
      if (rows[0].settled) return true;
    }
    return false;
  });
  if (isSettled) return;
  throw new DatabaseError(
    'CONFLICT',
    `Rule ${formatRule(previous)} is not stored: somebody removed or changed it since it was loaded. ` +
      `Nothing was changed. Load the policy again. If you still want ${formatRule(next)}, add it.`,
  );
}

/**
 * Of the given rules, the next one is the first and the previous one the second. These are two statements, as
 * CockroachDB does not change a table twice in one.
 */
function movePrevious({ sql, written }: RuleTable, given: GivenRules): string {
  return `
    with given as (
      select * from ${givenRules(given)}
    ), updated as (
      update ${sql} stored
      set (${written}) = (select ${given.values} from given where given.n = 1)
      from given
      where given.n = 2 and ${given.isSame('stored')}
      and not exists (${selectNext(sql, given)})
      returning 1
    )
    select exists (select from updated) as settled`;
}

function deletePrevious({ sql }: RuleTable, given: GivenRules): string {
  return `
    with given as (
      select * from ${givenRules(given)}
    ), deleted as (
      delete from ${sql} stored
      using given
      where given.n = 2 and ${given.isSame('stored')}
      and exists (${selectNext(sql, given)})
      returning 1
    )
    select exists (${selectNext(sql, given)}) or exists (select from deleted) as settled`;
}

function selectNext(table: string, given: GivenRules): string {
  return `select from ${table} stored join given on given.n = 1 and ${given.isSame('stored')}`;
}

/**
 * Makes the table hold exactly these rules, with ids in their order. Other writers wait meanwhile, readers don't.
 *
 * It takes several statements: the caller must open a transaction.
 */
export async function replaceRules(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
): Promise<void> {
  const distinct = withoutRepetitions(rules);
  requireFitsTable(table, distinct);
  await onRuleTable(table, rules, async () => {
    // Two writers that save at the same time would each delete the rows that they see, and leave a mixture.
    await lockTable(client, table);
    await client.query(`delete from ${table.sql}`);
  });
  await writeRules(client, table, distinct);
}

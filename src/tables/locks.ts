import { quoteTable } from '../database/catalog.ts';
import type { ClientLike } from '../database/client.ts';
import { LOCKS } from '../database/lock.ts';
import { LOCK_TABLE, lockRulesRow } from '../database/lock-row.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { DatabaseError } from '../errors.ts';
import type { Rule } from '../policy/rule.ts';
import { type GivenRules, givenRules, type RuleTable } from './rule-table.ts';

/** How many locks PostgreSQL has room for in each transaction, by the default of max_locks_per_transaction. */
const FEW = 64;

/**
 * The common table expressions that lock the rules of another one, `missing`, until the transaction ends; the last
 * of them is `locked`, one row.
 *
 * Rules are written in the order given, so that their ids ascend in it. So two writers that insert several of the same
 * rules in different orders would each wait for a rule of the other. Therefore every writer of several rules first
 * locks them, in one order: each rule by itself or, if there are many, all rules of the table at once. A writer of a
 * single rule holds nothing that others wait for while it waits.
 *
 * @param table the parameter with the quoted name
 * @param least how many there must be for any lock: a single rule needs none in a table that is unique
 */
export function locksOfMissing({ names }: GivenRules, table: string, least: 1 | 2): string {
  const id = `${table}::regclass::oid`;
  const key = `hashtext(concat_ws(' ', ${id}, ${names}))`;
  return `
    turn as materialized (
      select
        case when count(*) <= ${FEW}
          then pg_advisory_xact_lock_shared(${LOCKS.TABLES}, ${id}::int)::text
          else pg_advisory_xact_lock(${LOCKS.TABLES}, ${id}::int)::text
        end as of_table,
        case when count(*) <= ${FEW} then array_agg(distinct ${key} order by ${key}) end as keys
      from missing
      having count(*) >= ${least}
    ),
    locked as materialized (
      select count(pg_advisory_xact_lock(${LOCKS.RULES}, key))
      from turn
      cross join unnest(turn.keys) as key
    )`;
}

/**
 * Makes others that insert the same rules with insertRules wait, and waits for those that have begun; see
 * {@link locksOfMissing}.
 */
export async function lockRules(
  client: ClientLike,
  table: RuleTable,
  rules: readonly Rule[],
  least: 1 | 2 = 1,
): Promise<void> {
  if (table.engine.commitsDdl) return lockRow(client, table);
  // One more than FEW is enough to lock the whole table.
  const given = table.give(rules.slice(0, FEW + 1));
  await client.query(
    `with missing as (
      select * from ${givenRules(given)}
    ),
    ${locksOfMissing(given, `$${given.arrays.length + 1}`, least)}
    select from locked`,
    [...given.arrays, table.sql],
  );
}

/**
 * Changes whose outcome is checked take turns until their transactions end: two of them may each be right, and together
 * be wrong.
 */
export async function takeTurn(client: ClientLike, table: RuleTable): Promise<void> {
  if (table.engine.commitsDdl) return lockRow(client, table);
  await client.query('select pg_advisory_xact_lock($1::int, $2::regclass::oid::int)', [
    LOCKS.CHANGES,
    table.sql,
  ]);
}

/**
 * Makes changes that link roles wait for each other where a name gets a role in one and is reached as a role in the
 * other: each may see no circle, and together they may make one. Many may assign one role at the same time. They wait
 * for whoever has called {@link takeTurn} too.
 *
 * @param users the names that get roles
 * @param roles the roles, and all that these inherit from
 */
export async function lockLinks(
  client: ClientLike,
  table: RuleTable,
  users: readonly string[],
  roles: readonly string[],
): Promise<void> {
  if (table.engine.commitsDdl || users.length > FEW) return takeTurn(client, table);
  await client.query(
    `with turn as materialized (
      select pg_advisory_xact_lock_shared(${LOCKS.CHANGES}, $1::regclass::oid::int)
    ),
    keys as materialized (
      select hashtext(concat_ws(' ', $1::regclass::oid, name)) as key, bool_or(name = any ($2::text[])) as is_user
      from unnest($2::text[] || $3::text[]) as name
      group by key
      order by key
    )
    select case
      when is_user then pg_advisory_xact_lock(${LOCKS.LINKS}, key)::text
      else pg_advisory_xact_lock_shared(${LOCKS.LINKS}, key)::text
    end
    from turn
    cross join keys`,
    [table.sql, users, roles],
  );
}

/**
 * Makes all other writers of the table wait, and takes a turn before; on an engine without table locks, only the
 * writers of this library wait.
 */
export async function lockTable(client: ClientLike, table: RuleTable): Promise<void> {
  // In this order: a change that has its turn may still wait for the table.
  await takeTurn(client, table);
  if (table.engine.commitsDdl) return;
  await client.query(`lock table ${table.sql} in share row exclusive mode`);
}

async function lockRow(client: ClientLike, { schema }: RuleTable): Promise<void> {
  const row = quoteTable(LOCK_TABLE, schema);
  await lockRulesRow(client, row).catch((error: unknown) => {
    if (errorCode(error) !== SQLSTATE.UNDEFINED_TABLE) throw error;
    const message = `Table ${row} does not exist. On this engine, writers use its rows as locks. Run bootstrapDatabase() once.`;
    throw new DatabaseError('TABLE_MISSING', message, { cause: error });
  });
}

import { type RawBuilder, sql } from 'kysely';
import { constraintCondition } from '../../migrations/0001_casbin.ts';
import type { TakeoverReport } from '../bootstrap-report.ts';
import { quoteIdentifier, readColumns, refuseAnotherShape } from '../database/catalog.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import { adviseUnfilled, describeUnfilled, findUnfilledColumns } from '../database/unfilled-columns.ts';
import { DatabaseError } from '../errors.ts';

const RULE_COLUMNS = {
  id: ['integer', 'bigint', 'smallint'],
  ptype: ['text', 'character varying', 'character varying(255)', 'character varying(100)'],
  rule: ['jsonb'],
};

/** A table in the first schema of the search_path, in which rules may be stored more than once. */
export interface Repetitive {
  readonly name: string;
  /** The columns that make two rules equal, as SQL. */
  readonly key: string;
  /** The column by which the first row of a rule is found; where several rows may share an id, their places decide. */
  readonly identity: 'id' | 'ctid';
}

/**
 * Prepares a table of casbin-pg-adapter that was there before the first bootstrap: of a rule that is stored more than
 * once, only the row with the lowest id is kept, so that the table can become unique on (ptype, rule).
 *
 * @returns what the takeover does, including the migration that follows; null if there is no such table, or nothing to
 *   do
 */
export async function takeOver(trx: AnyTransaction, name: string): Promise<TakeoverReport | null> {
  if ((await readColumns(trx, name)) === null) return null;
  await refuseAnotherShape(trx, name, RULE_COLUMNS);
  await refuseDivided(trx, name);
  // The constraint needs this lock anyway. Taken now, it keeps out new duplicates.
  await sql`lock table ${sql.id(name)} in access exclusive mode`.execute(trx);
  const duplicatesRemoved = await removeDuplicates(trx, { name, key: 'ptype, rule', identity: 'id' });
  // In this order: ids that several rows share are corrected by the default.
  await refuseUnfilled(trx, name);
  await refuseAmbiguousIds(trx, name);
  const constraintReplaced = await hasStockConstraint(trx, name);
  return constraintReplaced || duplicatesRemoved > 0 ? { constraintReplaced, duplicatesRemoved } : null;
}

function oidOf(name: string): RawBuilder<unknown> {
  return sql`${quoteIdentifier(name)}::regclass`;
}

/** A constraint, and the place of a row, are valid within one table only. */
async function refuseDivided(trx: AnyTransaction, name: string): Promise<void> {
  const { rows } = await sql<{ partitioned: boolean; child: string | null }>`
    select c.relkind = 'p' as partitioned, i.inhrelid::regclass::text as child
    from pg_catalog.pg_class c
    left join pg_catalog.pg_inherits i on i.inhparent = c.oid
    where c.oid = ${oidOf(name)}
    order by 2
  `.execute(trx);
  const children = rows.flatMap(({ child }) => child ?? []);
  if (rows[0]?.partitioned) {
    throw new DatabaseError(
      'TABLE_SHAPE',
      `Table "${name}" is partitioned, and the rules must be in one table to be unique on (ptype, rule). Move them into a plain table, or give another schema.`,
    );
  }
  if (children.length === 0) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `Other tables inherit from table "${name}" (${children.join(', ')}), and uniqueness on (ptype, rule) does not include their rows. Separate them: ${children.map((child) => `alter table ${child} no inherit ${quoteIdentifier(name)};`).join(' ')}`,
  );
}

/** Otherwise the bootstrap of a complete table would succeed, but adding a rule afterwards would fail. */
async function refuseUnfilled(trx: AnyTransaction, name: string): Promise<void> {
  const table = { name, sql: quoteIdentifier(name), identity: 'id', written: 'ptype, rule' } as const;
  const columns = await findUnfilledColumns(trx, table);
  if (columns.length === 0) return;
  const remedies = columns.map((column) => adviseUnfilled(table, column.name));
  throw new DatabaseError('TABLE_SHAPE', `${describeUnfilled(table, columns)}. ${remedies.join(' ')}`);
}

/** A row whose rule is in an earlier row too. Each partition of a table has places of its own. */
function selectRepeated({ name, key, identity }: Repetitive) {
  const order = [...(identity === 'id' ? ['id'] : []), 'tableoid', 'ctid'].join(', ');
  return sql`
  repeated as materialized (
    select *
    from (
      select
        tableoid as repeated_table, ctid as repeated_place, given.*,
        row_number() over (partition by ${sql.raw(key)} order by ${sql.raw(order)}) as repeated_position
      from ${sql.id(name)} given
    ) ranked
    where repeated_position > 1
  )`;
}

/**
 * Whether a rule is stored more than once.
 *
 * @param table its name as SQL
 * @param key as of {@link Repetitive}
 */
export async function hasDuplicates(trx: AnyTransaction, table: string, key: string): Promise<boolean> {
  const { rows } = await sql`
    select from ${sql.raw(table)} group by ${sql.raw(key)} having count(*) > 1 limit 1
  `.execute(trx);
  return rows.length > 0;
}

/** Removes all rows but the first of each rule, and returns how many. Refuses if other tables refer to them. */
export async function removeDuplicates(trx: AnyTransaction, table: Repetitive): Promise<number> {
  if (!(await hasDuplicates(trx, quoteIdentifier(table.name), table.key))) return 0;
  await refuseView(trx, table.name);
  // The lock is taken first: a session that waits for a deleted row must not block the insertion that follows.
  await sql`lock table ${sql.id(table.name)} in share row exclusive mode`.execute(trx);
  await refuseReferenced(trx, table);
  const { numAffectedRows = 0n } = await sql`
    with ${selectRepeated(table)}
    delete from ${sql.id(table.name)}
    where (tableoid, ctid) in (select repeated_table, repeated_place from repeated)
  `.execute(trx);
  return Number(numAffectedRows);
}

/** Its rows have no places, and what refers to the rows behind them is not known. */
async function refuseView(trx: AnyTransaction, name: string): Promise<void> {
  const { rows } = await sql`
    select from pg_catalog.pg_class where oid = ${oidOf(name)} and relkind = 'v'
  `.execute(trx);
  if (rows.length === 0) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `"${name}" is a view, and duplicate rules are removed from tables only. Nothing was changed. Name the table behind it by the table option, or leave out duplicates: 'remove'.`,
  );
}

interface ForeignKey {
  readonly name: string;
  readonly table: string;
  /** Columns of that table, and those of the rule table that they refer to. */
  readonly links: readonly { readonly from: string; readonly to: string }[];
}

/** A row that refers to a duplicate would be deleted too, would lose its reference, or would forbid the removal. */
async function refuseReferenced(trx: AnyTransaction, repetitive: Repetitive): Promise<void> {
  const { rows } = await sql<ForeignKey>`
    select
      c.conname::text as name,
      c.conrelid::regclass::text as table,
      (
        select json_agg(json_build_object('from', f.attname, 'to', t.attname))
        from unnest(c.conkey, c.confkey) as link (from_number, to_number)
        join pg_catalog.pg_attribute f on f.attrelid = c.conrelid and f.attnum = link.from_number
        join pg_catalog.pg_attribute t on t.attrelid = c.confrelid and t.attnum = link.to_number
      ) as links
    from pg_catalog.pg_constraint c
    where c.contype = 'f' and c.confrelid = ${oidOf(repetitive.name)} and c.conparentid = 0
    order by 2, 1
  `.execute(trx);
  const { identity } = repetitive;
  const referring: string[] = [];
  for (const { name, table, links } of rows) {
    const isSame = links.map(({ from, to }) => sql`${sql.id('referring', from)} = ${sql.id('repeated', to)}`);
    // The name of the table is quoted already.
    const { rows: found } = await sql<{ id: unknown }>`
      with ${selectRepeated(repetitive)}
      select distinct ${sql.id('repeated', identity === 'id' ? 'id' : 'repeated_place')} as id
      from repeated
      join ${sql.raw(table)} as referring on ${sql.join(isSame, sql` and `)}
      order by 1
      limit 5
    `.execute(trx);
    const ids = found.map(({ id }) => id).join(', ');
    if (ids !== '') referring.push(`foreign key "${name}" of table ${table} refers to ${identity} ${ids}`);
  }
  if (referring.length === 0) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `Table "${repetitive.name}" holds duplicate rules, and rows of other tables refer to those that would be removed: ${referring.join('; ')}. Nothing was changed. Let them refer to the row with the lowest id of the same rule, or delete them.`,
  );
}

async function refuseAmbiguousIds(trx: AnyTransaction, name: string): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select id from ${sql.id(name)} group by id having count(*) > 1 order by id limit 5
  `.execute(trx);
  if (rows.length === 0) return;
  throw new DatabaseError(
    'TABLE_SHAPE',
    `Table "${name}" has ids that several rows share (${rows.map(({ id }) => id).join(', ')}), so it can't have a primary key. Give each row its own id: update ${quoteIdentifier(name)} set id = default where …`,
  );
}

/** The stock adapter's constraint, by any name: that of a table that was renamed has the former one. */
async function hasStockConstraint(trx: AnyTransaction, name: string): Promise<boolean> {
  const isThere = sql.raw<boolean>(constraintCondition(name, 'u', ['rule']));
  const { rows } = await sql<{ isThere: boolean }>`select ${isThere} as "isThere"`.execute(trx);
  return rows[0]?.isThere === true;
}

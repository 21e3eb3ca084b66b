import type { ClientLike } from '../database/client.ts';

/** An index of a table, or the constraint that it belongs to, as two statements. */
interface Index {
  readonly drop: string;
  readonly make: string;
}

/**
 * Drops the indexes of the table, does `write`, and creates the indexes again: for many rows, this takes a third of the
 * time. It does nothing and returns null unless the table is empty and this transaction already blocks all others from
 * it, for instance because it has just created the table.
 *
 * @param table its quoted name
 */
export async function withoutIndexes<T>(
  client: ClientLike,
  table: string,
  write: () => Promise<T>,
): Promise<T | null> {
  const indexes = await readIndexes(client, table);
  if (indexes.length === 0) return null;
  await client.query(indexes.map(({ drop }) => drop).join(';\n'));
  const written = await write();
  for (const { make } of indexes) await client.query(make);
  return written;
}

/**
 * The indexes that can be dropped and made again without a trace, in the order of their making. An index is left
 * alone if something depends on it, such as a foreign key, or if it has something that its definition does not show.
 * None is returned where a trigger or a rule of the table may need them.
 */
async function readIndexes(client: ClientLike, table: string): Promise<Index[]> {
  const { rows } = await client.query(
    `select
      case when c.oid is null
        then format('drop index %s', i.indexrelid::regclass)
        else format('alter table %s drop constraint %I', t.oid::regclass, c.conname)
      end as "drop",
      case when c.oid is null
        then pg_get_indexdef(i.indexrelid)
        else format('alter table %s add constraint %I %s', t.oid::regclass, c.conname, pg_get_constraintdef(c.oid))
      end as make
    from pg_catalog.pg_class t
    join pg_catalog.pg_index i on i.indrelid = t.oid
    join pg_catalog.pg_class index on index.oid = i.indexrelid
    left join pg_catalog.pg_constraint c on c.conindid = i.indexrelid and c.conrelid = t.oid
    where t.oid = $1::regclass
    and t.relkind = 'r'
    and not t.relhastriggers
    and not t.relhasrules
    and pg_has_role(t.relowner, 'usage')
    and not exists (select 1 from ${table})
    and exists (
      select
      from pg_catalog.pg_locks l
      where l.relation = t.oid
      and l.database = (select oid from pg_catalog.pg_database where datname = current_database())
      and l.mode = 'AccessExclusiveLock'
      and l.granted
      and l.pid = pg_backend_pid()
    )
    and i.indisvalid
    and not i.indisclustered
    and not i.indisreplident
    and index.reloptions is null
    and index.reltablespace = 0
    and not exists (
      select
      from pg_catalog.pg_attribute a
      where a.attrelid = i.indexrelid and a.attstattarget >= 0
    )
    and not exists (
      select
      from pg_catalog.pg_description d
      where (d.classoid, d.objoid) in (('pg_catalog.pg_class'::regclass, i.indexrelid), ('pg_catalog.pg_constraint'::regclass, c.oid))
    )
    and not exists (
      select
      from pg_catalog.pg_depend d
      where (d.refclassid, d.refobjid) in (('pg_catalog.pg_class'::regclass, i.indexrelid), ('pg_catalog.pg_constraint'::regclass, c.oid))
      and d.objid <> i.indexrelid
    )
    order by i.indexrelid`,
    [table],
  );
  return rows as Index[];
}

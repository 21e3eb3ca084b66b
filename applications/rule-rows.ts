import type pg from 'pg';

/** A table as the server describes it: columns, indexes and triggers. */
export async function readTable(pool: pg.Pool, table: string): Promise<string[]> {
  const { rows } = await pool.query(
    `select array(
       select concat_ws(' ', attname, format_type(atttypid, atttypmod), case when attnotnull then 'not null' end)
       from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum
     ) || array(
       select regexp_replace(indexdef, ' ON \\w+\\.', ' ON ') from pg_indexes
       where schemaname = 'public' and tablename = $2 order by indexname
     ) || array(
       select 'trigger ' || tgname from pg_trigger where tgrelid = $1::regclass and not tgisinternal order by tgname
     ) as description`,
    [table, table],
  );
  return rows[0].description;
}

/** All rows without their ids, in the order in which they were made. */
export async function readRows(pool: pg.Pool, table: string): Promise<(string | null)[][]> {
  const { rows } = await pool.query(`select * from ${table} order by id`);
  return rows.map(({ id: _, ...columns }) => Object.values(columns));
}

/** The stored rules without the nulls that fill their rows, in an order that does not depend on who was first. */
export async function readStoredRules(pool: pg.Pool, table: string): Promise<string[][]> {
  const rows = await readRows(pool, table);
  const rules = rows.map((row) => row.filter((value) => value !== null));
  return rules.toSorted((one, other) => (one.join('\n') < other.join('\n') ? -1 : 1));
}

/** The names of all tables but those in which migrations are recorded. */
export async function listTables(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `select tablename from pg_tables where schemaname = 'public' and tablename !~ '_migration(_lock)?$' order by 1`,
  );
  return rows.map(({ tablename }) => tablename);
}

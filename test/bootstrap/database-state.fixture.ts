import type pg from 'pg';

/** Every rule that is stored, by id, ptype first. */
export async function readRules(pool: pg.Pool, table = 'casbin'): Promise<string[]> {
  const { rows } = await pool.query(`select ptype, rule from ${table} order by id`);
  return rows.map(({ ptype, rule }) => [ptype, ...rule].join(', '));
}

/** Everything in the database that a bootstrap could leave: schemas, relations, constraints, and all rows. */
export async function snapshot(pool: pg.Pool): Promise<Record<string, unknown>> {
  const own = `not like 'pg\\_%' and nspname <> 'information_schema'`;
  const [schemas, relations, constraints] = await askTogether(pool, [
    `select nspname from pg_namespace where nspname ${own} order by 1`,
    `select n.nspname as schema, c.relname as name, c.relkind as kind, c.relhasindex as indexed
     from pg_class c
     join pg_namespace n on n.oid = c.relnamespace
     where nspname ${own}
     order by 1, 2`,
    `select conrelid::regclass::text as table, conname, pg_get_constraintdef(c.oid) as definition
     from pg_constraint c
     join pg_namespace n on n.oid = c.connamespace
     where nspname ${own}
     order by 1, 2`,
  ]);
  const tables = (relations ?? [])
    .filter(({ kind }) => kind === 'r')
    .map(({ schema, name }) => `"${schema}"."${name}"`);
  const rows = await askTogether(
    pool,
    tables.map((table) => `select to_jsonb(t) as row from ${table} t order by t::text`),
  );
  const contents = Object.fromEntries(
    tables.map((table, index) => [table.replaceAll('"', ''), rows[index]?.map(({ row }) => row)]),
  );
  return { schemas, relations, constraints, contents };
}

/** The rows of each statement, all of them sent in one message. */
async function askTogether(pool: pg.Pool, statements: readonly string[]): Promise<pg.QueryResultRow[][]> {
  if (statements.length === 0) return [];
  const results = await pool.query(statements.join(';\n'));
  return [results].flat().map(({ rows }) => rows);
}

/** Resolves when so many sessions of the database wait for a lock. */
export async function untilBlocked(pool: pg.Pool, sessions = 1): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(`
      select count(*)::int as waiting
      from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'
    `);
    if (rows[0].waiting >= sessions) return;
  }
}

/** The columns of the unique constraints of a table, without its primary key. */
export async function readUniqueness(pool: pg.Pool, table = 'casbin'): Promise<string[]> {
  const { rows } = await pool.query(
    `select pg_get_constraintdef(oid) as definition from pg_constraint where conrelid = $1::regclass and contype = 'u'`,
    [table],
  );
  return rows.map(({ definition }) => definition);
}

import type pg from 'pg';

/** The `casbin` table as a bootstrap leaves it. */
export async function createRuleTable(pool: pg.Pool | pg.ClientBase, schema = 'public'): Promise<void> {
  const table = `"${schema}".casbin`;
  await pool.query(`
    create table ${table} (
      id serial constraint casbin_pkey primary key,
      ptype text not null,
      rule jsonb not null,
      constraint casbin_uniq_ptype_rule unique (ptype, rule)
    );
    create index idx_casbin_ptype on ${table} (ptype);
    create index idx_casbin_rule_v0 on ${table} ((rule ->> 0));
  `);
}

/** Every stored rule by id, ptype first. Of columns, those at the end without a value hold none. */
export async function storedRules(pool: pg.Pool, table = 'casbin', order = 'id'): Promise<string[][]> {
  const { rows } = await pool.query(`select * from ${table} order by ${order}`);
  return rows.map(({ ptype, rule, ...row }) => [ptype, ...(rule ?? valuesOf(row))]);
}

function valuesOf(row: Record<string, unknown>): unknown[] {
  const values = Object.keys(row)
    .filter((name) => /^v\d$/.test(name))
    .map((name) => row[name] ?? '');
  return values.slice(0, values.findLastIndex((value) => value !== '') + 1);
}

export async function countRules(pool: pg.Pool, table = 'casbin'): Promise<number> {
  const { rows } = await pool.query(`select count(*)::int as count from ${table}`);
  return rows[0].count;
}

/** Runs `work` in a transaction on a client of the pool; when it fails, nothing of it stays. */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let ending = 'rollback';
  try {
    await client.query('begin');
    const result = await work(client);
    ending = 'commit';
    return result;
  } finally {
    await client.query(ending);
    client.release();
  }
}

/** Changes with any id, ptype or value, and with their order. */
export async function fingerprint(pool: pg.Pool, table = 'casbin'): Promise<string> {
  const { rows } = await pool.query(
    `select md5(string_agg(stored::text, ',' order by id)) as fingerprint from ${table} stored`,
  );
  return rows[0].fingerprint;
}

/** A value that no compression brings below the limit of the index, about 2.7 kB. */
export function unindexableValue(): string {
  return Array.from({ length: 200 }, () => crypto.randomUUID()).join('');
}

/** As many different rules as asked for, for `addPolicies` and the like. */
export function manyRules(count: number): string[][] {
  return Array.from({ length: count }, (_, n) => [`role${n % 100}`, `data${n}`, 'read']);
}

/**
 * Resolves when so many sessions of the database wait for a lock, or when it is over. Each look is a round trip, so
 * there is no need to sleep, and a transaction, since within one PostgreSQL goes on showing what it showed first.
 */
export async function untilWaiting(pool: pg.Pool, sessions: number, isOver = () => false): Promise<void> {
  const look = () =>
    pool.query(`
      select
      from pg_stat_activity
      where datname = current_database()
      and wait_event_type = 'Lock'`);
  while (!isOver() && (await look()).rowCount !== sessions) {
    // not yet
  }
}

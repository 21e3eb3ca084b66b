import { newModelFromString } from 'casbin';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { POSTGRESQL } from '../../src/database/engine.ts';
import { type BootstrapOptions, bootstrapDatabase, providerSeeder, type Seeder } from '../../src/index.ts';
import { findRuleTable } from '../../src/tables/find-rule-table.ts';
import { readRulesOfRoles } from '../../src/tables/move-rules.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { copyDatabase, createDatabase } from '../support/database.ts';

/** A bootstrapped database with 200,000 assignments. To insert them into ten indexes takes long, so it is done once. */
const createLarge = () =>
  copyDatabase('200,000 assignments', async (pool) => {
    await bootstrapDatabase(pool);
    await pool.query(`
      insert into casbin (ptype, rule)
      select 'g', jsonb_build_array('user' || n, 'readonly')
      from generate_series(1, 200000) n
    `);
  });

/** Answers, at the end of a start with nothing to do, how many rows of `casbin` it has read. */
function rowsRead(): { seeder: Seeder; rows: number[] } {
  const rows: number[] = [];
  const seeder: Seeder = {
    name: 'witness',
    async isSeeded({ db }) {
      const result = await sql<{ read: number }>`
        select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int as read
        from pg_stat_xact_user_tables
        where relname = 'casbin'
      `.execute(db);
      rows.push(...result.rows.map(({ read }) => read));
      return true;
    },
    seed: async () => ({ inserted: 0, existing: 0 }),
  };
  return { seeder, rows };
}

test('a start reads few rows of a table with 200,000 assignments of roles to users', async () => {
  const database = await createLarge();
  const pool = database.pool();

  for (const statistics of ['stale', 'fresh']) {
    if (statistics === 'fresh') await pool.query('analyze casbin');
    const { seeder, rows } = rowsRead();
    // A session of its own: PostgreSQL counts what a session reads from one report of it to the next.
    const report = await bootstrapDatabase(database.pool({ max: 1 }), {
      seeders: [providerSeeder(), seeder],
    });

    expect(report).toMatchObject({ changed: false, verification: { ok: true, checks: 56, allowed: 26 } });
    expect(rows[0], `with ${statistics} statistics`).toBeGreaterThan(15);
    expect(rows[0], `with ${statistics} statistics`).toBeLessThan(2_000);
  }
});

test('a start that can reach none of many rules reads one, because without any Casbin decides on empty values', async () => {
  const pool = (await createDatabase()).pool();
  const options: BootstrapOptions = {
    model: newModelFromString(modelText({ m: 'g(r.sub, p.sub)' })),
    policy: { rules: [['g', 'user', 'guest']], never: [['user', 'data', 'write']] },
    seeders: [],
  };
  await bootstrapDatabase(pool, options);
  await pool.query(`
    insert into casbin (ptype, rule) values ('g', '["guest", ""]');
    insert into casbin (ptype, rule)
    select 'p', jsonb_build_array('other' || n, 'data', 'read') from generate_series(1, 1500) n
  `);

  await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({
    changed: false,
    verification: { ok: true, scope: { kind: 'part' } },
  });
});

test('a start that has something to do reads few rows of it too', async () => {
  const database = await createLarge();
  const pool = database.pool();
  await pool.query('analyze casbin');
  await pool.query(`delete from casbin where rule = '["admin", "user"]'`);
  const read: number[] = [];
  const witness: Seeder = {
    name: 'witness',
    async seed({ db }) {
      const { rows } = await sql<{ read: number }>`
        select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_xact_user_tables where relname = 'casbin'
      `.execute(db);
      read.push(...rows.map((row) => row.read));
      return { inserted: 0, existing: 0 };
    },
  };

  await expect(bootstrapDatabase(database.pool({ max: 1 }), { seeders: [witness] })).resolves.toMatchObject({
    changed: true,
    verification: { ok: true },
  });
  expect(read[0]).toBeLessThan(2_000);
});

test('the rules of a role are read in the order of rows, without reading the others', async () => {
  const pool = (await createLarge()).pool({ max: 1 });
  await pool.query(`
    insert into casbin (ptype, rule)
    select 'g', jsonb_build_array('user' || n, 'intern') from generate_series(1000, 1, -1) n
  `);
  await pool.query('analyze casbin');
  const client = await pool.connect();
  const { table } = await findRuleTable(client, undefined, { duplicates: 'report' }, POSTGRESQL);

  const rolesAt = new Map(Object.entries({ p: [0], g: [0, 1] }));
  await client.query('begin');
  const rules = await readRulesOfRoles(client, table, ['intern'], rolesAt);
  const { rows } = await client.query(
    `select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_xact_user_tables where relname = 'casbin'`,
  );
  await client.query('rollback');
  client.release();

  expect(rules.map(({ values }) => values[0])).toEqual(
    Array.from({ length: 1_000 }, (_, n) => `user${1_000 - n}`),
  );
  expect(rows[0].read).toBeLessThan(5_000);
});

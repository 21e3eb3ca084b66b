import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, verifyDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { invoices as policy } from '../tables/invoices.fixture.ts';
import { createStockTable } from '../tables/stock-tables.fixture.ts';

const OPTIONS = { policy, seeders: [] };

/** The rules of the policy, and two that somebody has granted. */
const DEFINED = [
  ['g', 'clerk', 'viewer'],
  ['p', 'viewer', 'invoices', 'read'],
  ['p', 'clerk', 'invoices', 'write'],
];
const GRANTED = [
  ['g', 'alice', 'clerk'],
  ['p', 'bob', 'payroll', 'read'],
];

/** That of casbin-drizzle-adapter, as its helper `pgCasbinTable` declares it. */
const DRIZZLE = `
  create table casbin_rule (id serial primary key, ptype varchar(254), v0 varchar(254), v1 varchar(254),
    v2 varchar(254), v3 varchar(254), v4 varchar(254), v5 varchar(254));
  create index casbin_rule_ptype_v0_v1_idx on casbin_rule (ptype, v0, v1);
`;

/** Adapters that can't be run here: the name of their table, and what they write where a rule has no value. */
const ADAPTERS = [
  { adapter: 'gorm-adapter of Go', table: 'casbin_rule', empty: '' },
  { adapter: 'xorm-adapter of Go', table: 'casbin_rule', empty: '' },
  { adapter: 'sqlalchemy-adapter of Python', table: 'casbin_rule', empty: null },
  { adapter: 'casbin-drizzle-adapter', table: 'casbin_rule', empty: null },
  { adapter: 'casbin-objection-adapter', table: 'casbin_rules', empty: '' },
  { adapter: 'diesel-adapter of Rust', table: 'casbin_rule', empty: '' },
  { adapter: 'jdbc-adapter of Java', table: 'casbin_rule', empty: null },
] as const;

async function createTable(pool: pg.Pool, { adapter, table }: (typeof ADAPTERS)[number]) {
  if (adapter === 'casbin-drizzle-adapter') await pool.query(DRIZZLE);
  else await createStockTable(pool, adapter, table);
}

const VALUES = ['v0', 'v1', 'v2', 'v3', 'v4', 'v5'];

/** Inserts rules as an adapter does, which names every column. */
async function write(pool: pg.Pool, rules: readonly string[][], { table, empty }: (typeof ADAPTERS)[number]) {
  for (const [ptype, ...values] of rules) {
    await pool.query(
      `insert into ${table} (ptype, ${VALUES.join(', ')}) values ($1, $2, $3, $4, $5, $6, $7)`,
      [ptype, ...padded(values, empty)],
    );
  }
}

function padded(values: readonly string[], empty: string | null): (string | null)[] {
  return VALUES.map((_, position) => values[position] ?? empty);
}

async function readRows(pool: pg.Pool, table = 'casbin_rule') {
  const { rows } = await pool.query(`select * from ${table} order by ctid`);
  return rows.map(({ ptype, p_type, ...row }) => [ptype ?? p_type, ...VALUES.map((name) => row[name])]);
}

async function expectDecisions(pool: pg.Pool) {
  const enforcer = await createEnforcer(pool, OPTIONS);
  await expect(enforcer.enforce('alice', 'invoices', 'read')).resolves.toBe(true);
  await expect(enforcer.enforce('bob', 'payroll', 'read')).resolves.toBe(true);
  await expect(enforcer.enforce('viewer', 'invoices', 'write')).resolves.toBe(false);
}

describe.for(ADAPTERS)(
  'on the table of $adapter, which writes $empty where a rule has no value, a bootstrap',
  (adapter) => {
    const { table, empty } = adapter;

    test('inserts missing rules as the adapter would, and then finds nothing to do', async () => {
      const pool = (await createDatabase()).pool();
      await createTable(pool, adapter);
      await write(pool, [...GRANTED, ...DEFINED.slice(0, 1)], adapter);

      const report = await bootstrapDatabase(pool, OPTIONS);

      expect(report).toMatchObject({
        changed: true,
        seeders: [{ inserted: 2, existing: 1, total: 3 }],
        verification: { ok: true },
      });
      const rows = [...GRANTED, ...DEFINED].map(([ptype, ...values]) => [ptype, ...padded(values, empty)]);
      expect(await readRows(pool, table)).toEqual(rows);
      expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({ changed: false });
      expect(await verifyDatabase(pool, OPTIONS)).toMatchObject({ ok: true });
      expect(await readRows(pool, table)).toEqual(rows);
      await expectDecisions(pool);
    });

    test('finds nothing to do where the adapter has stored the whole policy', async () => {
      const pool = (await createDatabase()).pool();
      await createTable(pool, adapter);
      await write(pool, [...GRANTED, ...DEFINED], adapter);

      expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({
        changed: false,
        seeders: [{ inserted: 0, existing: 3 }],
        verification: { ok: true },
      });
      await expectDecisions(pool);
    });
  },
);

describe('on the table of pgx-adapter of Go, which makes ids of a hash, a bootstrap', () => {
  async function createFilled(rules: readonly string[][]) {
    const pool = (await createDatabase()).pool();
    await createStockTable(pool, 'pgx-adapter of Go');
    for (const [ptype, ...values] of rules) {
      await pool.query(
        `insert into casbin_rule (id, p_type, ${VALUES.join(', ')}) values (md5($1 || $8), $1, $2, $3, $4, $5, $6, $7)`,
        [ptype, ...padded(values, null), values.join(',')],
      );
    }
    return pool;
  }

  test('finds nothing to do where the adapter has stored the whole policy', async () => {
    const pool = await createFilled([...GRANTED, ...DEFINED]);

    expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({
      changed: false,
      seeders: [{ inserted: 0, existing: 3 }],
      verification: { ok: true },
    });
    expect(await verifyDatabase(pool, OPTIONS)).toMatchObject({ ok: true });
    await expectDecisions(pool);
  });

  test('refuses to insert a rule, whose id only the adapter can make', async () => {
    const pool = await createFilled([...GRANTED, ...DEFINED.slice(1)]);

    await expect(bootstrapDatabase(pool, OPTIONS)).rejects.toThrow(/casbin_rule.*\bid\b|\bid\b.*casbin_rule/);

    expect(await readRows(pool)).toHaveLength(4);
  });
});

import { type Enforcer, newModel } from 'casbin';
import type pg from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { createEmbeddedPool } from '../../src/embedded/index.ts';
import {
  bootstrapDatabase,
  copyRules,
  createAdapter,
  createEnforcer,
  verifyDatabase,
} from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { copyDatabase, createDatabase } from '../support/database.ts';
import { COLUMNS, createUsed, DOCUMENT, rulesIn } from './copied.fixture.ts';
import { invoices as policy } from './invoices.fixture.ts';

async function hasTable(pool: pg.Pool, name: string): Promise<boolean> {
  const { rows } = await pool.query('select to_regclass($1) is not null as found', [name]);
  return rows[0].found;
}

describe.each([
  { from: DOCUMENT, to: COLUMNS },
  { from: COLUMNS, to: DOCUMENT },
])('from a table of layout $from.layout to one of layout $to.layout', ({ from, to }) => {
  it('all rules are copied in their order, and decide the same', async () => {
    const pool = await createUsed(from);
    const before = await rulesIn(pool, from.name);

    const report = await copyRules({ from: { pool, table: from }, to: { pool, table: to } });

    expect(report).toMatchObject({ copied: 5, existing: 0, verification: { ok: true } });
    expect(report.verification.checks).toBeGreaterThan(10);
    expect(await rulesIn(pool, to.name)).toEqual(before);
    expect(await rulesIn(pool, from.name)).toEqual(before);
    const enforcer = await createEnforcer(pool, { table: to });
    expect(await enforcer.enforce('alice', 'invoices', 'read')).toBe(true);
    expect(await enforcer.enforce('bob', 'invoices', 'read')).toBe(false);
    expect(await bootstrapDatabase(pool, { policy, table: to, seeders: [] })).toMatchObject({
      seeders: [{ inserted: 0 }],
    });
    expect(await verifyDatabase(pool, { policy, table: to })).toMatchObject({ ok: true });
  });

  it('only rules that are missing are copied', async () => {
    const pool = await createUsed(from);
    await bootstrapDatabase(pool, { policy, table: to, seeders: [] });
    const report = await copyRules({ from: { pool, table: from }, to: { pool, table: to } });
    expect(report).toMatchObject({ copied: 2, existing: 3, verification: { ok: true } });
    expect(await copyRules({ from: { pool, table: from }, to: { pool, table: to } })).toMatchObject({
      copied: 0,
      existing: 5,
    });
  });

  it('nothing is copied if the new table grants more than the old one', async () => {
    const pool = await createUsed(from);
    await bootstrapDatabase(pool, { policy, table: to, seeders: [] });
    await createAdapter(pool, { table: to }).addPolicy('p', 'p', ['mallory', 'payroll', 'read']);
    await createAdapter(pool, { table: to }).addPolicy('g', 'g', ['trudy', 'mallory']);
    const before = await rulesIn(pool, to.name);

    const refused = copyRules({ from: { pool, table: from }, to: { pool, table: to } });

    await expect(refused).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      message: expect.not.stringContaining('Define what is not defined'),
    });
    await expect(refused).rejects.toThrow(/mallory.*trudy/);
    expect(await rulesIn(pool, to.name)).toEqual(before);
  });

  it('values that the adapters on the new table would read differently are refused, all with their row ids', async () => {
    const pool = await createUsed(from);
    const adapter = createAdapter(pool, { table: from });
    await adapter.addPolicy('p', 'p', ['a,b', 'payroll', 'read']);
    await adapter.addPolicy('p', 'p', ['carol', 'f(x', 'read']);

    const refused = copyRules({ from: { pool, table: from }, to: { pool, table: to } });

    await expect(refused).rejects.toMatchObject({ code: 'STORED_RULE_INVALID', ids: [6, 7] });
    await expect(refused).rejects.toThrow(
      /id 6: "p, "a,b", payroll, read" .*\n.*id 7: "p, carol, f\(x, read"/,
    );
    expect(await hasTable(pool, to.name)).toBe(false);
  });
});

it('rules are copied from one database to another', async () => {
  const [old, pool] = [await createUsed(DOCUMENT), (await createDatabase()).pool({ max: 1 })];
  const report = await copyRules({ from: { pool: old }, to: { pool, table: 'policies' } });
  expect(report).toMatchObject({ copied: 5, existing: 0, verification: { ok: true } });
  expect(await rulesIn(pool, 'policies')).toEqual(await rulesIn(old, 'casbin'));
  expect(await hasTable(pool, 'casbin')).toBe(false);
  expect(await copyRules({ from: { pool: old }, to: { pool, table: DOCUMENT } })).toMatchObject({
    copied: 5,
  });
});

it.each(['database', 'server'])('a table is not taken for its twin in another %s', async (other) => {
  // Objects get the same numbers in copies of a database, and in servers with the same history.
  const twin = async () => {
    if (other === 'database') return (await copyDatabase('twin', bootstrapDatabase)).pool();
    const pool = createEmbeddedPool();
    onTestFinished(() => pool.end());
    await bootstrapDatabase(pool);
    return pool;
  };
  const [from, to] = [await twin(), await twin()];
  expect(await copyRules({ from: { pool: from }, to: { pool: to } })).toMatchObject({
    copied: 0,
    existing: 16,
  });
});

it('rules of another model are copied as that one reads them', async () => {
  const pool = (await createDatabase()).pool();
  const m = 'r.sub == p.sub && r.obj == p.obj && isOpen()';
  const model = newModel(modelText({ r: 'sub, obj', p: 'sub, obj', m }));
  const configureEnforcer = (enforcer: Enforcer) => enforcer.addFunction('isOpen', () => true);
  const options = { model, configureEnforcer };
  const rules = [['p', 'alice', 'books']];
  await bootstrapDatabase(pool, { ...options, policy: { rules }, seeders: [] });
  const report = await copyRules({
    from: { pool, table: DOCUMENT },
    to: { pool, table: COLUMNS },
    ...options,
  });
  expect(report).toMatchObject({ copied: 1, verification: { ok: true, allowed: 1 } });
  expect(await rulesIn(pool, 'casbin_rule')).toEqual(rules);
});

it('a rule that the old table has more than once is copied once', async () => {
  const pool = await createUsed(COLUMNS);
  const adapted = await rulesIn(pool, 'casbin_rule');
  await pool.query(`insert into casbin_rule (ptype, v0, v1) values ('g', 'alice', 'clerk')`);

  const report = await copyRules({ from: { pool, table: COLUMNS }, to: { pool, table: DOCUMENT } });

  expect(report).toMatchObject({ copied: 5, existing: 0, verification: { ok: true } });
  expect(await rulesIn(pool, 'casbin')).toEqual(adapted);
});

it.each(['the same', 'another'])(
  'a copy from %s database waits for a bootstrap of the schema to copy into',
  async (which) => {
    const old = await createUsed(DOCUMENT);
    const pool = which === 'the same' ? old : (await createDatabase()).pool();
    const holder = await pool.connect();
    await holder.query(`begin; select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
    const copy = copyRules({ from: { pool: old, table: DOCUMENT }, to: { pool, table: COLUMNS } });
    const isWaiting = async () => {
      const { rowCount } = await holder.query(`
      select from pg_locks join pg_database on pg_database.oid = database
      where locktype = 'advisory' and not granted and datname = current_database()`);
      return rowCount === 1;
    };
    await vi.waitUntil(isWaiting, { timeout: 30_000, interval: 20 });
    // It keeps no connection to the old one.
    if (old !== pool) expect(old.idleCount).toBe(old.totalCount);
    await holder.query('commit');
    holder.release();
    expect(await copy).toMatchObject({ copied: 5, verification: { ok: true } });
  },
);

it('a long verification does not let the server end the transaction of the copy', async () => {
  const pool = await createUsed(DOCUMENT);
  const readSession = async () => {
    const { rows } = await pool.query<{ query: string }>(`
      select query from pg_stat_activity
      where datname = current_database() and state = 'idle in transaction' and query not like 'begin%'`);
    return rows[0]?.query;
  };
  let isKept = false;
  const configureEnforcer = async () => {
    if (isKept || (await readSession()) === undefined) return;
    await vi.waitUntil(async () => (await readSession()) === 'select', { timeout: 30_000, interval: 20 });
    isKept = true;
  };
  const copy = copyRules({
    from: { pool, table: DOCUMENT },
    to: { pool, table: COLUMNS },
    configureEnforcer,
  });
  expect(await copy).toMatchObject({ copied: 5, verification: { ok: true } });
  expect(isKept).toBe(true);
});

it('makes the schema to copy into, if it is missing', async () => {
  const pool = await createUsed(DOCUMENT);
  const copied = await copyRules({ from: { pool }, to: { pool, schema: 'Auth', table: 'casbin_rule' } });
  expect(copied.verification.ok).toBe(true);
  expect(await rulesIn(pool, '"Auth".casbin_rule')).toEqual(await rulesIn(pool, 'casbin'));
  expect(await hasTable(pool, 'public.casbin_rule')).toBe(false);
});

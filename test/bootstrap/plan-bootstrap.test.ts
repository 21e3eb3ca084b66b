import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy, planBootstrap, rowSeeder, type Seeder } from '../../src/index.ts';
import { renderPlan } from '../../src/render/plan.ts';
import { createDatabase } from '../support/database.ts';

const POLICY = definePolicy({
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
  },
});

describe('a plan', () => {
  test('of an empty database has everything in it, and changes nothing', async () => {
    const pool = (await createDatabase()).pool();
    await expect(planBootstrap(pool, { policy: POLICY })).resolves.toMatchObject({
      dryRun: true,
      changed: true,
      migrations: [{ name: '0001_casbin' }, { name: '0002_providers' }],
      rules: [
        ['p', 'viewer', 'invoices', 'read'],
        ['p', 'clerk', 'invoices', 'write'],
        ['g', 'clerk', 'viewer'],
      ],
      seeders: [
        { name: 'rbac', inserted: 3 },
        { name: 'providers', inserted: 3 },
      ],
      verification: { ok: true, checks: 6 },
    });
    const { rows } = await pool.query("select to_regclass('casbin') as casbin");
    expect(rows).toEqual([{ casbin: null }]);
  });

  test('has only what is missing', async () => {
    const pool = (await createDatabase()).pool();
    const settings = rowSeeder({
      name: 'settings',
      table: 'settings',
      key: 'id',
      rows: [{ id: 1 }, { id: 2 }],
    });
    await pool.query('create table settings (id int primary key); insert into settings values (2)');
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    await pool.query(`delete from casbin where ptype = 'g'`);

    await expect(planBootstrap(pool, { policy: POLICY, seeders: [settings] })).resolves.toMatchObject({
      changed: true,
      migrations: [],
      rules: [['g', 'clerk', 'viewer']],
      seeders: [
        { name: 'rbac', inserted: 1 },
        { name: 'settings', inserted: 1, existing: 1 },
      ],
    });
  });

  test('counts what seeders that are programs insert, and leaves nothing of it', async () => {
    const pool = (await createDatabase()).pool();
    await pool.query('create table employees (name text primary key)');
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    const firstAdmin: Seeder = {
      name: 'first admin',
      async seed({ db, adapter }) {
        await sql`insert into employees values ('root'), ('jane')`.execute(db);
        await adapter.addPolicy('g', 'g', ['root', 'clerk']);
        return { inserted: 3, existing: 0 };
      },
    };
    const plan = await planBootstrap(pool, { policy: POLICY, seeders: [firstAdmin] });
    expect(plan).toMatchObject({
      changed: true,
      seeders: [
        { name: 'rbac', inserted: 0 },
        { name: 'first admin', inserted: 3 },
      ],
    });
    expect(renderPlan(plan, { where: 'here' })).toContain('\n  + 3 rows by first admin, beside 0 there\n');
    const { rows } = await pool.query(
      'select (select count(*) from employees) + (select count(*) from casbin) as n',
    );
    expect(rows).toEqual([{ n: '3' }]);
  });

  test('is empty where there is nothing to do', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY });
    await expect(planBootstrap(pool, { policy: POLICY })).resolves.toMatchObject({
      changed: false,
      migrations: [],
      rules: [],
    });
  });

  test('fails as the bootstrap would', async () => {
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: POLICY, seeders: [] });
    await expect(planBootstrap(pool)).rejects.toMatchObject({ code: 'POLICY_MISSING' });
    await expect(planBootstrap(pool, { policy: 'none.yaml' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
  });
});

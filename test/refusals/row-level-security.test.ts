import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { PermissionError } from '../../src/errors.ts';
import { rowSeeder } from '../../src/seeding/row-seeder.ts';
import type { Seeder } from '../../src/seeding/seeder.ts';
import { verifyDatabase } from '../../src/verify-database.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { MAY_READ, STOCK } from './privileges.fixture.ts';
import { refusalOf } from './refusal.fixture.ts';

describe('row-level security', () => {
  const VISIBLE = "create policy partly on casbin using (rule ->> 0 <> 'admin')";

  test.each<[string, string]>([
    ['casbin', `alter table casbin enable row level security; ${VISIBLE}`],
    ['casbin_bootstrap_migration', 'alter table casbin_bootstrap_migration enable row level security'],
  ])('on %s is refused by name, where it may hide rows from the role', async (table, before) => {
    const database = await createBootstrapped();
    const role = await database.createRole();
    const owner = database.pool();
    await owner.query(
      `${MAY_READ} grant insert on all tables in schema public to ROLE;`.replaceAll('ROLE', role.name),
    );
    await owner.query(before);
    const pool = database.pool({ connectionString: role.url });

    const error = await refusalOf(database, {}, pool);

    expect(error).toBeInstanceOf(PermissionError);
    expect(error.message).toContain(`Row-level security is active for role ${role.name} on "${table}"`);
    expect(error).toMatchObject({ remedies: [`alter role ${role.name} bypassrls;`] });
    if (table === 'casbin')
      await expect(verifyDatabase(pool)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await expect(bootstrapDatabase(owner), 'the owner sees all').resolves.toMatchObject({ changed: false });
    await owner.query(`alter role ${role.name} bypassrls`);
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false });
  });

  test.each([
    ['casbin_rule', 'public.casbin_rule', ''],
    ['casbin_rule', 'public.casbin_rule', 'create table policies (like casbin_rule)'],
    [
      'casbin_bootstrap_migration',
      '"casbin_bootstrap_migration"',
      'create table policies (like casbin_rule)',
    ],
  ])(
    'on %s is refused by name too where a start finds a table of columns: %s %s',
    async (table, named, more) => {
      const database = await createDatabase();
      const role = await database.createRole();
      const owner = database.pool();
      await bootstrapDatabase(owner, { table: 'casbin_rule' });
      await owner.query(`
      ${MAY_READ.replaceAll('ROLE', role.name)};
      alter table ${table} enable row level security;
      create policy all_rows on ${table} using (true);
      ${more}
    `);

      const error = await refusalOf(database, {}, database.pool({ connectionString: role.url }));

      expect(error).toBeInstanceOf(PermissionError);
      expect(error.message).toContain(`Row-level security is active for role ${role.name} on ${named},`);
      await expect(bootstrapDatabase(owner), 'the owner sees all').resolves.toMatchObject({ changed: false });
    },
  );

  test('that its owner is subject to is refused before a table is taken over', async () => {
    const database = await createDatabase();
    const role = await database.createRole();
    await database.pool().query(`grant create on schema public to ${role.name}`);
    const pool = database.pool({ connectionString: role.url });
    await pool.query(
      `${STOCK} alter table casbin enable row level security, force row level security; ${VISIBLE}`,
    );

    const error = await refusalOf(database, {}, pool);

    expect(error.message).toContain('Row-level security is active');
  });

  test('that refuses a row of a seeder is not reported as a missing grant', async () => {
    const database = await createBootstrapped();
    const role = await database.createRole();
    const owner = database.pool();
    await owner.query(`
      create table settings (id int primary key);
      alter table settings enable row level security;
      create policy none on settings for select using (true);
      grant all on all tables in schema public to ${role.name};
    `);
    const settings = rowSeeder({ name: 'settings', table: 'settings', key: 'id', rows: [{ id: 1 }] });
    const wrapping: Seeder = {
      name: 'wrapping',
      seed: (context) =>
        settings.seed(context).catch((cause) => {
          throw new Error('no settings', { cause });
        }),
    };

    for (const [seeder, reason] of [
      [settings, 'Seeder "settings" failed: new row violates row-level'],
      [wrapping, 'Seeder "wrapping" failed: no settings'],
    ] as const) {
      const pool = database.pool({ connectionString: role.url });
      const error = await refusalOf(database, { seeders: [seeder] }, pool);

      expect(error).toBeInstanceOf(PermissionError);
      expect(error.message).toContain(`Row-level security refused a row: ${reason}`);
      expect(error.message).not.toContain('grant');
      expect(error).toMatchObject({ remedies: [`alter role ${role.name} bypassrls;`] });
    }
  });
});

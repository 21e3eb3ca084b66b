import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, defaultPolicy } from '../../src/index.ts';
import { snapshot } from '../bootstrap/database-state.fixture.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';

/** As a dump of the schema, restored: the tables, no rows, and no record of this library's migrations. */
async function restoreSchema(database: TestDatabase): Promise<void> {
  const pool = database.pool();
  await bootstrapDatabase(pool);
  await pool.query('truncate casbin, providers');
  await pool.query('drop table casbin_bootstrap_migration, casbin_bootstrap_migration_lock');
}

describe('migrations: false', () => {
  test('seeds and verifies what another tool has made, and records no migration', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await restoreSchema(database);
    const { logger, lines } = captureLog();

    const report = await bootstrapDatabase(pool, { migrations: false, logger });

    expect(report).toMatchObject({
      changed: true,
      migrations: [],
      takeover: null,
      seeders: [{ inserted: 16 }, { inserted: 3 }],
      verification: { ok: true, allowed: 26 },
    });
    expect(linesOf(lines, 'rule_inserted'), 'none of these can have been deleted').toEqual([]);
    const { rows } = await pool.query(`select to_regclass('casbin_bootstrap_migration') as own`);
    expect(rows).toEqual([{ own: null }]);
    await expect(bootstrapDatabase(pool, { migrations: false })).resolves.toMatchObject({ changed: false });
  });

  test('names a rule that was deleted since', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await restoreSchema(database);
    await bootstrapDatabase(pool, { migrations: false });
    await pool.query(`delete from casbin where rule = '["admin", "user"]'`);
    const { logger, lines } = captureLog();

    await bootstrapDatabase(pool, { migrations: false, logger });

    expect(linesOf(lines, 'rule_inserted').map(({ rule }) => rule)).toEqual(['g, admin, user']);
  });

  test('says which table is missing and what to do, and leaves no trace', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const before = await snapshot(pool);

    await expect(bootstrapDatabase(pool, { migrations: false })).rejects.toMatchObject({
      code: 'TABLE_MISSING',
      message: expect.stringMatching(/casbin[\s\S]*migrations: false/),
    });
    expect(await snapshot(pool)).toEqual(before);
  });

  test('with a version says that another tool must make the record too', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await restoreSchema(database);

    await expect(
      bootstrapDatabase(pool, { policy: { ...defaultPolicy, version: 1 }, migrations: false }),
    ).rejects.toMatchObject({
      code: 'TABLE_MISSING',
      message:
        'relation "public.casbin_bootstrap_version" does not exist. Nothing was changed. With migrations: false, another tool must create all tables first. Run that tool, or leave the option out.',
    });
  });

  test('with a version records what it inserts, and removes it when it is retired', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const roles = { reader: { permissions: { invoices: ['read'] } }, clerk: { inherits: ['reader'] } };
    await bootstrapDatabase(pool, { policy: { roles, version: 1 }, seeders: [] });
    await pool.query(`
      truncate casbin, casbin_bootstrap_version, casbin_bootstrap_rule;
      drop table casbin_bootstrap_migration, casbin_bootstrap_migration_lock;
    `);
    const { clerk, ...others } = roles;
    const first = { policy: { roles, version: 1 }, seeders: [], migrations: false } as const;
    const second = { ...first, policy: { roles: others, version: 2, retired: { roles: { clerk: {} } } } };

    await expect(bootstrapDatabase(pool, first)).resolves.toMatchObject({
      changed: true,
      ownership: { version: 1, before: null },
    });
    await expect(bootstrapDatabase(pool, first)).resolves.toMatchObject({ changed: false });
    await expect(bootstrapDatabase(pool, second)).resolves.toMatchObject({
      changed: true,
      ownership: { version: 2, before: 1, removed: [['g', 'clerk', 'reader']] },
    });
    await expect(bootstrapDatabase(pool, second)).resolves.toMatchObject({ changed: false });
  });
});

test('a restored schema is taken over by a bootstrap that migrates', async () => {
  const database = await createDatabase();
  await restoreSchema(database);

  await expect(bootstrapDatabase(database.pool())).resolves.toMatchObject({
    changed: true,
    migrations: [{ name: '0001_casbin' }, { name: '0002_providers' }],
    takeover: null,
    seeders: [{ inserted: 16 }, { inserted: 3 }],
  });
});

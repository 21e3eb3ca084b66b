import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, type Migration, verifyDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { readRules } from './database-state.fixture.ts';

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

describe.for(['app', 'My Schema', `we"ird`, 'select', 'Ünïcode.dot'])('schema %s', (schema) => {
  const notes: Migration = {
    up: (db) => db.schema.createTable('notes').addColumn('id', 'integer').execute(),
  };

  test('holds everything, and public nothing', async () => {
    const database = await createDatabase();
    const pool = database.pool();

    const report = await bootstrapDatabase(pool, { schema, migrations: { '2026_notes': notes } });

    expect(report).toMatchObject({ changed: true, verification: { ok: true, checks: 56, allowed: 26 } });
    const { rows } = await pool.query(`
      select n.nspname as schema, array_agg(c.relname::text order by c.relname) as tables
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
      where n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' and c.relkind = 'r'
      group by 1
    `);
    expect(rows).toEqual([
      {
        schema,
        tables: [
          'casbin',
          'casbin_bootstrap_migration',
          'casbin_bootstrap_migration_lock',
          'kysely_migration',
          'kysely_migration_lock',
          'notes',
          'providers',
        ],
      },
    ]);
  });

  test('is found by the next start, by verifyDatabase and by createEnforcer', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { schema });

    await expect(bootstrapDatabase(pool, { schema })).resolves.toMatchObject({ changed: false });
    await expect(verifyDatabase(pool, { schema })).resolves.toMatchObject({ ok: true, allowed: 26 });
    const enforcer = await createEnforcer(pool, { schema });
    await expect(enforcer.enforce('admin', 'accounts', 'read')).resolves.toBe(true);
    expect(await readRules(pool, `${quote(schema)}.casbin`)).toHaveLength(16);
  });
});

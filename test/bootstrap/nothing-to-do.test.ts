import { sql } from 'kysely';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, providerSeeder, type Seeder } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { openWire } from '../support/wire.ts';

describe('a start with nothing to do', () => {
  test('takes five round trips', async () => {
    const database = await createDatabase();
    await bootstrapDatabase(database.pool());
    await using wire = await openWire(database.url);

    const report = await bootstrapDatabase(database.pool({ connectionString: wire.url }));

    expect(report).toMatchObject({
      changed: false,
      migrations: [],
      takeover: null,
      verification: { ok: true, checks: 56, allowed: 26 },
    });
    expect(wire.statements[0]).toMatch(/^begin .* read only/);
    expect(wire.statements.at(-1)).toBe('commit');
    expect(wire.roundTrips).toBe(5);
  });

  test('takes five round trips in a schema with an application that has migrations', async () => {
    const database = await createDatabase();
    const options = {
      schema: 'app',
      migrations: { '2026_notes': { up: async () => {} } },
      statementTimeoutMs: 60_000,
    };
    await bootstrapDatabase(database.pool(), options);
    await using wire = await openWire(database.url);

    await expect(
      bootstrapDatabase(database.pool({ connectionString: wire.url }), options),
    ).resolves.toMatchObject({ changed: false });
    expect(wire.roundTrips).toBe(5);
  });

  test('is assigned no transaction id', async () => {
    const database = await createDatabase();
    const pool = database.pool({ max: 1 });
    await bootstrapDatabase(pool);
    const seen: unknown[] = [];
    const witness: Seeder = {
      name: 'witness',
      async isSeeded({ db }) {
        const { rows } = await sql`
          select pg_current_xact_id_if_assigned() as id, current_setting('transaction_read_only') as read_only
        `.execute(db);
        seen.push(rows[0]);
        return true;
      },
      seed: async () => ({ inserted: 0, existing: 0 }),
    };

    await bootstrapDatabase(pool, { seeders: [providerSeeder(), witness] });

    expect(seen).toEqual([{ id: null, read_only: 'on' }]);
  });

  test('waits for no bootstrap, Migrator or writer', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool);
    const other = await pool.connect();
    await other.query('begin');
    await other.query(`select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`);
    await other.query('select pg_advisory_xact_lock(3853314791062309107)');
    await other.query('lock table casbin, providers, casbin_bootstrap_migration in exclusive mode');

    await expect(bootstrapDatabase(pool, { lockTimeoutMs: 1 })).resolves.toMatchObject({ changed: false });

    await other.query('rollback');
    other.release();
  });

  test('takes no lock that would keep a writer or another bootstrap waiting', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool);
    let modes: unknown[] = [];
    const witness: Seeder = {
      name: 'witness',
      async isSeeded({ db }) {
        const { rows } = await sql<{ mode: string }>`
          select distinct mode from pg_locks where pid = pg_backend_pid() and locktype <> 'virtualxid'
        `.execute(db);
        modes = rows.map(({ mode }) => mode);
        return true;
      },
      seed: async () => ({ inserted: 0, existing: 0 }),
    };

    await bootstrapDatabase(pool, { seeders: [providerSeeder(), witness] });

    expect(modes).toEqual(['AccessShareLock']);
  });
});

test('a look that meets a table locked by somebody waits no longer than lockTimeoutMs', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool);
  const other = await pool.connect();
  await other.query('begin; lock table casbin in access exclusive mode');

  await expect(bootstrapDatabase(pool, { lockTimeoutMs: 20 })).rejects.toMatchObject({
    code: 'LOCK_TIMEOUT',
  });

  await other.query('rollback');
  other.release();
});

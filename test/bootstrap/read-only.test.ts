import { expect, test } from 'vitest';
import {
  bootstrapDatabase,
  examineDatabase,
  providerSeeder,
  rowSeeder,
  verifyDatabase,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { PoolWatch } from '../support/pool-watch.ts';
import { startServer } from '../support/server.ts';
import { startStandby } from '../support/standby.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';

test('a hot standby of a bootstrapped primary starts, and can be verified', async () => {
  await using primary = await startServer();
  const writer = new PoolWatch({ connectionString: primary.url(), max: 1 }).pool;
  await bootstrapDatabase(writer);
  await writer.end();
  await using standby = await startStandby(primary);
  const pool = new PoolWatch({ connectionString: standby.url(), max: 1 }).pool;

  await expect(bootstrapDatabase(pool)).resolves.toMatchObject({
    changed: false,
    verification: { ok: true },
  });
  await expect(verifyDatabase(pool)).resolves.toMatchObject({ ok: true, checks: 56 });
  await expect(examineDatabase(pool)).resolves.toMatchObject({
    ok: true,
    findings: expect.arrayContaining([
      { check: 'server', status: 'warning', message: expect.stringContaining('a standby'), remedies: [] },
    ]),
  });
  const more = rowSeeder({ name: 'more', table: 'providers', key: 'slug', rows: [{ slug: 'new' }] });
  await expect(bootstrapDatabase(pool, { seeders: [providerSeeder(), more] })).rejects.toMatchObject({
    code: 'READ_ONLY_DATABASE',
  });
  await pool.end();
});

test('a role that may only select starts, and can verify', async () => {
  const database = await createBootstrapped();
  const owner = database.pool();
  const role = await database.createRole();
  await owner.query(`grant select on all tables in schema public to ${role.name}`);
  const pool = database.pool({ connectionString: role.url });

  await expect(bootstrapDatabase(pool)).resolves.toMatchObject({
    changed: false,
    verification: { ok: true },
  });
  await expect(verifyDatabase(pool)).resolves.toMatchObject({ ok: true, checks: 56 });
});

test('a role whose transactions are read-only by default can start and bootstrap', async () => {
  const database = await createDatabase();
  const pool = database.pool({ options: '-c default_transaction_read_only=on' });

  await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: true });
  await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false });
});

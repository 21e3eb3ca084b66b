import type pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase } from '../../src/bootstrap.ts';
import { PermissionError } from '../../src/errors.ts';
import type { Seeder, SeederContext } from '../../src/seeding/seeder.ts';
import { createDatabase } from '../support/database.ts';
import { PoolWatch } from '../support/pool-watch.ts';
import { startServer } from '../support/server.ts';
import { startStandby } from '../support/standby.ts';
import { failureOf, refusalOf } from './refusal.fixture.ts';

const MORE = { policy: { rules: [['p', 'one', 'more', 'rule']] } };

describe('a server that only reads', () => {
  test('because it is a standby is reported while changes are needed, and works when there are none', async () => {
    await using primary = await startServer();
    await using empty = await startStandby(primary);
    const emptyPool = poolOf(empty.url());
    for (const options of [{}, { dryRun: true }, { schema: 'other' }]) {
      const error = await failureOf(() => bootstrapDatabase(emptyPool, options));
      expect(error).toMatchObject({ name: 'DatabaseError', code: 'READ_ONLY_DATABASE' });
      expect(error.message).toMatch(/^Changes are needed, but this server is a standby, which only reads: /);
      expect(error.message).toContain('Run the bootstrap on the primary once; then it works here too.');
    }
    await expect(emptyPool.query('select 1')).resolves.toBeDefined();

    const primaryPool = poolOf(primary.url());
    await bootstrapDatabase(primaryPool);
    await primaryPool.end();
    await using full = await startStandby(primary);
    const fullPool = poolOf(full.url());
    await expect(bootstrapDatabase(fullPool)).resolves.toMatchObject({ changed: false });
    const error = await failureOf(() => bootstrapDatabase(fullPool, MORE));
    expect(error).toMatchObject({ code: 'READ_ONLY_DATABASE' });
    await Promise.all([emptyPool.end(), fullPool.end()]);
  });

  test('by default only can be written to, because the bootstrap sets its own access mode', async () => {
    const database = await createDatabase();
    const pool = database.pool({ options: '-c default_transaction_read_only=on' });
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: true });
  });

  test('for this role is reported while changes are needed, and works when there are none', async () => {
    const database = await createDatabase();
    const owner = database.pool();
    const role = await database.createRole();
    const pool = database.pool({ connectionString: role.url });
    await bootstrapDatabase(owner);
    await owner.query(`grant select on all tables in schema public to ${role.name}`);
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: false });

    const error = await refusalOf(database, MORE, pool);
    expect(error).toBeInstanceOf(PermissionError);
    expect(error).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(error.message).toContain(`grant insert on table public.casbin to ${role.name};`);
  });
});

test.each<[string, (context: SeederContext) => Promise<unknown>]>([
  ['by its db', ({ db }) => db.insertInto('log').values({ line: 'x' }).execute()],
  ['by its adapter', ({ adapter }) => adapter.addPolicy('p', 'p', ['x', 'y', 'z'])],
])('an isSeeded that writes %s is the fault of its seeder', async (_, write) => {
  const database = await createDatabase();
  await database.pool().query('create table log (line text)');
  await bootstrapDatabase(database.pool());
  const eager: Seeder = {
    name: 'eager',
    isSeeded: async (context) => Boolean(await write(context)),
    seed: async () => ({ inserted: 0, existing: 0 }),
  };
  const error = await refusalOf(database, { seeders: [eager] });
  expect(error).toMatchObject({ name: 'SeederError', code: 'SEEDER_FAILED', seeder: 'eager' });
  expect(error.message).toContain('its isSeeded must only read, but it wrote');
});

function poolOf(url: string): pg.Pool {
  const pool = new PoolWatch({ connectionString: url }).pool;
  onTestFinished(async () => {
    if (!pool.ending) await pool.end();
  });
  return pool;
}

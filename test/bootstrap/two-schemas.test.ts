import { describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { readRules, snapshot, untilBlocked } from './database-state.fixture.ts';
import { createWaitingSeeder } from './waiting-seeder.fixture.ts';

const LOCK_OF_PUBLIC = `select pg_advisory_xact_lock(${0x6373626e}, hashtext('public'))`;

describe('two schemas of one database', () => {
  test('do not touch each other', async () => {
    const database = await createBootstrapped();
    const pool = database.pool();
    await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "admin"]')`);
    const publicBefore = (await snapshot(pool)).contents;

    await bootstrapDatabase(pool, { schema: 'other' });
    await bootstrapDatabase(pool, { schema: 'third' });
    await pool.query('delete from third.casbin');

    const contents = (await snapshot(pool)).contents as Record<string, unknown>;
    expect(contents).toMatchObject(publicBefore as object);
    expect(await readRules(pool, 'other.casbin')).toHaveLength(16);
    await expect(bootstrapDatabase(pool, { schema: 'other' })).resolves.toMatchObject({ changed: false });
    await expect(bootstrapDatabase(pool, { schema: 'third' })).resolves.toMatchObject({ changed: true });
  });

  test('do not wait for each other', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const { seeder, begun, goOn } = createWaitingSeeder();
    const first = bootstrapDatabase(pool, { schema: 'one', seeders: [seeder] });
    await begun;

    await expect(bootstrapDatabase(pool, { schema: 'two' })).resolves.toMatchObject({ changed: true });
    await expect(bootstrapDatabase(pool)).resolves.toMatchObject({ changed: true });
    const same = bootstrapDatabase(pool, { schema: 'one' });
    await untilBlocked(pool);
    goOn();
    await first;
    await expect(same).resolves.toMatchObject({ verification: { ok: true } });
  });

  test('do not wait for the lock of the other one', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    const holder = await pool.connect();
    await holder.query('begin');
    await holder.query(LOCK_OF_PUBLIC);

    await expect(bootstrapDatabase(pool, { schema: 'app', lockTimeoutMs: 1_000 })).resolves.toMatchObject({
      changed: true,
    });
    await expect(bootstrapDatabase(pool, { lockTimeoutMs: 20 })).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
    });

    await holder.query('rollback');
    holder.release();
  });
});

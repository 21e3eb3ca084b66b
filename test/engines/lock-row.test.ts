import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createAdapter, LockTimeoutError } from '../../src/index.ts';
import { COMPLETE, readAll, SIMULATED, simulate } from './engines.fixture.ts';

describe.each(SIMULATED)('the lock row, on %s', (name) => {
  test('of a bootstrap that is at work, a second one waits for, and then names its holder', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    await bootstrapDatabase(pool, options);
    await database.pool().query('delete from casbin_rule');
    await database.pool().query(`
      update casbin_bootstrap_lock
      set holder = 'process 7 on somewhere', since = '2026-01-02 03:04:05+00', expires = now() + interval '1 hour'
      where name = 'bootstrap'
    `);

    const waiting = bootstrapDatabase(pool, { ...options, lockTimeoutMs: 300 });

    await expect(waiting).rejects.toBeInstanceOf(LockTimeoutError);
    await expect(waiting).rejects.toMatchObject({
      message: expect.stringContaining('held by process 7 on somewhere, since 2026-01-02T03:04:05.000Z'),
      holders: [
        { pid: null, applicationName: 'process 7 on somewhere', since: new Date('2026-01-02T03:04:05Z') },
      ],
    });
    expect((await readAll(database)).rules).toBe(0);
  });

  test('of a process that died is taken over once it has expired', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    await bootstrapDatabase(pool, options);
    await database.pool().query('delete from casbin_rule');
    await database.pool().query(`
      update casbin_bootstrap_lock set holder = 'process 7', since = now(), expires = now() - interval '1 second'
      where name = 'bootstrap'
    `);

    await bootstrapDatabase(pool, options);

    expect(await readAll(database)).toEqual(COMPLETE);
  });

  test('that another bootstrap has taken ends the attempt before it commits', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    await bootstrapDatabase(pool, options);
    await database.pool().query('delete from casbin_rule');
    let robbed = 0;
    const slow = {
      '2026_slow': {
        async up() {
          robbed += 1;
          if (robbed > 1) return;
          await database
            .pool()
            .query(`update casbin_bootstrap_lock set holder = null where name = 'bootstrap'`);
        },
      },
    };

    await bootstrapDatabase(pool, { ...options, migrations: slow });

    expect(robbed, 'the attempt was made again').toBe(2);
    expect(await readAll(database)).toEqual(COMPLETE);
  });

  test('can not be taken while the rules are written', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    let taking: unknown;
    const robbed = {
      name: 'robbed',
      async seed() {
        const client = await database.pool().connect();
        await client.query(`set lock_timeout = '100ms'`);
        taking = await client
          .query(`update casbin_bootstrap_lock set holder = 'me' where name = 'bootstrap'`)
          .catch((error: unknown) => error);
        client.release(true);
        return { inserted: 0, existing: 0 };
      },
    };

    await bootstrapDatabase(pool, { ...options, seeders: [robbed] });

    expect(taking).toMatchObject({ code: '55P03' });
  });

  test('is free after a bootstrap that failed', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    const failing = { name: 'failing', seed: () => Promise.reject(new Error('no')) };
    await expect(bootstrapDatabase(pool, { ...options, seeders: [failing] })).rejects.toThrow('no');
    const { rows } = await database
      .pool()
      .query('select count(holder)::int as holders from casbin_bootstrap_lock');
    expect(rows).toEqual([{ holders: 0 }]);
  });

  test('that an adapter needs and that is missing is reported', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    await bootstrapDatabase(pool, options);
    await database.pool().query('drop table casbin_bootstrap_lock');
    await expect(createAdapter(pool).addPolicy('p', 'p', ['user', 'reports', 'read'])).rejects.toMatchObject({
      code: 'TABLE_MISSING',
      message: expect.stringContaining('"casbin_bootstrap_lock" does not exist'),
    });
  });
});

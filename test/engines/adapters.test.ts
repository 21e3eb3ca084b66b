import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createAdapter, createEnforcer, verifyDatabase } from '../../src/index.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { COMPLETE, readAll, SIMULATED, simulate } from './engines.fixture.ts';

describe.each(SIMULATED)('on %s', (name) => {
  test('verifyDatabase, createEnforcer and createAdapter find the engine by themselves', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    await bootstrapDatabase(pool, options);

    await expect(verifyDatabase(pool)).resolves.toMatchObject({ ok: true, checks: 56 });
    const enforcer = await createEnforcer(pool);
    expect(await enforcer.enforce('admin', 'accounts', 'read')).toBe(true);
    await enforcer.addPolicy('user', 'reports', 'read');
    await enforcer.updatePolicy(['user', 'reports', 'read'], ['user', 'reports', 'write']);
    expect((await readAll(database)).rules).toBe(17);
    await enforcer.savePolicy();
    await enforcer.removePolicy('user', 'reports', 'write');
    expect(await readAll(database)).toEqual(COMPLETE);
  });

  test('an adapter on a client works in the transaction of the caller, or in one of its own', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    await bootstrapDatabase(pool, options);
    const client = await pool.connect();
    const adapter = createAdapter(client, options);
    await client.query('begin');
    await adapter.savePolicy(rbacModel());
    await client.query('rollback');
    expect(await readAll(database)).toEqual(COMPLETE);
    await adapter.savePolicy(rbacModel());
    expect(await readAll(database)).toMatchObject({ rules: 0 });
    client.release();
  });

  test('a rule that several adapters add at once is stored once', async () => {
    await using simulation = await simulate(name);
    const { options, database, engine } = simulation;
    await bootstrapDatabase(simulation.pool, options);
    const pool = database.pool({ connectionString: engine.url, max: 8 });
    const add = async () => {
      // Two who meet at the commit are told so, as by the engine: the caller tries again.
      for (;;) {
        try {
          return await createAdapter(pool, options).addPolicy('p', 'p', ['user', 'reports', 'read']);
        } catch (error) {
          if (Reflect.get(Object(error), 'code') !== '40001') throw error;
        }
      }
    };

    await Promise.all(Array.from({ length: 8 }, add));

    expect(await readAll(database)).toEqual({ ...COMPLETE, rules: 17, distinct: 17 });
    await pool.end();
  });

  test('many rules are loaded as they were seeded', async () => {
    await using simulation = await simulate(name);
    const { pool, options, engine } = simulation;
    const rules = Array.from(
      { length: 2_100 },
      (_, index) => ['p', `role ${index}`, 'data', 'read'] as const,
    );
    await bootstrapDatabase(pool, { ...options, policy: { rules } as never, seeders: [] });

    const enforcer = await createEnforcer(pool, options);

    expect(await enforcer.getPolicy()).toEqual(rules.map(([, ...values]) => values));
    expect(engine.refusals).toEqual([]);
  });
});

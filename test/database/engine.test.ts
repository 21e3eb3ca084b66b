import { describe, expect, test } from 'vitest';
import { detectEngine, ENGINE_NAMES, engineNamed, engineOf } from '../../src/database/engine.ts';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

describe('an engine is recognised by what the server says', () => {
  test.for([
    ['PostgreSQL 18.4 on x86_64-pc-linux-gnu, compiled by gcc', 'postgresql'],
    ['PostgreSQL 16.9 (Citus)', 'citus'],
    ['PostgreSQL 17.2 (Neon)', 'neon'],
    ['CockroachDB CCL v25.2.1 (x86_64-pc-linux-gnu, built 2025)', 'cockroachdb'],
    ['PostgreSQL 15.2-YB-2025.1.0.0-b0 on x86_64-pc-linux-gnu', 'yugabytedb'],
    ['PostgreSQL 16.9 (Aurora DSQL)', 'aurora-dsql'],
    ['', 'postgresql'],
  ] as const)('%s', ([said, name]) => {
    expect(engineOf(said).name).toBe(name);
  });

  test('each engine is found by its name', () => {
    expect(ENGINE_NAMES.map((name) => engineNamed(name).name)).toEqual(ENGINE_NAMES);
  });

  test('a server of PostgreSQL is one, and promises everything', async () => {
    const database = await createDatabase();
    expect(await detectEngine(database.pool())).toMatchObject({ name: 'postgresql', limits: [] });
    await expect(bootstrapDatabase(database.pool())).resolves.toMatchObject({
      engine: { name: 'postgresql', limits: [] },
    });
  });

  test('Neon is recognised by a setting of its own, and bootstrapped as PostgreSQL', async () => {
    const database = await createDatabase();
    await database.pool().query(`alter database ${database.name} set neon.timeline_id = 'a'`);
    const pool = database.pool({ max: 1 });

    const first = await bootstrapDatabase(pool);
    const second = await bootstrapDatabase(pool);

    expect([first.engine.name, second.engine.name]).toEqual(['neon', 'neon']);
    expect(first.engine.limits).toEqual([expect.stringContaining('pooled address')]);
    expect((await pool.query('select count(*)::int as rules from casbin')).rows).toEqual([{ rules: 16 }]);
  });

  test('a start on Neon with nothing to do asks the rule table that it has found', async () => {
    const database = await createDatabase();
    await database.pool().query(`alter database ${database.name} set neon.timeline_id = 'a'`);
    const pool = database.pool();
    await bootstrapDatabase(pool, { table: 'casbin_rule', seeders: [] });
    await pool.query(`
      insert into casbin_rule (ptype, v0, v1) select 'g', 'user' || n, 'user' from generate_series(1, 2000) n;
      insert into casbin_rule (ptype, v0, v1, v2) values ('p', 'user', 'vault', 'open');
    `);

    const { changed, engine, verification } = await bootstrapDatabase(pool, { seeders: [] });

    expect([changed, engine.name, verification.scope.kind]).toEqual([false, 'neon', 'part']);
    expect(verification.drift).toEqual([
      expect.objectContaining({
        rule: ['p', 'user', 'vault', 'open'],
        holders: expect.objectContaining({ count: 2_000 }),
      }),
    ]);
  });

  test('an engine that does not exist is refused', async () => {
    const database = await createDatabase();
    await expect(bootstrapDatabase(database.pool(), { engine: 'oracle' as never })).rejects.toMatchObject({
      problems: [{ code: 'OPTION_INVALID', at: 'engine', message: expect.stringContaining('aurora-dsql') }],
    });
  });
});

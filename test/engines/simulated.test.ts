import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { bootstrapDatabase, createAdapter, examineDatabase, readStatus } from '../../src/index.ts';
import { COMPLETE, readAll, SIMULATED, simulate } from './engines.fixture.ts';

const RBAC = { name: 'rbac', inserted: 16, existing: 0 };

describe.each(SIMULATED)('on %s', (name) => {
  test('an empty database is bootstrapped, and the report names the engine and what it can not promise', async () => {
    await using simulation = await simulate(name);
    const { pool, database, engine } = simulation;

    const report = await bootstrapDatabase(pool);

    expect(report).toMatchObject({ changed: true, engine: { name }, verification: { ok: true } });
    expect(report.engine.limits.join(' ')).toContain('committed one by one');
    expect(report.seeders[0]).toMatchObject(RBAC);
    expect(await readAll(database)).toEqual(COMPLETE);
    expect(engine.refusals.length, 'it was asked as PostgreSQL at first').toBeGreaterThan(0);
  });

  test('nothing is refused where the engine is named, and a second start finds nothing to do', async () => {
    await using simulation = await simulate(name);
    const { pool, options, engine, database } = simulation;

    const first = await bootstrapDatabase(pool, options);
    const started = engine.statements.length;
    const second = await bootstrapDatabase(pool, options);

    expect(engine.refusals).toEqual([]);
    expect([first.changed, second.changed]).toEqual([true, false]);
    expect(second.engine).toEqual(first.engine);
    expect(engine.statements.slice(started).join('\n')).not.toMatch(/\b(insert|update|create)\b/i);
    expect(await readAll(database)).toEqual(COMPLETE);
  });

  test('a journal is refused, and what records one is not asked for, which the engine may not know', async () => {
    await using simulation = await simulate(name);
    const { pool, options, engine } = simulation;
    await bootstrapDatabase(pool, options);
    const started = engine.statements.length;

    await expect(bootstrapDatabase(pool, { ...options, journal: true })).rejects.toMatchObject({
      name: 'DatabaseError',
      code: 'JOURNAL_IMPOSSIBLE',
      message: expect.stringContaining('Leave out the journal option.'),
    });
    await expect(readStatus(pool, { ...options, journal: true })).resolves.toMatchObject({
      packageMigrations: { pending: ['0003_journal_casbin_rule'] },
      isComplete: false,
    });
    expect(engine.statements.slice(started).join('\n')).not.toMatch(/pg_trigger|aclexplode/);
  });

  test('duplicates are not removed, because a dry run could not undo it', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    await bootstrapDatabase(pool, options);
    await database.pool().query(`insert into casbin_rule (id, ptype, v0, v1, v2)
      values (9001, 'p', 'eve', 'x', 'read'), (9002, 'p', 'eve', 'x', 'read')`);
    const table = { name: 'casbin_rule', duplicates: 'remove' } as const;
    await expect(bootstrapDatabase(pool, { ...options, table, dryRun: true })).rejects.toMatchObject({
      problems: [{ code: 'OPTION_INVALID', at: 'table.duplicates' }],
    });
  });

  test('a second start finds the engine by itself too', async () => {
    await using simulation = await simulate(name);
    await bootstrapDatabase(simulation.pool);
    expect(await bootstrapDatabase(simulation.pool)).toMatchObject({ changed: false, engine: { name } });
  });

  test('the findings about a database name the engine', async () => {
    await using simulation = await simulate(name);
    const { findings } = await examineDatabase(simulation.pool);
    const [, version] = /, compatible with PostgreSQL (.+)\.$/.exec(findings[0]?.message ?? '') ?? [];
    expect(findings[0]).toMatchObject({ check: 'server', status: 'fine' });
    expect(version).toBeDefined();
  });

  test('a schema of its own is made, and everything in it', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;

    await bootstrapDatabase(pool, { ...options, schema: 'Apart' });

    const { rows } = await database
      .pool()
      .query(
        `select table_name as name from information_schema.tables where table_schema = 'Apart' order by 1`,
      );
    expect(rows.map((row) => row.name)).toEqual([
      'casbin_bootstrap_lock',
      'casbin_bootstrap_migration',
      'casbin_bootstrap_migration_lock',
      'casbin_rule',
      'providers',
    ]);
    const { rows: paths } = await pool.query('show search_path');
    expect(paths[0].search_path).not.toContain('Apart');
  });

  test('a conflict at the commit (40001) is tried again', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database, engine } = simulation;
    engine.failCommits(2);

    const report = await bootstrapDatabase(pool, options);

    expect(report.verification.ok).toBe(true);
    expect(await readAll(database)).toEqual(COMPLETE);
  });

  test('endless conflicts are reported, with what stays', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database, engine } = simulation;
    await bootstrapDatabase(pool, options);
    await database.pool().query('delete from casbin_rule');
    engine.failCommits(1_000);
    // Short pauses between the attempts.
    const random = vi.spyOn(Math, 'random').mockReturnValue(0.05);
    onTestFinished(() => random.mockRestore());

    await expect(bootstrapDatabase(pool, { ...options, lockTimeoutMs: 500 })).rejects.toMatchObject({
      code: expect.stringMatching(/CONFLICT|LOCK_TIMEOUT/),
    });
    engine.failCommits(0);
    await expect(bootstrapDatabase(pool, options)).resolves.toMatchObject({ changed: true });
    expect(await readAll(database)).toEqual(COMPLETE);
  });

  test('a table of documents is not made', async () => {
    await using simulation = await simulate(name);
    await expect(
      bootstrapDatabase(simulation.pool, {
        ...simulation.options,
        table: { name: 'casbin', layout: 'document' },
      }),
    ).rejects.toMatchObject({
      code: 'TABLE_SHAPE',
      message: expect.stringContaining("table: 'casbin_rule'"),
    });
  });

  test('a table of documents that is there is filled, where another tool has made it', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database, engine } = simulation;
    await database.pool().query(`
      create table casbin (id serial primary key, ptype text not null, rule jsonb not null, unique (ptype, rule))
    `);
    const given = { ...options, migrations: false, seeders: [] } as const;

    const report = await bootstrapDatabase(pool, given);
    await createAdapter(pool, options).addPolicies('p', 'p', [
      ['user', 'reports', 'read'],
      ['user', 'reports', 'write'],
    ]);

    expect(report.seeders).toMatchObject([{ inserted: 16 }]);
    expect(await bootstrapDatabase(pool, given)).toMatchObject({ changed: false });
    expect(engine.refusals).toEqual([]);
    const { rows } = await database.pool().query('select count(*)::int as rules from casbin');
    expect(rows).toEqual([{ rules: 18 }]);
  });
});

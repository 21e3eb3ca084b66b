import { describe, expect, onTestFinished, test, vi } from 'vitest';
import {
  bootstrapDatabase,
  createAdapter,
  createEnforcer,
  examineDatabase,
  readStatus,
  rowSeeder,
  type SeederContext,
  verifyDatabase,
} from '../../src/index.ts';
import { rbacModel } from '../casbin/models.fixture.ts';
import { applicationMigrator } from '../migrator/kysely-migrator.fixture.ts';
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

  test("the application's migrations and rows are there, made step by step", async () => {
    await using simulation = await simulate(name);
    const { pool, options, database, engine } = simulation;
    const migrations = {
      '2026_plans': {
        async up(db: import('kysely').Kysely<unknown>) {
          await db.schema
            .createTable('plans')
            .ifNotExists()
            .addColumn('code', 'varchar(20)', (column) => column.primaryKey())
            .addColumn('price', 'integer')
            .execute();
          await db.schema
            .createIndex('plans_price')
            .unique()
            .ifNotExists()
            .on('plans')
            .column('price')
            .execute();
        },
      },
    };
    const plans = rowSeeder({
      name: 'plans',
      table: 'plans',
      key: 'code',
      rows: [{ code: 'free', price: 0 }],
    });

    const report = await bootstrapDatabase(pool, { ...options, migrations, seeders: [plans] });

    expect(engine.refusals).toEqual([]);
    expect(report.migrations.map((migration) => migration.name)).toEqual(['0001_casbin_rule', '2026_plans']);
    expect((await database.pool().query('select * from plans')).rows).toEqual([{ code: 'free', price: 0 }]);
    const { rows } = await database
      .pool()
      .query(`select indisunique as unique from pg_index where indexrelid = to_regclass('plans_price')`);
    expect(rows).toEqual([{ unique: true }]);

    const more = { ...migrations, '2027_more': { up: async () => {} } };
    const later = await bootstrapDatabase(pool, { ...options, migrations: more, seeders: [plans] });
    expect(later.migrations.map((migration) => migration.name)).toEqual(['2027_more']);
  });

  test('the migration that breaks a permission is named, and the message says what stays', async () => {
    await using simulation = await simulate(name);
    const { pool, options } = simulation;
    await bootstrapDatabase(pool, options);
    const without = (role: string) => ({
      up: async (db: import('kysely').Kysely<never>) =>
        void (await db
          .deleteFrom('casbin_rule' as never)
          .where('v0' as never, '=', role as never)
          .execute()),
    });
    const migrations = { '1_guests': without('guest'), '2_users': without('user') };

    await expect(bootstrapDatabase(pool, { ...options, migrations })).rejects.toMatchObject({
      code: 'MIGRATION_BROKE_POLICY',
      migration: '2_users',
      message: expect.stringMatching(
        /^Migration "2_users" breaks what held before it\. On .* each step is committed by itself: /,
      ),
    });
  });

  test('after a failed migration, earlier steps stay, the message says so, and the next run continues', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    let works = false;
    const migrations = {
      '2026_plans': {
        async up(db: import('kysely').Kysely<unknown>) {
          await db.schema.createTable('plans').ifNotExists().addColumn('code', 'text').execute();
          if (!works) throw new Error('not yet');
        },
      },
    };

    await expect(bootstrapDatabase(pool, { ...options, migrations })).rejects.toMatchObject({
      code: 'MIGRATION_FAILED',
      message: expect.stringMatching(
        /"2026_plans" failed: not yet\. On .* each step is committed by itself: the steps before this one stay/,
      ),
    });
    expect(await readAll(database)).toEqual({ ...COMPLETE, rules: 0, distinct: 0, providers: 0 });

    works = true;
    const report = await bootstrapDatabase(pool, { ...options, migrations });
    expect(report.migrations.map((migration) => migration.name)).toEqual(['2026_plans']);
    expect(await readAll(database)).toEqual(COMPLETE);
  });

  test.for([/create table.*providers/is, /create index.*idx_providers_category/is])(
    'a step that was answered and not done is found out (%s)',
    async (step) => {
      await using simulation = await simulate(name);
      const { pool, options, database, engine } = simulation;
      engine.lose(step);

      await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({
        code: 'MIGRATION_FAILED',
        message: expect.stringMatching(
          /"0002_providers" failed: "\w*providers\w*" was made, but is not there/,
        ),
      });
      await bootstrapDatabase(pool, options);
      expect(await readAll(database)).toEqual(COMPLETE);
    },
  );

  test('rules and rows that are not decided as defined are not committed', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    const revoking = {
      name: 'revoking',
      async seed({ adapter }: SeederContext) {
        await adapter.removePolicy('g', 'g', ['admin', 'user']);
        return { inserted: 0, existing: 0 };
      },
    };

    await expect(bootstrapDatabase(pool, { ...options, seeders: [revoking] })).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
    });
    const { rows } = await database.pool().query('select count(*)::int as rules from casbin_rule');
    expect(rows).toEqual([{ rules: 0 }]);
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

  test('a dry run needs the tables, and then changes nothing', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;

    await expect(bootstrapDatabase(pool, { ...options, dryRun: true })).rejects.toMatchObject({
      code: 'DRY_RUN_IMPOSSIBLE',
      message: expect.stringContaining('0001_casbin_rule, 0002_providers'),
    });
    const { rows } = await database
      .pool()
      .query(`select count(*)::int as tables from pg_catalog.pg_tables where schemaname = 'public'`);
    expect(rows).toEqual([{ tables: 0 }]);

    await bootstrapDatabase(pool, options);
    await database.pool().query(`delete from casbin_rule where v0 = 'readonly'`);
    const left = await readAll(database);
    const tried = await bootstrapDatabase(pool, { ...options, dryRun: true });
    expect(tried.changed).toBe(true);
    expect(await readAll(database)).toEqual(left);
  });

  test('a dry run finds the migrations of the application in another schema than ours', async () => {
    await using simulation = await simulate(name);
    const { options, database, engine } = simulation;
    const owner = database.pool();
    const migrations = { a: { up: async () => {} } };
    await applicationMigrator(owner, migrations).migrateToLatest();
    await owner.query('create schema tenant');
    const path = '-c search_path=tenant,public';
    const pool = database.pool({ connectionString: engine.url, max: 1, options: path });
    const given = { ...options, migrations };
    const first = await bootstrapDatabase(pool, given);
    await owner.query(`delete from tenant.casbin_rule where v0 = 'readonly'`);

    const tried = await bootstrapDatabase(pool, { ...given, dryRun: true });

    expect(first.migrations.map((migration) => migration.name)).toEqual(COMPLETE.migrations);
    expect(tried).toMatchObject({ changed: true, migrations: [] });
    await pool.end();
  });

  test('a policy that does not fit the table, and one that was forgotten, are refused before anything is made', async () => {
    await using simulation = await simulate(name);
    const { pool, options, database } = simulation;
    await database.pool().query(`
      create table casbin_rule (
        id bigint primary key generated by default as identity, ptype varchar(8),
        v0 varchar(16), v1 varchar(16), v2 varchar(16), v3 varchar(16)
      );
      insert into casbin_rule (ptype, v0, v1, v2) values ('p', 'boss', 'all', 'do')`);
    const policy = { rules: [['p', 'boss', 'everything there is', 'do']] };

    await expect(bootstrapDatabase(pool, { ...options, policy })).rejects.toMatchObject({
      problems: [{ code: 'RULE_DOES_NOT_FIT_TABLE' }],
    });
    await expect(bootstrapDatabase(pool, options)).rejects.toMatchObject({ code: 'POLICY_MISSING' });
    const { rows } = await database
      .pool()
      .query(`select tablename as name from pg_catalog.pg_tables where schemaname = 'public' order by 1`);
    expect(rows).toEqual([{ name: 'casbin_bootstrap_lock' }, { name: 'casbin_rule' }]);
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

import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, rowSeeder, type SeederContext } from '../../src/index.ts';
import { applicationMigrator } from '../migrator/kysely-migrator.fixture.ts';
import { COMPLETE, readAll, SIMULATED, simulate } from './engines.fixture.ts';

describe.each(SIMULATED)('on %s', (name) => {
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
        /^Migration "2_users" breaks the policy\. On .* each step is committed by itself: /,
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
});

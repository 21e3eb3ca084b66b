import { type QueryExecutorProvider, sql } from 'kysely';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { bootstrapDatabase, rowSeeder, type Seeder, type SeederContext } from '../../src/index.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { createDatabase } from '../support/database.ts';

test('seeders run after the policy, in the order given', async () => {
  const database = await createDatabase();
  const order: string[] = [];
  const note = (name: string): Seeder => ({
    name,
    async seed() {
      order.push(name);
      return { inserted: 0, existing: 0 };
    },
  });

  const report = await bootstrapDatabase(database.pool(), { seeders: [note('z'), note('a'), note('m')] });

  expect(order).toEqual(['z', 'a', 'm']);
  expect(report.seeders.map(({ name }) => name)).toEqual(['rbac', 'z', 'a', 'm']);
});

test('a seeder whose isSeeded is true is not run; a seeder without isSeeded is run at every start', async () => {
  const database = await createDatabase();
  const runs: string[] = [];
  const seeder = (name: string, isSeeded?: () => Promise<boolean>): Seeder => ({
    name,
    ...(isSeeded === undefined ? {} : { isSeeded }),
    async seed() {
      runs.push(name);
      return { inserted: 0, existing: 1 };
    },
  });
  const sure = seeder('sure', async () => true);

  await bootstrapDatabase(database.pool(), { seeders: [sure] });
  await bootstrapDatabase(database.pool(), { seeders: [sure] });
  expect(runs, 'the first start had migrations to run').toEqual(['sure']);

  const report = await bootstrapDatabase(database.pool(), { seeders: [sure, seeder('unsure')] });
  expect(runs).toEqual(['sure', 'sure', 'unsure']);
  expect(report.changed).toBe(false);
});

test('a seeder may leave another search_path behind, which the next ones do not get', async () => {
  const pool = (await createDatabase()).pool();
  await pool.query('create table settings (id int primary key)');
  const dump: Seeder = {
    name: 'dump',
    async seed({ db }) {
      await sql`select pg_catalog.set_config('search_path', '', false)`.execute(db);
      return { inserted: 0, existing: 0 };
    },
  };
  const settings = rowSeeder({ name: 'settings', table: 'settings', key: 'id', rows: [{ id: 1 }] });

  const report = await bootstrapDatabase(pool, { seeders: [dump, settings] });

  expect(report.seeders[2]).toMatchObject({ name: 'settings', inserted: 1 });
});

describe.each(['committed', 'tried', 'failed'])('of a bootstrap that is %s', (outcome) => {
  /** Goes on while others work, and returns how many of its statements were refused. */
  function forgetful(db: QueryExecutorProvider) {
    const refused: unknown[] = [];
    const insert = (id: number) =>
      sql`insert into note values (${id})`.execute(db).catch((error: unknown) => refused.push(error));
    const work = (async () => {
      for (let id = 0; refused.length === 0; id++) await insert(id);
    })();
    return { work, refused };
  }

  test.each(['migration', 'seeder'])('what a %s does not await ends with its transaction', async (kind) => {
    const pool = (await createDatabase()).pool({ max: 1 });
    await pool.query('create table note (id int primary key)');
    const begun: ReturnType<typeof forgetful>[] = [];
    const begin = async (db: QueryExecutorProvider) => void begun.push(forgetful(db));
    const forgets: Seeder = {
      name: 'forgets',
      async seed({ db }) {
        await begin(db);
        return { inserted: 0, existing: 0 };
      },
    };
    const last: Seeder = {
      name: 'last',
      async seed() {
        if (outcome === 'failed') throw new Error('no');
        return { inserted: 0, existing: 0 };
      },
    };
    const bootstrap = bootstrapDatabase(pool, {
      ...(kind === 'migration' ? { migrations: { '001_forgets': { up: begin } } } : {}),
      seeders: kind === 'seeder' ? [forgets, last] : [last],
      dryRun: outcome === 'tried',
    });
    await (outcome === 'failed' ? expect(bootstrap).rejects.toThrow('no') : bootstrap);
    const { rows } = await pool.query('select count(*)::int as before from note');
    await Promise.all(begun.map(({ work }) => work));

    expect(begun.map(({ refused }) => refused.length)).toEqual([1]);
    const after = await pool.query('select count(*)::int as before from note');
    expect(after.rows).toEqual(rows);
    if (outcome !== 'committed') expect(rows).toEqual([{ before: 0 }]);
  });
});

test('isSeeded can only read', async () => {
  const database = await createBootstrapped();
  const cheat: Seeder = {
    name: 'cheat',
    async isSeeded({ db }) {
      await db.schema.createTable('cheat').execute();
      return true;
    },
    seed: async () => ({ inserted: 0, existing: 0 }),
  };

  await expect(bootstrapDatabase(database.pool(), { seeders: [cheat] })).rejects.toMatchObject({
    name: expect.stringMatching(/Error$/),
  });
  const { rows } = await database.pool().query(`select to_regclass('cheat') as made`);
  expect(rows).toEqual([{ made: null }]);
});

test('a seeder is given the transaction, the adapter, the schema and a logger', async () => {
  const database = await createDatabase();
  const seen: Partial<SeederContext>[] = [];
  const seeder: Seeder = {
    name: 'own',
    async seed(context) {
      seen.push(context);
      await context.db.schema.createTable('own').addColumn('id', 'integer').execute();
      await context.adapter.addPolicies('p', 'p', [['readonly', 'reports', 'read']]);
      return { inserted: 1, existing: 0 };
    },
  };

  const report = await bootstrapDatabase(database.pool(), { schema: 'app', seeders: [seeder] });

  expect(report.seeders[1]).toMatchObject({ name: 'own', inserted: 1, existing: 0, total: 1 });
  expect(seen[0]).toMatchObject({ schema: 'app', firstRun: true });
  expect(seen[0]?.db?.isTransaction).toBe(true);
  const { rows } = await database.pool().query(`
    select to_regclass('app.own') is not null as made,
      exists (select from app.casbin where rule = '["readonly", "reports", "read"]') as added
  `);
  expect(rows).toEqual([{ made: true, added: true }]);
});

test('without a logger, a seeder gets one that writes nothing, and is asked for no work', async () => {
  const database = await createDatabase();
  const written = [vi.spyOn(process.stdout, 'write'), vi.spyOn(process.stderr, 'write')];
  onTestFinished(() => {
    for (const write of written) write.mockRestore();
  });
  const seeder: Seeder = {
    name: 'own',
    async seed({ logger }) {
      expect(logger.isLevelEnabled?.('debug')).toBe(false);
      const child = logger.child?.({ of: 'own' });
      for (const level of ['debug', 'info', 'warn', 'error'] as const)
        child?.[level]?.({ event: 'own' }, level);
      expect(child?.isLevelEnabled?.('info')).toBe(false);
      return { inserted: 0, existing: 0 };
    },
  };

  await bootstrapDatabase(database.pool(), { seeders: [seeder] });

  for (const write of written) expect(write).not.toHaveBeenCalled();
});

test('a seeder that swallows its own error still fails, with that error', async () => {
  const database = await createDatabase();
  const careless: Seeder = {
    name: 'careless',
    async seed({ db }) {
      await db
        .selectFrom('no_such_table')
        .execute()
        .catch(() => {});
      return { inserted: 0, existing: 0 };
    },
  };

  await expect(bootstrapDatabase(database.pool(), { seeders: [careless] })).rejects.toMatchObject({
    message: expect.stringMatching(/careless[\s\S]*no_such_table/),
  });
});

test('an isSeeded that swallows its own error is named with that error, also before others are asked', async () => {
  const database = await createBootstrapped();
  const careless: Seeder = {
    name: 'careless',
    async isSeeded({ db }) {
      await sql`select 1 / 0`.execute(db).catch(() => {});
      return true;
    },
    seed: async () => ({ inserted: 0, existing: 0 }),
  };

  const careful: Seeder = {
    name: 'careful',
    isSeeded: async ({ db }) => (await sql`select from casbin`.execute(db)).rows.length > 0,
    seed: async () => ({ inserted: 0, existing: 0 }),
  };

  for (const seeders of [[careless], [careless, careful]]) {
    await expect(bootstrapDatabase(database.pool(), { seeders })).rejects.toMatchObject({
      code: 'SEEDER_FAILED',
      seeder: 'careless',
      message:
        'Seeder "careless" caught an SQL error and continued, but PostgreSQL had aborted the transaction: division by zero. Nothing was changed. Let it throw, or avoid the error (if not exists, on conflict do nothing).',
    });
  }
});

test.each([
  ['42P01', 'undefined_table'],
  ['55P03', 'lock_not_available'],
  ['57014', 'query_canceled'],
])(
  'a seeder that swallows its own %s, and then stores a rule, fails with that error',
  async (_, condition) => {
    const database = await createDatabase();
    const careless: Seeder = {
      name: 'careless',
      async seed({ db, adapter }) {
        const fail = `do $$ begin raise ${condition} using message = 'its own error'; end $$`;
        await sql
          .raw(fail)
          .execute(db)
          .catch(() => {});
        await adapter.addPolicy('p', 'p', ['user', 'reports', 'read']);
        return { inserted: 1, existing: 0 };
      },
    };

    await expect(bootstrapDatabase(database.pool(), { seeders: [careless] })).rejects.toMatchObject({
      code: 'SEEDER_FAILED',
      message: expect.stringMatching(
        /^Seeder "careless" caught an SQL error and continued.*: its own error\. /,
      ),
    });
  },
);

test('all seeders of a start share one adapter', async () => {
  const database = await createDatabase();
  const adapters = new Set<unknown>();
  const noting = (name: string): Seeder => ({
    name,
    async seed(context) {
      adapters.add(context.adapter).add(context.adapter);
      return { inserted: 0, existing: 0 };
    },
  });

  await bootstrapDatabase(database.pool(), { seeders: [noting('one'), noting('other')] });

  expect(adapters.size).toBe(1);
});

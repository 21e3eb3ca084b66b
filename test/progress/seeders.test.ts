import { afterEach, expect, test, vi } from 'vitest';
import {
  bootstrapDatabase,
  bootstrapTenants,
  type Progress,
  rowSeeder,
  type Seeder,
} from '../../src/index.ts';
import { captureLog, linesOf } from '../bootstrap/log.fixture.ts';
import { createDatabase } from '../support/database.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Lets every look at the clock be a second after the one before. */
function makeWorkLong(): void {
  let time = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => {
    time += 1_000;
    return time;
  });
}

test('a row seeder reports its progress batch by batch, also during a look', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await pool.query('create table many (code int primary key)');
  const rows = Array.from({ length: 60_000 }, (_, code) => ({ code }));
  const many = rowSeeder({ name: 'many', table: 'many', key: 'code', rows });
  const { logger, lines } = captureLog('info');
  const seen: Progress[] = [];
  makeWorkLong();

  for (let start = 0; start < 2; start++) {
    await bootstrapDatabase(pool, {
      seeders: [many],
      logger,
      onProgress: (progress) => {
        if (progress.name === 'many') seen.push(progress);
      },
    });
  }

  const batches = (step: Progress['step']) =>
    [25_000, 50_000, 60_000].map((done) => ({ step, name: 'many', done, total: 60_000 }));
  expect(seen).toEqual([...batches('seed'), ...batches('read')]);
  expect(linesOf(lines, 'progress').filter(({ name }) => name === 'many')).toEqual(
    seen.map((progress) => expect.objectContaining({ level: 30, ...progress })),
  );
});

test('a seeder of the application reports its progress', async () => {
  const database = await createDatabase();
  const seen: Progress[] = [];
  const own: Seeder = {
    name: 'own',
    async seed({ progress }) {
      progress(1, 4);
      progress(4, 4);
      return { inserted: 4, existing: 0 };
    },
  };
  makeWorkLong();

  await bootstrapDatabase(database.pool(), {
    seeders: [own],
    onProgress: (progress) => {
      if (progress.name === 'own') seen.push(progress);
    },
  });

  expect(seen).toEqual([
    { step: 'seed', name: 'own', done: 1, total: 4 },
    { step: 'seed', name: 'own', done: 4, total: 4 },
  ]);
});

test('the progress for each of many tenants has its name', async () => {
  const pool = (await createDatabase()).pool();
  const seen: Progress[] = [];
  const { logger, lines } = captureLog('info');
  const own: Seeder = {
    name: 'own',
    async seed({ progress }) {
      progress(1, 4);
      return { inserted: 4, existing: 0 };
    },
  };
  makeWorkLong();

  await bootstrapTenants(
    ['a', 'b'].map((name) => ({ name, schema: name, pool })),
    { seeders: [own], logger, concurrency: 1, onProgress: (progress) => seen.push(progress) },
  );

  const told = ['a', 'b'].map((tenant) => ({ tenant, step: 'seed', name: 'own', done: 1, total: 4 }));
  expect(seen.filter(({ name }) => name === 'own')).toEqual(told);
  expect(linesOf(lines, 'progress').filter(({ name }) => name === 'own')).toMatchObject(told);
});

test('a listener that throws does not stop the bootstrap', async () => {
  const database = await createDatabase();
  const { logger, lines } = captureLog();
  const own: Seeder = {
    name: 'own',
    async seed({ progress }) {
      progress(1, 2);
      return { inserted: 2, existing: 0 };
    },
  };
  makeWorkLong();

  const report = await bootstrapDatabase(database.pool(), {
    seeders: [own],
    logger,
    onProgress: () => {
      throw new Error('no screen');
    },
  });

  expect(report.seeders[1]).toMatchObject({ name: 'own', inserted: 2 });
  expect(linesOf(lines, 'progress_listener_failed')).not.toEqual([]);
});

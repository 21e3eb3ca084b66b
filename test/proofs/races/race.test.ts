import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../../src/index.ts';
import { createAdapter } from '../../../src/tables/adapter.ts';
import { createBootstrapped } from '../../bootstrap/bootstrapped.fixture.ts';
import { COMPLETE, readAll, SIMULATED, simulate } from '../../engines/engines.fixture.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { type Processes, startProcesses } from '../../support/processes.ts';
import { LAYOUTS } from '../../tables/layouts.fixture.ts';

// Many processes on few cores.
const PATIENCE_MS = 180_000;
const BOOTSTRAP = new URL('./children/bootstrap.mjs', import.meta.url);

interface Report {
  readonly changed: boolean;
  readonly migrations: readonly string[];
  readonly inserted: number;
}

let processes: Processes;
beforeAll(() => {
  processes = startProcesses(16, BOOTSTRAP);
});
afterAll(() => processes[Symbol.asyncDispose]());

async function race(url: string, table: string): Promise<Report[]> {
  const reports = await processes.round<Report[]>({ url, table, instances: 1 });
  return reports.flat();
}

// On columns, nothing in the table keeps a rule from being stored twice.
describe.each(LAYOUTS)('in a table of layout $name', (layout) => {
  async function count(database: TestDatabase) {
    const { rows } = await database.pool().query(`
    select
      (select count(*)::int from ${layout.table}) as rules,
      (select count(*)::int from providers) as providers,
      (select array_agg(name order by name) from casbin_bootstrap_migration) as migrations
  `);
    return rows[0];
  }

  const BOOTSTRAPPED = { rules: 16, providers: 3, migrations: [`0001_${layout.table}`, '0002_providers'] };
  const NOTHING = { changed: false, migrations: [], inserted: 0 };

  test('lets 16 processes bootstrap an empty database at the same time, and one of them does the work', {
    timeout: PATIENCE_MS,
  }, async () => {
    const database = await createDatabase();

    const reports = await race(database.url, layout.table);

    expect(reports.filter(({ changed }) => changed)).toEqual([
      { changed: true, migrations: BOOTSTRAPPED.migrations, inserted: 19 },
    ]);
    expect(reports.filter(({ changed }) => !changed)).toEqual(Array(15).fill(NOTHING));
    expect(await count(database)).toEqual(BOOTSTRAPPED);
  });

  test('lets 16 processes start on a bootstrapped database, and none of them writes', {
    timeout: PATIENCE_MS,
  }, async () => {
    const database = await createBootstrapped(layout.options);

    const reports = await race(database.url, layout.table);

    expect(reports).toEqual(Array(16).fill(NOTHING));
    expect(await count(database)).toEqual(BOOTSTRAPPED);
  });

  test('lets 16 instances put back a rule that was deleted, once', { timeout: PATIENCE_MS }, async () => {
    const database = await createBootstrapped(layout.options);
    await createAdapter(database.pool(), layout.options).removePolicy('p', 'p', [
      'readonly',
      'accounts',
      'read',
    ]);
    const pools = Array.from({ length: 16 }, () => database.pool({ max: 1 }));

    const reports = await Promise.all(pools.map((pool) => bootstrapDatabase(pool, layout.options)));

    expect(reports.filter(({ changed }) => changed)).toHaveLength(1);
    expect(reports.reduce((sum, { seeders }) => sum + (seeders[0]?.inserted ?? 0), 0)).toBe(1);
    expect(await count(database)).toEqual(BOOTSTRAPPED);
  });
});

test.for(SIMULATED)(
  'on %s, 16 processes bootstrap an empty database at once, and all succeed',
  { timeout: PATIENCE_MS },
  async (name) => {
    await using simulation = await simulate(name);
    const { database, engine } = simulation;

    const reports = await race(engine.url, 'casbin_rule');

    const inserted = reports.map((report) => report.inserted);
    expect(inserted.toSorted((one, other) => other - one)).toEqual([19, ...Array(15).fill(0)]);
    expect(await readAll(database)).toEqual(COMPLETE);
  },
);

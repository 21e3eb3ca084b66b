import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bootstrapDatabase, verifyDatabase } from '../../../src/index.ts';
import { readRules, readUniqueness } from '../../bootstrap/database-state.fixture.ts';
import { migrateByStockAdapter } from '../../bootstrap/stock-adapter.fixture.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { type Processes, startProcesses } from '../../support/processes.ts';

// Many processes on few cores.
const PATIENCE_MS = 300_000;
const RACE = new URL('./children/race.mjs', import.meta.url);
const PROCESSES = 4;

interface Outcome {
  readonly inserted: number;
  readonly ok: boolean;
  /** The SQLSTATEs that it was tried again for. */
  readonly conflicts: readonly string[];
  /** How many advisory locks anybody held, at each moment that it would have taken one. */
  readonly locksHeld: readonly number[];
}

interface Race {
  readonly database: TestDatabase;
  readonly outcomes: readonly Outcome[];
}

let processes: Processes;
beforeAll(() => {
  processes = startProcesses(PROCESSES, RACE);
});
afterAll(() => processes[Symbol.asyncDispose]());

/** Starts that many instances, none of which gets an advisory lock, and checks that all succeed without. */
async function race(
  instances: number,
  release: string,
  prepare: (database: TestDatabase) => Promise<unknown>,
): Promise<Race> {
  const database = await createDatabase();
  await prepare(database);
  const answers = await processes.round<Outcome[]>({
    url: database.url,
    release,
    count: instances / PROCESSES,
  });
  const outcomes = answers.flat();
  expect(outcomes.map(({ ok }) => ok)).toEqual(Array(instances).fill(true));
  const held = outcomes.flatMap(({ locksHeld }) => locksHeld);
  expect(held.length, 'somebody asked for the locks').toBeGreaterThan(0);
  expect(Math.max(...held)).toBe(0);
  return { database, outcomes };
}

function totalInserted(outcomes: readonly Outcome[]): number {
  return outcomes.reduce((sum, { inserted }) => sum + inserted, 0);
}

async function empty() {}

async function bootstrapped(database: TestDatabase) {
  await bootstrapDatabase(database.pool());
}

async function expectComplete(database: TestDatabase, options: { schema?: string } = {}) {
  const pool = database.pool();
  const { schema = 'public' } = options;
  await expect(verifyDatabase(pool, options)).resolves.toMatchObject({ ok: true, checks: 56, drift: [] });
  const rules = await readRules(pool, `${schema}.casbin`);
  expect([rules.length, new Set(rules).size]).toEqual([16, 16]);
  const { rows } = await pool.query(
    `select (select count(*)::int from ${schema}.providers) as providers,
       array(select name from ${schema}.casbin_bootstrap_migration order by name) as migrations`,
  );
  expect(rows).toEqual([{ providers: 3, migrations: ['0001_casbin', '0002_providers'] }]);
}

describe('without advisory locks, instances that start at once', { timeout: PATIENCE_MS }, () => {
  test.for([1, 2, 3, 4, 5])('bootstrap an empty database, round %i', async () => {
    const { database, outcomes } = await race(8, 'default', empty);
    expect(totalInserted(outcomes)).toBe(19);
    await expectComplete(database);
  });

  test('bootstrap a schema that is not there yet', async () => {
    const { database, outcomes } = await race(16, 'own schema', empty);
    expect(totalInserted(outcomes)).toBe(19);
    await expectComplete(database, { schema: 'apart' });
  });

  test('take over the table of a stock adapter', async () => {
    const { database, outcomes } = await race(16, 'default', ({ url }) => migrateByStockAdapter(url));
    expect(totalInserted(outcomes)).toBe(19);
    await expectComplete(database);
    expect(await readUniqueness(database.pool())).toEqual(['UNIQUE (ptype, rule)']);
  });

  test('put back a rule that was deleted, once', async () => {
    const { database, outcomes } = await race(16, 'default', async (database) => {
      await bootstrapped(database);
      await database.pool().query(`delete from casbin where rule = '["readonly", "accounts", "read"]'`);
    });
    expect(totalInserted(outcomes)).toBe(1);
    await expectComplete(database);
  });

  test.for([1, 2, 3])(
    'run new migrations, one of which alters the table of the rules, round %i',
    async () => {
      const { database, outcomes } = await race(16, 'new migrations', bootstrapped);
      await expectComplete(database);
      const { rows } = await database.pool().query('select name from kysely_migration order by name');
      expect(rows).toEqual([{ name: '2026_notes' }, { name: '2027_marks' }]);
      // What a watched policy is read with must not be in the way of what alters it.
      expect(outcomes.flatMap(({ conflicts }) => conflicts)).not.toContain('40P01');
    },
  );

  test('seed the same rules from two releases that define them in opposite orders', async () => {
    const { database, outcomes } = await race(16, 'two orders', withoutRules);
    expect(totalInserted(outcomes)).toBe(50);
    await expectFiftyRules(database);
  });

  test('do so when each holds a lock that the other needs: by a deadlock, and another attempt', async () => {
    const { database, outcomes } = await race(4, 'two orders', async (database) => {
      await withoutRules(database);
      await makeInsertersMeet(database, 4);
    });
    expect(outcomes.flatMap(({ conflicts }) => conflicts)).toContain('40P01');
    expect(totalInserted(outcomes)).toBe(50);
    await expectFiftyRules(database);
  });
});

async function withoutRules(database: TestDatabase) {
  await bootstrapDatabase(database.pool(), { policy: null, seeders: [] });
}

async function expectFiftyRules(database: TestDatabase) {
  const rules = await readRules(database.pool());
  expect([rules.length, new Set(rules).size]).toEqual([50, 50]);
}

/**
 * Has that many inserters wait for each other before the first rule of each, and then the two who got theirs in:
 * beginning at opposite ends, each comes to what the other holds.
 */
async function makeInsertersMeet(database: TestDatabase, inserters: number) {
  await database.pool().query(`
    create sequence arrival;
    create function meet() returns trigger language plpgsql as $$
    declare
      arrived bigint := nextval('arrival');
      awaited bigint := case when arrived <= ${inserters} then ${inserters} else ${inserters + 2} end;
    begin
      for attempt in 1..2000 loop
        exit when arrived > awaited or (select last_value from arrival) >= awaited;
        perform pg_sleep(0.01);
      end loop;
      return new;
    end $$;
    create trigger meet before insert on casbin for each row execute function meet();
  `);
}

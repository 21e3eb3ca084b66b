import { describe, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../test/support/database.ts';
import { runProcesses } from '../test/support/processes.ts';
import { ADAPTERS, type AdapterName, loadAdapter, makeTable, openApplication } from './application.ts';
import { DEFINED, OPTIONS } from './defined.fixture.ts';
import { bootstrapDatabase, verifyDatabase } from './library.ts';
import { readStoredRules } from './rule-rows.ts';

// Many processes on few cores.
const PATIENCE_MS = 180_000;
const START = new URL('./children/start.js', import.meta.url);
/** So many processes, each with so many bootstraps or instances of the adapter. */
const PROCESSES = 2;
const EACH = 4;
const INSTANCES = PROCESSES * EACH;

/** What an instance came to: a bootstrap, or one of the application, which may fail by its adapter's own faults. */
interface Outcome {
  readonly role: 'ours' | 'theirs';
  readonly ok: boolean;
  readonly inserted?: number;
  /** The rule that an instance of the application added, when it could. */
  readonly added?: string[];
  readonly error?: string;
}

/** Eight bootstraps and eight instances of the application, in processes that begin at the same moment. */
async function startTogether(name: AdapterName, { url }: TestDatabase): Promise<Outcome[]> {
  const { tableName } = await loadAdapter(name);
  const results = await runProcesses(2 * PROCESSES, START, {
    args: [name, tableName, OPTIONS.policy, String(EACH)],
    env: { DATABASE_URL: url },
  });
  expect(results.filter(({ code }) => code !== 0)).toEqual([]);
  return results.flatMap(({ stdout }) => JSON.parse(stdout));
}

/**
 * Whether the instances of the adapter have left the ids without a default, as those of typeorm-adapter may on a busy
 * machine: nobody can insert a rule then. Bootstraps say so, and succeed after the next start of the application.
 */
async function leavesIdsUnfilled(name: AdapterName, database: TestDatabase, outcomes: readonly Outcome[]) {
  const refused = outcomes.filter(({ role, ok }) => role === 'ours' && !ok);
  if (name !== 'typeorm' || refused.length === 0) return false;
  for (const { error } of refused) {
    expect(error).toMatch(/^TABLE_SHAPE: No rule can be added to table \S+: column "id" has no default\. /);
  }
  const { tableName } = await loadAdapter(name);
  const pool = database.pool();
  await makeTable(name, pool, database.url);
  expect(await bootstrapDatabase(pool, { ...OPTIONS, table: tableName })).toMatchObject({ changed: true });
  return true;
}

async function expectAllTogether(name: AdapterName, database: TestDatabase, outcomes: readonly Outcome[]) {
  const { tableName } = await loadAdapter(name);
  const ours = outcomes.filter(({ role }) => role === 'ours');
  expect(ours.map(({ ok, error }) => ({ ok, error }))).toEqual(Array(INSTANCES).fill({ ok: true }));
  expect(ours.reduce((sum, { inserted = 0 }) => sum + inserted, 0)).toBe(DEFINED.length);

  const added = outcomes.flatMap((outcome) => (outcome.added ? [outcome.added] : []));
  const pool = database.pool();
  expect(await readStoredRules(pool, tableName)).toEqual(
    [...DEFINED, ...added].toSorted((one, other) => (one.join('\n') < other.join('\n') ? -1 : 1)),
  );
  const options = { ...OPTIONS, table: tableName };
  expect(await verifyDatabase(pool, options)).toMatchObject({ ok: true });
  expect(await bootstrapDatabase(pool, options)).toMatchObject({ changed: false });
  await using application = await openApplication(name, database.url);
  expect(
    await application.decide([
      ['clerk', 'invoices', 'read'],
      ['viewer', 'invoices', 'write'],
    ]),
  ).toEqual([true, false]);
}

describe.for(ADAPTERS)(
  'eight bootstraps beside eight instances on the stock adapter of %s',
  { timeout: PATIENCE_MS },
  (name) => {
    test('all succeed on an empty database that can take rules, and insert each rule once', async () => {
      const database = await createDatabase();

      const outcomes = await startTogether(name, database);

      if (!(await leavesIdsUnfilled(name, database, outcomes))) {
        await expectAllTogether(name, database, outcomes);
      }
    });

    test('all succeed on the table that the adapter has made, and insert each rule once', async () => {
      const database = await createDatabase();
      await makeTable(name, database.pool(), database.url);

      const outcomes = await startTogether(name, database);

      await expectAllTogether(name, database, outcomes);
      const theirs = outcomes.filter(({ role }) => role === 'theirs');
      expect(theirs.map(({ ok, error }) => ({ ok, error }))).toEqual(Array(INSTANCES).fill({ ok: true }));
    });
  },
);

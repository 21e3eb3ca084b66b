import { setImmediate } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, createLiveEnforcer } from '../../../src/index.ts';
import { createDatabase } from '../../support/database.ts';
import { type Processes, startProcesses } from '../../support/processes.ts';
import { LAYOUTS } from '../../tables/layouts.fixture.ts';

const SWAP = new URL('./children/swap-roles.mjs', import.meta.url);
const PROCESSES = 3;
const TURNS = 200;

let processes: Processes;
beforeAll(() => {
  processes = startProcesses(PROCESSES, SWAP);
});
afterAll(() => processes[Symbol.asyncDispose]());

test.for(
  LAYOUTS.flatMap((layout) => [true, false].map((journal) => ({ layout, journal, name: layout.name }))),
)(
  'a role that goes from one to another in a transaction is never seen with both or none ($name, journal: $journal)',
  { timeout: 180_000 },
  async ({ layout, journal }) => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...layout.options, seeders: [], journal });
    const pairs = Array.from(
      { length: PROCESSES * 5 },
      (_, index) => `${Math.floor(index / 5)} ${index % 5}`,
    );
    await layout.insert(pool, ...pairs.map((pair) => ['g', `a${pair}`, 'user']));
    let changes = 0;
    await using live = await createLiveEnforcer(pool, {
      ...layout.options,
      pollIntervalMs: 20,
      onChange: () => {
        changes += 1;
      },
    });
    const allows = (name: string) => live.enforceSync(name, 'accounts', 'read');

    let isOver = false;
    const writing = processes.round({ url: database.url, table: layout.table, turns: TURNS }).finally(() => {
      isOver = true;
    });
    const wrong: string[] = [];
    let checks = 0;
    while (!isOver) {
      for (const pair of pairs) {
        checks += 1;
        if (allows(`a${pair}`) === allows(`b${pair}`)) wrong.push(pair);
      }
      if (!allows('admin')) wrong.push('admin');
      await setImmediate();
    }

    expect(await writing).toEqual(Array(PROCESSES).fill('done'));
    expect(wrong).toEqual([]);
    expect([checks > 1_000, changes > 20]).toEqual([true, true]);
    await live.caughtUp();
    const stored = await createEnforcer(pool, layout.options);
    for (const pair of pairs) {
      for (const name of [`a${pair}`, `b${pair}`]) {
        expect(allows(name)).toBe(await stored.enforce(name, 'accounts', 'read'));
      }
    }
  },
);

import { setImmediate, setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addTo } from '../../../src/collections.ts';
import { bootstrapDatabase, createEnforcer, createLiveEnforcer } from '../../../src/index.ts';
import { createDatabase } from '../../support/database.ts';
import { type Processes, runProcesses, startProcesses } from '../../support/processes.ts';
import { LAYOUTS } from '../../tables/layouts.fixture.ts';

const SWAP = new URL('./children/swap-roles.mjs', import.meta.url);
const PROCESSES = 3;
const TURNS = 200;

const TOGGLE = new URL('./children/toggle-users.mjs', import.meta.url);
/** Short here; `npm run test:race` asks for more. */
const LASTS_MS = Number(process.env.LIVE_RACE_MS ?? 0);
const CHANGES = 250;
const USERS = 8;

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

/** From `before` to `after`, in nanoseconds of the machine, a change was committed. */
interface Committed {
  readonly has: boolean;
  readonly before: number;
  readonly after: number;
}

/** An answer, and when the enforcer had last confirmed that it has everything. */
interface Answer {
  readonly user: string;
  readonly isAllowed: boolean;
  readonly confirmed: number;
  readonly at: number;
}

/** What an answer may be: each state that the database was in from the confirmation to the answer. */
function possibleAnswers(changes: readonly Committed[], { confirmed, at }: Answer): Set<boolean> {
  const last = changes.findLastIndex(({ after }) => after <= confirmed);
  const begun = changes.slice(last + 1).filter(({ before }) => before <= at);
  return new Set([changes[last]?.has ?? false, ...begun.map(({ has }) => has)]);
}

test.for([true, false])(
  'every answer is one that the database had since the last confirmation, whoever writes (journal: %s)',
  { timeout: 180_000 + LASTS_MS },
  async (journal) => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { seeders: [], journal });
    await using live = await createLiveEnforcer(pool, { pollIntervalMs: 20 });
    const users = ['ours', 'stock'].flatMap((kind) =>
      Array.from({ length: USERS }, (_, index) => `${kind} ${index}`),
    );
    const epoch = Number(process.hrtime.bigint()) - performance.now() * 1e6;
    let isOver = false;
    const writing = runProcesses(2, TOGGLE, {
      args: [String(CHANGES), String(LASTS_MS), String(USERS)],
      env: { DATABASE_URL: database.url },
    }).finally(() => {
      isOver = true;
    });
    const answers: Answer[] = [];
    while (!isOver) {
      for (const user of users) {
        // To the millisecond before.
        const confirmed = epoch + (live.state.confirmedAt.getTime() - performance.timeOrigin) * 1e6;
        const isAllowed = live.enforceSync(user, 'accounts', 'read');
        answers.push({ user, isAllowed, confirmed, at: Number(process.hrtime.bigint()) });
      }
      await setTimeout(1);
    }

    const results = await writing;
    expect(results.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      Array(2).fill({ code: 0, stderr: '' }),
    );
    const log = new Map<string, Committed[]>();
    for (const { stdout } of results) {
      for (const [user, has, before, after] of JSON.parse(stdout) as [string, boolean, number, number][]) {
        addTo(log, user, { has, before, after });
      }
    }
    let sure = 0;
    const wrong = answers.filter((answer) => {
      const possible = possibleAnswers(log.get(answer.user) ?? [], answer);
      if (possible.size === 1) sure += 1;
      return !possible.has(answer.isAllowed);
    });
    const changes = [...log.values()].flat().length;
    console.log(
      `journal ${journal}: ${changes} changes, ${answers.length} answers (${answers.filter(({ isAllowed }) => isAllowed).length} allowed), ${sure} with one possible, ${wrong.length} wrong`,
    );
    expect(wrong).toEqual([]);
    expect([changes > CHANGES, sure > changes]).toEqual([true, true]);
    await live.caughtUp();
    for (const user of users) {
      expect(live.enforceSync(user, 'accounts', 'read')).toBe(log.get(user)?.at(-1)?.has ?? false);
    }
  },
);

import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { addTo } from '../../../src/collections.ts';
import { createEnforcer, createLiveEnforcer } from '../../../src/index.ts';
import { createBootstrapped } from '../../bootstrap/bootstrapped.fixture.ts';
import { type Processes, runProcesses, startProcesses } from '../../support/processes.ts';
import { LAYOUTS } from '../../tables/layouts.fixture.ts';

const SWAP = new URL('./children/swap-roles.mjs', import.meta.url);
const PROCESSES = 3;
/** Of each process in each round, of which there are at least so many. */
const TURNS = 50;
const ROUNDS = 2;

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

/** Calls back after each answer that the pool gives, when whoever asked has done with it what they do at once. */
function afterEachAnswer(pool: pg.Pool, callBack: () => void): pg.Pool {
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...given: unknown[]) => Promise<unknown>;
    const ask = (...given: unknown[]) => query(...given).finally(() => setImmediate(callBack));
    Object.assign(client, { query: ask });
  });
  return pool;
}

test.for(
  LAYOUTS.flatMap((layout) => [true, false].map((journal) => ({ layout, journal, name: layout.name }))),
)(
  'a role that goes from one to another in a transaction is never seen with both or none ($name, journal: $journal)',
  { timeout: 180_000 },
  async ({ layout, journal }) => {
    const database = await createBootstrapped({ ...layout.options, seeders: [], journal });
    const pool = database.pool();
    const pairs = Array.from(
      { length: PROCESSES * 5 },
      (_, index) => `${Math.floor(index / 5)} ${index % 5}`,
    );
    await layout.insert(pool, ...pairs.map((pair) => ['g', `a${pair}`, 'user']));
    let changes = 0;
    let checks = 0;
    const wrong: string[] = [];
    let check = () => {};
    // Only when it was answered can the enforcer have changed.
    const answering = afterEachAnswer(database.pool(), () => check());
    await using live = await createLiveEnforcer(answering, {
      ...layout.options,
      pollIntervalMs: 20,
      onChange: () => {
        changes += 1;
      },
    });
    const allows = (name: string) => live.enforceSync(name, 'accounts', 'read');

    check = () => {
      for (const pair of pairs) {
        checks += 1;
        if (allows(`a${pair}`) === allows(`b${pair}`)) wrong.push(pair);
      }
      if (!allows('admin')) wrong.push('admin');
    };

    // Until enough was seen, however slow this process is beside the others.
    for (let round = 0; round < ROUNDS || checks < 1_000 || changes < 20; round++) {
      expect(await processes.round({ url: database.url, table: layout.table, turns: TURNS })).toEqual(
        Array(PROCESSES).fill('done'),
      );
      await live.caughtUp();
    }

    expect(wrong).toEqual([]);
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
    const database = await createBootstrapped({ seeders: [], journal });
    const pool = database.pool();
    await using live = await createLiveEnforcer(pool, { pollIntervalMs: 20 });
    const users = ['ours', 'stock'].flatMap((kind) =>
      Array.from({ length: USERS }, (_, index) => `${kind} ${index}`),
    );
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
        // To the millisecond before, as both dates are cut.
        const now = Number(process.hrtime.bigint());
        const confirmed = now - (Date.now() + 1 - live.state.confirmedAt.getTime()) * 1e6;
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
    expect([changes > CHANGES, sure > CHANGES]).toEqual([true, true]);
    await live.caughtUp();
    for (const user of users) {
      expect(live.enforceSync(user, 'accounts', 'read')).toBe(log.get(user)?.at(-1)?.has ?? false);
    }
  },
);

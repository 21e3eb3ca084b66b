import { syncBuiltinESMExports } from 'node:module';
import timers from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { retryConflicts } from '../../src/failure/retry.ts';
import { captureLog, linesOf } from './log.fixture.ts';

const silent = pino({ level: 'silent' });

// Not by vi.mock: a worker shares its modules among files, and the library may have been loaded by another one.
beforeEach(() => {
  vi.spyOn(timers, 'setTimeout').mockResolvedValue(undefined);
  syncBuiltinESMExports();
});

afterEach(() => {
  vi.restoreAllMocks();
  syncBuiltinESMExports();
});

function conflict(code: string) {
  return Object.assign(new Error('met another'), { code });
}

/** The pauses that are made for a conflict that does not go away, drawn as that part of their bound. */
async function pausesFor(code: string, drawn: number): Promise<unknown[]> {
  vi.spyOn(Math, 'random').mockReturnValue(drawn);
  const error = conflict(code);
  await expect(retryConflicts(() => Promise.reject(error), silent)).rejects.toBe(error);
  return vi.mocked(timers.setTimeout).mock.calls.map(([ms]) => ms);
}

test.for(['23505', '42P07', '42710', '42P06'])('%s is tried five times', async (code) => {
  expect(await pausesFor(code, 1)).toEqual([100, 200, 400, 800]);
});

test.for(['40001', '40P01'])('%s, which passes by itself, is tried ten times', async (code) => {
  expect(await pausesFor(code, 1)).toEqual([100, 200, 400, 800, 1600, 2000, 2000, 2000, 2000]);
});

test('pauses are random, so that two sessions with a conflict do not have it again', async () => {
  expect(await pausesFor('23505', 0.25)).toEqual([25, 50, 100, 200]);
});

test('a conflict that goes away is logged each time, and the result is that of the last attempt', async () => {
  const { logger, lines } = captureLog();
  const ends = [conflict('40001'), new Error('wrapped', { cause: conflict('40P01') })];

  await expect(
    retryConflicts(async () => {
      const end = ends.shift();
      if (end !== undefined) throw end;
      return 'done';
    }, logger),
  ).resolves.toBe('done');

  expect(linesOf(lines, 'conflict_retried')).toMatchObject([
    { attempt: 1, code: '40001' },
    { attempt: 2, code: '40P01' },
  ]);
});

test.for([
  'tuple concurrently updated',
  'cache lookup failed for type 16401',
  'Query error: Catalog Version Mismatch: A DDL occurred while processing this query.',
])('XX000 is tried five times where another session changed the catalog: %s', async (message) => {
  const error = new Error('wrapped', { cause: Object.assign(new Error(message), { code: 'XX000' }) });
  const attempt = vi.fn(() => Promise.reject(error));
  await expect(retryConflicts(attempt, silent)).rejects.toBe(error);
  expect(attempt).toHaveBeenCalledTimes(5);
});

test.for(['42501', '57014', '22012', 'XX000'])(
  '%s is not a conflict, and ends the attempts at once',
  async (code) => {
    expect(await pausesFor(code, 1)).toEqual([]);
  },
);

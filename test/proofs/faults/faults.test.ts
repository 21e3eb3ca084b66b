import { expect, test } from 'vitest';
import { createDatabase } from '../../support/database.ts';
import { startServer } from '../../support/server.ts';
import { type Counts, KINDS, runRound } from './campaign.ts';

/** Short here; `npm run test:faults` asks for more. */
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 30);
const SEED = Number(process.env.FAULT_SEED ?? Math.floor(Math.random() * 1_000_000));
const LANES = 4;
const MS_PER_ROUND = 20_000;

function tell(counts: Counts): void {
  const lines = Object.entries(counts).map(
    ([kind, ends]) =>
      `  ${kind}: ${Object.entries(ends)
        .map(([end, times]) => `${times} ${end}`)
        .join(', ')}`,
  );
  process.stdout.write(`Faults, FAULT_SEED=${SEED}:\n${lines.join('\n')}\n`);
}

test('whatever happens to a connection or a process, a database is bootstrapped or as before, and the next start succeeds', {
  timeout: 60_000 + ROUNDS * MS_PER_ROUND,
}, async () => {
  const { url } = await createDatabase();
  const counts: Counts = {};
  let next = 0;
  const lane = async () => {
    for (let round = next++; round < ROUNDS; round = next++) {
      await runRound(KINDS[round % KINDS.length] ?? 'cut', SEED + round, { url }, counts);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  tell(counts);
  expect(Object.keys(counts)).toHaveLength(Math.min(ROUNDS, KINDS.length));
});

test('the same holds when the server is restarted at any moment', {
  timeout: 60_000 + ROUNDS * MS_PER_ROUND,
}, async () => {
  await using server = await startServer();
  const counts: Counts = {};
  const rounds = Math.ceil(ROUNDS / 10);
  for (let round = 0; round < rounds; round++) {
    await runRound('failover', SEED + ROUNDS + round, { url: server.url(), server }, counts);
  }
  tell(counts);
  expect(Object.values(counts.failover ?? {}).reduce((sum, times) => sum + times, 0)).toBe(rounds);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { expect } from 'vitest';
import { bootstrapDatabase } from '../../../src/bootstrap.ts';
import { BootstrapError } from '../../../src/errors.ts';
import { settled } from '../../support/leaks.ts';
import type { Server } from '../../support/server.ts';
import { type Fault, openFaultyWire } from './faulty-wire.ts';
import { createRandom } from './random.ts';

/** What a fault may be told as. Any other failure is a fault of ours. */
const CODES = [
  'CONNECTION_FAILED',
  'CONNECTION_LOST',
  'OUTCOME_UNKNOWN',
  'STATEMENT_TIMEOUT',
  'LOCK_TIMEOUT',
];

/** Short, so that a stall costs little time. */
const OPTIONS = {
  connectTimeoutMs: 2_000,
  lockTimeoutMs: 1_000,
  statementTimeoutMs: 1_000,
  idleInTransactionTimeoutMs: 1_000,
};

/** More than all the limits together. */
const HANGING_MS = 60_000;

const CHILD = fileURLToPath(new URL('./children/interrupted-bootstrap.mjs', import.meta.url));

export const KINDS = ['cut', 'stall', 'delay', 'terminate', 'cancel', 'kill'] as const;
type Kind = (typeof KINDS)[number] | 'failover';

/** How many rounds ended how, by kind. */
export type Counts = Record<string, Record<string, number>>;

/** What a round works on. */
export interface Place {
  readonly url: string;
  /** To restart; where it is the round's own. */
  readonly server?: Server;
}

/**
 * One bootstrap that meets one fault at a random moment, and then what must be true: it ended in time, in success or
 * with a code that tells a fault; the database is as before or complete; nobody holds a lock; the next one succeeds.
 */
export async function runRound(
  kind: Kind,
  seed: number,
  { url, server }: Place,
  counts: Counts,
): Promise<void> {
  const random = createRandom(seed);
  const observer = new pg.Pool({ connectionString: url, max: 1 });
  observer.on('error', () => {});
  const schema = `round_${seed}`;
  const bootstrapped = random() < 0.5;
  if (bootstrapped) {
    await bootstrapDatabase(observer, { schema });
    await observer.query(`delete from ${schema}.casbin where rule ->> 0 = 'admin'`);
  }
  const before = bootstrapped ? await count(observer, schema) : 0;

  const child: { kill(): void } = { kill: () => {} };
  const bytes = bootstrapped ? BYTES.ofOneRule : BYTES.fromNothing;
  const fault = chooseFault(kind, random, { bytes, observer, schema, server, kill: () => child.kill() });
  const wire = await openFaultyWire(url, fault);
  const run = kind === 'kill' ? bootstrapInChild : bootstrapHere;
  const outcome = await inTime(run(wire.url, schema, child), `${kind} ${seed}`);
  await wire[Symbol.asyncDispose]();
  const label = wire.struck ? outcome : `${outcome} before the fault`;
  counts[kind] = { ...counts[kind], [label]: (counts[kind]?.[label] ?? 0) + 1 };

  const again = await bootstrapDatabase(observer, { schema, lockTimeoutMs: 20_000 });
  const inserted = again.seeders.reduce((sum, seeder) => sum + seeder.inserted, 0);
  const place = `${kind} with seed ${seed}: ${outcome}`;
  const all = (await count(observer, schema)) - before;
  expect([0, all], `${place}: all or nothing`).toContain(inserted);
  if (outcome === 'succeeded') expect(inserted, `${place}: it was committed`).toBe(0);
  if (CODES.includes(outcome) && outcome !== 'OUTCOME_UNKNOWN')
    expect(inserted, `${place}: nothing was changed`).toBe(all);
  expect(['succeeded', 'killed', ...CODES], place).toContain(outcome);
  const left = await settled(async () => {
    const { rows } = await observer.query<{ pid: number }>(`
      select pid from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid() and application_name = '${schema}'
    `);
    return rows.map(({ pid }) => ({ pid, busy: true, description: `session ${pid}` }));
  });
  expect(left, `${place}: no session is left`).toEqual([]);
  await observer.query(`drop schema ${schema} cascade`);
  await observer.end();
}

/** Rules, providers and migrations: what a bootstrap adds. */
async function count(observer: pg.Pool, schema: string): Promise<number> {
  const { rows } = await observer.query(
    `select (select count(*) from ${schema}.casbin) + (select count(*) from ${schema}.providers) as count`,
  );
  return Number(rows[0].count);
}

interface Means {
  readonly bytes: number;
  readonly observer: pg.Pool;
  readonly schema: string;
  readonly server: Server | undefined;
  readonly kill: () => void;
}

/** About as many bytes as these bootstraps send and receive. */
const BYTES = { fromNothing: 24_400, ofOneRule: 15_900 };

/** About as many as the commit, and what comes just before it. */
const LAST_BYTES = 600;

function chooseFault(
  kind: Kind,
  random: () => number,
  { bytes, observer, schema, server, kill }: Means,
): Fault {
  const afterBytes = Math.floor(random() < 0.25 ? bytes - random() * LAST_BYTES : random() * bytes);
  // The server is idle, or at work on what has just arrived.
  const timing = random() < 0.3 ? 'pass' : 'race';
  const onBackends = (action: string) => async () => {
    // Again and again: between two statements, nothing comes of it.
    for (let time = 0; time < 10; time++) {
      await observer.query(`select ${action}(pid) from pg_stat_activity where application_name = $1`, [
        schema,
      ]);
    }
  };
  switch (kind) {
    case 'cut':
    case 'stall':
      return { afterBytes, effect: kind };
    case 'delay': {
      const delay = () => ({ bytes: 1 + Math.floor(random() * 2_000), ms: random() * 4 });
      return { afterBytes: 0, effect: 'pass', delay };
    }
    case 'terminate':
      return { afterBytes, effect: timing, action: onBackends('pg_terminate_backend') };
    case 'cancel':
      return { afterBytes, effect: timing, action: onBackends('pg_cancel_backend') };
    case 'kill':
      return { afterBytes, effect: 'pass', action: async () => kill() };
    case 'failover':
      return {
        afterBytes,
        effect: 'pass',
        action: async () => {
          await server?.kill();
          await server?.start();
        },
      };
  }
}

async function bootstrapHere(url: string, schema: string): Promise<string> {
  const pool = new pg.Pool({ connectionString: url, max: 1, application_name: schema });
  pool.on('error', () => {});
  try {
    await bootstrapDatabase(pool, { ...OPTIONS, schema });
    return 'succeeded';
  } catch (error) {
    return error instanceof BootstrapError ? error.code : `not ours: ${error}`;
  } finally {
    // Of a pool that is stalled, nobody waits for the goodbye.
    pool.end().catch(() => {});
  }
}

async function bootstrapInChild(url: string, schema: string, child: { kill(): void }): Promise<string> {
  const env = {
    ...process.env,
    DATABASE_URL: url,
    PGAPPNAME: schema,
    OPTIONS: JSON.stringify({ ...OPTIONS, schema }),
  };
  const spawned = spawn(process.execPath, [CHILD], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  child.kill = () => spawned.kill('SIGKILL');
  const [told, [code, signal]] = await Promise.all([text(spawned.stdout), once(spawned, 'close')]);
  if (signal === 'SIGKILL') return 'killed';
  return code === 0 ? told : `child ended with ${code}`;
}

async function inTime(work: Promise<string>, what: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const hanging = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} hangs`)), HANGING_MS);
  });
  return Promise.race([work, hanging]).finally(() => clearTimeout(timer));
}

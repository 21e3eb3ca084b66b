import { setTimeout } from 'node:timers/promises';
import type pg from 'pg';

// A backend notices the end of its client, and rolls back, a moment after the client is gone.
const SETTLE_MS = 20_000;

export interface Session {
  readonly pid: number;
  readonly busy: boolean;
  readonly description: string;
}

/** Sessions of the database that are in the middle of something, or hold an advisory lock. */
export async function busySessions(admin: pg.Pool, database: string): Promise<Session[]> {
  return (await sessions(admin, database)).filter((session) => session.busy);
}

export async function sessions(admin: pg.Pool, database: string): Promise<Session[]> {
  const { rows } = await admin.query(
    `select pid, state, application_name, left(query, 200) as query, coalesce(locks, 0) as locks
       from pg_stat_activity
       left join (
         select pid, count(*)::int as locks from pg_locks where locktype = 'advisory' group by pid
       ) as held using (pid)
      where datname = $1 and backend_type = 'client backend'`,
    [database],
  );
  return rows.map(({ pid, state, application_name, query, locks }) => ({
    pid,
    busy: state !== 'idle' || locks > 0,
    description:
      `session ${pid} "${application_name}" is ${state}` +
      `${locks > 0 ? `, holds ${locks} advisory lock(s)` : ''}, last statement: ${query}`,
  }));
}

/** What is left when what was about to end has ended. */
export async function settled(look: () => Promise<Session[]>, settleMs = SETTLE_MS): Promise<Session[]> {
  const deadline = Date.now() + settleMs;
  for (;;) {
    const left = await look();
    if (left.length === 0 || Date.now() > deadline) return left;
    await setTimeout(10);
  }
}

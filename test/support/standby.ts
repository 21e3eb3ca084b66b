import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import { createScratch } from './scratch.ts';
import { type Server, startServer } from './server.ts';

const run = promisify(execFile);

export interface StandbyOptions {
  /** Follow the primary. Default: stay at what the primary held when the standby was made. */
  streaming?: boolean;
}

/** A hot standby of the primary, which is stopped while it is copied, and then started again. */
export async function startStandby(
  primary: Server,
  { streaming = false }: StandbyOptions = {},
): Promise<Server> {
  const home = await createScratch();
  await primary.stop({ keepData: true });
  await run('cp', ['-R', `${primary.home}/.`, home]);
  await primary.start();
  await writeFile(join(home, 'data', 'standby.signal'), '');
  return startServer({
    home,
    settings: { hot_standby: 'on', primary_conninfo: streaming ? primary.url() : '' },
  });
}

/** Resolves when the streaming standby shows all that the primary has committed by now. */
export async function caughtUp(primary: Server, standby: Server): Promise<void> {
  await using source = await connect(primary);
  await using copy = await connect(standby);
  const { rows } = await source.client.query('select pg_current_wal_flush_lsn() as lsn');
  const deadline = Date.now() + 50_000;
  while (Date.now() < deadline) {
    const replayed = await copy.client.query('select pg_last_wal_replay_lsn() >= $1 as done', [rows[0].lsn]);
    if (replayed.rows[0].done) return;
    await setTimeout(10);
  }
  throw new Error('The standby did not catch up with its primary within 50 s.');
}

async function connect(server: Server) {
  const client = new pg.Client(server.url());
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

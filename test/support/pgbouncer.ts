import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import pg from 'pg';
import { handOver, serverAccount } from './account.ts';
import { createScratch } from './scratch.ts';
import { freePort } from './server.ts';

/** A PgBouncer before the server. `await using` stops it, and with it its connections. */
export interface PgBouncer extends AsyncDisposable {
  /** The given URL, through the bouncer. */
  readonly url: string;
}

// Debian has it where only root looks.
const PLACES = ['pgbouncer', '/usr/sbin/pgbouncer'];

/** The program; undefined where it is not installed. */
export const pgBouncerProgram = PLACES.find(
  (place) => spawnSync(place, ['--version'], { stdio: 'ignore' }).status === 0,
);

// A process of its own, since it outlives us: however we end, its input is then closed, and it cleans up.
const GUARD = `
  "$1" -q "$2/pgbouncer.ini" &
  read -r _
  kill $!
  wait
  rm -rf "$2"
`;

/** Starts one that keeps at most `poolSize` connections to the server for a database and a role. */
export async function startPgBouncer(
  serverUrl: string,
  poolSize: number,
  poolMode: 'session' | 'transaction' | 'statement' = 'transaction',
): Promise<PgBouncer> {
  const program = pgBouncerProgram;
  if (program === undefined) throw new Error('PgBouncer is not installed.');
  const account = serverAccount();
  const home = await createScratch();
  const url = new URL(serverUrl);
  const port = await freePort();
  await writeFile(join(home, 'pgbouncer.ini'), configure(url, home, { port, poolSize, poolMode }));
  await writeFile(join(home, 'users'), `"${decode(url.username)}" "${decode(url.password)}"\n`, {
    mode: 0o600,
  });
  handOver(home, account);
  // Detached, or Ctrl+C would end the guard together with us.
  const guard = spawn('sh', ['-c', GUARD, 'sh', program, home], {
    ...account,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const exited = once(guard, 'exit');
  const stop = async () => {
    guard.stdin.end();
    await exited;
  };
  Object.assign(url, { hostname: '127.0.0.1', port: String(port) });
  await untilReady(url.href, home).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return { url: url.href, [Symbol.asyncDispose]: stop };
}

interface PgBouncerSettings {
  readonly port: number;
  readonly poolSize: number;
  readonly poolMode: string;
}

function configure({ hostname, port }: URL, home: string, settings: PgBouncerSettings): string {
  return `
[databases]
* = host=${hostname} port=${port || 5432}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${settings.port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${join(home, 'users')}
logfile = ${join(home, 'log')}
pool_mode = ${settings.poolMode}
default_pool_size = ${settings.poolSize}
max_client_conn = 500
`;
}

async function untilReady(url: string, home: string): Promise<void> {
  const deadline = Date.now() + 50_000;
  for (;;) {
    const client = new pg.Client(url);
    try {
      await client.connect();
      return await client.end();
    } catch (cause) {
      if (Date.now() > deadline) {
        const log = await readFile(join(home, 'log'), 'utf8').catch(() => '');
        throw new Error(`PgBouncer did not start.\n${log.slice(-4000)}`, { cause });
      }
      await setTimeout(20);
    }
  }
}

function decode(part: string): string {
  return decodeURIComponent(part).replaceAll('"', '""');
}

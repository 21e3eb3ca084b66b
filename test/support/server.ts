import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { type Account, handOver, serverAccount } from './account.ts';
import { type Binaries, findBinaries } from './binaries.ts';
import { createScratch } from './scratch.ts';

const run = promisify(execFile);

export interface ServerOptions {
  /** The `home` of a stopped server or a copy of it: its cluster goes on. Default: a new, empty cluster. */
  home?: string;
  /** The folder of another version's `initdb`, `pg_ctl` and `postgres`. */
  binDir?: string;
  /** Lines of postgresql.conf. */
  settings?: Record<string, string | number>;
}

/** A running PostgreSQL of our own, with a superuser `postgres`. `await using` stops it. */
export interface Server extends AsyncDisposable {
  /** Everything that is the server's: `data/`, `log` and `password`. */
  readonly home: string;
  readonly dataDir: string;
  url(database?: string): string;
  /** Ends the server and removes its home; with `keepData` it shuts down cleanly and can `start()` again. */
  stop(options?: { keepData?: boolean }): Promise<void>;
  /** As a power cut: sessions break off, the next `start()` begins with crash recovery. */
  kill(): Promise<void>;
  /** Starts again after `kill()` or `stop({ keepData: true })`, at the same port. */
  start(): Promise<void>;
}

const DEFAULTS = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: 300,
  fsync: 'off',
  full_page_writes: 'off',
  max_wal_size: '256MB',
  // its workers show up among sessions and locks, which tests count
  autovacuum: 'off',
};

// A process of its own, since it outlives us: however we end, its input is then closed, and it cleans up.
const GUARD = `
  bin=$1 home=$2 copy=$3
  control() { "$bin/pg_ctl" "$@" -w -s -D "$home/data" -l "$home/log" >"$home/pg_ctl.log" 2>&1; }
  while read -r order; do
    case $order in
      start) control start ;;
      *) control stop -m "$order" ;;
    esac
    echo $?
  done
  control stop -m immediate
  rm -rf "$home" "$copy"
`;

export async function startServer(options: ServerOptions = {}): Promise<Server> {
  const account = serverAccount();
  const home = options.home ?? (await createScratch());
  const dataDir = join(home, 'data');
  handOver(home, account);
  const binaries = options.binDir ? { binDir: options.binDir } : findBinaries(account);
  const guard = startGuard(binaries, home, account);
  try {
    if (options.home === undefined) await createCluster(binaries, home, account);
    const port = await freePort();
    await appendFile(
      join(dataDir, 'postgresql.conf'),
      renderSettings({ ...DEFAULTS, port, ...options.settings }),
    );
    await guard.order('start');
    const password = await readFile(join(home, 'password'), 'utf8');
    return {
      home,
      dataDir,
      url: (database = 'postgres') => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`,
      stop: ({ keepData = false } = {}) => (keepData ? guard.order('fast') : guard.dismiss()),
      kill: () => guard.order('immediate'),
      start: () => guard.order('start'),
      [Symbol.asyncDispose]: () => guard.dismiss(),
    };
  } catch (error) {
    await guard.dismiss();
    throw error;
  }
}

interface Guard {
  order(order: 'start' | 'fast' | 'immediate'): Promise<void>;
  dismiss(): Promise<void>;
}

function startGuard({ binDir, copy }: Binaries, home: string, account: Account): Guard {
  // detached, or Ctrl+C would end the guard together with us
  const child = spawn('sh', ['-c', GUARD, 'sh', binDir, home, copy ?? home], {
    ...account,
    cwd: '/',
    detached: true,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const exited = once(child, 'exit');
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async order(order) {
      child.stdin.write(`${order}\n`);
      const answer = await answers.next();
      if (answer.value !== '0') throw new Error(`PostgreSQL: "${order}" failed.\n${await readLogs(home)}`);
    },
    async dismiss() {
      child.stdin.end();
      await exited;
    },
  };
}

async function createCluster({ binDir }: Binaries, home: string, account: Account): Promise<void> {
  const passwordFile = join(home, 'password');
  await writeFile(passwordFile, crypto.randomUUID(), { mode: 0o600 });
  handOver(passwordFile, account);
  const place = ['--pgdata', join(home, 'data'), '--username=postgres', '--pwfile', passwordFile];
  const shape = ['--encoding=UTF8', '--locale=C', '--auth=scram-sha-256', '--no-sync'];
  await run(join(binDir, 'initdb'), [...place, ...shape], { ...account, cwd: home });
}

function renderSettings(settings: Record<string, string | number>): string {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`,
  );
  return `\n${lines.join('\n')}\n`;
}

/**
 * A port that nobody listens on, below those that systems give to sockets by themselves: one of these could go to
 * another test before a server has it, or while the server is stopped.
 */
export async function freePort(attempts = 100): Promise<number> {
  const port = 10_000 + Math.floor(Math.random() * 20_000);
  const probe = createServer();
  try {
    await once(probe.listen(port, '127.0.0.1'), 'listening');
  } catch (error) {
    if (attempts === 1) throw error;
    return freePort(attempts - 1);
  }
  probe.close();
  await once(probe, 'close');
  return port;
}

async function readLogs(home: string): Promise<string> {
  const logs = ['pg_ctl.log', 'log'].map((name) => readFile(join(home, name), 'utf8').catch(() => ''));
  return (await Promise.all(logs)).join('\n').slice(-4000);
}

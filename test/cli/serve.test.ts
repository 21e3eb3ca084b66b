import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { freePort } from '../support/server.ts';
import { runCli } from './run-cli.ts';

const BIN = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

test.each(['SIGINT', 'SIGTERM'] as const)(
  'casbin-bootstrap serve prints where the page is, shows it, and ends with 0 at %s',
  async (signal) => {
    const database = await createDatabase();
    await bootstrapDatabase(database.pool());
    await database.pool().query(`insert into casbin (ptype, rule) values ('g', '["alice", "user"]')`);
    await database.pool().query(`insert into casbin (ptype, rule) values ('p', '["user", "x", "read"]')`);
    const child = spawn(process.execPath, [BIN, 'serve', '--json', '--no-users', '--strict'], {
      env: { PATH: process.env.PATH, DATABASE_URL: database.url },
    });
    const complaints = text(child.stderr);
    let printed = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      printed += chunk;
      if (printed.includes('}')) break;
    }
    const { url } = JSON.parse(printed);
    const page = await (await fetch(url)).text();
    expect(page).toContain(`Access policy of ${database.name}`);
    expect(page).toContain('id="live"');
    expect(page).toContain('The database does not decide as defined');
    expect(page).not.toContain('alice');
    const watching = await fetch(`${url}changes`);
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await complaints).toBe('');
    await watching.text().catch(() => {});
  },
);

test('casbin-bootstrap serve shows the default policy at the port that is given, and says so', async () => {
  const port = await freePort();
  const child = spawn(process.execPath, [BIN, 'serve', '--offline', '--port', String(port)], {
    env: { PATH: process.env.PATH },
    cwd: await createFolder(),
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let printed = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    printed += chunk;
    if (printed.includes('Ctrl+C')) break;
  }
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  await ended;
  expect(printed).toMatch(
    /^The default policy is used, .*\nPolicy: as it is defined, without a database\n\n/,
  );
  expect(printed).toContain(`The page is at http://127.0.0.1:${port}/ until Ctrl+C.`);
});

test('casbin-bootstrap serve ends at once at Ctrl+C while it still waits for the database', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool);
  const holder = await pool.connect();
  await holder.query('begin');
  await holder.query('lock table casbin in access exclusive mode');
  const child = spawn(process.execPath, [BIN, 'serve'], {
    env: { PATH: process.env.PATH, DATABASE_URL: database.url },
  });
  const isWaiting = () =>
    pool.query(`select from pg_locks where not granted and relation = 'casbin'::regclass`);
  await vi.waitUntil(async () => (await isWaiting()).rowCount === 1, { timeout: 60_000, interval: 50 });
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  expect(await ended).toEqual([null, 'SIGINT']);
  await holder.query('rollback');
  holder.release();
});

test('casbin-bootstrap serve ends with 2 for an invalid port, and with 4 without the database', async () => {
  expect(await runCli(['serve', '--port', '65536', '--offline'])).toMatchObject({ code: 2 });
  const url = 'postgres://x@127.0.0.1:1/x';
  const args = ['serve', '--port', '65535', '--database-url', url];
  expect(await runCli(args)).toMatchObject({ code: 4, stdout: '' });
});

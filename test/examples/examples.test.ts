import { execFile, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { NODE_FLAGS } from '../support/node-flags.ts';

const run = promisify(execFile);

/** The code that a page shows of an example. */
async function shownOf(page: string, example: string): Promise<string | undefined> {
  const text = await readFile(page, 'utf8');
  const [, shown = ''] = text.split(`<!-- ${example} -->\n\`\`\`js\n`);
  return shown.split('```', 1)[0];
}

async function readmeBlocks(): Promise<{ code: string; output: string }> {
  const readme = await readFile('README.md', 'utf8');
  const match = /<!-- examples\/quick-start\.js -->\n```js\n(.*?)```\n\n```text\n(.*?)```/s.exec(readme);
  return { code: match?.[1] ?? '', output: match?.[2] ?? '' };
}

test('the example in the README is the one that lies in examples/', async () => {
  const { code } = await readmeBlocks();
  expect(code).toBe(await readFile('examples/quick-start.js', 'utf8'));
});

test('the recipe for the first administrator is the one that lies in examples/', async () => {
  const example = 'examples/smallest/first-administrator.js';
  expect(await shownOf('docs/seeding-guide.md', example)).toBe(await readFile(example, 'utf8'));
});

test('the example in the README prints what the README says', async () => {
  const { stdout } = await run(process.execPath, [...NODE_FLAGS, 'examples/quick-start.js']);
  expect(stdout).toBe((await readmeBlocks()).output);
});

test('the example of tenants bootstraps all but the one that fails, and finds them in place afterwards', async () => {
  const { stdout } = await run(process.execPath, [...NODE_FLAGS, 'examples/tenants.js']);
  expect(stdout).toBe(
    [
      'first run: 3 of 4 succeeded, 3 changed',
      '  initech failed: TABLE_SHAPE',
      'second run: 3 of 4 succeeded, 0 changed',
      '  initech failed: TABLE_SHAPE',
      '',
    ].join('\n'),
  );
});

test('the smallest application answers by the policy that it bootstrapped', async () => {
  const database = await createDatabase();
  const pool = () => database.pool({ max: 1 });
  const { url } = database;
  const application = spawn(process.execPath, ['examples/smallest/application.js'], {
    env: { ...process.env, DATABASE_URL: url, PORT: '0' },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = new Promise((resolve) => application.once('exit', resolve));
  onTestFinished(async () => {
    application.kill('SIGKILL');
    await ended;
  });
  const [line] = await application.stdout.setEncoding('utf8').take(1).toArray();
  const port = /listening on (\d+)/.exec(String(line))?.[1];
  const get = (role: string, method: string) =>
    fetch(`http://127.0.0.1:${port}/accounts`, { method, headers: { 'x-role': role } });

  expect((await get('readonly', 'GET')).status).toBe(200);
  expect((await get('readonly', 'POST')).status).toBe(403);
  expect((await get('admin', 'POST')).status).toBe(200);
  expect((await get('nobody', 'GET')).status).toBe(403);

  const { rowCount } = await pool().query(
    'select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
  );
  expect(rowCount, 'idle connections of the application that PostgreSQL ended').toBeGreaterThan(0);
  expect((await get('readonly', 'GET')).status).toBe(200);

  application.kill('SIGTERM');
  expect(await ended).toBe(0);
});

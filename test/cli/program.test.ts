import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { openWire } from '../support/wire.ts';
import { BIN, runCli, spawnCli } from './run-cli.ts';

const POLICY = 'roles: { clerk: { permissions: { invoices: [read] } } }';

describe('casbin-bootstrap', () => {
  test('shows no password of its configuration, and takes the model from there', async () => {
    const cwd = await createFolder();
    const config = { databaseUrl: 'postgres://app:hunter2@h/d', model: 'hunter2.conf' };
    await writeFile(join(cwd, 'casbin-bootstrap.config.json'), JSON.stringify(config));
    const result = await runCli(['lint', '--json'], { cwd });
    expect(result).toMatchObject({ code: 2, stdout: expect.stringContaining('***.conf') });
    expect(result.stdout + result.stderr).not.toContain('hunter2');
  });

  test('takes options and database from its configuration, and arguments before those', async () => {
    const database = await createDatabase();
    const cwd = await createFolder();
    await writeFile(join(cwd, 'policy.yaml'), POLICY);
    await writeFile(
      join(cwd, 'casbin-bootstrap.config.ts'),
      `const seeders: object[] = [];
      export default { policy: 'policy.yaml', seeders, schema: 'other', databaseUrl: '${database.url}' };`,
    );
    const result = await runCli(['seed', '--json', '--schema', 'auth'], { cwd });

    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toMatchObject({ seeders: [{ name: 'rbac', inserted: 1 }] });
    const { rows } = await database.pool().query('select rule from auth.casbin');
    expect(rows).toEqual([{ rule: ['clerk', 'invoices', 'read'] }]);
  });

  test('names the configuration whose await never ends', async () => {
    const cwd = await createFolder();
    const text = 'await new Promise(() => {}); export default {};';
    await writeFile(join(cwd, 'casbin-bootstrap.config.mts'), text);
    const told =
      "casbin-bootstrap.config.mts: it can't be loaded: an await in it, or in what it imports, never ends.";
    expect(await spawnCli(['lint'], { cwd })).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringContaining(told),
    });
  });

  test('ends when its database is closed, and not before', async () => {
    let isClosed = false;
    const end = vi.spyOn(pg.Pool.prototype, 'end').mockImplementationOnce(async function (this: pg.Pool) {
      await this.end();
      await setImmediate();
      isClosed = true;
    });
    onTestFinished(() => end.mockRestore());
    const { code } = await runCli(['plan'], { env: { DATABASE_URL: (await createDatabase()).url } });
    expect({ code, isClosed }).toEqual({ code: 3, isClosed: true });
  });

  test('refuses to run if no database is named, and creates none', async () => {
    const result = await runCli(['seed', '--format', 'json'], { cwd: await createFolder() });
    expect(result.code).toBe(2);
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { problems: [{ code: 'DATABASE_UNNAMED' }] } });
    expect(result.stderr).toContain('--embedded [DIR]');
  });

  test('ends as it would where nobody reads its messages', async () => {
    const child = spawn(process.execPath, [BIN, 'lint', '--config', 'none.json'], { stdio: 'pipe' });
    child.stderr.destroy();
    child.stdout.resume();
    expect(await once(child, 'close')).toEqual([2, null]);
  });

  test.runIf(existsSync('/dev/full'))(
    'fails if its result can not be written: a disk that is full',
    async () => {
      const line = '"$0" "$1" plan --sql > /dev/full';
      const child = spawn('sh', ['-c', line, process.execPath, BIN]);
      const [[code], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)]);
      expect(stderr).toMatch(
        /^casbin-bootstrap: the result is incomplete, it can't be written: .*space left/,
      );
      expect(code).toBe(1);
    },
  );

  test('ends as it would where nobody reads its result', async () => {
    const child = spawn(process.execPath, [BIN, 'lint', '--json'], {
      stdio: 'pipe',
      cwd: await createFolder(),
    });
    child.stdout.destroy();
    const [[code], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('ends by itself, with all of its result, if code of the configuration would keep it running', async () => {
    const cwd = await createFolder();
    const rules = Array.from({ length: 5_000 }, (_, n) => ['p', `role-${n}`, 'invoices', 'read']);
    await writeFile(
      join(cwd, 'casbin-bootstrap.config.mjs'),
      `setInterval(() => {}, 1000); export default { policy: { rules: ${JSON.stringify(rules)} }, seeders: [] };`,
    );
    const { code, stdout } = await spawnCli(['plan', '--sql'], { cwd });
    expect(code).toBe(0);
    expect(stdout.match(/role-/g)).toHaveLength(5_000);
    expect(stdout).toMatch(/do nothing;\n$/);
  });

  test('ends by itself if the server never closes the connection', async () => {
    const server = await createDatabase();
    await using wire = await openWire(server.url);
    wire.stallOn(/goodbye/, 'before');
    const { code, stdout } = await spawnCli(['seed', '--database-url', wire.url], {
      cwd: await createFolder(),
    });
    expect({ code, stalls: wire.stalls }).toEqual({ code: 0, stalls: 1 });
    expect(stdout).toContain('decisions verified');
  });

  test('reports all empty arguments at once', async () => {
    const names = ['schema', 'table', 'policy', 'model', 'embedded', 'config'];
    const args = ['seed', ...names.flatMap((name) => [`--${name}`, ''])];
    const result = await runCli(args, { cwd: await createFolder() });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    for (const name of names) {
      expect(result.stderr).toContain(`--${name}: it is empty. Give a value.`);
    }
    const file = await runCli(['report', '--offline', '--html', ''], { cwd: await createFolder() });
    expect(file.stderr).toContain('--html: it is empty. Give a value.');
    const lines = await runCli(['test', '--lcov', ''], { cwd: await createFolder() });
    expect(lines.stderr).toContain('--lcov: it is empty. Give a value.');
  });

  test.each([
    [['report', '--html', '--embedded'], '--html <file>', '--embedded'],
    [['seed', '--policy', '--schema'], '--policy <file>', '--schema'],
    [['lint', '--config', '--json', '--format', 'compact'], '--config <file>', '--json'],
    [['report', '--embedded', '--html', '--help'], '--html <file>', '--help'],
    [['report', '--embedded', '--html', '-h'], '--html <file>', '-h'],
  ])('takes no option for the value of another one: %j', async (args, option, given) => {
    const cwd = await createFolder();
    const result = await runCli(args, { cwd });
    expect(result.code).toBe(2);
    expect(result.stdout + result.stderr).toContain(
      `option '${option}' argument missing: ${given} is an option`,
    );
    expect(await readdir(cwd)).toEqual([]);
  });

  test('refuses an option that is given twice, and shows no value of it', async () => {
    const url = 'postgres://app:hunter2@h/d';
    const args = ['seed', '--json', '--database-url', url, `--database-url=${url}`];
    const result = await runCli(args, { cwd: await createFolder() });
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('is given twice') });
    expect(JSON.parse(result.stdout)).toMatchObject({
      error: {
        code: 'WRONG_USAGE',
        message: "option '--database-url <url>' is given twice, and takes one value. Give it once.",
      },
    });
    expect(result.stdout + result.stderr).not.toContain('hunter2');
  });

  test.each([
    'postgres://app:hunter2@h/d',
    'POSTGRES://app:hunter2@h/d',
    'app:hunter2@h/d',
    "host=h password='hunter2'",
    'host=h\npassword=hunter2',
  ])('shows no value of an unknown option, which may be a password: %s', async (value) => {
    const result = await runCli(['seed', `--databse-url=${value}`, '--json']);
    expect(result).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: unknown option '--databse-url=\*\*\*'$/m),
    });
    expect(JSON.parse(result.stdout)).toMatchObject({
      error: { message: expect.stringContaining("unknown option '--databse-url=***'") },
    });
    expect(result.stdout + result.stderr).not.toContain('hunter2');
  });

  test('says that a value was given to an option that takes none', async () => {
    const { code, stderr } = await runCli(['lint', '--verbose=true']);
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("'--verbose=***'") });
  });

  test('shows no password of the environment, also where an argument is the same', async () => {
    const args = ['explain', 'hunter2', 'invoices', 'read', '--offline'];
    const result = await runCli(args, { env: { PGPASSWORD: 'hunter2' } });
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining('***, invoices, read') });
    expect(result.stdout).not.toContain('hunter2');
  });

  test.each(['postgres://app:hunter2@h/d', 'POSTGRES://app:hunter2@h/d'])(
    'shows no password of an unknown command: %s',
    async (url) => {
      const result = await runCli([url, '--json']);
      expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('://app:***@h/d') });
      expect(result.stdout).toContain('://app:***@h/d');
    },
  );

  test.each(['compact', 'json', 'pretty'])(
    'shows no password in an error that the configuration throws: %s',
    async (format) => {
      const cwd = await createFolder();
      const thrown = 'throw new Error(\'no route to "postgres://app:hun@ter2@h/d"\')';
      await writeFile(join(cwd, 'casbin-bootstrap.config.mjs'), thrown);
      const result = await runCli(['lint', '--verbose', '--format', format], { cwd });
      expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining('postgres://app:***@h/d') });
      expect(result.stdout + result.stderr).not.toContain('ter2');
    },
  );

  test('completes commands, options of the command and of the program, and their values', async () => {
    const complete = async (...args: string[]) => (await spawnCli(['complete', '--', ...args])).stdout;
    expect(await complete('')).toMatch(/^seed\t/m);
    const options = await complete('seed', '--');
    expect(options).toMatch(/^--embedded\t.*^--config\t.*^--verbose\t/ms);
    expect(options, 'which no command takes').not.toContain('--version');
    expect(await complete('seed', '--config', '')).toBe(':0\n');
    expect(await complete('seed', '--format', '')).toMatch(/^pretty\s+compact\s+json\s+.*:4\n$/s);
    // 0 tells the script to complete names of files.
    expect(await complete('seed', '--policy', '')).toBe(':0\n');
    expect(await complete('test', 'poli')).toBe(':0\n');
  });

  test('prints a completion script that is a program of its shell', async () => {
    const { code, stdout } = await spawnCli(['completion', 'bash']);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\ncomplete -o default -F (__casbin_bootstrap_complete) casbin-bootstrap\n$/);
    expect(stdout).toContain('\n__casbin_bootstrap_complete() {\n');
    for (const shell of ['zsh', 'fish']) {
      expect((await spawnCli(['completion', shell])).stdout, shell).not.toContain('complete -o default');
    }
  });
});

import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, definePolicy } from '../../src/index.ts';
import { STARTS_PGLITE } from '../embedded/timeout.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { runCli, spawnCli } from './run-cli.ts';

describe('casbin-bootstrap seed, on a server', () => {
  test('bootstraps the database and reports what it did, and the second time reports that there is nothing to do', async () => {
    const { name, url, pool } = await freshDatabase();
    const env = { DATABASE_URL: url };

    const first = await spawnCli(['seed'], { env });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(
      new RegExp(`^Database: PostgreSQL at \\S+:\\d+/${name}, as \\S+\n\nDone in `, 'm'),
    );
    expect(first.stdout).toMatch(/^ {2}rbac +16 +0 +16$/m);
    expect(first.stdout).toMatch(/^ {2}providers +3 +0 +3$/m);
    expect(first.stdout).toMatch(/^56 decisions verified: 26 allow, 30 deny\.\n$/m);

    const second = await runCli(['seed'], { env });
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout).toContain('\n\nNothing to do: everything is in place');
    expect(second.stdout).toMatch(/^ {2}rbac +0 +16 +16$/m);
    const { rows } = await pool().query('select count(*)::int as rules from casbin');
    expect(rows).toEqual([{ rules: 16 }]);
  });

  test('leaves everything as it was under --dry-run', async () => {
    const { url, pool } = await freshDatabase();
    const result = await runCli(['seed', '--dry-run'], { env: { DATABASE_URL: url } });

    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(/^Dry run: nothing was changed\./m);
    const cwd = await createFolder();
    await writeFile(`${cwd}/casbin-bootstrap.config.json`, '{ "dryRun": true }');
    const configured = await runCli(['seed'], { env: { DATABASE_URL: url }, cwd });
    expect(configured.stdout).toMatch(/^Dry run: nothing was changed\./m);
    const { rows } = await pool().query("select to_regclass('casbin') as casbin");
    expect(rows).toEqual([{ casbin: null }]);
  });

  test('keeps the tables in the schema that is given', async () => {
    const { url, pool } = await freshDatabase();
    const result = await runCli(['seed', '--schema', 'auth'], { env: { DATABASE_URL: url } });

    expect(result).toMatchObject({ code: 0, stderr: '' });
    const { rows } = await pool().query(
      "select to_regclass('auth.casbin') is not null as there, to_regclass('public.casbin') as casbin",
    );
    expect(rows).toEqual([{ there: true, casbin: null }]);
  });

  test('seeds the rule table that is named, as the application reads that one', async () => {
    const { url, pool } = await freshDatabase();
    const result = await runCli(['seed', '--table', 'casbin_rule'], { env: { DATABASE_URL: url } });
    expect(result).toMatchObject({ code: 0 });
    const { rows } = await pool().query(
      `select to_regclass('casbin') as other, (select count(*)::int from casbin_rule) as count`,
    );
    expect(rows).toEqual([{ other: null, count: expect.any(Number) }]);
    expect(rows[0].count).toBeGreaterThan(10);
  });

  test('prints nothing but the report under --json', async () => {
    const { url } = await freshDatabase();
    const result = await runCli(['seed', '--json'], { env: { DATABASE_URL: url } });

    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(result.stdout)).toMatchObject({
      changed: true,
      seeders: [
        { name: 'rbac', inserted: 16, existing: 0, total: 16 },
        { name: 'providers', inserted: 3, existing: 0, total: 3 },
      ],
      verification: { ok: true, checks: 56, allowed: 26 },
    });
  });

  test.each(['true', 'changed', '0'])(
    'prints JSON under --json whatever the password is: %s',
    async (password) => {
      const database = await createDatabase();
      const role = await database.createRole('superuser');
      await database.pool().query(`alter role ${role.name} password '${password}'`);
      const url = Object.assign(new URL(role.url), { password });
      const result = await runCli(['seed', '--json', '--schema', `auth_${password}`], {
        env: { DATABASE_URL: url.href },
      });

      expect(result).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(result.stdout)).toMatchObject({
        changed: true,
        verification: { ok: true, checks: 56, failures: [] },
      });
    },
  );

  test('says in its JSON whether it was a dry run', async () => {
    const { url } = await freshDatabase();
    const env = { DATABASE_URL: url };
    const dry = await runCli(['seed', '--json', '--dry-run'], { env });
    expect(JSON.parse(dry.stdout)).toMatchObject({ dryRun: true, changed: true });
    const real = await runCli(['seed', '--json'], { env });
    expect(JSON.parse(real.stdout)).toMatchObject({ dryRun: false, changed: true });
  });

  test('prints a failure as JSON too under --json, with all that the error carries', async () => {
    const { url, pool } = await freshDatabase();
    await runCli(['seed'], { env: { DATABASE_URL: url } });
    await pool().query(`insert into casbin (ptype, rule) values ('p', '"text"')`);

    const result = await runCli(['seed', '--json'], { env: { DATABASE_URL: url } });

    expect(result.code).toBe(1);
    const { error } = JSON.parse(result.stdout);
    expect(error).toMatchObject({ name: 'StoredRuleError', code: 'STORED_RULE_INVALID', ids: [17] });
    expect(result.stderr).toBe(`casbin-bootstrap: ${error.message}\n`);
    expect(error).not.toHaveProperty('stack');
  });

  test.each<[string, string[], Record<string, string>, number, object]>([
    ['options', ['--schema', 'pg_x'], {}, 2, { code: 'INVALID_OPTIONS', problems: [{ at: 'schema' }] }],
    [
      'environment',
      [],
      { LOG_LEVEL: 'loud' },
      2,
      { code: 'INVALID_OPTIONS', problems: [{ at: 'LOG_LEVEL' }] },
    ],
    ['usage', ['--nothing'], {}, 2, { code: 'WRONG_USAGE', message: "unknown option '--nothing'" }],
  ])(
    'prints a JSON document under --json for what is wrong with its %s',
    async (_, args, env, code, error) => {
      const { url } = await freshDatabase();
      const result = await runCli(['seed', '--json', ...args], { env: { DATABASE_URL: url, ...env } });
      expect(result.code).toBe(code);
      expect(result.stderr).not.toBe('');
      expect(JSON.parse(result.stdout)).toMatchObject({ error });
    },
  );

  test('is known to the server by its name', async () => {
    const { url, pool } = await freshDatabase();
    await pool().query(`
      create table seen (name text);
      create function see() returns event_trigger language plpgsql as
        $$ begin insert into public.seen values (current_setting('application_name')); end $$;
      create event trigger see on ddl_command_end execute function see()`);
    await expect(runCli(['seed'], { env: { DATABASE_URL: url } })).resolves.toMatchObject({ code: 0 });

    const { rows } = await pool().query('select distinct name from seen');
    expect(rows).toEqual([{ name: 'casbin-bootstrap' }]);
  });

  test('logs to stderr as JSON lines when LOG_LEVEL says so, and prints the same', async () => {
    const { url } = await freshDatabase();
    const cwd = await createFolder();
    const ignored = `const refuse = () => { throw new Error('the command has its own'); };
      export default { onProgress: refuse, logger: { debug: refuse, info: refuse, warn: refuse } };`;
    await writeFile(`${cwd}/casbin-bootstrap.config.mjs`, ignored);
    const result = await runCli(['seed'], { cwd, env: { DATABASE_URL: url, LOG_LEVEL: 'info' } });

    expect(result.code).toBe(0);
    expect(result.stdout).toMatch(/^Database: PostgreSQL at /m);
    const events = jsonLines(result.stderr).map((line) => line.event);
    expect(events).toContain('rbac_seeding_complete');
    expect(events).toContain('seeding_completed');
  });

  test('logs no password, whatever it is', async () => {
    const { url } = await freshDatabase();
    const env = { DATABASE_URL: url, LOG_LEVEL: 'info', PGPASSWORD: 'providers' };
    const { stderr } = await runCli(['seed'], { env });

    expect(stderr).toContain('"***"');
    expect(stderr).not.toContain('providers');
  });
});

describe('casbin-bootstrap seed, without a server', STARTS_PGLITE, () => {
  test('bootstraps an embedded database in a folder that it names, and finds it the next time', async () => {
    const cwd = await createFolder();
    const first = await spawnCli(['seed', '--embedded'], { cwd });
    expect(first).toMatchObject({ code: 0, stderr: '' });
    expect(first.stdout).toMatch(
      new RegExp(
        `^The default policy is used, as there is no --policy, and no casbin-bootstrap.config in ${cwd}\nDatabase: embedded PostgreSQL in ${cwd}/\\.data/pglite\n\nDone in `,
      ),
    );
    expect(first.stdout).toMatch(/^56 decisions verified: 26 allow, 30 deny\.\n$/m);

    const second = await runCli(['seed', '--embedded', '.data/pglite'], { cwd });
    expect(second).toMatchObject({ code: 0, stderr: '' });
    expect(second.stdout).toContain('\n\nNothing to do: everything is in place');
  });

  test('succeeds in two processes at once, of which one finds nothing to do', async () => {
    const cwd = await createFolder();
    const seed = () => spawnCli(['seed', '--embedded'], { cwd });
    const results = await Promise.all([seed(), seed()]);

    expect(results).toMatchObject([
      { code: 0, stderr: '' },
      { code: 0, stderr: '' },
    ]);
    expect(results.filter((result) => result.stdout.includes('Nothing to do'))).toHaveLength(1);
  });
});

describe('casbin-bootstrap seed fails with one message on stderr', () => {
  test('when the server is not there', async () => {
    const server = await listen();
    const { port } = server;
    await server.close();
    const result = await spawnCli(['seed'], {
      env: { DATABASE_URL: `postgres://app:s3cret@127.0.0.1:${port}/d` },
    });

    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toMatch(/^casbin-bootstrap: .*ECONNREFUSED 127\.0\.0\.1:\d+/);
    expectNoStack(result.stderr);
  });

  test('when the server never answers', async () => {
    const server = await listen();
    onTestFinished(() => server.close());
    const result = await spawnCli(['seed'], {
      env: { DATABASE_URL: `postgres://app:s3cret@127.0.0.1:${server.port}/d` },
    });

    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toMatch(/^casbin-bootstrap: .*timeout/);
    expectNoStack(result.stderr);
  });

  test('when the password is wrong, which it does not print', async () => {
    const server = await listen((socket) => {
      socket.on('data', () =>
        socket.end(refusal('28P01', 'password p@ss "p%40ss" of postgres://app:p%40ss@h is wrong')),
      );
    });
    onTestFinished(() => server.close());
    const url = `postgres://app:p%40ss@127.0.0.1:${server.port}/d`;
    const silent = await runCli(['seed'], { env: { DATABASE_URL: url } });
    const verbose = await runCli(['seed', '--verbose'], { env: { DATABASE_URL: url, LOG_LEVEL: 'trace' } });

    expect(silent).toMatchObject({ code: 4, stdout: '' });
    expect(silent.stderr).toContain('password *** "***" of postgres://app:***@h is wrong');
    expectNoStack(silent.stderr);
    expect(verbose.stderr, 'the stack is there when asked for').toMatch(/^\s+at /m);
    expect(silent.stderr + verbose.stderr).not.toMatch(/p@ss|p%40ss/);
  });

  test('when the password of a service is wrong, which it does not print', async () => {
    const server = await listen((socket) => {
      socket.on('data', () => socket.end(refusal('28P01', 'password hunter2 is wrong')));
    });
    onTestFinished(() => server.close());
    const file = `${await createFolder()}/services.conf`;
    const place = `host=127.0.0.1\nport=${server.port}\nuser=app\nsslmode=disable`;
    await writeFile(file, `[shop]\n${place}\npassword=hunter2\n`);
    const result = await runCli(['seed'], { env: { PGSERVICE: 'shop', PGSERVICEFILE: file } });

    expect(result).toMatchObject({ code: 4, stderr: expect.stringContaining('password *** is wrong') });
  });

  test('when a defined rule can not be relied on, with the failing requests in a table', async () => {
    const { url, pool } = await freshDatabase();
    const env = { DATABASE_URL: url };
    await expect(runCli(['seed'], { env })).resolves.toMatchObject({ code: 0, stderr: '' });
    await pool().query(`
      create function swallow() returns trigger language plpgsql as $$
        begin delete from casbin where ptype = 'g' and rule->>0 = 'user'; return null; end $$;
      create trigger swallow after insert on casbin for each statement execute function swallow();
      delete from casbin where ptype = 'g' and rule->>0 = 'user'`);
    const result = await runCli(['seed'], { env });

    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^casbin-bootstrap: /);
    expect(result.stderr).toMatch(/g, user, readonly/);
    expect(result.stderr).toMatch(/user, accounts, read +allow +deny/);
    expectNoStack(result.stderr);
    const compact = await runCli(['seed', '--format', 'compact'], { env });
    expect(compact.stdout).toMatch(/^"user, accounts, read" must be allowed, .* \[DECISION_UNEXPECTED\]$/m);
  });

  test("when the database holds somebody else's policy, and says what to do instead", async () => {
    const { url, pool } = await freshDatabase();
    const policy = definePolicy({ roles: { clerk: { permissions: { invoices: ['read'] } } } });
    await bootstrapDatabase(pool(), { policy, seeders: [] });
    const result = await runCli(['seed'], { env: { DATABASE_URL: url } });

    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^casbin-bootstrap: No policy was given, .*"p, clerk, invoices, read"/);
    expect(result.stderr).toContain('give --policy, or policy in casbin-bootstrap.config');
    expectNoStack(result.stderr);
    const { rows } = await pool().query(
      "select to_regclass('providers') as providers, count(*)::int from casbin",
    );
    expect(rows).toEqual([{ providers: null, count: 1 }]);
  });

  test('when the folder for the embedded database is full of other things', async () => {
    const dataDir = await createFolder();
    await writeFile(`${dataDir}/thesis.txt`, '');
    const result = await runCli(['seed', '--embedded', dataDir]);

    expect(result).toMatchObject({ code: 4, stdout: '' });
    expect(result.stderr).toContain(
      `The folder ${dataDir} has files in it and is not a PostgreSQL data directory.`,
    );
    expectNoStack(result.stderr);
  });

  test('when DATABASE_URL is not a URL, without printing it', async () => {
    const result = await runCli(['seed'], { env: { DATABASE_URL: 'app:hunter2@h', LOG_LEVEL: 'trace' } });

    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('  - DATABASE_URL: It is not the URL of a PostgreSQL database.');
    expect(result.stderr).not.toContain('hunter2');
  });

  test.each(['hun@zyx#2', 'hun@zyx/2', 'hun@zyx?2', 'hun@zyx?a=2', '12/zyx', '12?zyx', '12/zyx?2'])(
    'when the password %s is not percent-encoded, without looking a part of it up as a host',
    async (password) => {
      const env = { DATABASE_URL: `postgres://app:${password}@127.0.0.1:1/shop` };
      const result = await runCli(['seed'], { env });

      expect(result).toMatchObject({ code: 2, stdout: '' });
      expect(result.stderr).toContain('in the password percent-encode the special characters of URLs');
      expect(result.stderr).not.toContain('zyx');
    },
  );

  test('when DATABASE_URL is empty, rather than taking another database', async () => {
    const cwd = await createFolder();
    const result = await runCli(['seed'], { env: { DATABASE_URL: '' }, cwd });

    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('DATABASE_URL');
    expect(existsSync(`${cwd}/.data`)).toBe(false);
  });

  test('when LOG_LEVEL is no level', async () => {
    const result = await runCli(['seed'], { env: { LOG_LEVEL: 'loud' } });

    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain(
      '  - LOG_LEVEL: There is no log level "loud". Use one of trace, debug, info,',
    );
  });
});

describe('casbin-bootstrap', () => {
  test.each([
    { wrong: 'no command', args: [] },
    { wrong: 'an unknown command', args: ['sow'] },
    { wrong: 'an unknown option', args: ['seed', '--force'] },
    { wrong: 'a missing value', args: ['seed', '--schema'] },
    { wrong: 'an argument too many', args: ['seed', 'everything'] },
  ])('ends with exit code 2 for wrong usage: $wrong', async ({ args }) => {
    const result = await runCli(args);

    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).not.toBe('');
    expectNoStack(result.stderr);
  });

  test('prints its version', async () => {
    const { version } = JSON.parse(await readFile('package.json', 'utf8'));
    await expect(spawnCli(['--version'])).resolves.toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });

  test('explains its commands and their options', async () => {
    const program = await runCli(['--help']);
    expect(program).toMatchObject({ code: 0, stderr: '' });
    expect(program.stdout).toMatch(/^ {2}seed /m);

    const seed = await runCli(['help', 'seed']);
    expect(seed).toMatchObject({ code: 0, stderr: '' });
    for (const option of ['--schema', '--table', '--dry-run', '--json', '--embedded'])
      expect(seed.stdout).toContain(option);
  });
});

async function freshDatabase() {
  const database = await createDatabase();
  return { name: database.name, url: database.url, pool: () => database.pool() };
}

function jsonLines(text: string): { event?: string }[] {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function expectNoStack(stderr: string): void {
  expect(stderr).not.toMatch(/^\s+at /m);
}

/** A TCP server on a port of its own that is no PostgreSQL. */
async function listen(answer: (socket: Socket) => void = () => {}) {
  const server = createServer((socket) => {
    socket.resume().on('error', () => {});
    answer(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { port, close: () => new Promise<void>((resolve) => server.close(() => resolve())) };
}

/** PostgreSQL's ErrorResponse. */
function refusal(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.from('E\0\0\0\0');
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { bootstrapDatabase, definePolicy } from '../../src/index.ts';
import { createFolder } from '../support/folder.ts';
import { runCli, spawnCli } from './run-cli.ts';
import { expectNoStack, freshDatabase, listen, refusal } from './seed.fixture.ts';

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

import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { STARTS_PGLITE } from '../embedded/timeout.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { runCli, spawnCli } from './run-cli.ts';
import { freshDatabase, jsonLines } from './seed.fixture.ts';

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

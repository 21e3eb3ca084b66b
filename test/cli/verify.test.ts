import { beforeAll, describe, expect, test } from 'vitest';
import { bootstrapDatabase } from '../../src/index.ts';
import { useDatabase } from '../support/database.ts';
import { runCli } from './run-cli.ts';

describe('casbin-bootstrap verify', () => {
  const database = useDatabase();
  const verify = (...args: string[]) => runCli(['verify', ...args], { env: { DATABASE_URL: database.url } });

  beforeAll(async () => {
    await bootstrapDatabase(database.pool());
  });

  test('confirms a database that decides as defined', async () => {
    const result = await verify();
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toMatch(
      /^The default policy is used.*\nDatabase: PostgreSQL at .*\n\nThe database decides as defined \(16 rules read/,
    );
  });

  test('reports drift by its exit code unless --fail-on says otherwise, and fails on it when strict', async () => {
    await database
      .pool()
      .query(`insert into casbin (ptype, rule) values ('p', '["user", "accounts", "delete"]')`);
    const json = await verify('--json');
    expect(json.code).toBe(3);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: true,
      drift: [{ rule: ['p', 'user', 'accounts', 'delete'] }],
    });
    const github = await verify('--fail-on', 'none', '--format', 'github');
    expect(github).toMatchObject({ code: 0, stdout: expect.stringMatching(/^::warning title=DRIFT::/) });
    const junit = await verify('--strict', '--format', 'junit');
    expect(junit).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/tests="1" failures="1".*<failure type="DRIFT"/s),
    });
    const pretty = await verify('--strict');
    expect(pretty.stdout.match(/p, user, accounts, delete/g)).toHaveLength(1);
    const strict = await verify('--strict', '--format', 'json');
    expect(strict.code).toBe(1);
    expect(JSON.parse(strict.stdout)).toMatchObject({ ok: false, failures: [{ kind: 'drift' }] });
  });

  test('reads all of a large table with full: true', async () => {
    await database.pool().query(`
      insert into casbin (ptype, rule)
      select 'g', jsonb_build_array('user ' || n, 'readonly') from generate_series(1, 1500) n`);
    const part = await verify('--json', '--fail-on', 'none');
    expect(JSON.parse(part.stdout)).toMatchObject({ scope: { kind: 'part' } });
    const full = await verify('--json', '--full', '--fail-on', 'none');
    expect(JSON.parse(full.stdout)).toMatchObject({ scope: { kind: 'whole', rules: 1517 } });
  });

  test('changes nothing, and fails where nothing was seeded', async () => {
    const result = await verify('--schema', 'nowhere');
    expect(result).toMatchObject({ code: 1, stdout: '' });
    expect(result.stderr).toMatch(/^casbin-bootstrap: /);
    const compact = await verify('--schema', 'nowhere', '--format', 'compact');
    expect(compact).toMatchObject({ code: 1, stdout: expect.stringMatching(/^.* \[TABLE_MISSING\]\n$/) });
  });
});

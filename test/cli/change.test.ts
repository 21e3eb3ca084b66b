import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  domainsModelPath,
  loadPolicyFile,
  readJournal,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { runCli } from './run-cli.ts';

const POLICY = `roles:
  clerk:
    permissions: { invoices: [read] }
  accountant:
    inherits: [clerk]
    permissions: { invoices: [delete] }
never:
  - [clerk, invoices, delete]
`;

async function openShop({ journal = true } = {}) {
  const database = await createDatabase();
  const pool = database.pool();
  const cwd = await createFolder();
  await writeFile(join(cwd, 'policy.yaml'), POLICY);
  const policy = await loadPolicyFile(join(cwd, 'policy.yaml'));
  await bootstrapDatabase(pool, { policy, seeders: [], journal });
  const run = (...args: string[]) => runCli(args, { cwd, env: { DATABASE_URL: database.url } });
  return { pool, cwd, run };
}

const BY_JANE = ['--actor', 'jane', '--policy', 'policy.yaml'];

describe('casbin-bootstrap', () => {
  test('grant and revoke add and remove a rule of p, and explain says who did', async () => {
    const { run } = await openShop();
    const granted = await run('grant', 'clerk', 'invoices', 'write', '--reason', 'ticket 7', ...BY_JANE);
    expect(granted).toMatchObject({ code: 0, stderr: '' });
    expect(granted.stdout).toMatch(/\n\n\+ p, clerk, invoices, write\n\nIn the journal: jane, ticket 7\.\n$/);
    const explained = await run('explain', 'clerk', 'invoices', 'write');
    expect(explained.stdout).toMatch(
      /\n {2}granted {2}p, clerk, invoices, write — by jane, .* UTC: ticket 7\n/,
    );
    const revoked = await run('revoke', 'clerk', 'invoices', 'write', ...BY_JANE, '--reason', 'a\u001b[2J');
    expect(revoked.stdout).toMatch(
      /\n\n- p, clerk, invoices, write\n\nIn the journal: jane, a\\u001b\[2J\.\n$/,
    );
  });

  test('assign and unassign give a user a role and take it, and say when it is so already', async () => {
    const { pool, run } = await openShop();
    const assigned = await run('assign', 'carol', 'clerk', '--json', ...BY_JANE);
    expect(JSON.parse(assigned.stdout)).toEqual({
      added: [['g', 'carol', 'clerk']],
      removed: [],
      comesBack: [],
      journaled: true,
      actor: 'jane',
      reason: null,
      dryRun: false,
    });
    expect(await run('assign', 'carol', 'clerk')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('Nothing to change: "carol, clerk" is assigned already.'),
    });
    const unassigned = await run('unassign', 'carol', 'clerk', '--json', '--reason', 'ticket 7');
    expect(JSON.parse(unassigned.stdout)).toMatchObject({
      removed: [['g', 'carol', 'clerk']],
      reason: 'ticket 7',
    });
    const [, removed] = await readJournal(pool, { value: 'carol' });
    expect(removed).toMatchObject({ operation: 'removed', actor: expect.stringMatching(/./) });
    expect(removed?.actor).not.toBe('jane');
  });

  test('assign and unassign take a domain where the model has some', async () => {
    const database = await createDatabase();
    const roles = { clerk: { permissions: { invoices: ['read'] } } };
    const policy = { domains: { roles, tenants: ['acme'] } };
    await bootstrapDatabase(database.pool(), { model: domainsModelPath, policy, seeders: [] });
    const run = (command: string) =>
      runCli([command, 'carol', 'clerk', 'acme', '--model', domainsModelPath], {
        env: { DATABASE_URL: database.url },
      });
    expect((await run('assign')).stdout).toContain('\n+ g, carol, clerk, acme\n');
    expect((await run('unassign')).stdout).toContain('\n- g, carol, clerk, acme\n');
    expect((await run('unassign')).stdout).toContain('"carol, clerk, acme" is not assigned.');
  });

  test('revoke warns of a defined rule, which the next bootstrap adds again', async () => {
    const { run } = await openShop();
    const revoke = (...args: string[]) => run('revoke', 'clerk', 'invoices', 'read', ...BY_JANE, ...args);
    const compact = await revoke('--dry-run', '--format', 'compact');
    expect(compact.stdout).toContain('warning: The policy defines "p, clerk, invoices, read"');
    const revoked = await revoke('--reason', 'ticket 7');
    expect(revoked).toMatchObject({ code: 0, stderr: '' });
    expect(revoked.stdout).toMatch(
      /\n\nThe policy defines "p, clerk, invoices, read", so the next bootstrap adds it/,
    );
    expect((await revoke()).stdout).toContain('Nothing to change: "p, clerk, invoices, read" is not stored.');
  });

  test('grant refuses what breaks a promise, unless it is forced with a reason', async () => {
    const { pool, run } = await openShop();
    const grant = (...args: string[]) => run('grant', 'clerk', 'invoices', 'delete', ...BY_JANE, ...args);
    const refused = await grant('--json');
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      error: { code: 'CHANGE_REFUSED', violations: [expect.any(Object)] },
    });
    expect(refused.stderr).toMatch(/\nFor this command: --force with --reason\.\n$/);
    expect(await grant('--force')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--force: it needs a reason, for the journal. Give --reason too.'),
    });
    expect(await readJournal(pool, { actor: 'jane' })).toEqual([]);
    expect((await grant('--force', '--reason', 'audit')).stdout).toContain('jane, forced: audit.');
    expect(await readJournal(pool, { actor: 'jane' })).toMatchObject([{ reason: 'forced: audit' }]);
  });

  test('assign tries a change only, and says where no journal keeps it; history says so too', async () => {
    const { pool, cwd, run } = await openShop({ journal: false });
    const isStored = async () => (await pool.query(`select from casbin where rule ? 'carol'`)).rowCount === 1;
    const tried = await run('assign', 'carol', 'clerk', '--dry-run');
    expect(tried).toMatchObject({ code: 0, stderr: '' });
    expect(tried.stdout).toMatch(/\+ g, carol, clerk\n\nDry run: nothing was changed\.\n$/);
    const document = await run('assign', 'carol', 'clerk', '--dry-run', '--json');
    expect(JSON.parse(document.stdout)).toMatchObject({ dryRun: true });
    expect(await isStored()).toBe(false);
    const configuration = join(cwd, 'dry.config.json');
    await writeFile(configuration, '{ "dryRun": true }');
    const configured = await run('assign', 'carol', 'clerk', '--config', configuration);
    expect(configured.stdout).toBe(tried.stdout);
    expect(await isStored()).toBe(false);
    const made = await run('assign', 'carol', 'clerk');
    expect(made.stdout).toContain('Not recorded: the table has no journal.');
    expect(await isStored()).toBe(true);
    const history = await run('history');
    expect(history).toMatchObject({ code: 1, stdout: '' });
    expect(history.stderr).toContain('Run a bootstrap with journal: true');
  });

  test('grant waits for a lock as long as lockTimeoutMs says, tells who holds it, and changes nothing', async () => {
    const { pool, cwd, run } = await openShop();
    const other = await pool.connect();
    await other.query('begin; lock table casbin');
    const grant = async (lockTimeoutMs: number, ...args: string[]) => {
      const config = join(cwd, `${lockTimeoutMs}.config.json`);
      await writeFile(config, JSON.stringify({ lockTimeoutMs }));
      return run('grant', 'clerk', 'invoices', 'write', ...BY_JANE, '--json', '--config', config, ...args);
    };
    const refused = await grant(100);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({
      error: { code: 'LOCK_TIMEOUT', holders: [{ pid: expect.any(Number) }] },
    });
    expect(refused.stderr).toContain('For this command: lockTimeoutMs in casbin-bootstrap.config.');
    const wrong = await grant(-1, '--reason', 'a\ud800');
    expect(wrong).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('lockTimeoutMs: must not be negative'),
    });
    expect(wrong.stderr).toContain('reason: must not hold half of a surrogate pair');
    await other.query('rollback');
    other.release();
    expect(JSON.parse((await grant(100)).stdout)).toMatchObject({
      added: [['p', 'clerk', 'invoices', 'write']],
    });
  });

  test('assign and unassign say that the database only reads', async () => {
    const { pool, run } = await openShop();
    const name = (await pool.query('select current_database() as name')).rows[0].name;
    await pool.query(`alter database ${name} set default_transaction_read_only = on`);
    for (const command of ['assign', 'unassign']) {
      const refused = await run(command, 'carol', 'clerk', '--json');
      expect(refused).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(
          /^casbin-bootstrap: The connection only reads, so it can't change the policy: [^.]*\. Nothing was changed\. [^.]*primary[^.]*\.\n$/,
        ),
      });
      expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'READ_ONLY_DATABASE' } });
    }
  });

  test('history shows who changed what, when and why', async () => {
    const { pool, run } = await openShop();
    const client = await pool.connect();
    const clerk = [['carol', 'clerk']] as const;
    await changePolicy(client, { assign: clerk }, { actor: 'root' });
    await changePolicy(client, { unassign: clerk }, { actor: 'jane', reason: 'ticket\u001b 7' });
    client.release();
    const shown = await run('history', 'carol', '--since', '1d');
    expect(shown).toMatchObject({ code: 0, stderr: '' });
    expect(shown.stdout.split('\n').slice(2)).toEqual([
      expect.stringMatching(/^ {2}at \(UTC\) +change +by +reason$/),
      expect.stringMatching(/^ {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d +\+ g, carol, clerk +root$/),
      expect.stringMatching(/- g, carol, clerk +jane +ticket\\u001b 7$/),
      '',
      '2 changes, the newest last.',
      '',
    ]);
  });

  test('history prints JSON, of as many changes as are asked for', async () => {
    const { pool, run } = await openShop();
    const client = await pool.connect();
    await changePolicy(client, { assign: [['carol', 'clerk']] }, { actor: 'root' });
    await changePolicy(client, { assign: [['dave', 'clerk']] }, { actor: 'jane' });
    client.release();
    const one = await run('history', 'clerk', '--limit', '1', '--json');
    expect(JSON.parse(one.stdout)).toMatchObject([{ values: ['dave', 'clerk'], actor: 'jane' }]);
    expect((await run('history', 'clerk', '--limit', '1')).stdout).toContain('There may be older ones');
    const all = await run('history', 'carol', '--limit', '999999999', '--json');
    expect(JSON.parse(all.stdout)).toHaveLength(1);
    const others = await run('history', 'carol', 'invoices');
    expect(others.stdout).toContain('The journal has no such change.');
    expect(JSON.parse((await run('history', '--until', '1d', '--json')).stdout)).toEqual([]);
    const age = (interval: string) =>
      pool.query(`update casbin_bootstrap_journal set at = now() - $1::interval where actor = 'root'`, [
        interval,
      ]);
    const ago = async (duration: string) =>
      JSON.parse((await run('history', 'carol', '--since', duration, '--json')).stdout);
    await age('90 seconds');
    expect(await ago('2m')).toMatchObject([{ actor: 'root' }]);
    expect(await ago('1m')).toEqual([]);
    await age('90 minutes');
    expect(await ago('2h')).toMatchObject([{ actor: 'root' }]);
    expect(await ago('1h')).toEqual([]);
    await age('36 hours');
    expect(await ago('2d')).toMatchObject([{ actor: 'root' }]);
    expect(await ago('1d')).toEqual([]);
  });

  test.each(['0', '1000000000', '7th'])(
    'history refuses the limit %s, and says which it takes',
    async (limit) => {
      expect(await runCli(['history', '--limit', limit])).toMatchObject({
        code: 2,
        stderr: expect.stringContaining('Give a whole number from 1 to 999999999.'),
      });
    },
  );

  test('history is that of an actor, a schema and a table', async () => {
    const { cwd, run } = await openShop();
    expect((await run('history', '--actor', 'jane')).stdout).toContain('The journal has no such change.');
    expect((await run('history', 'clerk')).stdout).toContain('+ p, clerk, invoices, read');
    expect((await run('history', '--table', 'other')).stdout).toContain('Nothing was recorded yet.');
    expect(await run('history', '--schema', 'other')).toMatchObject({ code: 1, stdout: '' });
    const config = join(cwd, 'table.config.json');
    await writeFile(config, '{ "table": { "name": "other" } }');
    expect((await run('history', '--config', config)).stdout).toContain('Nothing was recorded yet.');
  });

  test('history says that nothing was recorded yet, and how changes are recorded', async () => {
    const { pool, run } = await openShop();
    await pool.query('truncate casbin_bootstrap_journal');
    expect((await run('history', 'carol')).stdout).toMatch(/\n\nNothing was recorded yet\.\n$/);
    await pool.query('alter table casbin disable trigger user');
    expect((await run('history')).stdout).toContain(
      'Nothing was recorded yet. Changes are not recorded: set',
    );
    await pool.query('drop table casbin_bootstrap_journal');
    expect(await run('history')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /There is no journal .*\. Run a bootstrap with journal: true, .* casbin-bootstrap seed/,
      ),
    });
  });

  test('assign ends with 2 for an unknown role, and names the nearest one', async () => {
    const { run } = await openShop();
    expect(await run('assign', 'carol', 'clrek', ...BY_JANE)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Did you mean "clerk"?'),
    });
    expect(await run('grant', 'clerk', 'invoices', ...BY_JANE)).toMatchObject({ code: 2 });
  });

  test.each([
    { code: 2, args: ['history', '--since', '2026-13-01'] },
    { code: 2, args: ['history', '--since', '2026-02-30'] },
    { code: 2, args: ['history', '--since', '2026-11-01T12:00'] },
    { code: 2, args: ['history', '--until', 'yesterday'] },
    { code: 2, args: ['history', '--since', '7days'] },
    { code: 2, args: ['assign', 'carol'] },
    { code: 4, args: ['assign', 'carol', 'clerk'] },
    { code: 4, args: ['history', '--since', '2026-11-01T12:00:30.5+02:00', '--until', '2026-11-01T12:00Z'] },
  ])('ends with $code for $args', async ({ code, args }) => {
    expect(await runCli([...args, '--database-url', 'postgres://x@127.0.0.1:1/x'])).toMatchObject({ code });
  });
});

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  createEnforcer,
  definePolicy,
  importPolicy,
  readJournal,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createFolder } from '../support/folder.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { runCli } from './run-cli.ts';

const CSV = `p, viewer, invoices, read
p, clerk, invoices, write
g, clerk, viewer
g, alice, clerk
`;

async function openFolder(files: Readonly<Record<string, string>>) {
  const database = await createDatabase();
  const cwd = await createFolder();
  for (const [name, text] of Object.entries(files)) await writeFile(join(cwd, name), text);
  const run = (...args: string[]) => runCli(args, { cwd, env: { DATABASE_URL: database.url } });
  return { pool: database.pool(), cwd, run };
}

describe('an import', () => {
  test.each(LAYOUTS)(
    'adds the rules of a CSV of Casbin, users too, to a table of layout $name',
    async (layout) => {
      const { pool, cwd } = await openFolder({ 'policy.csv': CSV });
      await bootstrapDatabase(pool, {
        ...layout.options,
        policy: {
          rules: [
            ['p', 'other', 'x', 'y'],
            ['g', 'clerk', 'viewer'],
          ],
        },
        seeders: [],
        journal: true,
      });
      const given = { ...layout.options, actor: 'jane', reason: 'ticket 7' };
      const file = join(cwd, 'policy.csv');

      const tried = await importPolicy(pool, file, { ...given, dryRun: true });
      expect(tried).toMatchObject({ changed: true, dryRun: true });
      expect(await readJournal(pool, { actor: 'jane' })).toEqual([]);

      const report = await importPolicy(pool, file, given);
      expect(report).toMatchObject({
        changed: true,
        seeders: [{ name: 'rbac', inserted: 3, existing: 1 }],
        verification: { ok: true },
      });
      expect(
        (await readJournal(pool, { actor: 'jane' })).map(({ values, reason }) => [...values, reason]),
      ).toEqual([
        ['viewer', 'invoices', 'read', 'ticket 7'],
        ['clerk', 'invoices', 'write', 'ticket 7'],
        ['alice', 'clerk', 'ticket 7'],
      ]);
      const enforcer = await createEnforcer(pool, layout.options);
      expect(await enforcer.enforce('alice', 'invoices', 'read')).toBe(true);
      expect(await enforcer.enforce('other', 'x', 'y')).toBe(true);
      expect(await importPolicy(pool, file, given)).toMatchObject({ changed: false });
    },
  );

  test('makes the table where it is missing, and runs no migration or seeder of the application', async () => {
    const { pool } = await openFolder({});
    const never = () => Promise.reject(new Error('the application is not asked'));
    const options = {
      migrations: { '1': { up: never } },
      seeders: [{ name: 'own', seed: never }],
      policy: 'nowhere.yaml',
    };
    const policy = definePolicy({ roles: { viewer: { permissions: { invoices: ['read'] } } } });
    expect(await importPolicy(pool, policy, { ...options, journal: true })).toMatchObject({
      migrations: [{ name: '0001_casbin' }, { name: '0003_journal_casbin' }],
      seeders: [{ name: 'rbac', inserted: 1 }],
    });
    expect(await readJournal(pool)).toMatchObject([{ actor: 'casbin-bootstrap', reason: null }]);
  });

  test('makes no table if another tool runs all migrations', async () => {
    const { pool } = await openFolder({});
    const policy = { rules: [['p', 'viewer', 'invoices', 'read']] };
    await expect(importPolicy(pool, policy, { migrations: false })).rejects.toMatchObject({
      code: 'TABLE_MISSING',
    });
  });

  test('adds nothing if the table decides differently than the file says', async () => {
    const { pool } = await openFolder({});
    await bootstrapDatabase(pool, { policy: { rules: [['g', 'viewer', 'clerk']] }, seeders: [] });
    const rules = [
      ['p', 'clerk', 'invoices', 'write'],
      ['g', 'clerk', 'viewer'],
    ];
    await expect(importPolicy(pool, { rules })).rejects.toMatchObject({ code: 'VERIFICATION_FAILED' });
    expect((await pool.query('select rule from casbin')).rows).toEqual([{ rule: ['viewer', 'clerk'] }]);
  });

  test('is refused for a file with problems, and for unknown options', async () => {
    const { pool, cwd } = await openFolder({ 'policy.csv': 'p, viewer, invoices\nx, y\n' });
    await expect(importPolicy(pool, join(cwd, 'policy.csv'))).rejects.toMatchObject({
      problems: [
        { at: expect.stringMatching(/policy\.csv:1/) },
        { at: expect.stringMatching(/policy\.csv:2/) },
      ],
    });
    await expect(importPolicy(pool, {}, { actor: '', reasn: 1 } as object)).rejects.toMatchObject({
      problems: expect.arrayContaining(['actor', 'reasn'].map((at) => expect.objectContaining({ at }))),
    });
  });
});

describe('casbin-bootstrap import', () => {
  test('reads what export has written, in each of its forms', async () => {
    const { run, pool } = await openFolder({ 'policy.csv': CSV });
    await bootstrapDatabase(pool, { policy: null, seeders: [], journal: true });
    const imported = await run('import', 'policy.csv', '--actor', 'jane', '--reason', 'ticket 7');
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect(imported.stdout).toMatch(/\n {2}rbac +4 +0 +4\n/);
    expect(await readJournal(pool, { value: 'alice' })).toMatchObject([
      { actor: 'jane', reason: 'ticket 7' },
    ]);
    const target = await openFolder({
      'policy.ts': (await run('export', '--as', 'typescript')).stdout.replace(
        /^import.*/,
        'const definePolicy = (one) => one;',
      ),
      'policy.mjs': "export default { rules: [['g', 'alice', 'clerk']] };",
      'wrong.mjs': 'export default 1;',
    });
    await target.pool.query('create schema other');
    expect(await target.run('import', 'policy.ts')).toMatchObject({ code: 0, stderr: '' });
    const json = await target.run('import', 'policy.mjs', '--json');
    expect(JSON.parse(json.stdout)).toMatchObject({ seeders: [{ inserted: 1 }] });
    const rules = async (on: typeof pool) =>
      (await on.query('select ptype, rule from casbin order by id')).rows;
    expect(await rules(target.pool)).toEqual(await rules(pool));
    expect(await target.run('import', 'wrong.mjs')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('must export a definition'),
    });
  });

  test('says nothing of what else the table holds, and keeps a dry run', async () => {
    const { run, pool, cwd } = await openFolder({ 'policy.csv': CSV });
    await bootstrapDatabase(pool, { policy: { rules: [['p', 'other', 'x', 'y']] }, seeders: [] });
    const tried = await run('import', 'policy.csv', '--dry-run');
    expect(tried).toMatchObject({ code: 0, stderr: '' });
    expect(tried.stdout).toContain('Dry run: nothing was changed.');
    expect(tried.stdout).not.toContain('other');
    expect((await pool.query('select from casbin')).rowCount).toBe(1);
    await writeFile(join(cwd, 'casbin-bootstrap.config.json'), '{ "dryRun": true }');
    const configured = await run('import', 'policy.csv');
    expect(configured.stdout).toContain('Dry run: nothing was changed.');
    expect((await pool.query('select from casbin')).rowCount).toBe(1);
    // More than a report lists.
    await pool.query(`
      insert into casbin (ptype, rule)
      select 'p', jsonb_build_array('viewer', 'x', n::text) from generate_series(1, 10010) n`);
    const among = await run('import', 'policy.csv');
    expect(among).toMatchObject({ code: 0, stderr: '' });
    expect(among.stdout).not.toMatch(/not defined|drift|full: true/);
    expect(await run('import', 'none.csv')).toMatchObject({ code: 2 });
  });
});

import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, changePolicy, createPage } from '../../../src/index.ts';
import type { PageMatrix } from '../../../src/page/page-data.ts';
import { compilePolicy } from '../../../src/policy/compile.ts';
import { createDatabase } from '../../support/database.ts';
import { cellLines, INVOICES } from '../page.fixture.ts';

const OPTIONS = { policy: INVOICES, seeders: [] };

describe('a page', () => {
  test('of a database shows all stored rules, and how they were verified', async () => {
    const { pool, name } = await bootstrapped();
    await pool.query(`
      insert into casbin (ptype, rule) select 'g', jsonb_build_array('user ' || n, 'clerk') from generate_series(1, 5000) n;
      insert into casbin (ptype, rule) values ('p', '["viewer", "ledger", "read"]')`);
    const html = await createPage(pool, OPTIONS);
    expect(html).toContain(`Database ${name}, table`);
    expect(html).toContain('The database decides as defined, and has more than that');
    expect(html).toContain('p, viewer, ledger, read');
    const matrix = matrixOf(html);
    expect(matrix.users).toHaveLength(5000);
    expect(cellLines(matrix)).toContain('viewer, ledger, read: added by "p, viewer, ledger, read" (5004)');
  });

  test('shows who added rules and links, if there is a readable journal', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...OPTIONS, journal: true });
    const client = await pool.connect();
    const by = { ...OPTIONS, actor: 'jane', reason: 'ticket 7' };
    await changePolicy(client, { grant: [['clerk', 'invoices', 'delete' as never]] }, by);
    client.release();
    const { granted } = matrixOf(await createPage(pool, OPTIONS));
    expect(Object.values(granted)).toEqual([
      expect.stringMatching(/^p, viewer, invoices, read — by casbin-bootstrap, \d/),
      expect.stringContaining('p, clerk, invoices, write'),
      expect.stringContaining('g, clerk, viewer'),
      expect.stringMatching(/^p, clerk, invoices, delete — by jane, .* UTC: ticket 7$/),
    ]);
  });

  test('leaves out the names of users where it is asked to, and says how many have what', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { ...OPTIONS, journal: true });
    const client = await pool.connect();
    const by = { ...OPTIONS, actor: 'jane' };
    await changePolicy(
      client,
      {
        grant: [['viewer', 'ledger' as never, 'read']],
        assign: [
          ['alice', 'clerk'],
          ['bob', 'clerk'],
        ],
      },
      by,
    );
    client.release();
    const named = await createPage(pool, OPTIONS);
    for (const name of ['alice', 'bob', 'jane']) expect(named).toContain(name);
    const html = await createPage(pool, { ...OPTIONS, users: false });
    for (const name of ['alice', 'bob', 'jane']) expect(html).not.toContain(name);
    expect(html).toContain('p, viewer, ledger, read</bdi></code> <small>row 4</small> — 2 users with it');
    expect(html).toContain('<bdi>clerk</bdi> <span class="badge">2 users</span>');
    expect(html).toContain('Users are not named on this page.');
  });

  test('names rules that stay away, and without users not who revoked them', async () => {
    const { pool } = await bootstrapped();
    const policy = { ...OPTIONS.policy, version: 1 };
    await bootstrapDatabase(pool, { ...OPTIONS, policy });
    const client = await pool.connect();
    const [rule] = compilePolicy(policy);
    const by = { ...OPTIONS, policy, actor: 'jane', reason: 'ticket 7' };
    await changePolicy(client, { revoke: [rule?.values as never] }, by).finally(() => client.release());
    const page = await createPage(pool, { ...OPTIONS, policy });
    expect(page).toMatch(/revoked by jane on [\d-]+: ticket 7/);
    expect(page).toContain('Version 1 of the definition; the database was bootstrapped with it.');
    const unnamed = await createPage(pool, { ...OPTIONS, policy, users: false });
    expect(unnamed).toMatch(/Defined, and kept away.*revoked on [\d-]+</s);
    expect(unnamed).not.toContain('jane');
    expect(unnamed).not.toContain('ticket 7');
  });

  test('calls drift a failure where it is asked to', async () => {
    const { pool } = await bootstrapped();
    await pool.query(`insert into casbin (ptype, rule) values ('p', '["viewer", "ledger", "read"]')`);
    expect(await createPage(pool, { ...OPTIONS, strict: true })).toContain('does not decide as defined');
  });

  test('needs no more than to read', async () => {
    const { database, pool } = await bootstrapped();
    const role = await database.createRole();
    await pool.query(`grant select on casbin to ${role.name}`);
    const reader = database.pool({ connectionString: role.url });
    expect(await createPage(reader, OPTIONS)).toContain('The database decides as defined');
  });

  test('of a definition needs no database', async () => {
    const html = await createPage(null, { ...OPTIONS, verify: false });
    expect(html).toContain('The policy as it is defined, without a database');
    expect(cellLines(matrixOf(html))).toHaveLength(3);
  });

  test('has no password in it', async () => {
    const { database, pool } = await bootstrapped();
    const password = new URL(database.url).password;
    expect(password.length).toBeGreaterThan(3);
    expect(await createPage(pool, OPTIONS)).not.toContain(password);
  });

  test('is refused for wrong options, a policy that is not of this database, and one without rules', async () => {
    const { pool } = await bootstrapped();
    await expect(createPage(pool, { polcy: 'x' } as object)).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
    await expect(createPage(null, { policy: 'none.yaml' })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
    });
    await expect(createPage(null, 1 as never)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(createPage(1 as never)).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    await expect(createPage(pool)).rejects.toMatchObject({ code: 'POLICY_MISSING' });
  });

  test('is refused where there is no rule table', async () => {
    const database = await createDatabase();
    await expect(createPage(database.pool(), OPTIONS)).rejects.toMatchObject({ code: 'TABLE_MISSING' });
  });
});

async function bootstrapped() {
  const database = await createDatabase();
  const pool = database.pool();
  await bootstrapDatabase(pool, OPTIONS);
  return { database, pool, name: database.name };
}

function matrixOf(html: string): PageMatrix {
  return JSON.parse(/id="data">(.*?)<\/script>/s.exec(html)?.[1] ?? '');
}

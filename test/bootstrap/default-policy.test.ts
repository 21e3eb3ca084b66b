import { expect, test } from 'vitest';
import { bootstrapDatabase, defaultPolicy, definePolicy } from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { readRules } from './database-state.fixture.ts';
import { captureLog, linesOf, WARN } from './log.fixture.ts';

const RULES = [
  'p, readonly, accounts, read',
  'p, readonly, transactions, read',
  'p, readonly, providers, read',
  'p, readonly, sessions, read',
  'p, user, accounts, write',
  'p, user, transactions, write',
  'p, user, providers, write',
  'p, user, sessions, write',
  'p, admin, users, read',
  'p, admin, users, write',
  'p, admin, admin, read',
  'p, admin, admin, write',
  'p, admin, security, read',
  'p, admin, security, write',
  'g, user, readonly',
  'g, admin, user',
];

test('an empty database gets the 16 rules of the default policy, in order, with ids from 1', async () => {
  const database = await createDatabase();
  const pool = database.pool();

  const report = await bootstrapDatabase(pool);

  expect(report).toMatchObject({
    changed: true,
    migrations: [
      { name: '0001_casbin', status: 'applied' },
      { name: '0002_providers', status: 'applied' },
    ],
    takeover: null,
    seeders: [
      { name: 'rbac', inserted: 16, existing: 0, total: 16 },
      { name: 'providers', inserted: 3, existing: 0, total: 3 },
    ],
  });
  expect(await readRules(pool)).toEqual(RULES);
  const { rows } = await pool.query('select min(id) as first, max(id) as last from casbin');
  expect(rows).toEqual([{ first: 1, last: 16 }]);
});

test('a second run finds everything, and uses up no ids', async () => {
  const database = await createBootstrapped();
  const pool = database.pool();

  const report = await bootstrapDatabase(pool);

  expect(report).toMatchObject({
    changed: false,
    migrations: [],
    seeders: [
      { name: 'rbac', inserted: 0, existing: 16, total: 16 },
      { name: 'providers', inserted: 0, existing: 3, total: 3 },
    ],
  });
  await pool.query(`delete from casbin where id = 16`);
  await bootstrapDatabase(pool);
  const { rows } = await pool.query('select max(id) as last from casbin');
  expect(rows).toEqual([{ last: 17 }]);
});

test('what an administrator added or changed stays', async () => {
  const database = await createBootstrapped();
  const pool = database.pool();
  await pool.query(`insert into casbin (ptype, rule) values ('g', '["alice", "admin"]')`);
  await pool.query(`
    update casbin set rule = '["user", "accounts", "approve"]' where rule = '["user", "accounts", "write"]'
  `);

  const report = await bootstrapDatabase(pool);

  expect(report.seeders[0]).toMatchObject({ inserted: 1, existing: 15 });
  const rules = await readRules(pool);
  expect(rules).toEqual([
    ...RULES.map((rule) => rule.replace('user, accounts, write', 'user, accounts, approve')),
    'g, alice, admin',
    'p, user, accounts, write',
  ]);
});

test('a defined rule that was deleted comes back, and is named alone at warn level', async () => {
  const database = await createDatabase();
  const pool = database.pool();
  const { logger, lines } = captureLog();
  await bootstrapDatabase(pool, { logger });
  expect(linesOf(lines, 'rule_inserted'), 'not on the first run').toEqual([]);
  await pool.query(`delete from casbin where rule in ('["admin", "user"]', '["user", "sessions", "write"]')`);

  await bootstrapDatabase(pool, { logger });

  expect(linesOf(lines, 'rule_inserted')).toEqual([
    expect.objectContaining({ level: WARN, rule: 'p, user, sessions, write' }),
    expect.objectContaining({ level: WARN, rule: 'g, admin, user' }),
  ]);
  expect((await readRules(pool)).toSorted()).toEqual(RULES.toSorted());
});

test('where all rules were deleted, each is named', async () => {
  const pool = (await createBootstrapped()).pool();
  await pool.query('delete from casbin');
  const { logger, lines } = captureLog();
  await bootstrapDatabase(pool, { logger });
  expect(linesOf(lines, 'rule_inserted')).toHaveLength(RULES.length);
});

test('a rule that left the definition stays in the table', async () => {
  const database = await createBootstrapped();
  const pool = database.pool();
  const { readonly } = defaultPolicy.roles ?? {};
  const smaller = definePolicy({ roles: { readonly: { permissions: readonly?.permissions ?? {} } } });

  await expect(bootstrapDatabase(pool, { policy: smaller })).resolves.toMatchObject({ changed: false });

  expect(await readRules(pool)).toEqual(RULES);
});

test('a rule that is new in the definition is added to those of before', async () => {
  const database = await createBootstrapped();
  const pool = database.pool();
  const policy = { ...defaultPolicy, rules: [['p', 'readonly', 'reports', 'read']] };

  await expect(bootstrapDatabase(pool, { policy })).resolves.toMatchObject({
    changed: true,
    seeders: [{ name: 'rbac', inserted: 1, existing: 16, total: 17 }, { name: 'providers' }],
  });

  expect(await readRules(pool)).toEqual([...RULES, 'p, readonly, reports, read']);
});

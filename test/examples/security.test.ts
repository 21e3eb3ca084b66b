import { readFile } from 'node:fs/promises';
import type pg from 'pg';
import { expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  createEnforcer,
  createLiveEnforcer,
  defaultPolicy,
  pruneJournal,
  readJournal,
  verifyDatabase,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';

const page = await readFile('docs/security.md', 'utf8');
const [rolesAndSchema = '', grants = '', grantsWithVersion = ''] = Array.from(
  page.matchAll(/^```sql\n(.*?)^```$/gms),
  ([, sql]) => sql,
);

const ROLES = ['owner', 'app', 'admin', 'auditor', 'monitor'] as const;
type RoleName = (typeof ROLES)[number];

const OPTIONS = { policy: defaultPolicy, seeders: [], schema: 'auth', journal: true };
const LARGER = { ...OPTIONS, policy: { ...defaultPolicy, rules: [['p', 'one', 'more', 'rule']] } };

/** A database with the roles and the grants of the page, and a pool as each role. */
async function followPage(options = OPTIONS, allGrants = grants) {
  const database = await createDatabase();
  const prefix = `${database.name}_`;
  // Roles belong to the whole server, where other tests have theirs.
  const own = (sql: string) => sql.replaceAll('shop_', prefix);
  await database.pool().query(own(rolesAndSchema));
  const pools = new Map<RoleName, pg.Pool>();
  for (const role of ROLES) {
    const { url } = await database.claimRole(`${prefix}${role}`);
    pools.set(role, database.pool({ connectionString: url }));
  }
  const as = (role: RoleName): pg.Pool => pools.get(role) ?? database.pool();
  await bootstrapDatabase(as('owner'), options);
  await as('owner').query(own(allGrants));
  return { database, as, nameOf: (role: RoleName) => `${prefix}${role}` };
}

async function onClient<T>(pool: pg.Pool, use: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    return await use(client);
  } finally {
    client.release();
  }
}

type Attempt = (pool: pg.Pool) => Promise<unknown>;

/** What the rows of the table on the page say. A role can do all the attempts of a row, or none. */
const TRIED: Record<string, readonly Attempt[]> = {
  'bootstrap, with migrations to run': [
    async (pool) => {
      const migrations = { mine: { up: async () => {} } };
      expect(await bootstrapDatabase(pool, { ...OPTIONS, migrations })).toMatchObject({ changed: true });
    },
  ],
  'bootstrap, with rules to insert': [
    async (pool) => {
      expect(await bootstrapDatabase(pool, LARGER)).toMatchObject({ changed: true });
    },
  ],
  'bootstrap, with nothing to do': [
    async (pool) => {
      expect(await bootstrapDatabase(pool, OPTIONS)).toMatchObject({ changed: false });
    },
  ],
  '`verifyDatabase`': [
    async (pool) => {
      expect(await verifyDatabase(pool, OPTIONS)).toMatchObject({ ok: true, checks: 56 });
    },
  ],
  '`createEnforcer`': [
    async (pool) => {
      const enforcer = await createEnforcer(pool, OPTIONS);
      expect(await enforcer.enforce('admin', 'accounts', 'read')).toBe(true);
    },
  ],
  '`createLiveEnforcer`': [
    async (pool) => {
      await using live = await createLiveEnforcer(pool, OPTIONS);
      expect(live.state).toMatchObject({ by: 'journal' });
      expect(await live.enforce('admin', 'accounts', 'read')).toBe(true);
    },
  ],
  '`changePolicy`': [
    async (pool) => {
      const rule = ['g', 'carol', 'user'];
      expect(await change(pool, { assign: [['carol', 'user']] })).toMatchObject({ added: [rule] });
      expect(await change(pool, { unassign: [['carol', 'user']] })).toMatchObject({ removed: [rule] });
    },
    (pool) => change(pool, { unassign: [['carol', 'user']] }),
  ],
  '`readJournal`': [
    async (pool) => {
      expect(await readJournal(pool, { schema: 'auth' })).not.toEqual([]);
    },
  ],
  'change the journal (`pruneJournal`)': [
    (pool) => pruneJournal(pool, { schema: 'auth', olderThan: new Date(0) }),
    (pool) => pool.query('update auth.casbin_bootstrap_journal set actor = null'),
    (pool) =>
      pool.query(
        `insert into auth.casbin_bootstrap_journal (source, operation, role) values ('casbin', '+', 'nobody')`,
      ),
    (pool) => pool.query('delete from auth.casbin_bootstrap_journal'),
    (pool) => pool.query('truncate auth.casbin_bootstrap_journal'),
  ],
  'switch the journal off': [
    (pool) => pool.query('alter table auth.casbin disable trigger user'),
    (pool) => pool.query('drop trigger casbin_bootstrap_journal_delete_casbin on auth.casbin'),
  ],
};

function change(pool: pg.Pool, changes: object) {
  return onClient(pool, (client) => changePolicy(client, changes, { ...OPTIONS, actor: 'root' }));
}

const REFUSAL = /^(permission denied|A privilege is missing|must be owner)/;

/** The last table of the page. */
const [heading = [], ...rows] = page
  .slice(page.indexOf('| can do | `shop_owner` |'))
  .split('\n')
  .filter((line) => /^\|.*[a-z]/.test(line))
  .map((line) => line.slice(2, -2).split(' | '));

test('the page shows for each role what is tested here', () => {
  expect(heading.slice(-ROLES.length)).toEqual(ROLES.map((role) => `\`shop_${role}\``));
  expect(rows.map(([what]) => what)).toEqual(Object.keys(TRIED));
  expect(new Set(rows.flatMap((row) => row.slice(1)))).toEqual(new Set(['yes', 'no']));
});

test.each(ROLES.map((role, index) => [role, index] as const))(
  'shop_%s can do what the page says, and nothing else of it',
  async (role, index) => {
    const { as } = await followPage();
    for (const [what = '', ...answers] of rows) {
      for (const attempt of TRIED[what] ?? []) {
        const tried = attempt(as(role));
        if (answers[index] === 'yes') await tried;
        else await expect(tried, what).rejects.toThrow(REFUSAL);
      }
    }
  },
);

test('no role but the owner makes anything in the schemas of the search_path', async () => {
  const { as } = await followPage();
  for (const role of ROLES) {
    for (const schema of role === 'owner' ? ['public'] : ['public', 'auth']) {
      await expect(as(role).query(`create table ${schema}.mine (id int)`), role).rejects.toThrow(REFUSAL);
    }
  }
});

test('a writer of SQL chooses the actor in the journal, but not the role', async () => {
  const { as, nameOf } = await followPage();
  await onClient(as('admin'), async (client) => {
    await client.query(`set casbin_bootstrap.actor = 'somebody else'; set application_name = 'another'`);
    await client.query(`insert into auth.casbin (ptype, rule) values ('g', '["eve", "admin"]')`);
    await client.query('reset all');
  });
  expect(await readJournal(as('auditor'), { schema: 'auth', value: 'eve' })).toMatchObject([
    { actor: 'somebody else', application: 'another', role: nameOf('admin') },
  ]);
});

test('the package runs nothing when it is installed', async () => {
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8'));
  expect(Object.keys(scripts).filter((name) => /install/.test(name))).toEqual([]);
});

test('with a version of the policy, the further grants are enough for what stays away', async () => {
  const options = { ...OPTIONS, policy: { ...defaultPolicy, version: 1 } };
  const { as } = await followPage(options, grants + grantsWithVersion);
  const revoke = [['readonly', 'accounts', 'read']] as const;
  await onClient(as('admin'), (client) =>
    changePolicy(client, { revoke }, { ...options, actor: 'root', reason: 'audit' }),
  );

  const keptAway = [{ rule: ['p', 'readonly', 'accounts', 'read'], actor: 'root', reason: 'audit' }];
  expect(await verifyDatabase(as('monitor'), options)).toMatchObject({ ok: true, keptAway });
  expect(await bootstrapDatabase(as('app'), options)).toMatchObject({
    changed: false,
    verification: { keptAway },
  });
});

test('with a version of the policy, only the owner can insert rules by a bootstrap', async () => {
  const withVersion = (policy: object) => ({
    ...OPTIONS,
    policy: { ...defaultPolicy, ...policy, version: 1 },
  });
  const { as } = await followPage(withVersion({}), grants + grantsWithVersion);
  const larger = withVersion({ rules: LARGER.policy.rules });

  await expect(bootstrapDatabase(as('admin'), larger)).rejects.toThrow(REFUSAL);
  expect(await bootstrapDatabase(as('owner'), larger)).toMatchObject({ changed: true });
});

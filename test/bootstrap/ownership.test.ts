import { randomBytes } from 'node:crypto';
import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  changePolicy,
  domainsModelPath,
  type PolicyDefinition,
  planBootstrap,
  readJournal,
  readStatus,
  VerificationError,
  verifyDatabase,
  writeBootstrapSql,
} from '../../src/index.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { untilWaiting } from '../tables/rule-table.fixture.ts';
import { modelText } from '../verification/verify.fixture.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { captureLog, linesOf, WARN } from './log.fixture.ts';

type AnyChanges = {
  readonly [Kind in 'grant' | 'revoke']?: readonly (readonly string[])[];
} & {
  readonly [Kind in 'assign' | 'unassign']?: readonly (readonly [string, string, string?])[];
};

const FIRST = {
  version: 1,
  roles: {
    viewer: { permissions: { invoices: ['read'] } },
    clerk: { inherits: ['viewer'], permissions: { invoices: ['write'] } },
    intern: { inherits: ['viewer'], permissions: { notes: ['write'] } },
  },
} satisfies PolicyDefinition;

const [VIEWER, CLERK] = [FIRST.roles.viewer, FIRST.roles.clerk];

/** Statements that copy the record for a table of another name. */
function addRecordOf(source: string): string[] {
  return ['casbin_bootstrap_version', 'casbin_bootstrap_rule'].map(
    (table) =>
      `insert into ${table} select (jsonb_populate_record(old, '{"source": "${source}"}')).* from ${table} old`,
  );
}

describe.each(LAYOUTS)('a definition with a version, on a table of layout $name', (layout) => {
  const RENAMED = { name: 'rules', layout: layout.name };

  async function open(bootstrapped?: PolicyDefinition) {
    const database = await (bootstrapped === undefined
      ? createDatabase()
      : createBootstrapped({ ...layout.options, policy: bootstrapped, seeders: [] }));
    const pool = database.pool();
    const bootstrap = (policy: PolicyDefinition, more: object = {}) =>
      bootstrapDatabase(pool, { ...layout.options, policy, seeders: [], ...more });
    const change = async (changes: AnyChanges, reason?: string, more: object = {}) => {
      const client = await pool.connect();
      const by = { actor: 'root', ...(reason === undefined ? {} : { reason }) };
      await changePolicy(client, changes, { ...layout.options, ...by, ...more }).finally(() =>
        client.release(),
      );
    };
    const stored = async () => {
      const { rows } = await pool.query(`select * from ${layout.table} order by id`);
      return rows.map(({ id, ptype, rule, ...columns }) =>
        [ptype, ...(rule ?? Object.values(columns).filter((value) => value !== null))].join(' '),
      );
    };
    return { pool, bootstrap, change, stored, options: { ...layout.options, seeders: [] } };
  }

  test('removes retired rules that a bootstrap had inserted, and leaves those of administrators', async () => {
    const { bootstrap, change, stored } = await open(FIRST);
    await change({ grant: [['intern', 'invoices', 'read']], assign: [['ann', 'intern']] });
    const rules = [
      ['p', 'clerk', 'invoices', 'write'],
      ['p', 'intern', 'invoices', 'read'],
    ];
    const retired = { roles: { intern: {} }, rules };
    const clerk = { inherits: ['viewer'], permissions: { invoices: ['approve'] } };

    const report = await bootstrap({ version: 2, roles: { viewer: VIEWER, clerk }, retired });

    expect(await stored()).toEqual([
      'p viewer invoices read',
      'g clerk viewer',
      'p intern invoices read',
      'g ann intern',
      'p clerk invoices approve',
    ]);
    expect(report).toMatchObject({
      changed: true,
      ownership: {
        version: 2,
        before: 1,
        isOlder: false,
        removed: [
          ['p', 'intern', 'notes', 'write'],
          ['g', 'intern', 'viewer'],
          ['p', 'clerk', 'invoices', 'write'],
        ],
        left: [
          ['p', 'intern', 'invoices', 'read'],
          ['g', 'ann', 'intern'],
        ],
        leftOmitted: 0,
      },
    });
  });

  test.each(['a bootstrap', 'SQL'])('keeps its record where the table is renamed, by %s', async (by) => {
    const { pool, bootstrap, change, options } = await open(FIRST);
    await change({ revoke: [['clerk', 'invoices', 'write']] }, 'left the company');
    await pool.query(`alter table ${layout.table} rename to rules`);
    const policy = {
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: {} } },
    };
    if (by === 'SQL') await pool.query(await writeBootstrapSql({ ...options, table: RENAMED, policy }));

    const { ownership, verification } = await bootstrap(policy, { table: RENAMED });

    const removed = [
      ['p', 'intern', 'notes', 'write'],
      ['g', 'intern', 'viewer'],
    ];
    expect(ownership).toMatchObject(
      by === 'SQL' ? { before: 2, removed: [] } : { before: 1, removed: expect.arrayContaining(removed) },
    );
    expect(verification.keptAway).toMatchObject([{ because: 'revoked', reason: 'left the company' }]);
    const { rows } = await pool.query('select count(*)::int as rules from rules');
    expect(rows).toEqual([{ rules: 2 }]);
    await expect(bootstrap(policy, { table: RENAMED })).resolves.toMatchObject({ changed: false });
  });

  test('keeps its record where the table is renamed, and another schema has one of the former name', async () => {
    const { pool, bootstrap } = await open(FIRST);
    await bootstrap(FIRST, { schema: 'app' });
    await pool.query(`alter table app.${layout.table} rename to rules`);
    await expect(bootstrap(FIRST, { schema: 'app', table: RENAMED })).resolves.toMatchObject({
      ownership: { before: 1 },
    });
  });

  test('takes no record over from a table that is still there, or that had other rules', async () => {
    const { pool, bootstrap } = await open(FIRST);
    const other = {
      version: 1,
      roles: { viewer: { permissions: { notes: ['read'] } }, clerk: { permissions: { viewer: ['read'] } } },
    };
    await expect(bootstrap(other, { table: RENAMED })).resolves.toMatchObject({
      ownership: { before: null },
    });
    await pool.query(
      `drop table ${layout.table}; delete from casbin_bootstrap_version where source = 'rules'`,
    );
    await expect(bootstrap(other, { table: RENAMED })).resolves.toMatchObject({
      ownership: { before: null },
    });
    const { rows } = await pool.query('select source from casbin_bootstrap_version order by 1');
    expect(rows).toEqual([layout.table, 'rules'].map((source) => ({ source })));
  });

  describe('takes no record over', () => {
    test.each([layout.table, 'Rules, old'])(
      'where the table that has it, "%s", is still there, with the same rules',
      async (name) => {
        const { pool, bootstrap } = await open();
        const table = { name, layout: layout.name };
        await bootstrap(FIRST, { table });
        await pool.query(`create table rules (like "${name}" including all)`);
        await pool.query(`insert into rules select * from "${name}"`);
        await expect(bootstrap(FIRST, { table: RENAMED })).resolves.toMatchObject({
          ownership: { before: null },
        });
        await expect(bootstrap(FIRST, { table })).resolves.toMatchObject({ ownership: { before: 1 } });
      },
    );

    test('where two tables that are gone had these rules', async () => {
      const { pool, bootstrap } = await open(FIRST);
      for (const statement of addRecordOf('gone')) await pool.query(statement);
      await pool.query(`alter table ${layout.table} rename to rules`);
      await expect(bootstrap(FIRST, { table: RENAMED })).resolves.toMatchObject({
        ownership: { before: null },
      });
    });

    test('by SQL, where the table has one', async () => {
      const { pool, options } = await open(FIRST);
      for (const statement of addRecordOf('gone')) await pool.query(statement);
      await pool.query(await writeBootstrapSql({ ...options, policy: FIRST }));
      const { rows } = await pool.query('select source from casbin_bootstrap_version order by 1');
      expect(rows).toEqual([layout.table, 'gone'].map((source) => ({ source })));
    });
  });

  test('reports as changed that the record has other retirements of the same version, though no rule goes', async () => {
    const { bootstrap } = await open(FIRST);
    const policy: PolicyDefinition = { ...FIRST, retired: { roles: { auditor: {} } } };
    expect(await bootstrap(policy, { dryRun: true })).toMatchObject({ changed: true });
    const ownership = { version: 1, before: 1, removed: [], left: [] };
    expect(await bootstrap(policy)).toMatchObject({ changed: true, ownership });
    expect(await bootstrap(policy)).toMatchObject({ changed: false, ownership });
  });

  test('lists what is left of retired roles and rules until it is removed, in every report', async () => {
    const { pool, bootstrap, change, stored, options } = await open(FIRST);
    await change({ assign: [['ann', 'intern']] });
    const policy: PolicyDefinition = {
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: {} }, rules: [['p', 'clerk', 'notes', 'read']] },
    };
    // Before, a bootstrap has not retired anything yet.
    expect(await verifyDatabase(pool, { ...options, policy })).toMatchObject({ left: [] });
    const first = await bootstrap(policy);
    expect(first.ownership).toMatchObject({ left: [['g', 'ann', 'intern']] });
    await change({ assign: [['bob', 'intern']] });
    await change({ grant: [['clerk', 'notes', 'read']] });
    const before = await stored();

    const { logger, lines } = captureLog();
    const left = [
      ['g', 'ann', 'intern'],
      ['g', 'bob', 'intern'],
      ['p', 'clerk', 'notes', 'read'],
    ];
    const found = { ok: true, left, leftOmitted: 0 };
    const report = { changed: false, ownership: { version: 2, before: 2, left }, verification: found };
    expect(await bootstrap(policy, { logger })).toMatchObject(report);
    expect(linesOf(lines, 'retired_left')).toMatchObject([{ level: 40, rules: 3 }]);
    expect(await planBootstrap(pool, { ...options, policy })).toMatchObject(report);
    expect(await verifyDatabase(pool, { ...options, policy })).toMatchObject(found);
    const without = { ...options, policy, verify: false } as const;
    expect(await bootstrapDatabase(pool, without)).toMatchObject({ verification: { left } });
    expect(await readStatus(pool, { ...options, policy })).toMatchObject({
      verification: found,
      isComplete: true,
    });
    // Also with something else to do, and in a table that is read in part.
    const migrations = { '001_notes': { up: async () => {} } };
    expect(await bootstrap(policy, { migrations })).toMatchObject({ ...report, changed: true });
    await pool.query(
      layout.name === 'document'
        ? `insert into casbin (ptype, rule) select 'g', jsonb_build_array('user ' || n, 'viewer') from generate_series(1, 1100) n`
        : `insert into casbin_rule (ptype, v0, v1) select 'g', 'user ' || n, 'viewer' from generate_series(1, 1100) n`,
    );
    const partly = await bootstrap(policy);
    expect(partly.verification.scope.kind).toBe('part');
    expect([...partly.verification.left].sort()).toEqual(left);
    await pool.query(`delete from ${layout.table} where ${layout.first} like 'user %'`);
    expect(await stored()).toEqual(before);

    await change({ unassign: [['ann', 'intern']], revoke: [['clerk', 'notes', 'read']] });
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'bob'`);
    expect(await bootstrap(policy)).toMatchObject({ verification: { left: [] }, ownership: { left: [] } });
    expect((await bootstrap(FIRST)).verification.left).toEqual([]);
  });

  test('lists what is stored by the former name of a role until it is removed', async () => {
    const { pool, bootstrap, change, options } = await open(FIRST);
    const policy: PolicyDefinition = {
      version: 2,
      roles: { viewer: VIEWER, accountant: CLERK, intern: FIRST.roles.intern },
      renamed: { roles: { clerk: 'accountant' } },
    };
    expect(await bootstrap(policy)).toMatchObject({ ownership: { left: [] } });
    // As by an instance of the earlier release, which knows the role by its former name.
    await change({ assign: [['ann', 'clerk']], grant: [['clerk', 'notes', 'read']] });
    const left = [
      ['p', 'clerk', 'notes', 'read'],
      ['g', 'ann', 'clerk'],
    ];
    const found = { ok: true, left, leftOmitted: 0 };
    expect(await bootstrap(policy)).toMatchObject({
      changed: false,
      ownership: { left },
      verification: found,
    });
    expect(await verifyDatabase(pool, { ...options, policy })).toMatchObject(found);
    await change({ unassign: [['ann', 'clerk']], revoke: [['clerk', 'notes', 'read']] });
    expect(await bootstrap(policy)).toMatchObject({ verification: { left: [] } });
  });

  test('plans to insert no rule that it renames, and each that it does not rename any more', async () => {
    const { pool, bootstrap, change, options } = await open(FIRST);
    const roles = { viewer: VIEWER, accountant: CLERK, intern: FIRST.roles.intern };
    const policy: PolicyDefinition = { version: 2, roles, renamed: { roles: { clerk: 'accountant' } } };
    const plan = async () => (await planBootstrap(pool, { ...options, policy })).rules;
    expect(await plan()).toEqual([]);
    await bootstrap(policy);
    const moved = { grant: [['clerk', 'invoices', 'write']], revoke: [['accountant', 'invoices', 'write']] };
    await change(moved);
    expect(await plan()).toEqual([['p', 'accountant', 'invoices', 'write']]);
    expect((await bootstrap(policy)).seeders).toMatchObject([{ inserted: 1 }]);
  });

  test('reassigns users too who got a retired role after it was retired', async () => {
    const { pool, bootstrap, change, stored, options } = await open(FIRST);
    const policy: PolicyDefinition = {
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: { reassign: 'viewer' } } },
    };
    await bootstrap(policy);
    await change({ assign: [['ann', 'intern']], grant: [['intern', 'notes', 'read']] });

    expect(await readStatus(pool, { ...options, policy })).toMatchObject({ isComplete: false });
    expect(await planBootstrap(pool, { ...options, policy })).toMatchObject({
      changed: true,
      ownership: { reassigned: 1 },
    });
    expect(await bootstrap(policy)).toMatchObject({
      changed: true,
      ownership: { reassigned: 1, left: [['p', 'intern', 'notes', 'read']] },
    });
    expect(await stored()).toContain('g ann viewer');
    expect(await stored()).not.toContain('g ann intern');
    expect(await bootstrap(policy)).toMatchObject({
      changed: false,
      ownership: { reassigned: 0, left: [['p', 'intern', 'notes', 'read']] },
    });
  });

  test.each(['made', 'revoked, and made again'])(
    'leaves a retired rule that an administrator had made before a bootstrap defined it: %s',
    async (what) => {
      const { bootstrap, change, stored } = await open();
      await bootstrap({ version: 1, roles: { viewer: VIEWER } });
      const grant = [['viewer', 'notes', 'read']];
      await change({ grant });
      const viewer = { permissions: { invoices: ['read'], notes: ['read'] } };
      await bootstrap({ version: 2, roles: { viewer } });
      if (what !== 'made') {
        await change({ revoke: grant }, 'ticket 7');
        await bootstrap({ version: 2, roles: { viewer, intern: VIEWER } });
        await change({ grant });
      }

      const rules = [['p', 'viewer', 'notes', 'read']];
      const report = await bootstrap({ version: 3, roles: { viewer: VIEWER }, retired: { rules } });

      expect(report.ownership).toMatchObject({ removed: [], left: rules });
      expect(await stored()).toContain('p viewer notes read');
    },
  );

  test('gives users of a retired role another one, each link once', async () => {
    const { bootstrap, change, stored } = await open(FIRST);
    await change({
      grant: [['intern', 'intern', 'read']],
      assign: [
        ['ann', 'intern'],
        ['bob', 'intern'],
        ['bob', 'viewer'],
      ],
    });
    const retired = { roles: { intern: { reassign: 'viewer' } } } as const;

    const report = await bootstrap({ version: 2, roles: { viewer: VIEWER, clerk: CLERK }, retired });

    expect(report.ownership).toMatchObject({ reassigned: 2, left: [['p', 'intern', 'intern', 'read']] });
    expect(await stored()).toEqual([
      'p viewer invoices read',
      'p clerk invoices write',
      'g clerk viewer',
      'p intern intern read',
      'g ann viewer',
      'g bob viewer',
    ]);
  });

  test('lists a link that it has moved, if its user is a retired role too', async () => {
    const { bootstrap, change } = await open(FIRST);
    await change({ assign: [['auditor', 'intern']] });
    const roles = { viewer: VIEWER, clerk: CLERK };
    const retired = { roles: { intern: { reassign: 'viewer' }, auditor: {} } } as const;
    const left = [['g', 'auditor', 'viewer']];

    const report = await bootstrap({ version: 2, roles, retired });

    expect(report).toMatchObject({ ownership: { reassigned: 1, left }, verification: { left } });
    expect(await bootstrap({ version: 2, roles, retired })).toMatchObject({
      changed: false,
      ownership: { left },
    });
  });

  test('renames a role in all rules and links, in their rows', async () => {
    const { bootstrap, change, stored } = await open(FIRST);
    await change({
      grant: [
        ['clerk', 'notes', 'read'],
        ['viewer', 'clerk', 'read'],
        ['clerk', 'clerk', 'read'],
      ],
      assign: [
        ['carol', 'clerk'],
        ['accountant', 'clerk'],
      ],
    });
    const roles = { viewer: VIEWER, accountant: CLERK, intern: FIRST.roles.intern };

    const { logger, lines } = captureLog();
    const renaming = { version: 2, roles, renamed: { roles: { clerk: 'accountant' } } };
    const report = await bootstrap(renaming, { logger });

    expect(linesOf(lines, 'policy_retired')).toMatchObject([
      { renamed: report.ownership?.renamed, removed: 0, reassigned: 0 },
    ]);
    expect(await stored()).toEqual([
      'p viewer invoices read',
      'p accountant invoices write',
      'p intern notes write',
      'g accountant viewer',
      'g intern viewer',
      'p accountant notes read',
      'p viewer clerk read',
      'p accountant clerk read',
      'g carol accountant',
    ]);
    expect(report.ownership?.renamed).toEqual([{ from: 'clerk', to: 'accountant', rules: 6 }]);
    expect(report.seeders[0]).toMatchObject({ inserted: 0, existing: 5 });
    // They are a bootstrap's by their new names too.
    const rules = [['p', 'accountant', 'invoices', 'write']];
    const clerkless = { viewer: VIEWER, intern: FIRST.roles.intern, accountant: { inherits: ['viewer'] } };
    const later = await bootstrap({ version: 3, roles: clerkless as never, retired: { rules } });
    expect(later.ownership).toMatchObject({ removed: rules, left: [] });
  });

  test('renames a role in the record of its own table only', async () => {
    const { pool, bootstrap } = await open(FIRST);
    await pool.query(`
      insert into casbin_bootstrap_rule (source, ptype, rule, inserted, first_version, last_version)
      select other, ptype, replace(rule, 'clerk', name), inserted, 1, 1
      from casbin_bootstrap_rule, (values ('other', 'clerk'), ('third', 'accountant')) as more (other, name)
    `);
    const roles = { viewer: VIEWER, accountant: CLERK, intern: FIRST.roles.intern };

    await bootstrap({ version: 2, roles, renamed: { roles: { clerk: 'accountant' } } });

    const { rows } = await pool.query(
      `select source, name, count(*) filter (where inserted)::int as inserted
       from casbin_bootstrap_rule, (values ('clerk'), ('accountant')) as either (name)
       where rule like '%"' || name || '"%' group by 1, 2 order by 1`,
    );
    expect(rows).toEqual([
      { source: layout.table, name: 'accountant', inserted: 2 },
      { source: 'other', name: 'clerk', inserted: 2 },
      { source: 'third', name: 'accountant', inserted: 2 },
    ]);
  });

  test('keeps a permission on a resource whose name is the new name of a role', async () => {
    const { bootstrap, change, stored } = await open(FIRST);
    await change({ grant: [['clerk', 'accountant', 'read']] });
    const roles = { viewer: VIEWER, accountant: CLERK, intern: FIRST.roles.intern };

    await bootstrap({ version: 2, roles, renamed: { roles: { clerk: 'accountant' } } });

    expect(await stored()).toContain('p accountant accountant read');
  });

  test('keeps a tenant that has the name of a renamed role', async () => {
    const { bootstrap, change, stored } = await open();
    const domained = { model: domainsModelPath };
    const tenants = ['clerk'];
    const rights = { permissions: { invoices: ['write'] } };
    await bootstrap({ version: 1, domains: { roles: { clerk: rights }, tenants } }, domained);
    await change({ assign: [['carol', 'clerk', 'clerk']] }, undefined, domained);

    const renamed = { roles: { clerk: 'accountant' } };
    const roles = { accountant: rights };
    await bootstrap({ version: 2, domains: { roles, tenants }, renamed }, domained);

    expect(await stored()).toEqual(['p accountant clerk invoices write', 'g carol accountant clerk']);
  });

  test('tells for each of several renamed roles how many rules name it', async () => {
    const { bootstrap } = await open(FIRST);
    const roles = { viewer: VIEWER, accountant: CLERK, trainee: FIRST.roles.intern };
    const renamed = { roles: { clerk: 'accountant', intern: 'trainee' } };

    const { ownership } = await bootstrap({ version: 2, roles, renamed });

    expect(ownership?.renamed).toEqual([
      { from: 'clerk', to: 'accountant', rules: 2 },
      { from: 'intern', to: 'trainee', rules: 2 },
    ]);
  });

  test('leaves a retired rule that an administrator makes again, while it is listed in later versions', async () => {
    const { bootstrap, change, stored } = await open(FIRST);
    const later = { roles: { viewer: VIEWER, clerk: CLERK }, retired: { roles: { intern: {} } } };
    await bootstrap({ version: 2, ...later });
    await change({ grant: [['intern', 'notes', 'write']] });

    const report = await bootstrap({ version: 3, ...later });

    expect(report.ownership).toMatchObject({ removed: [], left: [['p', 'intern', 'notes', 'write']] });
    expect(await stored()).toContain('p intern notes write');
  });

  test("treats a rule of an administrator as a bootstrap's, once a bootstrap has restored it", async () => {
    const { pool, bootstrap, stored } = await open();
    await bootstrap({ version: 1, roles: { viewer: VIEWER } });
    await layout.insert(pool, ['p', 'viewer', 'notes', 'read']);
    const viewer = { permissions: { invoices: ['read'], notes: ['read'] } };
    await bootstrap({ version: 2, roles: { viewer } });
    await pool.query(`delete from ${layout.table}`);
    await bootstrap({ version: 2, roles: { viewer } });

    const rules = [['p', 'viewer', 'notes', 'read']];
    const report = await bootstrap({ version: 3, roles: { viewer: VIEWER }, retired: { rules } });

    expect(report.ownership).toMatchObject({ removed: rules, left: [] });
    expect(await stored()).toEqual(['p viewer invoices read']);
  });

  test('inserts a rule that is defined again after a version without it, under keep too', async () => {
    const { pool, bootstrap, stored } = await open();
    const { viewer, clerk } = { viewer: VIEWER, clerk: CLERK };
    await bootstrap({ version: 1, onRevoked: 'keep', roles: { viewer, clerk } });
    await bootstrap({ version: 2, onRevoked: 'keep', roles: { viewer } });
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'clerk'`);

    const report = await bootstrap({ version: 3, onRevoked: 'keep', roles: { viewer, clerk } });

    expect(report.verification.keptAway).toEqual([]);
    expect(await stored()).toContain('p clerk invoices write');
  });

  test('removes no retired rule of an administrator that a bootstrap has inserted into another table', async () => {
    const roles = { viewer: VIEWER, clerk: CLERK };
    const { pool, bootstrap, change, stored } = await open({ version: 1, roles });
    await change({ grant: [['intern', 'notes', 'write']] });
    await pool.query(`
      insert into casbin_bootstrap_rule (source, ptype, rule, inserted, first_version, last_version)
      values ('other', 'p', '["intern","notes","write"]', true, 1, 1)`);
    await bootstrap({ version: 2, roles, retired: { roles: { intern: {} } } });
    expect(await stored()).toContain('p intern notes write');
  });

  test('does not treat the rules of an existing table as its own', async () => {
    const { pool, bootstrap, stored } = await open();
    await layout.create(pool);
    await layout.insert(pool, ['p', 'viewer', 'notes', 'read']);
    const viewer = { permissions: { invoices: ['read'], notes: ['read'] } };
    await bootstrap({ version: 1, roles: { viewer } });

    const rules = [['p', 'viewer', 'notes', 'read']];
    const report = await bootstrap({ version: 2, roles: { viewer: VIEWER }, retired: { rules } });

    expect(report.ownership).toMatchObject({ removed: [], left: rules });
    expect(await stored()).toContain('p viewer notes read');
  });

  test('merges two roles into one that has some of their rules already', async () => {
    const { pool, bootstrap, change, stored } = await open();
    await bootstrap({
      version: 1,
      roles: { a: { permissions: { x: ['r'] } }, b: { permissions: { x: ['r'] } } },
    });
    await change({
      grant: [['a', 'x', 'w']],
      assign: [
        ['ann', 'a'],
        ['ann', 'b'],
      ],
    });
    // These rows are now behind the others, but for their ids.
    await pool.query(`update ${layout.table} set ptype = ptype where id in (1, 4)`);

    await bootstrap({
      version: 2,
      roles: { c: { permissions: { x: ['r'] } } },
      renamed: { roles: { a: 'c', b: 'c' } },
    });

    expect(await stored()).toEqual(['p c x r', 'p c x w', 'g ann c']);
    const { rows: kept } = await pool.query(`select id from ${layout.table} order by id`);
    expect(kept).toEqual([{ id: 1 }, { id: 3 }, { id: 4 }]);
    const { rows } = await pool.query('select rule from casbin_bootstrap_rule');
    expect(rows).toEqual([{ rule: '["c","x","r"]' }]);
  });

  test.each([
    ['a', 'b'],
    ['b', 'a'],
  ])('brings a rule of merged roles back that was revoked for one of them only: %s', async (gone, kept) => {
    const rights = { permissions: { x: ['r'] } };
    const { pool, bootstrap, change, stored } = await open({ version: 1, roles: { a: rights, b: rights } });
    for (const role of [gone, kept]) await change({ revoke: [[role, 'x', 'r']] }, 'ticket 7');
    await change({ grant: [[kept, 'x', 'r']] });
    const merged: PolicyDefinition = {
      version: 2,
      roles: { c: rights },
      renamed: { roles: { a: 'c', b: 'c' } },
    };
    await bootstrap(merged);
    await pool.query(`delete from ${layout.table}`);

    expect((await bootstrap(merged)).verification.keptAway).toEqual([]);

    expect(await stored()).toEqual(['p c x r']);
  });

  test("leaves a retired rule of merged roles that was an administrator's for one of them", async () => {
    const rights = { permissions: { x: ['r'] } };
    const { pool, bootstrap } = await open({ version: 1, roles: { a: rights } });
    await layout.insert(pool, ['p', 'b', 'x', 'r']);
    await bootstrap({ version: 2, roles: { a: rights, b: rights } });
    await bootstrap({ version: 3, roles: { c: rights }, renamed: { roles: { a: 'c', b: 'c' } } });

    const rules = [['p', 'c', 'x', 'r']];
    const { ownership } = await bootstrap({ version: 4, roles: { viewer: VIEWER }, retired: { rules } });

    expect(ownership).toMatchObject({ removed: [], left: rules });
  });

  test('tells rules of different ptypes with the same values apart', async () => {
    const { bootstrap } = await open();
    const model = newModelFromString(modelText().replace('p = sub, obj, act', '$&\np2 = sub, obj, act'));
    const [p, p2] = [(role: string) => ['p', role, 'x', 'r'], (role: string) => ['p2', role, 'x', 'r']];
    const next = async (policy: PolicyDefinition) => (await bootstrap(policy, { model })).ownership?.removed;
    await next({ version: 1, rules: [p('a'), p2('c')] });
    await next({ version: 2, rules: [p('a'), p2('a'), p2('c')] });
    await next({ version: 3, rules: [p('c'), p2('c')], renamed: { roles: { a: 'c' } } });

    const rules = [p('c'), p2('a')];
    expect(await next({ version: 4, rules: [p2('c')], retired: { rules } })).toEqual(rules);
    const last = [p2('c')];
    expect(await next({ version: 5, rules: [p('d')], retired: { rules: last } })).toEqual(last);
  });

  test('does nothing to a policy that a newer version was bootstrapped with, and says so', async () => {
    const { pool, bootstrap, stored, options } = await open(FIRST);
    await bootstrap({
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: {} } },
    });
    const before = await stored();
    const withExpectation = { ...FIRST, allow: [['intern', 'notes', 'write']] } as const;

    const report = await bootstrap(withExpectation);

    expect(report).toMatchObject({ changed: false, ownership: { version: 1, before: 2, isOlder: true } });
    expect(report.verification).toMatchObject({
      ok: true,
      keptAway: [
        { rule: ['p', 'intern', 'notes', 'write'], because: 'newer version', actor: null },
        { rule: ['g', 'intern', 'viewer'], because: 'newer version' },
      ],
    });
    expect(await stored()).toEqual(before);
    expect(await verifyDatabase(pool, { ...options, policy: withExpectation })).toMatchObject({ ok: true });
    expect(await readStatus(pool, { ...options, policy: FIRST })).toMatchObject({
      version: { defined: 1, newest: 2 },
      rules: { defined: 5, stored: 3, missing: 0, extra: 0, keptAway: 2 },
      isComplete: true,
    });
  });

  test('does nothing to the policy either when it has something else to do', async () => {
    const { pool, bootstrap, stored } = await open();
    await bootstrap({ version: 2, roles: { viewer: VIEWER } });
    const before = await stored();
    const recorded = async () => (await pool.query('select * from casbin_bootstrap_rule')).rows;
    const recordedBefore = await recorded();
    const migrations = { '001_notes': { up: async () => {} } };

    const report = await bootstrap(FIRST, { migrations });

    expect(report).toMatchObject({ changed: true, ownership: { isOlder: true } });
    expect(await stored()).toEqual(before);
    expect(await recorded()).toEqual(recordedBefore);
    const { rows } = await pool.query('select version from casbin_bootstrap_version');
    expect(rows).toEqual([{ version: 2 }]);
  });

  test('leaves users the role that an older version had retired, and a newer one defines again', async () => {
    const { pool, bootstrap, change, stored, options } = await open();
    await bootstrap({ version: 2, roles: { viewer: VIEWER, intern: VIEWER } });
    await change({ assign: [['ann', 'intern']] });
    const older: PolicyDefinition = {
      version: 1,
      roles: { viewer: VIEWER },
      retired: { roles: { intern: { reassign: 'viewer' } } },
    };
    const report = await bootstrap(older, { migrations: { '001_notes': { up: async () => {} } } });
    expect(report).toMatchObject({ changed: true, ownership: { isOlder: true, reassigned: 0 } });
    expect(await stored()).toContain('g ann intern');
    expect(await verifyDatabase(pool, { ...options, policy: older })).toMatchObject({ left: [] });
  });

  test('is verified on a database without a record, too', async () => {
    const { pool, bootstrap, options } = await open();
    await bootstrap({ roles: { viewer: VIEWER } });
    const policy = { version: 1, roles: { viewer: VIEWER } };
    expect(await verifyDatabase(pool, { ...options, policy })).toMatchObject({ ok: true, keptAway: [] });
  });

  test('logs what it retires or would retire, and that an older version does nothing', async () => {
    const { bootstrap, change } = await open(FIRST);
    await change({
      assign: [
        ['ann', 'intern'],
        ['bob', 'intern'],
      ],
    });
    const retired = { roles: { intern: { reassign: 'viewer' } } } as const;
    const policy = { version: 2, roles: { viewer: VIEWER, clerk: CLERK }, retired };

    const { logger, lines } = captureLog();
    await bootstrap(policy, { logger, dryRun: true });
    await bootstrap(policy, { logger });
    await bootstrap(FIRST, { logger });

    const counts = { level: WARN, version: 2, renamed: [], removed: 2, reassigned: 2 };
    expect(linesOf(lines, 'policy_retired')).toMatchObject([
      { ...counts, msg: 'Would rename and retire parts of the policy' },
      { ...counts, msg: 'Parts of the policy renamed and retired' },
    ]);
    expect(linesOf(lines, 'older_version')).toMatchObject([{ level: WARN, version: 1, newest: 2 }]);
  });

  test('does not bring back what changePolicy has revoked with a reason, until it is granted again', async () => {
    const { pool, bootstrap, change, stored, options } = await open(FIRST);
    const policy = { ...FIRST, allow: [['clerk', 'invoices', 'write']] } as const;
    await change({ revoke: [['clerk', 'invoices', 'write']] }, 'audit finding 12');

    const { logger, lines } = captureLog();
    const [report, verified] = [
      await bootstrap(policy, { logger }),
      await verifyDatabase(pool, { ...options, policy, strict: true }),
    ];

    const keptAway = [
      {
        rule: ['p', 'clerk', 'invoices', 'write'],
        because: 'revoked',
        actor: 'root',
        reason: 'audit finding 12',
        at: expect.any(Date),
      },
    ];
    expect(report).toMatchObject({ changed: false, verification: { ok: true, keptAway, drift: [] } });
    expect(verified).toMatchObject({ ok: true, keptAway });
    expect(linesOf(lines, 'rule_kept_away')).toMatchObject([
      { level: 30, rule: 'p, clerk, invoices, write', because: 'revoked', actor: 'root' },
    ]);
    expect(await planBootstrap(pool, { ...options, policy })).toMatchObject({ changed: false, rules: [] });
    expect((await bootstrap({ ...policy, version: 2 })).verification).toMatchObject({ keptAway });
    expect(await stored()).not.toContain('p clerk invoices write');

    await change({ grant: [['clerk', 'invoices', 'write']] });
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'clerk' and ptype = 'p'`);
    expect((await bootstrap({ ...policy, version: 2 })).changed).toBe(true);
    expect(await stored()).toContain('p clerk invoices write');
  });

  test('knows what was revoked in a schema that is not on the search_path', async () => {
    const { bootstrap, change } = await open();
    const schema = 'auth';
    await bootstrap(FIRST, { schema });
    await change({ revoke: [['clerk', 'invoices', 'write']] }, 'ticket 7', { schema });

    const { changed, verification } = await bootstrap(FIRST, { schema });

    expect(changed).toBe(false);
    expect(verification.keptAway).toMatchObject([{ because: 'revoked', reason: 'ticket 7' }]);
  });

  test('is refused where a rule that stays away is the one that denied what must never be', async () => {
    const { pool, bootstrap } = await open();
    const text = modelText({
      p: 'sub, obj, act, eft',
      e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
    });
    const request = ['guest', 'data', 'read'];
    const rules = ['allow', 'deny'].map((effect) => ['p', ...request, effect]);
    const policy = { version: 1, rules, never: [request], onRevoked: 'keep' } as const;
    const more = { model: newModelFromString(text) };
    await bootstrap(policy, more);
    await pool.query(`delete from ${layout.table} where id = 2`);

    await expect(bootstrap(policy, more)).rejects.toMatchObject({
      code: 'VERIFICATION_FAILED',
      report: { failures: [{ kind: 'never', request }] },
    });
  });

  test('logs a hundred of the rules that stay away, and reports all', async () => {
    const { pool, bootstrap } = await open();
    const rules = Array.from({ length: 102 }, (_, n) => ['p', 'clerk', `invoice${n}`, 'read']);
    const policy = { version: 1, rules, onRevoked: 'keep' } as const;
    await bootstrap(policy);
    await pool.query(`delete from ${layout.table}`);
    const { logger, lines } = captureLog();

    const { verification } = await bootstrap(policy, { logger, verify: false });

    expect(verification.keptAway).toHaveLength(102);
    expect(linesOf(lines, 'rule_kept_away')).toHaveLength(100);
  });

  test('inserts other vanished rules again, and under keep reports them as drift', async () => {
    const { pool, bootstrap, change, stored, options } = await open();
    const clerk = { ...CLERK, onRevoked: 'keep' } as const;
    const policy = { ...FIRST, roles: { ...FIRST.roles, clerk } } as const;
    await bootstrap(policy);
    await change({ revoke: [['intern', 'notes', 'write']] });
    await pool.query(`delete from ${layout.table} where ${layout.first} = 'clerk'`);

    const { logger, lines } = captureLog();
    const report = await bootstrap(policy, { logger });

    expect(await stored()).toEqual(['p viewer invoices read', 'g intern viewer', 'p intern notes write']);
    expect(linesOf(lines, 'rule_kept_away').map(({ level }) => level)).toEqual([40, 40]);
    const because = 'vanished';
    expect(report.verification).toMatchObject({
      ok: true,
      keptAway: [
        { rule: ['p', 'clerk', 'invoices', 'write'], because },
        { rule: ['g', 'clerk', 'viewer'], because },
      ],
      drift: [
        { rule: ['p', 'clerk', 'invoices', 'write'], added: [], holders: null },
        { rule: ['g', 'clerk', 'viewer'] },
      ],
    });
    expect((await bootstrap(policy)).changed).toBe(false);
    expect((await verifyDatabase(pool, { ...options, policy, strict: true })).ok).toBe(false);
    // A rule that is new in the definition has not vanished.
    const more = { ...clerk, permissions: { invoices: ['write', 'approve'] } };
    await bootstrap({ ...policy, roles: { ...policy.roles, clerk: more } });
    expect(await stored()).toContain('p clerk invoices approve');
    expect(await stored()).not.toContain('p clerk invoices write');
  });

  test('inserts all rules into a table that is made again, under keep too, but what was revoked with a reason', async () => {
    const { pool, bootstrap, change, stored } = await open();
    const policy = { ...FIRST, onRevoked: 'keep' } as const;
    await bootstrap(policy);
    await change({ revoke: [['intern', 'notes', 'write']] }, 'no interns any more');
    await pool.query(`drop table ${layout.table}`);
    await pool.query(`delete from casbin_bootstrap_migration where name like '0001%'`);

    const { verification } = await bootstrap(policy);

    expect(verification).toMatchObject({
      ok: true,
      keptAway: [{ rule: ['p', 'intern', 'notes', 'write'], because: 'revoked' }],
    });
    expect((await stored()).toSorted()).toEqual([
      'g clerk viewer',
      'g intern viewer',
      'p clerk invoices write',
      'p viewer invoices read',
    ]);
  });

  test('still refuses what must never be allowed where a rule stays away', async () => {
    const { bootstrap, change } = await open();
    const policy = { ...FIRST, never: [['intern', 'invoices', 'write']] } as const;
    await bootstrap(policy);
    await change(
      { revoke: [['viewer', 'invoices', 'read']], grant: [['intern', 'invoices', 'write']] },
      'test',
    );

    await expect(bootstrap(policy)).rejects.toThrow(VerificationError);
  });

  test('refuses a policy in which something is allowed that must never be, as its denying rule stays away', async () => {
    const { bootstrap, change } = await open();
    const model = newModelFromString(`
      [request_definition]
      r = sub, obj, act
      [policy_definition]
      p = sub, obj, act, eft
      [role_definition]
      g = _, _
      [policy_effect]
      e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
      [matchers]
      m = g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act
    `);
    const rules = [
      ['p', 'viewer', 'invoices', 'read', 'allow'],
      ['p', 'viewer', 'invoices', 'write', 'allow'],
      ['p', 'intern', 'invoices', 'write', 'deny'],
      ['g', 'intern', 'viewer'],
    ];
    const policy = { version: 1, rules, deny: [['intern', 'invoices', 'write']] };
    await bootstrap(policy, { model });
    await change({ revoke: [['intern', 'invoices', 'write', 'deny']] }, 'they may now', { model });

    expect((await bootstrap(policy, { model })).verification).toMatchObject({ ok: true, drift: [] });
    const strict = { ...policy, never: policy.deny, deny: [] };
    await expect(bootstrap(strict, { model })).rejects.toMatchObject({
      report: { failures: [{ kind: 'never', request: ['intern', 'invoices', 'write'] }] },
    });
  });

  test('treats the rules of a database that was bootstrapped before as its own', async () => {
    const { bootstrap, stored } = await open();
    const { version: _, ...unversioned } = FIRST;
    await bootstrap(unversioned);
    await bootstrap(FIRST);

    await bootstrap({
      version: 2,
      roles: { viewer: VIEWER, clerk: CLERK },
      retired: { roles: { intern: {} } },
    });

    expect(await stored()).toEqual(['p viewer invoices read', 'p clerk invoices write', 'g clerk viewer']);
  });

  test('lets a writer of a rule of a renamed role finish first', async () => {
    const { pool, bootstrap, stored } = await open(FIRST);
    const writer = await pool.connect();
    await writer.query('begin');
    await layout.insert(writer, ['p', 'intern', 'invoices', 'read']);
    const { viewer, clerk, intern: trainee } = FIRST.roles;

    const renaming = bootstrap({
      version: 2,
      roles: { viewer, clerk, trainee },
      renamed: { roles: { intern: 'trainee' } },
    });
    await untilWaiting(pool, 1);
    await writer.query('commit');
    writer.release();

    expect((await renaming).ownership?.renamed).toEqual([{ from: 'intern', to: 'trainee', rules: 3 }]);
    expect(await stored()).toContain('p trainee invoices read');
  });

  test('does not bring back what somebody is just revoking with a reason', async () => {
    const { pool, bootstrap, stored, options } = await open(FIRST);
    const client = await pool.connect();
    await client.query('begin');
    const by = { ...options, actor: 'root', reason: 'ticket 7' };
    await changePolicy(client, { revoke: [['clerk', 'invoices', 'write']] }, by);

    const renewing = bootstrap({ ...FIRST, version: 2 });
    await untilWaiting(pool, 1);
    await client.query('commit');
    client.release();

    expect((await renewing).verification.keptAway).toMatchObject([{ because: 'revoked' }]);
    expect(await stored()).not.toContain('p clerk invoices write');
  });

  test('does not deadlock with a transaction that changes defined rules one after the other', async () => {
    const { pool, bootstrap, options } = await open(FIRST);
    const client = await pool.connect();
    const by = { ...options, actor: 'root', reason: 'ticket 7' };
    await client.query(`set deadlock_timeout = '10ms'; begin`);
    const users = Array.from({ length: 70 }, (_, index) => ['p', `bot${index}`, 'invoices', 'read']);
    await changePolicy(client, { assign: [['carol', 'clerk']] }, by);

    const renewing = bootstrap({ ...FIRST, version: 2, rules: users });
    await untilWaiting(pool, 1);
    await changePolicy(client, { revoke: [['clerk', 'invoices', 'write']] }, by);
    await client.query('commit');
    client.release();

    const { verification, seeders } = await renewing;
    expect(seeders).toMatchObject([{ inserted: 70 }]);
    expect(verification.keptAway).toMatchObject([{ because: 'revoked', reason: 'ticket 7' }]);
  });

  test('does not deadlock with a session that grants rules that it adds', async () => {
    const { pool, bootstrap, options } = await open(FIRST);
    const [holder, client] = [await pool.connect(), await pool.connect()];
    await holder.query('begin; select from casbin_bootstrap_rule for update');
    const rules = ['bob', 'eve'].map((name) => ['p', name, 'invoices', 'read']);

    const renewing = bootstrap({ ...FIRST, version: 2, rules });
    await untilWaiting(pool, 1);
    await client.query(`set deadlock_timeout = '10ms'`);
    const changing = changePolicy(
      client,
      { grant: [['bob', 'invoices', 'read']] },
      { ...options, actor: 'root' },
    );
    await untilWaiting(pool, 2);
    await holder.query('commit');

    expect((await renewing).seeders).toMatchObject([{ inserted: 2 }]);
    await changing;
    for (const used of [holder, client]) used.release();
  });

  test('keeps its record where that of the migrations is lost', async () => {
    const { pool, bootstrap } = await open(FIRST);
    await pool.query('drop table casbin_bootstrap_migration');
    await expect(bootstrap(FIRST)).resolves.toMatchObject({ ownership: { before: 1 } });
  });

  test('retires again if the retired parts change under the same version', async () => {
    const { bootstrap, stored } = await open(FIRST);
    const roles = { viewer: VIEWER, clerk: CLERK };
    await bootstrap({ version: 2, roles });
    expect(await stored()).toContain('p intern notes write');

    const report = await bootstrap({ version: 2, roles, retired: { roles: { intern: {} } } });

    expect(report).toMatchObject({ changed: true, ownership: { version: 2, before: 2 } });
    expect(await stored()).toEqual(['p viewer invoices read', 'p clerk invoices write', 'g clerk viewer']);
  });

  test('does all of it or nothing', async () => {
    const { pool, bootstrap, stored } = await open(FIRST);
    const before = await stored();
    const failing = {
      name: 'failing',
      seed: async () => {
        throw new Error('not today');
      },
    };

    const later = { version: 2, roles: { viewer: VIEWER, clerk: CLERK }, retired: { roles: { intern: {} } } };
    await expect(bootstrap(later, { seeders: [failing] })).rejects.toThrow('not today');
    const tried = await bootstrap(later, { dryRun: true });

    expect(tried).toMatchObject({
      changed: true,
      ownership: {
        removed: [
          ['p', 'intern', 'notes', 'write'],
          ['g', 'intern', 'viewer'],
        ],
      },
    });
    expect(await stored()).toEqual(before);
    const { rows } = await pool.query('select version from casbin_bootstrap_version');
    expect(rows).toEqual([{ version: 1 }]);
  });

  test('is in the journal, with the version as release', async () => {
    const { pool, bootstrap } = await open();
    await bootstrap(FIRST, { journal: true });
    await bootstrap(
      { version: 2, roles: { viewer: VIEWER, clerk: CLERK }, retired: { roles: { intern: {} } } },
      { journal: true },
    );

    const removed = (await readJournal(pool)).filter(({ operation }) => operation === 'removed');
    expect(removed).toHaveLength(2);
    expect(removed[0]).toMatchObject({ actor: 'casbin-bootstrap', release: '2' });
  });
});

test('a revocation has its own time, not that of its transaction, whatever the time zone of the session', async () => {
  const pool = (await createDatabase()).pool({ options: '-c TimeZone=Asia/Tokyo' });
  const options = { policy: FIRST, seeders: [] };
  await bootstrapDatabase(pool, options);
  const client = await pool.connect();
  await client.query('begin');
  await changePolicy(client, { revoke: [['clerk', 'invoices', 'write']] }, { actor: 'root', reason: 'left' });
  const { rows } = await client.query(
    'select revoked_at > now() as later from casbin_bootstrap_rule where revoked_at is not null',
  );
  await client.query('commit');
  client.release();
  expect(rows).toEqual([{ later: true }]);

  const [kept] = (await bootstrapDatabase(pool, options)).verification.keptAway;

  expect(Math.abs(Number(kept?.at) - Date.now())).toBeLessThan(3_600_000);
});

test('a role is not renamed where the link of a user would not fit its column', async () => {
  const pool = (await createDatabase()).pool();
  const rights = { permissions: { invoices: ['write'] } };
  const options = { table: 'casbin_rule', seeders: [] };
  await bootstrapDatabase(pool, { ...options, policy: { version: 1, roles: { clerk: rights } } });
  await pool.query(`
    alter table casbin_rule alter v1 type varchar(9);
    insert into casbin_rule (ptype, v0, v1) values ('g', 'carol', 'clerk')`);
  const renamed = { roles: { clerk: 'accountant' } };
  const policy: PolicyDefinition = { version: 2, roles: { accountant: rights }, renamed };

  await expect(bootstrapDatabase(pool, { ...options, policy })).rejects.toMatchObject({
    problems: [{ code: 'RULE_DOES_NOT_FIT_TABLE', message: expect.stringContaining('takes 9 characters') }],
  });
});

test('a role is not renamed where a rule would be too long for the indexes', async () => {
  const pool = (await createBootstrapped({ policy: FIRST, seeders: [] })).pool();
  const name = randomBytes(6_000).toString('base64url');
  const roles = { viewer: VIEWER, [name]: CLERK };
  const policy: PolicyDefinition = { version: 2, roles, renamed: { roles: { clerk: name } } };
  await expect(bootstrapDatabase(pool, { policy, seeders: [] })).rejects.toMatchObject({
    code: 'RULE_TOO_LONG',
  });
});

test('a rule may be longer than an index takes', async () => {
  const pool = (await createDatabase()).pool();
  const policy = { version: 1, rules: [['p', randomBytes(6_000).toString('base64url'), 'invoices', 'read']] };
  await expect(bootstrapDatabase(pool, { policy, seeders: [], table: 'casbin_rule' })).resolves.toMatchObject(
    { seeders: [{ inserted: 1 }] },
  );
});

test('10,000 of the rules that are left are listed, and the others counted', async () => {
  const pool = (await createBootstrapped({ policy: FIRST, seeders: [] })).pool();
  await pool.query(
    `insert into casbin (ptype, rule) select 'g', jsonb_build_array('user ' || n, 'intern') from generate_series(1, 10001) n`,
  );
  const retired = { roles: { intern: {} } };
  const policy = { version: 2, roles: { viewer: VIEWER, clerk: CLERK }, retired };

  const { logger, lines } = captureLog();
  for (const changed of [true, false]) {
    const report = await bootstrapDatabase(pool, { policy, seeders: [], logger });
    expect(report).toMatchObject({
      changed,
      ownership: { leftOmitted: 1 },
      verification: { leftOmitted: 1 },
    });
    expect(report.ownership?.left).toHaveLength(10_000);
  }
  expect(linesOf(lines, 'retired_left')).toMatchObject([{ rules: 10_001 }, { rules: 10_001 }]);
});

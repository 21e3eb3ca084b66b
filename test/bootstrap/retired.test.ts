import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  type PolicyDefinition,
  planBootstrap,
  readStatus,
  verifyDatabase,
} from '../../src/index.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { captureLog, linesOf } from './log.fixture.ts';
import { CLERK, FIRST, openVersioned, VIEWER } from './versions.fixture.ts';

describe.each(LAYOUTS)('a version that retires, on a table of layout $name', (layout) => {
  const open = (bootstrapped?: PolicyDefinition) => openVersioned(layout, bootstrapped);

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

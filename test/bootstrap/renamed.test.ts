import { randomBytes } from 'node:crypto';
import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  domainsModelPath,
  type PolicyDefinition,
  planBootstrap,
  verifyDatabase,
} from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { untilWaiting } from '../tables/rule-table.fixture.ts';
import { createBootstrapped } from './bootstrapped.fixture.ts';
import { captureLog, linesOf } from './log.fixture.ts';
import { CLERK, FIRST, openVersioned, VIEWER } from './versions.fixture.ts';

describe.each(LAYOUTS)('a version that renames roles, on a table of layout $name', (layout) => {
  const open = (bootstrapped?: PolicyDefinition) => openVersioned(layout, bootstrapped);

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

  test('plans to insert no rule that was revoked for the former name, as a bootstrap inserts none', async () => {
    const { pool, bootstrap, change, options } = await open(FIRST);
    const roles = { viewer: VIEWER, accountant: CLERK, intern: FIRST.roles.intern };
    const policy: PolicyDefinition = { version: 2, roles, renamed: { roles: { clerk: 'accountant' } } };
    await change({ revoke: [['clerk', 'invoices', 'write']] }, 'ticket 9');
    const kept = { rule: ['p', 'accountant', 'invoices', 'write'], reason: 'ticket 9' };

    const plan = await planBootstrap(pool, { ...options, policy });
    expect(plan).toMatchObject({ rules: [], verification: { keptAway: [kept] } });
    const report = await bootstrap(policy);
    expect(report).toMatchObject({ seeders: [{ inserted: 0 }], verification: { keptAway: [kept] } });
  });

  test('records a rule once that both roles had, so that it stays away once', async () => {
    const accountant = { permissions: CLERK.permissions };
    const { bootstrap, change } = await open({ ...FIRST, roles: { ...FIRST.roles, accountant } });
    const roles = { viewer: VIEWER, accountant, intern: FIRST.roles.intern };
    const policy: PolicyDefinition = { version: 2, roles, renamed: { roles: { clerk: 'accountant' } } };
    await bootstrap(policy);
    await change({ revoke: [['accountant', 'invoices', 'write']] }, 'ticket 8');
    const { verification } = await bootstrap(policy);
    expect(verification.keptAway).toMatchObject([
      { rule: ['p', 'accountant', 'invoices', 'write'], reason: 'ticket 8' },
    ]);
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

  test('tells of a rule that was revoked for the new name and that the renamed role had', async () => {
    const rights = { permissions: { x: ['r', 'w', 'd'] } };
    const { pool, bootstrap, change, stored } = await open({ version: 1, roles: { a: rights, b: rights } });
    await change({ revoke: [['b', 'x', 'w']] }, 'ticket 7');
    await change({ revoke: [['a', 'x', 'r']] }, 'ticket 8');
    await change({ revoke: [['b', 'x', 'r']] }, 'ticket 9');
    // Deleted by hand, which is no revocation: b, x, d.
    await pool.query(`delete from ${layout.table} where id = 6`);
    const merged: PolicyDefinition = { version: 2, roles: { b: rights }, renamed: { roles: { a: 'b' } } };
    const { logger, lines } = captureLog();

    const { verification } = await bootstrap(merged, { logger });
    await bootstrap(merged, { logger });

    expect(await stored()).toEqual(['p b x w', 'p b x d']);
    expect(verification.keptAway).toMatchObject([{ rule: ['p', 'b', 'x', 'r'], reason: 'ticket 9' }]);
    expect(linesOf(lines, 'revoked_renamed')).toMatchObject([
      { level: 40, count: 1, rules: [{ rule: 'p, b, x, w', actor: 'root', reason: 'ticket 7' }] },
    ]);
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
    const model = newModelFromString(modelText().replace('p = sub, obj, act', '$&\np2 = thing, obj, act'));
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

import { newModelFromString } from 'casbin';
import type pg from 'pg';
import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  type BootstrapOptions,
  bootstrapDatabase,
  type ChangeOptions,
  type ChangesFor,
  changePolicy,
  createAdapter,
  createEnforcer,
  createPolicyEditor,
  type DomainPolicyChanges,
  definePolicy,
  domainsModelPath,
  type PolicyChanges,
  type PolicyEditor,
  readJournal,
} from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { BY, openForChanges, policy } from './change.fixture.ts';

test('the options of a bootstrap, with an actor and a reason that may be missing, are options of a change', () => {
  type Given = BootstrapOptions & { actor: string; reason: string | undefined };
  expectTypeOf<Given>().toExtend<ChangeOptions>();
});

describe.each(LAYOUTS)('changePolicy on a table of layout $name', (layout) => {
  const open = () => openForChanges(layout);

  test('knows roles where the model has them in a rule', async () => {
    const pool = (await createDatabase()).pool();
    const model = newModelFromString(modelText({ p: 'priority, sub, obj, act' }));
    const rules = [['p', '1', 'clerk', 'invoices', 'read']];
    const options = { ...layout.options, ...BY, model, policy: { rules } };
    await bootstrapDatabase(pool, { ...options, seeders: [] });
    await layout.insert(pool, ['p', '2', 'auditor', 'invoices', 'read']);
    const client = await pool.connect();
    const assign = (role: string) => changePolicy(client, { assign: [['carol', role]] }, options);

    await assign('clerk');
    await assign('auditor');
    const grant = [['3', 'chief', 'invoices', 'read']] as never;
    await changePolicy(client, { grant, assign: [['carol', 'chief']] }, options);
    for (const role of ['1', '2', 'clrek'])
      await expect(assign(role)).rejects.toMatchObject({ problems: [{ code: 'ROLE_UNDEFINED' }] });
    client.release();
  });

  test('gives roles by the role definition that the model calls for users', async () => {
    const pool = (await createDatabase()).pool();
    const m = 'g2(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act';
    const model = newModelFromString(modelText({ g: ['g = _, _', 'g2 = _, _'], m }));
    const rules = [
      ['p', 'clerk', 'documents', 'read'],
      ['g', 'invoices', 'documents'],
      ['g2', 'chief', 'clerk'],
    ];
    const options = { ...layout.options, ...BY, model, policy: { rules } };
    await bootstrapDatabase(pool, { ...options, seeders: [] });
    const client = await pool.connect();
    const change = (kind: 'assign' | 'unassign', ...link: [string, string]) =>
      changePolicy(client, { [kind]: [link] }, options);
    const isAllowed = async () => (await createEnforcer(pool, options)).enforce('carol', 'invoices', 'read');

    expect((await change('assign', 'carol', 'chief')).added).toEqual([['g2', 'carol', 'chief']]);
    expect(await isAllowed()).toBe(true);
    await expect(change('assign', 'carol', 'chef')).rejects.toMatchObject({
      problems: [{ code: 'ROLE_UNDEFINED' }],
    });
    await expect(change('assign', 'clerk', 'carol')).rejects.toMatchObject({
      problems: [{ code: 'ROLE_CYCLE' }],
    });
    expect((await change('unassign', 'carol', 'chief')).removed).toEqual([['g2', 'carol', 'chief']]);
    expect(await isAllowed()).toBe(false);
    client.release();
  });

  test('adds and removes rules, and returns those that changed', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const changes = {
      grant: [
        ['accountant', 'invoices', 'read'],
        ['clerk', 'invoices', 'read'],
      ],
      revoke: [['accountant', 'invoices', 'write']],
      assign: [['carol', 'clerk']],
      unassign: [['dave', 'clerk']],
    } as const;

    const report = await changePolicy(client, changes, options);

    expect(report).toEqual({
      added: [
        ['p', 'accountant', 'invoices', 'read'],
        ['g', 'carol', 'clerk'],
      ],
      removed: [['p', 'accountant', 'invoices', 'write']],
      comesBack: [['p', 'accountant', 'invoices', 'write']],
      journaled: true,
    });
    const enforcer = await createEnforcer(pool, options);
    expect(await enforcer.enforce('carol', 'invoices', 'read')).toBe(true);
    expect(await enforcer.enforce('accountant', 'invoices', 'write')).toBe(false);
    expect(await changePolicy(client, changes, options)).toMatchObject({ added: [], removed: [] });
  });

  test('tries a change and takes it back, in a transaction of its own or of the caller', async () => {
    await using opened = await open();
    const { client, options, stored } = opened;
    const before = await stored();
    const tryIt = () => changePolicy(client, { assign: [['carol', 'clerk']] }, { ...options, dryRun: true });

    expect(await tryIt()).toMatchObject({ added: [['g', 'carol', 'clerk']] });
    expect(await stored()).toEqual(before);

    await client.query('begin');
    await layout.insert(client, ['g', 'dave', 'clerk']);
    expect(await tryIt()).toMatchObject({ added: [['g', 'carol', 'clerk']] });
    await client.query('commit');
    expect(await stored()).toEqual([...before, 'dave']);
  });

  test('says whether a journal records who made the change', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const insert = `casbin_bootstrap_journal_insert_${layout.table}`;
    for (const [mode, journaled] of [
      [`enable always trigger ${insert}`, true],
      [`enable replica trigger ${insert}`, false],
      ['disable trigger user', false],
    ] as const) {
      await client.query(`alter table ${layout.table} ${mode}`);
      const report = await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
      expect(report.journaled, mode).toBe(journaled);
    }
  });

  test("is rolled back with the caller's transaction, and seen by others after its commit", async () => {
    await using opened = await open();
    const { pool, client, options, stored } = opened;
    const before = await stored();

    await client.query('begin');
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    expect(await stored(pool)).toEqual(before);
    await client.query('rollback');
    expect(await stored()).toEqual(before);

    await client.query('begin');
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    await client.query('commit');
    expect(await stored(pool)).toEqual([...before, 'carol']);
  });

  test('is in the journal with its actor and its reason, and what comes after it in the transaction is not', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    await client.query('begin');
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    await layout.insert(client, ['g', 'dave', 'clerk']);
    await client.query('commit');

    const entries = await readJournal(pool, { value: 'clerk' });
    expect(entries.slice(-2)).toMatchObject([
      { operation: 'added', values: ['carol', 'clerk'], actor: 'root', reason: 'ticket 7' },
      { operation: 'added', values: ['dave', 'clerk'], actor: null, reason: null },
    ]);
  });

  test('does it by force, and the journal says so', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const grant = [['clerk', 'invoices', 'delete']] as const;
    await changePolicy(client, { grant }, { ...options, force: true });
    const [entry] = await readJournal(pool, { limit: 1 });
    expect(entry).toMatchObject({ values: ['clerk', 'invoices', 'delete'], reason: 'forced: ticket 7' });
    // What is so already is not the fault of another change.
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
  });
});

test.each([
  { of: {}, reason: 'ticket 7', isRestored: true },
  { of: { version: 1 }, isRestored: true },
  { of: { version: 1 }, reason: 'ticket 7', isRestored: false },
  { of: { version: 1, onRevoked: 'keep' }, isRestored: false },
  // A database that was not bootstrapped with a version has no record yet.
  { before: {}, of: { version: 1 }, reason: 'ticket 7', isRestored: true },
  { before: {}, of: { version: 1, onRevoked: 'keep' }, isRestored: true },
] as const)(
  'tells of a removed rule whether the next bootstrap inserts it again: $of after $before, $reason',
  async (given) => {
    const rules = [
      ['p', 'clerk', 'invoices', 'read'],
      ['p', 'clerk', 'invoices', 'write'],
    ] as const;
    const versioned = definePolicy({ ...given.of, rules });
    const first = { rules, ...('before' in given ? given.before : given.of) };
    const pool = (await createDatabase()).pool();
    await bootstrapDatabase(pool, { policy: first, seeders: [] });
    const client = await pool.connect();
    await createAdapter(client).addPolicy('p', 'p', ['auditor', 'invoices', 'read']);
    const { comesBack } = await changePolicy(
      client,
      { revoke: [rules[1].slice(1), ['auditor', 'invoices', 'read']] },
      { policy: versioned, actor: 'root', reason: given.reason },
    );
    client.release();
    const { seeders } = await bootstrapDatabase(pool, { policy: versioned, seeders: [] });

    expect(seeders[0]?.inserted).toBe(given.isRestored ? 1 : 0);
    expect(comesBack).toEqual(given.isRestored ? [rules[1]] : []);
  },
);

describe('of a definition with domains', () => {
  const tenants = definePolicy({
    domains: {
      roles: { clerk: { permissions: { invoices: ['read'] } } },
      tenants: ['tenant1', 'tenant2'],
    },
  });

  test('rules and assignments are changed in one domain', async () => {
    const pool = (await createDatabase()).pool();
    const options = { model: domainsModelPath, policy: tenants };
    await bootstrapDatabase(pool, { ...options, seeders: [] });
    const client = await pool.connect();
    const report = await changePolicy(
      client,
      { revoke: [['clerk', 'tenant1', 'invoices', 'read']], assign: [['carol', 'clerk', 'tenant1']] },
      { ...options, ...BY },
    );
    const policies = createPolicyEditor(client, { ...options, ...BY });
    await policies.assign('carol', 'clerk', 'tenant2');
    client.release();
    expect(report).toMatchObject({
      added: [['g', 'carol', 'clerk', 'tenant1']],
      removed: [['p', 'clerk', 'tenant1', 'invoices', 'read']],
    });
    const enforcer = await createEnforcer(pool, options);
    expect(await enforcer.enforce('carol', 'tenant1', 'invoices', 'read')).toBe(false);
    expect(await enforcer.enforce('carol', 'tenant2', 'invoices', 'read')).toBe(true);
  });

  test('roles that inherit from each other in a circle do so in one domain', async () => {
    const pool = (await createDatabase()).pool();
    const options = { model: domainsModelPath, policy: null };
    await bootstrapDatabase(pool, { ...options, seeders: [] });
    const client = await pool.connect();
    const change = (...assign: [string, string, string][]) =>
      changePolicy(client, { assign }, { ...options, ...BY });
    await change(['clerk', 'staff', 'tenant1'], ['staff', 'clerk', 'tenant2']);
    await expect(change(['staff', 'clerk', 'tenant1'])).rejects.toMatchObject({
      problems: [{ code: 'ROLE_CYCLE' }],
    });
    client.release();
  });

  test('an assignment without its domain is refused, and the message names what is missing', async () => {
    const client = await (await createDatabase()).pool().connect();
    const given = { model: domainsModelPath, ...BY };
    await expect(changePolicy(client, { assign: [['carol', 'clerk']] }, given)).rejects.toMatchObject({
      problems: [
        {
          code: 'RULE_WRONG_LENGTH',
          at: 'assign[0]',
          message:
            'rule "g, carol, clerk" has 2 values, but the model defines 3: g = _, _, _. The third one is the domain: add it.',
        },
      ],
    });
    client.release();
  });

  test('its names are types', () => {
    type Changes = ChangesFor<typeof tenants>;
    expectTypeOf<Changes>().toEqualTypeOf<
      DomainPolicyChanges<'clerk', 'invoices', 'read', 'tenant1' | 'tenant2'>
    >();
    expectTypeOf<Parameters<PolicyEditor<typeof tenants>['assign']>>().toEqualTypeOf<
      [user: string, role: 'clerk', domain: 'tenant1' | 'tenant2']
    >();
    const options = { policy: tenants, actor: 'root' };
    const misspelt = (client: pg.Client) => [
      // @ts-expect-error: there is no such tenant
      changePolicy(client, { assign: [['carol', 'clerk', 'tenant3']] }, options),
      // @ts-expect-error: an assignment is of a domain
      changePolicy(client, { assign: [['carol', 'clerk']] }, options),
      // @ts-expect-error: there is no such role
      changePolicy(client, { grant: [['clrek', 'tenant1', 'invoices', 'read']] }, options),
      changePolicy(client, { grant: [['clerk', 'tenant1', 'invoices', 'read']] }, options),
    ];
    expect(misspelt).toBeTypeOf('function');
  });
});

test('the names of a definition are types', () => {
  type Changes = PolicyChanges<'clerk' | 'accountant', 'invoices', 'read' | 'write'>;
  expectTypeOf<readonly ['carol', 'clerk']>().toExtend<NonNullable<Changes['assign']>[number]>();
  expectTypeOf<readonly ['carol', 'clrek']>().not.toExtend<NonNullable<Changes['assign']>[number]>();
  const misspelt = (client: pg.Client) =>
    // @ts-expect-error: there is no such role
    changePolicy(client, { assign: [['carol', 'clrek']] }, { policy, actor: 'root' });
  expect(misspelt).toBeTypeOf('function');
});

import { type Enforcer, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import {
  bootstrapDatabase,
  type ChangesFor,
  changePolicy,
  createAdapter,
  createEnforcer,
  definePolicy,
  type PolicyChanges,
  readJournal,
} from '../../src/index.ts';
import { untilBlocked } from '../bootstrap/database-state.fixture.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { BY, openForChanges, policy } from './change.fixture.ts';

type Opened = Awaited<ReturnType<typeof openForChanges>>;

/** What becomes of a change by another client, which has to wait until the transaction of this one is committed. */
async function outcomeAfterCommit(
  { pool, client, options }: Opened,
  changes: ChangesFor<typeof policy>,
): Promise<string> {
  const other = await pool.connect();
  const settled = changePolicy(other, changes, options).then(
    () => 'made',
    ({ code }) => code,
  );
  await Promise.race([settled, untilBlocked(pool)]);
  await client.query('commit');
  const outcome = await settled;
  other.release();
  return outcome;
}

describe.each(LAYOUTS)('changePolicy on a table of layout $name', (layout) => {
  const open = () => openForChanges(layout);

  test('refuses what must never be allowed, says why, and leaves the transaction usable', async () => {
    await using opened = await open();
    const { pool, client, options, stored } = opened;
    const before = await stored();
    await client.query('begin');

    const refused = changePolicy(
      client,
      { grant: [['clerk', 'invoices', 'delete']], assign: [['carol', 'clerk']] },
      options,
    );

    await expect(refused).rejects.toMatchObject({
      code: 'CHANGE_REFUSED',
      message: expect.stringContaining(
        '"clerk, invoices, delete" would be allowed: by "p, clerk, invoices, delete"',
      ),
      violations: [{ request: ['clerk', 'invoices', 'delete'], rule: ['p', 'clerk', 'invoices', 'delete'] }],
    });
    expect(await stored()).toEqual(before);
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    await client.query('commit');
    expect((await readJournal(pool, { value: 'carol' })).map(({ actor }) => actor)).toEqual(['root']);
  });

  test('refuses it also where bootstraps verify nothing, and reads no migrations for that', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const getMigrations = () => Promise.reject(new Error('the folder was not deployed'));
    const shared = { ...options, migrations: { getMigrations }, verify: false };
    await expect(
      changePolicy(client, { grant: [['clerk', 'invoices', 'delete']] }, shared),
    ).rejects.toMatchObject({ code: 'CHANGE_REFUSED' });
  });

  test('may allow what the definition denies without never', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const write = ['clerk', 'invoices', 'write'] as const;
    const report = await changePolicy(
      client,
      { grant: [write] },
      { ...options, policy: definePolicy({ ...policy, deny: [write] }) },
    );
    expect(report.added).toEqual([['p', ...write]]);
  });

  test('refuses it by a role as well', async () => {
    await using opened = await open();
    const { client, options } = opened;
    await layout.insert(client, ['p', 'manager', 'invoices', 'delete']);
    await expect(
      changePolicy(client, { assign: [['clerk', 'manager' as never]] }, options),
    ).rejects.toMatchObject({ violations: [{ rolePath: ['clerk', 'manager'] }] });
  });

  test('refuses it also where two changes allow it only together', async () => {
    await using opened = await open();
    const { client, options } = opened;
    await layout.insert(client, ['p', 'manager', 'invoices', 'approve']);
    await client.query('begin');
    await changePolicy(client, { assign: [['clerk', 'manager' as never]] }, options);
    const grant = [['manager' as never, 'invoices', 'delete']] as const;
    expect(await outcomeAfterCommit(opened, { grant })).toBe('CHANGE_REFUSED');
  });

  test('refuses it also where it was so until another change took it away, for which this one waited', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const grant = [['clerk', 'invoices', 'delete']] as const;
    await changePolicy(client, { grant }, { ...options, force: true });
    await client.query('begin');
    await changePolicy(client, { revoke: grant }, options);
    expect(await outcomeAfterCommit(opened, { grant })).toBe('CHANGE_REFUSED');
  });

  test('refuses what else must never be allowed where something is so already, and lists all of it', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const user = 'eve, deputy';
    const never = [
      ['clerk', 'invoices', 'delete'],
      ['clerk', 'invoices', 'write'],
      [user, 'invoices', 'read'],
    ] as const;
    const guarded = { ...options, policy: { ...policy, never, rules: [] } };
    await changePolicy(client, { grant: [['clerk', 'invoices', 'delete']] }, { ...guarded, force: true });

    const refused = changePolicy(
      client,
      { grant: [['clerk', 'invoices', 'write']], assign: [[user, 'clerk']] },
      guarded,
    );

    await expect(refused).rejects.toMatchObject({
      message: expect.stringMatching(
        /2 requests would .*\n.*"clerk, invoices, write".*\n.*""eve, deputy", invoices, read" /,
      ),
      violations: [{ request: ['clerk', 'invoices', 'write'] }, { request: [user, 'invoices', 'read'] }],
    });
  });

  test('tells that the transaction only reads, or was aborted before', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const changes = { assign: [['carol', 'clerk']], revoke: [['clerk', 'invoices', 'read']] } as const;
    await client.query('begin read only');
    for (const more of [{}, { force: true }])
      await expect(changePolicy(client, changes, { ...options, ...more })).rejects.toMatchObject({
        code: 'READ_ONLY_DATABASE',
        message: expect.stringMatching(
          /can't change the policy: .* Nothing was changed\. .* "begin read write"/,
        ),
        cause: { code: '25006' },
      });
    await client.query('rollback');
    await client.query('begin');
    await client.query('select 1 / 0').catch(() => {});
    for (const more of [{}, { engine: 'postgresql' }] as const)
      await expect(changePolicy(client, changes, { ...options, ...more })).rejects.toMatchObject({
        code: 'TRANSACTION_ABORTED',
        message: expect.stringMatching(/An earlier error .* Nothing was changed\. Roll the transaction back/),
        cause: { code: '25P02' },
      });
    await client.query('rollback');
  });

  test('refuses a circle of roles, which no bootstrap could verify', async () => {
    await using opened = await open();
    const { pool, client, options, stored } = opened;
    await changePolicy(client, { assign: [['carol', 'clerk']] }, options);
    await layout.insert(client, ['p', 'carol', 'invoices', 'approve']);
    // A link of other things than roles.
    await layout.insert(client, ['g2', 'carol', 'staff']);
    const before = await stored();
    const assign = [
      ['clerk', 'carol'],
      ['dave', 'clerk'],
      ['dave', 'dave'],
    ] as never;
    await expect(changePolicy(client, { assign }, options)).rejects.toMatchObject({
      problems: [
        {
          code: 'ROLE_CYCLE',
          at: 'assign[0]',
          message: expect.stringContaining('"clerk" → "carol" → "clerk"'),
        },
        { code: 'ROLE_INHERITS_ITSELF', at: 'assign[2]' },
      ],
    });
    expect(await stored()).toEqual(before);
    await client.query(`delete from ${layout.table} where ptype = 'g2'`);
    // Turned round at once, it is none.
    await changePolicy(
      client,
      { assign: [['clerk', 'carol' as never]], unassign: [['carol', 'clerk']] },
      options,
    );
    await bootstrapDatabase(pool, { ...options, seeders: [], journal: true });
  });

  test('refuses a circle of more links than Casbin follows', async () => {
    await using opened = await open();
    const { client, options } = opened;
    const circle = Array.from(
      { length: 12 },
      (_, index) => [`role ${index}`, `role ${(index + 1) % 12}`] as const,
    );
    await expect(
      changePolicy(client, { assign: circle }, { ...options, policy: undefined }),
    ).rejects.toMatchObject({ problems: circle.map(() => ({ code: 'ROLE_CYCLE' })) });
  });

  test('names an unknown role, and the nearest one', async () => {
    await using opened = await open();
    const { client, options, stored } = opened;
    const before = await stored();
    const assign = [
      ['carol', 'clrek'],
      ['dave', 'zzzzzzzz'],
      ['erin', 'invoices'],
    ] as never;
    await expect(changePolicy(client, { assign }, options)).rejects.toMatchObject({
      problems: [
        {
          code: 'ROLE_UNDEFINED',
          at: 'assign[0]',
          message: expect.stringContaining('Did you mean "clerk"?'),
        },
        {
          code: 'ROLE_UNDEFINED',
          at: 'assign[1]',
          message:
            'there is no role "zzzzzzzz": no rule, defined, stored or added, gives it anything. Correct the name, or grant the role something in the same change.',
        },
        { code: 'ROLE_UNDEFINED', at: 'assign[2]', message: expect.not.stringContaining('mean') },
      ],
    });
    expect(await stored()).toEqual(before);
    await layout.insert(client, ['p', 'auditor', 'invoices', 'read']);
    await changePolicy(client, { assign: [['carol', 'auditor' as never]] }, options);
    const withGuests = { ...options, policy: { ...policy, rules: [['g', 'clerk', 'guest']] } };
    await changePolicy(client, { assign: [['carol', 'guest' as never]] }, withGuests);
  });

  test('knows a role that the same change gives a permission, or another role', async () => {
    await using opened = await open();
    const { pool, client, options } = opened;
    const changes = {
      grant: [['auditor', 'invoices', 'read']],
      assign: [
        ['carol', 'auditor'],
        ['lead', 'accountant'],
        ['dave', 'lead'],
      ],
    };
    await changePolicy(client, changes as never, options);
    const enforcer = await createEnforcer(pool, options);
    expect(await enforcer.enforce('carol', 'invoices', 'read')).toBe(true);
    expect(await enforcer.enforce('dave', 'invoices', 'delete')).toBe(true);
  });
});

test('grants are refused that Casbin would not use or never finish reading, and may be revoked', async () => {
  const model = newModelFromString(
    modelText({
      r: 'sub, obj, act',
      p: 'sub, obj, act, eft',
      m: 'r.sub == p.sub && keyMatch2(r.obj, p.obj) && r.act == p.act',
    }),
  );
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { model, policy: null, seeders: [] });
  const unusable = [
    ['clerk', '/invoices/:', 'read', 'allow'],
    ['clerk', '/invoices', 'read', 'Deny'],
  ] as const;
  await createAdapter(pool).addPolicy('p', 'p', [...unusable[1]]);
  const client = await pool.connect();
  const change = (changes: PolicyChanges) => changePolicy(client, changes, { ...BY, model });
  await expect(change({ grant: unusable })).rejects.toMatchObject({
    problems: [
      { code: 'RULE_VALUE_INVALID', at: 'grant[1]' },
      { code: 'PATTERN_ENDLESS', at: 'grant[0]' },
    ],
  });
  await expect(change({ revoke: unusable })).resolves.toMatchObject({ removed: [['p', ...unusable[1]]] });
  client.release();
});

test('what must never be allowed is decided with the functions of the application', async () => {
  const options = {
    model: newModelFromString(modelText({ m: 'g(r.sub, p.sub) && r.obj == p.obj && covers(p.act, r.act)' })),
    configureEnforcer: (enforcer: Enforcer) =>
      enforcer.addFunction('covers', (given: string, asked: string) => given === asked || given === 'all'),
    policy: { rules: [['p', 'clerk', 'invoices', 'read']], never: [['clerk', 'payroll', 'read']] },
  };
  const pool = (await createDatabase()).pool();
  await bootstrapDatabase(pool, { ...options, seeders: [] });
  const client = await pool.connect();
  await expect(
    changePolicy(client, { grant: [['clerk', 'payroll', 'all']] }, { ...options, ...BY }),
  ).rejects.toMatchObject({ code: 'CHANGE_REFUSED' });
  client.release();
});

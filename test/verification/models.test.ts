import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Enforcer, type Model, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, createEnforcer, definePolicy, verifyDatabase } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { createDatabase } from '../support/database.ts';

const model = (parts: Parameters<typeof modelText>[0]) => newModelFromString(modelText(parts));

const MODELS: readonly [string, Model, string[][], { checks: number; allowed: number }][] = [
  [
    'domains',
    model({
      r: 'sub, dom, obj, act',
      p: 'sub, dom, obj, act',
      g: ['g = _, _, _'],
      m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
    }),
    [
      ['p', 'admin', 'one', 'data', 'write'],
      ['p', 'admin', 'two', 'data', 'read'],
      ['g', 'owner', 'admin', 'one'],
    ],
    // In each domain its subjects and one without a role, on its permissions and on those of the other.
    { checks: 6, allowed: 3 },
  ],
  [
    'deny-override',
    model({
      p: 'sub, obj, act, eft',
      e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
    }),
    [
      ['p', 'user', 'data', 'read', 'allow'],
      ['p', 'user', 'data', 'write', 'allow'],
      ['p', 'guest', 'data', 'write', 'deny'],
      ['g', 'guest', 'user'],
    ],
    { checks: 6, allowed: 3 },
  ],
  [
    'allow unless denied',
    model({ p: 'sub, obj, act, eft', e: '!some(where (p.eft == deny))' }),
    [['p', 'guest', 'data', 'write', 'deny']],
    { checks: 2, allowed: 1 },
  ],
  [
    'priorities',
    model({ p: 'priority, sub, obj, act, eft', e: 'priority(p.eft) || deny' }),
    [
      ['p', '10', 'user', 'data', 'read', 'deny'],
      ['p', '1', 'admin', 'data', 'read', 'allow'],
      ['g', 'admin', 'user'],
    ],
    { checks: 3, allowed: 1 },
  ],
  [
    'no roles',
    model({ m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act' }),
    [
      ['p', 'alice', 'data', 'read'],
      ['p', 'bob', 'logs', 'read'],
    ],
    { checks: 6, allowed: 2 },
  ],
];

describe.for(MODELS)('a model of %s', ([name, given, rules, counts]) => {
  const policy = definePolicy({ rules });

  test('is seeded and verified, and the application decides the same', async () => {
    const database = await createDatabase();
    const pool = database.pool();

    const report = await bootstrapDatabase(pool, { model: given, policy, seeders: [] });

    expect(report.verification).toMatchObject({ ok: true, ...counts });
    await expect(bootstrapDatabase(pool, { model: given, policy, seeders: [] })).resolves.toMatchObject({
      changed: false,
    });
    const enforcer = await createEnforcer(pool, { model: given });
    expect(await enforcer.getPolicy(), name).toHaveLength(rules.filter(([ptype]) => ptype === 'p').length);
  });

  test('fails when its first rule is missing', async () => {
    const database = await createDatabase();
    const pool = database.pool();
    await bootstrapDatabase(pool, { model: given, policy, seeders: [] });
    await pool.query('delete from casbin where id = 1');

    const report = await verifyDatabase(pool, { model: given, policy });

    expect(report.ok).toBe(false);
    expect(report.failures[0]).toMatchObject({ kind: 'missing-rule', rule: rules[0] });
  });
});

describe('functions of the application', () => {
  const text = modelText({ m: 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act && isOpen(r.act)' });

  test('may be asynchronous, and take part in every decision', async () => {
    const database = await createDatabase();
    const file = path.join(tmpdir(), `model-${process.pid}.conf`);
    await writeFile(file, text);
    let calls = 0;
    const options = {
      model: file,
      policy: definePolicy({ roles: { user: { permissions: { data: ['read', 'write'] } } } }),
      configureEnforcer: async (enforcer: Enforcer) => {
        await enforcer.addFunction('isOpen', async (action: string) => {
          calls += 1;
          return action === 'read';
        });
      },
    };

    const report = await bootstrapDatabase(database.pool(), options);

    expect(report.verification).toMatchObject({ ok: true, checks: 4, allowed: 1 });
    expect(calls).toBeGreaterThan(0);
    await expect(verifyDatabase(database.pool(), options)).resolves.toMatchObject({ ok: true });
  });

  test('that the application forgot to add are reported before the database is touched', async () => {
    const database = await createDatabase();

    await expect(
      bootstrapDatabase(database.pool(), { model: newModelFromString(text) }),
    ).rejects.toMatchObject({ code: 'INVALID_OPTIONS', message: expect.stringContaining('isOpen') });
  });
});

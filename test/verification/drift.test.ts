import { describe, expect, test } from 'vitest';
import { withoutNames } from '../../src/verification/drift.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, verifyRules } from './verify.fixture.ts';

const RBAC = modelText();
const VIEWER = 'p, viewer, invoices, read';
const VIEWER_ONLY = { rules: [rule(VIEWER)] };
const CLERK = 'p, clerk, invoices, write';

describe('what is stored and not defined', () => {
  test('is drift for a role that the definition does not name any more, with who has it', async () => {
    const live = [VIEWER, CLERK, 'g, clerk, viewer', 'g, bob, clerk', 'g, eve, clerk', 'g, carol, viewer'];

    const report = await verifyRules(RBAC, VIEWER_ONLY, live);

    expect(report).toMatchObject({ ok: true, failures: [] });
    expect(report.drift).toMatchObject([
      { rule: rule(CLERK), ids: [2], holders: { names: ['bob', 'eve'], count: 2, more: false } },
      { rule: rule('g, clerk, viewer'), ids: [3], holders: { names: ['bob', 'eve'] } },
    ]);
    expect(report.drift[0]?.message).toBe(
      'Rule "p, clerk, invoices, write" (row 2) is stored, but not defined. Who has it now: bob and eve.',
    );
    const strict = await verifyRules(RBAC, VIEWER_ONLY, live, { strict: true });
    expect(strict.ok).toBe(false);
    expect(strict.failures.map(({ kind, ids }) => [kind, ids])).toEqual([
      ['drift', [2]],
      ['drift', [3]],
    ]);
  });

  test('is drift for a role that an administrator made', async () => {
    const report = await verifyRules(RBAC, VIEWER_ONLY, [
      VIEWER,
      'p, superuser, all, write',
      'g, eve, superuser',
    ]);

    expect(report.drift).toMatchObject([
      { rule: rule('p, superuser, all, write'), holders: { names: ['eve'], count: 1 } },
    ]);
  });

  test('is drift for a user who was given something directly', async () => {
    const report = await verifyRules(RBAC, VIEWER_ONLY, [VIEWER, 'p, alice, all, write']);

    expect(report.drift).toMatchObject([{ holders: { names: ['alice'], count: 1 } }]);
  });

  test('is no drift where it links a user to a role, or where the model has no place for it', async () => {
    const live = [VIEWER, 'g, alice, viewer', 'g, bob, ghost', 'p7, alice, all, write', 'g7, viewer, clerk'];

    expect((await verifyRules(RBAC, VIEWER_ONLY, live, { strict: true })).drift).toEqual([]);
  });

  test('is drift where it links roles that only the database has', async () => {
    const live = [VIEWER, 'g, eve, helpers', 'g, helpers, testers'];

    const { drift } = await verifyRules(RBAC, VIEWER_ONLY, live);

    expect(drift).toMatchObject([{ rule: rule('g, helpers, testers'), holders: { names: ['eve'] } }]);
  });

  test('is drift where it links resources that the definition names', async () => {
    const text = modelText({
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    });
    const live = [VIEWER, 'g2, invoices, secrets', 'g2, invoice7, secrets'];

    const { drift } = await verifyRules(text, VIEWER_ONLY, live);

    expect(drift).toMatchObject([{ rule: rule('g2, invoices, secrets'), holders: null }]);
    expect(drift[0]?.message).not.toContain('Who has it');
  });

  test('is drift under a policy definition of its own', async () => {
    const text = `${modelText()}`.replace('[role_definition]', 'p2 = sub, act\n[role_definition]');

    expect((await verifyRules(text, VIEWER_ONLY, [VIEWER, 'p2, eve, write'])).drift).toMatchObject([
      { rule: rule('p2, eve, write'), holders: { names: ['eve'] } },
    ]);
  });
});

describe('the holders of it', () => {
  test('are counted, and not named, where users are not to be named', async () => {
    const live = [VIEWER, CLERK, 'g, bob, clerk', 'g, eve, clerk'];

    const [unnamed] = (await verifyRules(RBAC, VIEWER_ONLY, live)).drift.map(withoutNames);

    expect(unnamed?.holders).toEqual({ names: [], count: 2, more: false });
    expect(unnamed?.message).toMatch(/is stored, but not defined\. Who has it now: 2 more\.$/);
  });

  test('are in quotes where a name could be read as several', async () => {
    const live = [VIEWER, 'p, clerk, all, write', 'g, "a;b, clerk'];

    const [finding] = (await verifyRules(RBAC, VIEWER_ONLY, live)).drift;

    expect(finding?.message).toMatch(/Who has it now: "\\"a;b"\.$/);
  });

  test('are those who inherit through any number of roles, and not the roles', async () => {
    const live = [
      VIEWER,
      'p, top, all, write',
      'g, low, top',
      'g, eve, low',
      'g, bob, top',
      'g, spare, viewer',
    ];

    const [finding] = (await verifyRules(RBAC, VIEWER_ONLY, live)).drift;

    expect(finding?.holders).toEqual({ names: ['bob', 'eve'], count: 2, more: false });
  });

  test('are nobody for a defined role without members', async () => {
    const [finding] = (await verifyRules(RBAC, VIEWER_ONLY, [VIEWER, 'p, viewer, all, write'])).drift;

    expect(finding?.holders).toEqual({ names: [], count: 0, more: false });
    expect(finding?.message).toMatch(/Who has it now: nobody\.$/);
  });

  test('are counted only in the domain', async () => {
    const text = modelText({
      r: 'sub, dom, obj, act',
      p: 'sub, dom, obj, act',
      g: ['g = _, _, _'],
      m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
    });
    const defined = 'p, viewer, one, invoices, read';
    const live = [
      defined,
      'p, clerk, one, invoices, write',
      'g, eve, clerk, one',
      'g, bob, clerk, two',
      'g, clerk, viewer, two',
    ];

    const { drift } = await verifyRules(text, { rules: [rule(defined)] }, live);

    expect(drift.map(({ rule: values, holders }) => [values?.[0], holders?.names])).toEqual([
      ['p', ['eve']],
      ['g', ['bob']],
    ]);
  });

  test('are named up to five, and counted up to ten thousand', async () => {
    const many = (count: number) => [
      VIEWER,
      CLERK,
      ...Array.from({ length: count }, (_, n) => `g, user${n}, clerk`),
    ];
    const holdersOf = async (count: number) =>
      (await verifyRules(RBAC, VIEWER_ONLY, many(count))).drift.map(({ holders }) => holders);
    const names = ['user0', 'user1', 'user2', 'user3', 'user4'];

    expect(await holdersOf(10_000)).toEqual([{ names, count: 10_000, more: false }]);
    expect(await holdersOf(10_001)).toEqual([{ names, count: 10_000, more: true }]);
  });

  test('are found with a circle among the links', async () => {
    const live = [VIEWER, CLERK, 'g, clerk, boss', 'g, boss, clerk', 'g, eve, boss'];

    const report = await verifyRules(RBAC, VIEWER_ONLY, live);

    expect(report).toMatchObject({ ok: false, checks: 0 });
    expect(report.drift.map(({ holders }) => holders?.names)).toEqual([['eve'], ['eve'], ['eve']]);
  });
});

describe('of much that differs', () => {
  test('a thousand decisions are explained, and the rest is counted', async () => {
    const resources = Array.from({ length: 1_100 }, (_, n) => `res${n}`);
    const defined = resources.map((resource) => `p, viewer, ${resource}, read`);
    const added = resources.map((resource) => `p, clerk, ${resource}, read`);
    const definition = { rules: [...defined, 'p, clerk, own, read'].map(rule) };
    const live = [...defined, 'p, clerk, own, read', ...added];

    const report = await verifyRules(RBAC, definition, live, { strict: true });

    expect(report.drift).toHaveLength(1_000 + 100);
    expect(report.drift.filter(({ request }) => request.length > 0)).toHaveLength(1_000);
    expect(report.omitted).toEqual({ drift: 100, failures: 100 });
    expect(new Set(report.drift.map(({ ids }) => ids[0])).size, 'each rule is named').toBe(1_100);
  });

  test('failures are explained and counted by their kind, so that no invariant is crowded out', async () => {
    const resources = Array.from({ length: 1_100 }, (_, n) => `res${n}`);
    const defined = resources.map((resource) => `p, viewer, ${resource}, read`);
    const secrets = Array.from({ length: 1_001 }, (_, n) => ['viewer', `secret${n}`, 'read']);

    const report = await verifyRules(
      RBAC,
      { rules: defined.map(rule), never: secrets },
      secrets.map((request) => ['p', ...request].join(', ')),
    );

    const countOf = (kind: string) => report.failures.filter((failure) => failure.kind === kind).length;
    expect(['missing-rule', 'decision', 'never'].map(countOf)).toEqual([1_100, 1_000, 1_000]);
    expect(report.omitted).toEqual({ failures: 100 + 1, drift: 0 });
  });

  test('ten thousand undefined rules are listed, and the rest is counted', async () => {
    const added = Array.from({ length: 10_001 }, (_, n) => `p, user${n}, all, write`);

    const report = await verifyRules(RBAC, VIEWER_ONLY, [VIEWER, ...added]);

    expect(report.drift).toHaveLength(10_000);
    expect(report.omitted).toEqual({ drift: 1, failures: 0 });
  });
});

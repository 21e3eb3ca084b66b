import { describe, expect, test } from 'vitest';
import { modelText } from '../casbin/models.fixture.ts';
import { decideGrid, gridOf, plainEnforcer } from '../proofs/mutation/truth.fixture.ts';
import { promiseOf, rule, verifyRules } from './verify.fixture.ts';

/**
 * Models that say otherwise than most who asks, and for what. Rules of the same priority are decided in their order.
 */
const MODELS = [
  {
    name: 'one role definition for subjects and resources',
    subject: 'sub',
    text: modelText({
      p: 'priority, sub, obj, act, eft',
      e: 'priority(p.eft) || deny',
      m: 'g(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act',
    }),
    lines: [
      'p, 1, banned, secrets, read, deny',
      'p, 1, staff, documents, read, allow',
      'g, trainee, banned',
      'g, trainee, staff',
      'g, payroll, secrets',
      'g, payroll, documents',
    ],
    swapped: ['trainee', 'payroll', 'read'],
    denied: ['banned', 'documents', 'read'],
  },
  {
    name: 'one role definition for subjects and resources, by domain',
    subject: 'sub',
    text: modelText({
      r: 'sub, dom, obj, act',
      p: 'priority, sub, dom, obj, act, eft',
      g: ['g = _, _, _'],
      e: 'priority(p.eft) || deny',
      m: 'g(r.obj, p.obj, r.dom) && g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.act == p.act',
    }),
    lines: [
      'p, 1, banned, acme, secrets, read, deny',
      'p, 1, staff, acme, documents, read, allow',
      'p, 1, staff, globex, documents, read, allow',
      'g, trainee, banned, acme',
      'g, trainee, staff, acme',
      'g, payroll, secrets, acme',
      'g, payroll, documents, acme',
    ],
    swapped: ['trainee', 'acme', 'payroll', 'read'],
    denied: ['banned', 'acme', 'documents', 'read'],
  },
  {
    name: 'the resource before the subject',
    subject: 'user',
    text: modelText({
      r: 'doc, user, act',
      p: 'priority, user, doc, act, eft',
      g: ['g = _, _', 'g2 = _, _'],
      e: 'priority(p.eft) || deny',
      m: 'g2(r.doc, p.doc) && g(r.user, p.user) && r.act == p.act',
    }),
    lines: [
      'p, 1, banned, secrets, read, deny',
      'p, 1, staff, documents, read, allow',
      'p, 1, staff, documents, write, allow',
      'g, trainee, banned',
      'g, trainee, staff',
      'g, intern, trainee',
      'g2, payroll, secrets',
      'g2, payroll, documents',
    ],
    swapped: ['payroll', 'intern', 'read'],
    denied: ['documents', 'banned', 'write'],
  },
  {
    name: 'the domain before the subject',
    subject: 'user',
    text: modelText({
      r: 'tenant, user, obj, act',
      p: 'priority, tenant, user, obj, act, eft',
      g: ['g = _, _, _'],
      e: 'priority(p.eft) || deny',
      m: 'g(r.user, p.user, r.tenant) && r.tenant == p.tenant && r.obj == p.obj && r.act == p.act',
    }),
    lines: [
      'p, 1, acme, banned, data, read, deny',
      'p, 1, acme, staff, data, read, allow',
      'p, 1, acme, lead, logs, write, allow',
      'p, 1, globex, staff, data, read, allow',
      'g, trainee, banned, acme',
      'g, trainee, staff, acme',
      'g, visitor, staff, globex',
    ],
    swapped: ['acme', 'trainee', 'data', 'read'],
    denied: ['acme', 'banned', 'logs', 'write'],
  },
  {
    name: 'the domain before the subject, and no roles',
    subject: 'user',
    text: modelText({
      r: 'dom, user, act',
      p: 'priority, dom, user, act, eft',
      e: 'priority(p.eft) || deny',
      m: 'r.dom == p.dom && r.user == p.user && r.act == p.act',
    }),
    lines: ['p, 1, acme, ann, read, deny', 'p, 1, acme, ann, read, allow', 'p, 1, acme, ben, write, allow'],
    swapped: ['acme', 'ann', 'read'],
    denied: ['acme', 'ben', 'read'],
  },
  {
    name: 'subjects that a rule for one below them is about',
    subject: 'sub',
    text: modelText({
      p: 'priority, sub, obj, act, eft',
      e: 'priority(p.eft) || deny',
      m: 'g(p.sub, r.sub) && r.obj == p.obj && r.act == p.act',
    }),
    lines: [
      'p, 1, ann, data, read, deny',
      'p, 1, ben, data, read, allow',
      'p, 1, ben, data, write, allow',
      'g, ann, team',
      'g, ben, team',
    ],
    swapped: ['team', 'data', 'read'],
    denied: ['ann', 'data', 'write'],
  },
  {
    name: 'resources that a rule for one below them is about',
    subject: 'sub',
    text: modelText({
      p: 'priority, sub, obj, act, eft',
      g: ['g = _, _', 'g2 = _, _'],
      e: 'priority(p.eft) || deny',
      m: 'g(r.sub, p.sub) && g2(p.obj, r.obj) && r.act == p.act',
    }),
    lines: [
      'p, 1, staff, draft, list, deny',
      'p, 1, staff, minutes, list, allow',
      'g, lead, staff',
      'g2, draft, folder',
      'g2, minutes, folder',
    ],
    swapped: ['lead', 'folder', 'list'],
    denied: ['casbin-bootstrap:no-role', 'folder', 'list'],
  },
];

describe.for(MODELS)('a model with $name', ({ text, subject, lines, swapped, denied }) => {
  const rules = lines.map(rule);
  const stored = rules.map(([ptype = '', ...values]) => ({ ptype, values }));

  test('is asked for all that one of its rules decides, and for what no subject may do', async () => {
    const { expectations, problems } = await promiseOf(text, { rules });

    const asked = new Set([...expectations].map(({ request }) => request.join()));
    const enforcer = await plainEnforcer(text, stored);
    const grid = gridOf(text, stored, subject);
    const decided = grid.filter((request) => enforcer.enforceExSync(...request)[1].length > 0);
    expect(problems).toEqual([]);
    expect(decided).toContainEqual(swapped);
    expect(decided.filter((request) => !asked.has(request.join()))).toEqual([]);
    expect(asked).toContain(denied.join());
    expect(decided).not.toContainEqual(denied);
  });

  test('does not hide what another order of its rules changes', async () => {
    const policies = lines.filter((line) => line.startsWith('p'));
    const turned = [...policies.toReversed(), ...lines.filter((line) => !line.startsWith('p'))];
    const grid = gridOf(text, stored, subject);
    const before = await decideGrid(text, stored, grid);
    const after = await decideGrid(
      text,
      turned.map(rule).map(([ptype = '', ...values]) => ({ ptype, values })),
      grid,
    );
    const changed = grid.filter((_, index) => before[index] !== after[index]);

    const { ok, failures } = await verifyRules(text, { rules }, turned);

    expect(ok).toBe(false);
    expect(changed).toContainEqual(swapped);
    expect(failures.map(({ request }) => request).toSorted()).toEqual(changed.toSorted());
  });
});

import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { compilePolicy } from '../../src/policy/compile.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { compareDecisions } from '../../src/verification/compare.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { promiseOf, rule, rulesOf, verifyRules } from './verify.fixture.ts';

const RBAC = modelText();
const DENY_OVERRIDE = modelText({
  p: 'sub, obj, act, eft',
  e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
});

const ROLES = ['p, readonly, data, read', 'p, user, data, write', 'g, user, readonly'];
const DENYING = ['p, user, data, write, allow', 'p, guest, data, write, deny', 'g, guest, user'];

describe('a defined rule that is missing', () => {
  test('is a failure when a request is denied for it', async () => {
    const report = await verifyRules(RBAC, { rules: ROLES.map(rule) }, ROLES.slice(1));

    expect(report).toMatchObject({ ok: false, drift: [] });
    expect(report.failures.map(({ kind, request, actual }) => [kind, request.join(' '), actual])).toEqual([
      ['missing-rule', '', null],
      ['decision', 'readonly data read', 'deny'],
      ['decision', 'user data read', 'deny'],
    ]);
  });

  test('is a failure when a request is allowed for it', async () => {
    const report = await verifyRules(DENY_OVERRIDE, { rules: DENYING.map(rule) }, [
      'p, user, data, write, allow',
      'g, guest, user',
    ]);

    expect(report).toMatchObject({ ok: false, drift: [] });
    expect(report.failures).toMatchObject([
      { kind: 'missing-rule', rule: rule('p, guest, data, write, deny') },
      {
        kind: 'decision',
        request: ['guest', 'data', 'write'],
        expected: 'deny',
        actual: 'allow',
        rule: rule('p, user, data, write, allow'),
        rolePath: ['guest', 'user'],
        ids: [1, 2],
        added: [],
      },
    ]);
  });

  test('reports a failure if the added rule alone would not have changed the decision', async () => {
    const rules = ['p, user, data, read, allow', 'p, guest, data, write, deny'];
    const report = await verifyRules(DENY_OVERRIDE, { rules: rules.map(rule) }, [
      'p, user, data, read, allow',
      'p, guest, data, write, allow',
    ]);

    expect(report.failures).toMatchObject([
      { kind: 'missing-rule' },
      {
        kind: 'decision',
        request: ['guest', 'data', 'write'],
        added: [rule('p, guest, data, write, allow')],
      },
    ]);
  });

  test('is a failure although an added rule would deny the request as well', async () => {
    const report = await verifyRules(DENY_OVERRIDE, { rules: DENYING.map(rule) }, [
      ...DENYING.slice(1),
      'p, user, data, write, deny',
    ]);

    expect(report.failures.map(({ kind, request }) => [kind, request.join(' ')])).toEqual([
      ['missing-rule', ''],
      ['decision', 'user data write'],
    ]);
  });

  test('is told from an added one also if a function of the application decides', async () => {
    const text = modelText({
      p: 'sub, obj, act, eft',
      e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
      m: 'g(r.sub, p.sub) && fits(r.obj, p.obj) && r.act == p.act',
    });
    const rules = ['p, user, data, read, allow', 'p, guest, data, read, deny'];
    const report = await verifyRules(
      text,
      {
        rules: rules.map(rule),
        allow: [['user', 'data', 'read']],
        deny: [['guest', 'data', 'read']],
      },
      ['p, user, data, read, allow', 'p, guest, data, read, allow', 'p, user, data, read, deny'],
      {
        configureEnforcer: async (enforcer) => {
          await enforcer.addFunction('fits', (asked: string, given: string) => asked === given);
        },
      },
    );

    expect(report.failures).toMatchObject([
      { kind: 'missing-rule' },
      { kind: 'decision', request: ['guest', 'data', 'read'], added: [rule('p, guest, data, read, allow')] },
    ]);
    expect(report.drift[0]).toMatchObject({
      request: ['user', 'data', 'read'],
      added: [rule('p, user, data, read, deny')],
    });
  });

  test('is a failure also while an added one does its work', async () => {
    const report = await verifyRules(RBAC, { rules: ROLES.map(rule) }, [
      'p, user, data, read',
      'p, user, data, write',
      'p, readonly, data, read',
    ]);

    expect(report).toMatchObject({
      ok: false,
      failures: [{ kind: 'missing-rule', rule: rule(ROLES[2] ?? '') }],
    });
  });
});

describe('what was added', () => {
  test('is drift where it allows, with the rule that does', async () => {
    const report = await verifyRules(RBAC, { rules: ROLES.map(rule) }, [
      ...ROLES,
      'p, readonly, data, write',
    ]);

    expect(report).toMatchObject({ ok: true, failures: [] });
    expect(report.drift).toMatchObject([
      {
        request: ['readonly', 'data', 'write'],
        expected: 'deny',
        actual: 'allow',
        rule: rule('p, readonly, data, write'),
        ids: [4],
        added: [rule('p, readonly, data, write')],
      },
    ]);
  });

  test('is drift where the missing rule, put back at the end, would not change the decision', async () => {
    const text = modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' });
    const rules = ['p, user, data, read, deny', 'p, user, logs, read, allow'];
    const report = await verifyRules(text, { rules: rules.map(rule) }, [
      'p, user, logs, read, allow',
      'p, user, data, read, allow',
    ]);

    expect(report.failures).toMatchObject([
      { kind: 'missing-rule', rule: rule('p, user, data, read, deny') },
    ]);
    expect(report.drift).toMatchObject([{ request: ['user', 'data', 'read'], actual: 'allow' }]);
  });

  test('is drift where it denies', async () => {
    const report = await verifyRules(DENY_OVERRIDE, { rules: DENYING.map(rule) }, [
      ...DENYING,
      'p, user, data, write, deny',
    ]);

    expect(report).toMatchObject({ ok: true, failures: [] });
    expect(report.drift).toMatchObject([
      { request: ['user', 'data', 'write'], actual: 'deny', added: [rule('p, user, data, write, deny')] },
    ]);
  });

  test('is named where the rule that decides is a defined one: a role link', async () => {
    const rules = [...ROLES, 'p, auditor, logs, read'];
    const report = await verifyRules(RBAC, { rules: rules.map(rule) }, [...rules, 'g, auditor, user']);

    expect(report.ok).toBe(true);
    expect(report.drift).toMatchObject([
      {
        request: ['auditor', 'data', 'read'],
        rule: rule('p, readonly, data, read'),
        rolePath: ['auditor', 'user', 'readonly'],
        ids: [1, 5, 3],
        added: [rule('g, auditor, user')],
      },
      { request: ['auditor', 'data', 'write'], added: [rule('g, auditor, user')] },
    ]);
  });

  test('is named where it is a link of resources', async () => {
    const text = modelText({
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    });
    const rules = [
      'p, staff, docs, read',
      'p, lead, secrets, read',
      'g, lead, staff',
      'g2, payroll, secrets',
    ];
    const report = await verifyRules(text, { rules: rules.map(rule) }, [...rules, 'g2, payroll, docs']);

    expect(report).toMatchObject({ ok: true, failures: [] });
    expect(report.drift).toMatchObject([
      { request: ['staff', 'payroll', 'read'], added: [rule('g2, payroll, docs')], ids: [1, 5] },
    ]);
  });

  test('is named where it only changes the order of the rules', async () => {
    const text = modelText({ p: 'sub, obj, act, eft', e: 'subjectPriority(p.eft) || deny' });
    const rules = [
      'p, staff, data, read, deny',
      'p, trainee, data, read, allow',
      'g, alice, staff',
      'g, alice, trainee',
    ];
    const report = await verifyRules(text, { rules: rules.map(rule) }, [
      ...rules,
      'p, alice, logs, read, allow',
      'g, trainee, staff',
      'g, bob, trainee',
    ]);

    expect(report).toMatchObject({ ok: true, failures: [] });
    expect(report.drift).toMatchObject([
      {
        request: ['alice', 'data', 'read'],
        rule: rule('p, trainee, data, read, allow'),
        added: [rule('g, trainee, staff')],
      },
      { request: [], rule: rule('p, alice, logs, read, allow') },
    ]);
  });

  test('is drift also where no expectation asks for it', async () => {
    const report = await verifyRules(RBAC, { rules: ROLES.map(rule) }, [
      ...ROLES,
      'p, user, reports, approve',
      'g, readonly, guest',
      'p, alice, reports, approve',
    ]);

    expect(report.ok).toBe(true);
    expect(report.drift.map(({ rule, request, ids }) => [rule, request, ids])).toEqual([
      [rule('p, user, reports, approve'), [], [4]],
      [rule('g, readonly, guest'), [], [5]],
      [rule('p, alice, reports, approve'), [], [6]],
    ]);
  });

  test('is found for a defined role after a priority', async () => {
    const text = modelText({ p: 'priority, sub, obj, act, eft', e: 'priority(p.eft) || deny' });
    const defined = 'p, 1, user, data, read, allow';
    const report = await verifyRules(text, { rules: [rule(defined)] }, [
      defined,
      'p, 7, user, reports, approve, allow',
    ]);

    expect(report.drift).toMatchObject([{ rule: rule('p, 7, user, reports, approve, allow') }]);
  });

  test('is a failure under strict', async () => {
    const lines = [...ROLES, 'p, readonly, data, write', 'p, user, reports, approve'];
    const report = await verifyRules(RBAC, { rules: ROLES.map(rule) }, lines, { strict: true });

    expect(report.ok).toBe(false);
    expect(report.failures.map(({ kind, rule }) => [kind, rule])).toEqual([
      ['drift', rule('p, readonly, data, write')],
      ['drift', rule('p, user, reports, approve')],
    ]);
  });

  test('is a failure where Casbin can no longer decide for it', async () => {
    const text = modelText({ m: 'g(r.sub, p.sub) && regexMatch(r.obj, p.obj) && r.act == p.act' });
    const definition = {
      rules: [rule('p, user, ^/a, read')],
      samples: [['user', '/b', 'read']],
      never: [['user', '/c', 'read']],
    };
    const report = await verifyRules(text, definition, ['p, user, ^/a, read', 'p, user, [, read']);

    expect(report.failures).toMatchObject([
      { kind: 'decision', request: ['user', '/b', 'read'], added: [rule('p, user, [, read')] },
      { kind: 'decision', request: ['user', '/c', 'read'], added: [rule('p, user, [, read')] },
    ]);
    for (const { message } of report.failures)
      expect(message).toMatch(/can't be decided: Casbin throws: .*not in the definition/);
  });
});

describe('never', () => {
  const definition = { rules: ROLES.map(rule), never: [['readonly', 'data', 'write']] };

  test('is violated by a rule that an administrator added', async () => {
    const report = await verifyRules(RBAC, definition, [...ROLES, 'p, readonly, data, write']);

    expect(report).toMatchObject({ ok: false, drift: [{ request: [] }] });
    expect(report.failures).toMatchObject([
      { kind: 'never', request: ['readonly', 'data', 'write'], added: [rule('p, readonly, data, write')] },
    ]);
    expect(report.failures[0]?.message).toBe(
      '"readonly, data, write" must never be allowed, but is: by "p, readonly, data, write"; not in the definition: p, readonly, data, write.',
    );
  });

  test('is violated by a defined rule that is missing', async () => {
    const rules = { rules: DENYING.map(rule), never: [['guest', 'data', 'write']] };
    const report = await verifyRules(DENY_OVERRIDE, rules, DENYING.toSpliced(1, 1));

    expect(report.failures.map(({ kind }) => kind)).toEqual(['missing-rule', 'never']);
  });
});

test('a defined rule that is stored twice decides by its first row, also when causes are looked for', async () => {
  const text = modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' });
  const lines = ['p, zoe, data, read, allow', 'p, role, data, read, allow', 'p, ann, data, read, deny'];
  const definition = { rules: lines.map(rule) };
  const defined = new RuleSet(compilePolicy(definition));
  const [first, allowing, denying] = defined.rules;
  const links = rulesOf(['g, ann, role', 'g, ann, other']);
  // Equal rows share their values, as those that are read from a table.
  const live = [first, allowing, denying, allowing, ...links].map((one, id) => ({
    ptype: '',
    values: [],
    ...one,
    id,
  }));
  const model = newModelFromString(text);
  const { expectations } = await promiseOf(text, definition);

  const { drift } = await compareDecisions({
    model,
    configureEnforcer: undefined,
    defined,
    missing: [],
    live,
    expectations,
  });

  expect(drift).toMatchObject([{ request: ['ann', 'data', 'read'], actual: 'allow' }]);
  expect(drift[0]?.added).toEqual([['g', 'ann', 'role']]);
});

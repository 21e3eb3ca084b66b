import { describe, expect, test } from 'vitest';
import type { Holders, VerificationFailure, VerificationReport } from '../../src/index.ts';
import type { DriftFinding } from '../../src/verification-report.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { verification } from '../render/reports.fixture.ts';
import { rule, verifyRules } from './verify.fixture.ts';

const RBAC = modelText();
const CHAIN = ['p, readonly, data, read', 'p, user, data, write', 'g, user, readonly', 'g, admin, user'];

/** A report in which all is well, but for what is changed. */
function report(changes: Partial<VerificationReport>): VerificationReport {
  return verification({
    checks: 8,
    allowed: 5,
    scope: { kind: 'whole', rules: 4 },
    coverage: { covered: 4, total: 4, uncovered: [] },
    durationMs: expect.any(Number),
    ...changes,
  });
}

function missing(line: string): VerificationFailure {
  return {
    kind: 'missing-rule',
    request: [],
    expected: null,
    actual: null,
    rule: rule(line),
    rolePath: [],
    ids: [],
    added: [],
    reason: 'defined, but not stored',
    message: `Rule "${line}" is defined, but not stored.`,
  };
}

/** A decision that no rule makes. */
function undone(line: string, actual: 'allow' | 'deny'): VerificationFailure {
  const [reason, text] =
    actual === 'deny'
      ? ['no rule allows it', 'must be allowed, but is denied']
      : ['no rule denies it', 'must be denied, but is allowed'];
  return {
    kind: 'decision',
    request: rule(line),
    expected: actual === 'deny' ? 'allow' : 'deny',
    actual,
    rule: null,
    rolePath: [],
    ids: [],
    added: [],
    reason,
    message: `"${line}" ${text}: ${reason}.`,
  };
}

function undefinedRule(id: number, line: string, ...names: string[]): DriftFinding {
  return {
    request: [],
    expected: null,
    actual: null,
    rule: rule(line),
    rolePath: [],
    ids: [id],
    added: [rule(line)],
    holders: holdersOf(names),
    reason: 'stored, but not defined',
    message: `Rule "${line}" (row ${id}) is stored, but not defined. Who has it now: ${names.join(', ') || 'nobody'}.`,
  };
}

function holdersOf(names: string[]): Holders {
  return { names, count: names.length, more: false };
}

describe('a whole report', () => {
  test('on rules that are stored as they are defined', async () => {
    expect(await verifyRules(RBAC, { rules: CHAIN.map(rule) }, CHAIN)).toEqual(report({}));
  });

  test('on defined rules that are missing, and others in their place', async () => {
    const definition = { rules: CHAIN.map(rule), never: [['readonly', 'data', 'write']] };
    const stored = [
      'p, readonly, data, read',
      'g, admin, user',
      'p, readonly, data, write',
      'g, ann, admin',
      'g, bob, readonly',
      'p, admin, logs, read',
    ];
    expect(await verifyRules(RBAC, definition, stored)).toEqual(
      report({
        ok: false,
        allowed: 2,
        failures: [
          missing('p, user, data, write'),
          missing('g, user, readonly'),
          undone('user, data, read', 'deny'),
          undone('user, data, write', 'deny'),
          undone('admin, data, read', 'deny'),
          undone('admin, data, write', 'deny'),
          {
            kind: 'never',
            request: ['readonly', 'data', 'write'],
            expected: 'deny',
            actual: 'allow',
            rule: rule('p, readonly, data, write'),
            rolePath: ['readonly'],
            ids: [3],
            added: [rule('p, readonly, data, write')],
            reason: 'by "p, readonly, data, write"; not in the definition: p, readonly, data, write',
            message:
              '"readonly, data, write" must never be allowed, but is: by "p, readonly, data, write"; not in the definition: p, readonly, data, write.',
          },
        ],
        drift: [
          undefinedRule(3, 'p, readonly, data, write', 'bob'),
          undefinedRule(6, 'p, admin, logs, read', 'ann'),
        ],
        scope: { kind: 'whole', rules: 6 },
      }),
    );
  });

  test('on a rule that denies no more', async () => {
    const text = modelText({ p: 'sub, obj, act, eft', e: '!some(where (p.eft == deny))' });
    const definition = { rules: ['p, user, data, write, deny', 'g, admin, user'].map(rule) };
    const stored = ['g, admin, user', 'p, admin, data, write, deny'];
    expect(await verifyRules(text, definition, stored)).toEqual(
      report({
        ok: false,
        checks: 3,
        allowed: 2,
        failures: [missing('p, user, data, write, deny'), undone('user, data, write', 'allow')],
        drift: [undefinedRule(2, 'p, admin, data, write, deny')],
        scope: { kind: 'whole', rules: 2 },
        coverage: { covered: 2, total: 2, uncovered: [] },
      }),
    );
  });

  test('on roles that inherit in circles', async () => {
    const added = ['g, readonly, admin', 'g, x, y', 'g, y, x'];
    expect(await verifyRules(RBAC, { rules: CHAIN.map(rule) }, [...CHAIN, ...added])).toEqual(
      report({
        ok: false,
        checks: 0,
        allowed: 0,
        integrity: [
          {
            severity: 'failure',
            ids: [3, 4, 5],
            rule: rule('g, user, readonly'),
            message:
              'Roles inherit from each other in a circle: user → readonly → admin → user. Delete one of the links.',
          },
          {
            severity: 'failure',
            ids: [6, 7],
            rule: rule('g, x, y'),
            message: 'Roles inherit from each other in a circle: x → y → x. Delete one of the links.',
          },
        ],
        drift: added.map((line, index) => undefinedRule(index + 5, line)),
        scope: { kind: 'whole', rules: 7 },
      }),
    );
  });

  test('on a hierarchy that was turned round', async () => {
    const links = ['g, user, x', 'g, x, admin'];
    const definition = { rules: CHAIN.map(rule) };
    expect(await verifyRules(RBAC, definition, [...CHAIN.slice(0, 2), ...links])).toEqual(
      report({
        ok: false,
        checks: 0,
        allowed: 0,
        failures: [missing('g, user, readonly'), missing('g, admin, user')],
        integrity: [
          {
            severity: 'failure',
            ids: [3, 4],
            rule: rule('g, user, x'),
            message:
              '"user" inherits from "admin" (user → x → admin), but the definition says the opposite. Delete the link that reverses the hierarchy.',
          },
        ],
        drift: links.map((line, index) => undefinedRule(index + 3, line)),
      }),
    );
  });

  test('on a hierarchy that is too deep', async () => {
    const deep = Array.from({ length: 11 }, (_, level) => `g, level${level}, level${level + 1}`);
    const { integrity, drift } = await verifyRules(RBAC, { rules: CHAIN.map(rule) }, [...CHAIN, ...deep]);
    expect(integrity).toEqual([
      {
        severity: 'failure',
        ids: deep.map((_, level) => level + 5),
        rule: ['g', 'level0', 'level1'],
        message: `Inheritance over 11 links, and Casbin silently stops at 10: ${Array.from({ length: 12 }, (_, level) => `level${level}`).join(' → ')}. Flatten the hierarchy.`,
      },
    ]);
    expect(drift).toEqual(deep.slice(1).map((line, index) => undefinedRule(index + 6, line, 'level0')));
  });

  test('on an invalid pattern', async () => {
    const text = modelText({ m: 'g(r.sub, p.sub) && regexMatch(r.obj, p.obj) && r.act == p.act' });
    const definition = {
      rules: [rule('p, user, ^/a, read')],
      samples: [
        ['user', '/b', 'read'],
        ['user', '/a', 'read'],
      ],
    };
    const stored = ['p, user, ^/a, read', 'p, user, [, read'];
    const reason =
      'Casbin throws: Invalid regular expression: /[/: Unterminated character class; not in the definition: p, user, [, read';
    expect(await verifyRules(text, definition, stored)).toEqual(
      report({
        ok: false,
        checks: 2,
        allowed: 1,
        failures: [
          {
            kind: 'decision',
            request: ['user', '/b', 'read'],
            expected: 'deny',
            actual: 'deny',
            rule: null,
            rolePath: [],
            ids: [2],
            added: [rule('p, user, [, read')],
            reason,
            message: `"user, /b, read" can't be decided: ${reason}.`,
          },
        ],
        integrity: [
          {
            severity: 'warning',
            ids: [2],
            rule: rule('p, user, [, read'),
            message:
              'It has a pattern for which Casbin throws: regexMatch does not take the pattern "[": Invalid regular expression: /[/: Unterminated character class. Correct it, or delete it.',
          },
        ],
        drift: [undefinedRule(2, 'p, user, [, read')],
        scope: { kind: 'whole', rules: 2 },
        coverage: { covered: 1, total: 1, uncovered: [] },
      }),
    );
  });

  test('on what was added in domains', async () => {
    const text = modelText({
      r: 'sub, dom, obj, act',
      p: 'sub, dom, obj, act',
      g: ['g = _, _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub, r.dom) && g2(r.obj, p.obj) && r.dom == p.dom && r.act == p.act',
    });
    const lines = [
      'p, user, one, data, read',
      'p, boss, two, data, read',
      'g, admin, user, one',
      'g2, file, data',
    ];
    const added = [
      'g, ann, admin, one',
      'g, ben, admin, two',
      'g, cid, boss, two',
      'p, user, one, data, write',
      'g2, page, file',
      'g, admin, boss, two',
      'p, ghost, two, file, write',
    ];
    const allowed = (object: string, ids: number[]): DriftFinding => {
      const reason =
        'by "p, boss, two, data, read", through admin → boss; not in the definition: g, admin, boss, two';
      return {
        request: ['admin', 'two', object, 'read'],
        expected: 'deny',
        actual: 'allow',
        rule: rule('p, boss, two, data, read'),
        rolePath: ['admin', 'boss'],
        ids,
        added: [rule('g, admin, boss, two')],
        holders: holdersOf(['ben']),
        reason,
        message: `"admin, two, ${object}, read" is allowed, but the definition alone denies it: ${reason}. Who has it now: ben.`,
      };
    };
    expect(await verifyRules(text, { rules: lines.map(rule) }, [...lines, ...added])).toEqual(
      report({
        checks: 16,
        allowed: 8,
        drift: [
          allowed('data', [2, 10]),
          allowed('file', [2, 10, 4]),
          undefinedRule(8, 'p, user, one, data, write', 'ann'),
          undefinedRule(11, 'p, ghost, two, file, write', 'ghost'),
        ],
        scope: { kind: 'whole', rules: 11 },
      }),
    );
  });

  test('under strict, undefined rules are failures too', async () => {
    const lines = [...CHAIN, 'p, readonly, data, write'];
    const { durationMs, ...found } = await verifyRules(RBAC, { rules: CHAIN.map(rule) }, lines, {
      strict: true,
    });
    expect(durationMs).toBeGreaterThan(0);
    expect(found.drift).toHaveLength(1);
    expect(found).toEqual({
      ...report({
        ok: false,
        allowed: 6,
        failures: found.drift.map((finding) => ({ ...finding, kind: 'drift' })),
        drift: found.drift,
        scope: { kind: 'whole', rules: 5 },
      }),
      durationMs: undefined,
    });
  });

  test('on no definition', async () => {
    expect(await verifyRules(RBAC, { rules: [] }, CHAIN)).toEqual(
      report({ checks: 0, allowed: 0, coverage: { covered: 0, total: 0, uncovered: [] } }),
    );
  });

  test('on rules that do not read back as they are stored', async () => {
    const stored = ['p7, alice, data, read', 'g, bob', 'g, al(ice, user', 'g, a"b, user', 'g#, a, b'];
    const { integrity } = await verifyRules(RBAC, { rules: CHAIN.map(rule) }, [...CHAIN, ...stored]);
    expect(integrity.map(({ ids, message }) => [ids, message])).toEqual([
      [[5], lacking('p7')],
      [
        [6],
        'It has 1 value, and the model defines 2: createEnforcer refuses it. Give the model of this policy, or correct or delete the rule.',
      ],
      [
        [7],
        'Casbin\'s loader throws on "g, al(ice, user", so an application with the stock adapter can\'t start: Unmatched brackets in policy line: g, al(ice, user. Delete the rule, or store other values.',
      ],
      [[9], lacking('g#')],
    ]);
  });

  function lacking(ptype: string): string {
    return `The model has no "${ptype}": createEnforcer refuses this rule, and Casbin's own loaders leave it out silently. Define it in the model, or delete the rule.`;
  }

  test('on rows whose order decides', async () => {
    const text = modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' });
    const line = 'p, user, data, read, allow';
    const { integrity } = await verifyRules(text, { rules: [rule(line)] }, ['g, a, user', line]);
    expect(integrity).toEqual([
      {
        severity: 'warning',
        ids: [2],
        rule: rule(line),
        message:
          'The effect uses priority, but the policy has no priority field, so the order of the rows decides. Add a field called priority.',
      },
    ]);
    const other = modelText({ p: 'priority, sub, obj, act, eft', e: 'priority(p.eft) || deny' });
    const first = 'p, 1, user, data, read, allow';
    expect(await verifyRules(other, { rules: [rule(first)] }, [first])).toMatchObject({ integrity: [] });
  });
});

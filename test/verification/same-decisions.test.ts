import { newModelFromString, Util } from 'casbin';
import { describe, expect, test } from 'vitest';
import { reachableScope } from '../../src/casbin/scope.ts';
import type { PolicyDefinition } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { holdersAmong } from '../../src/verification/drift.ts';
import { verifyPolicy } from '../../src/verification/verify-policy.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { promiseOf, rule, STOCK_TABLE, verifyRules } from './verify.fixture.ts';

const DEFINED = ['p, clerk, data, read', 'p, boss, data, write', 'g, boss, clerk'];
const definition = { rules: DEFINED.map(rule) };

/** Whether requests were decided on the stored rules. */
async function isDecided(
  stored: readonly string[],
  text = modelText(),
  defined: PolicyDefinition = definition,
) {
  const model = newModelFromString(text);
  const rules = new RuleSet(compilePolicy(defined));
  const promises = await promiseOf(text, defined);
  const live = stored.map(rule).map(([ptype = '', ...values], id) => ({ id, ptype, values }));
  let reports = 0;
  const { ok } = await verifyPolicy(
    {
      ...promises,
      ...{ model, configureEnforcer: undefined, defined: rules, live, scope: 'whole', strict: false },
      reach: () => reachableScope(model, rules.rules, promises.valuesAt),
      findHolders: holdersAmong(model, live),
      ruleTable: STOCK_TABLE,
    },
    () => {
      reports += 1;
    },
  );
  expect(ok).toBe(true);
  return reports > 0;
}

describe('requests are decided on stored rules', () => {
  test('only where something may have changed a decision', async () => {
    expect(await isDecided(DEFINED)).toBe(false);
    expect(await isDecided([...DEFINED, 'g, ann, boss', 'g, bob, clerk', 'p, ann, data, read'])).toBe(false);
    expect(await isDecided(DEFINED.toReversed())).toBe(false);
    expect(await isDecided([...DEFINED, 'p, clerk, logs, read'])).toBe(true);
    expect(await isDecided([...DEFINED, 'g, clerk, helper'])).toBe(true);
  });

  test('in another order, where that may decide', async () => {
    const text = modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' });
    const lines = ['p, clerk, data, read, allow', 'p, boss, logs, read, allow'];
    const policy = { rules: lines.map(rule) };
    expect(await isDecided([...lines, 'g, ann, boss'], text, policy)).toBe(false);
    expect(await isDecided(lines.toReversed(), text, policy)).toBe(true);
    const bySubject = modelText({ p: 'sub, obj, act, eft', e: 'subjectPriority(p.eft) || deny' });
    expect(await isDecided(lines, bySubject, policy)).toBe(false);
    expect(await isDecided(lines.toReversed(), bySubject, policy)).toBe(true);
  });
});

describe('a decision that depends on the order of the rules fails', () => {
  const fails = async (text: string, policy: PolicyDefinition, request: readonly string[]) => {
    const stored = (policy.rules ?? []).map((values) => values.join(', '));
    expect(await verifyRules(text, policy, stored)).toMatchObject({ ok: true });
    const { failures } = await verifyRules(text, policy, stored.toReversed());
    expect(failures).toContainEqual(expect.objectContaining({ request, expected: 'allow' }));
  };

  test('where a rule that throws comes first', async () => {
    const text = modelText({
      r: 'sub, ip, site',
      p: 'sub, ip, site',
      m: 'g(r.sub, p.sub) && (r.site == p.site || ipMatch(r.ip, p.ip))',
    });
    const rules = ['p, clerk, 10.0.0.1, office', 'p, clerk, 10.0.0.2, home'].map(rule);
    await fails(text, { rules, allow: [['clerk', 'anywhere', 'office']] }, ['clerk', 'anywhere', 'office']);
  });

  test('where Casbin takes two questions about names with commas for the same', async () => {
    const text = modelText({
      r: 'sub, obj',
      p: 'sub, obj',
      m: 'g(r.sub, p.sub) && g(r.obj, p.obj)',
    });
    const rules = ['g, a, b,c', 'p, b,c, none', 'p, a, c'].map(rule);
    await fails(text, { rules, allow: [['a', 'a,b']] }, ['a', 'a,b']);
  });
});

test('a link that only a role manager of the application follows is seen', async () => {
  const { drift } = await verifyRules(
    modelText(),
    { rules: DEFINED.map(rule) },
    [...DEFINED, 'g, cle*, boss'],
    {
      configureEnforcer: async (enforcer) => {
        await enforcer.addNamedMatchingFunc('g', Util.keyMatchFunc);
      },
    },
  );
  expect(drift).toContainEqual(
    expect.objectContaining({ request: ['clerk', 'data', 'write'], actual: 'allow' }),
  );
});

test('a definition of role links alone is decided again beside permissions of others', async () => {
  const policy = { rules: [rule('g, boss, clerk')], allow: [['', '', '']] };
  const { drift } = await verifyRules(modelText(), policy, ['g, boss, clerk', 'p, ann, data, read']);
  expect(drift).toContainEqual(expect.objectContaining({ request: ['', '', ''], actual: 'deny' }));
});

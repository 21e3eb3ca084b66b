import { setImmediate } from 'node:timers/promises';
import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import type { ConfigureEnforcer } from '../../src/casbin/enforcer.ts';
import type { PolicyDefinition } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { compareDecisions, findDiffering } from '../../src/verification/compare.ts';
import { breathe, createDecider, decideAll, paced } from '../../src/verification/decide.ts';
import { collectPromises } from '../../src/verification/promises.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, rulesOf, verifyRules } from './verify.fixture.ts';

const RBAC = modelText();
const DENY_OVERRIDE = modelText({ p: 'sub, obj, act, eft', e: '!some(where (p.eft == deny))' });

/** The promises of a definition of which nothing is decided beside what rules can match. */
async function promisesOf(text: string, definition: PolicyDefinition, configureEnforcer?: ConfigureEnforcer) {
  const model = newModelFromString(text);
  const defined = new RuleSet(compilePolicy(definition));
  const options = { configureEnforcer, sampleSize: 0 };
  return { model, defined, ...(await collectPromises(model, defined, definition, options)) };
}

async function listOf(text: string, definition: PolicyDefinition): Promise<string[]> {
  const { expectations } = await promisesOf(text, definition);
  return [...expectations].map(({ request, expected }) => `${request.slice(0, 2).join(' ')}: ${expected}`);
}

describe('requests that no rule can match', () => {
  test('are expected to be denied where some rule must allow', async () => {
    const rules = ['p, ann, data, read', 'p, bob, logs, read'].map(rule);
    expect(await listOf(RBAC, { rules })).toEqual([
      'ann data: allow',
      'ann logs: deny',
      'bob data: deny',
      'bob logs: allow',
      'casbin-bootstrap:no-role data: deny',
      'casbin-bootstrap:no-role logs: deny',
    ]);
  });

  test('are expected to be allowed where no rule may deny', async () => {
    const rules = ['p, ann, data, read, deny', 'p, bob, logs, read, deny'].map(rule);
    expect(await listOf(DENY_OVERRIDE, { rules })).toEqual([
      'ann data: deny',
      'ann logs: allow',
      'bob data: allow',
      'bob logs: deny',
      'casbin-bootstrap:no-role data: allow',
      'casbin-bootstrap:no-role logs: allow',
    ]);
  });

  test('are counted, and found where a rule can match them now', async () => {
    const lines = ['p, ann, data, read, deny', 'p, bob, logs, read, deny'];
    const { model, expectations } = await promisesOf(DENY_OVERRIDE, { rules: lines.map(rule) });
    const differingOn = async (stored: readonly string[]) => {
      const decider = await createDecider(model, rulesOf(stored));
      const { allowed, differing } = await findDiffering(decider, expectations);
      return { allowed, differing: differing.map(({ number }) => number) };
    };
    expect(expectations.countAllowed()).toBe(4);
    expect(await differingOn(lines)).toEqual({ allowed: 4, differing: [] });
    expect(await differingOn([...lines, 'p, bob, data, read, deny'])).toEqual({ allowed: 3, differing: [2] });
    expect(await differingOn(lines.slice(1))).toEqual({ allowed: 5, differing: [0] });
  });

  test('are not expected twice where they are listed', async () => {
    const definition = {
      rules: [rule('p, ann, data, read')],
      deny: [['ann', 'logs', 'read']],
      never: [['casbin-bootstrap:no-role', 'data', 'read']],
    };
    expect(await listOf(RBAC, definition)).toEqual([
      'ann data: allow',
      'ann logs: deny',
      'casbin-bootstrap:no-role data: deny',
    ]);
  });

  test('are decided as others that no rule can match, not as one that is listed', async () => {
    const definition = { rules: [rule('p, ann, data, read')], allow: [['ann', 'data', 'read']] };
    expect(await listOf(RBAC, definition)).toEqual([
      'casbin-bootstrap:no-role data: deny',
      'ann data: allow',
    ]);
  });
});

test('the progress of the decisions is reported, never more than their number', async () => {
  const { model, expectations } = await promisesOf(RBAC, {
    rules: ['p, ann, data, read', 'p, bob, logs, read'].map(rule),
    allow: [['ann', 'data', 'read']],
    deny: [['eve', 'data', 'read']],
  });
  const reports: [number, number | undefined][] = [];
  const decider = await createDecider(model, rulesOf(['p, ann, data, read', 'p, bob, logs, read']));
  await findDiffering(decider, expectations, (done, total) => reports.push([done, total]));
  expect(expectations.size).toBe(7);
  expect(reports).toEqual([
    [3, 7],
    [6, 7],
    [6, 7],
    [7, 7],
  ]);
});

test('no progress of decisions is reported if the policy is the defined one', async () => {
  const rules = ['p, ann, data, read'];
  const { model, defined, expectations } = await promisesOf(RBAC, { rules: rules.map(rule) });
  const live = rulesOf(rules).map((one, index) => ({ ...one, id: index + 1 }));
  const comparison = { model, configureEnforcer: undefined, defined, missing: [], live, expectations };
  expect(await compareDecisions(comparison)).toEqual({
    allowed: 1,
    failures: [],
    drift: [],
    omitted: { failures: 0, drift: 0 },
  });
});

test('configureEnforcer may change decisions on the same policy', async () => {
  let isOpen = true;
  const configureEnforcer: ConfigureEnforcer = async (enforcer) => {
    await enforcer.addFunction('isOpen', () => isOpen);
  };
  const text = modelText({ m: 'isOpen() && r.sub == p.sub && r.obj == p.obj && r.act == p.act' });
  const definition = { rules: [rule('p, ann, data, read')] };
  const { model, defined, expectations } = await promisesOf(text, definition, configureEnforcer);
  const live = [{ id: 1, ptype: 'p', values: ['ann', 'data', 'read'] }];
  const comparison = { model, configureEnforcer, defined, missing: [], live, expectations };
  expect(await compareDecisions(comparison)).toMatchObject({ allowed: 1, failures: [] });
  isOpen = false;
  expect(await compareDecisions(comparison)).toMatchObject({
    allowed: 0,
    failures: [{ kind: 'decision', request: ['ann', 'data', 'read'], actual: 'deny' }],
  });
});

test('a decision is drift that an added rule makes, also while another rule is missing', async () => {
  const lines = ['p, ann, data, read', 'p, bob, logs, read'];
  const { failures, drift } = await verifyRules(RBAC, { rules: lines.map(rule) }, [
    'p, ann, data, read',
    'p, ann, logs, read',
  ]);
  expect(failures.map(({ kind, request }) => [kind, ...request])).toEqual([
    ['missing-rule'],
    ['decision', 'bob', 'logs', 'read'],
  ]);
  expect(drift.map(({ request }) => request)).toEqual([['ann', 'logs', 'read']]);
});

describe('a decision', () => {
  const model = newModelFromString(
    modelText({ m: 'g(r.sub, p.sub) && regexMatch(r.obj, p.obj) && r.act == p.act' }),
  );

  test('is what Casbin answers, with the rule that made it', async () => {
    const rules = rulesOf(['p, viewer, ^/a, read', 'g, ann, viewer']);
    const requests = ['ann, /a, read', 'ann, /b, read', 'bob, /a, read'].map(rule);
    expect(await decideAll(model, rules, requests)).toEqual([
      { allowed: true, rule: ['viewer', '^/a', 'read'], error: null },
      { allowed: false, rule: [], error: null },
      { allowed: false, rule: [], error: null },
    ]);
  });

  test('does not exist if Casbin throws', async () => {
    const thrown = {
      allowed: false,
      rule: [],
      error: 'Invalid regular expression: /[/: Unterminated character class',
    };
    const rules = rulesOf(['p, viewer, [, read']);
    const configured: ConfigureEnforcer = () => {};
    expect(await decideAll(model, rules, [rule('viewer, /a, read')])).toEqual([thrown]);
    expect(await decideAll(model, rules, [rule('viewer, /a, read')], configured)).toEqual([thrown]);
  });

  test('is asked of functions that are asynchronous', async () => {
    const later = newModelFromString(modelText({ m: 'isLater(r.sub) && r.obj == p.obj' }));
    const answers = await decideAll(
      later,
      rulesOf(['p, x, data, read']),
      [rule('ann, data, read'), rule('bob, data, read')],
      async (enforcer) => {
        await enforcer.addFunction('isLater', async (name: string) => name === 'ann');
      },
    );
    expect(answers.map(({ allowed }) => allowed)).toEqual([true, false]);
  });

  test('is made on no rules too, and of no requests', async () => {
    const denying = newModelFromString(DENY_OVERRIDE);
    expect(await decideAll(denying, [], [rule('ann, data, read')])).toMatchObject([{ allowed: true }]);
    expect(await decideAll(newModelFromString(RBAC), [], [rule('ann, data, read')])).toMatchObject([
      { allowed: false },
    ]);
    expect(await decideAll(denying, [], [])).toEqual([]);
  });
});

describe('what a definition lists against its own rules', () => {
  test.each([
    [
      { allow: [['ann', 'data', 'write']] },
      '"ann, data, write" is listed under allow, but the definition itself makes it deny: no rule allows it. Correct one of them.',
    ],
    [
      { never: [['ann', 'data', 'read']] },
      '"ann, data, read" is listed under never, but the definition itself makes it allow: by "p, ann, data, read" (policy.rules[0]). Correct one of them.',
    ],
    [
      { deny: [['ann', 'data', 'read']] },
      '"ann, data, read" is listed under deny, but the definition itself makes it allow: by "p, ann, data, read" (policy.rules[0]). Correct one of them.',
    ],
  ])('is told with its place: %j', async (listed, message) => {
    const { problems } = await promisesOf(RBAC, { rules: [rule('p, ann, data, read')], ...listed });
    expect(problems).toEqual([
      { code: 'EXPECTATION_CONTRADICTED', at: `policy.${Object.keys(listed)[0]}[0]`, message },
    ]);
  });
});

describe('work that takes long', () => {
  test('goes through all items in their order', async () => {
    const seen: number[] = [];
    for await (const item of paced([3, 1, 2])) seen.push(item);
    expect(seen).toEqual([3, 1, 2]);
  });

  test('lets other work be done between two items', async () => {
    const seen: string[] = [];
    const others = (async () => {
      await setImmediate();
      seen.push('other work');
    })();
    for await (const item of paced(slowItems(3))) seen.push(item);
    await others;
    expect(seen[0]).toBe('item 0');
    expect(seen.at(-1)).toBe('item 2');
    expect(seen.toSorted()).toEqual(['item 0', 'item 1', 'item 2', 'other work']);
  });

  test('lets other work be done where it takes a breath', async () => {
    const seen: string[] = [];
    const others = setImmediate().then(() => seen.push('other work'));
    await breathe();
    seen.push('breathed');
    await others;
    expect(seen).toEqual(['other work', 'breathed']);
  });

  /** Items each of which keeps the process busy for longer than it should be. */
  function* slowItems(count: number): Generator<string, void> {
    for (let index = 0; index < count; index++) {
      yield `item ${index}`;
      const started = performance.now();
      while (performance.now() - started < 25) {
        // busy
      }
    }
  }
});

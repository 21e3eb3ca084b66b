import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import type { ConfigureEnforcer } from '../../src/casbin/enforcer.ts';
import type { PolicyDefinition } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { findRowOrderFailures } from '../../src/verification/row-order.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, verifyRules } from './verify.fixture.ts';

const FIRST_MATCH = modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' });
const BY_PRIORITY = modelText({ p: 'priority, sub, obj, act, eft', e: 'priority(p.eft) || deny' });
const BY_SUBJECT = modelText({ p: 'sub, obj, act, eft', e: 'subjectPriority(p.eft) || deny' });

const DENY = 'p, user, v1.data, write, deny';
const ALLOW = 'p, user, v1.data, write, allow';
const READ = 'p, user, data, read, allow';

/** The failures of these rows, and what of them is due to their order. */
async function causesOf(
  text: string,
  definition: PolicyDefinition,
  lines: readonly string[],
  configureEnforcer?: ConfigureEnforcer,
) {
  const options = configureEnforcer === undefined ? {} : { configureEnforcer };
  const { failures } = await verifyRules(text, definition, lines, options);
  const verified = {
    model: newModelFromString(text),
    configureEnforcer,
    defined: new RuleSet(compilePolicy(definition)),
    live: lines.map(rule).map(([ptype = '', ...values], index) => ({ id: index + 1, ptype, values })),
  };
  return { failures, found: await findRowOrderFailures(verified, failures) };
}

function defined(...lines: readonly string[]): PolicyDefinition {
  return { rules: lines.map(rule) };
}

describe('failures that the order of the rows makes', () => {
  test('say which rule is stored before which, and which rules have to be stored again', async () => {
    const { failures, found } = await causesOf(FIRST_MATCH, defined(READ, DENY, ALLOW), [READ, ALLOW, DENY]);
    const why = `the order of the rows decides: "${ALLOW}" (row 2) is stored before "${DENY}", which is defined before it`;
    expect(failures).toHaveLength(1);
    expect(found).toEqual({
      failures: [
        {
          ...failures[0],
          reason: `by "${ALLOW}"; ${why}`,
          message: `"user, v1.data, write" must be denied, but is allowed: by "${ALLOW}"; ${why}.`,
        },
      ],
      misplaced: [
        { id: 3, ...ruleOf(DENY) },
        { id: 2, ...ruleOf(ALLOW) },
      ],
      lacksPriority: true,
    });
  });

  test('are invariants too', async () => {
    const definition = { ...defined(DENY, ALLOW), never: [['user', 'v1.data', 'write']] };
    const { found } = await causesOf(FIRST_MATCH, definition, [ALLOW, DENY]);
    expect(found?.failures.map(({ kind, reason }) => [kind, reason.split('; ')[1]])).toEqual([
      [
        'never',
        `the order of the rows decides: "${ALLOW}" (row 1) is stored before "${DENY}", which is defined before it`,
      ],
    ]);
  });

  test('can be used with other functions, which do not change', async () => {
    const definition = { ...defined(DENY, ALLOW, READ), never: [['eve', 'data', 'read']] };
    const { failures, found } = await causesOf(FIRST_MATCH, definition, [
      'p, eve, data, read, allow',
      ALLOW,
      DENY,
      READ,
    ]);
    expect(failures.map(({ kind }) => kind).toSorted()).toEqual(['decision', 'never']);
    const changed = found?.failures.map((failure, index) => failure !== failures[index]);
    expect(changed).toEqual(failures.map(({ kind }) => kind === 'decision'));
  });

  test('may be due to equal priorities, which a field does not help', async () => {
    const [deny, allow] = ['p, 1, user, v1.data, write, deny', 'p, 1, user, v1.data, write, allow'];
    const { found } = await causesOf(BY_PRIORITY, defined(deny, allow), [allow, deny]);
    expect(found).toMatchObject({ misplaced: [{ id: 2 }, { id: 1 }], lacksPriority: false });
  });

  test('may be due to the order of role links, where the hierarchy of subjects decides', async () => {
    const lines = [
      'g, x, root',
      'p, y, data, read, deny',
      'p, x, data, read, allow',
      'g, mid, root',
      'g, y, root',
      'g, x, mid',
      'g, u, y',
      'g, u, x',
    ];
    const stored = [...lines.slice(1), 'g, x, root'];
    const { failures, found } = await causesOf(BY_SUBJECT, defined(...lines), stored);
    expect(failures.map(({ kind }) => kind)).toEqual(['decision']);
    expect(found).toMatchObject({ lacksPriority: false });
    expect(found?.misplaced.map(({ id, ptype }) => [ptype, id])).toEqual(
      [8, 3, 4, 5, 6, 7].map((id) => ['g', id]),
    );
    expect(found?.failures[0]?.reason).toBe(
      'by "p, y, data, read, deny", through u → y; the order of the rows decides, and the defined rules are not stored in the order of their definition',
    );
  });

  test('are those of links by subjects only', async () => {
    const lines = [DENY, ALLOW, 'g, ann, user', 'g, ben, user'];
    const stored = [ALLOW, DENY, 'g, ben, user', 'g, ann, user'];
    const { found } = await causesOf(FIRST_MATCH, defined(...lines), stored);
    expect(found?.misplaced.map(({ id }) => id)).toEqual([2, 1]);
  });

  test('are found with what the application configures', async () => {
    const text = FIRST_MATCH.replace('r.obj == p.obj', 'same(r.obj, p.obj)');
    const { found } = await causesOf(
      text,
      { ...defined(DENY, ALLOW), deny: [['user', 'v1.data', 'write']] },
      [ALLOW, DENY],
      async (enforcer) => {
        await enforcer.addFunction('same', (one: string, other: string) => one === other);
      },
    );
    expect(found?.misplaced).toHaveLength(2);
  });
});

describe('failures are due to something else', () => {
  test('if there are none', async () => {
    expect((await causesOf(FIRST_MATCH, defined(READ), [READ])).found).toBeNull();
  });

  test('where a rule is missing', async () => {
    const { failures, found } = await causesOf(FIRST_MATCH, defined(DENY, ALLOW, READ), [ALLOW, DENY]);
    expect(failures.map(({ kind }) => kind)).toContain('decision');
    expect(found).toBeNull();
  });

  test('where the rules are in their order', async () => {
    const definition = { ...defined(READ), never: [['user', 'v1.data', 'write']] };
    expect((await causesOf(FIRST_MATCH, definition, [READ, ALLOW])).found).toBeNull();
  });

  test('where Casbin can decide in no order', async () => {
    const text = modelText({
      p: 'sub, obj, act, eft',
      e: 'priority(p.eft) || deny',
      m: 'g(r.sub, p.sub) && regexMatch(r.obj, p.obj) && r.act == p.act',
    });
    const [deny, allow] = ['p, user, a, read, deny', 'p, user, a, read, allow'];
    const definition = { ...defined(deny, allow), deny: [['user', 'a', 'read']] };
    const { failures, found } = await causesOf(text, definition, ['p, user, [, read, allow', allow, deny]);
    expect(failures).toHaveLength(1);
    expect(found).toBeNull();
  });
});

describe('what has to be stored again', () => {
  const numbers = [1, 2, 3, 4, 5];
  const line = (number: number, effect: string) => `p, user${number}, data, write, ${effect}`;

  test.each([
    [[1, 2, 3, 4, 5], []],
    [
      [2, 1, 3, 4, 5],
      [1, 2, 3, 4, 5],
    ],
    [
      [5, 1, 2, 3, 4],
      [1, 2, 3, 4, 5],
    ],
    [
      [1, 3, 2, 4, 5],
      [2, 3, 4, 5],
    ],
    [
      [1, 2, 3, 5, 4],
      [4, 5],
    ],
  ])('is every rule after the beginning that is stored before all others: %j, %j', async (order, anew) => {
    // A pair that is the wrong way round, behind all of them, so that there is a failure.
    const definition = defined(...numbers.map((number) => line(number, 'allow')), DENY, ALLOW);
    const stored = [...order.map((number) => line(number, 'allow')), ALLOW, DENY];
    const { found } = await causesOf(FIRST_MATCH, definition, stored);
    expect(found?.misplaced.map(({ values }) => values[0])).toEqual([
      ...anew.map((number) => `user${number}`),
      'user',
      'user',
    ]);
  });
});

function ruleOf(line: string) {
  const [ptype = '', ...values] = rule(line);
  return { ptype, values };
}

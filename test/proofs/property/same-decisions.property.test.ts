import { newModelFromString } from 'casbin';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reachableScope } from '../../../src/casbin/scope.ts';
import type { Rule } from '../../../src/index.ts';
import { isSamePolicy, RuleSet } from '../../../src/policy/rule-set.ts';
import { collectPromises } from '../../../src/verification/promises.ts';
import { decideAsDefined } from '../../../src/verification/verify-policy.ts';
import { world } from '../../verification/random-model.fixture.ts';
import { plainEnforcer } from '../mutation/truth.fixture.ts';

/** A definition, and what is stored: most of it, in any order or in its own, and rules of others. */
const stored = world.chain(({ modelText, rules, others }) => {
  const distinct = new RuleSet(rules).rules.filter((_, at) => new RuleSet(rules).firstOf(at) === at);
  return fc.record({
    modelText: fc.constant(modelText),
    defined: fc.constant(distinct),
    live: fc
      .tuple(
        fc.oneof(
          fc.shuffledSubarray(distinct, { minLength: distinct.length }),
          fc.subarray(distinct, { minLength: Math.max(0, distinct.length - 1) }),
        ),
        fc.oneof(fc.subarray([...others]), fc.subarray(others.map(ofUser))),
        fc.boolean(),
      )
      .map(([own, more, isBefore]) => (isBefore ? [...more, ...own] : [...own, ...more])),
  });
});

/** The same rule for a subject that no definition names. */
function ofUser({ ptype, values }: Rule): Rule {
  return { ptype, values: ['user', ...values.slice(1)] };
}

test('stored rules that decide as defined for certain do so', async () => {
  const counts = { certain: 0, withOthers: 0, reordered: 0, uncertain: 0 };
  await fc.assert(
    fc.asyncProperty(stored, async ({ modelText, defined, live }) => {
      const model = newModelFromString(modelText);
      const options = { configureEnforcer: undefined };
      const promises = await collectPromises(model, new RuleSet(defined), {}, options);
      const reach = reachableScope(model, defined, promises.valuesAt);
      if (!decideAsDefined(model, live, new RuleSet(defined), reach)) {
        counts.uncertain += 1;
        return;
      }
      counts.certain += 1;
      if (live.length > defined.length) counts.withOthers += 1;
      if (
        !isSamePolicy(
          defined,
          live.filter((rule) => new RuleSet(defined).has(rule)),
        )
      )
        counts.reordered += 1;
      const [one, other] = [await plainEnforcer(modelText, defined), await plainEnforcer(modelText, live)];
      for (const { request, expected } of promises.expectations) {
        expect(one.enforceSync(...request)).toBe(expected === 'allow');
        expect(other.enforceSync(...request)).toBe(expected === 'allow');
      }
    }),
    { numRuns: 3_000 },
  );
  expect(counts.withOthers).toBeGreaterThan(20);
  expect(counts.reordered).toBeGreaterThan(8);
  expect(counts.uncertain).toBeGreaterThan(50);
}, 120_000);

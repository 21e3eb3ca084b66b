import { newModelFromString } from 'casbin';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { RuleSet } from '../../../src/policy/rule-set.ts';
import { compareDecisions } from '../../../src/verification/compare.ts';
import { collectPromises } from '../../../src/verification/promises.ts';
import { world } from '../../verification/random-model.fixture.ts';
import { plainEnforcer } from '../mutation/truth.fixture.ts';

const counts = { drift: 0, caused: 0 };

/** A definition, and a database that has all of it and more. */
const history = world.chain(({ modelText, rules, requests }) =>
  fc.record({
    modelText: fc.constant(modelText),
    defined: fc.subarray([...rules]),
    live: fc.constant(rules),
    samples: fc.constant(requests),
  }),
);

test('the rules that a finding names make the decision, added to the defined ones', async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ modelText, defined: some, live, samples }) => {
      const model = newModelFromString(modelText);
      const defined = new RuleSet(some);
      const options = { configureEnforcer: undefined };
      const { expectations } = await collectPromises(model, defined, { samples }, options);
      const stored = live.map((rule, index) => ({ ...rule, id: index + 1 }));
      const { drift } = await compareDecisions({
        model,
        configureEnforcer: undefined,
        defined,
        missing: [],
        live: stored,
        expectations,
      });

      for (const { request, actual, added } of drift) {
        expect(added, request.join()).not.toEqual([]);
        const named = new RuleSet(added.map(([ptype = '', ...values]) => ({ ptype, values })));
        const enforcer = await plainEnforcer(
          modelText,
          live.filter((rule) => defined.has(rule) || named.has(rule)),
        );
        expect(enforcer.enforceSync(...request), request.join()).toBe(actual === 'allow');
        counts.drift += 1;
        counts.caused += added.length;
      }
    }),
    { numRuns: 1_000 },
  );
  expect(counts.drift).toBeGreaterThan(100);
}, 240_000);

afterAll(() => console.log(`${counts.drift} drifting decisions are caused by ${counts.caused} named rules`));

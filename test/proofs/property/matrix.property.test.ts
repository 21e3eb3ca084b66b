import { newModelFromString } from 'casbin';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import type { Rule } from '../../../src/index.ts';
import { RuleSet } from '../../../src/policy/rule-set.ts';
import { findDiffering } from '../../../src/verification/compare.ts';
import { createDecider } from '../../../src/verification/decide.ts';
import { collectPromises } from '../../../src/verification/promises.ts';
import { deriveMatrix } from '../../../src/verification/requests.ts';
import { modelText } from '../../casbin/models.fixture.ts';
import { world } from '../../verification/random-model.fixture.ts';
import { plainEnforcer } from '../mutation/truth.fixture.ts';

const counts = { expected: 0, differing: 0, passedOver: 0 };

/** A definition, and what became of it in a database: some rules are gone, others were added. */
const history = world.chain(({ modelText, rules }) =>
  fc.record({
    modelText: fc.constant(modelText),
    defined: fc.subarray([...rules]),
    live: fc.subarray([...rules]),
  }),
);

test('deciding only what rules can match finds what deciding every request finds', async () => {
  await fc.assert(
    fc.asyncProperty(history, async ({ modelText, defined, live }) => {
      const model = newModelFromString(modelText);
      const options = { configureEnforcer: undefined, sampleSize: 1 };
      const { expectations } = await collectPromises(model, new RuleSet(defined), {}, options);
      const all = [...expectations];
      expect(all).toHaveLength(expectations.size);
      const asDefined = await decide(modelText, defined, all);
      expect(all.map(({ expected }) => expected === 'allow')).toEqual(asDefined);
      expect(expectations.countAllowed()).toBe(asDefined.filter(Boolean).length);

      const decider = await createDecider(model, live);
      const { allowed, differing } = await findDiffering(decider, expectations);

      const { index } = decider;
      const matrix = deriveMatrix(model, defined);
      const fastest = [...matrix.inFastestOrder(index)];
      expect(fastest.toSorted((a, b) => a - b)).toEqual([...matrix.matchable(index)]);

      const answers = await decide(modelText, live, all);
      const wrong = all.filter((_, index) => answers[index] !== asDefined[index]);
      expect(differing.map(({ expectation }) => expectation)).toEqual(wrong);
      expect(allowed).toBe(answers.filter((answer) => answer === true).length);
      counts.expected += all.length;
      counts.differing += wrong.length;
      counts.passedOver += all.length - [...expectations.toDecide(decider)].length;
    }),
    { numRuns: 1_000 },
  );

  expect(counts.differing).toBeGreaterThan(0);
  expect(counts.passedOver).toBeGreaterThan(0);
}, 240_000);

/** Two roles, of which one may inherit from the other, and so many permissions that they are decided by permission. */
const wideDefinition = fc.record({
  owners: fc.array(fc.constantFrom('a', 'b'), { minLength: 300, maxLength: 310 }),
  links: fc.constantFrom([], ['a b'], ['b a']),
  never: fc.boolean(),
  sampleSize: fc.constantFrom(0, 7, 10_000),
});

test('what two roles promise of many permissions is what the enforcer decides', async () => {
  const text = modelText();
  await fc.assert(
    fc.asyncProperty(wideDefinition, async ({ owners, links, never, sampleSize }) => {
      const rules: Rule[] = [
        ...owners.map((owner, n) => ({ ptype: 'p', values: [owner, `data${n}`, 'read'] })),
        ...links.map((link) => ({ ptype: 'g', values: link.split(' ') })),
      ];
      const options = { configureEnforcer: undefined, sampleSize };
      const written = never
        ? {
            never: [
              ['nobody', 'data0', 'read'],
              ['c', 'data1', 'read'],
            ],
          }
        : {};
      const model = newModelFromString(text);
      const { expectations, coverage } = await collectPromises(model, new RuleSet(rules), written, options);
      const all = [...expectations];
      expect(all).toHaveLength(expectations.size);
      const decided = await decide(text, rules, all);
      expect(all.map(({ expected }) => expected === 'allow')).toEqual(decided);
      expect(expectations.countAllowed()).toBe(decided.filter(Boolean).length);
      expect(coverage.uncovered.every(([ptype]) => ptype === 'g')).toBe(true);
    }),
    { numRuns: 5 },
  );
}, 240_000);

/** What a plain enforcer answers; `throws` where it can't. */
async function decide(
  modelText: string,
  rules: readonly Rule[],
  expectations: readonly { readonly request: readonly string[] }[],
): Promise<(boolean | 'throws')[]> {
  const enforcer = await plainEnforcer(modelText, rules);
  return expectations.map(({ request }) => {
    try {
      return enforcer.enforceSync(...request);
    } catch {
      return 'throws';
    }
  });
}

afterAll(() => {
  const { expected, differing, passedOver } = counts;
  console.log(`${expected} expectations, ${passedOver} of them not decided one by one; ${differing} differ`);
});

import { newModelFromString } from 'casbin';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { decideAll } from '../../../src/verification/decide.ts';
import { world } from '../../verification/random-model.fixture.ts';
import { plainEnforcer } from '../mutation/truth.fixture.ts';

const counts = { allowed: 0, denied: 0, threw: 0 };

test('an enforcer that gets only the rules that can match answers as one that has all of them', async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ modelText, rules, requests }) => {
      const enforcer = await plainEnforcer(modelText, rules);
      // Casbin names its first rule where the matcher uses none.
      const usesRules = enforcer.getModel().model.get('m')?.get('m')?.value.includes('p_');
      const expected = requests.map((request) => {
        try {
          const [allowed, rule] = enforcer.enforceExSync(...request);
          counts[allowed ? 'allowed' : 'denied'] += 1;
          return { allowed, rule: usesRules ? rule : [], error: null };
        } catch (error) {
          counts.threw += 1;
          return { allowed: false, rule: [], error: error instanceof Error ? error.message : String(error) };
        }
      });

      expect(await decideAll(newModelFromString(modelText), rules, requests)).toEqual(expected);
    }),
    { numRuns: 2_000 },
  );
}, 240_000);

afterAll(() => {
  const { allowed, denied, threw } = counts;
  console.log(
    `${allowed + denied + threw} decisions agree: ${allowed} allowed, ${denied} denied, ${threw} threw`,
  );
});

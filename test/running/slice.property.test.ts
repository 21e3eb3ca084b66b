import { type Enforcer, newModelFromString } from 'casbin';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { BootstrapError, createAdapter, createLiveEnforcer, type Rule } from '../../src/index.ts';
import { ruleKey } from '../../src/policy/rule.ts';
import { createBootstrapped } from '../bootstrap/bootstrapped.fixture.ts';
import { plainEnforcer } from '../proofs/mutation/truth.fixture.ts';
import { LAYOUTS } from '../tables/layouts.fixture.ts';
import { NEVER_MS } from './live.fixture.ts';
import { isInside, sliceWorld } from './slice-world.fixture.ts';

const RUNS = Number(process.env.SLICE_RUNS ?? 30);

const counts = { slices: 0, changes: 0, allowed: 0, denied: 0, outside: 0 };

function answerOf(enforcer: Pick<Enforcer, 'enforceExSync'>, request: readonly string[]) {
  try {
    return enforcer.enforceExSync(...request);
  } catch (error) {
    if (error instanceof BootstrapError) return error.code;
    return error instanceof Error ? error.message : String(error);
  }
}

describe.each(LAYOUTS)('a slice of a policy in layout $name', (layout) => {
  describe.each([true, false])('with a journal: %s', (journal) => {
    test('decides as the whole policy does, also after changes, and throws for requests outside of the slice', async () => {
      const pool = (await createBootstrapped({ ...layout.options, seeders: [], journal })).pool();
      const store = createAdapter(pool, layout.options);
      await fc.assert(
        fc.asyncProperty(sliceWorld, fc.array(fc.nat(), { maxLength: 5 }), async (given, picks) => {
          const held = unique(given.rules);
          // To truncate it makes all files of its indexes anew.
          await pool.query(`delete from ${layout.table}`);
          for (const ptype of new Set(held.map((rule) => rule.ptype))) {
            const rules = held.filter((rule) => rule.ptype === ptype);
            await store.addPolicies(
              ptype.charAt(0),
              ptype,
              rules.map(({ values }) => [...values]),
            );
          }
          await using live = await createLiveEnforcer(pool, {
            ...layout.options,
            ...given.of,
            model: newModelFromString(given.modelText),
            pollIntervalMs: NEVER_MS,
          });
          counts.slices += 1;
          const compare = async () => {
            const whole = await plainEnforcer(given.modelText, held);
            for (const request of given.requests) {
              const expected = isInside(given, request) ? answerOf(whole, request) : 'OUT_OF_SLICE';
              counts[typeof expected === 'string' ? 'outside' : expected[0] ? 'allowed' : 'denied'] += 1;
              expect({ request, answer: answerOf(live, request) }).toEqual({ request, answer: expected });
            }
          };
          await compare();
          for (const pick of picks) {
            const added = given.others[pick % given.others.length];
            if (pick % 2 === 0 && added !== undefined && !isAmong(held, added)) {
              held.push(added);
              await store.addPolicy(...toGiven(added));
            } else {
              const [removed] = held.splice(pick % (held.length || 1), 1);
              if (removed !== undefined) await store.removePolicy(...toGiven(removed));
            }
            counts.changes += 1;
            await live.caughtUp();
            await compare();
          }
        }),
        { numRuns: RUNS },
      );
    }, 240_000);
  });
});

function isAmong(rules: readonly Rule[], one: Rule): boolean {
  return rules.some((rule) => ruleKey(rule) === ruleKey(one));
}

function toGiven({ ptype, values }: Rule): [string, string, string[]] {
  return [ptype.charAt(0), ptype, [...values]];
}

function unique(rules: readonly Rule[]): Rule[] {
  return [...new Map(rules.map((rule) => [ruleKey(rule), rule])).values()];
}

afterAll(() => {
  const { slices, changes, allowed, denied, outside } = counts;
  console.log(
    `${slices} slices, ${changes} changes, decisions agree: ${allowed} allowed, ${denied} denied, ${outside} outside`,
  );
});

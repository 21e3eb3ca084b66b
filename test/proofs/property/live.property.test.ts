import { newModelFromString } from 'casbin';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { buildInMemoryEnforcer } from '../../../src/casbin/enforcer.ts';
import type { Rule } from '../../../src/index.ts';
import { type Motor, MovedEnforcer } from '../../../src/running/live-enforcer.ts';
import { canChangeInPlace, LiveRules } from '../../../src/running/live-rules.ts';
import { world } from '../../verification/random-model.fixture.ts';
import { plainEnforcer } from '../mutation/truth.fixture.ts';

const counts = { models: 0, changes: 0, allowed: 0, denied: 0, threw: 0 };

const MOTOR: Motor = {
  confirmedMs: 0,
  error: null,
  by: 'journal',
  isClosed: false,
  lookNow: async () => {},
  close: async () => {},
};

/** A live enforcer without a database. */
async function liveOf(modelText: string, rules: readonly Rule[]): Promise<MovedEnforcer> {
  const staleness = { maxStalenessMs: Number.POSITIVE_INFINITY, whenStale: 'decide' } as const;
  const live = new MovedEnforcer(MOTOR, staleness, undefined as never);
  const empty = await buildInMemoryEnforcer(newModelFromString(modelText), []);
  const own = new LiveRules(empty.getModel());
  live.swap(empty, own);
  live.change(rules.map((rule) => ({ ...rule, rows: 1 })));
  return live;
}

function answerOf(enforcer: Pick<MovedEnforcer, 'enforceExSync'>, request: readonly string[]) {
  try {
    return enforcer.enforceExSync(...request);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test('a live enforcer answers as one that is loaded anew after each change', async () => {
  await fc.assert(
    fc.asyncProperty(
      world.filter(({ modelText }) => canChangeInPlace(newModelFromString(modelText))),
      fc.array(fc.nat(), { maxLength: 6 }),
      async ({ modelText, rules, others, requests }, picks) => {
        counts.models += 1;
        const held = [...rules];
        const live = await liveOf(modelText, rules);
        const compare = async () => {
          const plain = await plainEnforcer(modelText, held);
          for (const request of requests) {
            const expected = answerOf(plain, request);
            if (typeof expected === 'string') counts.threw += 1;
            else counts[expected[0] ? 'allowed' : 'denied'] += 1;
            expect(answerOf(live, request)).toEqual(expected);
          }
        };
        await compare();
        for (const pick of picks) {
          const added = others[pick % (others.length || 1)];
          if (pick % 2 === 0 && added !== undefined) {
            held.push(added);
            live.change([{ ...added, rows: 1 }]);
          } else if (held.length > 0) {
            const [removed] = held.splice(pick % held.length, 1);
            if (removed === undefined) continue;
            live.change([{ ...removed, rows: -1 }]);
          }
          counts.changes += 1;
          await compare();
        }
        expect(live.getModel().getPolicy('p', 'p').length).toBe(
          new Set(held.filter(({ ptype }) => ptype === 'p').map(({ values }) => values.join('\0'))).size,
        );
      },
    ),
    { numRuns: 500 },
  );
}, 240_000);

afterAll(() => {
  const { models, changes, allowed, denied, threw } = counts;
  console.log(
    `${models} models, ${changes} changes, decisions agree: ${allowed} allowed, ${denied} denied, ${threw} threw`,
  );
});

import { type Enforcer, newModelFromString } from 'casbin';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { BootstrapError, type Rule } from '../../../src/index.ts';
import { ruleKey } from '../../../src/policy/rule.ts';
import type { RuleChange } from '../../../src/running/live-rules.ts';
import { Slice } from '../../../src/running/slice.ts';
import { isInside, sliceWorld } from '../../running/slice-world.fixture.ts';
import { plainEnforcer } from '../mutation/truth.fixture.ts';

const counts = { read: 0, followed: 0, passedOver: 0, allowed: 0, denied: 0, outside: 0 };

function answerOf(enforcer: Enforcer, request: readonly string[]) {
  return enforcer.enforceExSync(...request);
}

/** What a live enforcer holds of a policy, as rules: what it reads, and what it makes of each change. */
class Following {
  readonly slice: Slice;
  held: Rule[] = [];

  constructor(slice: Slice) {
    this.slice = slice;
  }

  read(rules: readonly Rule[]): void {
    counts.read += 1;
    this.slice.take(rules);
    this.held = rules.filter((rule) => this.slice.holds(rule));
    this.slice.take(this.held);
  }

  follow(change: RuleChange, rules: readonly Rule[]): void {
    const own = this.slice.select([change]);
    if (own === null) {
      this.read(rules);
      return;
    }
    counts[own.length > 0 ? 'followed' : 'passedOver'] += 1;
    for (const { ptype, values, rows } of own) {
      if (rows > 0) this.held.push({ ptype, values });
      else {
        const at = this.held.findIndex((rule) => ruleKey(rule) === ruleKey({ ptype, values }));
        // Only what it has may go.
        expect(at).not.toBe(-1);
        this.held.splice(at, 1);
      }
    }
  }
}

test('a slice has all that decisions in it depend on, however the policy changes', async () => {
  await fc.assert(
    fc.asyncProperty(sliceWorld, fc.array(fc.nat(), { maxLength: 8 }), async (given, picks) => {
      const { subject = null, domain = null } = given.of;
      const model = newModelFromString(given.modelText);
      const following = new Following(new Slice(model, { subjects: subject, domains: domain }, false));
      const rules = [...new Map(given.rules.map((rule) => [ruleKey(rule), rule])).values()];
      following.read(rules);
      const compare = async () => {
        const whole = await plainEnforcer(given.modelText, rules);
        const part = await plainEnforcer(given.modelText, following.held);
        for (const request of given.requests) {
          if (!isInside(given, request)) {
            counts.outside += 1;
            expect(() => following.slice.requireInside(request)).toThrow(BootstrapError);
            continue;
          }
          following.slice.requireInside(request);
          const expected = answerOf(whole, request);
          counts[expected[0] ? 'allowed' : 'denied'] += 1;
          expect({ request, answer: answerOf(part, request) }).toEqual({ request, answer: expected });
        }
      };
      await compare();
      for (const pick of picks) {
        const added = given.others[pick % given.others.length];
        if (pick % 2 === 0 && added !== undefined && !rules.some((one) => ruleKey(one) === ruleKey(added))) {
          rules.push(added);
          following.follow({ ...added, rows: 1 }, rules);
        } else {
          const [removed] = rules.splice(pick % (rules.length || 1), 1);
          if (removed !== undefined) following.follow({ ...removed, rows: -1 }, rules);
        }
        await compare();
      }
    }),
    { numRuns: 300 },
  );
}, 240_000);

afterAll(() => {
  const { read, followed, passedOver, allowed, denied, outside } = counts;
  console.log(
    `${read} slices read, ${followed} changes followed, ${passedOver} passed over, decisions agree: ${allowed} allowed, ${denied} denied, ${outside} outside`,
  );
});

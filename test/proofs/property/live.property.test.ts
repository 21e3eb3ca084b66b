import { newModelFromString } from 'casbin';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { buildInMemoryEnforcer } from '../../../src/casbin/enforcer.ts';
import type { Rule } from '../../../src/index.ts';
import { ruleKey } from '../../../src/policy/rule.ts';
import { canChangeInPlace } from '../../../src/running/conjuncts-at.ts';
import { LiveRules } from '../../../src/running/live-rules.ts';
import type { Motor } from '../../../src/running/motor.ts';
import { MovedEnforcer } from '../../../src/running/moved-enforcer.ts';
import { world } from '../../verification/random-model.fixture.ts';
import { plainEnforcer } from '../mutation/truth.fixture.ts';

const counts = { models: 0, changes: 0, allowed: 0, denied: 0, threw: 0, byIndexAlone: 0 };

const MOTOR: Motor = {
  confirmed: { steadyMs: 0, wallMs: 0 },
  error: null,
  by: 'journal',
  isClosed: false,
  isStale: false,
  report() {},
  lookNow: async () => {},
  close: async () => {},
};

/** A live enforcer without a database. */
async function liveOf(modelText: string, rules: readonly Rule[]) {
  const live = new MovedEnforcer(MOTOR, 'decide', undefined as never);
  const empty = await buildInMemoryEnforcer(newModelFromString(modelText), []);
  const own = new LiveRules(empty.getModel());
  live.swap(empty, own);
  live.change(rules.map((rule) => ({ ...rule, rows: 1 })));
  return { live, own };
}

const NAMES = ['u', 'v', 'r1', 'r2', 'a,b', 'b,c', 'a', ''];
const name = fc.constantFrom(...NAMES);

/** Models that the index alone decides, with deep chains of roles, domains, commas and effects of their own. */
const plainWorld = fc
  .record({
    eft: fc.boolean(),
    isInDomain: fc.boolean(),
    isShort: fc.boolean(),
    resources: fc.boolean(),
    depth: fc.constantFrom(0, 9, 10, 11, 12),
    isLimited: fc.boolean(),
  })
  .chain(({ eft, isInDomain, isShort, resources, depth, isLimited }) => {
    const conjuncts = [
      isInDomain ? 'g(r.sub, p.sub, r.dom)' : 'g(r.sub, p.sub)',
      ...(isLimited ? ['p.act == r.act'] : []),
      ...(resources ? ['g2(r.obj, p.obj)'] : ['r.obj == p.obj']),
    ];
    const modelText = `
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = ${eft ? 'eft, ' : ''}sub, obj, act
[role_definition]
g = ${isInDomain && !isShort ? '_, _, _' : '_, _'}
g2 = _, _
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = ${conjuncts.join(' && ')}
`;
    const domains = isInDomain && !isShort ? [name] : [];
    const values = [...(eft ? [fc.constantFrom('allow', 'deny', 'other', '')] : []), name, name, name];
    const rule = fc.oneof(
      { weight: 3, arbitrary: fc.tuple(...values).map((p): Rule => ({ ptype: 'p', values: p })) },
      fc.tuple(name, name, ...domains).map((g): Rule => ({ ptype: 'g', values: g })),
      fc.tuple(name, name).map((g): Rule => ({ ptype: 'g2', values: g })),
    );
    const chain = Array.from({ length: depth }, (_, n): Rule => {
      const link = [n === 0 ? 'u' : `step ${n}`, n === depth - 1 ? 'r1' : `step ${n + 1}`];
      return { ptype: 'g', values: [...link, ...domains.map(() => 'a')] };
    });
    return fc.record({
      modelText: fc.constant(modelText),
      rules: fc.array(rule, { maxLength: 16 }).map((rules) => [...chain, ...rules]),
      others: fc.array(rule, { maxLength: 14 }),
      requests: fc.array(fc.tuple(name, name, name, name), { minLength: 4, maxLength: 24 }),
    });
  });

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
      fc.oneof(
        plainWorld,
        world.filter(({ modelText }) => canChangeInPlace(newModelFromString(modelText))),
      ),
      fc.array(fc.nat(), { maxLength: 6 }),
      async ({ modelText, rules, others, requests }, picks) => {
        counts.models += 1;
        const held = [...rules];
        const { live, own } = await liveOf(modelText, rules);
        const compare = async () => {
          // Each rule once: of equal rows, Casbin may name the last one as the rule that decided.
          const distinct = [...new Map(held.map((rule) => [ruleKey(rule), rule])).values()];
          const plain = await plainEnforcer(modelText, distinct);
          for (const request of requests) {
            const expected = answerOf(plain, request);
            if (own.decide(request) !== undefined) counts.byIndexAlone += 1;
            if (typeof expected === 'string') counts.threw += 1;
            else counts[expected[0] ? 'allowed' : 'denied'] += 1;
            expect({ request, answer: answerOf(live, request) }).toEqual({ request, answer: expected });
            if (typeof expected !== 'string') expect(live.enforceSync(...request)).toBe(expected[0]);
          }
        };
        await compare();
        for (const pick of picks) {
          const added = others[pick % (others.length || 1)];
          if (pick % 2 === 0 && added !== undefined) {
            held.push(added);
            live.change([{ ...added, rows: 1 }]);
          } else if (held.length > 0) {
            const removed = held[pick % held.length];
            if (removed === undefined) continue;
            // Of equal rows, the first one stays: a change does not say which one is gone.
            const isEqual = (rule: Rule) => ruleKey(rule) === ruleKey(removed);
            held.splice(held.findLastIndex(isEqual), 1);
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
  const { models, changes, allowed, denied, threw, byIndexAlone } = counts;
  console.log(
    `${models} models, ${changes} changes, decisions agree: ${allowed} allowed, ${denied} denied, ${threw} threw; ${byIndexAlone} by the index alone`,
  );
});

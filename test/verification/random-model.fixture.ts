import fc from 'fast-check';
import { findParseFault } from '../../src/casbin/matcher.ts';
import type { Rule } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';

/** A model, a policy and requests; all in the same few names, so that much of it matches. */
export interface World {
  readonly modelText: string;
  readonly rules: readonly Rule[];
  /** More rules; many of their names are in neither the rules nor the requests. */
  readonly others: readonly Rule[];
  readonly requests: readonly (readonly string[])[];
}

const EFFECTS = [
  'some(where (p.eft == allow))',
  '!some(where (p.eft == deny))',
  'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
  'priority(p.eft) || deny',
  'subjectPriority(p.eft) || deny',
];

const EQUALS = ['r.sub == p.sub', 'r.dom == p.dom', 'r.obj == p.obj', 'p.act == r.act', 'r.obj == p.act'];
const ROLES = [
  'g(r.sub, p.sub, r.dom)',
  'g(r.sub, p.sub, r.obj)',
  'g(r.obj, p.obj, r.dom)',
  'g2(r.obj, p.obj)',
  'g2(r.act, p.act)',
  'g2(r.sub, p.sub)',
  'g2(r.obj, p.obj)',
];
/** Role links that are followed from something else than a value of the request. */
const OTHER_ROLES = [
  'g("a", p.sub, r.dom)',
  'g2("everyone", p.sub)',
  'g2(p.sub, r.sub)',
  'g2(p.obj, r.obj)',
  'g(p.obj, r.obj, r.dom)',
  'g2(p.sub, "b")',
  'g2(r.sub, "b")',
  'g2(r.sub + "x", p.sub)',
  'g2(keyGet(r.obj, "*"), p.obj)',
  'g2(r.act == "a" ? r.sub : "b", p.sub)',
  'g2(r.sub, p.sub) == g2(r.obj, p.obj)',
];
/** `regexMatch` throws on a bracket, `ipMatch` on whatever is no address. */
const OTHERS = [
  'keyMatch(r.obj, p.obj)',
  'regexMatch(r.obj, p.obj)',
  'ipMatch(r.act, p.act)',
  'r.sub != p.sub',
  'r.act in ("a", "b")',
  'r.obj != "eval(p_obj)"',
  'r.obj != "a$$$$b"',
  'r.obj != "g(r.sub, p.sub) && p.act"',
  'r.sub == "root"',
  'eval(p.act)',
  '(r.sub == p.sub || g2(r.sub, p.sub))',
  '!(r.obj == p.obj)',
];

const conjunct = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...EQUALS) },
  { weight: 4, arbitrary: fc.constantFrom(...ROLES) },
  { weight: 1, arbitrary: fc.constantFrom(...OTHERS) },
  { weight: 1, arbitrary: fc.constantFrom(...OTHER_ROLES) },
);

const matcher = fc
  .tuple(
    fc.array(conjunct, { minLength: 1, maxLength: 4 }).map((conjuncts) => conjuncts.join(' && ')),
    fc.option(conjunct, { freq: 6, nil: null }),
  )
  .map(([conjunction, alternative]) =>
    alternative === null ? conjunction : `${conjunction} || ${alternative}`,
  )
  // Casbin takes some brackets for lists, wherever a matcher has an `in`.
  .filter((text) => findParseFault(text) === null);

const value = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c', 'd') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '',
      'root',
      'everyone',
      'ax',
      'a,b',
      'b,c',
      'a$$b',
      '(',
      '1',
      'true',
      'x || y',
      'true) || (true',
      '*',
    ),
  },
);

const otherValue = fc.oneof(value, { weight: 3, arbitrary: fc.constantFrom('u', 'v', 'w', 'x', 'y', 'z') });

const NAMES = ['sub', 'dom', 'obj', 'act'];
const order = fc.shuffledSubarray(NAMES, { minLength: NAMES.length });

/** Models of every effect, with and without fields for the effect and the priority, and fields in any order. */
export const world: fc.Arbitrary<World> = fc
  .record({
    effect: fc.constantFrom(...EFFECTS),
    eft: fc.boolean(),
    priority: fc.constantFrom('none', 'none', 'first', 'last'),
    r: fc.oneof({ weight: 2, arbitrary: fc.constant(NAMES) }, { weight: 1, arbitrary: order }),
    p: fc.oneof({ weight: 2, arbitrary: fc.constant(NAMES) }, { weight: 1, arbitrary: order }),
    matcher,
  })
  .chain(({ effect, eft, priority, r, p: names, matcher: m }) => {
    const tokens = [
      ...(priority === 'first' ? ['priority'] : []),
      ...names,
      ...(eft ? ['eft'] : []),
      ...(priority === 'last' ? ['priority'] : []),
    ];
    const ruleOf = (any: fc.Arbitrary<string>): fc.Arbitrary<Rule> => {
      const p = fc.tuple(...tokens.map((token) => fieldOf(token, any)));
      return fc.oneof(
        { weight: 3, arbitrary: p.map((values) => ({ ptype: 'p', values })) },
        fc.tuple(any, any, any).map((values) => ({ ptype: 'g', values })),
        fc.tuple(any, any).map((values) => ({ ptype: 'g2', values })),
      );
    };
    return fc.record({
      modelText: fc.constant(
        modelText({
          r: r.join(', '),
          p: tokens.join(', '),
          g: ['g = _, _, _', 'g2 = _, _'],
          e: effect,
          m,
        }),
      ),
      rules: fc.array(ruleOf(value), { maxLength: 14 }),
      others: fc.array(ruleOf(otherValue), { maxLength: 14 }),
      requests: fc.array(fc.tuple(value, value, value, value), { minLength: 1, maxLength: 12 }),
    });
  });

function fieldOf(token: string, any: fc.Arbitrary<string>): fc.Arbitrary<string> {
  if (token === 'eft') return fc.constantFrom('allow', 'deny', 'other');
  // Casbin uses the number at the beginning of a priority; without a number, the order is undefined.
  if (token === 'priority') return fc.constantFrom('1', '2', '3', '10', '2x', 'high', '');
  return any;
}

import fc from 'fast-check';

/** A model, a policy and requests; all in the same few names, so that much of it matches. */
export interface World {
  readonly modelText: string;
  readonly rules: readonly { readonly ptype: string; readonly values: readonly string[] }[];
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
  'g2(r.obj, p.obj)',
  'g2(r.act, p.act)',
  'g2(r.sub, p.sub)',
];
/** `regexMatch` throws on a bracket, `ipMatch` on whatever is no address. */
const OTHERS = [
  'keyMatch(r.obj, p.obj)',
  'regexMatch(r.obj, p.obj)',
  'ipMatch(r.act, p.act)',
  'r.sub != p.sub',
  'r.sub == "root"',
  'eval(p.act)',
  '(r.sub == p.sub || g2(r.sub, p.sub))',
  '!(r.obj == p.obj)',
];

const conjunct = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...EQUALS) },
  { weight: 4, arbitrary: fc.constantFrom(...ROLES) },
  { weight: 1, arbitrary: fc.constantFrom(...OTHERS) },
);

const matcher = fc
  .tuple(
    fc.array(conjunct, { minLength: 1, maxLength: 4 }).map((conjuncts) => conjuncts.join(' && ')),
    fc.option(conjunct, { freq: 6, nil: null }),
  )
  .map(([conjunction, alternative]) =>
    alternative === null ? conjunction : `${conjunction} || ${alternative}`,
  );

const value = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', 'c', 'd') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'root', 'a,b', '(', '1', 'true', 'x || y', 'true) || (true', '*'),
  },
);

const fields = (first: readonly fc.Arbitrary<string>[], last: readonly fc.Arbitrary<string>[]) =>
  fc.tuple(...first, value, value, value, value, ...last);

/** Models of every effect, with and without fields for the effect and the priority. */
export const world: fc.Arbitrary<World> = fc
  .record({ effect: fc.constantFrom(...EFFECTS), eft: fc.boolean(), priority: fc.boolean(), matcher })
  .chain(({ effect, eft, priority, matcher: m }) => {
    const first = priority ? [fc.constantFrom('1', '2', '3')] : [];
    const last = eft ? [fc.constantFrom('allow', 'deny', 'other')] : [];
    const p = fields(first, last).map((values) => ({ ptype: 'p', values }));
    const g = fc.tuple(value, value, value).map((values) => ({ ptype: 'g', values }));
    const g2 = fc.tuple(value, value).map((values) => ({ ptype: 'g2', values }));
    const rule = fc.oneof({ weight: 3, arbitrary: p }, g, g2);
    const tokens = [...(priority ? ['priority'] : []), 'sub', 'dom', 'obj', 'act', ...(eft ? ['eft'] : [])];
    return fc.record({
      modelText: fc.constant(`
[request_definition]
r = sub, dom, obj, act
[policy_definition]
p = ${tokens.join(', ')}
[role_definition]
g = _, _, _
g2 = _, _
[policy_effect]
e = ${effect}
[matchers]
m = ${m}
`),
      rules: fc.array(rule, { maxLength: 14 }),
      requests: fc.array(fc.tuple(value, value, value, value), { minLength: 1, maxLength: 12 }),
    });
  });

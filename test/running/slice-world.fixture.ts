import fc from 'fast-check';
import type { Rule } from '../../src/index.ts';
import { modelText } from '../casbin/models.fixture.ts';

/** A policy, changes of it, and whom it is asked about. */
export interface SliceWorld {
  readonly name: string;
  readonly modelText: string;
  readonly of: { readonly subject?: readonly string[]; readonly domain?: readonly string[] };
  readonly rules: readonly Rule[];
  readonly others: readonly Rule[];
  /** Inside and outside of the slice. */
  readonly requests: readonly (readonly string[])[];
}

const USERS = ['u', 'v'];
const ROLES = ['r1', 'r2', 'r3'];
const DOMAINS = ['t1', 't2'];
const OBJECTS = ['d1', 'd2', 'folder'];
const DENY = 'some(where (p.eft == allow)) && !some(where (p.eft == deny))';

interface Form {
  readonly name: string;
  readonly text: string;
  /** What may stand at each place of a rule. */
  readonly p: readonly (readonly string[])[];
  readonly g: Readonly<Record<string, readonly (readonly string[])[]>>;
  readonly r: readonly (readonly string[])[];
}

const NAMES = [...USERS, ...ROLES];
const ACL = {
  p: [NAMES, OBJECTS, ['read']],
  g: { g: [NAMES, ROLES] },
  r: [[...USERS, 'r1'], OBJECTS, ['read']],
};
const DOM = 'sub, dom, obj, act';
const IN_DOMAINS = {
  p: [NAMES, DOMAINS, OBJECTS, ['read']],
  g: { g: [NAMES, ROLES, DOMAINS] },
  r: [USERS, DOMAINS, OBJECTS, ['read']],
};
const DOMAIN_MATCHER = 'r.dom == p.dom && g(r.sub, p.sub, r.dom) && r.obj == p.obj && r.act == p.act';

const FORMS: readonly Form[] = [
  { name: 'roles', text: modelText({}), ...ACL },
  { name: 'no roles', text: modelText({ m: 'r.sub == p.sub && r.obj == p.obj && r.act == p.act' }), ...ACL },
  {
    name: 'deny',
    text: modelText({ p: 'sub, obj, act, eft', e: DENY }),
    ...ACL,
    p: [...ACL.p, ['allow', 'deny']],
  },
  {
    name: 'order',
    text: modelText({ p: 'sub, obj, act, eft', e: 'priority(p.eft) || deny' }),
    ...ACL,
    p: [...ACL.p, ['allow', 'deny']],
  },
  {
    name: 'resource roles',
    text: modelText({
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    }),
    ...ACL,
    g: { ...ACL.g, g2: [OBJECTS, OBJECTS] },
  },
  {
    name: 'roles of subjects and resources in one',
    text: modelText({ m: 'g(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act' }),
    ...ACL,
    g: {
      g: [
        [...NAMES, ...OBJECTS],
        [...ROLES, ...OBJECTS],
      ],
    },
  },
  {
    name: 'anything of a resource first',
    text: modelText({ m: 'keyMatch(r.obj, p.obj) && g(r.sub, p.sub) && r.act == p.act' }),
    ...ACL,
  },
  {
    name: 'domains',
    text: modelText({ r: DOM, p: DOM, g: ['g = _, _, _'], m: DOMAIN_MATCHER }),
    ...IN_DOMAINS,
  },
  {
    name: 'domains, and roles in all of them',
    text: modelText({
      r: DOM,
      p: DOM,
      g: ['g = _, _, _', 'g2 = _, _'],
      m: 'r.dom == p.dom && (g(r.sub, p.sub, r.dom) || g2(r.sub, p.sub)) && r.obj == p.obj && r.act == p.act',
    }),
    ...IN_DOMAINS,
    g: { ...IN_DOMAINS.g, g2: [NAMES, ROLES] },
  },
];

function rule(form: Form): fc.Arbitrary<Rule> {
  const of = (ptype: string, places: readonly (readonly string[])[]) =>
    fc.tuple(...places.map((names) => fc.constantFrom(...names))).map((values): Rule => ({ ptype, values }));
  const links = Object.entries(form.g).map(([ptype, places]) => of(ptype, places));
  return fc.oneof(of('p', form.p), ...links);
}

export const sliceWorld: fc.Arbitrary<SliceWorld> = fc.constantFrom(...FORMS).chain((form) =>
  fc.record({
    name: fc.constant(form.name),
    modelText: fc.constant(form.text),
    of: slices(form),
    rules: fc.array(rule(form), { maxLength: 14 }),
    others: fc.array(rule(form), { minLength: 1, maxLength: 8 }),
    requests: fc.constant(
      form.r.reduce<string[][]>(
        (all, some) => all.flatMap((one) => some.map((value) => [...one, value])),
        [[]],
      ),
    ),
  }),
);

function slices({ r }: Form): fc.Arbitrary<SliceWorld['of']> {
  const subject = fc.constantFrom(['u'], ['u', 'r1']);
  const domain = fc.constantFrom(['t1']);
  if (r.length < 4) return fc.record({ subject });
  return fc.oneof(fc.record({ subject }), fc.record({ domain }), fc.record({ subject, domain }));
}

/** Whether a request is about whom, and in what, the slice is for. */
export function isInside({ of }: SliceWorld, request: readonly string[]): boolean {
  const [subject = '', domain = ''] = request;
  return (of.subject?.includes(subject) ?? true) && (of.domain?.includes(domain) ?? true);
}

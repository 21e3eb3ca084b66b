import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { modelText } from '../../casbin/models.fixture.ts';
import { plainEnforcer } from '../mutation/truth.fixture.ts';
import { declaredBy } from './declared.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const object = fc.constantFrom('x', 'y', 'z');
const domain = fc.constantFrom('one', 'two');
const values = fc.tuple(name, domain, object, fc.constantFrom('read', 'write'));
const MATCHERS = [
  'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act',
  'r.act == p.act && g(r.sub, p.sub) && g2(r.obj, p.obj)',
  'r.sub == p.sub && g2(r.obj, p.obj) && r.dom == p.dom',
  'g(r.sub, p.sub) && g(r.obj, p.obj)',
];
const IN_DOMAIN = ['g(r.sub, p.sub, r.dom) && r.dom == p.dom && p.obj == r.obj', 'g(r.sub, p.sub, r.dom)'];

/** Long chains too, as Casbin stops following links at some depth. */
const world = fc.constantFrom(...MATCHERS, ...IN_DOMAIN).chain((m) => {
  const domains = IN_DOMAIN.includes(m);
  const link = fc.tuple(name, name, domain).map((all) => (domains ? all : all.slice(0, 2)));
  const chain = fc
    .integer({ min: 0, max: 13 })
    .map((length) =>
      Array.from({ length }, (_, level) => [
        `level${level}`,
        level + 1 === length ? 'a' : `level${level + 1}`,
        ...(domains ? ['one'] : []),
      ]),
    );
  const of = (ptype: string) => (rule: readonly string[]) => ({ ptype, values: rule });
  return fc.record({
    text: fc.constant(
      modelText({
        r: 'sub, dom, obj, act',
        p: 'sub, dom, obj, act',
        g: [domains ? 'g = _, _, _' : 'g = _, _', 'g2 = _, _'],
        m,
      }),
    ),
    rules: fc
      .tuple(
        fc.array(values.map(of('p')), { maxLength: 8 }),
        fc.array(link.map(of('g')), { maxLength: 6 }),
        chain.map((links) => links.map(of('g'))),
        fc.array(fc.tuple(object, object).map(of('g2')), { maxLength: 3 }),
      )
      .map((lists) => lists.flat()),
    requests: fc.array(
      fc.tuple(
        fc.oneof(name, fc.constantFrom('level0', 'level2', 'stranger')),
        domain,
        object,
        fc.constant('read'),
      ),
      { minLength: 1, maxLength: 10 },
    ),
  });
});

let agreed = 0;

test('what a definition declares is what a plain enforcer decides on it', async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ text, rules, requests }) => {
      const isAllowed = declaredBy(text, rules);
      const enforcer = await plainEnforcer(text, rules);

      for (const request of requests) {
        expect(isAllowed(request), request.join()).toBe(enforcer.enforceSync(...request));
        agreed += 1;
      }
    }),
    { numRuns: 600 },
  );
}, 120_000);

afterAll(() => console.log(`${agreed} declared decisions agree`));

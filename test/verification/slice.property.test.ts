import { newEnforcer, newModelFromString, StringAdapter } from 'casbin';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Rule } from '../../src/policy/rule.ts';
import { decideAll } from '../../src/verification/decide.ts';

const EFFECTS = [
  'some(where (p.eft == allow))',
  '!some(where (p.eft == deny))',
  'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
  'priority(p.eft) || deny',
];

const CONJUNCTS = [
  'g(r.sub, p.sub)',
  'g(r.sub, p.sub, r.dom)',
  'g2(r.obj, p.obj)',
  'r.sub == p.sub',
  'r.dom == p.dom',
  'p.obj == r.obj',
  'r.act == p.act',
  'keyMatch(r.obj, p.obj)',
  'regexMatch(r.act, p.act)',
  '(r.act == p.act || p.act == "*")',
  '!(r.sub == p.obj)',
  'r.sub != "alice"',
  '(r.obj == p.obj || r.sub == "root")',
];

const NAMES = ['alice', 'bob', 'admin', 'user', 'root', '*'];
const OBJECTS = ['data', 'data/1', 'data/*', 'logs', '*'];
const ACTIONS = ['read', 'write', '.*', 'r.*d', '(', '*'];
const DOMAINS = ['one', 'two'];

const name = fc.constantFrom(...NAMES);
const object = fc.constantFrom(...OBJECTS);
const action = fc.constantFrom(...ACTIONS);
const domain = fc.constantFrom(...DOMAINS);

/** A model, a policy that fits it, and requests; some of them ask for what no rule names. */
const world = fc
  .record({
    conjuncts: fc.uniqueArray(fc.constantFrom(...CONJUNCTS), { minLength: 1, maxLength: 5 }),
    effect: fc.constantFrom(...EFFECTS),
    prioritized: fc.boolean(),
  })
  .chain(({ conjuncts, effect, prioritized }) => {
    const matcher = conjuncts.join(' && ');
    const domains = matcher.includes('g(r.sub, p.sub, r.dom)');
    const matchers = domains ? matcher.replace('g(r.sub, p.sub) ', 'g(r.sub, p.sub, r.dom) ') : matcher;
    const priority = fc.constantFrom('1', '2', '10').map((value) => (prioritized ? [value] : []));
    const effectOf = fc.constantFrom('allow', 'deny', 'other');
    const permission = fc
      .tuple(priority, name, domain, object, action, effectOf)
      .map(([rank, ...values]): Rule => ({ ptype: 'p', values: [...rank, ...values] }));
    const role = fc.tuple(name, name, domain).map(
      ([child, parent, of]): Rule => ({
        ptype: 'g',
        values: domains ? [child, parent, of] : [child, parent],
      }),
    );
    const resource = fc.tuple(object, object).map((values): Rule => ({ ptype: 'g2', values }));
    const anything = fc.constantFrom('', 'nobody', 'data/2');
    const request = fc.tuple(
      fc.oneof(name, anything),
      fc.oneof(domain, anything),
      fc.oneof(object, anything),
      fc.oneof(action, anything),
    );
    return fc.record({
      text: fc.constant(modelText(matchers, effect, prioritized, domains)),
      rules: fc.tuple(
        fc.array(permission, { maxLength: 12 }),
        fc.array(fc.oneof(role, resource), { maxLength: 8 }),
      ),
      requests: fc.array(request, { minLength: 1, maxLength: 6 }),
    });
  });

function modelText(matcher: string, effect: string, prioritized: boolean, domains: boolean): string {
  // Casbin calls a role definition with as many values as it has blanks.
  const plain = domains ? matcher.replaceAll('g(r.sub, p.sub)', 'g(r.sub, p.sub, r.dom)') : matcher;
  return `
    [request_definition]
    r = sub, dom, obj, act
    [policy_definition]
    p = ${prioritized ? 'priority, ' : ''}sub, dom, obj, act, eft
    [role_definition]
    g = ${domains ? '_, _, _' : '_, _'}
    g2 = _, _
    [policy_effect]
    e = ${effect}
    [matchers]
    m = ${plain}
  `;
}

async function decidePlainly(text: string, rules: readonly Rule[], requests: readonly string[][]) {
  const lines = rules.map(({ ptype, values }) => [ptype, ...values].join(', '));
  const enforcer = await newEnforcer(
    newModelFromString(text),
    new StringAdapter(lines.join('\n') || '# none'),
  );
  return requests.map((request) => {
    try {
      return enforcer.enforceSync(...request);
    } catch {
      return 'error';
    }
  });
}

test('the requests of a verification are decided as by a plain enforcer on the whole policy', async () => {
  await fc.assert(
    fc.asyncProperty(world, async ({ text, rules, requests }) => {
      const all = rules.flat();
      // The plain one may refuse to load, and then there is nothing to compare.
      const plainly = await decidePlainly(text, all, requests).catch(() => null);
      fc.pre(plainly !== null);

      const answers = await decideAll(newModelFromString(text), all, requests);

      expect(answers.map(({ allowed, error }) => (error === null ? allowed : 'error'))).toEqual(plainly);
    }),
    { numRuns: 1_500 },
  );
});

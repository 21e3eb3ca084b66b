import { type Enforcer, newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { type BootstrapOptions, lintPolicy } from '../../src/index.ts';
import { findExamples } from '../../src/verification/example-request.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, rulesOf } from '../verification/verify.fixture.ts';

/** The matchers of this model, without the subject. */
function modelOf(matcher: string, parts: Parameters<typeof modelText>[0] = {}) {
  return newModelFromString(modelText({ m: `g(r.sub, p.sub) && ${matcher}`, ...parts }));
}

async function examplesOf(options: BootstrapOptions): Promise<string[]> {
  const { problems, warnings } = await lintPolicy(options);
  expect(problems).toEqual([]);
  return warnings.flatMap(({ message }) => message.split(' For example, under samples: ').slice(1));
}

const PATHS = modelOf('keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)');

test.each([
  ['keyMatch', '/data/*', '/data/1'],
  ['keyMatch', '/c++/guide', '/c++/guide'],
  ['keyMatch', 'invoices:*', 'invoices:1'],
  ['keyMatch2', '/invoices/:id/lines/:line', '/invoices/1/lines/1'],
  ['keyMatch3', '/proxy/{name}/*', '/proxy/1/1'],
  ['keyMatch4', '/parents/{id}/children/{id}', '/parents/1/children/1'],
  ['keyMatch5', '/invoices/{id}', '/invoices/1'],
  ['globMatch', '/invoices/*/lines/**', '/invoices/1/lines/1'],
  ['regexMatch', '^/users/\\d+(/.*)?$', '/users/1/1'],
  ['regexMatch', '^/api/v[12]/[^/]+/[a-z]+\\.json$', '/api/v1/1/a.json'],
  ['regexMatch', '(?:GET|HEAD)|POST', 'GET'],
  ['ipMatch', '10.1.0.0/16', '10.1.0.0'],
  ['ipMatch', '2001:db8::/32', '2001:db8::'],
])('lint shows a request that %s lets a rule with %s decide', async (name, pattern, value) => {
  const model = modelOf(`${name}(r.obj, p.obj) && r.act == p.act`);
  const examples = await examplesOf({ model, policy: { rules: [['p', 'clerk', pattern, 'read']] } });
  expect(examples).toEqual([`["clerk", ${JSON.stringify(value)}, "read"].`]);
});

test('written as a sample, the request covers the rule, and the next one has an example', async () => {
  const links = ['g, ann, clerk', 'g, bob, clerk', 'g, carol, clerk'];
  const lines = ['p, clerk, /invoices/:id, GET', 'p, clerk, /orders/:id, (GET)|(PUT)'];
  const rules = [...links, ...lines].map(rule);
  const samples = [['clerk', '/invoices/1', 'GET']];
  expect(await examplesOf({ model: PATHS, policy: { rules, samples } })).toEqual([
    '["clerk", "/orders/1", "GET"].',
  ]);
  samples.push(
    ['clerk', '/orders/1', 'GET'],
    ...['ann', 'bob', 'carol'].map((name) => [name, '/orders/1', 'GET']),
  );
  await expect(lintPolicy({ model: PATHS, policy: { rules, samples } })).resolves.toMatchObject({
    warnings: [],
  });
});

describe('a link that decides nothing', () => {
  const rules = ['p, viewer, /invoices/:id, GET', 'g, clerk, viewer', 'g, boss, clerk'].map(rule);
  const samples = [['viewer', '/invoices/1', 'GET']];

  test('has a request for a rule of the role that it leads to, over other links too', async () => {
    expect(await examplesOf({ model: PATHS, policy: { rules, samples } })).toEqual([
      '["clerk", "/invoices/1", "GET"].',
    ]);
    const clerks = [...samples, ['clerk', '/invoices/2', 'GET']];
    expect(await examplesOf({ model: PATHS, policy: { rules, samples: clerks } })).toEqual([
      '["boss", "/invoices/1", "GET"].',
    ]);
  });

  test('has none for a name that is too long to be shown', async () => {
    const long = ['g', 'x'.repeat(201), 'viewer'];
    expect(
      await examplesOf({ model: PATHS, policy: { rules: [...rules.slice(0, 1), long], samples } }),
    ).toEqual([]);
  });

  test('has none where a rule of its own decides first', async () => {
    const own = [rule('p, clerk, /invoices/*, GET'), ...rules.slice(0, 2)];
    const policy = { rules: own, samples: [...samples, ['clerk', '/invoices/2', 'GET']] };
    expect(await examplesOf({ model: PATHS, policy })).toEqual([]);
  });

  test('has one in its own domain', async () => {
    const model = newModelFromString(
      modelText({
        r: 'sub, dom, obj, act',
        p: 'sub, dom, obj, act',
        g: ['g = _, _, _'],
        m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && keyMatch2(r.obj, p.obj) && r.act == p.act',
      }),
    );
    const of = ['one', 'two', 'three', 'acme'].map((name) => ['p', 'viewer', name, '/:id', 'GET']);
    const known = of.map(([, subject = '', name = '']) => [subject, name, '/1', 'GET']);
    const policy = { rules: [...of, ['g', 'clerk', 'viewer', 'acme']], samples: known };
    expect(await examplesOf({ model, policy })).toEqual(['["clerk", "acme", "/1", "GET"].']);
  });
});

test('links without a request count among what is tried, because each looks at all rules', async () => {
  const links = rulesOf(Array.from({ length: 1_000 }, (_, n) => `g, user ${n}, nobody`));
  let looks = 0;
  const rules = new Proxy(links, {
    get(target, key) {
      if (key === 'filter') looks += 1;
      return Reflect.get(target, key);
    },
  });
  expect(await findExamples(PATHS, rules, links, undefined, 6).next()).toEqual({ done: true });
  expect(looks).toBeGreaterThan(0);
  expect(looks).toBeLessThan(20);
});

test('a rule that is evaluated has no example', async () => {
  const model = newModelFromString(
    modelText({
      p: 'sub_rule, obj, act',
      m: 'eval(p.sub_rule) && keyMatch2(r.obj, p.obj) && r.act == p.act',
    }).replace('r = sub, obj, act', 'r = sub_rule, obj, act'),
  );
  const policy = { rules: [['p', 'true', '/:id', 'GET']] };
  expect(await examplesOf({ model, policy })).toEqual([]);
});

test('a request that another rule decides is no example', async () => {
  const model = modelOf('keyMatch2(r.obj, p.obj) && r.act == p.act', {
    p: 'sub, obj, act, eft',
    e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
  });
  const rules = ['p, clerk, /invoices/:id, GET, allow', 'p, clerk, /:name/:id, GET, deny'].map(rule);
  // The deny rule decides /invoices/1 too.
  expect(await examplesOf({ model, policy: { rules } })).toEqual(['["clerk", "/1/1", "GET"].']);
});

test('a rule that has samples may decide a request that would be an example for another one', async () => {
  const rules = ['p, clerk, /:name/:id, GET', 'p, clerk, /invoices/:id, GET'].map(rule);
  const samples = [['clerk', '/orders/7', 'GET']];
  expect(await examplesOf({ model: PATHS, policy: { rules, samples } })).toEqual([]);
});

test('only those values are filled in that are patterns', async () => {
  const rules = [['p', 'clerk (a|b)', '/invoices/:id', 'GET']];
  expect(await examplesOf({ model: PATHS, policy: { rules } })).toEqual([
    '["clerk (a|b)", "/invoices/1", "GET"].',
  ]);
});

test('patterns may be those of a function of the application', async () => {
  const model = modelOf('startsLike(r.obj, p.obj) && r.act == p.act');
  const configureEnforcer = (enforcer: Enforcer) =>
    enforcer.addFunction('startsLike', (text: string, start: string) => text.startsWith(start.slice(0, -1)));
  const policy = { rules: [['p', 'clerk', '/invoices*', 'read']] };
  expect(await examplesOf({ model, policy, configureEnforcer })).toEqual([
    '["clerk", "/invoices1", "read"].',
  ]);
});

test('only the warning of untested rules has an example', async () => {
  const rules = [['p', 'clerk', '/invoices/:id', 'GET']];
  const text = `${modelText({ m: 'g(r.sub, p.sub) && keyMatch2(r.obj, p.obj)' })}\n`;
  const model = newModelFromString(text.replace(/^m = .*$/m, '$&\nm2 = r.sub == p.sub'));
  const { warnings } = await lintPolicy({ model, policy: { rules } });
  expect(warnings.map(({ code, message }) => [code, message.includes('For example')])).toEqual([
    ['NOTHING_VERIFIED', true],
    ['CONTEXT_NOT_VERIFIED', false],
  ]);
});

test('values are written as YAML and JSON take them', async () => {
  const rules = [['p', 'the "clerk"', '/invoices/:id', 'GET']];
  expect(await examplesOf({ model: PATHS, policy: { rules } })).toEqual([
    '["the \\"clerk\\"", "/invoices/1", "GET"].',
  ]);
});

test.each([
  ['where no tried request is decided by a rule', PATHS, ['p, clerk, /a, (x|y){3}']],
  [
    'where requests have a value that rules do not have',
    modelOf('keyMatch(r.obj, p.obj)', { r: 'sub, obj, age' }),
    ['p, clerk, /a/*, read'],
  ],
  [
    'without patterns',
    modelOf('r.obj == p.obj && r.act == "read"', { r: 'sub, obj, act, day' }),
    ['p, clerk, /a/*, read'],
  ],
  ['for a value that is too long to be shown', PATHS, [`p, clerk, /${'a'.repeat(200)}/:id, GET`]],
])('there is no example %s', async (_, model, lines) => {
  expect(await examplesOf({ model, policy: { rules: lines.map(rule) } })).toEqual([]);
});

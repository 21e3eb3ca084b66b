import { DefaultRoleManager, type Enforcer, Util } from 'casbin';
import { describe, expect, test } from 'vitest';
import { modelText } from '../casbin/models.fixture.ts';
import { promiseOf, rule } from './verify.fixture.ts';

const DOMAINS = modelText({
  r: 'sub, dom, obj, act',
  p: 'sub, dom, obj, act',
  g: ['g = _, _, _'],
  m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
});

async function uncovered(
  text: string,
  lines: readonly string[],
  {
    samples = [],
    configure,
  }: { samples?: readonly string[]; configure?: (enforcer: Enforcer) => Promise<void> },
) {
  const definition = { rules: lines.map(rule), samples: samples.map(rule) };
  const { coverage } = await promiseOf(text, definition, configure);
  expect(coverage.covered + coverage.uncovered.length).toBe(coverage.total);
  return coverage.uncovered.map((one) => one.join(', '));
}

describe('a role link that decides by a pattern of domains', () => {
  const matchDomains = (enforcer: Enforcer) =>
    enforcer.addNamedDomainMatchingFunc('g', Util.keyMatchFunc).then(() => {});

  test('is covered', async () => {
    const lines = ['p, admin, tenant1, data, read', 'g, alice, admin, *'];

    expect(await uncovered(DOMAINS, lines, { configure: matchDomains })).toEqual([]);
  });

  test('is covered over several links, of which some are of the domain itself', async () => {
    const lines = [
      'p, admin, tenant1, data, read',
      'g, alice, lead, tenant1',
      'g, lead, staff, *',
      'g, staff, admin, tenant*',
    ];

    const samples = ['alice, tenant1, data, read'];
    expect(await uncovered(DOMAINS, lines, { configure: matchDomains, samples })).toEqual([]);
  });

  test('is covered where there are two ways, by one of them', async () => {
    const lines = [
      'p, admin, tenant1, data, read',
      'g, alice, lead, *',
      'g, alice, staff, *',
      'g, lead, admin, *',
      'g, staff, admin, *',
    ];

    const samples = ['alice, tenant1, data, read'];
    expect(await uncovered(DOMAINS, lines, { configure: matchDomains, samples })).toEqual([
      'g, alice, staff, *',
    ]);
  });

  test('is covered together with a link that other requests cover as well', async () => {
    const text = DOMAINS.replace('r.act == p.act', 'regexMatch(r.act, p.act)');
    const lines = [
      'p, lead, tenant1, data, read',
      'p, admin, tenant1, logs, read',
      'g, alice, lead, tenant1',
      'g, lead, admin, *',
    ];

    const samples = ['alice, tenant1, data, read', 'alice, tenant1, logs, read'];
    expect(await uncovered(text, lines, { configure: matchDomains, samples })).toEqual([]);
  });

  test('is covered in each domain', async () => {
    const lines = [
      'p, admin, one, data, read',
      'p, admin, two, data, read',
      'g, alice, admin, on*',
      'g, alice, admin, tw*',
    ];

    const samples = ['alice, one, data, read', 'alice, two, data, read'];
    expect(await uncovered(DOMAINS, lines, { configure: matchDomains, samples })).toEqual([]);
  });

  test('does not cover the same link of another domain', async () => {
    const lines = ['p, admin, tenant1, data, read', 'g, alice, admin, other', 'g, alice, admin, *'];

    const samples = ['alice, tenant1, data, read'];
    expect(await uncovered(DOMAINS, lines, { configure: matchDomains, samples })).toEqual([
      'g, alice, admin, other',
    ]);
  });

  test('is covered also where all enforcers have the same role manager', async () => {
    const roles = new DefaultRoleManager(10);
    const configure = async (enforcer: Enforcer) => {
      await roles.addDomainMatchingFunc(Util.keyMatchFunc);
      enforcer.setRoleManager(roles);
    };
    const lines = ['p, admin, tenant1, data, read', 'g, alice, admin, *'];

    const samples = ['alice, tenant1, data, read'];
    expect(await uncovered(DOMAINS, lines, { configure, samples })).toEqual([]);
  });
});

test('a link of resources that decides by a pattern of names is covered', async () => {
  const text = modelText({
    g: ['g = _, _', 'g2 = _, _'],
    m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && regexMatch(r.act, p.act)',
  });
  const lines = ['p, alice, books, read', 'g2, /book/:id, books', 'g2, /page/:id, books'];
  const configure = (enforcer: Enforcer) => enforcer.addNamedMatchingFunc('g2', Util.keyMatch2Func);

  expect(await uncovered(text, lines, { configure, samples: ['alice, /book/7, read'] })).toEqual([
    'g2, /page/:id, books',
  ]);
});

test('a link of users and one of resources are both covered, although they have the same names', async () => {
  const text = modelText({
    g: ['g = _, _', 'g2 = _, _'],
    m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && regexMatch(r.act, p.act)',
  });
  const lines = ['p, books, books, read', 'g, /book/:id, books', 'g2, /book/:id, books'];
  const configure = async (enforcer: Enforcer) => {
    for (const ptype of ['g', 'g2']) await enforcer.addNamedMatchingFunc(ptype, Util.keyMatch2Func);
  };

  expect(await uncovered(text, lines, { configure, samples: ['/book/7, /book/7, read'] })).toEqual([]);
});

test('a link that a function of the application makes needless is not covered', async () => {
  const text = modelText({ m: '(g(r.sub, p.sub) || isRoot(r.sub)) && r.obj == p.obj && r.act == p.act' });
  const lines = ['p, admin, data, read', 'g, alice, staff'];
  const configure = (enforcer: Enforcer) =>
    enforcer.addFunction('isRoot', (name: string) => name === 'alice');

  expect(await uncovered(text, lines, { configure })).toEqual(['g, alice, staff']);
});

test.each([
  ['a literal', 'g("everyone", p.sub) && r.obj == p.obj && r.act == p.act', 'g, everyone, reader'],
  ['the rule', 'g(p.sub, r.sub) && r.obj == p.obj && r.act == p.act', 'g, reader, trainee'],
])('a link that is followed from %s is covered', async (_, m, link) => {
  expect(await uncovered(modelText({ m }), ['p, reader, data, read', link], {})).toEqual([]);
});

test('the same link is covered in each domain', async () => {
  const lines = [
    'p, admin, one, data, read',
    'p, admin, two, data, read',
    'g, alice, admin, one',
    'g, alice, admin, two',
  ];

  expect(await uncovered(DOMAINS, lines, {})).toEqual([]);
});

test('a link in the domain of the rule is covered', async () => {
  const text = DOMAINS.replace('g(r.sub, p.sub, r.dom)', 'g(r.sub, p.sub, p.dom)');
  const lines = ['p, admin, one, data, read', 'g, alice, admin, one'];

  expect(await uncovered(text, lines, {})).toEqual([]);
});

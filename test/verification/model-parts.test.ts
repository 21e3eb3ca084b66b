import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { linkOfUsers, readParts, rolePositions, subjectOf } from '../../src/verification/parts.ts';
import { deriveMatrix, NO_ROLE } from '../../src/verification/requests.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule } from './verify.fixture.ts';

type Changes = Parameters<typeof modelText>[0];

const DOMAINS: Changes = {
  r: 'sub, dom, obj, act',
  p: 'sub, dom, obj, act',
  g: ['g = _, _, _'],
  m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
};

function modelOf(changes: Changes) {
  return newModelFromString(modelText(changes));
}

describe('the subject of requests', () => {
  test.each<[string, Changes, string]>([
    ['is called sub where there is one', { r: 'obj, sub', p: 'obj, sub', m: 'g(r.obj, p.obj)' }, 'sub'],
    [
      'is the value that g is called for',
      { r: 'thing, who', p: 'thing, who', m: 'r.thing == p.thing && g(r.who, p.who)' },
      'who',
    ],
    [
      'is not one that another role definition is called for',
      {
        r: 'who, thing',
        p: 'who, thing',
        g: ['g = _, _', 'g2 = _, _'],
        m: 'g2(r.thing, p.thing) && r.who == p.who',
      },
      'who',
    ],
    [
      'is the first value that is no domain, where g is called for none',
      { r: 'dom, who, thing', p: 'dom, who, thing', m: 'r.who == p.who && r.dom == p.dom' },
      'who',
    ],
    [
      'is not the domain that another role definition is called with',
      {
        r: 'tenant, who, thing',
        p: 'tenant, who, thing',
        g: ['g2 = _, _, _'],
        m: 'g2(r.thing, p.thing, r.tenant) && r.who == p.who',
      },
      'who',
    ],
    ['is the first value where all are domains', { r: 'dom', p: 'dom', m: 'r.dom == p.dom' }, 'dom'],
  ])('%s', (_, changes, subject) => {
    expect(subjectOf(modelOf(changes))).toBe(subject);
  });
});

describe('where rules name roles', () => {
  const g = ['g = _, _', 'g2 = _, _', 'g3 = _, _'];
  const positionsOf = (changes: Changes) => Object.fromEntries(rolePositions(modelOf({ g, ...changes })));

  test('is where the model has the subject, in each kind of rules, and in the links that are called for it', () => {
    const p = 'obj, sub, act\np2 = act, sub\np3 = obj, act';
    const m = 'g2(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act';
    expect(positionsOf({ p, m })).toEqual({ p: [1], p2: [1], g2: [0, 1] });
    expect(positionsOf({ m: `g(r.sub, p.sub) && ${m}` })).toEqual({ p: [0], g: [0, 1], g2: [0, 1] });
    const byName = '(g(r.sub, p.sub) || g2(r.sub, "chief")) && r.obj == p.obj';
    expect(positionsOf({ m: byName })).toEqual({ p: [0], g: [0, 1], g2: [0, 1] });
  });

  test('is the first value, and g, where no role definition is called', () => {
    expect(positionsOf({ r: 'a, b', p: 'c, d', m: 'r.a == p.c' })).toEqual({ p: [0], g: [0, 1] });
  });

  test('is for users the role definition that is called for the subject, rather g', () => {
    const linkOf = (m: string) => linkOfUsers(modelOf({ g, m }));
    expect(linkOf('(g2(r.sub, p.sub) || g(r.sub, p.sub)) && r.obj == p.obj')).toBe('g');
    expect(linkOf('g(r.obj, p.obj) && (g3(r.sub, p.sub) || g2(r.sub, p.sub))')).toBe('g3');
    expect(linkOf('r.sub == p.sub && r.obj == p.obj')).toBe('g');
  });
});

describe('the parts of a model', () => {
  test('are not read where requests have values that rules do not have', () => {
    expect(readParts(modelOf({ r: 'sub, obj, act, time' }))).toBeNull();
    expect(deriveMatrix(modelOf({ r: 'sub, obj, act, time' }), [])).toMatchObject({ size: 0 });
  });

  test('are not read where rules hold patterns of them, but where patterns are of something else', () => {
    expect(readParts(modelOf({ m: 'g(r.sub, p.sub) && keyMatch(r.obj, p.obj)' }))).toBeNull();
    const changes = { p: 'sub, obj, act, where', m: 'g(r.sub, p.sub) && ipMatch(r.obj, p.where)' };
    expect(readParts(modelOf(changes))).not.toBeNull();
  });

  test('are the subject, its role definition, and no domain', () => {
    expect(readParts(modelOf({}))).toEqual({
      requestTokens: ['sub', 'obj', 'act'],
      policyTokens: ['sub', 'obj', 'act'],
      subject: 'sub',
      roles: new Map([['g', 'everywhere']]),
      domain: null,
      inheriting: [],
    });
  });

  test('are a domain too, by its name or by the call of a role definition', () => {
    expect(readParts(modelOf(DOMAINS))).toMatchObject({
      domain: 'dom',
      roles: new Map([['g', 'in domain']]),
      inheriting: [],
    });
    const tenants = {
      r: 'sub, tenant, obj',
      p: 'sub, tenant, obj',
      g: ['g = _, _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub, r.tenant) && r.obj == p.obj',
    };
    expect(readParts(modelOf(tenants))).toMatchObject({
      domain: 'tenant',
      roles: new Map([
        ['g', 'in domain'],
        ['g2', 'everywhere'],
      ]),
    });
    const named = { r: 'sub, dom, obj', p: 'sub, dom, obj', m: 'g(r.sub, p.sub) && r.dom == p.dom' };
    expect(readParts(modelOf(named))).toMatchObject({
      domain: 'dom',
      roles: new Map([['g', 'everywhere']]),
    });
  });

  test('are what else inherits, from below or, where the matcher is unusual, from anywhere', () => {
    const g = ['g = _, _', 'g2 = _, _', 'g3 = _, _'];
    const m = 'g(r.sub, p.sub) && g2(r.obj, p.obj) && g3(p.act, r.act)';
    expect(readParts(modelOf({ g, m }))).toMatchObject({
      roles: new Map([
        ['g', 'everywhere'],
        ['g3', 'everywhere'],
      ]),
      inheriting: [
        { token: 'obj', ptype: 'g2', from: 'below' },
        { token: 'act', ptype: 'g3', from: 'anywhere' },
      ],
    });
  });

  test('are not the domain itself, where links lead to that in an unusual way', () => {
    const changes = { ...DOMAINS, g: ['g = _, _, _', 'g2 = _, _'], m: `${DOMAINS.m} && g2(p.dom, r.dom)` };
    expect(readParts(modelOf(changes))).toMatchObject({ domain: 'dom', inheriting: [] });
    const usual = { ...changes, m: `${DOMAINS.m} && g2(r.dom, p.dom)` };
    expect(readParts(modelOf(usual))).toMatchObject({
      inheriting: [{ token: 'dom', ptype: 'g2', from: 'below' }],
    });
  });

  test('have the domain that subjects inherit in, not that of resources', () => {
    const tenants = {
      r: 'sub, team, place, obj',
      p: 'sub, team, place, obj',
      g: ['g = _, _, _', 'g2 = _, _, _', 'g3 = _, _'],
      m: 'g2(r.obj, p.obj, r.place) && g3(r.sub, p.sub) && g(r.sub, p.sub, r.team)',
    };
    expect(readParts(modelOf(tenants))).toMatchObject({
      domain: 'team',
      roles: new Map([
        ['g', 'in domain'],
        ['g3', 'everywhere'],
      ]),
    });
  });

  test('have roles everywhere where requests have no domain, whatever links have', () => {
    const changes = { g: ['g = _, _, _'], m: 'g(r.sub, p.sub, "one") && r.obj == p.obj' };
    expect(readParts(modelOf(changes))).toMatchObject({
      domain: null,
      roles: new Map([['g', 'everywhere']]),
    });
  });

  test('have one role definition for both, where subjects and resources share it', () => {
    const parts = readParts(modelOf({ m: 'g(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act' }));
    expect(parts).toMatchObject({
      roles: new Map([['g', 'everywhere']]),
      inheriting: [{ token: 'obj', ptype: 'g', from: 'below' }],
    });
  });
});

describe('the requests that a policy says to decide', () => {
  function requestsOf(changes: Changes, lines: readonly string[]): string[] {
    const rules = lines.map(rule).map(([ptype = '', ...values]) => ({ ptype, values }));
    const matrix = deriveMatrix(modelOf(changes), rules);
    return Array.from({ length: matrix.size }, (_, number) => matrix.requestAt(number).join(' '));
  }

  test('are every subject, and one without a role, × every permission, each once', () => {
    expect(
      requestsOf({}, [
        'p, viewer, data, read',
        'p, clerk, data, read',
        'p, clerk, logs, read',
        'g, alice, clerk',
      ]),
    ).toEqual(
      ['viewer', 'clerk', 'alice', NO_ROLE].flatMap((name) => [`${name} data read`, `${name} logs read`]),
    );
  });

  test('are in the order of the values of a request, whatever that of a rule is', () => {
    const changes = { r: 'obj, sub', p: 'act, sub, obj', m: 'r.sub == p.sub && r.obj == p.obj', g: [] };
    expect(requestsOf({ ...changes, g: ['g = _, _'] }, ['p, read, ann, data'])).toEqual([
      'data ann',
      `data ${NO_ROLE}`,
    ]);
  });

  test('are in that order too where rules have just the same values', () => {
    const changes = { r: 'obj, act, sub', p: 'sub, act, obj', m: 'g(r.sub, p.sub) && r.obj == p.obj' };
    expect(requestsOf(changes, ['p, ann, read, data'])).toEqual(['data read ann', `data read ${NO_ROLE}`]);
  });

  test('are not about the values after the two names of a link', () => {
    const changes = { g: ['g = _, _, _'], m: 'g(r.sub, p.sub, "one") && r.obj == p.obj' };
    expect(requestsOf(changes, ['p, boss, data, read', 'g, ann, boss, one'])).toEqual(
      ['boss', 'ann', NO_ROLE].map((name) => `${name} data read`),
    );
  });

  test('have an empty value if a rule has none', () => {
    expect(requestsOf({}, ['p, ann, data'])).toEqual(['ann data ', `${NO_ROLE} data `]);
  });

  test('are asked for resources that inherit too', () => {
    const g = ['g = _, _', 'g2 = _, _'];
    const below = 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act';
    const links = ['g2, file, docs', 'g2, page, file', 'g2, other, rest'];
    const named = requestsOf({ g, m: below }, ['p, ann, docs, read', ...links]);
    expect(named.filter((request) => request.startsWith('ann'))).toEqual([
      'ann docs read',
      'ann file read',
      'ann page read',
    ]);
    const anywhere = requestsOf({ g, m: below.replace('g2(r.obj, p.obj)', 'g2(p.obj, r.obj)') }, [
      'p, ann, docs, read',
      ...links,
    ]);
    expect(anywhere.filter((request) => request.startsWith('ann')).toSorted()).toEqual([
      'ann docs read',
      'ann file read',
      'ann other read',
      'ann page read',
      'ann rest read',
    ]);
  });

  test("are each domain's own, and its subjects on the permissions of the next one that has some", () => {
    const requests = requestsOf(DOMAINS, [
      'p, boss, one, data, read',
      'p, chef, two, food, cook',
      'g, ann, boss, one',
      'g, ben, chef, three',
    ]);
    // Who belongs to the next one as well is asked there.
    expect(requests).toEqual([
      ...['boss', 'ann', NO_ROLE].map((name) => `${name} one data read`),
      ...['boss', 'ann'].map((name) => `${name} two food cook`),
      ...['chef', NO_ROLE].map((name) => `${name} two food cook`),
      'chef one data read',
      ...['ben', 'chef'].map((name) => `${name} one data read`),
    ]);
  });

  test('are about the domains that inherit from that of a rule, with their own subjects', () => {
    const g = ['g = _, _, _', 'g2 = _, _'];
    const m = DOMAINS.m?.replace('r.dom == p.dom', 'g2(r.dom, p.dom)') ?? '';
    const requests = requestsOf({ ...DOMAINS, g, m }, [
      'p, chef, other, food, cook',
      'p, boss, top, data, read',
      'g, ann, boss, leaf',
      'g2, branch, top',
      'g2, leaf, branch',
    ]);
    expect(requests).toContain('ann leaf data read');
    expect(requests).toContain('boss branch data read');
  });

  test('have those who are linked in no domain among the subjects of each', () => {
    const changes = {
      ...DOMAINS,
      g: ['g = _, _, _', 'g2 = _, _'],
      m: `(${DOMAINS.m?.split(' && ')[0]} || g2(r.sub, p.sub)) && r.obj == p.obj`,
    };
    const requests = requestsOf(changes, [
      'p, boss, one, data, read',
      'p, chef, two, food, cook',
      'g2, root, boss',
    ]);
    const subjects = requests.map((request) => request.split(' ')[0]);
    expect(new Set(subjects)).toEqual(new Set(['boss', 'root', NO_ROLE, 'chef']));
    expect(requests).toHaveLength(3 + 4 + 1);
  });
});

import { describe, expect, test } from 'vitest';
import { bootstrapDatabase, definePolicy } from '../../src/index.ts';
import { NO_ROLE } from '../../src/verification/requests.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { promiseOf, rule, verifyRules } from './verify.fixture.ts';

const DOMAINS = modelText({
  r: 'sub, dom, obj, act',
  p: 'sub, dom, obj, act',
  g: ['g = _, _, _'],
  m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
});

async function matrixOf(text: string, lines: readonly string[]) {
  const { expectations } = await promiseOf(text, { rules: lines.map(rule) });
  return [...expectations].map(({ request, expected }) => `${request.join(' ')}: ${expected}`);
}

describe('what a definition promises by itself', () => {
  test('is every role, and a subject without one, × every permission', async () => {
    const matrix = await matrixOf(modelText(), [
      'p, reader, data, read',
      'p, writer, data, write',
      'g, writer, reader',
    ]);

    expect(matrix).toEqual([
      'reader data read: allow',
      'reader data write: deny',
      'writer data read: allow',
      'writer data write: allow',
      `${NO_ROLE} data read: deny`,
      `${NO_ROLE} data write: deny`,
    ]);
  });

  test('is, with domains of which some permit nothing, each role against the next that permits something', async () => {
    const matrix = await matrixOf(DOMAINS, [
      'g, zoe, admin, zero',
      'p, admin, one, data, write',
      'g, bob, admin, two',
      'p, chief, three, logs, read',
    ]);

    expect(matrix).toEqual([
      'zoe one data write: deny',
      'admin one data write: allow',
      `${NO_ROLE} one data write: deny`,
      'admin three logs read: deny',
      'bob three logs read: deny',
      'admin three logs read: deny',
      'chief three logs read: allow',
      `${NO_ROLE} three logs read: deny`,
      'chief one data write: deny',
    ]);
  });

  test('is asked in the order of the values of a request', async () => {
    expect(await matrixOf(modelText({ r: 'obj, act, sub' }), ['p, user, data, read'])).toEqual([
      'data read user: allow',
      `data read ${NO_ROLE}: deny`,
    ]);
  });

  test('is, of the requests that it lists, what it allows', async () => {
    const rules = ['p, reader, data, read', 'p, writer, data, write'];
    const definition = {
      rules: rules.map(rule),
      allow: [['reader', 'data', 'read']],
      deny: [['reader', 'data', 'write']],
      never: [['eve', 'logs', 'read']],
    };
    expect(await verifyRules(modelText(), definition, rules)).toMatchObject({ checks: 7, allowed: 2 });
  });

  test('is, with domains, what each has within itself and against one other, each request once', async () => {
    const matrix = await matrixOf(DOMAINS, [
      'p, admin, one, data, write',
      'p, admin, two, data, read',
      'p, admin, three, logs, read',
      'g, owner, admin, one',
    ]);

    expect(matrix).toEqual([
      'admin one data write: allow',
      'owner one data write: allow',
      `${NO_ROLE} one data write: deny`,
      'owner two data read: deny',
      'admin two data read: allow',
      `${NO_ROLE} two data read: deny`,
      'admin three logs read: allow',
      `${NO_ROLE} three logs read: deny`,
    ]);
  });

  test('is, where roles have no domain and permissions do, every role in every domain', async () => {
    const text = modelText({
      r: 'sub, dom, obj, act',
      p: 'sub, dom, obj, act',
      m: 'g(r.sub, p.sub) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
    });
    const matrix = await matrixOf(text, [
      'p, admin, one, data, read',
      'p, admin, two, data, read',
      'p, admin, three, data, read',
      'g, owner, admin',
    ]);

    for (const domain of ['one', 'two', 'three'])
      expect(matrix).toContain(`owner ${domain} data read: allow`);
  });

  test('is, with resource roles, a permission on each resource below the one that is named', async () => {
    const text = modelText({
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    });
    const matrix = await matrixOf(text, ['p, staff, docs, read', 'g2, guide, docs', 'g2, page, guide']);

    expect(matrix.filter((line) => line.endsWith('allow'))).toEqual([
      'staff docs read: allow',
      'staff guide read: allow',
      'staff page read: allow',
    ]);
  });

  test.each([
    'keyMatch(r.obj, p.obj)',
    'regexMatch(r.obj, p.obj)',
    'globMatch(r.obj, p.obj)',
    'ipMatch(r.obj, p.obj)',
  ])('is nothing where values are patterns: %s', async (conjunct) => {
    const text = modelText({ m: `g(r.sub, p.sub) && ${conjunct} && r.act == p.act` });

    expect(await matrixOf(text, ['p, user, 10.0.0.0/8, read'])).toEqual([]);
  });
});

describe('samples', () => {
  const text = modelText({ m: 'g(r.sub, p.sub) && regexMatch(r.obj, p.obj) && r.act == p.act' });
  const rules = [
    'p, user, ^/accounts/, read',
    'p, user, ^/reports/, read',
    'p, admin, ., read',
    'g, boss, admin',
  ];

  test('must be decided as the definition itself decides them, and show which pattern none of them reaches', async () => {
    const { expectations, coverage } = await promiseOf(text, {
      rules: rules.map(rule),
      samples: [
        ['user', '/accounts/7', 'read'],
        ['user', '/logs/7', 'read'],
        ['boss', '/logs/7', 'read'],
      ],
    });

    expect([...expectations].map(({ kind, expected }) => [kind, expected])).toEqual([
      ['samples', 'allow'],
      ['samples', 'deny'],
      ['samples', 'allow'],
    ]);
    expect(coverage).toEqual({ covered: 3, total: 4, uncovered: [rule('p, user, ^/reports/, read')] });
  });

  test('that Casbin throws on contradict the definition', async () => {
    const { problems } = await promiseOf(text, {
      rules: [rule('p, user, [, read')],
      samples: [['user', '/a', 'read']],
    });

    expect(problems).toMatchObject([{ code: 'EXPECTATION_CONTRADICTED', at: 'policy.samples[0]' }]);
    expect(problems[0]?.message).toContain("can't be decided");
  });
});

describe('what a definition writes down', () => {
  const { roles } = definePolicy({
    roles: {
      readonly: { permissions: { accounts: ['read'] } },
      user: { inherits: ['readonly'], permissions: { accounts: ['write'] } },
    },
  });

  test('replaces what it would promise by itself', async () => {
    const { expectations, problems } = await promiseOf(modelText(), {
      ...(roles && { roles }),
      allow: [['user', 'accounts', 'read']],
      deny: [['user', 'accounts', 'delete']],
      never: [['readonly', 'accounts', 'write']],
    });

    expect(problems).toEqual([]);
    expect([...expectations].map(({ kind }) => kind)).toEqual([
      ...Array(4).fill('derived'),
      'allow',
      'deny',
      'never',
    ]);
    const requests = [...expectations].map(({ request }) => request.join());
    expect(new Set(requests).size).toBe(requests.length);
  });

  test('and contradicts is refused before the database is touched, all of it at once', async () => {
    const untouchable = { connect: () => expect.fail('the database was touched') };
    const contradictory = {
      ...(roles && { roles }),
      allow: [['readonly', 'accounts', 'write']],
      deny: [['user', 'accounts', 'read']],
      never: [
        ['readonly', 'accounts', 'write'],
        ['user', 'accounts', 'write'],
      ],
    };

    await expect(bootstrapDatabase(untouchable, { policy: contradictory })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      problems: [
        { code: 'EXPECTATION_CONFLICT', at: 'policy.never[0]' },
        { code: 'EXPECTATION_CONTRADICTED', at: 'policy.allow[0]' },
        {
          code: 'EXPECTATION_CONTRADICTED',
          at: 'policy.deny[0]',
          message: expect.stringContaining('makes it allow: by "p, readonly, accounts, read"'),
        },
        { code: 'EXPECTATION_CONTRADICTED', at: 'policy.never[1]' },
      ],
    });
  });
});

describe('coverage', () => {
  test('counts the rules that decided a request, and the links on the way to them', async () => {
    const { coverage } = await promiseOf(modelText(), {
      rules: ['p, reader, data, read', 'p, writer, data, write', 'g, writer, reader'].map(rule),
    });

    expect(coverage).toEqual({ covered: 3, total: 3, uncovered: [] });
  });

  test('counts a deny that decides, and not a rule that another one always comes before', async () => {
    const text = modelText({
      p: 'sub, obj, act, eft',
      e: 'some(where (p.eft == allow)) && !some(where (p.eft == deny))',
    });
    const { coverage } = await promiseOf(text, {
      rules: ['p, user, data, read, allow', 'p, user, data, read, deny'].map(rule),
    });

    expect(coverage).toEqual({ covered: 1, total: 2, uncovered: [rule('p, user, data, read, allow')] });
  });

  test('counts links between resources', async () => {
    const text = modelText({
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    });
    const { coverage } = await promiseOf(text, {
      rules: ['p, staff, docs, read', 'g, lead, staff', 'g2, guide, docs', 'g2, lost, found'].map(rule),
    });

    expect(coverage.uncovered).toEqual([rule('g2, lost, found')]);
  });
});

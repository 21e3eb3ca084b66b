import { newModel } from 'casbin';
import { describe, expect, test } from 'vitest';
import { domainsModelPath } from '../../src/index.ts';
import { NO_ROLE } from '../../src/verification/requests.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { cellLines, INVOICES, linesOf, pageOf, stored } from './page.fixture.ts';

describe('the matrix of a page', () => {
  test("distinguishes a role's own permissions from inherited ones, with rows and the path", async () => {
    const { matrix, omitted } = await pageOf({ policy: INVOICES }, stored(linesOf(INVOICES)));
    expect(cellLines(matrix)).toEqual([
      'viewer, invoices, read: direct by "p, viewer, invoices, read" (1)',
      'clerk, invoices, read: inherited by "p, viewer, invoices, read" (1) via clerk → viewer (3)',
      'clerk, invoices, write: direct by "p, clerk, invoices, write" (2)',
    ]);
    expect(matrix).toMatchObject({
      unlisted: 'deny',
      isCompared: true,
      subject: 'sub',
      tokens: ['obj', 'act'],
    });
    expect(omitted).toEqual({ roles: 0, permissions: 0, users: 0, hierarchies: 0 });
  });

  test('shows what was granted later, and by which rules and links', async () => {
    const live = [
      ...linesOf(INVOICES),
      ['p', 'viewer', 'ledger', 'read'],
      ['g', 'temp', 'clerk'],
      ['g', 'x', 'temp'],
      ['p', 'temp', 'stamps', 'use'],
    ];
    const { matrix } = await pageOf({ policy: INVOICES }, stored(live));
    expect(cellLines(matrix)).toEqual(
      expect.arrayContaining([
        'viewer, ledger, read: added by "p, viewer, ledger, read" (4)',
        'clerk, ledger, read: added by "p, viewer, ledger, read" (4) via clerk → viewer (3)',
        'temp, invoices, read: added by "p, viewer, invoices, read" (1) via temp → clerk → viewer (5,3)',
      ]),
    );
    expect(matrix.roles.map(({ name, kind }) => [name, kind])).toEqual([
      ['viewer', 'defined'],
      ['clerk', 'defined'],
      ['temp', 'added'],
    ]);
    expect(matrix.rules.find(({ id }) => id === 4)).toMatchObject({ state: 'added' });
    expect(matrix.routes.find(({ path }) => path[0] === 'temp')?.added).toEqual(['g, temp, clerk']);
    expect(matrix.routes.flatMap(({ added }) => added)).not.toContain('p, temp, stamps, use');
  });

  test('shows what is missing, with the rule that would allow it', async () => {
    const { matrix } = await pageOf({ policy: INVOICES }, stored([['p', 'clerk', 'invoices', 'write']]));
    expect(cellLines(matrix)).toEqual([
      'viewer, invoices, read: missing by "p, viewer, invoices, read" (null)',
      'clerk, invoices, read: missing by "p, viewer, invoices, read" (null) via clerk → viewer ()',
      'clerk, invoices, write: direct by "p, clerk, invoices, write" (1)',
    ]);
    expect(matrix.rules.map(({ state }) => state)).toEqual(['missing', 'defined']);
  });

  test('shows the definition alone without a database, and compares nothing', async () => {
    const { matrix, verification } = await pageOf({ policy: INVOICES }, null);
    expect(cellLines(matrix)).toContain(
      'viewer, invoices, read: direct by "p, viewer, invoices, read" (null)',
    );
    expect(matrix).toMatchObject({ isCompared: false, users: [] });
    expect(matrix.rules.map(({ state }) => state)).toEqual(['defined', 'defined']);
    expect(verification).toBeNull();
  });

  test('calls nothing added where no policy is defined', async () => {
    const { matrix, notes } = await pageOf({ policy: null }, stored(linesOf(INVOICES)));
    expect(cellLines(matrix)).toContain('clerk, invoices, write: direct by "p, clerk, invoices, write" (2)');
    expect(matrix.rules.every(({ state }) => state === 'defined')).toBe(true);
    expect(notes).toEqual([expect.stringContaining('nothing to compare')]);
    expect((await pageOf({ policy: null }, null)).notes).toEqual([]);
  });

  test('keeps the permissions of one resource next to each other', async () => {
    const policy = {
      rules: [
        ['p', 'a', 'x', 'read'],
        ['p', 'a', 'y', 'read'],
        ['p', 'a', 'x', 'write'],
      ],
    };
    const { matrix } = await pageOf({ policy }, null);
    expect(matrix.permissions).toEqual([
      ['x', 'read'],
      ['x', 'write'],
      ['y', 'read'],
    ]);
    const inDomain = policy.rules.map(([ptype = '', subject = '', ...rest]) => [
      ptype,
      subject,
      't1',
      ...rest,
    ]);
    const page = await pageOf({ model: domainsModelPath, policy: { rules: inDomain } }, null);
    expect(page.matrix.permissions).toEqual(matrix.permissions.map((permission) => ['t1', ...permission]));
  });

  test('knows the subject of a request by its name, wherever it is', async () => {
    const model = modelOf(MATCHER, undefined, 'obj, act, sub', 'obj, act, sub');
    const rules = [
      ['p', 'x', 'read', 'a'],
      ['p', 'y', 'read', 'a'],
      ['p', 'x', 'write', 'a'],
      ['g', 'b', 'a'],
    ];
    const { matrix } = await pageOf({ model, policy: { rules } }, null);
    expect(matrix).toMatchObject({ subject: 'sub', subjectAt: 2, tokens: ['obj', 'act'] });
    expect(matrix.permissions).toEqual([
      ['x', 'read'],
      ['x', 'write'],
      ['y', 'read'],
    ]);
    expect(cellLines(matrix)).toContain('b, x, read: inherited by "p, x, read, a" (null) via b → a ()');
  });

  test('shows each reason for which Casbin throws, and no row for a subject without any role', async () => {
    const { matrix } = await pageOf(
      {
        model: modelOf(`isOpen(r.obj) && ${MATCHER}`),
        policy: {
          rules: [
            ['p', 'a', 'x', 'read'],
            ['p', 'a', 'y', 'read'],
            ['p', 'a', 'z', 'read'],
          ],
        },
        configureEnforcer: (enforcer) => {
          enforcer.addFunction('isOpen', (resource: string) => {
            if (resource !== 'z') throw new Error(`${resource} is gone`);
            return true;
          });
        },
      },
      null,
    );
    expect(cellLines(matrix)).toEqual([
      'a, x, read: error',
      'a, y, read: error',
      'a, z, read: direct by "p, a, z, read" (null)',
    ]);
    const [cells] = matrix.roles.map((role) => role.cells);
    expect(cells?.routes.map((route) => matrix.routes[route]?.error ?? null)).toEqual([
      expect.stringContaining('x is gone'),
      expect.stringContaining('y is gone'),
      null,
    ]);
  });

  test('has a row for a subject without any role where that may do something', async () => {
    const model = modelOf('r.act == "ping" || g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act');
    const { matrix } = await pageOf(
      {
        model,
        policy: {
          rules: [
            ['p', 'a', 'x', 'ping'],
            ['p', 'a', 'x', 'read'],
          ],
        },
      },
      null,
    );
    expect(matrix.roles.map(({ name, kind }) => [name, kind])).toEqual([
      ['a', 'defined'],
      [NO_ROLE, 'everybody'],
    ]);
  });

  test('shows rules that deny, and what is allowed because no rule denies it', async () => {
    const model = modelOf(MATCHER, '!some(where (p.eft == deny))', 'sub, obj, act, eft');
    const rules = [
      ['p', 'a', 'x', 'read', 'deny'],
      ['p', 'c', 'x', 'read', 'allow'],
      ['g', 'b', 'a'],
    ];
    const { matrix } = await pageOf({ model, policy: { rules } }, null);
    expect(matrix.unlisted).toBe('allow');
    expect(matrix.roles.map(({ kind }) => kind)).toEqual(['defined', 'defined', 'defined', 'everybody']);
    expect(cellLines(matrix)).toEqual([
      'a, x, read: denied by "p, a, x, read, deny" (null)',
      'b, x, read: denied by "p, a, x, read, deny" (null) via b → a ()',
    ]);
  });

  test('shows a denied request by the stored rule that denies it, and no rule where that is missing', async () => {
    const effect = 'some(where (p.eft == allow)) && !some(where (p.eft == deny))';
    const model = modelOf(MATCHER, effect, 'sub, obj, act, eft');
    const rules = [
      ['p', 'a', 'y', 'read', 'allow'],
      ['p', 'a', 'z', 'read', 'deny'],
    ];
    const live = stored([...rules.slice(0, 1), ['p', 'a', 'x', 'read', 'deny']]);
    expect(cellLines((await pageOf({ model, policy: { rules } }, live)).matrix)).toEqual([
      'a, y, read: direct by "p, a, y, read, allow" (1)',
      'a, x, read: denied by "p, a, x, read, deny" (2)',
    ]);
  });

  test('shows what no rule denies where each request is decided by itself', async () => {
    const model = modelOf(MATCHER, '!some(where (p.eft == deny))', 'sub, obj, act, eft');
    const rules = [
      ['p', 'a', 'x', 'read', 'deny'],
      ['g', 'b', 'c'],
    ];
    const { matrix } = await pageOf({ model, policy: { rules }, configureEnforcer: () => {} }, null);
    expect(matrix.unlisted).toBe('deny');
    expect(cellLines(matrix)).toEqual([
      'a, x, read: denied by "p, a, x, read, deny" (null)',
      'b, x, read: open',
      'c, x, read: open',
      `${matrix.roles[3]?.name}, x, read: open`,
    ]);
    expect(matrix.roles[3]?.kind).toBe('everybody');
    const open = matrix.roles.slice(1).flatMap(({ cells }) => [...cells.rules, ...cells.routes]);
    expect(open, 'no rule, and no route').toEqual(Array(6).fill(-1));
  });

  test('shows a rule without a subject as one of the role itself', async () => {
    const model = modelOf('r.obj == p.obj && r.act == p.act', undefined, 'obj, act');
    const policy = { rules: [['p', 'x', 'read']], allow: [['a', 'x', 'read']] };
    const { matrix } = await pageOf({ model, policy }, null);
    expect(cellLines(matrix)).toContain('a, x, read: direct by "p, x, read" (null)');
  });

  test('tells inherited permissions from own ones, whatever the model calls the subject of a rule', async () => {
    const rules = [
      ['p', 'a', 'x', 'read'],
      ['g', 'b', 'a'],
    ];
    const samples = [
      ['a', 'x', 'read'],
      ['b', 'x', 'read'],
    ];
    const matcher = 'g(r.sub, p.role) && r.obj == p.obj && r.act == p.act';
    const named = await pageOf(
      { model: modelOf(matcher, undefined, 'role, obj, act'), policy: { rules, samples } },
      null,
    );
    expect(cellLines(named.matrix)).toEqual([
      'a, x, read: direct by "p, a, x, read" (null)',
      'b, x, read: inherited by "p, a, x, read" (null) via b → a ()',
    ]);
    const flat = modelOf('r.sub == p.sub && r.obj == p.obj && r.act == p.act');
    const { matrix } = await pageOf({ model: flat, policy: { rules: rules.slice(0, 1) } }, null);
    expect(cellLines(matrix)).toEqual(['a, x, read: direct by "p, a, x, read" (null)']);
  });

  test('has no role that only a listed request names, where rules say which requests there are', async () => {
    const policy = { ...INVOICES, rules: [], deny: [['nobody', 'invoices', 'write']] };
    const { matrix } = await pageOf({ policy }, null);
    expect(matrix.roles.map(({ name }) => name)).toEqual(['viewer', 'clerk']);
  });

  test('shows the requests that a definition lists, where its rules are patterns', async () => {
    const model = modelOf('g(r.sub, p.sub) && keyMatch(r.obj, p.obj) && r.act == p.act');
    const policy = {
      rules: [['p', 'a', '/x/*', 'read']],
      samples: [['a', '/x/1', 'read']],
      deny: [['b', '/x/1', 'read']],
    };
    const { matrix, notes } = await pageOf({ model, policy }, null);
    expect(matrix.permissions).toEqual([['/x/1', 'read']]);
    expect(matrix.roles.map(({ name }) => name)).toEqual(['a', 'b']);
    expect(cellLines(matrix)).toEqual(['a, /x/1, read: direct by "p, a, /x/*, read" (null)']);
    expect(notes).toEqual([expect.stringContaining('patterns')]);
  });

  test('decides nothing on a stored hierarchy with a circle, and says so', async () => {
    const live = stored([
      ...linesOf(INVOICES),
      ['g', 'viewer', 'clerk'],
      ['g', 'clerk', 'chief'],
      ['p', 'chief', 'x', 'y'],
    ]);
    const { matrix, notes, hierarchies } = await pageOf({ policy: INVOICES }, live);
    expect(notes).toEqual([expect.stringContaining('hierarchy is broken')]);
    expect(cellLines(matrix)).toHaveLength(3);
    expect(matrix.isCompared).toBe(false);
    expect(matrix.roles.map(({ name }) => name)).toEqual(['viewer', 'clerk']);
    expect(hierarchies[0]?.edges).toHaveLength(3);
    const undefinedCircle = [
      ['g', 'boss', 'chief'],
      ['g', 'chief', 'boss'],
    ];
    const page = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...undefinedCircle]));
    expect(page.notes).toEqual(notes);
  });

  test('has a role manager of the application decide', async () => {
    const { matrix } = await pageOf(
      {
        policy: {
          rules: [
            ['p', 'boss', 'x', 'read'],
            ['p', 'team-1', 'y', 'read'],
            ['g', 'team-*', 'boss'],
          ],
        },
        configureEnforcer: (enforcer) => {
          enforcer.addNamedMatchingFunc('g', (name: string, pattern: string) =>
            pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
          );
        },
      },
      null,
    );
    expect(cellLines(matrix)).toContain('team-1, x, read: inherited by "p, boss, x, read" (null)');
  });
});

describe('who has the roles of a page', () => {
  test('is each user with the roles that come with the own ones', async () => {
    const live = [
      ...linesOf(INVOICES),
      ['g', 'bob', 'clerk'],
      ['g', 'bob', 'clerk'],
      ['g', 'alice', 'viewer'],
      ['g', 'alice', 'clerk'],
    ];
    const { matrix, hierarchies } = await pageOf({ policy: INVOICES }, stored(live));
    expect(matrix.users).toEqual([
      { name: 'alice', grants: [1, 0] },
      { name: 'bob', grants: [0] },
    ]);
    expect(matrix.grants).toEqual([
      { role: 'clerk', domain: null, roles: [1, 0] },
      { role: 'viewer', domain: null, roles: [0] },
    ]);
    expect(matrix.roles.map(({ name }) => name)).not.toContain('bob');
    expect(hierarchies[0]?.nodes).toEqual([
      { name: 'clerk', state: 'defined', users: 2 },
      { name: 'viewer', state: 'defined', users: 1 },
    ]);
  });

  test('is sorted by name, with numbers by their value', async () => {
    const users = ['user 10', 'user 9', 'Anna'].map((name) => ['g', name, 'viewer']);
    const { matrix } = await pageOf({ policy: INVOICES }, stored([...linesOf(INVOICES), ...users]));
    expect(matrix.users.map(({ name }) => name)).toEqual(['Anna', 'user 9', 'user 10']);
  });

  test('does not include a role of the definition whose rules are missing', async () => {
    const live = stored([
      ['p', 'viewer', 'invoices', 'read'],
      ['g', 'clerk', 'viewer'],
    ]);
    expect((await pageOf({ policy: INVOICES }, live)).matrix.users).toEqual([]);
  });

  test('is reported by domain', async () => {
    const model = newModel();
    model.loadModelFromText(
      modelText({
        r: 'sub, dom, obj, act',
        p: 'sub, dom, obj, act',
        g: ['g = _, _, _'],
        m: 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act',
      }),
    );
    const rules = [
      ['p', 'clerk', 't1', 'x', 'read'],
      ['p', 'clerk', 't2', 'x', 'read'],
      ['g', 'boss', 'clerk', 't1'],
    ];
    const live = stored([
      ...rules,
      ['g', 'alice', 'boss', 't1'],
      ['g', 'alice', 'clerk', 't2'],
      ['g', 'alice', 'clerk', 't1'],
    ]);
    const { matrix, hierarchies, holders } = await pageOf({ model, policy: { rules } }, live);
    expect(matrix.domainAt).toBe(0);
    expect(cellLines(matrix)).toContain(
      'boss, t1, x, read: inherited by "p, clerk, t1, x, read" (1) via boss → clerk (3)',
    );
    expect(matrix.grants).toEqual([
      { role: 'boss', domain: 't1', roles: [1, 0] },
      { role: 'clerk', domain: 't2', roles: [0] },
      { role: 'clerk', domain: 't1', roles: [0] },
    ]);
    expect(holders.get('clerk'), 'a user with a role in two domains').toBe(1);
    expect(hierarchies.map(({ domain, nodes }) => [domain, nodes])).toEqual([
      [
        't1',
        [
          { name: 'boss', state: 'defined', users: 1 },
          { name: 'clerk', state: 'defined', users: 1 },
        ],
      ],
    ]);
  });
});

describe('the hierarchies of a page', () => {
  test('tell links and names that were added, and those that are missing', async () => {
    const policy = {
      rules: [
        ['p', 'a', 'x', 'read'],
        ['g', 'b', 'a'],
        ['g', 'c', 'a'],
      ],
    };
    const live = stored([
      ['p', 'a', 'x', 'read'],
      ['g', 'b', 'a'],
      ['g', 'd', 'b'],
      ['g', 'd', 'b'],
      ['g', 'u', 'd'],
    ]);
    const { hierarchies } = await pageOf({ policy }, live);
    expect(hierarchies[0]?.nodes).toEqual([
      { name: 'b', state: 'defined', users: 0 },
      { name: 'a', state: 'defined', users: 0 },
      { name: 'c', state: 'missing', users: 0 },
      { name: 'd', state: 'added', users: 1 },
    ]);
    expect(hierarchies[0]?.edges.map(({ state }) => state)).toEqual(['defined', 'missing', 'added']);
  });

  test('tell an added link from one that is defined in another domain', async () => {
    const model = newModel();
    const m = 'g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj';
    model.loadModelFromText(modelText({ r: 'sub, dom, obj', p: 'sub, dom, obj', g: ['g = _, _, _'], m }));
    const rules = [
      ['p', 'clerk', 't1', 'x'],
      ['p', 'clerk', 't2', 'x'],
      ['p', 'boss', 't2', 'y'],
      ['g', 'boss', 'clerk', 't1'],
    ];
    const live = stored([...rules, ['g', 'boss', 'clerk', 't2']]);
    const { hierarchies } = await pageOf({ model, policy: { rules } }, live);
    expect(hierarchies.map(({ domain, edges }) => [domain, edges[0]?.state])).toEqual([
      ['t1', 'defined'],
      ['t2', 'added'],
    ]);
    const page = await pageOf({ model, policy: { rules } }, live);
    expect(cellLines(page.matrix)).toEqual(
      expect.arrayContaining([
        'boss, t1, x: inherited by "p, clerk, t1, x" (1) via boss → clerk (4)',
        'boss, t2, x: added by "p, clerk, t2, x" (2) via boss → clerk (5)',
      ]),
    );
  });

  test('tell an added link from one that is defined by another role definition', async () => {
    const model = newModel();
    const m = 'g(r.sub, p.sub) && g2(r.obj, p.obj)';
    const g = ['g = _, _', 'g2 = _, _'];
    model.loadModelFromText(modelText({ r: 'sub, obj', p: 'sub, obj', g, m }));
    const rules = [
      ['p', 'one', 'one'],
      ['p', 'two', 'two'],
      ['g', 'two', 'one'],
    ];
    const live = stored([...rules, ['g2', 'two', 'one'], ['g', 'alice', 'one']]);
    const { hierarchies } = await pageOf({ model, policy: { rules } }, live);
    expect(hierarchies.map(({ ptype, edges, nodes }) => [ptype, edges[0]?.state, nodes[1]?.users])).toEqual([
      ['g', 'defined', 1],
      ['g2', 'added', 0],
    ]);
  });
});

const MATCHER = 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act';

function modelOf(
  matcher: string,
  effect = 'some(where (p.eft == allow))',
  rule = 'sub, obj, act',
  request = 'sub, obj, act',
) {
  const model = newModel();
  model.loadModelFromText(modelText({ r: request, p: rule, e: effect, m: matcher }));
  return model;
}

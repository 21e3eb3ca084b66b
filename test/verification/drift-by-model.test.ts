import { describe, expect, test } from 'vitest';
import { modelText } from '../casbin/models.fixture.ts';
import { rule, verifyRules } from './verify.fixture.ts';

/** What is stored and not defined, with who has it; null for a link between resources. */
async function driftOf(
  changes: Parameters<typeof modelText>[0],
  defined: readonly string[],
  added: readonly string[],
): Promise<[line: string, holders: readonly string[] | null][]> {
  const { drift, failures } = await verifyRules(modelText(changes), { rules: defined.map(rule) }, [
    ...defined,
    ...added,
  ]);
  expect(failures).toEqual([]);
  return drift.flatMap(({ request, rule: line, holders }) =>
    request.length > 0 ? [] : [[line?.join(', ') ?? '', holders?.names ?? null]],
  );
}

const DOMAINS = {
  r: 'sub, dom, obj',
  p: 'sub, dom, obj',
  g: ['g = _, _, _', 'g2 = _, _'],
  m: 'g2(r.obj, p.obj) && g(r.sub, p.sub, r.dom) && r.dom == p.dom',
};

describe('the holders of what an undefined rule gives', () => {
  test('are those who have its subject, wherever the rule has it, by the call of the role definition', async () => {
    const changes = {
      r: 'user, thing, sub2',
      p: 'thing, role\np2 = act, sub\np3 = name, thing\np4 = user, x',
      m: 'r.thing == p.thing && g(r.user, p.role)',
    };
    const links = ['g, bob, clerk', 'g, eve, data', 'g, ann, read'];
    const added = ['p, data, clerk', 'p2, read, clerk', 'p3, clerk, data', 'p4, clerk, data'];
    expect(await driftOf(changes, ['p, data, viewer'], [...links, ...added])).toEqual(
      added.map((line) => [line, ['bob']]),
    );
  });

  test('are those who have its subject, if no role definition is called for it', async () => {
    const changes = { r: 'obj, sub', p: 'obj, act, sub', m: 'r.obj == p.obj && r.sub == p.sub' };
    const links = ['g, bob, clerk', 'g, eve, data'];
    expect(await driftOf(changes, ['p, x, read, viewer'], [...links, 'p, data, read, clerk'])).toEqual([
      ['p, data, read, clerk', ['bob']],
    ]);
  });

  test('are those who have its subject, whatever its name', async () => {
    const changes = { r: 'user, thing', p: 'thing, user', m: 'r.thing == p.thing && r.user == p.user' };
    const links = ['g, bob, clerk', 'g, eve, data'];
    expect(await driftOf(changes, ['p, x, viewer'], [...links, 'p, data, clerk'])).toEqual([
      ['p, data, clerk', ['bob']],
    ]);
  });

  test('are those who have it in the domain of the rule', async () => {
    const links = ['g, ann, clerk, one', 'g, ben, clerk, two'];
    expect(await driftOf(DOMAINS, ['p, boss, one, data'], [...links, 'p, clerk, two, file'])).toEqual([
      ['p, clerk, two, file', ['ben']],
    ]);
  });

  test('are those who have it in the domain of the rule, or by links that have no domain', async () => {
    const m = '(g2(r.sub, p.sub) || g(r.sub, p.sub, r.dom)) && r.obj == p.obj && r.dom == p.dom';
    const links = ['g, ann, clerk, one', 'g, ben, clerk, two', 'g2, cid, clerk'];
    expect(
      await driftOf({ ...DOMAINS, m }, ['p, boss, one, data'], [...links, 'p, clerk, two, file']),
    ).toEqual([['p, clerk, two, file', ['ben', 'cid']]]);
  });

  test.each(['keyMatch(r.dom, p.dom)', '(r.dom == p.dom || p.dom == "*")', 'g2(r.dom, p.dom)'])(
    'are those who have it in any domain, where a rule may apply in others by %s',
    async (inDomain) => {
      const m = `g(r.sub, p.sub, r.dom) && ${inDomain} && r.obj == p.obj`;
      const links = ['g, ann, clerk, one', 'g, ben, clerk, two'];
      expect(
        await driftOf({ ...DOMAINS, m }, ['p, boss, one, data'], [...links, 'p, clerk, *, file']),
      ).toEqual([['p, clerk, *, file', ['ann', 'ben']]]);
    },
  );

  test('are those who have it in any domain, for a rule of another kind', async () => {
    const changes = { ...DOMAINS, p: 'sub, dom, obj\np2 = sub, obj, act' };
    const links = ['g, ann, clerk, one', 'g, ben, clerk, two'];
    expect(await driftOf(changes, ['p, boss, one, data'], [...links, 'p2, clerk, two, read'])).toEqual([
      ['p2, clerk, two, read', ['ann', 'ben']],
    ]);
  });

  test('are those who inherit in the domain of a link', async () => {
    const links = ['g, ann, boss, one', 'g, ben, boss, two'];
    expect(await driftOf(DOMAINS, ['p, boss, one, data'], [...links, 'g, boss, owner, two'])).toEqual([
      ['g, boss, owner, two', ['ben']],
    ]);
  });

  test('are not asked for a link between resources', async () => {
    expect(await driftOf(DOMAINS, ['p, boss, one, data'], ['g2, data, all'])).toEqual([
      ['g2, data, all', null],
    ]);
  });

  test('are asked for if subjects and resources share a role definition, and for one that is not called', async () => {
    const shared = { m: 'g(r.sub, p.sub) && g(r.obj, p.obj) && r.act == p.act' };
    expect(await driftOf(shared, ['p, clerk, data, read'], ['g, bob, clerk', 'g, clerk, top'])).toEqual([
      ['g, clerk, top', ['bob']],
    ]);
    const uncalled = { g: ['g = _, _', 'g2 = _, _'] };
    expect(await driftOf(uncalled, ['p, clerk, data, read'], ['g2, bob, clerk', 'g2, clerk, top'])).toEqual([
      ['g2, clerk, top', ['bob']],
    ]);
  });
});

describe('an undefined link is drift', () => {
  test('where it begins at a role that the definition names on either side of a link', async () => {
    const defined = ['p, top, data, read', 'g, user, base', 'g, base, top'];
    const links = ['g, user, x', 'g, base, y', 'g, top, z'];
    expect((await driftOf({}, defined, links)).map(([line]) => line)).toEqual(links);
  });

  test('where it begins at a role that is named by a defined link which is missing', async () => {
    const { drift } = await verifyRules(
      modelText(),
      { rules: ['p, user, data, read', 'g, user, base'].map(rule) },
      ['p, user, data, read', 'g, base, top'],
    );
    expect(drift.map((finding) => finding.rule)).toEqual([rule('g, base, top')]);
  });

  test('where it begins at a role that others inherit from', async () => {
    expect(
      (await driftOf({}, ['p, viewer, data, read'], ['g, bob, team', 'g, team, viewer'])).map(
        ([line]) => line,
      ),
    ).toEqual(['g, team, viewer']);
  });

  test('where it begins at the subject of a rule of another kind', async () => {
    const changes = { p: 'sub, obj, act\np2 = sub, act' };
    expect(await driftOf(changes, ['p, ann, data, read', 'p2, boss, sign'], ['g, boss, ann'])).toEqual([
      ['g, boss, ann', []],
    ]);
  });

  test('where it begins at a resource that the definition names', async () => {
    const changes = { g: ['g = _, _', 'g2 = _, _'], m: 'g(r.sub, p.sub) && g2(r.obj, p.obj)' };
    const added = ['g2, data, all', 'g2, page, data'];
    expect((await driftOf(changes, ['p, ann, data, read'], added)).map(([line]) => line)).toEqual([
      'g2, data, all',
    ]);
  });

  test('and not where it begins at a name that the definition uses for something else', async () => {
    expect(
      await driftOf({}, ['p, viewer, data, read', 'g, user, viewer'], ['g, data, viewer', 'g, read, user']),
    ).toEqual([]);
    expect(
      await driftOf(DOMAINS, ['p, boss, one, data', 'g, user, boss, one'], ['g, one, boss, two']),
    ).toEqual([]);
    const changes = {
      g: ['g = _, _', 'g2 = _, _'],
      p: 'sub, obj, act\np2 = sub, act',
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj)',
    };
    expect(await driftOf(changes, ['p, ann, data, read', 'p2, ann, desk'], ['g2, desk, other'])).toEqual([]);
  });

  test('and not where the model does not define its kind', async () => {
    expect(await driftOf({}, ['p, viewer, data, read'], ['g7, viewer, x', 'q, viewer, x'])).toEqual([]);
  });
});

describe('a circle of roles', () => {
  const defined = ['p, a, one, data', 'g, b, a, one'];

  test('is explained with the links of its domain', async () => {
    const { integrity } = await verifyRules(modelText(DOMAINS), { rules: defined.map(rule) }, [
      ...defined,
      'g, a, b, two',
      'g, c, b, one',
      'g, a, b, one',
    ]);
    expect(integrity).toEqual([
      {
        severity: 'failure',
        ids: [2, 5],
        rule: rule('g, b, a, one'),
        message: 'Roles inherit from each other in a circle: b → a → b. Delete one of the links.',
      },
    ]);
  });

  test('is reported also with configureEnforcer, without calling its role managers', async () => {
    const lines = ['p, a, data, read', 'g, x, y', 'g, y, x', 'g, u, a'];
    const report = await verifyRules(modelText(), { rules: lines.slice(0, 1).map(rule) }, lines, {
      configureEnforcer: () => {},
    });
    expect(report).toMatchObject({ ok: false, checks: 0, integrity: [{ ids: [2, 3] }] });
  });
});

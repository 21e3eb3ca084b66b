import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { createDecider } from '../../src/verification/decide.ts';
import type { RuleIndex } from '../../src/verification/rule-index.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule } from './verify.fixture.ts';

async function indexOf(
  changes: Parameters<typeof modelText>[0],
  lines: readonly string[],
): Promise<RuleIndex | null> {
  const rules = lines.map(rule).map(([ptype = '', ...values]) => ({ ptype, values }));
  return (await createDecider(newModelFromString(modelText(changes)), rules)).index;
}

/** The rules that a request can match, as lines. */
async function foundBy(
  changes: Parameters<typeof modelText>[0],
  lines: readonly string[],
  request: string,
): Promise<string[] | undefined> {
  const index = await indexOf(changes, lines);
  return index?.find(rule(request)).map((values) => ['p', ...values].join(', '));
}

const FEW = [
  'p, viewer, data, read',
  'p, clerk, data, write',
  'p, clerk, logs, read',
  'p, alice, data, read',
  'p, viewer, data',
  'g, alice, clerk',
  'g, clerk, viewer',
];

describe('the rules that a request can match', () => {
  test('have its values, and its subject or one that it inherits from', async () => {
    expect(await foundBy({}, FEW, 'alice, data, read')).toEqual([FEW[0], FEW[3]]);
    expect(await foundBy({}, FEW, 'clerk, data, read')).toEqual([FEW[0]]);
    expect(await foundBy({}, FEW, 'clerk, logs, read')).toEqual([FEW[2]]);
    expect(await foundBy({}, FEW, 'bob, data, read')).toEqual([]);
    expect(await foundBy({}, FEW, 'viewer, data, write')).toEqual([]);
    expect(await foundBy({}, FEW, 'viewer, data, ')).toEqual([FEW[4]]);
  });

  test('are those of roles over ten links, as for Casbin, however many links there are', async () => {
    const links = Array.from({ length: 30 }, (_, n) => `g, role${n + 1}, role${n}`);
    const index = await indexOf({}, [...links, 'g, role30, role21', 'p, role10, data, read']);
    expect([...(index?.reach('role29') ?? [])].at(-1)).toBe('role19');
    expect(index?.reach('role30').size).toBe(1 + 18);
    expect(index?.find(['role20', 'data', 'read'])).toHaveLength(1);
    expect(index?.find(['role21', 'data', 'read'])).toEqual([]);
  });

  test('are the same, in their order, where many have its values', async () => {
    const many = Array.from({ length: 60 }, (_, n) => `p, role${n}, data, read`);
    const lines = [
      ...many,
      'p, alice, data, read',
      'g, alice, role40',
      'g, role40, role7',
      'g, alice, role7',
    ];
    expect(await foundBy({}, lines, 'alice, data, read')).toEqual([many[7], many[40], lines[60]]);
    expect(await foundBy({}, lines, 'role9, data, read')).toEqual([many[9]]);
    expect(await foundBy({}, lines, 'bob, data, read')).toEqual([]);
    const twice = [...many, ...many.slice(0, 20)];
    expect(await foundBy({}, twice, 'role3, data, read')).toEqual([many[3], many[3]]);
  });

  test('are the same, in their order, where its subject has many roles', async () => {
    const many = Array.from({ length: 60 }, (_, n) => `p, role${n}, data, read`);
    const links = many.map((_, n) => `g, alice, role${59 - n}`);
    expect(await foundBy({}, [...many, ...links], 'alice, data, read')).toEqual(many);
  });

  test('satisfy the conjuncts of other role definitions too', async () => {
    const changes = {
      g: ['g = _, _', 'g2 = _, _'],
      m: 'g(r.sub, p.sub) && g2(r.obj, p.obj) && r.act == p.act',
    };
    const lines = ['p, ann, docs, read', 'p, ann, file, read', 'p, ann, rest, read', 'g2, file, docs'];
    expect(await foundBy(changes, lines, 'ann, file, read')).toEqual(lines.slice(0, 2));
    expect(await foundBy(changes, lines, 'ann, docs, read')).toEqual(lines.slice(0, 1));
    expect(await foundBy(changes, lines, 'ann, page, read')).toEqual([]);
  });

  test('have the subject where it must be equal, and a second demand on it', async () => {
    const changes = { p: 'sub, obj, act, owner', m: 'r.sub == p.sub && r.sub == p.owner && r.obj == p.obj' };
    const lines = ['p, ann, data, read, ann', 'p, ann, data, read, bob', 'p, bob, data, read, ann'];
    expect(await foundBy(changes, lines, 'ann, data, read')).toEqual([lines[0]]);
  });

  test('have its values where the matcher does not ask for the subject first', async () => {
    const lines = ['p, ann, data, read', 'p, bob, data, write', 'p, bob, logs, read'];
    const m = 'r.obj == p.obj && keyMatch(r.sub, p.sub)';
    expect(await foundBy({ m }, lines, 'eve, data, read')).toEqual(lines.slice(0, 2));
    expect(await foundBy({ m }, lines, 'eve, x, read')).toEqual([]);
  });

  test('are one rule of empty values if there is none, because Casbin decides on that', async () => {
    expect(await foundBy({}, [], 'ann, data, read')).toEqual([]);
    expect(await foundBy({}, [], ', , ')).toEqual(['p, , , ']);
  });

  test('are not reported if the matcher does not limit them', async () => {
    expect(await indexOf({ m: 'keyMatch(r.obj, p.obj)' }, FEW)).toBeNull();
    expect(await indexOf({ m: 'r.sub == p.sub || r.obj == p.obj' }, FEW)).toBeNull();
  });

  test('are not reported if commas in rules may confuse two calls of a role definition', async () => {
    const m = 'g(r.sub, p.sub) && g(r.obj, p.obj)';
    expect(await indexOf({ m }, FEW)).not.toBeNull();
    expect(await indexOf({ m }, [...FEW, 'p, a,b, data, read'])).toBeNull();
    const first = { m: 'g(r.act, p.act) && g(r.obj, p.obj)' };
    expect(await indexOf(first, ['p, ann, data, x,y'])).toBeNull();
  });
});

describe('the subjects of rules for something', () => {
  const subjects = async (m: string, request: string) => {
    const found = (await indexOf({ m }, FEW))?.subjectsFor(rule(request));
    return found && [...found];
  };
  const rbac = 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act';

  test('are those of the rules with these values', async () => {
    expect(await subjects(rbac, 'x, data, read')).toEqual(['viewer', 'alice']);
    expect(await subjects(rbac, 'x, logs, read')).toEqual(['clerk']);
    expect(await subjects(rbac, 'x, logs, write')).toEqual([]);
    expect(await subjects('r.sub == p.sub', 'x, y, z')).toEqual(['viewer', 'clerk', 'alice']);
  });

  test('may be any if the matcher does not compare it, and there are none if no rule has the values', async () => {
    expect(await subjects('r.obj == p.obj', 'x, data, y')).toBeNull();
    expect(await subjects('r.obj == p.obj', 'x, other, y')).toEqual([]);
  });

  test('are found again for each request', async () => {
    const index = await indexOf({ m: rbac }, FEW);
    const ask = (request: string) => [...(index?.subjectsFor(rule(request)) ?? [])];
    expect(ask('x, data, read')).toEqual(['viewer', 'alice']);
    expect(ask('y, data, read')).toEqual(['viewer', 'alice']);
    expect(ask('x, logs, read')).toEqual(['clerk']);
    expect(ask('x, data, write')).toEqual(['clerk']);
  });

  test('are reached by subjects that inherit from them, and by the roles themselves', async () => {
    const reach = async (m: string, name: string) => [...((await indexOf({ m }, FEW))?.reach(name) ?? [])];
    expect((await reach(rbac, 'alice')).toSorted()).toEqual(['alice', 'clerk', 'viewer']);
    expect(await reach(rbac, 'bob')).toEqual(['bob']);
    expect(await reach('r.sub == p.sub && r.obj == p.obj', 'alice')).toEqual(['alice']);
    expect(await reach('r.obj == p.obj', 'alice')).toEqual(['alice']);
  });
});

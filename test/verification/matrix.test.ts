import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { createDecider } from '../../src/verification/decide.ts';
import { mergeSorted } from '../../src/verification/expectations.ts';
import { Matrix, withoutRepetition } from '../../src/verification/matrix.ts';
import { modelText, rule } from './verify.fixture.ts';

const READ = ['', 'data', 'read'];
const WRITE = ['', 'data', 'write'];
const COOK = ['', 'food', 'cook'];

/** 0–3: ann, bob × read, write; nothing; 4: cid × cook; 5, 6: ann × cook, read. */
const matrix = new Matrix(0, [
  { subjects: ['ann', 'bob'], permissions: [READ, WRITE] },
  { subjects: ['dan'], permissions: [] },
  { subjects: ['cid'], permissions: [COOK] },
  { subjects: ['ann'], permissions: [COOK, READ] },
]);

const REQUESTS = [
  ['ann', 'data', 'read'],
  ['ann', 'data', 'write'],
  ['bob', 'data', 'read'],
  ['bob', 'data', 'write'],
  ['cid', 'food', 'cook'],
  ['ann', 'food', 'cook'],
  ['ann', 'data', 'read'],
];

describe('a matrix', () => {
  test('numbers its requests, subject by subject, block by block', () => {
    expect(matrix.size).toBe(7);
    expect(REQUESTS.map((_, number) => matrix.requestAt(number))).toEqual(REQUESTS);
  });

  test('may be empty', () => {
    const empty = new Matrix(0, []);
    expect(empty.size).toBe(0);
    expect([...empty.matchable(null)]).toEqual([]);
    expect(empty.numbersOf([['ann', 'data', 'read']])).toEqual(new Set());
    expect(empty.requestAt(0)).toEqual([]);
  });

  test('finds the numbers of requests, each as often as it has it', () => {
    expect(matrix.numbersOf([['ann', 'data', 'read']])).toEqual(new Set([0, 6]));
    expect(
      matrix.numbersOf([
        ['cid', 'food', 'cook'],
        ['bob', 'data', 'write'],
        ['bob', 'food', 'cook'],
        ['eve', 'data', 'read'],
        ['ann', 'data'],
        [],
      ]),
    ).toEqual(new Set([3, 4]));
    expect(matrix.numbersOf([])).toEqual(new Set());
  });

  test('has values at each position', () => {
    expect([...matrix.valuesAt(0)]).toEqual(['ann', 'bob', 'dan', 'cid']);
    expect([...matrix.valuesAt(1)]).toEqual(['data', 'food']);
    expect([...matrix.valuesAt(2)]).toEqual(['read', 'write', 'cook']);
    expect([...matrix.valuesAt(3)]).toEqual(['']);
  });

  test('has requests that rules can match, and all of them where any rule may', async () => {
    expect([...matrix.matchable(null)]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(await matchable(RBAC, ['p, bob, data, write', 'p, eve, data, read'])).toEqual([3]);
    const cooks = ['p, ann, data, write', 'p, cook, food, cook', 'g, ann, cook', 'g, cid, cook'];
    expect(await matchable(RBAC, cooks)).toEqual([1, 4, 5]);
    const both = ['p, boss, data, read', 'p, ann, food, cook', 'g, ann, boss'];
    expect(await matchable(RBAC, both)).toEqual([0, 5, 6]);
    const twice = ['p, boss, data, read', 'p, ann, data, read', 'g, ann, boss', 'g, bob, boss'];
    expect(await matchable(RBAC, twice)).toEqual([0, 2, 6]);
    expect(await matchable('r.sub == p.sub', ['p, ann, x, y'])).toEqual([0, 1, 5, 6]);
    const byAction = 'r.act == p.act && keyMatch(r.sub, p.sub)';
    expect(await matchable(byAction, ['p, *, x, cook'])).toEqual([4, 5]);
    expect(await matchable('r.act == p.act', ['p, ann, data, sing'])).toEqual([]);
  });

  test('has them by permission too, block by block', async () => {
    const lines = ['p, boss, data, read', 'p, ann, data, write', 'p, boss, food, cook', 'g, ann, boss'];
    const index = await indexOf(RBAC, [...lines, 'g, bob, boss', 'g, cid, boss']);
    expect([...matrix.matchableByPermission(index)]).toEqual([0, 2, 1, 4, 5, 6]);
    expect([...matrix.matchableByPermission(null)]).toEqual([0, 2, 1, 3, 4, 5, 6]);
    expect(REQUESTS.map((_, number) => matrix.placeOf(number))).toEqual([0, 2, 1, 3, 4, 5, 6]);
  });

  test('finds those of a role that more or fewer than its subjects inherit from', async () => {
    const links = ['bob', 'dan', 'eve', 'fay', 'ann'].map((name) => `g, ${name}, boss`);
    expect(await matchable(RBAC, ['p, boss, data, read', ...links])).toEqual([0, 2, 6]);
    expect(await matchable(RBAC, ['p, boss, data, read', 'g, bob, boss'])).toEqual([2]);
  });
});

const RBAC = 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act';

async function indexOf(m: string, lines: readonly string[]) {
  const rules = lines.map(rule).map(([ptype = '', ...values]) => ({ ptype, values }));
  return (await createDecider(newModelFromString(modelText({ m })), rules)).index;
}

/** The numbers of the requests that rules can match; by permission, they are the same. */
async function matchable(m: string, lines: readonly string[]) {
  const index = await indexOf(m, lines);
  const numbers = [...matrix.matchable(index)];
  expect([...matrix.matchableByPermission(index)].toSorted((a, b) => a - b)).toEqual(numbers);
  return numbers;
}

describe('permissions', () => {
  test('are kept once, the first of each, in their order', () => {
    const given = [WRITE, READ, ['ann', 'data', 'write'], COOK, READ];
    expect(withoutRepetition(given, 0)).toEqual([WRITE, READ, COOK]);
    expect(withoutRepetition(given, 2)).toEqual([WRITE, ['ann', 'data', 'write'], COOK]);
    expect(withoutRepetition([], 0)).toEqual([]);
  });
});

test.each<[number[], number[], number[]]>([
  [[], [], []],
  [[1, 2], [], [1, 2]],
  [[], [0, 5], [0, 5]],
  [
    [0, 3, 4],
    [1, 3, 7],
    [0, 1, 3, 4, 7],
  ],
  [
    [9, 10],
    [1, 2],
    [1, 2, 9, 10],
  ],
])('the numbers of %j and %j are %j, each once', (one, other, both) => {
  expect([...mergeSorted(one, other)]).toEqual(both);
});

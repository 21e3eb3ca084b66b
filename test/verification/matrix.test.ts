import { newModelFromString } from 'casbin';
import { describe, expect, test } from 'vitest';
import { createDecider } from '../../src/verification/decide.ts';
import { mergeSorted } from '../../src/verification/expectations.ts';
import { Matrix, withoutRepetition } from '../../src/verification/request-matrix.ts';
import { modelText } from '../casbin/models.fixture.ts';
import { rule } from './verify.fixture.ts';

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

  test('has requests of roles that more or fewer than its subjects inherit from', async () => {
    const links = ['bob', 'dan', 'eve', 'fay', 'ann'].map((name) => `g, ${name}, boss`);
    expect(await matchable(RBAC, ['p, boss, data, read', ...links])).toEqual([0, 2, 6]);
    expect(await matchable(RBAC, ['p, boss, data, read', 'g, bob, boss'])).toEqual([2]);
  });
});

describe('a block of few subjects and very many permissions', () => {
  const permissions = Array.from({ length: 300 }, (_, n) => ['', `data${n}`, 'read']);
  /** 0, 1: dan × cook, read; 2–301: ann × data0 …; 302–601: bob; 602–901: eve. */
  const wide = new Matrix(0, [
    { subjects: ['dan'], permissions: [COOK, READ] },
    { subjects: ['ann', 'bob', 'eve'], permissions },
  ]);

  const fastest = async (m: string, lines: readonly string[]) => [
    ...wide.inFastestOrder(await indexOf(m, lines)),
  ];

  test('has ascending numbers, also where a role gives some of them', async () => {
    const rules = [
      'p, ann, data0, read',
      'p, ann, data10, read',
      'p, boss, data2, read',
      'p, boss, data9, read',
    ];
    const index = await indexOf(RBAC, [...rules, 'g, ann, boss']);
    expect([...wide.matchable(index)]).toEqual([2, 4, 11, 12]);
  });

  test('is decided by permission, and others by subject', async () => {
    expect([...wide.inFastestOrder(null)].slice(0, 6)).toEqual([0, 1, 2, 302, 602, 3]);
    const rules = ['p, boss, data1, read', 'p, ann, data0, read', 'p, dan, data, read', 'p, dan, food, cook'];
    const links = ['g, bob, boss', 'g, ann, boss'];
    expect(await fastest(RBAC, [...rules, ...links])).toEqual([0, 1, 2, 303, 3]);
    expect(await fastest(RBAC, ['p, ann, data1, read', 'p, boss, data1, read', ...links])).toEqual([3, 303]);
    expect(await fastest('r.obj == p.obj && keyMatch(r.sub, p.sub)', ['p, *, data299, x'])).toEqual([
      301, 601, 901,
    ]);
    expect(await fastest(RBAC, ['p, ann, data300, read'])).toEqual([]);
  });

  test('tells how far that has come', () => {
    const places = [...wide.inFastestOrder(null)].map((number) => wide.placeOf(number));
    expect(places).toEqual(places.map((_, place) => place));
  });

  test('finds the subjects of a role that more or fewer inherit from', async () => {
    const links = ['bob', 'dan', 'fay', 'gil', 'ann'].map((name) => `g, ${name}, boss`);
    expect(await fastest(RBAC, ['p, boss, data0, read', ...links])).toEqual([2, 302]);
    expect(await fastest(RBAC, ['p, boss, data0, read', 'g, eve, boss'])).toEqual([602]);
  });
});

const RBAC = 'g(r.sub, p.sub) && r.obj == p.obj && r.act == p.act';

async function indexOf(m: string, lines: readonly string[]) {
  const rules = lines.map(rule).map(([ptype = '', ...values]) => ({ ptype, values }));
  return (await createDecider(newModelFromString(modelText({ m })), rules)).index;
}

/** The numbers of the requests that rules can match; in the fastest order, they are the same. */
async function matchable(m: string, lines: readonly string[]) {
  const index = await indexOf(m, lines);
  const numbers = [...matrix.matchable(index)];
  expect([...matrix.inFastestOrder(index)].toSorted((a, b) => a - b)).toEqual(numbers);
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

import { describe, expect, test } from 'vitest';
import { findPlace, locator, pathOf, placeIn, recordPlaces } from '../../src/policy/place.ts';

describe('a place in a text', () => {
  test.each([
    ['', [[0, '1:1']]],
    [
      'one',
      [
        [0, '1:1'],
        [2, '1:3'],
        [3, '1:4'],
      ],
    ],
    [
      'one\ntwo\n\nfour',
      [
        [0, '1:1'],
        [3, '1:4'],
        [4, '2:1'],
        [7, '2:4'],
        [8, '3:1'],
        [9, '4:1'],
        [12, '4:4'],
      ],
    ],
    [
      '\n\n',
      [
        [0, '1:1'],
        [1, '2:1'],
        [2, '3:1'],
      ],
    ],
  ] as [string, [number, string][]][])('is line and column, both from 1: in %j', (text, places) => {
    const locate = locator('file', text);
    expect(places.map(([offset]) => locate(offset))).toEqual(places.map(([, place]) => `file:${place}`));
  });

  test('is found in each of many lines', () => {
    for (const lines of [2, 3, 4, 5, 31, 32, 33]) {
      const locate = locator('file', 'ab\n'.repeat(lines));
      for (let line = 0; line < lines; line++) expect(locate(line * 3 + 1)).toBe(`file:${line + 1}:2`);
    }
  });
});

describe('the place of a part', () => {
  const actions = ['read', 'write'];
  const role = { permissions: { data: actions }, inherits: null };
  recordPlaces(
    role,
    'file:2:3',
    new Map([
      ['permissions', 'file:3:5'],
      ['inherits', 'file:9:5'],
    ]),
  );
  recordPlaces(actions, 'file:4:7', new Map([['0', 'file:4:8']]));

  test('is the place of its key', () => {
    expect(findPlace(role, ['permissions'])).toBe('file:3:5');
    expect(findPlace(role, ['inherits'])).toBe('file:9:5');
  });

  test('is its own beginning if the surrounding part was not read from a file', () => {
    expect(findPlace({ roles: { viewer: role } }, ['roles', 'viewer'])).toBe('file:2:3');
    expect(findPlace(role, [])).toBe('file:2:3');
    expect(findPlace(role, ['other'])).toBe('file:2:3');
  });

  test('is that of the nearest thing around it that was', () => {
    expect(findPlace(role, ['permissions', 'data'])).toBe('file:4:7');
    expect(findPlace(role, ['permissions', 'data', 1])).toBe('file:4:7');
    expect(findPlace(role, ['permissions', 'data', 0])).toBe('file:4:8');
    expect(findPlace(role, ['permissions', 'other', 'deeper', 'still'])).toBe('file:3:5');
    expect(findPlace(role, ['inherits', 0])).toBe('file:9:5');
    expect(findPlace(role, ['permissions', 'data', 0, 'length'])).toBe('file:4:8');
  });

  test('is unknown where nothing was read from a file', () => {
    expect(findPlace({ roles: {} }, ['roles', 'viewer'])).toBeNull();
    expect(findPlace(undefined, ['roles'])).toBeNull();
    expect(findPlace('text', ['length'])).toBeNull();
  });

  test('of a definition is a path where there is no file', () => {
    expect(placeIn({ roles: { viewer: role } }, 'roles', 'viewer', 'inherits', 0)).toBe('file:9:5');
    expect(placeIn({}, 'roles', 'viewer', 'inherits', 0)).toBe('policy.roles.viewer.inherits[0]');
  });
});

describe('a path', () => {
  test.each([
    [['policy'], 'policy'],
    [['policy', 'roles', 'a-b_c:/@$*9'], 'policy.roles.a-b_c:/@$*9'],
    [['policy', 'rules', 12, '3'], 'policy.rules[12][3]'],
    [['policy', '1a'], 'policy.1a'],
    [['policy', 'roles', 'org:1', 'a:1b', 'b:2:3'], 'policy.roles["org:1"].a:1b["b:2:3"]'],
    [['policy', 'a1'], 'policy.a1'],
    [['policy', 'JSON', 'jsons', 'yml'], 'policy["JSON"].jsons["yml"]'],
    [['policy', 'a.b', 'c d', ''], 'policy["a.b"]["c d"][""]'],
    [['policy', ' a', 'a '], 'policy[" a"]["a "]'],
    [['a.b', 'c'], '["a.b"].c'],
    [[7, 'c'], '[7].c'],
  ] as [(string | number)[], string][])('of %j is %s', (keys, path) => {
    expect(pathOf(...keys)).toBe(path);
  });
});

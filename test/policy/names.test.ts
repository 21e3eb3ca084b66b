import { describe, expect, test } from 'vitest';
import { rememberLast } from '../../src/collections.ts';
import { nearestFinder } from '../../src/nearest-name.ts';
import { findUnknownNames } from '../../src/policy/check.ts';

const roles = {
  viewer: { permissions: { data: ['read'] } },
  editor: { permissions: { data: ['write'], logs: [] } },
  idle: {},
};

describe('names in requests', () => {
  test('are known as roles, resources and actions', () => {
    const definition = {
      roles,
      allow: [
        ['viewer', 'data', 'read'],
        ['editor', 'logs', 'write', 'more'],
      ],
      deny: [['idle', 'data', 'write']],
      never: [['viewer'], []],
      samples: [['nobody', 'nothing', 'never']],
    };
    expect(findUnknownNames(definition)).toEqual([]);
  });

  test('that no rule has are reported, each with its place', () => {
    const problems = findUnknownNames({
      roles,
      allow: [
        ['viewer', 'data', 'read'],
        ['viwer', 'data', 'read'],
      ],
      deny: [['viewer', 'viewer', 'read']],
      never: [['idle', 'logs', 'data']],
    });
    expect(problems).toEqual([
      problem('policy.allow[1][0]', 'no role of this definition is called "viwer"', 'Did you mean "viewer"?'),
      problem('policy.deny[0][1]', 'no resource of this definition is called "viewer"'),
      problem('policy.never[0][2]', 'no action of this definition is called "data"'),
    ]);
  });

  test('can not be known where there are raw rules, or no roles', () => {
    expect(findUnknownNames({ roles, rules: [], never: [['x', 'y', 'z']] })).toEqual([]);
    expect(findUnknownNames({ never: [['x', 'y', 'z']] })).toEqual([]);
  });
});

function problem(at: string, beginning: string, remedy = 'Correct the name.') {
  return {
    code: 'REQUEST_NAME_UNKNOWN',
    at,
    message: `${beginning}. ${remedy} If the request is right, add rules: [] to the definition.`,
  };
}

test('a name that resembles a known one is found, until a million pairs were compared', () => {
  const known = new Set(Array.from({ length: 1000 }, (_, index) => `role ${index}`));
  const findName = nearestFinder();
  const found = Array.from({ length: 1002 }, () => findName('Role 7', known));
  expect(found.map((name) => name ?? 'none')).toEqual([...Array(1000).fill('role 7'), 'none', 'none']);
});

describe('a function that remembers', () => {
  test('is called for other texts only, and gives the value for those that are asked for', () => {
    const calls: string[][] = [];
    const join = rememberLast((...texts: string[]) => {
      calls.push(texts);
      return texts.join('+');
    });
    expect([join('a', 'b'), join('a', 'b'), join('a', 'c'), join('x', 'c'), join('a', 'b')]).toEqual([
      'a+b',
      'a+b',
      'a+c',
      'x+c',
      'a+b',
    ]);
    expect(calls).toEqual([
      ['a', 'b'],
      ['a', 'c'],
      ['x', 'c'],
      ['a', 'b'],
    ]);
  });

  test('remembers undefined results too', () => {
    let calls = 0;
    const count = rememberLast((_text: string) => {
      calls += 1;
      return undefined;
    });
    count('a');
    count('a');
    expect(calls).toBe(1);
  });
});

import { describe, expect, test } from 'vitest';
import { collectAncestors } from '../../src/collections.ts';
import {
  buildHierarchies,
  collectInherited,
  findCycles,
  findRolePath,
  findTooDeep,
  type Hierarchy,
} from '../../src/policy/hierarchy.ts';

/** Rules, given as lines. */
function rulesOf(...lines: string[]) {
  return lines.map((line) => {
    const [ptype = '', ...values] = line.split(' ');
    return { ptype, values };
  });
}

/** The hierarchy of links that are given as `child parent`. */
function hierarchyOf(...links: string[]): Hierarchy {
  return buildHierarchies(rulesOf(...links.map((link) => `g ${link}`)))[0] ?? expect.fail('no hierarchy');
}

/** `r0` inherits from `r1`, and so on, over so many links. */
function chain(links: number): string[] {
  return Array.from({ length: links }, (_, n) => `r${n} r${n + 1}`);
}

describe('the hierarchies of a policy', () => {
  test('are one for each role definition and each domain', () => {
    const rules = rulesOf(
      'p a data read',
      'g a b',
      'g2 a b',
      'g a c',
      'g a b one',
      'g b c one',
      'g a b one two',
      'g a b onetwo',
    );

    expect(buildHierarchies(rules)).toEqual([
      { ptype: 'g', domain: '', domains: [], parents: new Map([['a', ['b', 'c']]]) },
      { ptype: 'g2', domain: '', domains: [], parents: new Map([['a', ['b']]]) },
      {
        ptype: 'g',
        domain: 'one',
        domains: ['one'],
        parents: new Map([
          ['a', ['b']],
          ['b', ['c']],
        ]),
      },
      { ptype: 'g', domain: 'one, two', domains: ['one', 'two'], parents: new Map([['a', ['b']]]) },
      { ptype: 'g', domain: 'onetwo', domains: ['onetwo'], parents: new Map([['a', ['b']]]) },
    ]);
  });

  test('are made of links that have two ends', () => {
    expect(buildHierarchies(rulesOf('g', 'g a', 'p a b', 'p2 a b'))).toEqual([]);
  });
});

describe('circles', () => {
  test('are not found if two paths only lead to the same role', () => {
    expect(findCycles(hierarchyOf('a b', 'a c', 'b d', 'c d', 'd e'))).toEqual([]);
  });

  test('do not include a role that inherits from itself, which is another problem', () => {
    expect(findCycles(hierarchyOf('a a', 'a b', 'b b'))).toEqual([]);
  });

  test('are paths that end where they begin, without the way there', () => {
    expect(findCycles(hierarchyOf('way a', 'a b', 'b c', 'c a', 'c end'))).toEqual([['a', 'b', 'c', 'a']]);
  });

  test('are reported once each, however many paths lead there and wherever one begins', () => {
    expect(findCycles(hierarchyOf('a b', 'b a', 'c a', 'd b', 'e f', 'f e'))).toEqual([
      ['a', 'b', 'a'],
      ['e', 'f', 'e'],
    ]);
  });

  test('are each reported if a role is in two of them', () => {
    expect(findCycles(hierarchyOf('a b', 'b a', 'b c', 'c b'))).toEqual([
      ['a', 'b', 'a'],
      ['b', 'c', 'b'],
    ]);
  });

  test('are found however long, and in time that grows with the links only', () => {
    const ladder = Array.from({ length: 60 }, (_, n) => [
      `a${n} b${n}`,
      `a${n} c${n}`,
      `b${n} a${n + 1}`,
      `c${n} a${n + 1}`,
    ]);
    expect(findCycles(hierarchyOf(...ladder.flat()))).toEqual([]);
    expect(findCycles(hierarchyOf(...chain(20_000), 'r20000 r0'))[0]).toHaveLength(20_002);
  });
});

describe('the path between two roles', () => {
  test('is the one with the fewest links, both ends included', () => {
    const hierarchy = hierarchyOf('a b', 'b c', 'c d', 'a x', 'x d');
    expect(findRolePath(hierarchy, 'a', 'd')).toEqual(['a', 'x', 'd']);
    expect(findRolePath(hierarchy, 'b', 'c')).toEqual(['b', 'c']);
  });

  test('of a role to itself is that role, whether it has links or not', () => {
    expect(findRolePath(hierarchyOf('a b'), 'a', 'a')).toEqual(['a']);
    expect(findRolePath(hierarchyOf('a b'), 'z', 'z')).toEqual(['z']);
  });

  test('is null if there is none, also in a circle', () => {
    expect(findRolePath(hierarchyOf('a b', 'c d'), 'a', 'd')).toBeNull();
    expect(findRolePath(hierarchyOf('a b'), 'b', 'a')).toBeNull();
    expect(findRolePath(hierarchyOf('a b', 'b a'), 'a', 'c')).toBeNull();
  });

  test('may have more links than Casbin follows', () => {
    expect(findRolePath(hierarchyOf(...chain(11)), 'r0', 'r11')).toHaveLength(12);
  });
});

describe('what a role inherits', () => {
  test('begins with itself, and ends where Casbin stops', () => {
    const inherited = collectInherited(hierarchyOf(...chain(12)), 'r1');
    expect(inherited).toEqual(Array.from({ length: 11 }, (_, n) => `r${n + 1}`));
  });

  test('is each role once, in a circle too', () => {
    expect(collectInherited(hierarchyOf('a b', 'a c', 'b d', 'c d', 'd a'), 'a')).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
  });

  test('is itself alone where it has no links', () => {
    expect(collectInherited(hierarchyOf('a b'), 'z')).toEqual(['z']);
  });

  test('at any depth is found, also beyond what Casbin follows', () => {
    const { parents } = hierarchyOf(...chain(12), 'r12 r0');
    expect([...collectAncestors(parents, 'r0')]).toEqual(Array.from({ length: 13 }, (_, n) => `r${n}`));
    expect([...collectAncestors(parents, 'z')]).toEqual(['z']);
  });
});

describe('inheritance that is too deep', () => {
  test('is not found for ten links', async () => {
    expect(await findTooDeep(hierarchyOf(...chain(10)))).toEqual([]);
  });

  test('is reported by its first eleven links, for each role that has some', async () => {
    const paths = await findTooDeep(hierarchyOf(...chain(13)));
    expect(paths.map((path) => [path[0], path.at(-1), path.length])).toEqual([
      ['r0', 'r11', 12],
      ['r1', 'r12', 12],
      ['r2', 'r13', 12],
    ]);
    expect(paths[0]).toEqual(Array.from({ length: 12 }, (_, n) => `r${n}`));
  });

  test('is not found if a shorter way leads there, nor in a circle', async () => {
    expect(await findTooDeep(hierarchyOf(...chain(11), 'r0 r2'))).toEqual([]);
    expect(await findTooDeep(hierarchyOf(...chain(9), 'r9 r0'))).toEqual([]);
  });
});

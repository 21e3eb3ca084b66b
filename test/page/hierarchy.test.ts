import { describe, expect, test } from 'vitest';
import { drawHierarchy } from '../../src/page/draw-hierarchy.ts';
import { layOutHierarchy } from '../../src/page/layout-hierarchy.ts';
import type { PageHierarchy } from '../../src/page/page-data.ts';

describe('a hierarchy is laid out', () => {
  test('with each role left of those that it inherits from', () => {
    const { places, columns } = layOutHierarchy(hierarchy('admin>user', 'user>viewer', 'admin>viewer'));
    expect(places.map(({ column }) => column)).toEqual([0, 1, 2]);
    expect(columns).toBe(3);
  });

  test('with a place in each column for an edge that passes it, apart from the nodes there', () => {
    const { places, bends } = layOutHierarchy(hierarchy('admin>user', 'user>viewer', 'admin>viewer'));
    expect(bends.map(({ length }) => length)).toEqual([0, 0, 1]);
    expect(bends[2]?.[0]?.column).toBe(1);
    expect(bends[2]?.[0]?.row).not.toBe(places[1]?.row);
  });

  test('without unnecessary crossings', () => {
    const { places } = layOutHierarchy(hierarchy('a>y', 'b>x', 'c>y', 'd>x'));
    const rowOf = (node: number) => places[node]?.row ?? -1;
    // a, y, b, x, c, d by their numbers: a and c lie on one side of b and d, as y does of x.
    const side = Math.sign(rowOf(1) - rowOf(3));
    for (const [one, other] of [
      [0, 2],
      [4, 2],
      [0, 5],
      [4, 5],
    ] as const) {
      expect(Math.sign(rowOf(one) - rowOf(other))).toBe(side);
    }
  });

  test('although it has a circle', () => {
    const { places } = layOutHierarchy(hierarchy('a>b', 'b>c', 'c>a', 'd>d'));
    expect(places).toHaveLength(4);
  });
});

describe('a hierarchy is drawn', () => {
  test('with its names as text, and what was added or is missing', () => {
    const one = hierarchy('<b>>viewer', 'temp>viewer');
    const { text } = drawHierarchy(
      {
        ...one,
        edges: one.edges.map((edge, index) => ({ ...edge, state: index === 1 ? 'added' : 'missing' })),
      },
      0,
    );
    expect(text).not.toContain('<b>');
    expect(text).toContain('&lt;b&gt;</bdi> inherits from <bdi>viewer</bdi> (missing)');
    expect(text).toContain('temp</bdi> inherits from <bdi>viewer</bdi> (not defined)');
    expect(text).toContain('class="edge added"');
  });

  test('as a list only, where it has more names than a picture can show', () => {
    const { text } = drawHierarchy(hierarchy(...Array.from({ length: 400 }, (_, n) => `role${n}>base`)), 0);
    expect(text).not.toContain('<svg');
    expect(text).toContain('401 names: too many');
    expect(text).toContain('role399');
  });

  test('with an arrow of its own in each picture of a page', () => {
    const [one, other] = [0, 1].map((number) => drawHierarchy(hierarchy('a>b'), number).text);
    expect(one).toContain('id="arrow-0"');
    expect(other).toContain('url(#arrow-1)');
  });
});

/** Links as `child>parent`; the last `>` counts. */
function hierarchy(...links: string[]): PageHierarchy {
  const pairs = links.map((link) => {
    const at = link.lastIndexOf('>');
    return [link.slice(0, at), link.slice(at + 1)];
  });
  const names = [...new Set(pairs.flat())];
  return {
    ptype: 'g',
    domain: '',
    nodes: names.map((name) => ({ name, state: 'defined', users: 0 })),
    edges: pairs.map(([child = '', parent = '']) => ({
      child: names.indexOf(child),
      parent: names.indexOf(parent),
      state: 'defined',
    })),
  };
}

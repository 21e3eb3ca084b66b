import { describe, expect, test } from 'vitest';
import { drawHierarchy } from '../../src/page/draw-hierarchy.ts';
import { layOutHierarchy } from '../../src/page/layout-hierarchy.ts';
import type { PageHierarchy } from '../../src/page/page-data.ts';
import { hierarchy } from './hierarchy.fixture.ts';

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

  test('with a short column in the middle of a long one', () => {
    const { places } = layOutHierarchy(hierarchy('clerk>user', 'auditor>user'));
    expect(places.map(({ row }) => row).sort()).toEqual([0, 0.5, 1]);
    expect(places[1]?.row).toBe(0.5);
  });

  test.each([
    [['a>y', 'b>x', 'c>y', 'd>x']],
    [['a>x', 'b>y', 'b>x', 'c>z', 'c>y']],
    [['a>u', 'b>t', 'c>s', 's>x', 't>y', 'u>z']],
    [['a>b', 'x>y', 'b>c', 'y>z', 'x>z', 'a>c']],
    [['x>z', 'a>d', 'a>b', 'b>c', 'x>y', 'c>d', 'y>z']],
    [['p>s', 'a>d', 'p>q', 'a>b', 'q>r', 'b>c', 'r>s', 'c>d', 'x>d', 'z>s']],
    [['a>x', 'a>y', 'a>z', 'b>z', 'b>w', 'z>top']],
    [['a>m', 'b>m', 'c>n', 'd>n', 'd>top', 'm>top', 'n>top', 'a>top']],
  ])('without crossings where there need be none: %j', (links) => {
    expect(crossingsOf(hierarchy(...links))).toEqual([]);
  });

  test('although it has a circle', () => {
    const { places } = layOutHierarchy(hierarchy('a>b', 'b>c', 'c>a', 'd>d'));
    expect(places).toHaveLength(4);
  });
});

describe('a hierarchy is drawn', () => {
  test('with boxes that are wide enough for ideographs', () => {
    const name = '顧客サポート管理者グループ';
    const { text } = drawHierarchy(hierarchy(`${name}>viewer`), 0);
    expect(Number(/<rect [^>]*width="(\d+)"/.exec(text)?.[1])).toBeGreaterThan(13.5 * name.length);
  });

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

  test('with long names cut, and whole ones for those who point at them', () => {
    const name = 'accountant'.repeat(4);
    const { text } = drawHierarchy(hierarchy(`${name}>viewer`), 0);
    expect(text).toContain(`<title>${name}</title>`);
    expect(text).toContain(`>${name.slice(0, 28)}…</text>`);
  });

  test('with what is to be said of a name, in a box that is as wide as this', () => {
    const one = hierarchy('a>b');
    const nodes = one.nodes.map((node) => ({ ...node, state: 'added', users: 12_345 }) as const);
    const { text } = drawHierarchy({ ...one, nodes }, 0);
    expect(text).toMatch(/<text class="remark"[^>]*>12,345 users, not defined<\/text>/);
    expect(boxesIn(text)[0]?.width).toBeGreaterThan('12,345 users, not defined'.length * 6);
    const long = boxesIn(drawHierarchy(hierarchy(`${'w'.repeat(28)}>b`), 0).text);
    expect(long[0]?.width).toBeGreaterThan(28 * 7);
  });

  test('as a list only, where it has more names than a picture can show', () => {
    const most = drawHierarchy(hierarchy(...Array.from({ length: 399 }, (_, n) => `role${n}>base`)), 0);
    expect(most.text).toContain('<svg');
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

function boxesIn(svg: string) {
  return [...svg.matchAll(/<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/g)].map(([, x, width]) => ({
    x: Number(x),
    width: Number(width),
  }));
}

/** The pairs of links that cross, by their parts from one column to the next. */
function crossingsOf(one: PageHierarchy) {
  const { places, bends } = layOutHierarchy(one);
  const parts = one.edges.flatMap(({ child, parent }, number) => {
    const stops = [places[child], ...(bends[number] ?? []), places[parent]].map((place) => place ?? NOWHERE);
    return stops.slice(1).map((to, index) => ({ number, from: stops[index] ?? NOWHERE, to }));
  });
  return parts.flatMap((part) =>
    parts
      .filter(({ from }) => from.column === part.from.column)
      .filter(({ from, to }) => from.row < part.from.row && to.row > part.to.row)
      .map(({ number }) => [number, part.number]),
  );
}

const NOWHERE = { column: Number.NaN, row: Number.NaN };

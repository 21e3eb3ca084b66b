import { describe, expect, test } from 'vitest';
import { drawHierarchy } from '../../src/page/draw-hierarchy.ts';
import type { PageHierarchy } from '../../src/page/page-data.ts';
import { hierarchy } from './hierarchy.fixture.ts';

/** Three columns, an edge that passes the middle one, and a column of three names. */
const SHOP = hierarchy('admin>user', 'user>viewer', 'admin>viewer', 'clerk>user', 'temp>viewer');

describe('the boxes of a drawn hierarchy', () => {
  test('are in columns and rows, with room between them', () => {
    const { boxes } = draw(SHOP);
    const [xs, ys] = [distinct(boxes.map(({ x }) => x)), distinct(boxes.map(({ y }) => y))];
    expect(xs).toHaveLength(3);
    for (const [one, next] of pairs(xs)) expect(next - one).toBe((boxes[0]?.width ?? 0) + 72);
    for (const x of xs) {
      const tops = distinct(boxes.filter((box) => box.x === x).map(({ y }) => y));
      for (const [one, next] of pairs(tops)) expect(next - one).toBeGreaterThanOrEqual(44 + 14);
    }
    expect(ys.length).toBeGreaterThan(1);
  });

  test('fill the picture, but for a border', () => {
    const { boxes, viewBox, text } = draw(SHOP);
    const [right, bottom] = [
      Math.max(...boxes.map(({ x, width }) => x + width)),
      Math.max(...boxes.map(({ y, height }) => y + height)),
    ];
    expect(viewBox).toEqual([-1, -1, right + 2, bottom + 2]);
    expect(text).toContain(`width="${right + 2}" height="${bottom + 2}"`);
    expect([Math.min(...boxes.map(({ x }) => x)), Math.min(...boxes.map(({ y }) => y))]).toEqual([0, 0]);
  });

  test('have their name in the middle, or above what is to be said of it', () => {
    const state = { clerk: 'added', temp: 'missing' } as const;
    const nodes = SHOP.nodes.map((node) => ({
      ...node,
      state: state[node.name as keyof typeof state] ?? node.state,
      users: node.name === 'user' ? 2 : 0,
    }));
    const { boxes } = draw({ ...SHOP, nodes });
    expect(boxes.map(({ title }) => title)).toEqual([
      'admin',
      'user: 2 users',
      'viewer',
      'clerk: not defined',
      'temp: missing',
    ]);
    for (const { x, y, width, height, title, texts } of boxes) {
      expect(texts.map(({ text }) => text)).toEqual(title.split(': '));
      expect(new Set(texts.map((text) => text.x))).toEqual(new Set([x + width / 2]));
      const [name = Number.NaN, remark = name] = texts.map((text) => text.y);
      // Half of the height of a small letter is above the line that a text stands on.
      expect(Math.abs((name + remark) / 2 - 5 - (y + height / 2))).toBeLessThan(2);
      if (texts.length > 1) expect(remark - name).toBeGreaterThan(12);
    }
  });
});

describe('the arrows of a drawn hierarchy', () => {
  test('go from the right of a name to the left of another', () => {
    const { boxes, paths } = draw(SHOP);
    const ends = SHOP.edges.map(({ child, parent }) => {
      const [from, to] = [boxes[child], boxes[parent]];
      if (from === undefined || to === undefined) throw new Error('a name has no box');
      return [
        { x: from.x + from.width, y: from.y + from.height / 2 },
        { x: to.x - 2, y: to.y + to.height / 2 },
      ];
    });
    expect(paths.map((path) => [path.at(0), path.at(-1)])).toEqual(ends);
  });

  test('run behind no box, and never back', () => {
    const { boxes, paths } = draw(SHOP);
    for (const { x, y } of paths.flat()) {
      const behind = boxes.filter(
        (box) => x > box.x && x < box.x + box.width && y > box.y && y < box.y + box.height,
      );
      expect(behind).toEqual([]);
    }
    for (const path of paths) {
      expect(path.map(({ x }) => x)).toEqual(path.map(({ x }) => x).toSorted((one, other) => one - other));
    }
  });

  test('are level at both ends, and where they pass a column', () => {
    const { boxes, paths } = draw(SHOP);
    const [user] = boxes.filter(({ title }) => title === 'user');
    if (user === undefined) throw new Error('a name has no box');
    for (const path of paths) {
      for (const [one, next] of [pairs(path).at(0), pairs(path).at(-1)] as [Point, Point][]) {
        expect(Math.abs(next.y - one.y)).toBeLessThan((next.x - one.x) / 10);
      }
      const beside = path.filter(({ x }) => x >= user.x && x <= user.x + user.width);
      if (beside.length > 1) expect(distinct(beside.map(({ y }) => y))).toHaveLength(1);
    }
  });
});

test('a drawn hierarchy is described by the numbers of its names and links', () => {
  expect(draw(SHOP).text).toContain('<svg role="img" aria-label="5 names, 5 links"');
});

test.each([
  ['g', '', 'Roles'],
  ['g', 't1', 'Roles in t1'],
  ['g2', '', 'Role definition g2'],
  ['', '', 'Without inheritance'],
])('the title of a hierarchy of %o and domain %o is %o', (ptype, domain, title) => {
  expect(drawHierarchy({ ...SHOP, ptype, domain }, 0).text).toContain(`<h3>${title}</h3>`);
});

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Its boxes with their texts, and points along each of its arrows. */
function draw(one: PageHierarchy) {
  const { text } = drawHierarchy(one, 0);
  const boxes = [
    ...text.matchAll(
      /<title>([^<]*)<\/title>\s*<rect x="([^"]*)" y="([^"]*)" width="([^"]*)" height="([^"]*)"[^>]*>(.*?)<\/g>/gs,
    ),
  ].map(([, title = '', x, y, width, height, inside = '']) => ({
    title,
    x: Number(x),
    y: Number(y),
    width: Number(width),
    height: Number(height),
    texts: [...inside.matchAll(/<text[^>]* x="([^"]*)" y="([^"]*)">([^<]*)/g)].map((found) => ({
      x: Number(found[1]),
      y: Number(found[2]),
      text: found[3],
    })),
  }));
  const paths = [...text.matchAll(/class="edge [^>]* d="([^"]*)"/g)].map(([, path = '']) => pointsOf(path));
  const viewBox = /viewBox="(-[^"]*)"/.exec(text)?.[1]?.split(' ').map(Number);
  return { text, boxes, paths, viewBox };
}

/** Points along a path of curves. */
function pointsOf(path: string): Point[] {
  const points: Point[] = [];
  for (const [, command, numbers = ''] of path.matchAll(/([MC])([^MC]*)/g)) {
    const values = numbers.split(' ').map(Number);
    const [x = Number.NaN, y = Number.NaN] = values.slice(-2);
    const from = points.at(-1) ?? { x, y };
    const [x1 = x, y1 = y, x2 = x, y2 = y] = values;
    const along = (a: number, b: number, c: number, d: number, t: number) =>
      round((1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t ** 2 * c + t ** 3 * d);
    for (let step = command === 'M' ? 100 : 1; step <= 100; step++) {
      const t = step / 100;
      points.push({ x: along(from.x, x1, x2, x, t), y: along(from.y, y1, y2, y, t) });
    }
  }
  return points;
}

function round(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((one, other) => one - other);
}

/** Each value with the one after it. */
function pairs<T>(values: readonly T[]): [T, T][] {
  return values.slice(1).map((value, index) => [values[index] as T, value]);
}

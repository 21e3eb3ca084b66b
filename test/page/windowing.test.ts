import { describe, expect, test } from 'vitest';
import { moveBy, numbersIn, scrollTo, spanAt } from '../../page/windowing.ts';

describe('of a long list', () => {
  test('only the rows on the screen, and a few beyond, are rendered', () => {
    expect(spanAt(3200, 640, 32, 1000)).toEqual({ first: 96, end: 124 });
    expect(spanAt(3210, 640, 32, 1000), 'with half a row at each edge').toEqual({ first: 96, end: 125 });
    expect(spanAt(0, 640, 32, 5)).toEqual({ first: 0, end: 5 });
    expect(spanAt(99_999, 640, 32, 10)).toEqual({ first: 9, end: 10 });
    expect(spanAt(0, 640, 32, 0)).toEqual({ first: 0, end: 0 });
  });

  test('and the item with the focus, wherever it is', () => {
    expect(numbersIn({ first: 2, end: 4 }, 2)).toEqual([2, 3]);
    expect(numbersIn({ first: 2, end: 4 }, 3)).toEqual([2, 3]);
    expect(numbersIn({ first: 2, end: 4 }, 0)).toEqual([0, 2, 3]);
    expect(numbersIn({ first: 2, end: 4 }, 4)).toEqual([2, 3, 4]);
    expect(numbersIn({ first: 2, end: 4 }, 9)).toEqual([2, 3, 9]);
  });

  test('an item is scrolled to as far as it has to be, below the header', () => {
    const view = { scrolled: 320, visible: 200, header: 40 };
    expect(scrollTo(9, 32, view)).toBe(288);
    expect(scrollTo(12, 32, view)).toBe(320);
    expect(scrollTo(15, 32, view)).toBe(352);
  });

  test('an item is scrolled to its beginning where the header leaves less room than it needs', () => {
    const view = { scrolled: 0, visible: 200, header: 180 };
    expect(scrollTo(3, 104, view)).toBe(312);
    expect(scrollTo(3, 104, { ...view, scrolled: 312 })).toBe(312);
  });
});

describe('a key', () => {
  const size = { rows: 10, columns: 5, page: 5 };
  test.each([
    ['ArrowUp', false, { row: 1, column: 2 }],
    ['ArrowDown', false, { row: 3, column: 2 }],
    ['ArrowLeft', false, { row: 2, column: 1 }],
    ['ArrowRight', false, { row: 2, column: 3 }],
    ['PageUp', false, { row: 0, column: 2 }],
    ['PageDown', false, { row: 7, column: 2 }],
    ['Home', false, { row: 2, column: 0 }],
    ['End', false, { row: 2, column: 4 }],
    ['Home', true, { row: 0, column: 0 }],
    ['End', true, { row: 9, column: 4 }],
    ['x', false, null],
  ])('%s (Ctrl: %s) leads to %o', (key, ctrlKey, place) => {
    expect(moveBy({ key, ctrlKey }, { row: 2, column: 2 }, size)).toEqual(place);
  });

  test('leads no further than to the edge', () => {
    const last = { row: 9, column: 4 };
    for (const key of ['ArrowRight', 'ArrowDown', 'PageDown']) {
      expect(moveBy({ key, ctrlKey: false }, last, size)).toEqual(last);
    }
    const first = { row: 0, column: 0 };
    for (const key of ['ArrowLeft', 'ArrowUp', 'PageUp']) {
      expect(moveBy({ key, ctrlKey: false }, first, size)).toEqual(first);
    }
  });
});

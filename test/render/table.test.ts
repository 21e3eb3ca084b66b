import { expect, test } from 'vitest';
import { andMore, duration, listRows } from '../../src/render/phrases.ts';
import { renderTable } from '../../src/render/table.ts';

const COLUMNS = [{ title: 'name' }, { title: 'rows', align: 'right' }] as const;

test('a table has aligned columns, wherever its widest cell is', () => {
  const names = Array.from({ length: 120 }, (_, n) => (n === 110 ? '漢字の名前' : 'a'));
  const lines = renderTable(
    COLUMNS,
    names.map((name, n) => [name, n === 70 ? '' : `${n}`]),
  ).split('\n');
  expect(lines).toHaveLength(121);
  expect(lines[0]).toBe('  name        rows');
  expect(lines[1]).toBe('  a              0');
  expect(lines[71]).toBe('  a');
  expect(lines[111]).toBe('  漢字の名前   110');
});

test('a table without rows has its headings', () => {
  expect(renderTable(COLUMNS, [])).toBe('  name  rows');
});

test('a list says how many more there are, and nothing if it is whole', () => {
  expect(andMore(1_051, 50)).toBe('\n  … and 1,001 more');
  expect(andMore(51, 50)).toBe('\n  … and 1 more');
  expect(andMore(50, 50)).toBe('');
});

test('the rows of a rule are the first ten, and a number', () => {
  const rows = (count: number) => listRows(Array.from({ length: count }, (_, index) => index + 1));
  expect(rows(10)).toBe('row 1, 2, 3, 4, 5, 6, 7, 8, 9, 10');
  expect(rows(11)).toBe('row 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1 more');
  expect(rows(1_210)).toBe('row 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 1,200 more');
});

test.each([
  [0.4, '0 ms'],
  [999.4, '999 ms'],
  [999.6, '1.0 s'],
  [1_000, '1.0 s'],
  [62_349, '62.3 s'],
])('a duration of %d ms is shown as %s', (ms, shown) => {
  expect(duration(ms)).toBe(shown);
});

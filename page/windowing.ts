/** A part of a list that is on the screen. */
export interface Span {
  readonly first: number;
  /** The index after the last item. */
  readonly end: number;
}

/** How many rows and columns beyond the edge of the screen are drawn, so that nothing flickers while scrolling. */
const BEYOND = 4;

/** The items that are on the screen, if all of them have the same size. */
export function spanAt(scrolled: number, visible: number, size: number, count: number): Span {
  const first = Math.max(0, Math.floor(scrolled / size) - BEYOND);
  const end = Math.min(count, Math.ceil((scrolled + visible) / size) + BEYOND);
  return { first: Math.min(first, Math.max(0, count - 1)), end };
}

/** The numbers of a span, and the number of the item that has the focus. */
export function numbersIn({ first, end }: Span, also: number): number[] {
  const numbers = Array.from({ length: end - first }, (_, index) => first + index);
  if (also < first) return [also, ...numbers];
  return also >= end ? [...numbers, also] : numbers;
}

/** The scroll position at which an item is visible; `header` covers the beginning of the visible part. */
export function scrollTo(
  item: number,
  size: number,
  {
    scrolled,
    visible,
    header,
  }: { readonly scrolled: number; readonly visible: number; readonly header: number },
): number {
  const [start, room] = [item * size, Math.max(size, visible - header)];
  if (start < scrolled) return start;
  return start + size > scrolled + room ? start + size - room : scrolled;
}

/** A cell of a grid by its row and column. */
export interface GridPlace {
  readonly row: number;
  readonly column: number;
}

/** The cell to which a key of ARIA's grid pattern moves the focus; null for another key. */
export function moveBy(
  { key, ctrlKey }: { readonly key: string; readonly ctrlKey: boolean },
  { row, column }: GridPlace,
  size: { readonly rows: number; readonly columns: number; readonly page: number },
): GridPlace | null {
  const [lastRow, lastColumn] = [size.rows - 1, size.columns - 1];
  const at = (nextRow: number, nextColumn: number): GridPlace => ({
    row: Math.min(lastRow, Math.max(0, nextRow)),
    column: Math.min(lastColumn, Math.max(0, nextColumn)),
  });
  switch (key) {
    case 'ArrowUp':
      return at(row - 1, column);
    case 'ArrowDown':
      return at(row + 1, column);
    case 'ArrowLeft':
      return at(row, column - 1);
    case 'ArrowRight':
      return at(row, column + 1);
    case 'PageUp':
      return at(row - size.page, column);
    case 'PageDown':
      return at(row + size.page, column);
    case 'Home':
      return ctrlKey ? at(0, 0) : at(row, 0);
    case 'End':
      return ctrlKey ? at(lastRow, lastColumn) : at(row, lastColumn);
    default:
      return null;
  }
}

/** A part of a list that is on the screen. */
export interface Span {
  readonly first: number;
  /** The one after the last. */
  readonly end: number;
}

/** Rows and columns beyond the edge of the screen, so that nothing flashes while it is scrolled. */
const BEYOND = 4;

/** Which items of one size are on the screen. */
export function spanAt(scrolled: number, visible: number, size: number, count: number): Span {
  const first = Math.max(0, Math.floor(scrolled / size) - BEYOND);
  const end = Math.min(count, Math.ceil((scrolled + visible) / size) + BEYOND);
  return { first: Math.min(first, Math.max(0, count - 1)), end };
}

/** The numbers of a span, and one more that has to be there too: the one with the focus. */
export function numbersIn({ first, end }: Span, also: number): number[] {
  const numbers = Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
  if (also < first) return [also, ...numbers];
  return also >= end ? [...numbers, also] : numbers;
}

/** How far to scroll so that an item is seen; `header` covers the beginning of what is visible. */
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

/** Where a key leads in a grid; null for a key that leads nowhere. The keys are those of ARIA's grid pattern. */
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

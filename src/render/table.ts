import Table from 'cli-table3';
import { escapeControls } from '../text.ts';

/** One column: its heading, and the alignment of its cells. */
export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

const NO_BORDER = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
};

/** The blanks before each cell. */
const PADDING = 2;

/** cli-table3 compares each cell with all cells above it, so it gets few rows at a time. */
const ROWS_AT_A_TIME = 20;

/** Renders rows below their headings, aligned, without borders or colours, indented by two spaces. */
export function renderTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows].map((row) => row.map(escapeControls));
  const portions = Array.from({ length: Math.ceil(lines.length / ROWS_AT_A_TIME) }, (_, index) =>
    lines.slice(index * ROWS_AT_A_TIME, (index + 1) * ROWS_AT_A_TIME),
  );
  const widths = portions
    .map(measure)
    .reduce((one, other) => one.map((width, at) => Math.max(width, other[at] ?? 0)));
  const colAligns = columns.map((column) => column.align ?? 'left');
  return portions
    .flatMap((portion) => layOut(portion, { colAligns, colWidths: widths }).split('\n'))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** The widths of the columns, which cli-table3 shows in a border: some characters take two places, others none. */
function measure(portion: readonly string[][]): number[] {
  const [border = ''] = layOut(portion, { chars: { ...NO_BORDER, top: '-', 'top-mid': '+' } }).split('\n', 1);
  return border.split('+').map(({ length }) => length);
}

/** How many columns of a terminal a text takes in a table. */
export function measureText(text: string): number {
  const shown = escapeControls(text);
  // Of these, each character takes one; to ask cli-table3 takes longer.
  return /^[ -~\u00A1-\u024F]*$/.test(shown) ? shown.length : (measure([[shown]])[0] ?? 0) - PADDING;
}

function layOut(portion: readonly string[][], options: Table.TableConstructorOptions): string {
  const style = { border: [], 'padding-left': PADDING, 'padding-right': 0 };
  const table = new Table({ chars: NO_BORDER, style, ...options });
  table.push(...portion.map((row) => [...row]));
  return table.toString();
}

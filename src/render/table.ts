import stringWidth from 'string-width';
import { escapeControls } from '../text.ts';

/** One column: its heading, and the alignment of its cells. */
export interface TableColumn {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** Renders rows below their headings, aligned, without borders or colours, indented by two spaces. */
export function renderTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ title }) => title), ...rows].map((row) => row.map(escapeControls));
  const widths = columns.map((_, at) =>
    lines.reduce((most, cells) => Math.max(most, stringWidth(cells[at] ?? '')), 0),
  );
  const pad = (cell: string, at: number) => {
    // Some characters take two places of a terminal, others none.
    const blanks = ' '.repeat((widths[at] ?? 0) - stringWidth(cell));
    return columns[at]?.align === 'right' ? blanks + cell : cell + blanks;
  };
  return lines.map((cells) => `  ${cells.map(pad).join('  ')}`.trimEnd()).join('\n');
}

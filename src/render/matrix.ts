import { formatValue } from '../policy/rule.ts';
import type { PolicyMatrix } from '../read-matrix.ts';
import { count } from './phrases.ts';
import type { Remark } from './remark.ts';
import { renderTable } from './table.ts';

const OWN = '●';
const INHERITED = '○';

/** The width of a table where none is known: a terminal without a size says 0. */
const WIDTH = 100;

/** How many permissions are shown; the matrix itself has all of them. */
const SHOWN = 1_000;

/**
 * Renders who may do what: a permission a line, a subject a column, in as many tables as the width needs. No line
 * break at the end.
 */
export function renderMatrix(matrix: PolicyMatrix, width = 0): string {
  const { subjects, permissions, allowed, isOpen } = matrix;
  if (subjects.length === 0 || permissions.length === 0) {
    return 'No permissions follow from the rules: there are none, or they hold patterns.';
  }
  const cells = new Map(
    allowed.map(({ subject, permission, rolePath }) => [
      cellKey(subject, permission),
      rolePath.length > 1 ? INHERITED : OWN,
    ]),
  );
  const shown = permissions.slice(0, SHOWN);
  const hidden = permissions.length - shown.length;
  const labels = shown.map((permission) => permission.map(formatValue).join(' '));
  const room = (width || WIDTH) - Math.max(...labels.map(({ length }) => length)) - 4;
  const tables = chunk(subjects, room).map((names) =>
    renderTable(
      [{ title: matrix.tokens.join(' ') }, ...names.map((name) => ({ title: formatValue(name) }))],
      shown.map((permission, row) => [
        labels[row] ?? '',
        ...names.map((name) => cells.get(cellKey(name, permission)) ?? ''),
      ]),
    ),
  );
  const legend = `${OWN} its own  ${INHERITED} inherited. ${count(allowed.length, 'permission')} of ${count(subjects.length, 'subject')}.`;
  const more = `… and ${count(hidden, 'more permission')}, which --format json shows.`;
  const open = 'Something is allowed to everybody, also without any role.';
  return [...tables, ...(hidden > 0 ? [more] : []), legend, ...(isOpen ? [open] : [])].join('\n\n');
}

/** What is allowed as remarks, a permission of a subject each. */
export function listMatrixRemarks({ allowed }: PolicyMatrix): Remark[] {
  return allowed.map(({ subject, permission, rolePath }): Remark => {
    const through = rolePath.length > 1 ? ` (${rolePath.map(formatValue).join(' → ')})` : '';
    const message = `${permission.map(formatValue).join(', ')}${through}`;
    return { level: 'note', code: 'ALLOWED', at: null, subject: formatValue(subject), message };
  });
}

function cellKey(subject: string, permission: readonly string[]): string {
  return JSON.stringify([subject, permission]);
}

/** Splits names into groups that fit side by side into the width, each of at least one. */
function chunk(names: readonly string[], room: number): string[][] {
  const chunks: string[][] = [];
  let left = 0;
  for (const name of names) {
    const needed = formatValue(name).length + 2;
    if (needed > left || chunks.length === 0) {
      chunks.push([]);
      left = room;
    }
    chunks.at(-1)?.push(name);
    left -= needed;
  }
  return chunks;
}

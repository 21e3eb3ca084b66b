import { getOrAdd } from '../collections.ts';
import { formatValue } from '../policy/rule.ts';
import type { PolicyMatrix } from '../review/read-matrix.ts';
import { andMore, count, policyLine } from './phrases.ts';
import { type Remark, remark } from './remark.ts';
import { measureText, renderTable } from './table.ts';

const OWN = '●';
const INHERITED = '○';

/** How many permissions of a table are shown. */
const SHOWN_PERMISSIONS = 5_000;

/** The width of a table where none is known: a terminal without a size says 0. */
const WIDTH = 100;

/**
 * Renders who may do what: a permission a line, a subject a column, in as many tables as the width needs. Of several
 * tables, each has the permissions of its subjects only, and the first one also those that nobody has. No line break at
 * the end.
 */
export function renderMatrix(matrix: PolicyMatrix, width = 0): string {
  const { subjects, permissions, allowed, isOpen } = matrix;
  if (subjects.length === 0 || permissions.length === 0) {
    return 'No permissions follow from the rules: there are none, or they hold patterns. To ask for one request, run explain.';
  }
  const labels = permissions.map((permission) => permission.map(formatValue).join(' '));
  const title = matrix.tokens.join(' ');
  const room = (width || WIDTH) - longest([title, ...labels]) - 4;
  const groups = chunk(subjects, room);
  const { marksOf, unheld } = markCells(matrix);
  const tables = groups.map((names, index) => {
    const columns = names.map(marksOf);
    const held = columns.flatMap((marks) => [...marks.keys()]);
    const some = new Set(index === 0 ? [...held, ...unheld] : held);
    const rows = [...some].sort((one, other) => one - other);
    const shown = rows.slice(0, SHOWN_PERMISSIONS);
    const table = renderTable(
      [{ title }, ...names.map((name) => ({ title: formatValue(name) }))],
      shown.map((row) => [labels[row] ?? '', ...columns.map((marks) => marks.get(row) ?? '')]),
    );
    const more = andMore(rows.length, shown.length);
    return more === '' ? table : `${table}${more}, which --format json has`;
  });
  const legend = `${OWN} its own  ${INHERITED} inherited. ${count(allowed.length, 'permission')} of ${count(subjects.length, 'subject')}.`;
  const open = 'Something is allowed to everybody, also without any role.';
  return [...tables, legend, ...(isOpen ? [open] : [])].join('\n\n');
}

/** Not by `Math.max(...)`, which takes about 100,000 arguments. */
function longest(labels: readonly string[]): number {
  return labels.reduce((most, label) => Math.max(most, measureText(label)), 0);
}

/** What stands in the column of each subject, by the number of the permission; and the permissions that nobody has. */
function markCells({ permissions, allowed }: PolicyMatrix) {
  const numbers = new Map(permissions.map((permission, number) => [JSON.stringify(permission), number]));
  const columns = new Map<string, Map<number, string>>();
  const unheld = new Set(numbers.values());
  for (const { subject, permission, rolePath } of allowed) {
    const number = numbers.get(JSON.stringify(permission));
    if (number === undefined) continue;
    unheld.delete(number);
    getOrAdd(columns, subject, () => new Map()).set(number, rolePath.length > 1 ? INHERITED : OWN);
  }
  const marksOf = (subject: string): ReadonlyMap<number, string> => columns.get(subject) ?? new Map();
  return { marksOf, unheld };
}

/** What is allowed as remarks, a permission of a subject each. */
export function listMatrixRemarks({ allowed }: PolicyMatrix): Remark[] {
  return allowed.map(({ subject, permission, rolePath }) => {
    const through = rolePath.length > 1 ? ` (${rolePath.map(formatValue).join(' → ')})` : '';
    const message = `${policyLine(permission)}${through}`;
    return remark('note', 'ALLOWED', message, formatValue(subject));
  });
}

/** Splits names into groups that fit side by side into the width, each of at least one. */
function chunk(names: readonly string[], room: number): string[][] {
  const chunks: string[][] = [];
  let left = 0;
  for (const name of names) {
    const needed = measureText(formatValue(name)) + 2;
    if (needed > left) {
      chunks.push([]);
      left = room;
    }
    chunks.at(-1)?.push(name);
    left -= needed;
  }
  return chunks;
}

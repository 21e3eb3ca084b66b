import Table from 'cli-table3';
import { RATIO_HEAD, ROW_HEAD, ratioCells, rowCells } from './format.js';

const PLAIN = { style: { head: [], border: [] } };

/** A comparison for the terminal. Aims are for full sizes: where these were not run, they are left out. */
export function renderTable({ title, counted, rows, ratios, remarks }, { withAims }) {
  const shown = ratios.map((ratio) => (withAims ? ratio : { ...ratio, aim: null, reached: null }));
  return [
    `\n${title}`,
    toTable(
      ROW_HEAD,
      rows.map((row) => rowCells(row, counted)),
    ),
    ...(shown.length > 0 ? [toTable(RATIO_HEAD, shown.map(ratioCells))] : []),
    ...(remarks === undefined ? [] : [remarks]),
  ].join('\n');
}

function toTable(head, body) {
  const table = new Table({ head, ...PLAIN });
  table.push(...body);
  return table.toString();
}

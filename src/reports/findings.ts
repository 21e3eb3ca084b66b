import type { IntegrityFinding } from '../verification/report.ts';
import { count, policyLine } from './phrases.ts';
import { type Column, renderTable } from './table.ts';

/** What stands above so and so many findings. */
export type Headline = (total: number) => string;

/** More of one kind would bury the rest; the report itself has all of them. */
const SHOWN = 50;

/** Renders a headline and a table of what it announces, cut after 50 rows; nothing when there is nothing to show. */
export function renderFindings<T>(
  findings: readonly T[],
  headline: Headline,
  columns: readonly Column[],
  cells: (finding: T) => readonly string[],
): string[] {
  if (findings.length === 0) return [];
  const hidden = findings.length - SHOWN;
  const rest = hidden > 0 ? `\n  … and ${count(hidden, 'more', 'more')}` : '';
  const table = renderTable(columns, findings.slice(0, SHOWN).map(cells));
  return [`${headline(findings.length)}\n${table}${rest}`];
}

/** Renders stored rules that do not read back as written. */
export function renderIntegrity(findings: readonly IntegrityFinding[], headline: Headline): string[] {
  return renderFindings(
    findings,
    headline,
    [{ title: 'row', align: 'right' }, { title: 'rule' }, { title: 'problem' }],
    ({ ids, rule, message }) => [ids.join(', '), policyLine(rule), message],
  );
}

import type { RowOrder, VerificationFailure, VerificationReport } from '../verification/report.ts';
import { renderAddedRules, renderDecisions } from './decisions.ts';
import { renderFindings, renderIntegrity } from './findings.ts';
import { count, policyLine } from './phrases.ts';

/**
 * Renders what a verification found wrong as plain text: defined rules that are missing, each request that is
 * not decided as it must be, and stored rules that no enforcer reads back as written.
 *
 * Empty when nothing is wrong. No line break at the end.
 */
export function renderFailures(report: VerificationReport): string {
  const of = (kind: VerificationFailure['kind']) =>
    report.failures.filter((failure) => failure.kind === kind);

  return [
    ...renderFindings(
      of('missing-rule'),
      (total) => `${count(total, 'defined rule is', 'defined rules are')} missing from the database:`,
      [{ title: 'rule' }],
      (failure) => [failure.rule ? policyLine(failure.rule) : failure.message],
    ),
    ...renderDecisions(
      of('decision'),
      (total) => `${count(total, 'request is', 'requests are')} not decided as expected:`,
    ),
    ...renderDecisions(
      of('never'),
      (total) => `${count(total, 'request is', 'requests are')} allowed and must never be:`,
    ),
    ...renderDecisions(
      of('drift'),
      (total) => `${count(total, 'request is', 'requests are')} decided otherwise than defined:`,
    ),
    ...renderAddedRules(
      of('drift'),
      (total) => `${count(total, 'stored rule is', 'stored rules are')} not defined:`,
    ),
    ...renderIntegrity(
      report.integrity.filter((finding) => finding.severity === 'failure'),
      (total) => `${count(total, 'problem')} with stored rules:`,
    ),
    ...renderOmitted(report.omitted.failures, 'failure is', 'failures are'),
    ...renderRowOrder(report.rowOrder),
  ].join('\n\n');
}

/** What a report counts beyond what it lists. */
export function renderOmitted(amount: number, one: string, several: string): string[] {
  return amount === 0 ? [] : [`${count(amount, `more ${one}`, `more ${several}`)} not listed.`];
}

/** Whole, as it is to be run: a statement that was cut off would remove rules and not put them back. */
function renderRowOrder(rowOrder: RowOrder | null): string[] {
  if (rowOrder === null) return [];
  return [rowOrder.advice, ...(rowOrder.statements.length > 0 ? [rowOrder.statements.join('\n')] : [])];
}

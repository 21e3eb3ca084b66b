import type { LintReport } from '../review/lint-policy.ts';
import { escapeControls } from '../text.ts';
import { type Colors, count, paint } from './phrases.ts';
import { type Remark, remark } from './remark.ts';

/** Renders the problems and warnings of a policy, one a line, as compilers print them, then the result. */
export function renderLint({ problems, warnings, coverage, ok }: LintReport, look: Colors = {}): string {
  const line = (place: string, code: string, message: string) =>
    `${escapeControls(`${place}: ${message}`)} ${paint('dim', `[${code}]`, look)}`;
  const lines = [
    ...problems.map(({ at, code, message }) => line(at, code, message)),
    ...warnings.map(({ at, code, message }) => line(at, code, `warning: ${message}`)),
  ];
  const outcome = ok ? 'No problems.' : `${count(problems.length, 'problem')}.`;
  const measured = ok ? describeCoverage(coverage) : '';
  return [
    ...(lines.length > 0 ? [lines.join('\n')] : []),
    `${paint(['bold', ok ? 'green' : 'red'], outcome, look)}${measured === '' ? '' : ` ${measured}.`}`,
  ].join('\n\n');
}

/** Empty if there is nothing to measure. */
function describeCoverage(coverage: LintReport['coverage']): string {
  if (coverage === null || coverage.total === 0) return '';
  const verb = coverage.covered === 1 ? 'decides' : 'decide';
  return `${coverage.covered.toLocaleString('en-US')} of ${count(coverage.total, 'rule')} ${verb} at least one request`;
}

/** The same as remarks. */
export function listLintRemarks({ problems, warnings, coverage, ok }: LintReport): Remark[] {
  return [
    ...problems.map(({ at, code, message }): Remark => ({ level: 'error', code, at, message })),
    ...warnings.map(({ code, at, message }): Remark => ({ level: 'warning', code, at, message })),
    ...(ok ? [remark('pass', 'NO_PROBLEM', describeCoverage(coverage), 'model and policy')] : []),
  ];
}

import type { LintReport } from '../lint-policy.ts';
import { type Colors, paint } from './colors.ts';
import { count } from './findings.ts';
import type { Annotation } from './github.ts';
import { escapeControls } from './table.ts';

/** Renders what is wrong with a policy: a problem a line, as compilers print them, then warnings and the verdict. */
export function renderLint({ problems, warnings, coverage, ok }: LintReport, look: Colors = {}): string {
  const lines = problems.map(
    ({ at, code, message }) => `${escapeControls(`${at}: ${message}`)} ${paint('dim', `[${code}]`, look)}`,
  );
  const cautions = warnings.map(({ message }) => `Warning: ${escapeControls(message)}`);
  const verdict = ok ? 'No problems.' : `${count(problems.length, 'problem')}.`;
  const measured =
    coverage === null || coverage.total === 0
      ? ''
      : ` ${coverage.covered} of ${count(coverage.total, 'rule')} decide at least one request.`;
  return [
    ...(lines.length > 0 ? [lines.join('\n')] : []),
    ...cautions,
    `${paint(['bold', ok ? 'green' : 'red'], verdict, look)}${measured}`,
  ].join('\n\n');
}

/** The same as remarks on the lines of a pull request. */
export function annotateLint({ problems, warnings }: LintReport): Annotation[] {
  return [
    ...problems.map(({ at, code, message }): Annotation => ({ level: 'error', at, title: code, message })),
    ...warnings.map(
      ({ code, message }): Annotation => ({ level: 'warning', at: 'policy', title: code, message }),
    ),
  ];
}

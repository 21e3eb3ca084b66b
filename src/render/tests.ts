import { formatValue } from '../policy/rule.ts';
import type { PolicyTestReport, PolicyTestResult } from '../test-policy.ts';
import { type Colors, paint } from './colors.ts';
import { renderExplanation } from './explanation.ts';
import { count, duration } from './findings.ts';
import type { Remark } from './remark.ts';
import { escapeControls } from './table.ts';

/** Renders what came of the tests of a policy: each failure with its reason, then the count. No line break at the end. */
export function renderTests({ tests, ok, durationMs }: PolicyTestReport, look: Colors = {}): string {
  const failed = tests.filter((test) => !test.ok);
  const verdict = ok
    ? `${count(tests.length, 'request')} decided as expected`
    : `${count(failed.length, 'request')} of ${tests.length} not decided as expected`;
  return [
    ...failed.map((test) => `${paint('red', escapeControls(titleOf(test)), look)}\n${reasonOfFailure(test)}`),
    `${paint(['bold', ok ? 'green' : 'red'], verdict, look)} (${duration(durationMs)}).`,
  ].join('\n\n');
}

/** The place, the name of the test and what is expected: `policy.test.yaml:5:7: clerks: alice, invoices, write must be allowed`. */
function titleOf(test: PolicyTestResult): string {
  return `${test.at}: ${describeTest(test)}`;
}

/** A test in one line, without its place. */
function describeTest({ name, request, expected }: PolicyTestResult): string {
  const must = expected === 'allow' ? 'must be allowed' : 'must be denied';
  return `${name === null ? '' : `${name}: `}${request.map(formatValue).join(', ')} ${must}`;
}

/** Why a test has failed, without colours. */
function reasonOfFailure({ error, explanation }: PolicyTestResult): string {
  if (explanation !== null) return renderExplanation(explanation).split('\n').slice(2).join('\n');
  return `  Casbin can't decide it: ${escapeControls(error ?? '')}`;
}

/** Each test as a remark. */
export function listTestRemarks({ tests }: PolicyTestReport): Remark[] {
  return tests.map((test): Remark => {
    const { at, ok, explanation, error } = test;
    const about = { code: 'DECISION_UNEXPECTED', at, subject: describeTest(test) };
    if (ok) return { level: 'pass', ...about, message: '' };
    const message = explanation?.answer ?? error ?? '';
    return { level: 'error', ...about, message, details: reasonOfFailure(test) };
  });
}

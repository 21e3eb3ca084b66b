import { formatValue } from '../policy/rule.ts';
import type { PolicyCoverage, PolicyTestReport, PolicyTestResult } from '../test-policy.ts';
import { escapeControls } from '../text.ts';
import { renderExplanation } from './explanation.ts';
import { type Colors, count, duration, paint } from './phrases.ts';
import type { Remark } from './remark.ts';
import { renderTable } from './table.ts';

interface TestsLook extends Colors {
  /** Whether the rules are listed with the number of their requests. */
  readonly coverage?: boolean;
}

/**
 * Renders the results of the tests of a policy: each failure with its reason, other problems, and the count. No line
 * break at the end.
 */
export function renderTests(report: PolicyTestReport, look: TestsLook = {}): string {
  const { tests, warnings, problems, durationMs } = report;
  const failed = tests.filter((test) => !test.ok);
  const outcome =
    failed.length === 0
      ? `${count(tests.length, 'request')} decided as expected`
      : `${count(failed.length, 'request')} of ${tests.length.toLocaleString('en-US')} not decided as expected`;
  const lines = [
    ...warnings.map(({ at, message }) => `${at}: warning: ${message}`),
    ...problems.map(({ at, message }) => `${at}: ${message}`),
  ].map(escapeControls);
  const color = failed.length === 0 ? 'green' : 'red';
  return [
    ...failed.map((test) => `${paint('red', escapeControls(titleOf(test)), look)}\n${reasonOfFailure(test)}`),
    ...(lines.length > 0 ? [lines.join('\n')] : []),
    ...(look.coverage ? [renderCoverageTable(report.coverage)] : []),
    `${paint(['bold', color], outcome, look)} (${duration(durationMs)}). ${describeCoverage(report.coverage)}.`,
  ].join('\n\n');
}

/** How many entries are shown; the report itself has all of them. */
const SHOWN_RULES = 200;

function renderCoverageTable({ rules }: PolicyCoverage): string {
  const hidden = rules.length - SHOWN_RULES;
  const table = renderTable(
    [{ title: 'requests', align: 'right' }, { title: 'rule' }, { title: 'place' }],
    rules
      .slice(0, SHOWN_RULES)
      .map(({ rule, at, requests }) => [
        requests.toLocaleString('en-US'),
        rule.map(formatValue).join(', '),
        at,
      ]),
  );
  return hidden > 0 ? `${table}\n  … and ${count(hidden, 'more', 'more')}` : table;
}

/** `7 of 9 rules tested (78 %)` */
function describeCoverage({ covered, total }: PolicyCoverage): string {
  if (total === 0) return 'The policy has no rules';
  return `${covered.toLocaleString('en-US')} of ${count(total, 'rule')} tested (${Math.floor((covered / total) * 100)} %)`;
}

/**
 * The place, the name of the test and what is expected: `policy.test.yaml:5:7: clerks: alice, invoices, write must be
 * allowed`.
 */
function titleOf(test: PolicyTestResult): string {
  return `${test.at}: ${describeTest(test)}`;
}

/** A test in one line, without its place. */
function describeTest({ name, request, kind }: PolicyTestResult): string {
  const must = { allow: 'must be allowed', deny: 'must be denied', never: 'must never be allowed' }[kind];
  return `${name === null ? '' : `${name}: `}${request.map(formatValue).join(', ')} ${must}`;
}

/** Why a test has failed, without colours. */
function reasonOfFailure({ error, explanation }: PolicyTestResult): string {
  if (explanation !== null) return renderExplanation(explanation).split('\n').slice(2).join('\n');
  return `  Casbin can't decide it: ${escapeControls(error ?? '')}`;
}

/** Each test as a remark, and each other problem. */
export function listTestRemarks({ tests, warnings, problems }: PolicyTestReport): Remark[] {
  const decided = tests.map((test): Remark => {
    const { at, ok, explanation, error } = test;
    const about = { code: 'DECISION_UNEXPECTED', at, subject: describeTest(test) };
    if (ok) return { level: 'pass', ...about, message: '' };
    const message = explanation?.answer ?? error ?? '';
    return { level: 'error', ...about, message, details: reasonOfFailure(test) };
  });
  return [
    ...decided,
    ...warnings.map((warning): Remark => ({ level: 'warning', ...warning })),
    ...problems.map((problem): Remark => ({ level: 'error', ...problem })),
  ];
}

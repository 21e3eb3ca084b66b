import type { PolicyCoverage, PolicyTestReport, PolicyTestResult } from '../review/test-policy.ts';
import { escapeControls } from '../text.ts';
import { renderExplanation } from './explanation.ts';
import { andMore, type Colors, count, duration, paint, policyLine } from './phrases.ts';
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
    ...failed.map((test) => renderFailure(test, look)),
    ...(lines.length > 0 ? [lines.join('\n')] : []),
    ...(look.coverage ? [renderCoverageTable(report.coverage)] : []),
    `${paint(['bold', color], outcome, look)} (${duration(durationMs)}). ${describeCoverage(report.coverage)}.`,
  ].join('\n\n');
}

function renderFailure(test: PolicyTestResult, look: Colors): string {
  const title = escapeControls(`${test.at}: ${describeTest(test)}`);
  return `${paint('red', title, look)}\n${reasonOfFailure(test)}`;
}

/** How many entries are shown; the report itself has all of them. */
const SHOWN_RULES = 200;

function renderCoverageTable({ rules }: PolicyCoverage): string {
  const table = renderTable(
    [{ title: 'requests', align: 'right' }, { title: 'rule' }, { title: 'place' }],
    rules
      .slice(0, SHOWN_RULES)
      .map(({ rule, at, requests }) => [requests.toLocaleString('en-US'), policyLine(rule), at]),
  );
  return table + andMore(rules.length, SHOWN_RULES);
}

/** `7 of 9 rules tested (78 %)` */
function describeCoverage({ covered, total }: PolicyCoverage): string {
  if (total === 0) return 'The policy has no rules';
  return `${covered.toLocaleString('en-US')} of ${count(total, 'rule')} tested (${Math.floor((covered / total) * 100)} %)`;
}

/** A test in one line, without its place: `clerks: alice, invoices, write must be allowed`. */
function describeTest({ name, request, kind }: PolicyTestResult): string {
  const must = { allow: 'must be allowed', deny: 'must be denied', never: 'must never be allowed' }[kind];
  return `${name === null ? '' : `${name}: `}${policyLine(request)} ${must}`;
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

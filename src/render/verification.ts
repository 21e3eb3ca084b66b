import { escapeControls } from '../text.ts';
import type { VerificationFailure, VerificationReport } from '../verification-report.ts';
import {
  renderDrift,
  renderFailures,
  renderIntegrity,
  renderOmitted,
  renderRemedies,
  renderRowOrder,
} from './findings.ts';
import { explainAway, renderKeptAway, renderLeft } from './ownership.ts';
import { count, type DatabaseLook, duration, listRows, paint, policyLine } from './phrases.ts';
import { type Remark, remark } from './remark.ts';

/** Renders how a database compares to the definition, for a person. No line break at the end. */
export function renderVerification(report: VerificationReport, look: DatabaseLook): string {
  return [
    `Database: ${look.where}`,
    paint(['bold', report.ok ? 'green' : 'red'], renderVerdict(report), look),
    ...renderFound(report),
  ].join('\n\n');
}

function renderVerdict({ ok, drift, durationMs, scope }: VerificationReport): string {
  const took = `${count(scope.rules, 'rule')} read, in ${duration(durationMs)}`;
  if (!ok) return `The database does not decide as defined (${took}).`;
  if (drift.length > 0) return `The database decides as defined, and has more than that (${took}).`;
  return `The database decides as defined (${took}).`;
}

/** What a verification found, each part as a paragraph. */
export function renderFound(verification: VerificationReport): string[] {
  const drift = listDrift(verification);
  return [
    ...renderOutcome(verification),
    ...renderScope(verification),
    ...renderDrift(drift.drift, 'Drift: '),
    ...renderOmitted(drift.omitted, 'finding of drift is', 'findings of drift are'),
    ...renderKeptAway(verification),
    ...renderLeft(verification),
    ...renderWarnings(verification),
  ];
}

function renderOutcome(verification: VerificationReport): string[] {
  const failures = renderFailures(verification);
  if (failures !== '') return [failures, ...renderRemedies(verification)];
  const { checks, allowed } = verification;
  if (checks === 0) return ['No decisions were verified.'];
  return [
    `${count(checks, 'decision')} verified: ${count(allowed, 'allow', 'allow')}, ${count(checks - allowed, 'deny', 'deny')}.`,
  ];
}

function renderScope({ scope }: VerificationReport): string[] {
  if (scope.kind !== 'part') return [];
  return [
    `The table is large: ${count(scope.rules, 'rule was', 'rules were')} read, those that the definition and its requests can reach. Other rows may hold drift, or rules that no enforcer can load; verify: { full: true } reads all rows.`,
  ];
}

type Drift = Pick<VerificationReport, 'drift'> & { readonly omitted: number };

/** Nothing under `strict`, where all drift is among the failures. */
function listDrift({ failures, drift, omitted }: VerificationReport): Drift {
  const isStrict = failures.some(({ kind }) => kind === 'drift');
  return isStrict ? { drift: [], omitted: 0 } : { drift, omitted: omitted.drift };
}

function renderWarnings({ integrity, warnings }: VerificationReport): string[] {
  const messages = warnings.map(({ message }) => `Warning: ${escapeControls(message)}`);
  return [
    ...messages,
    ...renderIntegrity(
      integrity.filter((finding) => finding.severity === 'warning'),
      (total) => `${count(total, 'warning')} about stored rules:`,
    ),
  ];
}

const FAILURE_CODES = {
  'missing-rule': 'RULE_MISSING',
  decision: 'DECISION_UNEXPECTED',
  never: 'NEVER_ALLOWED',
  drift: 'DRIFT',
  structure: 'HIERARCHY_BROKEN',
} as const satisfies Record<VerificationFailure['kind'], string>;

/** What a verification found, as remarks. */
export function listVerificationRemarks(verification: VerificationReport): Remark[] {
  const { failures, integrity, rowOrder, keptAway, left, warnings, ok, checks } = verification;
  const drift = listDrift(verification);
  return [
    ...failures.map(({ kind, message }) => remark('error', FAILURE_CODES[kind], message)),
    ...renderRowOrder(rowOrder).map((message) => remark('note', 'ROW_ORDER', message)),
    ...integrity.map(({ severity, ids, rule, message }) => {
      const level = severity === 'failure' ? 'error' : 'warning';
      return remark(level, 'STORED_RULE', message, `${policyLine(rule)} (${listRows(ids)})`);
    }),
    ...drift.drift.map(({ message }) => remark('warning', 'DRIFT', message)),
    ...keptAway.map((away) =>
      remark('note', 'RULE_KEPT_AWAY', `${policyLine(away.rule)}: ${explainAway(away)}`),
    ),
    ...left.map((rule) =>
      remark(
        'warning',
        'RETIRED_LEFT',
        `${policyLine(rule)}: it is retired, or names a retired role, or a renamed one by its former name`,
      ),
    ),
    ...warnings.map(({ code, message }) => remark('warning', code, message)),
    ...listOmitted(verification, drift.omitted),
    ...(ok ? [remark('pass', 'DECISIONS', `${checks} verified`, 'decisions')] : []),
  ];
}

function listOmitted({ omitted, leftOmitted }: VerificationReport, drift: number): Remark[] {
  const tell = (level: Remark['level'], messages: readonly string[]) =>
    messages.map((message) => remark(level, 'NOT_LISTED', message));
  return [
    ...tell('error', renderOmitted(omitted.failures, 'failure is', 'failures are')),
    ...tell('warning', renderOmitted(drift, 'finding of drift is', 'findings of drift are')),
    ...tell(
      'warning',
      renderOmitted(leftOmitted, 'retired or renamed rule is', 'retired or renamed rules are'),
    ),
  ];
}

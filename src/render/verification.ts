import type { VerificationReport } from '../report.ts';
import { type Colors, paint } from './colors.ts';
import {
  count,
  duration,
  renderAddedRules,
  renderDecisions,
  renderFailures,
  renderIntegrity,
  renderOmitted,
} from './findings.ts';
import type { Annotation } from './github.ts';
import { renderKeptAway } from './ownership.ts';
import { escapeControls } from './table.ts';

export interface VerificationLook extends Colors {
  /** The database, without its password. */
  readonly where: string;
}

/** Renders how a database compares to the definition, for a person. No line break at the end. */
export function renderVerification(report: VerificationReport, look: VerificationLook): string {
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
  return [
    ...renderOutcome(verification),
    ...renderScope(verification),
    ...renderDrift(verification),
    ...renderKeptAway(verification),
    ...renderWarnings(verification),
  ];
}

function renderOutcome(verification: VerificationReport): string[] {
  const failures = renderFailures(verification);
  if (failures !== '') return [failures];
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

function renderDrift({ drift, omitted }: VerificationReport): string[] {
  return [
    ...renderDecisions(
      drift,
      (total) => `Drift: ${count(total, 'request is', 'requests are')} decided differently than defined:`,
    ),
    ...renderAddedRules(
      drift,
      (total) => `Drift: ${count(total, 'stored rule is', 'stored rules are')} not defined:`,
    ),
    ...renderOmitted(omitted.drift, 'finding of drift is', 'findings of drift are'),
  ];
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

/** What a verification found, as remarks on a pull request. */
export function annotateVerification({
  failures,
  integrity,
  drift,
  warnings,
}: VerificationReport): Annotation[] {
  const remark = (level: Annotation['level'], title: string) => (finding: { readonly message: string }) => ({
    level,
    at: null,
    title,
    message: finding.message,
  });
  return [
    ...failures.map(remark('error', 'Not decided as defined')),
    ...integrity.map((finding) =>
      remark(finding.severity === 'failure' ? 'error' : 'warning', 'Stored rule')(finding),
    ),
    ...drift.map(remark('warning', 'Drift')),
    ...warnings.map(remark('warning', 'Not verified')),
  ];
}

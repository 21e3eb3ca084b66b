import type { DatabaseStatus, MigrationStatus, RuleCounts, VersionStatus } from '../inspect/read-status.ts';
import { escapeControls } from '../text.ts';
import type { VerificationReport } from '../verification-report.ts';
import { count, countDrift, countFailures, type DatabaseLook, paint } from './phrases.ts';
import { type Remark, remark } from './remark.ts';

/** Renders what is installed, a fact a line. No line break at the end. */
export function renderStatus(status: DatabaseStatus, look: DatabaseLook): string {
  const lines = [['database', look.where] as const, ...listFacts(status)];
  const outcome = status.isComplete
    ? paint('green', 'Everything that is defined is in place.', look)
    : paint('yellow', TO_DO, look);
  const shown = lines.map(([label, text]) => `  ${label.padEnd(13)}${escapeControls(text)}`);
  return [...shown, '', outcome].join('\n');
}

const TO_DO = 'A bootstrap would have something to do: casbin-bootstrap plan tells what.';

/** The same as remarks. */
export function listStatusRemarks(status: DatabaseStatus): Remark[] {
  const facts = listFacts(status).map(([label, text]) => remark('note', 'STATUS', text, label));
  return status.isComplete ? facts : [...facts, remark('warning', 'BOOTSTRAP_NEEDED', TO_DO)];
}

function listFacts(status: DatabaseStatus): (readonly [label: string, text: string])[] {
  const { table, packageMigrations, applicationMigrations, version, rules, verification } = status;
  return [
    ['table', table.isMissing ? `${table.name} is missing` : `${table.name}, layout ${table.layout}`],
    ['migrations', describeMigrations(packageMigrations)],
    ...(applicationMigrations === null
      ? []
      : [['application', describeMigrations(applicationMigrations)] as const]),
    ...(version === null ? [] : [['version', describeVersion(version)] as const]),
    ['rules', describeRules(rules)],
    ...describeLeft(verification),
    ['decisions', describeDecisions(verification)],
    ['drift', describeDrift(verification)],
  ];
}

function describeVersion({ defined, newest }: VersionStatus): string {
  const here = newest === null ? 'none' : newest === defined ? 'the same' : String(newest);
  return `${defined} of the definition, ${here} in the database`;
}

function describeLeft(verification: VerificationReport | null): (readonly [string, string])[] {
  const left = (verification?.left.length ?? 0) + (verification?.leftOmitted ?? 0);
  return left === 0
    ? []
    : [['retired', `${count(left, 'rule')} still there: casbin-bootstrap verify lists them`]];
}

function describeRules({ defined, stored, missing, extra, keptAway }: RuleCounts): string {
  const away = keptAway === 0 ? '' : `, ${keptAway} kept away`;
  return `${defined} defined, ${stored} stored: ${missing} missing, ${extra} extra${away}`;
}

function describeMigrations(status: MigrationStatus | null): string {
  if (status === null) return 'run by another tool';
  const { applied, pending } = status;
  const waiting = pending.length === 0 ? 'none pending' : `${pending.length} pending: ${pending.join(', ')}`;
  return `${applied.length} applied, ${waiting}`;
}

function describeDecisions(verification: VerificationReport | null): string {
  if (verification === null) return 'not verified';
  return verification.ok
    ? `${count(verification.checks, 'decision')} as defined`
    : `${count(countFailures(verification), 'failure')}: casbin-bootstrap verify tells them`;
}

function describeDrift(verification: VerificationReport | null): string {
  if (verification === null) return 'not verified';
  const findings = countDrift(verification);
  const read = verification.scope.kind === 'part' ? ', of the part that was read' : '';
  return findings === 0
    ? `none${read}`
    : `${count(findings, 'finding')}${read}: casbin-bootstrap verify lists them`;
}

import { styleText } from 'node:util';
import type { BootstrapReport, VerificationReport } from '../report.ts';
import {
  count,
  duration,
  renderAddedRules,
  renderDecisions,
  renderFailures,
  renderIntegrity,
  renderOmitted,
} from './findings.ts';
import { escapeControls, renderTable } from './table.ts';

export interface SummaryOptions {
  /** The database, without its password. */
  readonly where: string;
  /** Whether to use terminal colours. Default: false. */
  readonly color?: boolean;
}

/** Renders what a bootstrap did, for a person. No line break at the end. */
export function renderSummary(report: BootstrapReport, options: SummaryOptions): string {
  const bold = (text: string) => (options.color ? styleText('bold', text, { validateStream: false }) : text);

  return [
    `Database: ${options.where}`,
    bold(renderOutcome(report)),
    ...renderMigrations(report),
    ...renderTakeover(report),
    ...renderSeeders(report),
    ...renderVerification(report.verification),
    ...renderScope(report.verification),
    ...renderDrift(report.verification),
    ...renderWarnings(report.verification),
  ].join('\n\n');
}

function renderOutcome(report: BootstrapReport): string {
  const took = duration(report.durationMs);
  if (!report.changed) return `Nothing to do: everything is in place (checked in ${took}).`;
  if (report.dryRun) return `Dry run: nothing was changed. A real run would do this (tried in ${took}):`;
  return `Done in ${took}.`;
}

function renderMigrations({ migrations, dryRun }: BootstrapReport): string[] {
  if (migrations.length === 0) return [];
  const names = migrations.map((migration) => `  ${escapeControls(migration.name)}`);
  const verb = dryRun ? 'Would apply' : 'Applied';
  return [[`${verb} ${count(migrations.length, 'migration')}:`, ...names].join('\n')];
}

function renderTakeover({ takeover, dryRun }: BootstrapReport): string[] {
  if (!takeover) return [];
  const lines = [dryRun ? 'Would take over the existing rule table:' : 'Took over the existing rule table:'];
  if (takeover.constraintReplaced) {
    lines.push('  its unique constraint on (rule) is replaced by one on (ptype, rule)');
  }
  if (takeover.duplicatesRemoved > 0) {
    const duplicates = count(takeover.duplicatesRemoved, 'duplicate rule');
    lines.push(`  ${duplicates} removed, the lowest id of each kept`);
  }
  return [lines.join('\n')];
}

function renderSeeders({ seeders, dryRun }: BootstrapReport): string[] {
  if (seeders.length === 0) return [];
  const columns = [
    { title: 'seeder' },
    { title: dryRun ? 'would insert' : 'inserted', align: 'right' },
    { title: 'already there', align: 'right' },
    { title: 'total', align: 'right' },
  ] as const;
  const amounts = (values: number[]) => values.map((value) => value.toLocaleString('en-US'));
  const rows = seeders.map((seeder) => [
    seeder.name,
    ...amounts([seeder.inserted, seeder.existing, seeder.total]),
  ]);
  return [renderTable(columns, rows)];
}

function renderVerification(verification: VerificationReport): string[] {
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

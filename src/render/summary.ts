import type { BootstrapReport } from '../bootstrap-report.ts';
import { renderOwnership } from './ownership.ts';
import { count, type DatabaseLook, duration, listBelow, paint } from './phrases.ts';
import { type Remark, remark } from './remark.ts';
import { renderTable } from './table.ts';
import { listVerificationRemarks, renderFound } from './verification.ts';

/** Renders what a bootstrap did, for a person. No line break at the end. */
export function renderSummary(report: BootstrapReport, look: DatabaseLook): string {
  return [
    `Database: ${look.where}`,
    paint('bold', renderOutcome(report), look),
    ...renderMigrations(report),
    ...renderTakeover(report),
    ...renderOwnership(report),
    ...renderSeeders(report),
    ...renderEngine(report),
    ...renderFound(report.verification),
  ].join('\n\n');
}

function renderOutcome(report: BootstrapReport): string {
  const took = duration(report.durationMs);
  if (!report.changed) return `Nothing to do: everything is in place (checked in ${took}).`;
  if (report.dryRun) return `Dry run: nothing was changed. A real run would do this (tried in ${took}):`;
  return `Done in ${took}.`;
}

/** The guarantees of PostgreSQL that this server does not give. */
function renderEngine({ engine: { name, limits } }: BootstrapReport): string[] {
  return listBelow(`On ${name}:`, limits);
}

function renderMigrations({ migrations, dryRun }: BootstrapReport): string[] {
  const headline = `${dryRun ? 'Would apply' : 'Applied'} ${count(migrations.length, 'migration')}:`;
  return listBelow(
    headline,
    migrations.map(({ name }) => name),
  );
}

function renderTakeover({ takeover, dryRun }: BootstrapReport): string[] {
  if (!takeover) return [];
  const { constraintReplaced, duplicatesRemoved } = takeover;
  return listBelow(`${dryRun ? 'Would take' : 'Took'} over the existing rule table:`, [
    ...(constraintReplaced ? ['its unique constraint on (rule) is replaced by one on (ptype, rule)'] : []),
    ...(duplicatesRemoved > 0
      ? [`${count(duplicatesRemoved, 'duplicate rule')} removed, the lowest id of each kept`]
      : []),
  ]);
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

/** The same as remarks. */
export function listSummaryRemarks(report: BootstrapReport): Remark[] {
  const { migrations, seeders, engine, dryRun, verification } = report;
  const would = dryRun ? 'would be ' : '';
  return [
    ...migrations.map(({ name }) => remark('note', 'MIGRATION', `${would}applied`, `migration ${name}`)),
    ...renderTakeover(report).map((lines) => remark('note', 'TAKEOVER', lines, 'table')),
    ...renderOwnership(report).map((lines) => remark('note', 'OWNERSHIP', lines, 'policy')),
    ...seeders.map(({ name, inserted, existing }) =>
      remark('note', 'SEEDER', `${inserted} ${would}inserted, ${existing} already there`, `seeder ${name}`),
    ),
    ...engine.limits.map((limit) => remark('note', 'ENGINE_LIMIT', limit, engine.name)),
    ...listVerificationRemarks(verification),
  ];
}

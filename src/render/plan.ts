import type { SeederReport } from '../bootstrap-report.ts';
import type { BootstrapPlan } from '../inspect/plan-bootstrap.ts';
import { formatValue } from '../policy/rule.ts';
import type { InsertedRow } from '../seeding/inserted-rows.ts';
import { escapeControls, shorten } from '../text.ts';
import { listOwnershipChanges } from './ownership.ts';
import { count, type DatabaseLook, duration, paint, policyLine } from './phrases.ts';
import { type Remark, remark } from './remark.ts';
import { listVerificationRemarks, renderFound } from './verification.ts';

/** How many entries of a list are shown; the plan itself has more of them. */
const SHOWN_RULES = 200;
const SHOWN_SEEDER_ROWS = 50;
const SHOWN_CHARACTERS = 80;

/** Renders what a bootstrap would do, as a diff. No line break at the end. */
export function renderPlan(plan: BootstrapPlan, look: DatabaseLook): string {
  const took = `tried in ${duration(plan.durationMs)}`;
  const outcome = plan.changed
    ? `A bootstrap would change this database (${took}):`
    : `A bootstrap would find nothing to do (${took}).`;
  const changes = listChanges(plan).map((line) => paint('green', `  ${escapeControls(line)}`, look));
  return [
    `Database: ${look.where}`,
    [paint('bold', outcome, look), ...changes].join('\n'),
    ...renderFound(plan.verification),
  ].join('\n\n');
}

/** The same as remarks, with every rule. */
export function listPlanRemarks(plan: BootstrapPlan): Remark[] {
  const changes = listChanges(plan, plan.rules.length).map((line) => remark('note', 'WOULD_CHANGE', line));
  return [...changes, ...listVerificationRemarks(plan.verification)];
}

function listChanges(
  { newSchema, migrations, takeover, ownership, rules, seeders, rows }: BootstrapPlan,
  shownRules = SHOWN_RULES,
): string[] {
  const hidden = rules.length - shownRules;
  return [
    ...(newSchema === null ? [] : [`+ schema ${newSchema}`]),
    ...migrations.map(({ name }) => `+ migration ${name}`),
    ...(takeover?.constraintReplaced
      ? ['~ the unique constraint on (rule) becomes one on (ptype, rule)']
      : []),
    ...(takeover && takeover.duplicatesRemoved > 0
      ? [`- ${count(takeover.duplicatesRemoved, 'duplicate rule')}, the lowest id of each kept`]
      : []),
    ...(ownership === null ? [] : listOwnershipChanges(ownership)),
    ...rules.slice(0, shownRules).map((rule) => `+ ${policyLine(rule)}`),
    ...(hidden > 0 ? [`+ ${count(hidden, 'more rule')}`] : []),
    ...seeders
      .filter(({ name, inserted }) => name !== 'rbac' && inserted > 0)
      .flatMap((seeder) =>
        listSeeder(
          seeder,
          rows.filter((row) => row.seeder === seeder.name),
        ),
      ),
  ];
}

function listSeeder({ name, inserted, existing }: SeederReport, rows: readonly InsertedRow[]): string[] {
  const total = `+ ${count(inserted, 'row')} by ${name}, beside ${existing} there`;
  if (rows.length === 0) return [`${total} (not listed)`];
  const hidden = Math.max(rows.length, inserted) - SHOWN_SEEDER_ROWS;
  return [
    total,
    ...rows.slice(0, SHOWN_SEEDER_ROWS).map(rowLine),
    ...(hidden > 0 ? [`+ ${count(hidden, 'more row')} by ${name}`] : []),
  ];
}

function rowLine({ table, values }: InsertedRow): string {
  const shown = Object.entries(values).map(([column, value]) => `${column} = ${showValue(value)}`);
  return `+ ${table}: ${shown.join(', ')}`;
}

function showValue(value: unknown): string {
  const text = typeof value === 'string' ? formatValue(value) : JSON.stringify(value);
  return shorten(text, SHOWN_CHARACTERS);
}

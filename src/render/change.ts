import { formatRule, toRule } from '../policy/rule.ts';
import type { ChangeOptions, ChangeReport } from '../running/change-policy.ts';
import { type Colors, paint } from './colors.ts';
import { escapeControls } from './escape-controls.ts';

interface ChangeLook extends Colors, Pick<ChangeOptions, 'actor' | 'reason' | 'force' | 'dryRun'> {
  /** The database, without its password. */
  readonly where: string;
}

/** Renders what a change of the policy has changed, for a person. No line break at the end. */
export function renderChange(report: ChangeReport, look: ChangeLook): string {
  const line = (sign: string, rule: readonly string[]) =>
    `${sign} ${escapeControls(formatRule(toRule(rule)))}`;
  const changes = [
    ...report.added.map((rule) => paint('green', line('+', rule), look)),
    ...report.removed.map((rule) => paint('red', line('-', rule), look)),
  ];
  const shown = changes.length === 0 ? 'Nothing to change: it is so already.' : changes.join('\n');
  return [`Database: ${look.where}`, shown, ...renderRecord(report, look, changes.length > 0)].join('\n\n');
}

function renderRecord({ journaled }: ChangeReport, look: ChangeLook, isChange: boolean): string[] {
  if (!isChange) return [];
  if (look.dryRun) return ['Dry run: nothing was changed.'];
  if (!journaled)
    return ['Not recorded: the table has no journal. A bootstrap with journal: true makes one.'];
  const reason = look.reason === undefined ? '' : `, ${look.force ? 'forced: ' : ''}${look.reason}`;
  return [`In the journal: ${escapeControls(`${look.actor}${reason}`)}.`];
}

import { formatRule, toRule } from '../policy/rule.ts';
import type { ChangeOptions, ChangeReport } from '../running/policy-changes.ts';
import { type Colors, escapeControls, paint } from './phrases.ts';
import type { Remark } from './remark.ts';

type ChangeRecord = Pick<ChangeOptions, 'actor' | 'reason' | 'force' | 'dryRun'>;

interface ChangeLook extends Colors, ChangeRecord {
  /** The database, without its password. */
  readonly where: string;
}

/** Renders the result of a change of the policy. No line break at the end. */
export function renderChange(report: ChangeReport, look: ChangeLook): string {
  const line = (sign: string, rule: readonly string[]) =>
    `${sign} ${escapeControls(formatRule(toRule(rule)))}`;
  const changes = [
    ...report.added.map((rule) => paint('green', line('+', rule), look)),
    ...report.removed.map((rule) => paint('red', line('-', rule), look)),
  ];
  const shown = changes.length === 0 ? NOTHING_TO_CHANGE : changes.join('\n');
  return [`Database: ${look.where}`, shown, ...renderRecord(report, look)].join('\n\n');
}

const NOTHING_TO_CHANGE = 'Nothing to change: the policy is already like this.';

/** The same as remarks. */
export function listChangeRemarks(report: ChangeReport, record: ChangeRecord): Remark[] {
  const would = record.dryRun ? 'would be ' : '';
  const note = (code: string, message: string, subject?: string): Remark => ({
    level: 'note',
    code,
    at: null,
    message,
    ...(subject === undefined ? {} : { subject }),
  });
  const tell = (code: string, what: string, rules: readonly (readonly string[])[]) =>
    rules.map((rule) => note(code, formatRule(toRule(rule)), `rule ${would}${what}`));
  const changes = [
    ...tell('RULE_ADDED', 'added', report.added),
    ...tell('RULE_REMOVED', 'removed', report.removed),
  ];
  if (changes.length === 0) return [note('NOTHING_TO_CHANGE', NOTHING_TO_CHANGE)];
  return [...changes, ...renderRecord(report, record).map((line) => note('JOURNAL', line))];
}

function renderRecord({ added, removed, journaled }: ChangeReport, look: ChangeRecord): string[] {
  if (added.length + removed.length === 0) return [];
  if (look.dryRun) return ['Dry run: nothing was changed.'];
  if (!journaled)
    return ['Not recorded: the table has no journal. A bootstrap with journal: true makes one.'];
  const reason = look.reason === undefined ? '' : `, ${look.force ? 'forced: ' : ''}${look.reason}`;
  return [`In the journal: ${escapeControls(`${look.actor}${reason}`)}.`];
}

import type { ChangeOptions, ChangeReport, PolicyChanges } from '../running/policy-changes.ts';
import { escapeControls } from '../text.ts';
import { type DatabaseLook, paint, policyLine } from './phrases.ts';
import { type Remark, remark } from './remark.ts';

/** What was asked for, by whom and why. */
interface ChangeRecord extends Pick<ChangeOptions, 'actor' | 'reason' | 'force' | 'dryRun'> {
  readonly changes: PolicyChanges;
}

/** Renders the result of a change of the policy. No line break at the end. */
export function renderChange(report: ChangeReport, look: DatabaseLook & ChangeRecord): string {
  const line = (sign: string, rule: readonly string[]) => `${sign} ${escapeControls(policyLine(rule))}`;
  const changes = [
    ...report.added.map((rule) => paint('green', line('+', rule), look)),
    ...report.removed.map((rule) => paint('red', line('-', rule), look)),
  ];
  const shown = changes.length === 0 ? renderUnchanged(look.changes) : changes.join('\n');
  const warnings = report.comesBack.map(warnOfReturn).map((warning) => paint('yellow', warning, look));
  return [`Database: ${look.where}`, shown, ...warnings, ...renderRecord(report, look)].join('\n\n');
}

/** Names the rules, so that a misspelt one is seen. */
function renderUnchanged({ grant = [], revoke = [], assign = [], unassign = [] }: PolicyChanges): string {
  const list = (some: readonly (readonly (string | undefined)[])[], what: string, ...ptype: string[]) =>
    some.map((values) => `"${policyLine([...ptype, ...values.flatMap((value) => value ?? [])])}" is ${what}`);
  const told = [
    ...list(grant, 'stored already', 'p'),
    ...list(assign, 'assigned already'),
    ...list(revoke, 'not stored', 'p'),
    ...list(unassign, 'not assigned'),
  ];
  return `Nothing to change: ${escapeControls(told.join(', '))}.`;
}

function warnOfReturn(rule: readonly string[]): string {
  const told = escapeControls(policyLine(rule));
  return `The policy defines "${told}", so the next bootstrap adds it again. Remove it from the policy too; or give the policy a version, bootstrap with it, and revoke the rule with a reason.`;
}

/** The same as remarks. */
export function listChangeRemarks(report: ChangeReport, record: ChangeRecord): Remark[] {
  const would = record.dryRun ? 'would be ' : '';
  const tell = (code: string, what: string, rules: readonly (readonly string[])[]) =>
    rules.map((rule) => remark('note', code, policyLine(rule), `rule ${would}${what}`));
  const changes = [
    ...tell('RULE_ADDED', 'added', report.added),
    ...tell('RULE_REMOVED', 'removed', report.removed),
  ];
  if (changes.length === 0) return [remark('note', 'NOTHING_TO_CHANGE', renderUnchanged(record.changes))];
  const warnings = report.comesBack.map((rule) => remark('warning', 'RULE_COMES_BACK', warnOfReturn(rule)));
  return [
    ...changes,
    ...warnings,
    ...renderRecord(report, record).map((line) => remark('note', 'JOURNAL', line)),
  ];
}

function renderRecord({ added, removed, journaled }: ChangeReport, look: ChangeRecord): string[] {
  if (added.length + removed.length === 0) return [];
  if (look.dryRun) return ['Dry run: nothing was changed.'];
  if (!journaled)
    return ['Not recorded: the table has no journal. A bootstrap with journal: true makes one.'];
  const reason = look.reason === undefined ? '' : `, ${look.force ? 'forced: ' : ''}${look.reason}`;
  return [`In the journal: ${escapeControls(`${look.actor}${reason}`)}.`];
}

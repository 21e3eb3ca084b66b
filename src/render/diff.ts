import { formatValue } from '../policy/rule.ts';
import type { PolicyDiff } from '../review/diff-policies.ts';
import { escapeControls } from '../text.ts';
import type { DecisionChange, DecisionChanges, ExplainedDecision } from '../verification/compare-policies.ts';
import { NO_ROLE } from '../verification/requests.ts';
import { andMore, type Colors, count, paint, policyLine } from './phrases.ts';
import { type Remark, remark } from './remark.ts';

/** How many entries of a list are shown; the diff itself has all of them. */
const SHOWN = 100;

/** Renders how two policies differ: rules first, then decisions. No line break at the end. */
export function renderDiff({ rules, decisions, userLinks }: PolicyDiff, look: Colors = {}): string {
  const { more, less } = decisions;
  const isSame = rules.added.length + rules.removed.length === 0;
  return [
    ...renderList('Rules added', '+', rules.added.map(policyLine), look),
    ...renderList('Rules removed', '-', rules.removed.map(policyLine), look),
    ...(isSame && !rules.reordered ? ['The rules are the same.'] : []),
    ...(rules.reordered ? [REORDERED] : []),
    ...renderList('Allowed now', '+', more.map(moreLine), look),
    ...renderList('No longer allowed', '-', less.map(lessLine), look),
    summarize(decisions),
    ...(isUntold({ rules, decisions }) ? [UNTOLD] : []),
    ...(userLinks > 0 ? [`${count(userLinks, 'link')} of users to roles left out.`] : []),
  ].join('\n\n');
}

/** The same as remarks, all of them. */
export function listDiffRemarks({ rules, decisions }: PolicyDiff): Remark[] {
  const { more, less } = decisions;
  return [
    ...rules.added.map((rule) => remark('note', 'RULE_ADDED', policyLine(rule), 'rule added')),
    ...rules.removed.map((rule) => remark('note', 'RULE_REMOVED', policyLine(rule), 'rule removed')),
    ...more.map((change) => remark('note', 'ALLOWED_NOW', moreLine(change), 'allowed now')),
    ...less.map((change) => remark('note', 'NO_LONGER_ALLOWED', lessLine(change), 'no longer allowed')),
    ...(rules.reordered ? [remark('note', 'RULES_REORDERED', REORDERED, 'rules')] : []),
    remark('note', 'DECISIONS', summarize(decisions), 'decisions'),
    ...(isUntold({ rules, decisions }) ? [remark('warning', 'DECISIONS_UNTOLD', UNTOLD, 'decisions')] : []),
  ];
}

const REORDERED = 'Rules that both have are in another order, which may decide.';

const UNTOLD =
  'Other requests may be decided differently: the rules do not say which requests there are, because they contain patterns, or because requests have attributes. List some under samples, allow or deny.';

/** Whether there may be changed decisions that are not listed. */
function isUntold({ rules, decisions }: Pick<PolicyDiff, 'rules' | 'decisions'>): boolean {
  return !decisions.isWhole && (rules.reordered || rules.added.length + rules.removed.length > 0);
}

function summarize({ compared, more, less, omitted }: DecisionChanges): string {
  const [allowed, denied] = [more.length + omitted.more, less.length + omitted.less];
  const requests = count(compared, 'request');
  if (allowed + denied === 0) return `No decision changes (${requests} compared).`;
  return `Of ${requests}, ${count(allowed, 'is', 'are')} allowed now, and ${denied.toLocaleString('en-US')} no longer.`;
}

function renderList(title: string, sign: '+' | '-', lines: readonly string[], look: Colors): string[] {
  if (lines.length === 0) return [];
  const color = sign === '+' ? 'green' : 'red';
  const shown = lines.slice(0, SHOWN).map((line) => paint(color, `  ${sign} ${escapeControls(line)}`, look));
  return [[`${title}:`, ...shown].join('\n') + andMore(lines.length, SHOWN)];
}

function moreLine(change: DecisionChange): string {
  return `${requestLine(change)} — ${change.after.reason}${differing('new', change.after)}`;
}

/** If a rule denies now, it explains more than the rule that allowed before. */
function lessLine(change: DecisionChange): string {
  const { before, after } = change;
  if (after.rule !== null) return `${requestLine(change)} — ${after.reason}${differing('new', after)}`;
  return `${requestLine(change)} — was allowed ${before.reason}${differing('gone', before)}`;
}

/** The role links that differ; the rule itself is in the list of rules. */
function differing(what: 'new' | 'gone', { added, rule }: ExplainedDecision): string {
  const others = added.filter((one) => one.join() !== rule?.join());
  return others.length === 0 ? '' : ` (${what}: ${others.map(policyLine).join('; ')})`;
}

function requestLine({ request }: DecisionChange): string {
  return request.map((value) => (value === NO_ROLE ? 'anybody' : formatValue(value))).join(', ');
}

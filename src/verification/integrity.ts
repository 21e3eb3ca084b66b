import type { Model } from 'casbin';
import { readAsStockAdapter } from '../casbin/distortion.ts';
import { effectOf, ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { usabilityCheck } from '../casbin/rule-usability.ts';
import { addTo } from '../collections.ts';
import { formatRule, type Rule, toLine } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { RuleTable } from '../tables/rule-table.ts';
import type { IntegrityFinding } from '../verification-report.ts';

/**
 * Checks whether each stored rule can be read back as written, by our adapter and by the stock one.
 *
 * A defined rule that the stock adapter can't load is a failure, and under `stockLoadable` also a rule that others have
 * stored, because an application with that adapter can't start. Everything else is a warning.
 */
export function checkIntegrity(
  model: Model,
  live: readonly StoredRule[],
  { defined, stockLoadable, ruleTable }: IntegrityOptions,
): IntegrityFinding[] {
  const lengths = ruleLengthsOf(model);
  const findFault = usabilityCheck(model);
  const findings: IntegrityFinding[] = [];
  for (const rule of live) {
    const misshapen = checkRuleShape(rule, lengths) ?? checkValues(rule, findFault);
    const misread = checkReading(rule, ruleTable, () => stockLoadable || defined.has(rule));
    if (misshapen !== null) findings.push(misshapen);
    if (misread !== null) findings.push(misread);
  }
  return [...findings, ...(ruleTable.isUnique ? [] : checkRepetition(live)), ...checkOrder(model, live)];
}

/** What matters about the table that holds the rules. */
export type VerifiedTable = Pick<RuleTable, 'stockLines' | 'isUnique'>;

interface IntegrityOptions {
  readonly defined: RuleSet;
  readonly stockLoadable: boolean;
  readonly ruleTable: VerifiedTable;
}

function checkRuleShape(rule: StoredRule, lengths: ReadonlyMap<string, number>): IntegrityFinding | null {
  const length = lengths.get(rule.ptype);
  if (length === undefined) {
    const message = `The model has no "${rule.ptype}": createEnforcer refuses this rule, and Casbin's own loaders leave it out silently. Define it in the model, or delete the rule.`;
    return finding('warning', rule, message);
  }
  if (rule.values.length === length) return null;
  const values = rule.values.length === 1 ? '1 value' : `${rule.values.length} values`;
  const message = `It has ${values}, and the model defines ${length}: createEnforcer refuses it. Give the model of this policy, or correct or delete the rule.`;
  return finding('warning', rule, message);
}

function checkValues(rule: StoredRule, findFault: (rule: Rule) => string | null): IntegrityFinding | null {
  const reason = findFault(rule);
  return reason === null ? null : finding('warning', rule, `It ${reason}, or delete it.`);
}

function checkReading(
  rule: StoredRule,
  ruleTable: VerifiedTable,
  mustLoad: () => boolean,
): IntegrityFinding | null {
  const reading = readAsStockAdapter(rule, (one) => ruleTable.stockLines(one));
  if (reading.kind === 'same') return null;
  if (reading.kind === 'unloadable') {
    const message = `Casbin's loader throws on "${formatRule(rule)}", so an application with the stock adapter can't start: ${reading.reason}. Delete the rule, or store other values.`;
    return finding(mustLoad() ? 'failure' : 'warning', rule, message);
  }
  const { values } = reading;
  const read = values === null ? 'nothing' : `"${formatRule({ ptype: rule.ptype, values })}"`;
  const message = `"${formatRule(rule)}" is stored, and the stock adapter reads ${read} instead. Store other values.`;
  return finding('warning', rule, message);
}

/** Rules that are stored more than once, each with all of its rows. */
export function findRepeated(live: readonly StoredRule[]): StoredRule[][] {
  const stored = new RuleSet(live);
  const rows = new Map<number, StoredRule[]>();
  for (const [position, rule] of live.entries()) {
    const first = stored.firstOf(position);
    if (first !== position) addTo(rows, first, rule);
  }
  return Array.from(rows, ([first, others]) => [...live.slice(first, first + 1), ...others]);
}

/** A warning about duplicates: each of the rows decides, and deleting one row leaves the others. */
function checkRepetition(live: readonly StoredRule[]): IntegrityFinding[] {
  return findRepeated(live).flatMap((rows) => {
    const [rule] = rows;
    if (rule === undefined) return [];
    const ids = rows.map(({ id }) => id);
    const message = `"${formatRule(rule)}" is stored ${rows.length} times. Delete all rows but one, or have a bootstrap do it: table: { name, duplicates: 'remove' }.`;
    return [{ ...finding('warning', rule, message), ids }];
  });
}

/** Without a priority field, the order of the rows decides, and an update moves no row to where it was. */
function checkOrder(model: Model, live: readonly StoredRule[]): IntegrityFinding[] {
  const effect = effectOf(model);
  const first = live.find(({ ptype }) => ptype === 'p');
  if (!effect.startsWith('priority(') || tokensOf(model, 'p').includes('priority') || first === undefined)
    return [];
  const message =
    'The effect uses priority, but the policy has no priority field, so the order of the rows decides. Add a field called priority.';
  return [finding('warning', first, message)];
}

function finding(
  severity: IntegrityFinding['severity'],
  rule: StoredRule,
  message: string,
): IntegrityFinding {
  return { severity, ids: [rule.id], rule: toLine(rule), message };
}

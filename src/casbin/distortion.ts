import type { Problem } from '../errors.ts';
import type { DefinedRule } from '../policy/compile.ts';
import { readCsvLine } from '../policy/csv.ts';
import { formatRule, type Rule, ruleKey } from '../policy/rule.ts';

/**
 * Values that certainly survive: nothing that CSV, Casbin's bracket matching or trimming looks at. Only these
 * skip the round trip; a property test holds the two against each other.
 */
const PLAIN_VALUE = /^[A-Za-z0-9_./:@*-]+$/;

/** What the stock adapter makes of a stored rule: its values as loaded, or why it can't load it. */
export type StockReading =
  | { readonly kind: 'same' }
  | { readonly kind: 'distorted'; readonly values: readonly string[] | null }
  | { readonly kind: 'unloadable'; readonly reason: string };

const SAME: StockReading = { kind: 'same' };

/** Reads a rule as casbin-pg-adapter does: joined by `, `, then parsed as CSV by Casbin's own loader. */
export function readAsStockAdapter({ ptype, values }: Rule): StockReading {
  if (PLAIN_VALUE.test(ptype) && values.every((value) => PLAIN_VALUE.test(value))) return SAME;
  try {
    const loaded = readCsvLine([ptype, ...values].join(', '));
    if (loaded !== null && ruleKey(loaded) === ruleKey({ ptype, values })) return SAME;
    return { kind: 'distorted', values: loaded?.ptype === ptype ? loaded.values : null };
  } catch (error) {
    return { kind: 'unloadable', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Rules that an application with the stock adapter would read as other rules, or not at all. */
export function findDistorted(rules: readonly DefinedRule[]): Problem[] {
  return rules.flatMap((rule): Problem[] => {
    const reading = readAsStockAdapter(rule);
    if (reading.kind === 'same') return [];
    const outcome =
      reading.kind === 'unloadable'
        ? 'makes every loadPolicy throw'
        : `is loaded as ${reading.values === null ? 'nothing' : `"${formatRule({ ptype: rule.ptype, values: reading.values })}"`}`;
    const message = `Casbin's own loader can't read the rule "${formatRule(rule)}" as written: it ${outcome}. Avoid commas, quotes, line breaks, unmatched brackets and blanks at the ends of its values.`;
    return [{ code: 'VALUE_DISTORTED', at: rule.at, message }];
  });
}

import type { Problem } from '../errors.ts';
import { type DefinedRule, isRepeated } from '../policy/compile.ts';
import { readCsvLine } from '../policy/csv.ts';
import { formatRule, type Rule, ruleKey } from '../policy/rule.ts';

/**
 * Values that are certainly safe: they hold nothing that CSV, Casbin's bracket matching or trimming looks at, and no
 * blank at an end. Only these skip the round trip; a property test compares the two.
 */
const PLAIN_VALUE = /^[\w./:@*-](?:[\w./:@* -]*[\w./:@*-])?$/;

/** How the stock adapter loads a stored rule: the loaded values, or why it can't load it. */
export type StockReading =
  | { readonly kind: 'same' }
  | { readonly kind: 'distorted'; readonly values: readonly string[] | null }
  | { readonly kind: 'unloadable'; readonly reason: string };

const SAME: StockReading = { kind: 'same' };

/** The lines that stock adapters make of a rule, and hand to Casbin's own loader. */
export type StockLines = (rule: Rule) => readonly string[];

/** casbin-pg-adapter's only line. */
export const joinedLine: StockLines = ({ ptype, values }) => [[ptype, ...values].join(', ')];

/** Reads a rule as stock adapters do: as lines of CSV, with Casbin's own loader. Returns the first that differs. */
export function readAsStockAdapter(rule: Rule, linesOf: StockLines = joinedLine): StockReading {
  if (PLAIN_VALUE.test(rule.ptype) && rule.values.every((value) => PLAIN_VALUE.test(value))) return SAME;
  const readings = linesOf(rule).map((line) => readLine(rule, line));
  return readings.find(({ kind }) => kind !== 'same') ?? SAME;
}

function readLine({ ptype, values }: Rule, line: string): StockReading {
  try {
    const loaded = readCsvLine(line);
    if (loaded !== null && ruleKey(loaded) === ruleKey({ ptype, values })) return SAME;
    return { kind: 'distorted', values: loaded?.ptype === ptype ? loaded.values : null };
  } catch (error) {
    return { kind: 'unloadable', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Rules that an application with the stock adapter would read as other rules, or not at all. */
export function findDistorted(rules: readonly DefinedRule[], linesOf: StockLines = joinedLine): Problem[] {
  const problems: Problem[] = [];
  for (const rule of rules) {
    if (isRepeated(rule)) continue;
    const reading = readAsStockAdapter(rule, linesOf);
    if (reading.kind !== 'same') problems.push(describeDistortion(rule, reading));
  }
  return problems;
}

function describeDistortion(rule: DefinedRule, reading: Exclude<StockReading, { kind: 'same' }>): Problem {
  const outcome =
    reading.kind === 'unloadable'
      ? 'makes every loadPolicy throw'
      : `is loaded as ${reading.values === null ? 'nothing' : `"${formatRule({ ptype: rule.ptype, values: reading.values })}"`}`;
  const message = `Casbin's own loader can't read the rule "${formatRule(rule)}" as written: it ${outcome}. Avoid commas, quotes, line breaks, unmatched brackets${rule.values.includes('') ? ', empty values' : ''} and blanks at the ends of its values.`;
  return { code: 'VALUE_DISTORTED', at: rule.at, message };
}

import { shorten } from '../text.ts';

/** One policy line: a ptype (`p`, `p2`, `g`, `g2` …) and its values. */
export interface Rule {
  /** Which definition of the model it belongs to. */
  readonly ptype: string;
  /** In the order of that definition, without the ptype. */
  readonly values: readonly string[];
}

/** A rule, and where it is written. */
export interface PlacedRule extends Rule {
  /** `policy.yaml:12:9` for what was read from a file, else a path: `policy.roles.user.permissions.accounts[0]`. */
  readonly at: string;
}

/** A rule from its line: the ptype and the values. */
export function toRule([ptype = '', ...values]: readonly string[]): Rule {
  return { ptype, values };
}

/** The line of a rule: the reverse of {@link toRule}. */
export function toLine({ ptype, values }: Rule): string[] {
  return [ptype, ...values];
}

/** A text for sets and maps: two rules have the same one only when they are equal. */
export function ruleKey(rule: Rule): string {
  return JSON.stringify(toLine(rule));
}

/** The rule as a person reads it in a message: `p, readonly, accounts, read`. */
export function formatRule(rule: Rule): string {
  return toLine(rule).map(formatValue).join(', ');
}

/** One value of a rule; in quotes if it would be misread without them. */
export function formatValue(value: string): string {
  return isPlain(value) ? value : JSON.stringify(value);
}

/** A name or a line in quotes, for a message: invisible characters are escaped, and a long text is cut. */
export function formatText(text: string): string {
  return JSON.stringify(shorten(text, 200));
}

/** Whether a value needs no quotes in a list: it has no separator, no quote, and no blank at an end. */
function isPlain(value: string): boolean {
  return value !== '' && value === value.trim() && !/[",\p{Cc}\p{Surrogate}]/u.test(value);
}

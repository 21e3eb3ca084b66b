import { HashTable, hashAll, hashText, isSameList } from '../collections.ts';
import type { Rule } from './rule.ts';

/** Finds rules by their ptype and values, among as many as a million. */
export class RuleSet<R extends Rule = Rule> {
  readonly rules: readonly R[];
  readonly #table: HashTable;

  constructor(rules: readonly R[]) {
    this.rules = rules;
    this.#table = new HashTable(hashAll(rules.length, (position) => hashRule(rules[position])));
  }

  /** The position of the first equal rule, -1 when there is none. */
  indexOf(rule: Rule): number {
    return this.#table.findFirst(hashRule(rule), (position) => {
      const other = this.rules[position];
      return other !== undefined && isSameRule(other, rule);
    });
  }

  /** All equal rules, in their order. */
  allOf(rule: Rule): R[] {
    return this.#table.find(hashRule(rule)).flatMap((position) => {
      const other = this.rules[position];
      return other !== undefined && isSameRule(other, rule) ? [other] : [];
    });
  }

  /** The first position that holds the same rule as this position. */
  firstOf(position: number): number {
    const rule = this.rules[position];
    if (rule === undefined) return -1;
    return this.#table.findFirst(this.#table.hashAt(position), (other) => {
      const earlier = this.rules[other];
      return other === position || (earlier !== undefined && isSameRule(earlier, rule));
    });
  }

  has(rule: Rule): boolean {
    return this.indexOf(rule) !== -1;
  }

  /** The rules that are not among the others. */
  without(others: readonly Rule[]): R[] {
    const found = new Uint8Array(this.rules.length);
    for (const other of others) {
      const position = this.indexOf(other);
      if (position !== -1) found[position] = 1;
    }
    return this.rules.filter((_, position) => found[position] === 0);
  }
}

/** Whether two lists hold the same rules, in the same order. */
export function isSamePolicy(one: readonly Rule[], other: readonly Rule[]): boolean {
  return (
    one.length === other.length &&
    one.every((rule, index) => {
      const second = other[index];
      return second !== undefined && isSameRule(rule, second);
    })
  );
}

/** Whether two rules are equal: the same ptype and the same values. */
function isSameRule(one: Rule, other: Rule): boolean {
  return one.ptype === other.ptype && (one.values === other.values || isSameList(one.values, other.values));
}

function hashRule(rule: Rule | undefined): number {
  let hash = hashText(rule?.ptype ?? '');
  for (const value of rule?.values ?? []) hash = hashText(value, hash);
  return hash;
}

import type { Model } from 'casbin';
import { type Conjunct, limitingConjuncts } from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';
import { collectAncestors, getOrAdd, HashTable, hashAll, hashText, rememberLast } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { MAX_INHERITANCE_LINKS } from '../policy/hierarchy.ts';
import { subjectOf } from './parts.ts';

/** Up to this many rules are read one by one; more of them are looked up by each name that may match. */
const READ_ONE_BY_ONE = 16;

/**
 * Finds the `p` rules that a request can match, without going through all of them.
 *
 * A rule can only match if it satisfies every leading conjunct of the matcher: `r.x == p.y` by equal values,
 * `g(r.x, p.y)` by the request's value, or one that this inherits from. The index may find more rules than these, never
 * fewer. It is valid for requests of strings, on a loaded and sorted model with Casbin's own role manager and without
 * matching functions.
 */
export class RuleIndex {
  readonly #rules: string[][];
  /** The positions of the values that must be equal in requests and rules, without the subject's. */
  readonly #equal: readonly ConjunctPositions[];
  readonly #subject: ConjunctPositions | null;
  readonly #others: readonly ConjunctPositions[];
  readonly #byValues: HashTable;
  /** By those values and the subject; null until a request needs it. */
  #bySubject: HashTable | null = null;
  /** If no values have to be equal, these subjects are the same for all requests, and many. */
  readonly #subjectsOf = rememberLast((hash: number) => this.#collectSubjects(hash));

  constructor(model: Model, rules: string[][], conjuncts: readonly Conjunct[]) {
    const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
    const all = conjuncts.map(
      (conjunct): ConjunctPositions => ({
        request: requestTokens.indexOf(conjunct.request),
        policy: policyTokens.indexOf(conjunct.policy),
        links: conjunct.kind === 'inherits' ? new Links(model, conjunct.ptype) : null,
      }),
    );
    const subject = requestTokens.indexOf(subjectOf(model));
    this.#rules = rules;
    this.#subject = all.find(({ request }) => request === subject) ?? null;
    this.#equal = all.filter(({ request, links }) => request !== subject && links === null);
    this.#others = all.filter((one) => one !== this.#subject && !this.#equal.includes(one));
    this.#byValues = new HashTable(
      hashAll(rules.length, (position) => this.#hashOf(rules[position] ?? [], 'policy')),
    );
  }

  /** The rules, in their order. */
  find(request: Request): string[][] {
    // Loops, because this is called for each of a million requests.
    const subject = request[this.#subject?.request ?? -1] ?? '';
    const found: string[][] = [];
    const hash = this.#hashOf(request, 'request');
    let [seen, few] = [0, this.#subject === null ? Number.POSITIVE_INFINITY : READ_ONE_BY_ONE];
    for (let at = this.#byValues.first(hash); at !== -1; at = this.#byValues.after(at)) {
      if (++seen > few) {
        const names = this.reach(subject);
        if (seen > names.size) return this.#findBySubject(request, hash, names);
        few = names.size;
      }
      if (this.#isFor(subject, this.#subjectAt(at))) this.#addMatching(request, at, found);
    }
    return found;
  }

  /** Whether the rules of `name` are for this subject. */
  #isFor(subject: string, name: string): boolean {
    if (this.#subject === null || subject === name) return true;
    return this.#subject.links?.below(name)?.has(subject) ?? false;
  }

  #findBySubject(request: Request, hash: number, names: ReadonlySet<string>): string[][] {
    this.#bySubject ??= new HashTable(
      hashAll(this.#rules.length, (at) => hashText(this.#subjectAt(at), this.#byValues.hashAt(at))),
    );
    const positions = [...names].flatMap((name) => this.#bySubject?.find(hashText(name, hash)) ?? []);
    const found: string[][] = [];
    for (const at of [...new Set(positions)].sort((a, b) => a - b)) this.#addMatching(request, at, found);
    return found;
  }

  #addMatching(request: Request, position: number, found: string[][]): void {
    const rule = this.#rules[position] ?? [];
    for (const other of this.#others) if (!isMatch(other, request, rule)) return;
    found.push(rule);
  }

  /** The subjects of the rules for this permission; null if the matcher has no conjunct for subjects. */
  subjectsFor(request: Request): ReadonlySet<string> | null {
    return this.#subjectsOf(this.#hashOf(request, 'request'));
  }

  #collectSubjects(hash: number): ReadonlySet<string> | null {
    if (this.#subject === null) return this.#byValues.first(hash) === -1 ? new Set() : null;
    const subjects = new Set<string>();
    for (let at = this.#byValues.first(hash); at !== -1; at = this.#byValues.after(at))
      subjects.add(this.#subjectAt(at));
    return subjects;
  }

  /** The names that a rule for this subject may have: the subject, and those that it inherits from. */
  reach(subject: string): ReadonlySet<string> {
    return this.#subject?.links?.above(subject) ?? new Set([subject]);
  }

  /** The subjects that a rule with this one is for: itself, and those that inherit from it. */
  inheritorsOf(name: string): ReadonlySet<string> {
    return this.#subject?.links?.below(name) ?? new Set([name]);
  }

  #subjectAt(position: number): string {
    return this.#rules[position]?.[this.#subject?.policy ?? -1] ?? '';
  }

  #hashOf(values: readonly string[], side: 'request' | 'policy'): number {
    let hash = 0;
    for (const at of this.#equal) hash = hashText(values[at[side]] ?? '', hash);
    return hash;
  }
}

/** The positions of the two values of a conjunct. */
interface ConjunctPositions {
  readonly request: number;
  readonly policy: number;
  /** Null if both must be equal; else the value of the request may inherit that of the rule. */
  readonly links: Links | null;
}

function isMatch(
  { request: from, policy, links }: ConjunctPositions,
  request: Request,
  rule: readonly string[],
) {
  const [asked = '', given = ''] = [request[from], rule[policy]];
  return asked === given || (links?.above(asked).has(given) ?? false);
}

/** Follows links in any domain, as far as Casbin does in one, so it may find more than Casbin, never less. */
class Links {
  readonly #parents = new Map<string, Set<string>>();
  readonly #children = new Map<string, Set<string>>();
  readonly #below = new Map<string, ReadonlySet<string>>();

  constructor(model: Model, ptype: string) {
    for (const [child = '', parent = ''] of model.model.get('g')?.get(ptype)?.policy ?? []) {
      // In sets, because the same link may exist in many domains.
      getOrAdd(this.#parents, child, () => new Set()).add(parent);
      getOrAdd(this.#children, parent, () => new Set()).add(child);
    }
  }

  /** A name, and those that it inherits from. */
  readonly above = rememberLast((name: string) =>
    collectAncestors(this.#parents, name, MAX_INHERITANCE_LINKS),
  );

  /** A name, and those that inherit from it; null if none do. */
  below(name: string): ReadonlySet<string> | null {
    if (!this.#children.has(name)) return null;
    return getOrAdd(this.#below, name, () => collectAncestors(this.#children, name, MAX_INHERITANCE_LINKS));
  }
}

/** Creates a {@link RuleIndex} for the policy of a model; null if the matcher does not limit which rules can match. */
export function indexRules(model: Model): RuleIndex | null {
  const { policy, tokens } = model.model.get('p')?.get('p') ?? { policy: [], tokens: [] };
  const matcher = matcherOf(model);
  if (matcher === '') return null;
  const conjuncts = limitingConjuncts(matcher, () =>
    policy.every((rule) => !rule.some((value) => value.includes(','))),
  );
  if (conjuncts.length === 0) return null;
  // Without any rule, Casbin evaluates the matcher once, with empty values.
  return new RuleIndex(model, policy.length > 0 ? policy : [tokens.map(() => '')], conjuncts);
}

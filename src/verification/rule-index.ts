import type { Model } from 'casbin';
import { type Conjunct, limitingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import { collectAncestors, HashTable, hashAll, hashText, rememberLast } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { subjectOf } from './parts.ts';

/** Up to so many rules are looked through one by one, rather than looked up by each name that may match. */
const LOOKED_THROUGH = 16;

/**
 * Finds the `p` rules that a request can match, without going through all of them.
 *
 * A rule can only match when it satisfies every leading conjunct of the matcher: `r.x == p.y` by equal values,
 * `g(r.x, p.y)` by a value that the request's is, or inherits from. What is found may be more than that, never
 * less. It holds for string requests on a loaded and sorted model with Casbin's own role manager and no matching
 * function on it.
 */
export class RuleIndex {
  readonly #rules: string[][];
  /** Where the values stand that must be equal, in requests and in rules; the subject apart. */
  readonly #equal: readonly ConjunctPositions[];
  readonly #subject: ConjunctPositions | null;
  readonly #others: readonly ConjunctPositions[];
  readonly #byValues: HashTable;
  readonly #bySubject: HashTable;
  /** What was asked for last. */
  #last: { readonly hash: number; readonly subjects: ReadonlySet<string> | null } | null = null;

  constructor(model: Model, rules: string[][], conjuncts: readonly Conjunct[]) {
    const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
    const all = conjuncts.map(
      (conjunct): ConjunctPositions => ({
        request: requestTokens.indexOf(conjunct.request),
        policy: policyTokens.indexOf(conjunct.policy),
        namesFor: conjunct.kind === 'inherits' ? ancestorFinder(model, conjunct.ptype) : null,
      }),
    );
    const subject = requestTokens.indexOf(subjectOf(model) ?? '');
    this.#rules = rules;
    this.#subject = all.find(({ request }) => request === subject) ?? null;
    this.#equal = all.filter(({ request, namesFor }) => request !== subject && namesFor === null);
    this.#others = all.filter((one) => one !== this.#subject && !this.#equal.includes(one));
    const hashes = hashAll(rules.length, (position) => this.#hashRule(rules[position] ?? []));
    this.#byValues = new HashTable(hashes);
    this.#bySubject = new HashTable(
      hashAll(rules.length, (position) => hashText(this.#subjectAt(position), hashes[position])),
    );
  }

  /** The rules, in their order. */
  find(request: Request): string[][] {
    return this.#findPositions(request).flatMap((position) => {
      const rule = this.#rules[position] ?? [];
      return this.#others.every((one) => isMatch(one, request, rule)) ? [rule] : [];
    });
  }

  /** The subjects of the rules that any subject's request for the same could match; null where none is asked for. */
  subjectsFor(request: Request): ReadonlySet<string> | null {
    const hash = this.#hashRequest(request);
    // Where nothing has to be equal, they are the same for all requests, and many.
    if (hash !== this.#last?.hash) this.#last = { hash, subjects: this.#collectSubjects(hash) };
    return this.#last.subjects;
  }

  #collectSubjects(hash: number): ReadonlySet<string> | null {
    if (this.#subject === null) return this.#byValues.find(hash, 1).length === 0 ? new Set() : null;
    return new Set(this.#byValues.find(hash).map((position) => this.#subjectAt(position)));
  }

  /** The names that a rule for this subject may have: its own, and those that it inherits from. */
  reach(subject: string): ReadonlySet<string> {
    return this.#subject?.namesFor?.(subject) ?? new Set([subject]);
  }

  #findPositions(request: Request): number[] {
    const hash = this.#hashRequest(request);
    if (this.#subject === null) return this.#byValues.find(hash);
    const names = this.reach(request[this.#subject.request] ?? '');
    const few = Math.max(LOOKED_THROUGH, names.size);
    const found = this.#byValues.find(hash, few + 1);
    if (found.length <= few) return found.filter((position) => names.has(this.#subjectAt(position)));
    const positions = [...names].flatMap((name) => this.#bySubject.find(hashText(name, hash)));
    return [...new Set(positions)].sort((a, b) => a - b);
  }

  #subjectAt(position: number): string {
    return this.#rules[position]?.[this.#subject?.policy ?? -1] ?? '';
  }

  #hashRequest(request: Request): number {
    return this.#equal.reduce((hash, { request: position }) => hashText(request[position] ?? '', hash), 0);
  }

  #hashRule(rule: readonly string[]): number {
    return this.#equal.reduce((hash, { policy: position }) => hashText(rule[position] ?? '', hash), 0);
  }
}

/** Where the two values of a conjunct stand. */
interface ConjunctPositions {
  readonly request: number;
  readonly policy: number;
  /** What the policy's may be, by the request's; null where it must be the same. */
  readonly namesFor: ((name: string) => ReadonlySet<string>) | null;
}

function isMatch(
  { request: from, policy, namesFor }: ConjunctPositions,
  request: Request,
  rule: readonly string[],
) {
  const [asked = '', given = ''] = [request[from], rule[policy]];
  return asked === given || (namesFor?.(asked).has(given) ?? false);
}

/** In any domain, which may be more than Casbin would follow, and never less. */
function ancestorFinder(model: Model, ptype: string): (name: string) => ReadonlySet<string> {
  // Sets: the same link may be there for each of many domains.
  const parents = new Map<string, Set<string>>();
  for (const [child = '', parent = ''] of model.model.get('g')?.get(ptype)?.policy ?? []) {
    const ofChild = parents.get(child);
    if (ofChild === undefined) parents.set(child, new Set([parent]));
    else ofChild.add(parent);
  }
  return rememberLast((name) => collectAncestors(parents, name));
}

/** Makes a {@link RuleIndex} of the policy of a model; null when the matcher does not limit what can match. */
export function indexRules(model: Model): RuleIndex | null {
  const { policy, tokens } = model.model.get('p')?.get('p') ?? { policy: [], tokens: [] };
  const matcher = model.model.get('m')?.get('m')?.value;
  if (matcher === undefined) return null;
  const conjuncts = limitingConjuncts(matcher, () =>
    policy.every((rule) => !rule.some((value) => value.includes(','))),
  );
  if (conjuncts.length === 0) return null;
  // Without any rule, Casbin evaluates the matcher once, with empty values.
  return new RuleIndex(model, policy.length > 0 ? policy : [tokens.map(() => '')], conjuncts);
}

import type { Assertion, Model } from 'casbin';
import { type Conjunct, limitingConjuncts } from '../casbin/matcher.ts';
import { tokensOf } from '../casbin/model.ts';
import { collectAncestors, isSameList } from '../collections.ts';
import type { Rule } from '../policy/rule.ts';
import { subjectOf } from '../verification/parts.ts';

/** A stored rule, and in how many rows: a table without uniqueness may have it more than once. */
interface Entry {
  readonly values: string[];
  /** Ascends as rules are added. */
  readonly order: number;
  rows: number;
}

/** A change of one rule: how many rows more, or less. */
export interface RuleChange extends Rule {
  readonly rows: number;
}

/** What is stored is not what changes speak of; all rules have to be read again. */
export class OutOfStep extends Error {}

/** Of so many names it is remembered what they inherit from. */
const REMEMBERED = 10_000;

/** Effects by which the order of the rules decides nothing. */
const UNORDERED = [
  'some(where (p_eft == allow))',
  '!some(where (p_eft == deny))',
  'some(where (p_eft == allow)) && !some(where (p_eft == deny))',
];

/**
 * Whether rules can be changed one by one, and found by a request without going through all of them: the matcher begins
 * with conjuncts that every rule must satisfy, and the order of the rules decides nothing.
 */
export function canChangeInPlace(model: Model): boolean {
  const effect = model.model.get('e')?.get('e')?.value ?? '';
  const sections = ['p', 'm', 'e', 'r'].map((section) => model.model.get(section)?.size ?? 0);
  const isSingle = sections.every((size) => size === 1);
  return (
    isSingle &&
    UNORDERED.includes(effect) &&
    !tokensOf(model, 'p').includes('priority') &&
    conjunctsOf(model).length > 0
  );
}

/** As if values had commas, since one that comes later may. */
function conjunctsOf(model: Model): Conjunct[] {
  return limitingConjuncts(model.model.get('m')?.get('m')?.value ?? '', () => false);
}

/**
 * The rules of a model, to be changed while requests are decided on them. Each change is made at once, between two
 * requests, in the model's role managers too.
 */
export class LiveRules {
  readonly #model: Model;
  /** Where the values stand that must be equal, in requests and in rules; the subject's apart. */
  readonly #equal: readonly { readonly request: number; readonly policy: number }[];
  readonly #subject: {
    readonly request: number;
    readonly policy: number;
    readonly roles: string | null;
  } | null;
  /** By those values, then by subject. */
  readonly #permissions = new Map<string, Map<string, Entry[]>>();
  /** Of each role definition: by the first value, then by the others. */
  readonly #links = new Map<string, Map<string, Map<string, Entry>>>();
  /** Of the role definition that subjects inherit by: parents in any domain. */
  readonly #parents = new Map<string, Map<string, number>>();
  readonly #reached = new Map<string, ReadonlySet<string>>();
  readonly #lists = new Map<string, string[][]>();
  #next = 0;

  constructor(model: Model) {
    this.#model = model;
    const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
    const conjuncts = conjunctsOf(model).map((conjunct) => ({
      request: requestTokens.indexOf(conjunct.request),
      policy: policyTokens.indexOf(conjunct.policy),
      roles: conjunct.kind === 'inherits' ? conjunct.ptype : null,
    }));
    const subject = requestTokens.indexOf(subjectOf(model) ?? '');
    this.#subject = conjuncts.find(({ request }) => request === subject) ?? null;
    this.#equal = conjuncts.filter((one) => one !== this.#subject && one.roles === null);
  }

  /** The `p` rules that a request can match, in their order. What is found may be more than that, never less. */
  find(request: readonly string[]): string[][] {
    const bySubject = this.#permissions.get(this.#equal.map(({ request: at }) => request[at]).join('\0'));
    if (bySubject === undefined) return [];
    if (this.#subject === null) return valuesOf(bySubject.get('') ?? []);
    const { request: at, roles } = this.#subject;
    const name = request[at] ?? '';
    if (roles === null) return valuesOf(bySubject.get(name) ?? []);
    const found: Entry[] = [];
    for (const one of this.#reach(name)) {
      const entries = bySubject.get(one);
      if (entries !== undefined) found.push(...entries);
    }
    return valuesOf(found.length > 1 ? found.sort((a, b) => a.order - b.order) : found);
  }

  /** The name, and those that it inherits from; remembered until a role link changes. */
  #reach(name: string): ReadonlySet<string> {
    const known = this.#reached.get(name);
    if (known !== undefined) return known;
    const names = collectAncestors(this.#parentNames, name);
    if (this.#reached.size >= REMEMBERED) this.#reached.clear();
    this.#reached.set(name, names);
    return names;
  }

  /** All rules of a ptype, in their order. */
  list(ptype: string): string[][] {
    const known = this.#lists.get(ptype);
    if (known !== undefined) return known;
    const entries =
      ptype === 'p'
        ? [...this.#permissions.values()].flatMap((bySubject) => [...bySubject.values()].flat())
        : [...(this.#links.get(ptype)?.values() ?? [])].flatMap((byRest) => [...byRest.values()]);
    const list = valuesOf(entries.sort((a, b) => a.order - b.order));
    this.#lists.set(ptype, list);
    return list;
  }

  /** Whether a rule is there. */
  has(rule: Rule): boolean {
    return this.#findEntry(rule) !== undefined;
  }

  /** Any one `p` rule; null where there is none. */
  get any(): string[] | null {
    for (const bySubject of this.#permissions.values()) {
      for (const [entry] of bySubject.values()) if (entry !== undefined) return entry.values;
    }
    return null;
  }

  /**
   * Makes all changes, or none.
   *
   * @throws OutOfStep where rows are to go that are not there
   */
  apply(changes: readonly RuleChange[]): void {
    for (const change of changes) {
      if (change.rows < 0 && (this.#findEntry(change)?.rows ?? 0) + change.rows < 0) {
        throw new OutOfStep(
          `a rule was removed that was not there: ${[change.ptype, ...change.values].join(', ')}`,
        );
      }
    }
    for (const change of changes) {
      if (change.ptype === 'p') this.#changePermission(change);
      else this.#changeLink(change);
      this.#lists.delete(change.ptype);
    }
  }

  #findEntry({ ptype, values }: Rule): Entry | undefined {
    if (ptype !== 'p')
      return this.#links
        .get(ptype)
        ?.get(values[0] ?? '')
        ?.get(restOf(values));
    const entries = this.#permissions.get(this.#keyOf(values))?.get(this.#subjectOf(values));
    return entries?.find((entry) => isSameList(entry.values, values));
  }

  #keyOf(values: readonly string[]): string {
    return this.#equal.map(({ policy }) => values[policy]).join('\0');
  }

  #subjectOf(values: readonly string[]): string {
    return this.#subject === null ? '' : (values[this.#subject.policy] ?? '');
  }

  #changePermission(change: RuleChange): void {
    const { values, rows } = change;
    const [key, subject] = [this.#keyOf(values), this.#subjectOf(values)];
    const bySubject = this.#permissions.get(key) ?? new Map<string, Entry[]>();
    const entries = bySubject.get(subject) ?? [];
    const entry = entries.find((one) => isSameList(one.values, values));
    if (entry !== undefined) entry.rows += rows;
    else entries.push({ values: [...values], order: this.#next++, rows });
    const left = entries.filter((one) => one.rows > 0);
    if (left.length > 0) bySubject.set(subject, left);
    else bySubject.delete(subject);
    if (bySubject.size > 0) this.#permissions.set(key, bySubject);
    else this.#permissions.delete(key);
  }

  #changeLink({ ptype, values, rows }: RuleChange): void {
    const ofType = this.#links.get(ptype) ?? new Map<string, Map<string, Entry>>();
    this.#links.set(ptype, ofType);
    const [child = '', parent = '', ...domains] = values;
    const byRest = ofType.get(child) ?? new Map<string, Entry>();
    const entry = byRest.get(restOf(values)) ?? { values: [...values], order: this.#next++, rows: 0 };
    const before = entry.rows;
    entry.rows += rows;
    if (entry.rows > 0) byRest.set(restOf(values), entry);
    else byRest.delete(restOf(values));
    if (byRest.size > 0) ofType.set(child, byRest);
    else ofType.delete(child);
    if (before > 0 === entry.rows > 0) return;
    const isAdded = entry.rows > 0;
    const assertion: Assertion | undefined = this.#model.model.get('g')?.get(ptype);
    // Casbin's own role manager does it before its promise is returned.
    const done = isAdded
      ? assertion?.rm.addLink(child, parent, ...domains)
      : assertion?.rm.deleteLink(child, parent, ...domains);
    done?.catch(() => {});
    if (ptype === this.#subject?.roles) this.#countParent(child, parent, isAdded ? 1 : -1);
  }

  #countParent(child: string, parent: string, more: 1 | -1): void {
    this.#reached.clear();
    const parents = this.#parents.get(child) ?? new Map<string, number>();
    const count = (parents.get(parent) ?? 0) + more;
    if (count > 0) parents.set(parent, count);
    else parents.delete(parent);
    if (parents.size > 0) this.#parents.set(child, parents);
    else this.#parents.delete(child);
  }

  readonly #parentNames = {
    get: (name: string) => this.#parents.get(name)?.keys(),
  } as ReadonlyMap<string, Iterable<string>>;
}

function restOf(values: readonly string[]): string {
  return values.slice(1).join('\0');
}

function valuesOf(entries: readonly Entry[]): string[][] {
  return entries.map(({ values }) => values);
}

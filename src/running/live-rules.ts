import type { Assertion, DefaultRoleManager, Model } from 'casbin';
import { addTo, collectAncestors, getOrAdd } from '../collections.ts';
import type { Rule } from '../policy/rule.ts';
import { type ConjunctAt, locateConjuncts } from './conjuncts-at.ts';
import { type Entries, type Entry, findIn, LOOKED_THROUGH, withEntry, withoutEntry } from './entries.ts';

/** A change of one rule: by how many rows. */
export interface RuleChange extends Rule {
  readonly rows: number;
}

/** The changes do not fit the rules that were read; all rules have to be read again. */
export class OutOfStep extends Error {}

/** For how many names it remembers what they inherit. */
const REMEMBERED = 10_000;

/** The `p` rules whose values are equal apart from the subject: as a list, or by subject if they are many. */
type Bucket = readonly Entry[] | Map<string, Entries>;

/** What is remembered about a name, until a role link changes. */
interface Reach {
  /** The name, and all that it inherits from, in any domain and at any depth. */
  readonly names: ReadonlySet<string>;
  /** The answers of the role manager, by the other name and the domain. */
  readonly links: Map<string, boolean>;
}

const NONE: readonly Entry[] = [];

/**
 * The rules of a model, which may change while requests are decided on them. Each change takes place between two
 * requests, also in the model's role managers.
 */
export class LiveRules {
  readonly #model: Model;
  /** The positions of the values that must be equal in requests and rules, without the subject's. */
  readonly #equal: readonly ConjunctAt[];
  readonly #subject: ConjunctAt | null;
  /** By those values, and then by subject if they are many. */
  readonly #permissions = new Map<string, Bucket>();
  /** For each role definition: by the first value, then by the others. */
  readonly #links = new Map<string, Map<string, Map<string, Entry>>>();
  /** For the role definition by which subjects inherit: the parents of each name, in any domain. */
  readonly #parents = new Map<string, Map<string, number>>();
  readonly #reached = new Map<string, Reach>();
  readonly #lists = new Map<string, string[][]>();
  /** The conjuncts that a found rule may still not satisfy; null if Casbin decides by more than conjuncts. */
  readonly #decisive: readonly ConjunctAt[] | null;
  /** One string for each subject, shared by its rules, so that a decision reads less memory. */
  readonly #subjects = new Map<string, string>();
  readonly #requestLength: number;
  /** Where a rule says whether it allows; -1 where all do. */
  readonly #effect: number;
  #next = 0;

  constructor(model: Model) {
    this.#model = model;
    const { subject, equal, others, decidesAlone, requestLength, effect } = locateConjuncts(model);
    this.#subject = subject;
    this.#equal = equal;
    this.#decisive = decidesAlone ? others : null;
    this.#requestLength = requestLength;
    this.#effect = effect;
  }

  /**
   * Returns the rule that allows a request, null if no rule does, undefined if only Casbin can tell. The time does not
   * depend on the number of rules.
   */
  decide(request: readonly string[]): string[] | null | undefined {
    // Without any rule, Casbin evaluates the matcher with empty values. For a wrong length it has its own error.
    if (this.#decisive === null || request.length !== this.#requestLength || this.#permissions.size === 0)
      return undefined;
    const bucket = this.#permissions.get(this.#keyOf(request, 'request')) ?? NONE;
    const found = bucket instanceof Map ? this.#inBucket(bucket, request) : bucket;
    for (const entry of found) if (this.#allows(entry, request)) return entry.values;
    return null;
  }

  #allows(entry: Entry, request: readonly string[]): boolean {
    const effect = this.#effect === -1 ? '' : (entry.values[this.#effect] ?? '');
    if (effect !== '' && effect !== 'allow') return false;
    for (const conjunct of this.#decisive ?? []) if (!this.#satisfies(conjunct, entry, request)) return false;
    return true;
  }

  #satisfies(conjunct: ConjunctAt, { values, subject }: Entry, request: readonly string[]): boolean {
    const { request: at, policy, roles, domain } = conjunct;
    const asked = request[at] ?? '';
    const given = conjunct === this.#subject ? subject : (values[policy] ?? '');
    if (asked === given) return true;
    if (roles === null) return false;
    const inDomain = domain === null ? null : (request[domain] ?? '');
    if (roles !== this.#subject?.roles) return this.#hasLink(roles, asked, given, inDomain);
    const { links } = this.#reach(asked);
    const key = inDomain === null ? given : `${given}\0${inDomain}`;
    const known = links.get(key);
    if (known !== undefined) return known;
    const isLinked = this.#hasLink(roles, asked, given, inDomain);
    if (links.size >= REMEMBERED) links.clear();
    links.set(key, isLinked);
    return isLinked;
  }

  /** Follows links as Casbin does: in one domain, and at most ten. */
  #hasLink(ptype: string, from: string, to: string, domain: string | null): boolean {
    const manager = this.#model.model.get('g')?.get(ptype)?.rm as DefaultRoleManager;
    return domain === null ? manager.syncedHasLink(from, to) : manager.syncedHasLink(from, to, domain);
  }

  /** The `p` rules that a request can match, in their order. It may find more than these, never fewer. */
  find(request: readonly string[]): string[][] {
    const bucket = this.#permissions.get(this.#keyOf(request, 'request')) ?? NONE;
    return Array.from(this.#inBucket(bucket, request), ({ values }) => values);
  }

  #inBucket(bucket: Bucket, request: readonly string[]): Iterable<Entry> {
    if (this.#subject === null) return bucket instanceof Map ? allIn(bucket) : bucket;
    const { request: at, roles } = this.#subject;
    const name = request[at] ?? '';
    const names = roles === null ? [name] : this.#reach(name).names;
    if (bucket instanceof Map) {
      const found: Entry[] = [];
      for (const one of names) for (const entry of bucket.get(one)?.values() ?? NONE) found.push(entry);
      return found.sort((a, b) => a.order - b.order);
    }
    const isMeant = names instanceof Set ? (one: string) => names.has(one) : (one: string) => one === name;
    return bucket.filter(({ subject }) => isMeant(subject));
  }

  #reach(name: string): Reach {
    const known = this.#reached.get(name);
    if (known !== undefined) return known;
    const reach = { names: collectAncestors(this.#parentNames, name), links: new Map<string, boolean>() };
    if (this.#reached.size >= REMEMBERED) this.#reached.clear();
    this.#reached.set(name, reach);
    return reach;
  }

  /** All rules of a ptype, in their order. */
  list(ptype: string): string[][] {
    const known = this.#lists.get(ptype);
    if (known !== undefined) return known;
    const entries =
      ptype === 'p'
        ? [...this.#permissions.values()].flatMap((bucket) => [...allIn(bucket)])
        : [...(this.#links.get(ptype)?.values() ?? [])].flatMap((byRest) => [...byRest.values()]);
    const list = entries.sort((a, b) => a.order - b.order).map(({ values }) => values);
    this.#lists.set(ptype, list);
    return list;
  }

  /** Whether a rule is there. */
  has(rule: Rule): boolean {
    return this.#findEntry(rule) !== undefined;
  }

  /** Any one `p` rule; null if there is none. */
  get any(): string[] | null {
    for (const bucket of this.#permissions.values()) {
      for (const { values } of allIn(bucket)) return values;
    }
    return null;
  }

  /**
   * Makes all changes, or none.
   *
   * @throws OutOfStep if a change removes rows that are not there
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
    const bucket = this.#permissions.get(this.#keyOf(values, 'policy'));
    const entries = bucket instanceof Map ? bucket.get(this.#subjectOf(values)) : bucket;
    return entries && findIn(entries, values);
  }

  /** NUL separates the values: PostgreSQL can't store it, so no rule has one. */
  #keyOf(values: readonly string[], side: 'request' | 'policy'): string {
    let key = '';
    for (const at of this.#equal) key += `${values[at[side]]}\0`;
    return key;
  }

  #subjectOf(values: readonly string[]): string {
    return this.#subject === null ? '' : (values[this.#subject.policy] ?? '');
  }

  #once(name: string): string {
    const known = this.#subjects.get(name);
    if (known !== undefined) return known;
    if (this.#subjects.size < REMEMBERED) this.#subjects.set(name, name);
    return name;
  }

  #changePermission({ values, rows }: RuleChange): void {
    const key = this.#keyOf(values, 'policy');
    const bucket = this.#permissions.get(key);
    const entry = this.#findEntry({ ptype: 'p', values });
    if (entry !== undefined) {
      entry.rows += rows;
      if (entry.rows <= 0 && bucket !== undefined) this.#remove(key, bucket, entry);
      return;
    }
    const subject = this.#once(this.#subjectOf(values));
    const added: Entry = { values: [...values], subject, order: this.#next++, rows };
    if (bucket === undefined) this.#permissions.set(key, [added]);
    else if (bucket instanceof Map) bucket.set(subject, withEntry(bucket.get(subject) ?? [], added));
    else if (bucket.length < LOOKED_THROUGH) this.#permissions.set(key, [...bucket, added]);
    else {
      const bySubject = new Map<string, Entry[]>();
      for (const one of [...bucket, added]) addTo(bySubject, one.subject, one);
      this.#permissions.set(key, bySubject);
    }
  }

  #remove(key: string, bucket: Bucket, gone: Entry): void {
    if (bucket instanceof Map) {
      const left = withoutEntry(bucket.get(gone.subject) ?? [], gone);
      if (left === null) bucket.delete(gone.subject);
      else bucket.set(gone.subject, left);
      if (bucket.size === 0) this.#permissions.delete(key);
    } else {
      const left = bucket.filter((entry) => entry !== gone);
      if (left.length > 0) this.#permissions.set(key, left);
      else this.#permissions.delete(key);
    }
  }

  #changeLink({ ptype, values, rows }: RuleChange): void {
    const ofType = getOrAdd(this.#links, ptype, () => new Map());
    const [child = '', parent = '', ...domains] = values;
    const byRest = ofType.get(child) ?? new Map<string, Entry>();
    const entry = byRest.get(restOf(values)) ?? {
      values: [...values],
      subject: '',
      order: this.#next++,
      rows: 0,
    };
    const before = entry.rows;
    entry.rows += rows;
    if (entry.rows > 0) byRest.set(restOf(values), entry);
    else byRest.delete(restOf(values));
    if (byRest.size > 0) ofType.set(child, byRest);
    else ofType.delete(child);
    const isAdded = entry.rows > 0;
    if (before > 0 === isAdded) return;
    const assertion: Assertion | undefined = this.#model.model.get('g')?.get(ptype);
    // Casbin's own role manager changes the link before it returns its promise.
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

function* allIn(bucket: Bucket): Generator<Entry, void> {
  if (!(bucket instanceof Map)) yield* bucket;
  else for (const entries of bucket.values()) yield* entries.values();
}

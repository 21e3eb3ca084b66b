import type { PolicyDefinition } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';

/** What the documents say of versions, as sets of rules; a rule is its values in one text. */
export class PolicyModel {
  readonly #rolesAt: Readonly<Record<string, readonly number[]>>;
  #stored = new Set<string>();
  #record = new Map<string, { ours: boolean; revoked: boolean; last: number }>();
  #version: number | null = null;

  /** @param rolesAt the positions of roles in the rules of each ptype; of links, roles are the first two values */
  constructor(rolesAt: Readonly<Record<string, readonly number[]>>) {
    this.#rolesAt = rolesAt;
  }

  rules(): string[] {
    return [...this.#stored].sort();
  }

  has(rule: string): boolean {
    return this.#stored.has(rule);
  }

  administer(kind: string, rule: string): void {
    const recorded = this.#record.get(rule);
    if (kind === 'grant' || kind === 'insert by SQL') this.#stored.add(rule);
    else this.#stored.delete(rule);
    if (recorded === undefined) return;
    if (kind === 'grant') recorded.revoked = false;
    if (kind === 'revoke with a reason') recorded.revoked = true;
  }

  start(policy: PolicyDefinition): { keptAway: (readonly [string, string])[]; left: string[] } {
    const { version = 0 } = policy;
    const newest = this.#version;
    if (newest === version) this.#retire(policy.retired);
    if (newest === null || newest < version) {
      this.#rename(new Map(Object.entries(policy.renamed?.roles ?? {})));
      this.#retire(policy.retired);
      this.#version = version;
    }
    const isOlder = newest !== null && newest > version;
    const keptAway: (readonly [string, string])[] = [];
    const wasComplete =
      newest === version && this.#defined(policy).every((rule) => !this.#isMissing(rule, policy, newest));
    for (const rule of this.#defined(policy)) {
      if (this.#stored.has(rule)) continue;
      const because = this.#whyAway(rule, policy, newest);
      if (because !== null) keptAway.push([rule, because]);
    }
    if (!isOlder && !wasComplete) {
      for (const rule of this.#defined(policy)) {
        const away = keptAway.some(([one]) => one === rule);
        const recorded = this.#record.get(rule);
        const inserts = !away && !this.#stored.has(rule);
        if (inserts) this.#stored.add(rule);
        this.#record.set(rule, {
          ours: inserts || (recorded?.ours ?? false),
          revoked: recorded?.revoked ?? false,
          last: version,
        });
      }
    }
    return { keptAway: keptAway.sort(), left: isOlder ? [] : this.#listLeft(policy) };
  }

  #defined(policy: PolicyDefinition): string[] {
    return compilePolicy(policy).map(({ ptype, values }) => [ptype, ...values].join(' '));
  }

  #isMissing(rule: string, policy: PolicyDefinition, newest: number | null): boolean {
    return !this.#stored.has(rule) && this.#whyAway(rule, policy, newest) === null;
  }

  #whyAway(rule: string, policy: PolicyDefinition, newest: number | null): string | null {
    const recorded = this.#record.get(rule);
    if (newest === null) return null;
    if (recorded?.revoked) return 'revoked';
    if (newest > (policy.version ?? 0)) return 'newer version';
    const role = rule.split(' ')[1] ?? '';
    const onRevoked = { ...policy.roles, ...policy.domains?.roles }[role]?.onRevoked ?? policy.onRevoked;
    return recorded?.last === newest && onRevoked === 'keep' ? 'vanished' : null;
  }

  #rename(names: ReadonlyMap<string, string>): void {
    const rename = (rule: string) =>
      rule
        .split(' ')
        .map((value, at) => (this.#isRole(rule, at) ? (names.get(value) ?? value) : value))
        .join(' ');
    this.#stored = new Set([...this.#stored].map(rename));
    this.#record = new Map([...this.#record].map(([rule, recorded]) => [rename(rule), recorded]));
  }

  #retire(retired: PolicyDefinition['retired']): void {
    const roles = new Map(Object.entries(retired?.roles ?? {}));
    for (const rule of this.#listRetired(retired)) {
      const [ptype, first, second = '', ...domain] = rule.split(' ');
      const reassign = this.#rolesAt[ptype as string]?.length === 2 ? roles.get(second)?.reassign : undefined;
      if (this.#record.get(rule)?.ours) this.#stored.delete(rule);
      else if (reassign !== undefined) {
        this.#stored.delete(rule);
        // No role inherits from itself.
        if (first !== reassign) this.#stored.add([ptype, first, reassign, ...domain].join(' '));
      }
    }
    for (const rule of [...this.#record.keys()].filter(this.#retiredTest(retired))) this.#record.delete(rule);
  }

  /** Rules that are retired, and rules by the former names of roles. */
  #listLeft({ retired, renamed }: PolicyDefinition): string[] {
    const former = Object.keys(renamed?.roles ?? {}).map((name) => [name, {}]);
    const roles = { ...retired?.roles, ...Object.fromEntries(former) };
    return this.#listRetired({ ...retired, roles });
  }

  #listRetired(retired: PolicyDefinition['retired']): string[] {
    return [...this.#stored].filter(this.#retiredTest(retired)).sort();
  }

  #retiredTest(retired: PolicyDefinition['retired']): (rule: string) => boolean {
    const roles = new Set(Object.keys(retired?.roles ?? {}));
    const rules = new Set((retired?.rules ?? []).map((rule) => rule.join(' ')));
    const namesOne = (rule: string) =>
      rule.split(' ').some((value, at) => this.#isRole(rule, at) && roles.has(value));
    return (rule) => rules.has(rule) || namesOne(rule);
  }

  /** Whether a rule has a role at this position of its text, in which the ptype comes first. */
  #isRole(rule: string, at: number): boolean {
    return this.#rolesAt[rule.split(' ')[0] as string]?.includes(at - 1) ?? false;
  }
}

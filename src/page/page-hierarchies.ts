import { addTo, getOrAdd } from '../collections.ts';
import { buildHierarchies, collectInherited, type Hierarchy } from '../policy/hierarchy.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { type Link, loadLinks } from '../verification/structure.ts';
import type {
  HierarchyEdge,
  HierarchyNode,
  PageGrant,
  PageHierarchy,
  PageUser,
  RuleState,
} from './page-data.ts';
import type { PagePolicy } from './page-policy.ts';

/** How many pictures and users a page holds. */
const LISTED_HIERARCHIES = 24;
const LISTED_USERS = 20_000;

/** The hierarchies of roles, and of resources where they inherit too. */
export function collectHierarchies(
  policy: PagePolicy,
  userLinks: readonly Rule[],
): { hierarchies: PageHierarchy[]; omitted: number } {
  const { model, rules, defined, roleRules } = policy;
  const stored = new RuleSet(rules);
  const usersOf = countUsers(loadLinks(model, userLinks));
  const [known, present] = [namesIn(defined?.rules ?? rules), namesIn(rules)];
  const links = loadLinks(model, roleRules);
  const states: States = {
    links: new Map(
      links.map(({ ptype, values, stored: rule }) => [
        linkKey(ptype, values),
        chooseState(stored.has(rule), defined?.has(rule) !== false),
      ]),
    ),
    ofName: (name) => chooseState(present.has(name), known.has(name)),
  };
  const all = buildHierarchies(links);
  return {
    hierarchies: all.slice(0, LISTED_HIERARCHIES).map((one) => describeHierarchy(one, states, usersOf)),
    omitted: Math.max(0, all.length - LISTED_HIERARCHIES),
  };
}

function namesIn(rules: readonly Rule[]): ReadonlySet<string> {
  return new Set(rules.flatMap(({ values }) => values));
}

function chooseState(isStored: boolean, isDefined: boolean): RuleState {
  if (!isStored) return 'missing';
  return isDefined ? 'defined' : 'added';
}

/** How many users have a role themselves, by role definition, role and domain; a link may be stored twice. */
function countUsers(links: readonly Link<Rule>[]): (hierarchy: Hierarchy, role: string) => number {
  const users = new Map<string, Set<string>>();
  for (const { ptype, values } of links) {
    getOrAdd(users, linkKey(ptype, values.slice(1)), () => new Set()).add(values[0] ?? '');
  }
  return ({ ptype, domains }, role) => users.get(linkKey(ptype, [role, ...domains]))?.size ?? 0;
}

function linkKey(ptype: string, values: readonly string[]): string {
  return JSON.stringify([ptype, ...values]);
}

interface States {
  readonly links: ReadonlyMap<string, RuleState>;
  readonly ofName: (name: string) => RuleState;
}

function describeHierarchy(
  hierarchy: Hierarchy,
  states: States,
  usersOf: (hierarchy: Hierarchy, role: string) => number,
): PageHierarchy {
  const { ptype, domain, domains, parents } = hierarchy;
  const names = [...new Set([...parents].flatMap(([child, own]) => [child, ...own]))];
  const numbers = new Map(names.map((name, number) => [name, number]));
  const edges = [...parents].flatMap(([child, own]) =>
    [...new Set(own)].map(
      (parent): HierarchyEdge => ({
        child: numbers.get(child) ?? 0,
        parent: numbers.get(parent) ?? 0,
        state: states.links.get(linkKey(ptype, [child, parent, ...domains])) ?? 'defined',
      }),
    ),
  );
  const nodes = names.map(
    (name): HierarchyNode => ({ name, state: states.ofName(name), users: usersOf(hierarchy, name) }),
  );
  return { ptype, domain, nodes, edges };
}

/** Who has which roles. */
export interface PageUsers {
  readonly users: readonly PageUser[];
  readonly grants: readonly PageGrant[];
  /** How many users have a role themselves, by its name. */
  readonly holders: ReadonlyMap<string, number>;
  readonly omitted: number;
}

/** @param roles the names of the page's roles, in their order */
export function collectUsers(
  { model, roleRules }: PagePolicy,
  userLinks: readonly Rule[],
  roles: readonly string[],
): PageUsers {
  const links = loadLinks(model, userLinks);
  const hierarchies = new Map(
    buildHierarchies(loadLinks(model, roleRules)).map((one) => [linkKey(one.ptype, one.domains), one]),
  );
  const numbers = new Map(roles.map((name, number) => [name, number]));
  const grants: PageGrant[] = [];
  const grantNumbers = new Map<string, number>();
  const grantsOf = new Map<string, number[]>();
  for (const { ptype, values } of links) {
    const [user = '', role = '', ...domains] = values;
    const key = linkKey(ptype, [role, ...domains]);
    if (!grantNumbers.has(key)) {
      const hierarchy = hierarchies.get(linkKey(ptype, domains));
      const inherited = hierarchy === undefined ? [role] : collectInherited(hierarchy, role);
      const known = inherited.flatMap((name) => numbers.get(name) ?? []);
      grantNumbers.set(key, grants.length);
      grants.push({ role, domain: domains.length === 0 ? null : domains.join(', '), roles: known });
    }
    addTo(grantsOf, user, grantNumbers.get(key) ?? 0);
  }
  const users = [...grantsOf].map(([name, own]): PageUser => ({ name, grants: [...new Set(own)] }));
  users.sort((one, other) => one.name.localeCompare(other.name, 'en', { numeric: true }));
  return {
    users: users.slice(0, LISTED_USERS),
    grants,
    holders: countHolders(users, grants),
    omitted: Math.max(0, users.length - LISTED_USERS),
  };
}

function countHolders(users: readonly PageUser[], grants: readonly PageGrant[]): ReadonlyMap<string, number> {
  const holders = new Map<string, number>();
  for (const user of users) {
    for (const name of new Set(user.grants.map((grant) => grants[grant]?.role ?? ''))) {
      holders.set(name, (holders.get(name) ?? 0) + 1);
    }
  }
  return holders;
}

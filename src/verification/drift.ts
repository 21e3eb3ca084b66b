import type { Model } from 'casbin';
import { collectConjuncts, collectNames, roleCalls } from '../casbin/matcher.ts';
import { matcherOf, ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { addTo, getOrAdd } from '../collections.ts';
import { formatRule, formatValue, type Rule, ruleKey, toLine, toRule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import { listNames } from '../text.ts';
import type { DriftFinding, Holders } from '../verification-report.ts';
import { aboutRule, type DriftingDecision } from './compare.ts';
import { breathe, paced } from './decide.ts';
import { domainOf, subjectLinks, subjectPositions } from './parts.ts';

/** How many undefined rules are listed; the others are only counted. */
const LISTED_RULES = 10_000;

/**
 * Finds what is stored in addition to the definition: first the decisions that it changes, then each of the other
 * rules: every undefined `p` rule, and every undefined link between roles, which is a link from a name that the
 * definition uses or that others inherit from. Links from users to roles are not drift.
 *
 * @param decisions the requests that added rules decide differently; a rule that one of them names is not repeated
 */
export async function findDrift(
  model: Model,
  live: readonly StoredRule[],
  defined: RuleSet,
  decisions: readonly DriftingDecision[],
  findHolders: FindHolders,
): Promise<{ drift: DriftFinding[]; omitted: number }> {
  const named = new Set(decisions.flatMap(({ added }) => added.map((rule) => JSON.stringify(rule))));
  const rules = findUndefined(model, live, defined).filter((rule) => !named.has(ruleKey(rule)));
  const listed = rules.slice(0, LISTED_RULES);
  await breathe();

  const roleOf = roleReader(model);
  const about = [...decisions.map(({ added: [first] }) => first && toRule(first)), ...listed].map((rule) =>
    rule === undefined ? null : roleOf(rule),
  );
  const keys = about.map((role) => JSON.stringify(role));
  const roles = new Map(
    about.flatMap((role, index) => (role === null ? [] : [[keys[index], role] as const])),
  );
  const ptypes = subjectLinks(model);
  const lengths = ruleLengthsOf(model);
  const everywhere = ptypes.filter((ptype) => lengths.get(ptype) === 2);
  const links = { ptypes, everywhere, definedRoles: [...namesOf(model, defined.rules)] };
  const found = roles.size === 0 ? [] : await findHolders([...roles.values()], links);
  const holders = new Map([...roles.keys()].map((key, index) => [key, found[index] ?? null]));
  const holdersAt = (index: number) => holders.get(keys[index]) ?? null;

  const drift = decisions.map((decision, index): DriftFinding => {
    const who = holdersAt(index);
    return { ...decision, holders: who, message: withHolders(decision.message, who) };
  });
  for await (const rule of paced(listed)) drift.push(describeUndefined(rule, holdersAt(drift.length)));
  return { drift, omitted: rules.length - listed.length };
}

function findUndefined(model: Model, live: readonly StoredRule[], defined: RuleSet): StoredRule[] {
  const known = ruleLengthsOf(model);
  const parents = new Map<string, Set<string>>();
  for (const { ptype, values } of live) {
    if (!ptype.startsWith('g')) continue;
    getOrAdd(parents, ptype, () => new Set()).add(values[1] ?? '');
  }
  const names = namesOf(model, defined.rules);
  return live.filter((rule) => {
    // Casbin leaves out what the model does not define.
    if (!known.has(rule.ptype) || defined.has(rule)) return false;
    const [child = ''] = rule.values;
    return rule.ptype.startsWith('p') || names.has(child) || parents.get(rule.ptype)?.has(child) === true;
  });
}

/** The names that defined rules use: both sides of links, and values that a matcher may find by links. */
function namesOf(model: Model, rules: readonly Rule[]): Set<string> {
  const matcher = matcherOf(model);
  const policyTokens = tokensOf(model, 'p');
  const linked = roleCalls(matcher).map(({ policy }) => policyTokens.indexOf(policy));
  const subjectAt = subjectPositions(model);
  return new Set(
    rules.flatMap(({ ptype, values }) => {
      if (ptype.startsWith('g')) return values.slice(0, 2);
      const positions = ptype === 'p' ? linked : [];
      return [subjectAt(ptype), ...positions].map((position) => values[position] ?? '');
    }),
  );
}

/** The name to which a rule gives something: the child of a link between subjects, the subject of a `p` rule. */
function roleReader(model: Model): (rule: Rule) => Role | null {
  const subjectAt = subjectPositions(model);
  const links = subjectLinks(model);
  const domainAt = isDomainCompared(model) ? tokensOf(model, 'p').indexOf(domainOf(model) ?? '') : -1;
  const lengths = ruleLengthsOf(model);
  return ({ ptype, values }) => {
    if (ptype.startsWith('p')) {
      const domain = ptype === 'p' ? values[domainAt] : undefined;
      return { name: values[subjectAt(ptype)] ?? '', domain: domain ?? null };
    }
    if (!links.includes(ptype)) return null;
    const domain = linkDomain(values, lengths.get(ptype));
    return { name: values[0] ?? '', domain: domain === '' ? null : domain };
  };
}

/** Whether a rule applies in its own domain only: not if that is a pattern, or other domains inherit from it. */
function isDomainCompared(model: Model): boolean {
  const matcher = matcherOf(model);
  const domain = domainOf(model);
  const uses = collectNames(matcher).filter((name) => name === `p_${domain}`);
  const comparisons = collectConjuncts(matcher).filter(
    ({ kind, request, policy }) => kind === 'equal' && request === domain && policy === domain,
  );
  return uses.length > 0 && comparisons.length === uses.length;
}

function describeUndefined(rule: StoredRule, holders: Holders | null): DriftFinding {
  const line = toLine(rule);
  const message = `Rule "${formatRule(rule)}" (row ${rule.id}) is stored, but not defined.`;
  const finding = aboutRule(line, 'stored, but not defined', withHolders(message, holders));
  return { ...finding, ids: [rule.id], added: [line], holders };
}

/** The finding without the names of those who have it now; their number stays. */
export function withoutNames(finding: DriftFinding): DriftFinding {
  const { holders, message } = finding;
  if (holders === null) return finding;
  const unnamed = { ...holders, names: [] };
  const told = withHolders('', holders).length;
  return { ...finding, holders: unnamed, message: withHolders(message.slice(0, -told), unnamed) };
}

function withHolders(message: string, holders: Holders | null): string {
  if (holders === null) return message;
  return `${message} Who has it now: ${listNames(holders.names.map(formatValue), holders)}.`;
}

/** A name to which a rule gives something, and the domain; null for any domain. */
interface Role {
  readonly name: string;
  readonly domain: string | null;
}

/** Which links lead from subjects to roles, and which names are roles by definition. */
interface RoleLinks {
  readonly ptypes: readonly string[];
  /** Those of them whose links have no domain, and so hold in all. */
  readonly everywhere: readonly string[];
  readonly definedRoles: readonly string[];
}

/** Finds out who has each of some roles. */
export type FindHolders = (roles: readonly Role[], links: RoleLinks) => Promise<readonly Holders[]>;

/** Up to how many holders of a role are counted. */
export const COUNTED_HOLDERS = 10_000;
/** How many of them are named. */
export const NAMED_HOLDERS = 5;

/** A user or a role that has a role, and in which domain; null for all of them. */
interface Holding {
  readonly name: string;
  readonly domain: string | null;
}

/** Finds holders in a list of all stored rules. */
export function holdersAmong(model: Model, live: readonly Rule[]): FindHolders {
  return async (roles, { ptypes, everywhere, definedRoles }) => {
    const lengths = ruleLengthsOf(model);
    const defined = new Set(definedRoles);
    const links = new Map<string, Holding[]>();
    for (const { ptype, values } of live) {
      const [name = '', role = ''] = values;
      if (!ptypes.includes(ptype)) continue;
      const domain = everywhere.includes(ptype) ? null : linkDomain(values, lengths.get(ptype));
      addTo(links, role, { name, domain });
    }
    const found: Holders[] = [];
    for await (const role of paced(roles)) {
      const holders = listHolders(role, links, defined);
      found.push(summarizeHolders(holders, holders.length));
    }
    return found;
  };
}

/** Who has a role, directly or by other roles; no more than one beyond those that are counted. */
function listHolders(
  { name, domain }: Role,
  links: ReadonlyMap<string, readonly Holding[]>,
  defined: ReadonlySet<string>,
): string[] {
  const below = new Set([name]);
  const holders: string[] = [];
  // What is added to a set while it is gone through is gone through too.
  for (const holder of below) {
    const toHolder = links.get(holder) ?? [];
    if (toHolder.length === 0 && !defined.has(holder)) holders.push(holder);
    if (holders.length > COUNTED_HOLDERS) break;
    for (const link of toHolder) {
      if (domain === null || link.domain === null || link.domain === domain) below.add(link.name);
    }
  }
  return holders;
}

/**
 * @param some at least the first of them
 * @param count of all of them, or of one more than are counted
 */
export function summarizeHolders(some: readonly string[], count: number): Holders {
  return {
    names: some.slice(0, NAMED_HOLDERS),
    count: Math.min(count, COUNTED_HOLDERS),
    more: count > COUNTED_HOLDERS,
  };
}

/** The domain of a link, as Casbin reads it; empty for one in a role definition without domains. */
function linkDomain(values: readonly string[], length: number | undefined): string {
  return values.slice(2, length).join(', ');
}

import type { Model } from 'casbin';
import type { RoleQuestion } from '../casbin/enforcer.ts';
import {
  identifier,
  isNode,
  isRoleDefinition,
  parseMatcher,
  readCall,
  usesRules,
  walk,
} from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';
import { getOrAdd, isSameList } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { buildHierarchies, findRolePath, type Hierarchy } from '../policy/hierarchy.ts';
import { formatRule, type Rule, ruleKey, toLine } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { Explanation, RowId } from '../verification-report.ts';
import type { Answer } from './decide.ts';
import { subjectOf } from './parts.ts';
import { FEW_SUBJECTS } from './request-matrix.ts';
import { loadLinks } from './structure.ts';

/**
 * Explains an answer that was given on one policy.
 *
 * @param causes the added rules that cause the answer, if they are known. Default: the added rules that took part
 */
export type Explain = (request: Request, answer: Answer, causes?: readonly Rule[]) => Explanation;

/**
 * Makes {@link Explain} for the policy that the answers were given on.
 *
 * @param rules that policy, with the ids of the rows if it is stored
 * @param defined the rules of the definition, to know which were added since
 */
export function explainer(
  model: Model,
  rules: readonly (Rule & { readonly id?: RowId })[],
  defined: RuleSet,
): Explain {
  const stored = new RuleSet(rules);
  const findRoute = roleRoutes(
    model,
    rules,
    rules.filter((rule) => defined.has(rule)),
  );
  const isByRule = usesRules(matcherOf(model));
  return (request, { allowed, rule: values, error }, causes) => {
    const rule: Rule | null = values.length === 0 ? null : { ptype: 'p', values };
    const { path, links } = rule === null ? { path: [], links: [] } : findRoute(request, rule);
    const involved = rule === null ? [] : [rule, ...links];
    const added = causes ?? involved.filter((one) => !defined.has(one));
    const named = new Map([...involved, ...added].map((one) => [ruleKey(one), one]));
    return {
      rule: rule === null ? null : toLine(rule),
      rolePath: path,
      // A rule may be stored in several rows.
      ids: [...named.values()].flatMap((one) => stored.allOf(one).flatMap(({ id }) => id ?? [])),
      added: added.map(toLine),
      reason:
        isByRule || error !== null
          ? describeDecision(allowed, rule, path, added, error)
          : 'by the matcher alone, which uses no rule',
    };
  };
}

function describeDecision(
  allowed: boolean,
  rule: Rule | null,
  path: readonly string[],
  added: readonly Rule[],
  error: string | null,
): string {
  const since = added.length > 0 ? `; not in the definition: ${added.map(formatRule).join('; ')}` : '';
  if (error !== null) return `Casbin throws: ${error}${since}`;
  if (rule === null) return `no rule ${allowed ? 'denies' : 'allows'} it${since}`;
  const through = path.length > 1 ? `, through ${path.join(' → ')}` : '';
  return `by "${formatRule(rule)}"${through}${since}`;
}

/** How the values of a request lead to those of a rule. */
interface RoleRoute {
  /** From subject to subject: `['alice', 'admin', 'user']`; empty if the matcher uses no roles. */
  readonly path: readonly string[];
  /** The `g` rules along this path, and those along the paths of resource roles. */
  readonly links: readonly Rule[];
  /** Calls of the matcher that the links alone do not satisfy. A role manager may, by matching patterns. */
  readonly open: readonly RoleQuestion[];
}

/**
 * Creates a function that finds the route from a request to a rule, by each role definition that the matcher calls.
 *
 * @param rules the policy
 * @param preferred the rules to prefer if there are several routes
 */
export function roleRoutes(
  model: Model,
  rules: readonly Rule[],
  preferred: readonly Rule[] = rules,
): FindRoute {
  const questions = readQuestions(model);
  const finders = questions.map((reader) => {
    const find = [...new Set([preferred, rules])].map((some) => pathFinder(model, some, reader.ptype));
    return routeFinder(reader, find);
  });
  const [only] = finders;
  if (only !== undefined && finders.length === 1) return only;
  const asksForSubject = questions.some(({ isOfSubject }) => isOfSubject);
  return (request, rule) => {
    const routes = finders.map((find) => find(request, rule));
    const found = routes.find(
      ({ open }, index) => open.length === 0 && (!asksForSubject || questions[index]?.isOfSubject),
    );
    return {
      path: found?.path ?? [],
      links: routes.flatMap(({ links }) => links),
      open: routes.flatMap(({ open }) => open),
    };
  };
}

/** Finds the route by one call of a role definition. */
function routeFinder({ ptype, readers }: RoleQuestionReader, find: readonly FindPath[]): FindRoute {
  const [readFrom = NO_VALUE, readTo = NO_VALUE, ...readDomains] = readers;
  // Requests are ordered by domain, and there by subject, or by permission where there are few subjects. A subject has
  // many requests that use the same few roles.
  let last: { readonly domains: readonly string[]; readonly subjects: Map<string, SubjectRoutes> } | null =
    null;
  return (request, rule) => {
    const from = readFrom(request, rule);
    const to = readTo(request, rule);
    if (from === to) return { path: [from], links: [], open: [] };
    const domains = readDomains.map((read) => read(request, rule));
    if (last === null || last.subjects.size > FEW_SUBJECTS || !isSameList(last.domains, domains))
      last = { domains, subjects: new Map() };
    const { finders, routes } = getOrAdd(last.subjects, from, () => ({
      finders: find.map((one) => one(from, domains)),
      routes: new Map<string, RoleRoute>(),
    }));
    return getOrAdd(routes, to, () => {
      for (const finder of finders) {
        const route = finder(to);
        if (route !== null) return route;
      }
      return { path: [], links: [], open: [{ ptype, from, to, domains }] };
    });
  };
}

/** What is known of a subject in some domains. */
interface SubjectRoutes {
  readonly finders: readonly ReturnType<FindPath>[];
  /** By the name that a route leads to. */
  readonly routes: Map<string, RoleRoute>;
}

type FindRoute = (request: Request, rule: Rule) => RoleRoute;

/** A call of a role definition: functions that return its arguments for a request and a rule. */
interface RoleQuestionReader {
  readonly ptype: string;
  readonly readers: readonly ReadArgument[];
  /** Whether it asks what the request's subject inherits. */
  readonly isOfSubject: boolean;
}

/** The calls of role definitions in a matcher whose arguments are values of the request, of the rule, or literals. */
function readQuestions(model: Model): RoleQuestionReader[] {
  const nodes = walk(parseMatcher(matcherOf(model)));
  const subject = `r_${subjectOf(model)}`;
  return nodes.flatMap((node): RoleQuestionReader[] => {
    const call = readCall(node);
    if (call === null || !isRoleDefinition(call.name)) return [];
    const readers = call.given.flatMap((argument) => readArgument(model, argument) ?? []);
    if (readers.length < Math.max(2, call.given.length)) return [];
    return [{ ptype: call.name, readers, isOfSubject: identifier(call.given[0]) === subject }];
  });
}

type ReadArgument = (request: Request, rule: Rule) => string;

const NO_VALUE: ReadArgument = () => '';

/** Null for an argument that depends on more than values of the request and the rule. */
function readArgument(model: Model, argument: unknown): ReadArgument | null {
  const name = identifier(argument);
  if (name === null) {
    const literal = isNode(argument) && argument.type === 'Literal' ? argument.value : null;
    return typeof literal === 'string' ? () => literal : null;
  }
  const position = (section: 'r' | 'p') =>
    name.startsWith(`${section}_`) ? tokensOf(model, section).indexOf(name.slice(2)) : -1;
  const [inRequest, inRule] = [position('r'), position('p')];
  if (inRequest !== -1) return (request) => request[inRequest] ?? '';
  return inRule === -1 ? null : (_, { values }) => values[inRule] ?? '';
}

/** Finds the path from a name to another one; null if there is none. */
type FindPath = (from: string, domains: readonly string[]) => (to: string) => RoleRoute | null;

/** Finds paths in one role definition. */
function pathFinder(model: Model, rules: readonly Rule[], ptype: string): FindPath {
  const links = loadLinks(model, rules).filter((link) => link.ptype === ptype);
  // A link without a domain is not one in the domain without a name.
  const hierarchies = new Map<string, Hierarchy>(
    buildHierarchies(links).map((one) => [JSON.stringify(one.domains), one]),
  );
  const stored = new Map<string, Rule>();
  for (const link of links) {
    const key = JSON.stringify(link.values);
    // Casbin cuts off values that are too many, so another row may give the same link as the one that is written so.
    if (!stored.has(key) || link.stored.values.length === link.values.length) stored.set(key, link.stored);
  }
  return (from, domains) => {
    const hierarchy = hierarchies.get(JSON.stringify(domains));
    return (to) => {
      if (hierarchy === undefined) return null;
      const path = findRolePath(hierarchy, from, to);
      if (path === null) return null;
      const steps = path.slice(1).map((parent, index) => [path[index] ?? '', parent, ...domains]);
      return { path, links: steps.flatMap((step) => stored.get(JSON.stringify(step)) ?? []), open: [] };
    };
  };
}

import type { Enforcer, Model } from 'casbin';
import { evaluator } from '../casbin/evaluator.ts';
import { roleCalls, usesRules } from '../casbin/matcher.ts';
import { matcherOf, rulesOf, tokensOf } from '../casbin/model.ts';
import { isSameList } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import { buildHierarchies, type Hierarchy, MAX_INHERITANCE_LINKS } from '../policy/hierarchy.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { Decision, Explanation, RowId, RuleOrigin } from '../verification-report.ts';
import { type ClosestRule, findClosestRules, findUnknownValues } from './closest-rules.ts';
import { type Answer, PAST } from './decide.ts';
import { explainer } from './explain-answer.ts';
import { loadLinks } from './structure.ts';

/** Why a request is allowed or denied. If no rule matches, it also has the rules that come closest to allowing it. */
export interface DecisionExplanation extends Omit<Explanation, 'reason'> {
  /** The values of the request, in the order of the model's request definition. */
  readonly request: readonly string[];
  /** The names of these values in the model: `sub`, `obj`, `act`. */
  readonly tokens: readonly string[];
  /** What the enforcer answers. */
  readonly decision: Decision;
  /** The decision and its reason as text: `allowed by the rule "p, user, accounts, write"`. */
  readonly answer: string;
  /** Who added the rule and the role links, if the rule table has a journal that knows. */
  readonly granted: readonly RuleOrigin[];
  /** If no rule matches: the roles of the subject, and of other values that inherit in this model. */
  readonly roles: readonly HeldRoles[];
  /** If no rule matches: the rules that differ least from the request, and the differences. */
  readonly closest: readonly ClosestRule[];
  /** If no rule matches: values that no rule has, so they are probably misspelt. */
  readonly unknown: readonly string[];
}

/** The roles that one value of a request inherits from. */
export interface HeldRoles {
  /** The role definition: `g`, `g2` … */
  readonly ptype: string;
  /** The value of the request. */
  readonly name: string;
  /** Null if the role definition has no domain. */
  readonly domain: string | null;
  /** The first four paths from the name to the roles above it, as far as Casbin follows them. */
  readonly paths: readonly (readonly string[])[];
  /** Whether there are more paths. */
  readonly more: boolean;
}

/** What the explanation uses in addition to the enforcer. */
export interface ExplanationSource {
  /** The policy, with the ids of the rows if it is stored. Default: the rules of the enforcer. */
  readonly rules?: readonly (Rule & { readonly id?: RowId })[];
  /** Returns which rules were added. Default: none. */
  readonly defined?: RuleSet;
  /** What the enforcer answers, if it was asked before: it takes long with thousands of rules. */
  readonly answer?: Answer | undefined;
}

/**
 * Explains how an enforcer answers a request.
 *
 * @param given the request, whose values may be objects with attributes
 * @param request the same values as texts
 * @param decision the answer of its `enforce`
 */
export async function explainByEnforcer(
  enforcer: Enforcer,
  given: readonly unknown[],
  request: Request,
  decision: Decision,
  source: ExplanationSource = {},
): Promise<DecisionExplanation> {
  const model = enforcer.getModel();
  const tokens = tokensOf(model, 'r');
  const base = { ...NOTHING, request, tokens, decision };
  const matcher = matcherOf(model);
  const explained: unknown =
    source.answer === undefined
      ? await enforcer.enforceEx(...given)
      : [source.answer.allowed, source.answer.rule];
  // A disabled enforcer answers with true alone.
  if (!Array.isArray(explained)) return { ...base, answer: 'allowed: the enforcer is disabled' };
  const [allowed, values]: [boolean, string[]] = [explained[0], explained[1]];
  if (allowed !== (decision === 'allow')) {
    const answer = `${PAST[decision]} by enforce(), unlike enforceEx(): it is cached, or overridden`;
    return { ...base, answer };
  }
  if (!usesRules(matcher)) {
    return { ...base, answer: `${PAST[decision]} by the matcher alone, which uses no rule` };
  }
  const rules = source.rules ?? rulesOf(model);
  if (values.length > 0) {
    const explain = explainer(model, rules, source.defined ?? new RuleSet(rules));
    const { rule, rolePath, ids, added } = explain(request, { allowed, rule: values, error: null });
    const answer = `${PAST[decision]} by the rule "${formatRule({ ptype: 'p', values })}"`;
    return { ...base, answer, rule, rolePath, ids, added };
  }
  if (allowed) return { ...base, answer: 'allowed: no rule denies it' };
  return {
    ...base,
    answer: 'denied: no rule allows it',
    ...(await findWhatIsMissing(enforcer, rules, given, request)),
  };
}

const NOTHING = {
  rule: null,
  rolePath: [],
  ids: [],
  added: [],
  granted: [],
  roles: [],
  closest: [],
  unknown: [],
};

async function findWhatIsMissing(
  enforcer: Enforcer,
  rules: readonly Rule[],
  given: readonly unknown[],
  request: Request,
) {
  const model = enforcer.getModel();
  return {
    roles: listHeldRoles(model, rules, request),
    closest: await findClosestRules(model, rules, request, evaluator(enforcer, given)),
    unknown: findUnknownValues(model, rules, request),
  };
}

const SHOWN_PATHS = 4;

function listHeldRoles(model: Model, rules: readonly Rule[], request: Request): HeldRoles[] {
  const tokens = tokensOf(model, 'r');
  const take = (token: string) => request[tokens.indexOf(token)] ?? '';
  const hierarchies = buildHierarchies(loadLinks(model, rules));
  const calls = roleCalls(matcherOf(model)).map((call) => {
    const domain = call.domain === null ? null : take(call.domain);
    return { ptype: call.ptype, name: take(call.request), domain };
  });
  const distinct = new Map(calls.map((call) => [JSON.stringify(call), call]));
  return [...distinct.values()].map(({ ptype, name, domain }) => {
    const hierarchy = hierarchies.find(
      (one) => one.ptype === ptype && isSameList(one.domains, domain === null ? [] : [domain]),
    );
    const paths = hierarchy === undefined ? [] : listPaths(hierarchy, name);
    return { ptype, name, domain, paths: paths.slice(0, SHOWN_PATHS), more: paths.length > SHOWN_PATHS };
  });
}

/** The paths from a name to the roles above it, as far as Casbin follows them; at most one more than is shown. */
function listPaths({ parents }: Hierarchy, name: string): string[][] {
  const paths: string[][] = [];
  const climb = (path: string[]) => {
    if (paths.length > SHOWN_PATHS) return;
    const next = (parents.get(path.at(-1) ?? '') ?? []).filter((parent) => !path.includes(parent));
    if (next.length > 0 && path.length <= MAX_INHERITANCE_LINKS) {
      for (const parent of next) climb([...path, parent]);
    } else if (path.length > 1) {
      paths.push(path);
    }
  };
  climb([name]);
  return paths;
}

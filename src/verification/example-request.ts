import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { evaluatesRules, patternTokens } from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';
import { addTo, collectAncestors } from '../collections.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import { createDecider } from './decide.ts';
import { subjectLinks, subjectPosition, subjectPositions } from './parts.ts';

/** The longest value that is shown. */
const LONGEST = 200;

/** How many rules of the roles that it leads to are tried for a link. */
const TRIED_OF_LINK = 3;

/**
 * Finds requests that the `undecided` rules decide, at most one for each, where rules hold patterns, from which no
 * requests follow: they can be written under `samples`. A link between roles decides a request for the one by a rule of
 * the other.
 *
 * @param most how many requests are tried, and rules that have none, those of `p` first; decisions on many patterns
 * take long
 */
export async function* findExamples(
  model: Model,
  rules: readonly Rule[],
  undecided: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
  most: number,
): AsyncGenerator<Request, undefined> {
  // Then the matcher need not be one that Casbin can parse.
  if (undecided.length === 0) return;
  const ofSubjects = subjectLinks(model);
  const permissions = undecided.filter(({ ptype }) => ptype === 'p');
  const links = undecided.filter(({ ptype }) => ofSubjects.includes(ptype));
  // Values of rules that are evaluated are no values of requests.
  if (permissions.length + links.length === 0 || evaluatesRules(matcherOf(model))) return;
  const [requestsFor, inheritedBy] = [requestMaker(model), inheritedRequests(model, rules)];
  const { decide } = await createDecider(model, rules, configureEnforcer);
  const found = new Set<string>();
  let tried = 0;
  for (const rule of [...permissions, ...links]) {
    const candidates = rule.ptype === 'p' ? requestsFor(rule.values) : inheritedBy(rule);
    if (candidates.length === 0 && ++tried > most) return;
    for (const { request, by } of candidates) {
      if (++tried > most) return;
      const answer = await decide(request);
      if (answer.rule.length === 0 || answer.rule.some((value, at) => value !== by[at])) continue;
      const key = JSON.stringify(request);
      if (!found.has(key)) yield request;
      found.add(key);
      break;
    }
  }
}

/** A request, and the values of the rule that is to decide it. */
interface Candidate {
  readonly request: Request;
  readonly by: readonly string[];
}

/** Creates a function that returns requests which a link between roles may decide. */
function inheritedRequests(model: Model, rules: readonly Rule[]): (link: Rule) => Candidate[] {
  const ptypes = subjectLinks(model);
  const [inRule, inRequest] = [subjectPositions(model)('p'), subjectPosition(model)];
  const requestsFor = requestMaker(model);
  const parents = new Map<string, string[]>();
  for (const { ptype, values } of rules) {
    if (ptypes.includes(ptype)) addTo(parents, values[0] ?? '', values[1] ?? '');
  }
  return ({ values: [child = '', parent = '', ...domain] }) => {
    if (child.length > LONGEST) return [];
    const roles = collectAncestors(parents, parent);
    const isInherited = ({ ptype, values }: Rule) =>
      ptype === 'p' && roles.has(values[inRule] ?? '') && domain.every((value) => values.includes(value));
    return rules
      .filter(isInherited)
      .slice(0, TRIED_OF_LINK)
      .flatMap(({ values }) => requestsFor(values))
      .map(({ request, by }) => ({ request: request.with(inRequest, child), by }));
  };
}

/**
 * Creates a function that returns requests which a rule of `p` may decide: none if requests have values that rules do
 * not have, such as attributes, or values are too long to be shown.
 */
function requestMaker(model: Model): (values: readonly string[]) => Candidate[] {
  const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
  if (requestTokens.some((token) => !policyTokens.includes(token))) return () => [];
  const patterns = patternTokens(matcherOf(model));
  return (values) => {
    if (values.some(({ length }) => length > LONGEST)) return [];
    const at = (token: string) => values[policyTokens.indexOf(token)] ?? '';
    const filled = requestTokens.map((token) => (patterns.includes(token) ? fillIn(at(token)) : at(token)));
    return [filled, requestTokens.map(at)].map((request) => ({ request, by: values }));
  };
}

/**
 * A text that a common pattern matches, of whichever function: `/invoices/:id` becomes `/invoices/1`, `(GET)|(POST)`
 * becomes `GET`. It is tried, so it may be wrong for others.
 */
function fillIn(pattern: string): string {
  if (/^[\d.]+\/\d+$|^[\da-f:]+\/\d+$/i.test(pattern)) return pattern.slice(0, pattern.indexOf('/'));
  return (
    pattern
      // the ends of a regular expression
      .replaceAll(/^\^|\$$/g, '')
      // the first of several alternatives, in brackets or not
      .replaceAll(/\((?:\?:)?([^()|]*)(?:\|[^()]*)?\)/g, '$1')
      .replace(/\|.*/, '')
      // a parameter of a path: {id} or :id
      .replaceAll(/\{[^{}/]+\}|(?<=\/):[^/]+/g, '1')
      // the first character of a class
      .replaceAll(/\[([^\]^])[^\]]*\]/g, '$1')
      // whatever matches any text: [^/]+, \d+, .* or *
      .replaceAll(/(?:\[[^\]]*\]|\\[dw]|\.(?=[*+]))[*+]?|\*+/g, '1')
      // an escaped character; how often the one before may stand
      .replaceAll(/\\(.)|[+?]/g, '$1')
  );
}

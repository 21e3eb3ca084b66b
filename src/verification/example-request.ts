import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { patternTokens } from '../casbin/matcher.ts';
import { matcherOf, tokensOf } from '../casbin/model.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import { createDecider } from './decide.ts';

/** The longest value that is shown. */
const LONGEST = 200;

/**
 * Finds requests that the `tried` rules decide, at most one for each, where rules hold patterns, from which no requests
 * follow: they can be written under `samples`.
 *
 * @param tried some of the rules of `p`; decisions on a large policy with patterns take long
 */
export async function* findExamples(
  model: Model,
  rules: readonly Rule[],
  tried: readonly Rule[],
  configureEnforcer: ConfigureEnforcer | undefined,
): AsyncGenerator<Request, undefined> {
  if (tried.length === 0) return;
  const patterns = patternTokens(matcherOf(model));
  const { decide } = await createDecider(model, rules, configureEnforcer);
  for (const rule of tried) {
    for (const request of requestsFor(model, rule, patterns)) {
      const answer = await decide(request);
      const isByRule = answer.rule.length > 0 && answer.rule.every((value, at) => value === rule.values[at]);
      if (!isByRule) continue;
      yield request;
      break;
    }
  }
}

/** None if requests have values that rules do not have, such as attributes, or values are too long to be shown. */
function requestsFor(model: Model, { values }: Rule, patterns: readonly string[]): Request[] {
  const [requestTokens, policyTokens] = [tokensOf(model, 'r'), tokensOf(model, 'p')];
  if (requestTokens.some((token) => !policyTokens.includes(token))) return [];
  if (values.some(({ length }) => length > LONGEST)) return [];
  const at = (token: string) => values[policyTokens.indexOf(token)] ?? '';
  return [
    requestTokens.map((token) => (patterns.includes(token) ? fillIn(at(token)) : at(token))),
    requestTokens.map(at),
  ];
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

import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import type { Rule } from '../policy/rule.ts';

/** The values of one request, in the order of the model's request definition. */
export type Request = readonly string[];

/** A subject that no rule names, for what everybody may do. */
export const NO_ROLE = 'casbin-bootstrap:no-role';

/**
 * Every subject of the policy, and one without any role × every permission that it names.
 *
 * A permission is what a rule says beside its subject, for each request value that the policy definition has a
 * value of the same name for. A model whose requests have other values (attributes, a time) gives no matrix:
 * then there are no requests.
 */
export function deriveRequests(model: Model, rules: readonly Rule[]): Request[] {
  const [subjectToken, ...permissionTokens] = orderTokens(tokensOf(model, 'r'));
  if (subjectToken === undefined) return [];
  const policyTokens = tokensOf(model, 'p');
  const positions = [subjectToken, ...permissionTokens].map((token) => policyTokens.indexOf(token));
  if (positions.includes(-1)) return [];

  const subjects = new Set<string>();
  const permissions = new Map<string, readonly string[]>();
  for (const { ptype, values } of rules) {
    if (ptype === 'p') {
      const [subject = '', ...permission] = positions.map((position) => values[position] ?? '');
      subjects.add(subject);
      permissions.set(JSON.stringify(permission), permission);
    } else if (ptype === 'g') {
      for (const role of values.slice(0, 2)) subjects.add(role);
    }
  }
  subjects.add(NO_ROLE);

  const order = tokensOf(model, 'r').map((token) => [subjectToken, ...permissionTokens].indexOf(token));
  return [...subjects].flatMap((subject) =>
    [...permissions.values()].map((permission) => {
      const values = [subject, ...permission];
      return order.map((position) => values[position] ?? '');
    }),
  );
}

/** The subject's token first: the one called `sub`, as everywhere in Casbin, else the first. */
function orderTokens(tokens: readonly string[]): string[] {
  const subject = tokens.includes('sub') ? 'sub' : tokens[0];
  return subject === undefined ? [] : [subject, ...tokens.filter((token) => token !== subject)];
}

import type { Model } from 'casbin';
import { patternTokens, roleCalls } from '../casbin/matcher.ts';
import { ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import type { Rule } from '../policy/rule.ts';
import { type Inheriting, type Permission, permissionExpander } from './resource-roles.ts';

/** The values of one request, in the order of the model's request definition. */
export type Request = readonly string[];

/** A subject that no rule names, for what everybody may do. */
export const NO_ROLE = 'casbin-bootstrap:no-role';

/** Which of the request's values are what, as the matcher uses them. */
interface Parts {
  readonly requestTokens: readonly string[];
  readonly policyTokens: readonly string[];
  readonly subject: string;
  /** The role definitions that subjects inherit by, and whether they do so within a domain. */
  readonly roles: ReadonlyMap<string, 'everywhere' | 'in domain'>;
  readonly domain: string | null;
  readonly inheriting: readonly Inheriting[];
}

/** Who and what one domain has; a model without domains has one. */
interface Domain {
  readonly subjects: Set<string>;
  readonly permissions: Map<string, Permission>;
}

/**
 * Every subject of the policy, and one without any role × every permission that it names; with domains, each
 * domain's subjects × its own permissions and those of one other domain.
 *
 * A permission is what a rule says beside its subject, for the resource that it names and for those that inherit
 * from it. There is no matrix for a model whose requests have values that rules have none of the same name for
 * (attributes, a time), nor for one whose rules hold patterns: a pattern says nothing about itself.
 */
export function deriveRequests(model: Model, rules: readonly Rule[]): Request[] {
  const parts = readParts(model);
  if (parts === null) return [];
  const everywhere = collectSubjects(rules, parts);
  const domains = [...collectDomains(rules, parts).values()];
  const granting = domains.filter(({ permissions }) => permissions.size > 0);
  return domains.flatMap((domain) => {
    const other = granting[(granting.indexOf(domain) + 1) % granting.length];
    const foreign = other === domain ? [] : [...(other?.permissions.values() ?? [])];
    const permissions = [...domain.permissions.values(), ...foreign];
    return [...new Set([...domain.subjects, ...everywhere, NO_ROLE])].flatMap((subject) =>
      permissions.map((permission) =>
        parts.requestTokens.map((token) => (token === parts.subject ? subject : (permission[token] ?? ''))),
      ),
    );
  });
}

function readParts(model: Model): Parts | null {
  const requestTokens = tokensOf(model, 'r');
  const policyTokens = tokensOf(model, 'p');
  const matcher = model.model.get('m')?.get('m')?.value ?? '';
  const subject = requestTokens.includes('sub') ? 'sub' : requestTokens[0];
  if (subject === undefined || requestTokens.some((token) => !policyTokens.includes(token))) return null;
  if (patternTokens(matcher).some((token) => requestTokens.includes(token))) return null;
  const calls = roleCalls(matcher);
  const named = calls.find(({ request, domain }) => request === subject && domain !== null)?.domain ?? 'dom';
  const domain = requestTokens.includes(named) ? named : null;
  const inheriting = calls
    .filter(({ request }) => request !== subject)
    .map(({ request: token, ptype }) => ({ token, ptype }));
  return {
    requestTokens,
    policyTokens,
    subject,
    roles: readRoleDefinitions(model, inheriting, domain !== null),
    domain,
    inheriting,
  };
}

function readRoleDefinitions(model: Model, ofResources: readonly Inheriting[], hasDomains: boolean) {
  const others = new Set(ofResources.map(({ ptype }) => ptype));
  const lengths = [...ruleLengthsOf(model)].filter(([ptype]) => ptype.startsWith('g') && !others.has(ptype));
  return new Map(
    lengths.map(([ptype, length]) => [ptype, hasDomains && length > 2 ? 'in domain' : 'everywhere'] as const),
  );
}

/** Subjects that are linked to others in no domain, and so in all of them. */
function collectSubjects(rules: readonly Rule[], { roles }: Parts): string[] {
  return rules
    .filter(({ ptype }) => roles.get(ptype) === 'everywhere')
    .flatMap(({ values }) => values.slice(0, 2));
}

function collectDomains(rules: readonly Rule[], parts: Parts): Map<string, Domain> {
  const domains = new Map<string, Domain>();
  const domainOf = (name: string): Domain => {
    const domain = domains.get(name) ?? { subjects: new Set(), permissions: new Map() };
    domains.set(name, domain);
    return domain;
  };
  const expand = permissionExpander(rules, parts.inheriting);
  for (const { ptype, values } of rules) {
    const take = (token: string) => values[parts.policyTokens.indexOf(token)] ?? '';
    if (ptype === 'p') {
      const domain = domainOf(parts.domain === null ? '' : take(parts.domain));
      domain.subjects.add(take(parts.subject));
      const permission = Object.fromEntries(parts.requestTokens.map((token) => [token, take(token)]));
      for (const variant of expand({ ...permission, [parts.subject]: '' })) {
        domain.permissions.set(JSON.stringify(variant), variant);
      }
    } else if (parts.roles.get(ptype) === 'in domain') {
      const [child = '', parent = '', domain = ''] = values;
      domainOf(domain).subjects.add(child).add(parent);
    }
  }
  return domains;
}

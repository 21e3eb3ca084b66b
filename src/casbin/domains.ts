import type { Model } from 'casbin';
import type { Problem } from '../errors.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { findPlace } from '../policy/place.ts';
import { collectConjuncts } from './matcher.ts';
import { matcherOf, ruleLengthsOf, tokensOf } from './model.ts';

/** The rules that `domains` compile to. */
const FORMS = [
  { ptype: 'p', values: ['role', 'domain', 'resource', 'action'], part: 'permissions' },
  { ptype: 'g', values: ['role', 'parent', 'domain'], part: 'inherits' },
] as const;

/** The position of the domain in a rule of `p`, and in a request. */
const DOMAIN_POSITION = 1;

const REMEDY =
  'Give the model of RBAC with domains, model: domainsModelPath, or one like it; or write the policy as rules.';

/** Finds why a model has no room for the rules of `domains`. It is reported once, not for each rule of each tenant. */
export function findUnfitDomains(model: Model, definition: PolicyDefinition): Problem[] {
  const { domains } = definition;
  if (domains === undefined) return [];
  const lengths = ruleLengthsOf(model);
  const roles = Object.values(domains.roles);
  const misfits = FORMS.filter(({ part }) =>
    roles.some((role) => Object.values(role[part] ?? {}).flat().length > 0),
  ).flatMap(({ ptype, values }): string[] => {
    const length = lengths.get(ptype);
    if (length === values.length) return [];
    const found = length === undefined ? `does not define "${ptype}"` : `defines ${length} for "${ptype}"`;
    return [
      `domains compile to rules "${[ptype, ...values].join(', ')}", of ${values.length} values, but the model ${found}. ${REMEDY}`,
    ];
  });
  const messages = misfits.length > 0 ? misfits : findMisplacedDomain(model);
  const at = findPlace(definition, ['domains']) ?? 'policy.domains';
  return messages.map((message) => ({ code: 'MODEL_WITHOUT_DOMAINS', at, message }));
}

/** The number of values may be right and the order wrong: another value would then be used as the domain. */
function findMisplacedDomain(model: Model): string[] {
  const names = readDomainNames(model);
  if (names === null) return [];
  return (['p', 'r'] as const).flatMap((section) => {
    const tokens = tokensOf(model, section);
    const position = tokens.indexOf(names[section]);
    if (position === -1 || position === DOMAIN_POSITION) return [];
    const what = section === 'p' ? 'rules' : 'requests';
    return [
      `the ${what} of domains have the domain as their second value, but the model says ${section} = ${tokens.join(', ')}. Put ${names[section]} second there, or write the policy as rules.`,
    ];
  });
}

/** The names of the domain in requests and rules: the last argument of `g`, and the value that it is compared with. */
function readDomainNames(model: Model): { readonly r: string; readonly p: string } | null {
  const matcher = matcherOf(model);
  try {
    const conjuncts = collectConjuncts(matcher);
    const call = conjuncts.find((one) => one.kind === 'inherits' && one.ptype === 'g');
    const domain = call?.kind === 'inherits' ? call.domain : null;
    if (domain === null) return null;
    const compared = conjuncts.find((one) => one.kind === 'equal' && one.request === domain);
    return { r: domain, p: compared?.policy ?? domain };
  } catch {
    return null; // a matcher that can't be parsed is a problem of the model, and found there
  }
}

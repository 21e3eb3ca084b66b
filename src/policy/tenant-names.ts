import type { Problem } from '../errors.ts';
import { compilePolicy, type DefinedRule } from './compile.ts';
import type { PolicyDefinition } from './definition.ts';
import { placeIn } from './place.ts';
import { formatText } from './rule.ts';
import { RuleSet } from './rule-set.ts';

/**
 * Finds problems of the names of tenants, each once, at the place of the name. Also returns the rules of the definition
 * without those tenants, because their rules would repeat the problem.
 *
 * @param findFaults what is wrong with the values of rules
 */
export function checkTenantNames(
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  findFaults: (rules: readonly DefinedRule[]) => Problem[],
): { readonly problems: readonly Problem[]; readonly sound: RuleSet<DefinedRule> } {
  const { domains } = definition;
  if (domains === undefined) return { problems: [], sound: defined };
  const problems = [...findRepeatedTenants(definition), ...findFaults(namingRules(definition))];
  if (problems.length === 0) return { problems, sound: defined };
  const faulty = new Set(problems.map(({ at }) => at));
  const tenants = domains.tenants.filter((_tenant, index) => !faulty.has(placeOfTenant(definition, index)));
  return { problems, sound: new RuleSet(compilePolicy({ ...definition, domains: { ...domains, tenants } })) };
}

/** Tenants that are listed a second time: all of their rules would be defined twice. */
function findRepeatedTenants(definition: PolicyDefinition): Problem[] {
  const indexes = new Map<string, number>();
  return (definition.domains?.tenants ?? []).flatMap((tenant, index): Problem[] => {
    const first = indexes.get(tenant);
    if (first === undefined) {
      indexes.set(tenant, index);
      return [];
    }
    const message = `tenant ${formatText(tenant)} is already listed at ${placeOfTenant(definition, first)}. Remove one of them.`;
    return [{ code: 'TENANT_DUPLICATE', at: placeOfTenant(definition, index), message }];
  });
}

/** A rule for each tenant with its name, in which nothing else can be wrong. */
function namingRules(definition: PolicyDefinition): DefinedRule[] {
  return (definition.domains?.tenants ?? []).map((tenant, index) => ({
    ptype: 'p',
    values: ['role', tenant, 'resource', 'action'],
    get at() {
      return placeOfTenant(definition, index);
    },
  }));
}

function placeOfTenant(definition: PolicyDefinition, index: number): string {
  return placeIn(definition, 'domains', 'tenants', index);
}

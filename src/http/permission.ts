import type { Problem } from '../errors.ts';
import type { PolicyDefinition, RoleDefinition } from '../policy/definition.ts';
import { formatText } from '../policy/rule.ts';

/** What a route needs: a resource, and what is done to it. */
export type Permission = readonly [resource: string, action: string];

/** What is wrong with a permission: a name that the definition does not have. One with raw rules may have any. */
export function checkPermission(
  policy: PolicyDefinition | string | null | undefined,
  permission: Permission,
  at: string,
): Problem[] {
  const known = typeof policy === 'object' && policy !== null ? namesOf(policy) : null;
  return (['resource', 'action'] as const).flatMap((part, index): Problem[] => {
    const given: unknown = permission[index];
    if (typeof given !== 'string' || given === '') {
      return [{ code: 'OPTION_INVALID', at, message: `the ${part} must be a text that is not empty.` }];
    }
    if (known === null || known[index]?.has(given)) return [];
    const names = [...(known[index] ?? [])].join(', ');
    const message = `the policy has no ${part} ${formatText(given)}. It has ${names}.`;
    return [{ code: 'REQUEST_NAME_UNKNOWN', at, message }];
  });
}

/** Its resources and its actions; null where they may be any. */
function namesOf({ roles, domains, rules }: PolicyDefinition): readonly Set<string>[] | null {
  if (rules !== undefined) return null;
  const defined: RoleDefinition[] = Object.values({ ...roles, ...domains?.roles });
  const permissions = defined.flatMap((role) => Object.entries(role.permissions ?? {}));
  return [
    new Set(permissions.map(([resource]) => resource)),
    new Set(permissions.flatMap(([, actions]) => actions ?? [])),
  ];
}

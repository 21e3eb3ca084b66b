import type { Enforcer } from 'casbin';
import type { Problem } from '../errors.ts';
import type { DomainPolicyDefinition, PolicyDefinition, RoleDefinition } from '../policy/definition.ts';
import { formatText } from '../policy/rule.ts';

/**
 * What decides: a live enforcer, which follows the database. Another enforcer of Casbin's is never stale, and decides
 * on what it has loaded: for tests.
 */
export type DecidingEnforcer = Pick<Enforcer, 'enforce' | 'getModel'> & {
  /** What a live enforcer says of itself: only while it is `current` is anybody let in. */
  readonly state?: {
    /** Whether it has confirmed that it is up to date. */
    readonly status: 'current' | 'stale' | 'closed';
    /** Why it could not look the last time. */
    readonly error: Error | null;
  };
};

/** What is found out about a request: a name, or nothing for a request that has none. */
export type Found = string | null | undefined | Promise<string | null | undefined>;

/** Where the subject of a request is, and its domain. */
export interface RequestParts<Request, Policy = PolicyDefinition> {
  /**
   * Who makes the request, as the rules call them; nothing for nobody, who gets a 401. What it throws goes to the
   * framework's own handling of errors.
   */
  readonly subject: (request: Request) => Found;
  /**
   * In which domain, for a model whose requests have one: the tenant. Without one, the request is refused with a 403.
   * What it throws goes to the framework's own handling of errors.
   */
  readonly domain?: (request: Request) => Found;
  /**
   * What a 401 says in its header `WWW-Authenticate`, such as `Bearer`. Default: nothing; RFC 9110 asks for it.
   */
  readonly challenge?: string;
  /** The definition: only its names may be required. Default: any names. */
  readonly policy?: Policy | string | null;
}

/** For a definition with `domains`, the domain of a request has to be told. */
export type WithDomain<Request, Policy> = Policy extends DomainPolicyDefinition
  ? {
      /** In which domain a request is made: the tenant. */
      readonly domain: (request: Request) => Found;
    }
  : unknown;

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

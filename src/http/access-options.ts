import type { Enforcer } from 'casbin';
import type { Problem } from '../errors.ts';
import { type DomainPolicyDefinition, type PolicyDefinition, permissionNames } from '../policy/definition.ts';
import { formatText } from '../policy/rule.ts';

/**
 * The enforcer that decides: a live enforcer, which follows the database. For tests, it may be any enforcer of Casbin,
 * which decides on the rules that it has loaded and is never stale.
 */
export type DecidingEnforcer = Pick<Enforcer, 'enforce' | 'getModel'> & {
  /** The state of a live enforcer. All requests are refused unless it is `current`. */
  readonly state?: {
    /** Whether it has confirmed that it is up to date. */
    readonly status: 'current' | 'stale' | 'closed';
    /** Why its last look at the database failed. */
    readonly error: Error | null;
  };
};

/** A name that was found in a request, or nothing if it has none. */
export type Found = string | null | undefined | Promise<string | null | undefined>;

/** How to find the subject and the domain of a request. */
export interface RequestParts<Request, Policy = PolicyDefinition> {
  /**
   * Returns who makes the request, by the name that the rules use. If it returns nothing, the response is a 401. What
   * it throws goes to the framework's own handling of errors.
   */
  readonly subject: (request: Request) => Found;
  /**
   * Returns the domain of the request, for a model with domains: the tenant. Without one, the response is a 403.
   * What it throws goes to the framework's own handling of errors.
   */
  readonly domain?: ((request: Request) => Found) | undefined;
  /**
   * The header `WWW-Authenticate` of a 401, such as `Bearer`. Default: none, although RFC 9110 requires the header.
   */
  readonly challenge?: string | undefined;
  /** The definition: only its names may be required. Default: any names. */
  readonly policy?: Policy | string | null | undefined;
}

/** With a definition that has `domains`, the option `domain` is required. */
export type WithDomain<Request, Policy> = Policy extends DomainPolicyDefinition
  ? {
      /** Returns the domain of the request: the tenant. */
      readonly domain: (request: Request) => Found;
    }
  : unknown;

/** A permission that a route requires: a resource and an action. */
export type Permission = readonly [resource: string, action: string];

/** Finds names of a permission that the definition does not have. With raw rules, any name is allowed. */
export function checkPermission(
  policy: PolicyDefinition | string | null | undefined,
  permission: Permission,
  at: string,
): Problem[] {
  // A third name would be ignored. It may be meant as a domain, which comes from the request.
  if (permission.length > 2) {
    const isCalledByRoute = permission.some((name: unknown) => typeof name === 'object');
    const message = isCalledByRoute
      ? 'give the route what it returns for a resource and an action, not the function itself.'
      : 'a permission is a resource and an action, and nothing else.';
    return [{ code: 'OPTION_INVALID', at, message }];
  }
  const known = typeof policy === 'object' && policy !== null ? permissionNames(policy) : null;
  return (['resource', 'action'] as const).flatMap((part, index): Problem[] => {
    const given: unknown = permission[index];
    if (typeof given !== 'string' || given === '') {
      return [{ code: 'OPTION_INVALID', at, message: `the ${part} must be a string that is not empty.` }];
    }
    if (known === null || known[part].has(given)) return [];
    const message = `the policy has no ${part} ${formatText(given)}. It has ${[...known[part]].join(', ')}.`;
    return [{ code: 'REQUEST_NAME_UNKNOWN', at, message }];
  });
}

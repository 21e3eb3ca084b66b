import type { Enforcer } from 'casbin';
import type { DomainPolicyDefinition, PolicyDefinition } from '../policy/definition.ts';

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

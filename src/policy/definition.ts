import { InvalidOptionsError } from '../errors.ts';
import { kindOf } from '../text.ts';

/** One role: the roles it inherits from, and what it may do, by resource. */
export interface RoleDefinition<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
> {
  /** The roles whose permissions it has too. */
  readonly inherits?: readonly Role[];
  /** Resource → actions. */
  readonly permissions?: { readonly [Name in Resource]?: readonly Action[] };
  /** As {@link PolicyDefinition.onRevoked}, for the rules of this role. Default: that of the definition. */
  readonly onRevoked?: OnRevoked;
}

/** What a bootstrap does about a defined rule that was stored before, and is not any more. */
export type OnRevoked = 'restore' | 'keep';

/** What earlier versions of a definition had and this one no longer has. */
export interface RetiredParts<Role extends string = string> {
  /** Each role by its name, and what happens to its users. */
  readonly roles?: { readonly [name: string]: RetiredRole<Role> };
  /** Rules, ptype first: `['p', 'clerk', 'invoices', 'delete']`. */
  readonly rules?: readonly (readonly string[])[];
}

/** A role that does not exist any more. */
export interface RetiredRole<Role extends string = string> {
  /** The role that its users get instead. Default: they keep a link to a role that permits nothing. */
  readonly reassign?: Role;
}

/** What this version of a definition has renamed. */
export interface RenamedParts<Role extends string = string> {
  /** The earlier name of a role → its name now. */
  readonly roles: { readonly [from: string]: Role };
}

/**
 * The values of one request, in the order of the model's request definition: role, resource, action. Any list
 * of strings where the names are not known: in a definition with raw rules, or one read from a file.
 */
export type PolicyRequest<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
> = string extends Role ? readonly string[] : readonly [Role, Resource, Action];

/** Roles that each tenant has, with the same permissions: for a model of RBAC with domains. */
export interface DomainsDefinition<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
  Domain extends string = string,
> {
  /** Each role by its name. They compile to `p, role, domain, resource, action` and `g, role, parent, domain`. */
  readonly roles: { readonly [Name in Role]: RoleDefinition<Role, Resource, Action> };
  /** The domains, each of which has all of the roles. */
  readonly tenants: readonly Domain[];
}

/** What an application declares about who may do what; it compiles to rules. */
export interface PolicyDefinition<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
> {
  /** Each role by its name. They compile to `p` and `g` rules. */
  readonly roles?: { readonly [Name in Role]: RoleDefinition<Role, Resource, Action> };
  /** The same roles in each of many domains, instead of `roles`; the model needs domains: `domainsModelPath`. */
  readonly domains?: DomainsDefinition;
  /** Rules for any model, ptype first: `['p', 'alice', 'data1', 'read']`. They come after those of the roles. */
  readonly rules?: readonly (readonly string[])[];
  /** Requests that must be allowed. */
  readonly allow?: readonly NoInfer<PolicyRequest<Role, Resource, Action>>[];
  /** Requests that must be denied, unless an administrator has granted them since. */
  readonly deny?: readonly NoInfer<PolicyRequest<Role, Resource, Action>>[];
  /** Requests that must be denied, even if an administrator grants them. */
  readonly never?: readonly NoInfer<PolicyRequest<Role, Resource, Action>>[];
  /** Requests to be decided the same on the database as on the definition: for rules whose values are patterns. */
  readonly samples?: readonly (readonly string[])[];
  /**
   * Which release of the definition this is: a whole number that is raised with each one. With it, a bootstrap keeps a
   * record of the rules that it has inserted, which `retired`, `renamed` and `onRevoked` need, and a database that a
   * newer version was bootstrapped with is left as it is. Default: no record.
   */
  readonly version?: number;
  /** What earlier versions had. Rules that a bootstrap inserted are removed; those of administrators stay. */
  readonly retired?: RetiredParts<NoInfer<Role>>;
  /** What was renamed: all rules and links of a renamed role change, also those of administrators. */
  readonly renamed?: RenamedParts<NoInfer<Role>>;
  /**
   * What happens to a defined rule that was stored and is not any more: `restore` inserts it again, `keep` does not,
   * and reports it. A rule that `changePolicy` revoked with a reason is never inserted again. Default: `restore`.
   */
  readonly onRevoked?: OnRevoked;
}

/** The values of one request in a domain: role, domain, resource, action. */
export type DomainRequest<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
  Domain extends string = string,
> = readonly [Role, Domain, Resource, Action];

/** A definition whose roles are those of each tenant, with their names. */
export interface DomainPolicyDefinition<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
  Domain extends string = string,
> extends PolicyDefinition {
  /** Not together with `domains`: a model can't define rules both with and without a domain. */
  readonly roles?: never;
  readonly domains: DomainsDefinition<Role, Resource, Action, Domain>;
  readonly allow?: readonly DomainRequest<Role, Resource, Action, Domain>[];
  readonly deny?: readonly DomainRequest<Role, Resource, Action, Domain>[];
  readonly never?: readonly DomainRequest<Role, Resource, Action, Domain>[];
}

/** The names that requests may be made of: those of the role form, or any string where there are raw rules. */
export type RequestName<Name extends string, Rules> = Rules extends undefined ? Name : string;

/** What `definePolicy` takes for a request; no `Domain` where the definition has no `domains`. */
export type DefinedRequest<
  Role extends string,
  Resource extends string,
  Action extends string,
  Domain extends string,
  Rules,
> = [Domain] extends [never]
  ? PolicyRequest<RequestName<Role, Rules>, Resource, Action>
  : Rules extends undefined
    ? DomainRequest<Role, Resource, Action, Domain>
    : readonly string[];

/** What `definePolicy` returns: a definition that knows its names and has roles, unless raw rules may have others. */
export type DefinedPolicy<
  Role extends string,
  Resource extends string,
  Action extends string,
  Domain extends string,
  Rules,
> = [Domain] extends [never]
  ? PolicyDefinition<RequestName<Role, Rules>, RequestName<Resource, Rules>, RequestName<Action, Rules>> &
      (Rules extends undefined ? Required<Pick<PolicyDefinition<Role, Resource, Action>, 'roles'>> : unknown)
  : Rules extends undefined
    ? DomainPolicyDefinition<Role, Resource, Action, Domain>
    : PolicyDefinition;

/**
 * Declares a policy. The names of roles, resources and actions are inferred: a misspelt one in `inherits`,
 * `allow`, `deny` or `never` does not compile. With raw `rules`, even none, a request may be any list of strings.
 *
 * Nothing is checked here beyond the types: {@link bootstrapDatabase} checks a definition against the model it
 * is used with, and reports every problem at once.
 *
 * @example
 * definePolicy({
 *   roles: {
 *     readonly: { permissions: { accounts: ['read'] } },
 *     user: { inherits: ['readonly'], permissions: { accounts: ['write'] } },
 *   },
 *   never: [['readonly', 'accounts', 'write']],
 * });
 */
export function definePolicy<
  const Role extends string,
  const Resource extends string,
  const Action extends string,
  Rules extends PolicyDefinition['rules'] = undefined,
  const Domain extends string = never,
>(definition: {
  readonly roles?: { readonly [Name in Role]: RoleDefinition<NoInfer<Role>, Resource, Action> };
  readonly domains?: {
    readonly roles: { readonly [Name in Role]: RoleDefinition<NoInfer<Role>, Resource, Action> };
    readonly tenants: readonly Domain[];
  };
  readonly rules?: Rules;
  readonly allow?: readonly NoInfer<DefinedRequest<Role, Resource, Action, Domain, Rules>>[];
  readonly deny?: readonly NoInfer<DefinedRequest<Role, Resource, Action, Domain, Rules>>[];
  readonly never?: readonly NoInfer<DefinedRequest<Role, Resource, Action, Domain, Rules>>[];
  readonly samples?: PolicyDefinition['samples'];
  readonly version?: number;
  readonly retired?: RetiredParts<NoInfer<Role>>;
  readonly renamed?: RenamedParts<NoInfer<Role>>;
  readonly onRevoked?: OnRevoked;
}): DefinedPolicy<Role, Resource, Action, Domain, Rules>;
export function definePolicy(definition: object): object {
  return definition;
}

/** The values of one request, in the order of the model's request definition. */
export type Request = readonly string[];

/**
 * A part of the definition that lists requests. Of `samples`, its own decision is the expected one. `never` is an
 * invariant: the request must be denied even if an administrator grants it.
 */
export type ListedKind = 'samples' | 'allow' | 'deny' | 'never';

/**
 * An application names its policy here once, so that a misspelt name at a route or in a test does not compile.
 * Otherwise a misspelt request would be denied, and the test would pass for the wrong reason. All entries export the
 * same interface.
 *
 * `policy` has the names for permissions and for the arguments of assertions and matchers. `subject`, which is
 * optional, adds names of users to those of the roles.
 *
 * @example
 * declare module 'casbin-bootstrap/testing' {
 *   interface Register {
 *     policy: typeof policy;
 *     subject: 'alice' | 'bob';
 *   }
 * }
 */
// biome-ignore lint/suspicious/noEmptyInterface: filled by applications
export interface Register {}

/** The type of the policy in {@link Register}, or that of any policy. */
export type RegisteredPolicy = Register extends {
  /** The type of the application's policy. */
  policy: infer Policy extends PolicyDefinition;
}
  ? Policy
  : PolicyDefinition;

/** The resources and actions that a definition has names for: any string where there are raw rules. */
export type PermissionNames<Policy> =
  Policy extends DomainPolicyDefinition<string, infer Resource, infer Action, string>
    ? readonly [resource: Resource, action: Action]
    : Policy extends PolicyDefinition<infer _Role, infer Resource, infer Action>
      ? readonly [resource: Resource, action: Action]
      : never;

/** The resources and the actions that the roles of a definition have; null where raw rules may have any names. */
export function permissionNames({ roles, domains, rules }: PolicyDefinition) {
  if (rules !== undefined) return null;
  const defined: RoleDefinition[] = Object.values({ ...roles, ...domains?.roles });
  const permissions = defined.flatMap((role) => Object.entries(role.permissions ?? {}));
  return {
    resource: new Set(permissions.map(([resource]) => resource)),
    action: new Set(permissions.flatMap(([, actions = []]) => actions)),
  };
}

/**
 * Refuses what is no definition at all, such as the path of one. It does not look into a definition.
 *
 * @throws InvalidOptionsError
 */
export function requireDefinition(given: unknown): void {
  const message = explainNoDefinition(given);
  if (message !== null) throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'policy', message }]);
}

function explainNoDefinition(given: unknown): string | null {
  if (typeof given === 'string') {
    return 'must be a policy definition, not the path of one. Load it: await loadPolicyFile(path).';
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    return `must be a policy definition: an object with roles and rules (it is ${kindOf(given)}).`;
  }
  if ('connect' in given) return 'must be a policy definition, not a pool. Read it: await pullPolicy(pool).';
  if ('then' in given) return 'must be a policy definition, not the promise of one. Await it.';
  return null;
}

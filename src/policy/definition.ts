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
  /** Not beside `domains`: no model has room for rules with a domain and for such without one. */
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

/** What `definePolicy` returns: a definition that knows its names, unless raw rules may have others. */
export type DefinedPolicy<
  Role extends string,
  Resource extends string,
  Action extends string,
  Domain extends string,
  Rules,
> = [Domain] extends [never]
  ? PolicyDefinition<RequestName<Role, Rules>, RequestName<Resource, Rules>, RequestName<Action, Rules>>
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
}): DefinedPolicy<Role, Resource, Action, Domain, Rules>;
export function definePolicy(definition: object): object {
  return definition;
}

/** The values of one request, in the order of the model's request definition. */
export type Request = readonly string[];

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

/** What an application declares about who may do what; it compiles to rules. */
export interface PolicyDefinition<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
> {
  /** Each role by its name. They compile to `p` and `g` rules. */
  readonly roles?: { readonly [Name in Role]: RoleDefinition<Role, Resource, Action> };
  /** Rules for any model, ptype first: `['p', 'alice', 'data1', 'read']`. They come after those of `roles`. */
  readonly rules?: readonly (readonly string[])[];
  /** Requests that must be allowed. */
  readonly allow?: readonly PolicyRequest<Role, Resource, Action>[];
  /** Requests that must be denied, unless an administrator has granted them since. */
  readonly deny?: readonly PolicyRequest<Role, Resource, Action>[];
  /** Requests that must be denied, even if an administrator grants them. */
  readonly never?: readonly PolicyRequest<Role, Resource, Action>[];
  /** Requests to be decided the same on the database as on the definition: for rules whose values are patterns. */
  readonly samples?: readonly (readonly string[])[];
}

/** The names that requests may be made of: those of the role form, or any string where there are raw rules. */
export type RequestName<Name extends string, Rules> = Rules extends undefined ? Name : string;

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
>(definition: {
  readonly roles?: { readonly [Name in Role]: RoleDefinition<NoInfer<Role>, Resource, Action> };
  readonly rules?: Rules;
  readonly allow?: readonly NoInfer<PolicyRequest<RequestName<Role, Rules>, Resource, Action>>[];
  readonly deny?: readonly NoInfer<PolicyRequest<RequestName<Role, Rules>, Resource, Action>>[];
  readonly never?: readonly NoInfer<PolicyRequest<RequestName<Role, Rules>, Resource, Action>>[];
  readonly samples?: PolicyDefinition['samples'];
}): PolicyDefinition<RequestName<Role, Rules>, RequestName<Resource, Rules>, RequestName<Action, Rules>>;
export function definePolicy(definition: object): object {
  return definition;
}

/** The values of one request, in the order of the model's request definition. */
export type Request = readonly string[];

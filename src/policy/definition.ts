/** One role: the roles it inherits from, and what it may do, by resource. */
export interface RoleDefinition<Role extends string = string> {
  readonly inherits?: readonly Role[];
  /** Resource → actions. */
  readonly permissions?: Readonly<Record<string, readonly string[]>>;
}

/** What an application declares about who may do what; it compiles to rules. */
export interface PolicyDefinition<Role extends string = string> {
  readonly roles?: Readonly<Record<Role, RoleDefinition<Role>>>;
  /** Rules for any model, ptype first: `['p', 'alice', 'data1', 'read']`. They come after those of `roles`. */
  readonly rules?: readonly (readonly string[])[];
}

/**
 * Declares a policy. Role names are inferred, so a misspelt one in `inherits` does not compile.
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
 * });
 */
export function definePolicy<const Roles extends Readonly<Record<string, RoleDefinition>>>(definition: {
  readonly roles?: Roles & Readonly<Record<keyof Roles, RoleDefinition<keyof Roles & string>>>;
  readonly rules?: readonly (readonly string[])[];
}): PolicyDefinition<keyof Roles & string> {
  return definition;
}

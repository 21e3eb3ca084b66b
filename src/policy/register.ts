import type { DomainPolicyDefinition, PolicyDefinition } from './definition.ts';

/**
 * For an application to name its policy in, once, so that a misspelt name does not compile, at a route or in a test.
 * Otherwise a denial passes for the wrong reason. It is the same in each entry that exports it.
 *
 * `policy` is what the names of permissions, and the arguments of assertions and matchers, are taken from; `subject`,
 * if there is one, adds names of users to those of its roles.
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

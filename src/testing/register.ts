import { expect } from 'vitest';
import type { PolicyDefinition, PolicyRequest } from '../policy/definition.ts';
import { toAllow, toDeny } from './matchers.ts';

/**
 * For an application to name its policy in, once, so that a misspelt name in a test does not compile. Otherwise
 * a denial passes for the wrong reason.
 *
 * `policy` is what the arguments of the matchers are taken from; `subject`, if there is one, adds names of users
 * to those of its roles.
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

type RegisteredSubject = Register extends { subject: infer Subject extends string } ? Subject : never;

/** The values of a request: those of the policy in {@link Register}, or any strings, and objects for attributes. */
export type RequestArguments = Register extends {
  policy: PolicyDefinition<infer Role, infer Resource, infer Action>;
}
  ? string extends Role
    ? AnyRequest
    : [...PolicyRequest<Role | RegisteredSubject, Resource, Action>]
  : AnyRequest;

type AnyRequest = (string | object)[];

declare module 'vitest' {
  // biome-ignore lint/suspicious/noExplicitAny: Vitest declares it so, and merged declarations must be the same
  interface Matchers<T = any> {
    /** The enforcer allows the request; if not, the message explains why. */
    toAllow(...request: RequestArguments): Promise<void>;
    /** The enforcer denies the request; if not, the message explains why. */
    toDeny(...request: RequestArguments): Promise<void>;
  }
}

expect.extend({ toAllow, toDeny });

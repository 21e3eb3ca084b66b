import type {
  DomainPolicyDefinition,
  DomainRequest,
  PolicyDefinition,
  PolicyRequest,
} from '../policy/definition.ts';
import type { Register } from '../policy/register.ts';

/** The values of a request: those of the policy in {@link Register}, or any strings, and objects for attributes. */
export type RequestArguments = Register extends {
  /** The type of the application's policy. */
  policy: DomainPolicyDefinition<infer Role, infer Resource, infer Action, infer Domain>;
}
  ? [...DomainRequest<Role | RegisteredSubject, Resource, Action, Domain>]
  : Register extends {
        /** The type of the application's policy. */
        policy: PolicyDefinition<infer Role, infer Resource, infer Action>;
      }
    ? string extends Role
      ? (string | object)[]
      : [...PolicyRequest<Role | RegisteredSubject, Resource, Action>]
    : (string | object)[];

/** The names that {@link Register} adds to the roles of the policy: its `subject`, or none. */
export type RegisteredSubject = Register extends {
  /** The type of the names, as `'alice' | 'bob'`. */
  subject: infer Subject extends string;
}
  ? Subject
  : never;

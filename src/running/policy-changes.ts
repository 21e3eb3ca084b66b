import type { EnforcerOptions } from '../options.ts';
import type {
  DomainPolicyDefinition,
  DomainRequest,
  PolicyDefinition,
  PolicyRequest,
} from '../policy/definition.ts';

/** Changes of a policy. All of them are made, or none. */
export interface PolicyChanges<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
> {
  /** Rules of `p` to add: `['clerk', 'invoices', 'write']`. Those that are stored already stay. */
  readonly grant?: readonly PolicyRequest<Role, Resource, Action>[] | undefined;
  /** Rules of `p` to remove. */
  readonly revoke?: readonly PolicyRequest<Role, Resource, Action>[] | undefined;
  /** Who gets which role: `['carol', 'clerk']`, and the domain third if the model has domains. */
  readonly assign?: readonly RoleAssignment<Role>[] | undefined;
  /** Who loses which role. */
  readonly unassign?: readonly RoleAssignment<Role>[] | undefined;
}

/** A user, a role, and a domain if the model has domains. */
export type RoleAssignment<Role extends string = string> = readonly [
  user: string,
  role: Role,
  domain?: string,
];

/** The same for a definition with `domains`: each rule and each assignment belongs to one of its domains. */
export interface DomainPolicyChanges<
  Role extends string = string,
  Resource extends string = string,
  Action extends string = string,
  Domain extends string = string,
> {
  /** Rules of `p` to add: `['clerk', 'tenant1', 'invoices', 'write']`. Those that are stored already stay. */
  readonly grant?: readonly DomainRequest<Role, Resource, Action, Domain>[] | undefined;
  /** Rules of `p` to remove. */
  readonly revoke?: readonly DomainRequest<Role, Resource, Action, Domain>[] | undefined;
  /** Who gets which role where: `['carol', 'clerk', 'tenant1']`. */
  readonly assign?: readonly DomainRoleAssignment<Role, Domain>[] | undefined;
  /** Who loses which role where. */
  readonly unassign?: readonly DomainRoleAssignment<Role, Domain>[] | undefined;
}

/** A user, a role, and the domain in which the user has it. */
export type DomainRoleAssignment<Role extends string = string, Domain extends string = string> = readonly [
  user: string,
  role: Role,
  domain: Domain,
];

/** The changes by the names of a definition; by any names without a definition, or for the path of a file. */
export type ChangesFor<Policy> =
  Policy extends DomainPolicyDefinition<infer Role, infer Resource, infer Action, infer Domain>
    ? DomainPolicyChanges<Role, Resource, Action, Domain>
    : Policy extends PolicyDefinition<infer Role, infer Resource, infer Action>
      ? PolicyChanges<Role, Resource, Action>
      : PolicyChanges;

/** Who changes a policy, why, and which one. */
export interface ChangeOptions<Policy extends PolicyDefinition | string = PolicyDefinition | string>
  extends EnforcerOptions {
  /** Who makes the change, in the application's own words. The journal records it. */
  readonly actor: string;
  /**
   * Why. The journal records it. If the definition has a version, a bootstrap does not insert a rule again that was
   * revoked with a reason.
   */
  readonly reason?: string | undefined;
  /**
   * The definition that the database was bootstrapped with. Its roles are known, and a change that allows a `never`
   * request is refused. Default: none.
   */
  readonly policy?: Policy | null | undefined;
  /** Make the change even if it violates a `never`. It needs a reason, which is recorded as `forced: …`. */
  readonly force?: boolean | undefined;
  /** Try the change, roll it back, and report what it would do. Default: false. */
  readonly dryRun?: boolean | undefined;
}

/** The rules that were changed, ptype first. */
export interface ChangeReport {
  /** The rules that were not there before. */
  readonly added: readonly (readonly string[])[];
  /** The rules that are not there any more. */
  readonly removed: readonly (readonly string[])[];
  /**
   * Those of `removed` that the next bootstrap inserts again, because the given policy defines them. With a policy that
   * has a version, a rule that a bootstrap has recorded stays away if a reason was given, or under `onRevoked: 'keep'`.
   */
  readonly comesBack: readonly (readonly string[])[];
  /** Whether the table has a journal, which keeps actor and reason. */
  readonly journaled: boolean;
}

/** The values of one change: those of the lists that {@link changePolicy} takes. */
export type ChangeValues<Policy, Kind extends keyof ChangesFor<Policy>> =
  NonNullable<ChangesFor<Policy>[Kind]> extends readonly (infer Values extends readonly unknown[])[]
    ? Values
    : never;

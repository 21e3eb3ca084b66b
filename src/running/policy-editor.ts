import type { ClientLike } from '../database/client.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { type ChangeOptions, type ChangeReport, type ChangesFor, changePolicy } from './change-policy.ts';

/** The values of one change: those of the lists that {@link changePolicy} takes. */
export type ChangeValues<Policy, Kind extends keyof ChangesFor<Policy>> =
  NonNullable<ChangesFor<Policy>[Kind]> extends readonly (infer Values extends readonly unknown[])[]
    ? Values
    : never;

/** Changes a policy rule by rule, as {@link changePolicy}: each change by itself, in the transaction that is open. */
export interface PolicyEditor<Policy> {
  /** Adds a rule of `p`: `grant('clerk', 'invoices', 'write')`. */
  grant(...rule: ChangeValues<Policy, 'grant'>): Promise<ChangeReport>;
  /** Removes a rule of `p`. */
  revoke(...rule: ChangeValues<Policy, 'revoke'>): Promise<ChangeReport>;
  /** Gives a user a role: `assign('carol', 'clerk')`, and in a domain `assign('carol', 'clerk', 'tenant1')`. */
  assign(...assignment: ChangeValues<Policy, 'assign'>): Promise<ChangeReport>;
  /** Takes a role from a user. */
  unassign(...assignment: ChangeValues<Policy, 'unassign'>): Promise<ChangeReport>;
}

/**
 * Makes the changes of {@link changePolicy} methods: for an application that grants and assigns one at a time. The names
 * are those of the definition, where one is given.
 *
 * @example
 * const policies = createPolicyEditor(client, { policy, actor: request.user.name });
 * await policies.assign('carol', 'clerk');
 */
export function createPolicyEditor<Policy extends PolicyDefinition | string = string>(
  client: ClientLike,
  options: ChangeOptions<Policy>,
): PolicyEditor<Policy> {
  const change =
    (kind: 'grant' | 'revoke' | 'assign' | 'unassign') =>
    (...values: readonly string[]) =>
      changePolicy(client, { [kind]: [values] }, options as ChangeOptions<string>);
  return {
    grant: change('grant'),
    revoke: change('revoke'),
    assign: change('assign'),
    unassign: change('unassign'),
  } as PolicyEditor<Policy>;
}

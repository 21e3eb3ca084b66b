import type { Model } from 'casbin';
import { tokensOf } from './casbin/model.ts';
import type { PoolLike } from './database/client.ts';
import type { BootstrapOptions } from './options.ts';
import type { PolicyDefinition } from './policy/definition.ts';
import { type RoleForm, toDefinition } from './policy/write-definition.ts';
import { readRoles } from './policy-source.ts';

/** The policy of a database, written as a definition. */
export interface PulledPolicy {
  /** What roles may do and inherit. It compiles to the stored rules, but for links of users. */
  readonly definition: PolicyDefinition;
  /** Links of users to roles, ptype first, which are data of the application and belong into no definition. */
  readonly userLinks: readonly (readonly string[])[];
}

/**
 * Writes down the policy that a database has, so that it can be reviewed, versioned and given to a bootstrap as its
 * `policy`. Roles are told from users: a user is a name that has a role and is none itself, unless a `policy` is given
 * that names it.
 *
 * @throws as verifyDatabase
 */
export async function pullPolicy(pool: PoolLike, options: BootstrapOptions = {}): Promise<PulledPolicy> {
  const { model, rules, userLinks } = await readRoles(pool, options);
  return {
    definition: toDefinition(rules, roleFormOf(model)),
    userLinks: userLinks.map(({ ptype, values }) => [ptype, ...values]),
  };
}

/** Role form puts permissions in the order of role, resource, action, whatever the model calls these. */
function roleFormOf(model: Model): RoleForm {
  const links = model.model.get('g')?.get('g')?.value.split('_').length;
  const [subject, ...others] = tokensOf(model, 'p');
  return {
    permissions: subject === 'sub' && others.length === 2 && !others.includes('eft'),
    inheritance: links === 3,
  };
}

import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import type { PoolLike } from '../database/client.ts';
import type { BootstrapOptions } from '../options.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { toLine } from '../policy/rule.ts';
import { type RoleForm, toDefinition } from '../policy/write-definition.ts';
import { readRoles } from './policy-source.ts';

/** The policy of a database, written as a definition. */
export interface PulledPolicy {
  /** The permissions and the inheritance of roles. It compiles to the stored rules without links of users. */
  readonly definition: PolicyDefinition;
  /** Links of users to roles, ptype first. They are data of the application, and do not belong in a definition. */
  readonly userLinks: readonly (readonly string[])[];
}

/**
 * Writes the policy of a database as a definition, so that it can be reviewed, versioned and given to a bootstrap as
 * its `policy`. Links of users are separated: a user is a name that has a role and is not a role itself, unless the
 * given `policy` names it.
 *
 * @throws as verifyDatabase
 */
export async function pullPolicy(pool: PoolLike, options: BootstrapOptions = {}): Promise<PulledPolicy> {
  const { model, rules, userLinks } = await readRoles(pool, options);
  return {
    definition: toDefinition(rules, roleFormOf(model)),
    userLinks: userLinks.map(toLine),
  };
}

/** Whether three values of a rule are role, resource and action, whatever their names, and two of a link two roles. */
function roleFormOf(model: Model): RoleForm {
  const links = model.model.get('g')?.get('g')?.value.split('_').length;
  const [subject, ...others] = tokensOf(model, 'p');
  return {
    permissions: subject === 'sub' && !others.includes('eft'),
    inheritance: links === 3,
  };
}

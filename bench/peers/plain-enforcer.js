import { newCachedEnforcer, newEnforcer, newModelFromString } from 'casbin';

/** The floor of loading: the rows by id, pushed into a model as they come, and the role links built. */
export async function loadByHand(pool, model) {
  const { rows } = await pool.query('select ptype, rule from casbin order by id');
  return enforcerWith(
    model,
    rows.map(({ ptype, rule }) => ({ ptype, values: rule })),
  );
}

/** Casbin's own enforcer, with nothing of ours. */
export async function enforcerWith(model, rules) {
  return fill(await newEnforcer(newModelFromString(model)), rules);
}

/** The one that remembers its answers, until the policy changes. */
export async function cachedEnforcerWith(model, rules) {
  return fill(await newCachedEnforcer(newModelFromString(model)), rules);
}

async function fill(enforcer, rules) {
  const sections = enforcer.getModel().model;
  for (const { ptype, values } of rules) sections.get(ptype[0]).get(ptype).policy.push(values);
  await enforcer.buildRoleLinks();
  return enforcer;
}

/** How many rules an enforcer holds. Casbin's own getPolicy() has not enough stack for a million. */
export function countLoaded(enforcer) {
  const sections = enforcer.getModel().model;
  return ['p', 'g'].reduce((sum, ptype) => sum + sections.get(ptype).get(ptype).policy.length, 0);
}

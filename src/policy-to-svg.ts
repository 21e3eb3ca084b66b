import type { BootstrapOptions } from './options.ts';
import type { PageHierarchy } from './page/page-data.ts';
import { type PolicySource, readRoles } from './policy-source.ts';
import type { WithUsers } from './read-matrix.ts';
import { subjectNames } from './verification/user-links.ts';

/**
 * Draws the roles of a policy and what they inherit as an SVG, a picture for each role definition and domain: one file
 * that loads nothing, in light and dark colours. Roles tell how many users have them.
 *
 * @throws as readMatrix
 */
export async function policyToSvg(
  source: PolicySource,
  options: BootstrapOptions = {},
  { users = false }: WithUsers = {},
): Promise<string> {
  const { model, rules: ofRoles, userLinks } = await readRoles(source, options);
  const rules = users ? [...ofRoles, ...userLinks] : ofRoles;
  const [{ collectHierarchies }, { drawHierarchies }] = await Promise.all([
    import('./page/page-hierarchies.ts'),
    import('./page/draw-hierarchy.ts'),
  ]);
  const policy = { model, configureEnforcer: undefined, rules, defined: null, roleRules: rules, listed: [] };
  const { hierarchies, omitted } = collectHierarchies(policy, users ? [] : userLinks);
  const linked = new Set(hierarchies.flatMap(({ nodes }) => nodes.map(({ name }) => name)));
  const alone = [...new Set(subjectNames(model, rules))].filter((name) => !linked.has(name));
  return drawHierarchies(alone.length === 0 ? hierarchies : [...hierarchies, withoutLinks(alone)], omitted);
}

/** Names that neither inherit nor are inherited from. */
function withoutLinks(names: readonly string[]): PageHierarchy {
  const nodes = names.map((name) => ({ name, state: 'defined', users: 0 }) as const);
  return { ptype: '', domain: '', nodes, edges: [] };
}

import type { Model } from 'casbin';
import { getOrAdd } from '../collections.ts';
import type { BootstrapOptions } from '../options.ts';
import type { PageHierarchy } from '../page/page-data.ts';
import type { Rule } from '../policy/rule.ts';
import { subjectPositions } from '../verification/parts.ts';
import { subjectNames } from '../verification/user-links.ts';
import { type PolicySource, readRoles } from './policy-source.ts';
import type { WithUsers } from './read-matrix.ts';

/**
 * Draws a policy as a Mermaid flowchart: each role with its own permissions, and an arrow to each role that it inherits
 * from, with the domain where there is one.
 *
 * @throws as readMatrix
 */
export async function policyToMermaid(
  source: PolicySource,
  options: BootstrapOptions = {},
  { users = false }: WithUsers = {},
): Promise<string> {
  const { model, rules, userLinks } = await readRoles(source, options);
  return drawFlowchart(model, users ? [...rules, ...userLinks] : rules);
}

function drawFlowchart(model: Model, rules: readonly Rule[]): string {
  const subjectIn = subjectPositions(model);
  const permissions = new Map<string, string[]>();
  const noteOn = (name: string) => getOrAdd(permissions, name, () => []);
  const links: (readonly string[])[] = [];
  for (const { ptype, values } of rules) {
    const subjectAt = subjectIn(ptype);
    if (ptype.startsWith('p')) noteOn(values[subjectAt] ?? '').push(values.toSpliced(subjectAt, 1).join(' '));
    else if (values.length > 1) {
      for (const name of values.slice(0, 2)) noteOn(name);
      links.push(values);
    }
  }
  const ids = new Map([...permissions.keys()].map((name, index) => [name, `n${index}`]));
  const nodes = [...permissions].map(([name, lines]) => `  ${ids.get(name)}["${label(name, lines)}"]`);
  const arrows = links.map(([child = '', parent = '', ...domains]) => {
    const within = domains.length === 0 ? '' : `|"${escapeLabel(domains.join(' '))}"|`;
    return `  ${ids.get(child)} -->${within} ${ids.get(parent)}`;
  });
  return `${['flowchart BT', ...nodes, ...arrows].join('\n')}\n`;
}

/** More would make a box that nobody can read. */
const SHOWN = 8;

function label(name: string, permissions: readonly string[]): string {
  const hidden = permissions.length - SHOWN;
  const more = hidden > 0 ? [`… and ${hidden} more`] : [];
  return [`<b>${escapeLabel(name)}</b>`, ...permissions.slice(0, SHOWN).map(escapeLabel), ...more].join(
    '<br/>',
  );
}

/** Names are text: neither markup, nor what Mermaid reads as the end of a text, as an entity or as Markdown. */
function escapeLabel(text: string): string {
  return text.replace(/[^\p{L}\p{N} .,:/_-]/gu, (character) => `#${character.codePointAt(0)};`);
}

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
    import('../page/page-hierarchies.ts'),
    import('../page/draw-hierarchy.ts'),
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

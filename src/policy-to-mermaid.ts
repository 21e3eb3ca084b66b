import type { Model } from 'casbin';
import { getOrAdd } from './collections.ts';
import type { BootstrapOptions } from './options.ts';
import type { Rule } from './policy/rule.ts';
import { type PolicySource, readRoles } from './policy-source.ts';
import type { WithUsers } from './read-matrix.ts';
import { subjectPositions } from './verification/parts.ts';

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
  return draw(model, users ? [...rules, ...userLinks] : rules);
}

function draw(model: Model, rules: readonly Rule[]): string {
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

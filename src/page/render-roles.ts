import { addTo } from '../collections.ts';
import { count } from '../render/phrases.ts';
import { STATE_TEXT } from './draw-hierarchy.ts';
import { html, type Markup } from './markup.ts';
import { type CellState, type PageData, type PageMatrix, type PageRole, stateAt } from './page-data.ts';

/** How many permissions are listed role by role; more would make the page slow. */
const LISTED = 2_500;

/** Renders each role with its permissions, for readers without JavaScript, and for print. */
export function renderRoles(data: PageData): Markup {
  const { matrix, holders } = data;
  const parents = listParents(data);
  const isAll = matrix.roles.reduce((sum, { cells }) => sum + cells.at.length, 0) <= LISTED;
  let left = LISTED;
  const roles = matrix.roles.map((role) => {
    const entries = listEntries(matrix, role).filter(({ state }) => isAll || state !== 'inherited');
    const shown = entries.slice(0, left);
    left -= shown.length;
    return renderRole(role, {
      parents: parents.get(role.name) ?? [],
      users: holders.get(role.name) ?? 0,
      entries: shown,
      more: entries.length - shown.length,
    });
  });
  const remark = isAll
    ? null
    : html`<p class="note">There are many: what a role inherits is left out of this list, and more than ${LISTED.toLocaleString('en-US')} permissions are. The matrix has them.</p>`;
  const open =
    matrix.unlisted === 'allow'
      ? html`<p class="note">What no rule denies is allowed, and not listed.</p>`
      : null;
  return html`<section aria-labelledby="roles" class="roles"><h2 id="roles">Role by role</h2>${remark}${open}
${roles.length === 0 ? html`<p class="empty">The policy has no roles.</p>` : roles}</section>`;
}

function listParents({ hierarchies }: PageData): ReadonlyMap<string, string[]> {
  const parents = new Map<string, string[]>();
  for (const { nodes, edges, domain } of hierarchies) {
    for (const { child, parent, state } of edges) {
      const where = domain === '' ? '' : ` in ${domain}`;
      addTo(parents, nodes[child]?.name ?? '', `${nodes[parent]?.name ?? ''}${where}${STATE_TEXT[state]}`);
    }
  }
  return parents;
}

interface RoleEntry {
  readonly resource: string;
  readonly action: string;
  readonly state: CellState;
  /** The role that an inherited permission is from. */
  readonly from: string;
}

function listEntries({ permissions, routes }: PageMatrix, { cells }: PageRole): RoleEntry[] {
  return cells.at.map((column, index) => {
    const permission = permissions[column] ?? [];
    return {
      resource: permission.slice(0, -1).join(', '),
      action: permission.at(-1) ?? '',
      state: stateAt(cells, index),
      from: routes[cells.routes[index] ?? -1]?.path.at(-1) ?? '',
    };
  });
}

interface RoleDetails {
  readonly parents: readonly string[];
  readonly users: number;
  readonly entries: readonly RoleEntry[];
  readonly more: number;
}

function renderRole({ name, kind }: PageRole, { parents, users, entries, more }: RoleDetails): Markup {
  const byResource = new Map<string, RoleEntry[]>();
  for (const entry of entries) addTo(byResource, entry.resource, entry);
  const title = kind === 'everybody' ? 'Anybody, without any role' : name;
  const remarks = [
    ...(kind === 'added' ? [html`<span class="badge odd">not defined</span>`] : []),
    ...(users > 0 ? [html`<span class="badge">${count(users, 'user')}</span>`] : []),
  ];
  const rows = [...byResource].map(
    ([resource, own]) =>
      html`<tr><th scope="row"><bdi>${resource}</bdi></th><td>${own.map(renderEntry)}</td></tr>`,
  );
  return html`<section class="role"><h3><bdi>${title}</bdi> ${remarks}</h3>
${parents.length === 0 ? null : html`<p>Inherits from ${parents.map((parent, index) => html`${index === 0 ? '' : ', '}<bdi>${parent}</bdi>`)}.</p>`}
${rows.length === 0 ? null : html`<table>${rows}</table>`}
${rows.length === 0 && more === 0 ? html`<p class="empty">No permissions of its own.</p>` : null}
${more > 0 ? html`<p class="empty">${count(more, 'permission')} not listed here.</p>` : null}</section>`;
}

function renderEntry({ action, state, from }: RoleEntry): Markup {
  const remark = {
    direct: null,
    inherited: html` <small>${from === '' ? 'by a rule for others too' : html`from <bdi>${from}</bdi>`}</small>`,
    open: html` <small>no rule denies it</small>`,
    denied: html` <small>denied by a rule</small>`,
    added: html` <small>not defined</small>`,
    missing: html` <small>missing</small>`,
    error: html` <small>Casbin throws</small>`,
  }[state];
  return html`<span class="entry ${state}"><i class="mark ${state}" aria-hidden="true"></i><bdi>${action}</bdi>${remark}</span> `;
}

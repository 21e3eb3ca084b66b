import { formatRule, toRule } from '../policy/rule.ts';
import { html, type Markup } from './markup.ts';
import type { PageData, PageVersions } from './page-data.ts';

/** Renders which version of the policy this is, and what it renames and retires; nothing for one without a version. */
export function renderVersions({ versions, source }: PageData): Markup | null {
  if (versions === null) return null;
  const items = [
    ...versions.renamed.map(([from, to]) => html`<li>${name(from)} is now ${name(to)}</li>`),
    ...versions.retiredRoles.map(([role, reassign]) =>
      reassign === null
        ? html`<li>${name(role)} is retired</li>`
        : html`<li>${name(role)} is retired; its users get ${name(reassign)}</li>`,
    ),
    ...versions.retiredRules.map(
      (rule) => html`<li><code><bdi>${formatRule(toRule(rule))}</bdi></code> is retired</li>`,
    ),
  ];
  const list = items.length === 0 ? null : html`<ul>${items}</ul>`;
  const inDatabase = source.kind === 'database' ? html`; ${describeNewest(versions)}` : null;
  return html`<section aria-labelledby="versions"><h2 id="versions">Version ${versions.defined}</h2>
<p>Version ${versions.defined} of the definition${inDatabase}.</p>${list}</section>`;
}

function describeNewest({ defined, newest }: PageVersions): string {
  if (newest === null) return 'the database was bootstrapped with none yet';
  return newest === defined
    ? 'the database was bootstrapped with it'
    : `the database was bootstrapped with version ${newest}`;
}

function name(role: string): Markup {
  return html`<bdi>${role}</bdi>`;
}

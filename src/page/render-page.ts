import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { drawHierarchy } from './draw-hierarchy.ts';
import { html, jsonForScript, Markup } from './markup.ts';
import type { PageData, PageSource, PageVersions } from './page-data.ts';
import { renderDifferences, renderOmissions, renderResult, renderRule } from './render-result.ts';
import { renderRoles } from './render-roles.ts';

/**
 * Renders a page as one HTML document that loads nothing: its Content-Security-Policy allows only its own script and
 * style.
 */
export async function renderPage(data: PageData): Promise<string> {
  const assets = await readAssets();
  const csp = `default-src 'none'; script-src '${hashOf(assets.script)}'; ${cspOf(assets)}`;
  return renderDocument(data, assets, csp, null).text;
}

/** The same for a server. This page also asks `changes` whether it is still up to date. */
export async function renderServedPage(
  data: PageData,
  version: string,
): Promise<{ html: string; csp: string }> {
  const assets = await readAssets();
  const { script, live } = assets;
  const csp = `default-src 'none'; script-src '${hashOf(script)}' '${hashOf(live)}'; connect-src 'self'; ${cspOf(assets)}`;
  const status = html`<p id="live" class="live" role="status" data-version="${version}">This is the policy as it was then.</p>
${scriptElement('', live)}`;
  return { html: renderDocument(data, assets, csp, status).text, csp };
}

function cspOf({ style }: Assets): string {
  return `style-src '${hashOf(style)}'; base-uri 'none'; form-action 'none'`;
}

function renderDocument(
  data: PageData,
  { script, style }: Assets,
  csp: string,
  status: Markup | null,
): Markup {
  const { matrix, hierarchies } = data;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${csp}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${titleOf(data.source)}</title>
<style>${new Markup(style)}</style>
</head>
<body>
<header><p class="product">casbin-bootstrap</p><h1>${titleOf(data.source)}</h1><p class="source">${describeSource(data)}</p>${status}</header>
<main>
${renderResult(data)}
${renderOmissions(data)}
${renderDifferences(data)}
${renderVersions(data)}
<section aria-labelledby="matrix" class="matrix"><h2 id="matrix">Roles × permissions</h2>
<div id="explorer"><noscript><p class="note">The matrix with its filters needs JavaScript. The same permissions are listed below, role by role.</p></noscript></div></section>
${scriptElement('type="application/json" id="data"', jsonForScript(matrix))}
${scriptElement('', script)}
<section aria-labelledby="hierarchy"><h2 id="hierarchy">Hierarchy</h2>
${hierarchies.length === 0 ? html`<p class="empty">No role inherits from another.</p>` : hierarchies.map(drawHierarchy)}</section>
${renderRoles(data)}
</main>
</body>
</html>
`;
}

/** Not with the template tag: the bundler changes a tagged template that would end a script element. */
function scriptElement(attributes: string, text: string): Markup {
  return new Markup(`<script ${attributes}>${text}</script>`);
}

/** The built scripts and the style of the page; nothing in them can end their elements. */
interface Assets {
  readonly script: string;
  readonly live: string;
  readonly style: string;
}

async function readAssets(): Promise<Assets> {
  const folder = join(
    dirname(createRequire(import.meta.url).resolve('casbin-bootstrap/package.json')),
    'dist/page',
  );
  const [script = '', live = '', style = ''] = await Promise.all(
    ['page.js', 'live.js', 'page.css'].map((name) => readFile(join(folder, name), 'utf8')),
  );
  return { script, live, style };
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

function titleOf(source: PageSource): string {
  return source.kind === 'database' ? `Access policy of ${source.database}` : 'Access policy';
}

function describeSource({ source, readAt }: PageData): string {
  const when = `${readAt.slice(0, 10)} ${readAt.slice(11, 16)} UTC`;
  if (source.kind === 'definition') return `The definition, read on ${when}`;
  return `Database ${source.database}, table ${source.table}, read on ${when}`;
}

/** Renders which version of the policy this is, and what it renames and retires; nothing for one without a version. */
export function renderVersions({ versions, source }: PageData): Markup | null {
  if (versions === null) return null;
  const items = [
    ...versions.renamed.map(([from, to]) => html`<li>${renderName(from)} is now ${renderName(to)}</li>`),
    ...versions.retiredRoles.map(([role, reassign]) =>
      reassign === null
        ? html`<li>${renderName(role)} is retired</li>`
        : html`<li>${renderName(role)} is retired; its users get ${renderName(reassign)}</li>`,
    ),
    ...versions.retiredRules.map((rule) => html`<li>${renderRule(rule)} is retired</li>`),
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

function renderName(role: string): Markup {
  return html`<bdi>${role}</bdi>`;
}

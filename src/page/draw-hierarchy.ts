import { count } from '../render/phrases.ts';
import { shorten } from '../text.ts';
import { layOutHierarchy, type Place } from './layout-hierarchy.ts';
import { html, Markup } from './markup.ts';
import type { HierarchyEdge, HierarchyNode, PageHierarchy } from './page-data.ts';

const NODE = { height: 44, gap: 14, columnGap: 72, padding: 12 } as const;
/** Longer names are cut. */
const SHOWN_CHARACTERS = 28;
const MIN_WIDTH = 96;

/** A hierarchy with more names is not drawn. */
const DRAWN_NODES = 400;

/** Draws who inherits from whom as SVG; if there are too many names, only as a list. */
export function drawHierarchy(hierarchy: PageHierarchy, number: number): Markup {
  const { nodes, edges } = hierarchy;
  const names = nodes.map(({ name }) => name);
  const list = html`<ul class="links">${edges.map((edge) => describeEdge(edge, names))}</ul>`;
  const title = titleOf(hierarchy);
  if (nodes.length > DRAWN_NODES) {
    return html`<section class="hierarchy"><h3>${title}</h3>
<p>${count(nodes.length, 'name')}: too many for a picture.</p>${list}</section>`;
  }
  return html`<section class="hierarchy"><h3>${title}</h3>
<div class="picture" tabindex="0" role="group" aria-label="${title}, picture">${drawPicture(hierarchy, `arrow-${number}`).markup}</div>
<details><summary>The same as text</summary>${list}</details></section>`;
}

function titleOf({ ptype, domain }: PageHierarchy): string {
  if (ptype === '') return 'Without inheritance';
  const what = ptype === 'g' ? 'Roles' : `Role definition ${ptype}`;
  return domain === '' ? what : `${what} in ${domain}`;
}

/** What is said of a link that is not both defined and stored. */
export const STATE_TEXT = { defined: '', added: ' (not defined)', missing: ' (missing)' } as const;

function describeEdge({ child, parent, state }: HierarchyEdge, names: readonly string[]): Markup {
  return html`<li><bdi>${names[child] ?? ''}</bdi> inherits from <bdi>${names[parent] ?? ''}</bdi>${STATE_TEXT[state]}</li>`;
}

/** An SVG, and how large it is. */
interface Picture {
  readonly markup: Markup;
  readonly width: number;
  readonly height: number;
}

/** @param arrow an id that no other picture of the page has */
function drawPicture(hierarchy: PageHierarchy, arrow: string): Picture {
  const { nodes, edges } = hierarchy;
  const { places, bends, columns, rows } = layOutHierarchy(hierarchy);
  const width = Math.ceil(nodes.reduce((most, node) => Math.max(most, widthOf(node)), MIN_WIDTH));
  const toPoint = ({ column, row }: Place): Point => ({
    x: Math.round(column * (width + NODE.columnGap)),
    y: Math.round(row * (NODE.height + NODE.gap)),
  });
  const at = (node: number) => toPoint(places[node] ?? { column: 0, row: 0 });
  const size = {
    width: columns * (width + NODE.columnGap) - NODE.columnGap + 2,
    height: rows * (NODE.height + NODE.gap) - NODE.gap + 2,
  };
  const markup = html`<svg role="img" aria-label="${`${count(nodes.length, 'name')}, ${count(edges.length, 'link')}`}" viewBox="-1 -1 ${size.width} ${size.height}" width="${size.width}" height="${size.height}">
<defs><marker id="${arrow}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto-start-reverse"><path d="M0 0.5 7.5 4 0 7.5z" class="arrow"/></marker></defs>
${edges.map(({ child, parent, state }, number) => {
  const path = drawPath(at(child), (bends[number] ?? []).map(toPoint), at(parent), width);
  return html`<path class="edge ${state}" marker-end="${`url(#${arrow})`}" d="${path}"/>`;
})}
${nodes.map((node, number) => drawNode(node, at(number), width))}
</svg>`;
  return { markup, ...size };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** A line from the right of one node to the left of another. It crosses columns straight, between their nodes. */
function drawPath(from: Point, between: readonly Point[], to: Point, width: number): string {
  const [middle, bend] = [NODE.height / 2, NODE.columnGap / 2];
  const start = { x: from.x + width, y: from.y + middle };
  const stops = between.flatMap(({ x, y }) => [
    { x, y: y + middle },
    { x: x + width, y: y + middle },
  ]);
  const end = { x: to.x - 2, y: to.y + middle };
  const steps = [...stops, end].map((point, index, points) => {
    const before = points[index - 1] ?? start;
    return `C${before.x + bend} ${before.y} ${point.x - bend} ${point.y} ${point.x} ${point.y}`;
  });
  return `M${start.x} ${start.y}${steps.join('')}`;
}

function drawNode(node: HierarchyNode, { x, y }: Point, width: number): Markup {
  const middle = x + width / 2;
  const remark = remarkOf(node);
  return html`<g class="node ${node.state}"><title>${node.name}${remark === '' ? null : `: ${remark}`}</title>
<rect x="${x}" y="${y}" width="${width}" height="${NODE.height}" rx="9"/>
<text x="${middle}" y="${y + (remark === '' ? 27 : 20)}">${shownName(node)}</text>
${remark === '' ? null : html`<text class="remark" x="${middle}" y="${y + 35}">${remark}</text>`}</g>`;
}

function remarkOf({ users, state }: HierarchyNode): string {
  const ofState = { defined: '', added: 'not defined', missing: 'missing' }[state];
  return [users === 0 ? '' : count(users, 'user'), ofState].filter((part) => part !== '').join(', ');
}

function widthOf(node: HierarchyNode): number {
  const text = Math.max(estimateWidth(shownName(node)), remarkOf(node).length * 6.6);
  return text + 2 * NODE.padding;
}

/** Text is not measured: its characters have one of three widths. */
function estimateWidth(text: string): number {
  return [...text].reduce(
    (sum, one) => sum + (IS_WIDE.test(one) ? 15 : IS_CAPITAL.test(one) ? 10.5 : 8.2),
    0,
  );
}

const IS_WIDE = /[\p{Ideographic}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Hangul}\p{Emoji_Presentation}]/u;
const IS_CAPITAL = /\p{Lu}/u;

function shownName({ name }: HierarchyNode): string {
  return shorten(name, SHOWN_CHARACTERS);
}

/** The measures of a document with pictures. */
const DOCUMENT = { margin: 20, titleHeight: 32, minWidth: 360 } as const;

/** Draws hierarchies one below the other as one SVG document, with its own style and in both colour schemes. */
export function drawHierarchies(hierarchies: readonly PageHierarchy[], omitted: number): string {
  const { margin, titleHeight, minWidth } = DOCUMENT;
  let [width, y]: [number, number] = [minWidth, margin];
  const parts: Markup[] = [];
  const writeLine = (kind: string, text: string) => {
    parts.push(html`<text class="${kind}" x="${margin}" y="${y + 18}">${text}</text>\n`);
    y += titleHeight;
    width = Math.max(width, Math.ceil(estimateWidth(text)) + 2 * margin);
  };
  for (const [number, hierarchy] of hierarchies.entries()) {
    const { nodes } = hierarchy;
    writeLine('title', titleOf(hierarchy));
    if (nodes.length > DRAWN_NODES) {
      writeLine('omitted', `${count(nodes.length, 'name')}: too many for a picture.`);
      continue;
    }
    const picture = drawPicture(hierarchy, `arrow-${number}`);
    parts.push(html`<g transform="translate(${margin} ${y})">${picture.markup}</g>\n`);
    width = Math.max(width, picture.width + 2 * margin);
    y += picture.height + margin;
  }
  if (hierarchies.length === 0) writeLine('omitted', 'The policy has no roles.');
  if (omitted > 0) writeLine('omitted', `${count(omitted, 'more hierarchy', 'more hierarchies')} not drawn.`);
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}">
<style>${new Markup(STYLE)}</style>
<rect class="ground" width="${width}" height="${y}"/>
${parts}</svg>
`.text;
}

/** The style of the page, for a separate document. */
const STYLE = `
svg { --surface: #fff; --sunken: #f0f1ee; --text: #1b2126; --muted: #56606a; --strong-line: #8b949d; }
@media (prefers-color-scheme: dark) {
  svg { --surface: #1a2026; --sunken: #222930; --text: #e5e9ec; --muted: #a3aeb8; --strong-line: #74808b; }
}
.ground { fill: var(--surface); }
text { fill: var(--text); font: 600 13.5px system-ui, sans-serif; }
.node text { text-anchor: middle; }
.node .remark, .omitted { fill: var(--muted); font-size: 11.5px; font-weight: 400; }
.node rect { fill: var(--sunken); stroke: var(--strong-line); }
.edge { fill: none; stroke: var(--strong-line); stroke-width: 1.5; }
.arrow { fill: var(--strong-line); }
`;

import { count } from '../render/phrases.ts';
import { DRAWN_NODES, drawPicture, titleOf } from './draw-hierarchy.ts';
import { html, Markup } from './markup.ts';
import type { PageHierarchy } from './page-data.ts';

const MARGIN = 20;
const TITLE_HEIGHT = 32;
const MIN_WIDTH = 360;

/** Draws hierarchies one below the other as one SVG document, with its own style and in both colour schemes. */
export function drawHierarchies(hierarchies: readonly PageHierarchy[], omitted: number): string {
  let [width, y] = [MIN_WIDTH, MARGIN];
  const parts: Markup[] = [];
  const writeLine = (kind: string, text: string) => {
    parts.push(html`<text class="${kind}" x="${MARGIN}" y="${y + 18}">${text}</text>\n`);
    y += TITLE_HEIGHT;
  };
  for (const [number, hierarchy] of hierarchies.entries()) {
    const { nodes } = hierarchy;
    writeLine('title', titleOf(hierarchy));
    if (nodes.length > DRAWN_NODES) {
      writeLine('omitted', `${count(nodes.length, 'name')}: too many for a picture.`);
      continue;
    }
    const picture = drawPicture(hierarchy, `arrow-${number}`);
    parts.push(html`<g transform="translate(${MARGIN} ${y})">${picture.markup}</g>\n`);
    width = Math.max(width, picture.width + 2 * MARGIN);
    y += picture.height + MARGIN;
  }
  if (hierarchies.length === 0) writeLine('omitted', 'The policy has no roles.');
  if (omitted > 0) writeLine('omitted', `${count(omitted, 'more hierarchy', 'more hierarchies')} not drawn.`);
  return html`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${y}" viewBox="0 0 ${width} ${y}">
<style>${new Markup(STYLE)}</style>
<rect class="ground" width="${width}" height="${y}"/>
${parts}</svg>
`.text;
}

/** That of the page, for a document of its own. */
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

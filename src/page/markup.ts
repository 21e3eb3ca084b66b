import { escapeControls } from '../text.ts';

/** Text that is HTML already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** The values of a template: texts and numbers are escaped, null is left out. */
export type Content = Markup | string | number | null | readonly Content[];

/** Creates HTML from a template. Names are data: they are always shown as text. */
export function html(strings: TemplateStringsArray, ...contents: readonly Content[]): Markup {
  return new Markup(strings.map((part, index) => part + toText(contents[index] ?? null)).join(''));
}

function toText(content: Content): string {
  if (content === null) return '';
  if (content instanceof Markup) return content.text;
  if (typeof content === 'object') return content.map(toText).join('');
  return escapeText(String(content));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escapeText(text: string): string {
  return escapeControls(text.toWellFormed()).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/**
 * JSON for a script element: nothing in it can end the element. Control characters are visible, as in the rest of the
 * page.
 */
export function jsonForScript(value: unknown): string {
  const json = JSON.stringify(value, (_, one) => (typeof one === 'string' ? escapeControls(one) : one));
  return json.replaceAll('<', '\\u003c');
}

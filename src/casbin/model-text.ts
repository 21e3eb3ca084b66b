import type { Problem } from '../errors.ts';
import { findNearest } from '../nearest-name.ts';
import { formatText } from '../policy/rule.ts';
import { describeMissingDefinition, REQUIRED_DEFINITIONS } from './model.ts';

interface Line {
  text: string;
  readonly number: number;
  readonly column: number;
  /** The lines of the file that it is made of. */
  readonly parts: { readonly text: string; readonly number: number }[];
}

const SECTION = /^\[(.*)\]$/;

/**
 * Finds problems in the structure of a `.conf` text: sections that are missing, sections and definitions that are
 * repeated, those that Casbin ignores, lines that are neither.
 */
export function checkModelText(path: string, text: string): Problem[] {
  const lines = readLines(text);
  const sections = lines.flatMap((line): Section[] => {
    const name = SECTION.exec(line.text)?.[1];
    return name === undefined ? [] : [{ name, line }];
  });
  if (!sections.some(({ name }) => REQUIRED_DEFINITIONS.some(({ section }) => section === name))) {
    const message =
      'this is not a Casbin model: it has no section such as [request_definition]. Give the path of a .conf file.';
    return [{ code: 'MODEL_INVALID', at: `${path}:1:1`, message }];
  }
  const misspelt = findMisspelt(sections);
  const repeated = sections.filter(
    ({ name }, index) => sections.findIndex((other) => other.name === name) < index,
  );
  const definitions = readDefinitions(lines);
  const strayLines = lines.filter(({ text: line }) => !SECTION.test(line) && !line.includes('='));
  return [
    ...findMissingSections(path, sections, definitions, misspelt),
    ...misspelt.map((section) => describeMisspelt(path, section, sections)),
    ...repeated.map(({ name, line }): Problem => {
      const message = `section [${name}] appears twice. Merge the two.`;
      return { code: 'MODEL_INVALID', at: placeOf(path, line), message };
    }),
    ...findRedefined(path, definitions),
    ...findUnread(path, definitions),
    ...findOutside(path, definitions),
    ...definitions.flatMap((definition) => findCutOff(path, definition)),
    ...strayLines.map((line): Problem => {
      const message = `line ${formatText(line.text)} is neither a [section] nor a definition such as "m = …". Correct or remove it.`;
      return { code: 'MODEL_INVALID', at: placeOf(path, line), message };
    }),
  ];
}

interface Section {
  readonly name: string;
  readonly line: Line;
}

interface Definition {
  readonly section: string;
  readonly key: string;
  readonly line: Line;
}

function readDefinitions(lines: readonly Line[]): Definition[] {
  let section = '';
  return lines.flatMap((line) => {
    section = SECTION.exec(line.text)?.[1] ?? section;
    const key = SECTION.test(line.text) ? undefined : definedBy(line.text);
    return key === undefined ? [] : { section, key, line };
  });
}

/** Casbin uses the last definition of a name. */
function findRedefined(path: string, definitions: readonly Definition[]): Problem[] {
  const first = new Map<string, number>();
  return definitions.flatMap(({ section, key, line }): Problem[] => {
    const before = first.get(`${section}::${key}`);
    first.set(`${section}::${key}`, before ?? line.number);
    if (before === undefined) return [];
    const message = `"${key}" is defined in line ${before} already, and Casbin uses the last definition only. Remove one of them.`;
    return [{ code: 'MODEL_INVALID', at: placeOf(path, line), message }];
  });
}

/** A section that Casbin ignores, and the one that was probably meant. */
interface MisspeltSection extends Section {
  readonly meant: string;
}

/** Sections of other names may be meant for something else than Casbin. */
function findMisspelt(sections: readonly Section[]): MisspeltSection[] {
  const known = SECTIONS.map(([, section]) => section);
  return sections.flatMap((section) => {
    const meant = known.includes(section.name) ? null : findNearest(section.name, known);
    return meant === null ? [] : [{ ...section, meant }];
  });
}

function describeMisspelt(
  path: string,
  { name, line, meant }: MisspeltSection,
  sections: readonly Section[],
): Problem {
  const isThere = sections.some((other) => other.name === meant);
  const remedy = isThere ? `Move its definitions to [${meant}], or remove it` : `Rename it to [${meant}]`;
  return {
    code: isThere ? 'MODEL_INVALID' : 'MODEL_SECTION_MISSING',
    at: placeOf(path, line),
    message: `Casbin knows no section [${name}], and ignores it. ${remedy}.`,
  };
}

/** Casbin ignores what stands before the first section. */
function findOutside(path: string, definitions: readonly Definition[]): Problem[] {
  return definitions.flatMap(({ section, key, line }): Problem[] => {
    const [, own] = SECTIONS.find(([first]) => section === '' && key.replace(/\d+$/, '') === first) ?? [];
    if (own === undefined) return [];
    const message = `Casbin ignores "${key}", because it is in no section. Move it below [${own}].`;
    return [{ code: 'MODEL_INVALID', at: placeOf(path, line), message }];
  });
}

/**
 * Casbin does not look for strings before it looks for comments, and few people know that `;` also begins a comment.
 */
function findCutOff(path: string, { key, line }: Definition): Problem[] {
  return line.parts.flatMap(({ text, number }): Problem[] => {
    const kept = withoutComment(text);
    const [sign = '', rest] = [text.charAt(kept.length), text.slice(kept.length + 1).trim()];
    const isInString = /["']/.test(withoutStrings(kept));
    const goesOn = sign === ';' && /^(?:&&|\|\||[=!<>]=|,)|\b[rp]\d*\.\w/.test(rest);
    if (sign === '' || (!isInString && !goesOn)) return [];
    const remedy = isInString
      ? `Give that text without "${sign}"`
      : 'Remove it, or begin the comment with "#"';
    const message = `for Casbin, "${sign}" begins a comment${isInString ? ', in quotes too' : ''}: ${formatText(rest)} is not a part of "${key}". ${remedy}.`;
    return [{ code: 'MODEL_INVALID', at: placeOf(path, { number, column: kept.length + 1 }), message }];
  });
}

/** The sections of a model, by what the names of their definitions begin with. */
const SECTIONS: readonly (readonly [first: string, section: string])[] = [
  ...REQUIRED_DEFINITIONS.map(({ key, section }) => [key, section] as const),
  ['g', 'role_definition'],
];

/** Of each section, Casbin reads `m`, `m2`, `m3` and so on, until one is missing; it ignores all others. */
function findUnread(path: string, definitions: readonly Definition[]): Problem[] {
  return SECTIONS.flatMap(([first, section]) => {
    const given = definitions.filter((definition) => definition.section === section);
    const names = new Set(given.map(({ key }) => key));
    const read = new Set<string>();
    const next = () => (read.size === 0 ? first : `${first}${read.size + 1}`);
    while (names.has(next())) read.add(next());
    // Then the section lacks what Casbin needs, which is a problem of its own.
    if (read.size === 0 && first !== 'g') return [];
    return given
      .filter(({ key }) => !read.has(key))
      .map(({ key, line }): Problem => {
        const message = `Casbin ignores "${key}": of [${section}] it reads ${first}, ${first}2, ${first}3 and so on, up to the first that is missing. Rename it to "${next()}", or remove it.`;
        return { code: 'MODEL_INVALID', at: placeOf(path, line), message };
      });
  });
}

function findMissingSections(
  path: string,
  sections: readonly Section[],
  definitions: readonly Definition[],
  misspelt: readonly MisspeltSection[],
): Problem[] {
  return REQUIRED_DEFINITIONS.flatMap(({ section, key }): Problem[] => {
    const opening = sections.find(({ name }) => name === section);
    if (opening === undefined && misspelt.some(({ meant }) => meant === section)) return [];
    if (opening === undefined) {
      const message = `section [${section}] is missing. Casbin needs it: add it.`;
      return [{ code: 'MODEL_SECTION_MISSING', at: `${path}:1:1`, message }];
    }
    const names = definitions.filter((one) => one.section === section).map((one) => one.key);
    if (names.includes(key)) return [];
    const message = describeMissingDefinition(section, key, names);
    return [{ code: 'MODEL_SECTION_MISSING', at: placeOf(path, opening.line), message }];
  });
}

/** The place of a definition, or of a name in it. */
export function locateDefinition(path: string, text: string, key: string, name: string | undefined): string {
  const line = readLines(text).find((candidate) => definedBy(candidate.text) === key);
  if (line === undefined) return `${path}:1:1`;
  return placeOf(path, (name === undefined ? null : findName(line, name)) ?? line);
}

function placeOf(path: string, { number, column }: Pick<Line, 'number' | 'column'>): string {
  return `${path}:${number}:${column}`;
}

/**
 * Where a definition first uses a name, outside of strings; null if it is written in another way there, as with blanks.
 */
function findName({ parts }: Line, name: string): Pick<Line, 'number' | 'column'> | null {
  for (const [index, { text, number }] of parts.entries()) {
    const code = withoutStrings(withoutComment(text));
    const start = index === 0 ? code.indexOf('=') + 1 : 0;
    for (let at = code.indexOf(name, start); at !== -1; at = code.indexOf(name, at + 1)) {
      const isWhole = !/[\w.]$/.test(code.slice(0, at)) && !/^\w/.test(code.slice(at + name.length));
      if (isWhole) return { number, column: at + 1 };
    }
  }
  return null;
}

/** The name before the `=`; undefined for a line that defines nothing, such as one with nothing after the `=`. */
function definedBy(line: string): string | undefined {
  return /^([^=]*)=\s*\S/.exec(line)?.[1]?.trim();
}

/** Lines as Casbin reads them: without comments and blanks, those that end with a backslash joined to the next. */
function readLines(text: string): Line[] {
  const lines: Line[] = [];
  let continued = false;
  for (const [index, raw] of text.split('\n').entries()) {
    // Trimming removes a byte order mark too.
    const line = withoutComment(raw).trim();
    if (line === '') continue;
    const previous = lines.at(-1);
    const part = { text: raw, number: index + 1 };
    const text = line.replace(/\\$/, '').trim();
    // A section begins anew, also after a line that ends with a backslash.
    if (continued && previous !== undefined && !SECTION.test(line)) {
      previous.text += text;
      previous.parts.push(part);
    } else lines.push({ text, number: part.number, column: raw.search(/\S/) + 1, parts: [part] });
    continued = line.endsWith('\\');
  }
  return lines;
}

/** With blanks in the place of strings. */
function withoutStrings(code: string): string {
  return code.replace(/"[^"]*"|'[^']*'/g, (string) => ' '.repeat(string.length));
}

function withoutComment(line: string): string {
  return line.replace(/[#;].*$/s, '');
}

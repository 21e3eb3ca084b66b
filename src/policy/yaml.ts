import { type Document, parseDocument, visit, type YAMLError } from 'yaml';
import type { Problem } from '../errors.ts';
import { reasonOf } from '../reason.ts';
import { locator, type Parsed } from './parsed.ts';
import { recordYamlPlaces } from './yaml-places.ts';

/** Reads YAML 1.2, with anchors, aliases and merge keys. Never throws: what is wrong is in `problems`. */
export function parseYaml(file: string, text: string): Parsed {
  const locate = locator(file, text);
  const document = parseDocument(text, { merge: true, prettyErrors: false });
  const problems = [
    ...[...document.errors, ...document.warnings].map((error) => describe(locate(error.pos[0]), error)),
    ...findUnknownAliases(document, locate),
  ];
  const unreadable = document.errors.some(({ code }) => code !== 'DUPLICATE_KEY');
  if (unreadable || problems.length > document.errors.length + document.warnings.length) {
    return { value: undefined, problems };
  }
  try {
    const value: unknown = document.toJS();
    return { value, problems: [...problems, ...recordYamlPlaces(document, value, locate)] };
  } catch (error) {
    // Aliases of aliases that would grow without end.
    problems.push({ code: 'POLICY_SYNTAX', at: file, message: `${reasonOf(error)}.` });
    return { value: undefined, problems };
  }
}

function describe(at: string, { code, message }: YAMLError): Problem {
  const said: Partial<Record<string, string>> = {
    DUPLICATE_KEY: 'this key stands in the same object before. Remove one of them.',
    MULTIPLE_DOCS: 'a second document begins here. Keep one in the file.',
  };
  return { code: 'POLICY_SYNTAX', at, message: said[code] ?? `${message.replace(/\.$/, '')}.` };
}

function findUnknownAliases(document: Document, locate: (offset: number) => string): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      const message = `there is no anchor "&${alias.source}" before this alias.`;
      problems.push({ code: 'POLICY_SYNTAX', at: locate(alias.range?.[0] ?? 0), message });
    },
  });
  return problems;
}

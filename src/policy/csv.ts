import { BasicCsvParser, BracketAwareCsvParser, newModel, PolicyLoader } from 'casbin';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { reasonOf } from '../text.ts';
import { compilePolicy, type DefinedRule } from './compile.ts';
import { type PolicyDefinition, requireDefinition } from './definition.ts';
import { type Parsed, recordPlaces, syntaxProblem } from './place.ts';
import { formatRule, formatText, type Rule, ruleKey, toLine } from './rule.ts';

const COMMAS = 'Write the ptype, such as p or g, and the values, separated by commas.';

/** Reads Casbin's CSV line by line, as Casbin does. Never throws: what is wrong is in `problems`. */
export function parseCsv(file: string, text: string): Parsed {
  const rules: string[][] = [];
  const places = new Map<string, string>();
  const problems: Problem[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const at = `${file}:${index + 1}:${line.search(/\S|$/) + 1}`;
    try {
      const rule = readCsvLine(line);
      if (rule === null) continue;
      if (rule.values.length === 0) {
        const what =
          rule.ptype === '' ? 'the ptype is missing' : `there is one value only, ${formatText(rule.ptype)}`;
        problems.push(syntaxProblem(at, `${what}. ${COMMAS}`));
        continue;
      }
      const values = toLine(rule);
      recordPlaces(values, at, new Map());
      places.set(String(rules.push(values) - 1), at);
      problems.push(...findLostRules(at, line));
    } catch (error) {
      const reason = reasonOf(error).replace(/ at line 1$/, '');
      problems.push(syntaxProblem(at, `Casbin can't read this line: ${reason}.`));
    }
  }
  recordPlaces(rules, `${file}:1:1`, places);
  return { value: { rules }, problems };
}

/** Casbin ends a line only at a line feed, and reads only the first record of a line. */
function findLostRules(at: string, line: string): Problem[] {
  if (!line.trimEnd().includes('\r') || (new BasicCsvParser().parse(line)?.length ?? 0) < 2) return [];
  const message =
    'this line has a carriage return inside, and Casbin drops what follows it. End lines with a line feed.';
  return [syntaxProblem(at, message)];
}

/**
 * Writes the rules of a definition, in whatever form it was written, as Casbin's CSV: Casbin's loader and
 * `loadPolicyFile` read the same rules back. Expectations are not in it.
 *
 * @throws InvalidOptionsError naming every rule that CSV can't carry: line breaks, blanks at the ends of a value,
 * unmatched brackets; or for a value that is not a definition
 */
export function policyToCsv(definition: PolicyDefinition): string {
  const written = compileGiven(definition).map((rule) => ({ rule, line: writeCsvLine(rule) }));
  const problems = written
    .filter(({ line }) => line === null)
    .map(({ rule: { at, ...rule } }): Problem => {
      const message = `rule "${formatRule(rule)}" can't be written as CSV that Casbin reads back. Avoid line breaks, unmatched brackets and blanks at the ends of its values.`;
      return { code: 'VALUE_DISTORTED', at, message };
    });
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  return written.map(({ line }) => `${line}\n`).join('');
}

/** Checks without the schema of a definition, so that writing CSV does not load valibot. */
function compileGiven(definition: PolicyDefinition): DefinedRule[] {
  requireDefinition(definition);
  try {
    const rules = compilePolicy(definition);
    const misfit = rules.find(({ ptype, values }) => ptype === '' || ![ptype, ...values].every(isText));
    if (misfit === undefined) return rules;
    const message = 'must hold strings only, with the ptype first.';
    throw new InvalidOptionsError([{ code: 'RULE_INVALID', at: misfit.at, message }]);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const message =
      'must be a policy definition: an object with roles and rules. A part of it has the wrong shape; bootstrapDatabase says which.';
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'policy', message }]);
  }
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

/**
 * Reads one line of a policy file with Casbin's own loader: null for a comment or a blank line.
 * Throws what Casbin throws: a quote that is not closed, unmatched brackets.
 */
export function readCsvLine(line: string): Rule | null {
  const csv = new BracketAwareCsvParser();
  const model = newModel();
  let ptype: string | undefined;
  // Casbin drops rules of a ptype that the model lacks, so the ptype of the line is added to the model first.
  const loader = new PolicyLoader({
    parse(text) {
      const tokens = csv.parse(text);
      ptype = tokens?.[0]?.[0]?.trim().replace(/^"(.*)"$/s, '$1');
      if (ptype) model.addDef(ptype.charAt(0), ptype, '_');
      return tokens;
    },
  });
  loader.loadPolicyLine(line, model);
  if (ptype === undefined) return null;
  return { ptype, values: model.getPolicy(ptype.charAt(0), ptype)[0] ?? [] };
}

/** Writes a rule as a line that {@link readCsvLine} reads back as it is; null when there is no such line. */
function writeCsvLine({ ptype, values }: Rule): string | null {
  const plain = [ptype, ...values].join(', ');
  if (readsAs(plain, { ptype, values })) return plain;
  const line = [ptype, ...values.map(writeValue)].join(', ');
  return readsAs(line, { ptype, values }) ? line : null;
}

/** Casbin removes quotes twice, the second time without looking at CSV. So a value in quotes gets another pair. */
function writeValue(value: string): string {
  const writings = [value, quoteField(value), quoteField(quoteField(value))];
  return writings.find((writing) => readsAs(`p, ${writing}`, { ptype: 'p', values: [value] })) ?? value;
}

function quoteField(value: string): string {
  return `"${value.replaceAll('"', '""')}"`;
}

function readsAs(line: string, rule: Rule): boolean {
  // Casbin splits a file at line breaks before it looks at quotes.
  if (line.includes('\n')) return false;
  try {
    const read = readCsvLine(line);
    return read !== null && ruleKey(read) === ruleKey(rule);
  } catch {
    return false;
  }
}

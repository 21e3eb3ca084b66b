import { BracketAwareCsvParser, newModel, PolicyLoader } from 'casbin';
import { type Rule, ruleKey } from './rule.ts';

/**
 * Reads one line of a policy file as Casbin's own loader does, by that loader: null for a comment or a blank line.
 * Throws what Casbin throws: a quote that is not closed, unmatched brackets.
 */
export function readCsvLine(line: string): Rule | null {
  const csv = new BracketAwareCsvParser();
  const model = newModel();
  let ptype: string | undefined;
  // Casbin drops rules of a ptype that the model lacks, so the model learns the line's just in time.
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
export function writeCsvLine({ ptype, values }: Rule): string | null {
  const plain = [ptype, ...values].join(', ');
  if (readsAs(plain, { ptype, values })) return plain;
  const line = [ptype, ...values.map(writeValue)].join(', ');
  return readsAs(line, { ptype, values }) ? line : null;
}

/** Casbin takes quotes off twice, the second time without regard to CSV: what it would, it gets once more. */
function writeValue(value: string): string {
  const writings = [value, quote(value), quote(quote(value))];
  return writings.find((writing) => readsAs(`p, ${writing}`, { ptype: 'p', values: [value] })) ?? value;
}

function quote(value: string): string {
  return `"${value.replaceAll('"', '""')}"`;
}

function readsAs(line: string, rule: Rule): boolean {
  // Casbin takes a file apart at line breaks before it looks at quotes.
  if (line.includes('\n')) return false;
  try {
    const read = readCsvLine(line);
    return read !== null && ruleKey(read) === ruleKey(rule);
  } catch {
    return false;
  }
}

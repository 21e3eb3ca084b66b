import { type Model, Util } from 'casbin';
import { formatText, type Rule } from '../policy/rule.ts';
import { reasonOf } from '../text.ts';
import { patternPlaces } from './calls.ts';
import { asWritten, collectNames, findParseFault } from './matcher.ts';

/**
 * Creates a function that returns why Casbin can't evaluate a condition that a rule holds, for `eval(p.x)`, or takes a
 * part of it for nothing. Null for any other rule.
 */
export function conditionCheck(model: Model): (rule: Rule) => string | null {
  const places = patternPlaces(model, (name) => name === 'eval');
  const tokens = ['r', 'p'].flatMap((section) =>
    [...(model.model.get(section)?.values() ?? [])].flatMap((definition) => definition.tokens),
  );
  const known = new Map<string, string | null>();
  return ({ ptype, values }) => {
    for (const { ptype: own, position } of places) {
      const text = own === ptype ? values[position] : undefined;
      if (text === undefined) continue;
      const before = known.get(text);
      const fault = before === undefined ? findFault(text, tokens) : before;
      known.set(text, fault);
      if (fault !== null) return `has the condition ${formatText(text)}, ${fault}. Correct it`;
    }
    return null;
  };
}

function findFault(text: string, tokens: readonly string[]): string | null {
  const condition = Util.escapeAssertion(text);
  // Casbin puts it in parentheses into the matcher. Without them, the reason counts characters as they are written.
  const unparsed = explainUnparsed(`(${condition})`);
  if (unparsed !== null) return `for which Casbin throws: ${explainUnparsed(condition) ?? unparsed}`;
  const unknown = collectNames(`(${condition})`).values.find((name) => !tokens.includes(name));
  return unknown === undefined
    ? null
    : `which uses "${asWritten(unknown)}", and the model does not define it, so Casbin takes it for nothing`;
}

function explainUnparsed(condition: string): string | null {
  try {
    return /^[(\s)]*$/.test(condition) ? 'it is empty' : findParseFault(condition);
  } catch (error) {
    return reasonOf(error);
  }
}

import { type Model, Util } from 'casbin';
import type { Problem } from '../errors.ts';
import { type DefinedRule, isRepeated } from '../policy/compile.ts';
import { formatRule, formatText, type Rule } from '../policy/rule.ts';
import { faultFinder } from './calls.ts';
import { asWritten, collectNames, findParseFault } from './matcher.ts';
import { textsOf, tokensOf, valueTokensOf } from './model.ts';
import { findMaskFault, thrownPatternCheck } from './patterns.ts';

/**
 * Creates a function that returns why Casbin does not use a rule as it is meant: its effect is neither `allow` nor
 * `deny`, so the rule decides nothing; its priority is not a number, under an effect for which that changes the order
 * of the others; its address range has an invalid mask; a function throws on its pattern; or `eval` can't
 * evaluate its condition. Null for any other rule.
 */
export function usabilityCheck(model: Model): (rule: Rule) => string | null {
  const fields = interpretedFieldsOf(model);
  const findAddress = faultFinder(model, (name) => name === 'ipMatch', describeAddress);
  const findThrown = thrownPatternCheck(model);
  const tokens = valueTokensOf(model);
  const findCondition = faultFinder(
    model,
    (name) => name === 'eval',
    (_, text) => describeCondition(text, tokens),
  );
  return (rule) =>
    findUnusableValue(rule, fields) ??
    findAddress(rule) ??
    describeThrown(findThrown(rule)) ??
    findCondition(rule);
}

function describeAddress(_name: string, range: string): string | null {
  const fault = findMaskFault(range);
  if (fault === null) return null;
  return `has the address range ${formatText(range)}, and ${fault}, so Casbin matches other addresses. Correct it`;
}

function describeThrown(fault: string | null): string | null {
  return fault === null ? null : `has a pattern for which Casbin throws: ${fault}. Correct it`;
}

/**
 * Why Casbin can't evaluate a condition that a rule holds, for `eval(p.x)`, or takes a part of it for nothing; null for
 * any other condition.
 */
function describeCondition(text: string, tokens: readonly string[]): string | null {
  const fault = findConditionFault(text, tokens);
  return fault === null ? null : `has the condition ${formatText(text)}, ${fault}. Correct it`;
}

function findConditionFault(text: string, tokens: readonly string[]): string | null {
  const condition = Util.escapeAssertion(text);
  if (/^[(\s)]*$/.test(condition)) return 'for which Casbin throws: it is empty';
  // Casbin puts it in parentheses into the matcher. Without them, the reason counts characters as they are written.
  const unparsed = findParseFault(`(${condition})`);
  if (unparsed !== null) return `for which Casbin throws: ${findParseFault(condition) ?? unparsed}`;
  const unknown = collectNames(`(${condition})`).find((name) => !tokens.includes(name));
  return unknown === undefined
    ? null
    : `which uses "${asWritten(unknown)}", and the model does not define it, so Casbin takes it for nothing`;
}

/** The positions of the fields whose values Casbin interprets, by ptype; -1 for one that a ptype does not have. */
type InterpretedFields = ReadonlyMap<string, { readonly effect: number; readonly priority: number }>;

/** Finds these positions. Only some effects depend on the order of the rules, and so on their priorities. */
function interpretedFieldsOf(model: Model): InterpretedFields {
  const ptypes = [...(model.model.get('p')?.keys() ?? [])];
  const isOrdered = textsOf(model, 'e').some((effect) => /^(?:priority|subjectPriority)\(/.test(effect));
  return new Map(
    ptypes.map((ptype) => {
      const tokens = tokensOf(model, 'p', ptype);
      return [
        ptype,
        { effect: tokens.indexOf('eft'), priority: isOrdered ? tokens.indexOf('priority') : -1 },
      ];
    }),
  );
}

function findUnusableValue({ ptype, values }: Rule, fields: InterpretedFields): string | null {
  const { effect = -1, priority = -1 } = fields.get(ptype) ?? {};
  const [given = '', order] = [values[effect], values[priority]];
  if (!['allow', 'deny', ''].includes(given)) {
    return `has the effect ${formatText(given)}, and Casbin uses only allow and deny: the rule decides nothing. Correct it`;
  }
  if (order !== undefined && Number.isNaN(Number.parseInt(order, 10))) {
    return `has the priority ${formatText(order)}, which is not a number, so Casbin can't order the rules. Correct it`;
  }
  return null;
}

/** Rules that Casbin would silently ignore, order wrongly, or match with something else. */
export function findUnusableRules(model: Model, rules: readonly DefinedRule[]): Problem[] {
  const findFault = usabilityCheck(model);
  return rules.flatMap((rule): Problem[] => {
    const reason = isRepeated(rule) ? null : findFault(rule);
    if (reason === null) return [];
    return [{ code: 'RULE_VALUE_INVALID', at: rule.at, message: `rule "${formatRule(rule)}" ${reason}.` }];
  });
}

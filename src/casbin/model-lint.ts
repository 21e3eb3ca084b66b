import type { Model } from 'casbin';
import type { Problem } from '../errors.ts';
import { findNearest } from '../nearest-name.ts';
import { formatText } from '../policy/rule.ts';
import { shorten } from '../text.ts';
import { callsIn } from './calls.ts';
import {
  asWritten,
  type Call,
  collectCalls,
  collectNames,
  findParseFault,
  identifier,
  isNode,
  parseMatcher,
  walk,
} from './matcher.ts';
import { effectOf, tokensOf, valueTokensOf } from './model.ts';
import type { LocateDefinition } from './model-file.ts';
import { findAddressFault, findThrownByPattern } from './patterns.ts';

/** The effects that Casbin's DefaultEffectorStream knows (casbin 5.51.1), as the model stores them. */
const KNOWN_EFFECTS = new Set([
  'some(where (p_eft == allow))',
  '!some(where (p_eft == deny))',
  'some(where (p_eft == allow)) && !some(where (p_eft == deny))',
  'priority(p_eft) || deny',
  'subjectPriority(p_eft) || deny',
]);

/**
 * Finds faults that Casbin does not report: fields with the same name, undefined names in a matcher (which are silently
 * false), functions that don't exist, calls with the wrong number of arguments, effects that it can't evaluate, rules
 * that it can't order.
 *
 * @param functions the functions that a matcher may call, without role definitions
 * @param isConfigured whether the application changes its enforcers before they are used
 */
export function lintModel(
  model: Model,
  functions: ReadonlySet<string>,
  locate: LocateDefinition,
  isConfigured: boolean,
): Problem[] {
  return [
    ...lintFields(model, locate),
    ...lintRoleDefinitions(model, locate),
    ...lintMatchers(model, functions, locate, isConfigured),
    ...lintEffects(model, locate),
    ...lintSubjectPriority(model, locate, isConfigured),
  ];
}

/**
 * Casbin sees only the last of two fields with one name, and a field without a name, or with blanks in it, can't be
 * used.
 */
function lintFields(model: Model, locate: LocateDefinition): Problem[] {
  const definitions = ['r', 'p'].flatMap((section) => [...(model.model.get(section) ?? [])]);
  return definitions.flatMap(([key, { tokens }]) => {
    const names = tokens.map((token) => token.slice(key.length + 1));
    const repeated = new Set(names.filter((name, index) => name !== '' && names.indexOf(name) < index));
    const messages = [...repeated].map(
      (name) =>
        `"${key}" has the field "${name}" ${names.filter((other) => other === name).length} times, and Casbin uses the last one only. Give each field its own name.`,
    );
    if (names.includes('')) {
      messages.push(
        `field ${names.indexOf('') + 1} of "${key}" has no name. Name it, or remove the extra comma.`,
      );
    }
    for (const name of names.filter((one) => /\s/.test(one))) {
      messages.push(
        `field ${formatText(name)} of "${key}" has blanks in its name. Separate fields by commas.`,
      );
    }
    return messages.map((message): Problem => ({ code: 'MODEL_INVALID', at: locate(key), message }));
  });
}

/** Casbin reports this only when it links roles, after rules are loaded. */
function lintRoleDefinitions(model: Model, locate: LocateDefinition): Problem[] {
  return [...(model.model.get('g') ?? [])]
    .filter(([, { value }]) => value.split('_').length < 3)
    .map(([key, { value }]) => ({
      code: 'MODEL_INVALID',
      at: locate(key),
      message: `role definition "${key} = ${value}" has fewer than two places. Write ${key} = _, _.`,
    }));
}

function lintMatchers(
  model: Model,
  functions: ReadonlySet<string>,
  locate: LocateDefinition,
  isConfigured: boolean,
) {
  const tokens = new Set(valueTokensOf(model));
  return [...(model.model.get('m') ?? [])].flatMap(([key, { value }]): Problem[] => {
    const at = locate(key);
    const fault = findParseFault(value);
    if (fault !== null) {
      const message = `matcher "${key}" can't be parsed: ${fault}. Correct it: ${shorten(asWritten(value))}`;
      return [{ code: 'MODEL_INVALID', at, message }];
    }
    const undefinedValues = [...new Set(collectNames(value))]
      .filter((name) => !tokens.has(name))
      .map((name): Problem => {
        const shown = asWritten(name);
        const known = [...tokens].map((token) => token.replace('_', '.')).join(', ');
        const message = `matcher "${key}" uses "${shown}", which is not defined: Casbin would silently deny. Use one of ${known}, or define it.`;
        return { code: 'MODEL_NAME_UNDEFINED', at: locate(key, shown), message };
      });
    return [
      ...undefinedValues,
      ...collectCalls(value).flatMap((call) =>
        lintCall(model, functions, key, locate(key, call.name), call, isConfigured),
      ),
      ...lintMembership(key, value, tokens, locate),
      ...lintPatterns(key, value, locate),
    ];
  });
}

function lintCall(
  model: Model,
  functions: ReadonlySet<string>,
  matcher: string,
  at: string,
  { name, given: { length: argumentCount } }: Call,
  isConfigured: boolean,
): Problem[] {
  const roleDefinition = model.model.get('g')?.get(name);
  const given = argumentCount === 1 ? '1 argument' : `${argumentCount} arguments`;
  if (roleDefinition !== undefined) {
    const expected = roleDefinition.value.split('_').length - 1;
    if (argumentCount === expected) return [];
    const message = `matcher "${matcher}" calls "${name}" with ${given}, but its role definition has ${expected}. Make them agree.`;
    return [{ code: 'MODEL_INVALID', at, message }];
  }
  if (functions.has(name)) {
    const expected = name === 'keyGet2' ? 3 : 2;
    // An application may put a function of its own in the place of Casbin's.
    if (isConfigured || argumentCount === expected) return [];
    const message = `matcher "${matcher}" calls "${name}" with ${given}, and it takes ${expected}: Casbin takes a missing one for an empty text. Correct the call.`;
    return [{ code: 'MODEL_INVALID', at, message }];
  }
  if (name === 'eval') return [];
  const nearest = findNearest(name, functions);
  const remedy = nearest === null ? 'Define it' : `Did you mean ${nearest}? If not, define it`;
  const message = `matcher "${matcher}" calls "${name}", which is neither a role definition nor a Casbin function. ${remedy} under [role_definition], or add it in configureEnforcer.`;
  return [{ code: 'MODEL_NAME_UNDEFINED', at, message }];
}

/**
 * `in` binds as `||` does, so Casbin reads `a || b in c` as `(a || b) in c`, and `a in b && c` as `a in (b && c)`. One
 * value in parentheses is no list, and a value of a rule is a text.
 */
function lintMembership(
  matcher: string,
  text: string,
  tokens: ReadonlySet<string>,
  locate: LocateDefinition,
): Problem[] {
  const faults = walk(parseMatcher(text)).flatMap(({ operator, left, right }) => {
    if (operator !== 'in' || !isNode(left) || !isNode(right)) return [];
    if (left.operator === '||' || right.type === 'LogicalExpression')
      return ['beside && or ||, which Casbin joins first, so it looks for another value'];
    const name = identifier(right) ?? '';
    const isText = right.type === 'Literal' || (name.startsWith('p') && tokens.has(name));
    return isText ? ['with one text after it, so Casbin throws'] : [];
  });
  return [...new Set(faults)].map((fault): Problem => {
    const message = `matcher "${matcher}" has an "in" ${fault}. Write it in parentheses, and the list in brackets: (r.sub in ["a", "b"]).`;
    return { code: 'MODEL_INVALID', at: locate(matcher, 'in'), message };
  });
}

/** Patterns on which Casbin's functions throw, or with which ipMatch matches other addresses. */
function lintPatterns(matcher: string, text: string, locate: LocateDefinition): Problem[] {
  return callsIn(text).flatMap(({ name, pattern }): Problem[] => {
    const literal = isNode(pattern) && pattern.type === 'Literal' ? pattern.value : null;
    if (typeof literal !== 'string') return [];
    const fault = findPatternFault(name, literal);
    if (fault === null) return [];
    const message = `matcher "${matcher}" gives ${name} the ${fault}. Correct it.`;
    return [{ code: 'MODEL_INVALID', at: locate(matcher, name), message }];
  });
}

function findPatternFault(name: string, literal: string): string | null {
  const given = formatText(literal);
  if (name === 'ipMatch') {
    const fault = findAddressFault(literal);
    return fault === null ? null : `address range ${given}, and ${fault}`;
  }
  const thrown = findThrownByPattern(name, literal);
  return thrown === null ? null : `pattern ${given}, and Casbin throws: ${thrown}`;
}

function lintEffects(model: Model, locate: LocateDefinition): Problem[] {
  return [...(model.model.get('e') ?? [])]
    .filter(([, { value }]) => !KNOWN_EFFECTS.has(value))
    .map(([key, { value }]) => ({
      code: 'MODEL_INVALID',
      at: locate(key),
      message: `Casbin does not support the effect "${asWritten(value)}". Use one of ${[...KNOWN_EFFECTS].map((effect) => `"${asWritten(effect)}"`).join(', ')}.`,
    }));
}

/**
 * To order rules by their subjects, Casbin reads a link as if it were a rule: the parent is where rules have `obj`, the
 * domain where they have `dom` (casbin 5.51.1, getSubjectHierarchyMap). With other fields there, the order stays as it
 * is, without an error.
 */
function lintSubjectPriority(model: Model, locate: LocateDefinition, isConfigured: boolean): Problem[] {
  if (effectOf(model) !== 'subjectPriority(p_eft) || deny') return [];
  const links = model.model.get('g')?.get('g')?.value;
  if (links === undefined) {
    const message =
      'under subjectPriority, Casbin orders rules by the links of "g", which is not defined. Add g = _, _ under [role_definition].';
    return [{ code: 'MODEL_INVALID', at: locate('e'), message }];
  }
  // setFieldIndex may tell Casbin where the fields are.
  if (isConfigured) return [];
  const fields = tokensOf(model, 'p');
  const hasDomain = links.split('_').length > 3;
  const wanted = ['sub', 'obj', ...(hasDomain ? ['dom'] : [])];
  const isOrdered = wanted.every((name, index) => fields[index] === name);
  if (isOrdered && (hasDomain || !fields.includes('dom'))) return [];
  const message = `under subjectPriority, Casbin can order rules only if "p" begins with ${wanted.join(', ')}${hasDomain ? '' : ', and has no dom'}, but it is ${fields.join(', ')}. Change its fields, or use priority(p.eft) || deny.`;
  return [{ code: 'MODEL_INVALID', at: locate('p'), message }];
}

import { Assertion, type Model, newModel } from 'casbin';
import type { Problem } from '../errors.ts';
import type { Rule } from '../policy/rule.ts';

/** The definitions that Casbin requires, each with the section of a `.conf` file that it is in. */
export const REQUIRED_DEFINITIONS = [
  { key: 'r', section: 'request_definition' },
  { key: 'p', section: 'policy_definition' },
  { key: 'e', section: 'policy_effect' },
  { key: 'm', section: 'matchers' },
] as const;

/** The tokens of one definition (`r`, `p`, `p2` …) without their prefix: `['sub', 'obj', 'act']`. */
export function tokensOf(model: Model, section: 'r' | 'p', key: string = section): string[] {
  const tokens = model.model.get(section)?.get(key)?.tokens ?? [];
  return tokens.map((token) => token.slice(key.length + 1));
}

/** The matcher of a model, as Casbin stores it; empty if there is none. */
export function matcherOf(model: Model): string {
  return model.model.get('m')?.get('m')?.value ?? '';
}

/** The effect of a model, as Casbin stores it; empty if there is none. */
export function effectOf(model: Model): string {
  return model.model.get('e')?.get('e')?.value ?? '';
}

/** The texts of all definitions of a section, such as `m`, `m2` and `m3`. */
export function textsOf(model: Model, section: 'e' | 'm'): string[] {
  return [...(model.model.get(section)?.values() ?? [])].map(({ value }) => value);
}

/** The tokens of all definitions of requests and rules, as matchers use them: `r_sub`, `p_obj`. */
export function valueTokensOf(model: Model): string[] {
  return ['r', 'p'].flatMap((section) =>
    [...(model.model.get(section)?.values() ?? [])].flatMap(({ tokens }) => tokens),
  );
}

/** The fields that a rule of each ptype must have, as a model file names them: `sub`, or `_` in a role definition. */
export function ruleFieldsOf(model: Model): Map<string, readonly string[]> {
  const fields = new Map<string, readonly string[]>();
  for (const ptype of model.model.get('p')?.keys() ?? []) fields.set(ptype, tokensOf(model, 'p', ptype));
  // A role definition is counted as Casbin's Assertion.buildRoleLinks counts it.
  for (const [ptype, { value }] of model.model.get('g') ?? [])
    fields.set(ptype, new Array<string>(value.split('_').length - 1).fill('_'));
  return fields;
}

/** How many values a rule of each ptype must have. */
export function ruleLengthsOf(model: Model): Map<string, number> {
  return new Map([...ruleFieldsOf(model)].map(([ptype, fields]) => [ptype, fields.length]));
}

/** The rules that a model holds, in its order: policy first, then role definitions. */
export function rulesOf(model: Model): Rule[] {
  return ['p', 'g'].flatMap((section) =>
    [...(model.model.get(section) ?? [])].flatMap(([ptype, { policy }]) =>
      policy.map((values) => ({ ptype, values })),
    ),
  );
}

/** The same definitions without any policy or role manager, so that an enforcer may fill and keep it. */
export function copyModel(model: Model): Model {
  const copy = newModel();
  for (const [section, assertions] of model.model) {
    const copies = new Map<string, Assertion>();
    for (const [key, assertion] of assertions) copies.set(key, copyDefinition(key, assertion));
    copy.model.set(section, copies);
  }
  return copy;
}

/** Does not use addDef, which reads the text of a file: it would turn a `$$` in a matcher into a `$`. */
function copyDefinition(key: string, { value, tokens }: Assertion): Assertion {
  if (typeof value !== 'string') throw new Error(`the definition "${key}" has no text`);
  const copy = new Assertion();
  copy.key = key;
  copy.value = value;
  copy.tokens = [...tokens];
  return copy;
}

/** Missing definitions without which no request can be decided. A section may be there and be empty. */
export function findMissingDefinitions(model: Model): Problem[] {
  return REQUIRED_DEFINITIONS.filter(({ key }) => !model.model.get(key)?.has(key)).map(
    ({ key, section }) => ({
      code: 'MODEL_SECTION_MISSING',
      at: 'model',
      message: describeMissingDefinition(section, key, [...(model.model.get(key)?.keys() ?? [])]),
    }),
  );
}

/** @param others what the section defines instead: `r2` serves an EnforceContext alone */
export function describeMissingDefinition(section: string, key: string, others: readonly string[]): string {
  const other = others.find((name) => name.startsWith(key) && /^\d+$/.test(name.slice(key.length)));
  if (other === undefined) return `section [${section}] defines no "${key}". Casbin needs it: add ${key} = …`;
  return `section [${section}] defines "${other}" and no "${key}". Casbin uses "${other}" only for requests with an EnforceContext. An enforcer needs "${key}" too, and decisions are verified by r, p, e and m: rename "${other}" to "${key}", or add ${key} = …`;
}

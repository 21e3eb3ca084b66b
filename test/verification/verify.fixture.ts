import { newModelFromString } from 'casbin';
import { joinedLine } from '../../src/casbin/distortion.ts';
import type { ConfigureEnforcer } from '../../src/casbin/enforcer.ts';
import { reachableScope } from '../../src/casbin/scope.ts';
import type { PolicyDefinition } from '../../src/index.ts';
import { compilePolicy } from '../../src/policy/compile.ts';
import { type Rule, toRule } from '../../src/policy/rule.ts';
import { RuleSet } from '../../src/policy/rule-set.ts';
import { holdersAmong } from '../../src/verification/drift.ts';
import { collectPromises } from '../../src/verification/promises.ts';
import { verifyPolicy } from '../../src/verification/verify-policy.ts';

/** `p, user, data, read` as values. */
export function rule(line: string): string[] {
  return line.split(', ');
}

export function rulesOf(lines: readonly string[]): Rule[] {
  return lines.map(rule).map(toRule);
}

/** A table like that of casbin-pg-adapter. */
export const STOCK_TABLE = { stockLines: joinedLine, isUnique: true };

/** What a definition promises in a model, and how much of it that covers. */
export async function promiseOf(
  text: string,
  definition: PolicyDefinition,
  configureEnforcer?: ConfigureEnforcer,
) {
  const model = newModelFromString(text);
  const defined = new RuleSet(compilePolicy(definition));
  return collectPromises(model, defined, definition, { configureEnforcer });
}

/** Holds stored rules, given as lines, against a definition; ids count from 1. */
export async function verifyRules(
  text: string,
  definition: PolicyDefinition,
  lines: readonly string[],
  {
    strict = false,
    stockLoadable = false,
    configureEnforcer,
  }: { strict?: boolean; stockLoadable?: boolean; configureEnforcer?: ConfigureEnforcer } = {},
) {
  const { expectations, coverage, warnings, valuesAt } = await promiseOf(text, definition, configureEnforcer);
  const live = lines.map(rule).map(([ptype = '', ...values], index) => ({ id: index + 1, ptype, values }));
  const model = newModelFromString(text);
  const defined = new RuleSet(compilePolicy(definition));
  return verifyPolicy({
    model,
    configureEnforcer,
    defined,
    expectations,
    coverage,
    warnings,
    live,
    scope: 'whole',
    reach: () => reachableScope(model, defined.rules, valuesAt),
    findHolders: holdersAmong(model, live),
    strict,
    stockLoadable,
    ruleTable: STOCK_TABLE,
  });
}

import type { Model } from 'casbin';
import { findDistorted } from '../casbin/distortion.ts';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { isPlainConjunction } from '../casbin/matcher.ts';
import { ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import type { Problem } from '../errors.ts';
import type { BootstrapOptions } from '../options.ts';
import type { DefinedRule } from '../policy/compile.ts';
import { defaultPolicy } from '../policy/default-policy.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { isFollowedByDefault } from '../policy/hierarchy.ts';
import { findUnknownNames } from '../policy/names.ts';
import { findPlace } from '../policy/place.ts';
import { type LoadedPolicy, readPolicyFile } from '../policy/policy-file.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import {
  findBrokenHierarchies,
  findDuplicates,
  findMisfits,
  findUndefinedRoles,
  findUnfollowed,
  findUnstorable,
} from '../policy/validate.ts';
import { followedBy } from '../verification/structure.ts';

/** The definition that is given, the one in the file that is named, or the default; for null, one without rules. */
export async function resolvePolicy({ policy = defaultPolicy }: BootstrapOptions): Promise<LoadedPolicy> {
  return typeof policy === 'string' ? readPolicyFile(policy) : { definition: policy ?? {}, problems: [] };
}

/** A definition without any rule: a file that was emptied, most likely, and every proof of it would be one of nothing. */
export function findEmptyPolicy(definition: PolicyDefinition, { rules }: RuleSet<DefinedRule>): Problem[] {
  if (rules.length > 0) return [];
  const at = findPlace(definition, ['rules']) ?? findPlace(definition, ['roles']) ?? 'policy';
  const message =
    'the policy has no rules. Define some, or give policy: null for a database whose policy is not defined here.';
  return [{ code: 'POLICY_EMPTY', at, message }];
}

/** Everything that is wrong with a policy, by itself and, where there is a model, in that. */
export async function checkPolicy(
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  model: Model | null,
  configureEnforcer: ConfigureEnforcer | undefined,
): Promise<Problem[]> {
  const { rules } = defined;
  const broken = findBrokenHierarchies(rules);
  const misfits = model === null ? [] : findMisfits(rules, ruleLengthsOf(model));
  return [
    ...misfits,
    ...findUndefinedRoles(definition),
    ...(model !== null && comparesOnly(model) ? findUnknownNames(definition) : []),
    ...broken,
    ...(await checkDepth(rules, broken.length === 0 ? model : null, configureEnforcer)),
    ...findDuplicates(defined),
    ...checkValues(rules, misfits),
  ];
}

/** Nothing where there is no enforcer to ask: that is another problem, and is reported as one. */
async function checkDepth(
  rules: readonly DefinedRule[],
  model: Model | null,
  configureEnforcer: ConfigureEnforcer | undefined,
): Promise<Problem[]> {
  if (configureEnforcer === undefined) return findUnfollowed(rules, () => isFollowedByDefault);
  if (model === null) return [];
  try {
    return await findUnfollowed(rules, followedBy(model, rules, configureEnforcer));
  } catch {
    return [];
  }
}

/** Whether requests are made of the names that rules have, role, resource and action: no patterns, no domains. */
function comparesOnly(model: Model): boolean {
  const matchers = [...(model.model.get('m')?.values() ?? [])];
  try {
    return tokensOf(model, 'r').length === 3 && matchers.every(({ value }) => isPlainConjunction(value));
  } catch {
    return false; // a matcher that can't be parsed is a problem of the model, and found there
  }
}

/** A rule that can't be stored, or is of a ptype that is none, would also be called distorted. */
function checkValues(rules: readonly DefinedRule[], misfits: readonly Problem[]): Problem[] {
  const unstorable = findUnstorable(rules);
  const unknown = misfits.filter(({ code }) => code === 'RULE_UNKNOWN_PTYPE');
  const places = new Set([...unstorable, ...unknown].map(({ at }) => at));
  const readable = places.size === 0 ? rules : rules.filter(({ at }) => !places.has(at));
  return [...unstorable, ...findDistorted(readable)];
}

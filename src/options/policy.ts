import type { Model } from 'casbin';
import { findDistorted } from '../casbin/distortion.ts';
import { findUnfitDomains } from '../casbin/domains.ts';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { isPlainConjunction } from '../casbin/matcher.ts';
import { ruleLengthsOf, tokensOf } from '../casbin/model.ts';
import { reachableScope, type Scope } from '../casbin/scope.ts';
import { rememberLast } from '../collections.ts';
import { defaultPolicy } from '../defaults/default-policy.ts';
import type { Problem } from '../errors.ts';
import type { BootstrapOptions, VerifyOptions } from '../options.ts';
import {
  findBrokenHierarchies,
  findConflicts,
  findDuplicates,
  findMisfits,
  findUndefinedRoles,
  findUnfollowed,
  findUnknownNames,
  findUnstorable,
} from '../policy/check.ts';
import type { DefinedRule } from '../policy/compile.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { isFollowedByDefault } from '../policy/hierarchy.ts';
import { compileOwnership, findOwnershipProblems } from '../policy/ownership.ts';
import { findPlace, placeIn } from '../policy/place.ts';
import { type LoadedPolicy, readPolicyFile } from '../policy/policy-file.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import { checkTenantNames } from '../policy/tenant-names.ts';
import type { ProgressReporter } from '../progress.ts';
import { NO_EXPECTATIONS } from '../verification/expectations.ts';
import { collectPromises, type Promises } from '../verification/promises.ts';
import { followedBy } from '../verification/structure.ts';
import { NOT_VERIFIED } from '../verification/verify.ts';

/** The definition that is given, the one in the file that is named, or the default; for null, one without rules. */
export async function resolvePolicy({ policy = defaultPolicy }: BootstrapOptions): Promise<LoadedPolicy> {
  return typeof policy === 'string' ? readPolicyFile(policy) : { definition: policy ?? {}, problems: [] };
}

/** A definition without any rule: a file that was emptied, most likely, and every proof of it would be one of nothing. */
export function findEmptyPolicy(definition: PolicyDefinition, { rules }: RuleSet<DefinedRule>): Problem[] {
  if (rules.length > 0) return [];
  const parts = (['rules', 'roles', 'domains'] as const).map((part) => findPlace(definition, [part]));
  const at = parts.find((place) => place !== null) ?? 'policy';
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
  const { problems, sound } = checkTenantNames(definition, defined, (names) => checkValues(names, []));
  const { rules } = sound;
  const broken = findBrokenHierarchies(rules);
  const retired = compileOwnership(definition)?.retiredRules ?? [];
  const findMisfitsOf = (some: readonly DefinedRule[]) =>
    model === null ? [] : findMisfits(some, ruleLengthsOf(model));
  const misfits = findMisfitsOf(rules.filter(({ tenant }) => tenant === undefined));
  return [
    ...problems,
    ...(model === null ? [] : findUnfitDomains(model, definition)),
    ...misfits,
    ...findMisfitsOf(retired),
    ...findUnstorable(retired),
    ...findOwnershipProblems(definition, defined),
    ...findUndefinedRoles(definition),
    ...findConflicts(definition),
    ...(model !== null && comparesOnly(model, definition) ? findUnknownNames(definition) : []),
    ...broken,
    ...(await checkDepth(rules, broken.length === 0 ? model : null, configureEnforcer)),
    ...findDuplicates(sound),
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

/** Whether requests are made of the names that rules have, role, resource and action: no patterns, no other domains. */
function comparesOnly(model: Model, { domains }: PolicyDefinition): boolean {
  const matchers = [...(model.model.get('m')?.values() ?? [])];
  try {
    const values = domains === undefined ? 3 : 4;
    return tokensOf(model, 'r').length === values && matchers.every(({ value }) => isPlainConjunction(value));
  } catch {
    return false; // a matcher that can't be parsed is a problem of the model, and found there
  }
}

/** A rule that can't be stored, or has an invalid ptype, would also be called distorted. */
function checkValues(rules: readonly DefinedRule[], misfits: readonly Problem[]): Problem[] {
  const unstorable = findUnstorable(rules);
  const unknown = misfits.filter(({ code }) => code === 'RULE_UNKNOWN_PTYPE');
  const places = new Set([...unstorable, ...unknown].map(({ at }) => at));
  const readable = places.size === 0 ? rules : rules.filter(({ at }) => !places.has(at));
  return [...unstorable, ...findDistorted(readable)];
}

/** Contradictions without those of requests that have another problem: a misspelt name is one, not two. */
export function withoutExplained(
  contradictions: readonly Problem[],
  problems: readonly Problem[],
  definition: PolicyDefinition,
): Problem[] {
  const told = new Set(problems.map(({ at }) => at));
  const explained = new Set(
    (['allow', 'deny', 'never'] as const).flatMap((kind) =>
      (definition[kind] ?? []).flatMap((request, index) => {
        const place = placeIn(definition, kind, index);
        const inside = request.map((_, position) => placeIn(definition, kind, index, position));
        return [place, ...inside].some((one) => told.has(one)) ? [place] : [];
      }),
    ),
  );
  return contradictions.filter(({ at }) => !explained.has(at));
}

/** What a definition promises, and which stored rules that can depend on. */
export interface ResolvedPromises extends Promises {
  /** What to read of a large table. Found out when it is asked for. */
  reach(): Scope;
}

function withReach(model: Model, { rules }: RuleSet, promises: Promises): ResolvedPromises {
  const valuesAt = (position: number) => promises.expectations.valuesAt(position);
  return { ...promises, reach: rememberLast(() => reachableScope(model, rules, valuesAt)) };
}

/** Deciding them takes as long as verifying them. */
const NO_PROMISES: Promises = {
  expectations: NO_EXPECTATIONS,
  coverage: NOT_VERIFIED.coverage,
  warnings: [],
  problems: [],
};

/** What is longer, as text, is not remembered, for the room it takes. */
const SHORT = 100_000;

/** The last definition that was found sound: tests and tools bootstrap many databases by one. */
let last: { readonly key: string; readonly promises: ResolvedPromises } | null = null;

/**
 * What the definition promises, where the last one that was found sound has the same rules and expectations in the same
 * model. A definition may hold more than that, such as a role without permissions, so the rest is checked each time.
 */
export function recallPromises(
  model: Model,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  options: BootstrapOptions,
): ResolvedPromises | null {
  const key = promisesKey(model, definition, defined, options);
  return key !== null && last?.key === key ? copyOf(last.promises) : null;
}

/** What the definition promises; it is checked against that itself, before any database is. */
export async function resolvePromises(
  model: Model,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  options: BootstrapOptions,
  progress: ProgressReporter,
): Promise<ResolvedPromises> {
  if (options.verify === false) return withReach(model, defined, NO_PROMISES);
  const collected = await collectPromises(model, defined, definition, {
    configureEnforcer: options.configureEnforcer,
    placeOf: (kind, index) => placeIn(definition, kind, index),
    placeOfRule: (rule) => defined.rules[defined.indexOf(rule)]?.at,
    report: progress.start('check', defined.rules.length),
  });
  const promises = withReach(model, defined, collected);
  const key = promisesKey(model, definition, defined, options);
  if (key !== null && promises.problems.length === 0) last = { key, promises: copyOf(promises) };
  return promises;
}

/**
 * What a definition promises without some of its rules, which stay away: of `allow`, `deny` and `samples`, what the others
 * still keep. What must never be allowed must not be allowed then either.
 */
export async function resolveWithout(
  { model, definition, verify, configureEnforcer, progress }: KeptPart,
  defined: RuleSet<DefinedRule>,
): Promise<ResolvedPromises> {
  if (verify === null) return withReach(model, defined, NO_PROMISES);
  const collected = await collectPromises(model, defined, definition, {
    configureEnforcer,
    placeOf: (kind, index) => placeIn(definition, kind, index),
    report: progress.start('check', defined.rules.length),
    contradicted: 'dropped',
  });
  return withReach(model, defined, collected);
}

/** Of resolved options, what it takes to find out what is expected. */
interface KeptPart {
  readonly model: Model;
  readonly definition: PolicyDefinition;
  readonly verify: VerifyOptions | null;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
  readonly progress: ProgressReporter;
}

/** With a coverage and warnings of its own, as the report that the caller gets holds them. */
function copyOf(promises: ResolvedPromises): ResolvedPromises {
  return {
    ...promises,
    coverage: structuredClone(promises.coverage),
    warnings: structuredClone(promises.warnings),
  };
}

/**
 * All that the promises depend on, as the caller may change any of it between two bootstraps; null when that is
 * much. By its parts: a definition may be an object of some class, which shows nothing of itself as JSON.
 */
function promisesKey(
  model: Model,
  { samples = [], allow = [], deny = [], never = [] }: PolicyDefinition,
  { rules }: RuleSet<DefinedRule>,
  { verify, configureEnforcer }: BootstrapOptions,
): string | null {
  if (verify === false || configureEnforcer !== undefined) return null;
  const listed = [samples, allow, deny, never];
  if (listed.reduce((sum, { length }) => sum + length, rules.length) > SHORT / 100) return null;
  const sections = [...model.model].map(([section, assertions]) => [
    section,
    [...assertions].map(([key, { value }]) => [key, value]),
  ]);
  const key = JSON.stringify([sections, rules.map(({ ptype, values }) => [ptype, values]), listed]);
  return key.length > SHORT ? null : key;
}

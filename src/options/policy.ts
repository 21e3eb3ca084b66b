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
import { buildHierarchies, type Hierarchy, isFollowedByDefault } from '../policy/hierarchy.ts';
import { compileOwnership, findOwnershipProblems } from '../policy/ownership.ts';
import { findPlace, placeIn } from '../policy/place.ts';
import { type LoadedPolicy, readPolicyFile } from '../policy/policy-file.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import { checkTenantNames } from '../policy/tenant-names.ts';
import type { ProgressReporter } from '../progress.ts';
import { NO_EXPECTATIONS } from '../verification/expectations.ts';
import { type DecidedPromises, type Promises, readPromises } from '../verification/promises.ts';
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
  const { problems, sound } = checkTenants(definition, defined);
  return [
    ...problems,
    ...checkNames(model, definition, defined),
    ...(await checkRules(sound, model, configureEnforcer)),
  ];
}

/** The same where the rules were found sound in this model before: what else the definition holds may be new. */
export function checkBesideRules(
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  model: Model,
): Problem[] {
  return [...checkTenants(definition, defined).problems, ...checkNames(model, definition, defined)];
}

function checkTenants(definition: PolicyDefinition, defined: RuleSet<DefinedRule>) {
  return checkTenantNames(definition, defined, (names) => checkValues(names, []));
}

function checkNames(
  model: Model | null,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
): Problem[] {
  const retired = compileOwnership(definition)?.retiredRules ?? [];
  return [
    ...(model === null ? [] : findUnfitDomains(model, definition)),
    ...findMisfitsIn(model, retired),
    ...findUnstorable(retired),
    ...findOwnershipProblems(definition, defined),
    ...findUndefinedRoles(definition),
    ...findConflicts(definition),
    ...(model !== null && comparesOnly(model, definition) ? findUnknownNames(definition) : []),
  ];
}

async function checkRules(
  defined: RuleSet<DefinedRule>,
  model: Model | null,
  configureEnforcer: ConfigureEnforcer | undefined,
): Promise<Problem[]> {
  const { rules } = defined;
  const hierarchies = buildHierarchies(rules);
  const broken = findBrokenHierarchies(rules, hierarchies);
  const misfits = findMisfitsIn(
    model,
    rules.filter(({ tenant }) => tenant === undefined),
  );
  return [
    ...misfits,
    ...broken,
    ...(await checkDepth(rules, hierarchies, broken.length === 0 ? model : null, configureEnforcer)),
    ...findDuplicates(defined),
    ...checkValues(rules, misfits),
  ];
}

function findMisfitsIn(model: Model | null, rules: readonly DefinedRule[]): Problem[] {
  return model === null ? [] : findMisfits(rules, ruleLengthsOf(model));
}

/** Nothing where there is no enforcer to ask: that is another problem, and is reported as one. */
async function checkDepth(
  rules: readonly DefinedRule[],
  hierarchies: readonly Hierarchy[],
  model: Model | null,
  configureEnforcer: ConfigureEnforcer | undefined,
): Promise<Problem[]> {
  if (configureEnforcer === undefined) return findUnfollowed(rules, hierarchies, () => isFollowedByDefault);
  if (model === null) return [];
  try {
    return await findUnfollowed(rules, hierarchies, followedBy(model, rules, configureEnforcer));
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
export interface ResolvedPromises extends Pick<Promises, 'listed' | 'problems'> {
  /** What to read of a large table. Found out when it is asked for. */
  reach(): Scope;
  /** How the definition decides. Found out when it is first asked for, and once. */
  decide(): Promise<DecidedPromises>;
}

/** Deciding them takes as long as verifying them. */
const NO_PROMISES: Promises = {
  listed: [],
  problems: [],
  valuesAt: () => new Set(),
  decide: async () => ({
    expectations: NO_EXPECTATIONS,
    coverage: NOT_VERIFIED.coverage,
    warnings: [],
  }),
};

function withReach(
  model: Model,
  { rules }: RuleSet,
  read: Promises,
  progress: ProgressReporter,
): ResolvedPromises {
  let decided: Promise<DecidedPromises> | undefined;
  return {
    ...read,
    reach: rememberLast(() => reachableScope(model, rules, read.valuesAt)),
    decide() {
      decided ??= read.decide(progress.start('check', rules.length));
      return decided;
    },
  };
}

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
  const { verify, configureEnforcer } = options;
  if (verify === false) return withReach(model, defined, NO_PROMISES, progress);
  const read = await readPromises(model, defined, definition, {
    configureEnforcer,
    placeOf: (kind, index) => placeIn(definition, kind, index),
    placeOfRule: (rule) => defined.rules[defined.indexOf(rule)]?.at,
  });
  const promises = withReach(model, defined, read, progress);
  // What the application brings may fail, and its enforcers may share what they were given: not beside other work.
  if (configureEnforcer !== undefined) await promises.decide();
  return promises;
}

/**
 * Remembers what a definition promises in which nothing is wrong, for {@link recallPromises}.
 *
 * @returns the same for the caller, who may change what is in it
 */
export function rememberPromises(
  promises: ResolvedPromises,
  model: Model,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  options: BootstrapOptions,
): ResolvedPromises {
  const key = promisesKey(model, definition, defined, options);
  if (key === null) return promises;
  last = { key, promises };
  return copyOf(promises);
}

/**
 * What a definition promises without some of its rules, which stay away: of `allow`, `deny` and `samples`, what the others
 * still keep. What must never be allowed must not be allowed then either.
 */
export async function resolveWithout(
  { model, definition, verify, configureEnforcer, progress }: KeptPart,
  defined: RuleSet<DefinedRule>,
): Promise<ResolvedPromises> {
  if (verify === null) return withReach(model, defined, NO_PROMISES, progress);
  const read = await readPromises(model, defined, definition, {
    configureEnforcer,
    placeOf: (kind, index) => placeIn(definition, kind, index),
    contradicted: 'dropped',
  });
  return withReach(model, defined, read, progress);
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
    async decide() {
      const { expectations, coverage, warnings } = await promises.decide();
      return { expectations, coverage: structuredClone(coverage), warnings: structuredClone(warnings) };
    },
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

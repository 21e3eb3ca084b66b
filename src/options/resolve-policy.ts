import type { Model } from 'casbin';
import { findDistorted } from '../casbin/distortion.ts';
import { findUnfitDomains } from '../casbin/domains.ts';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { isPlainConjunction } from '../casbin/matcher.ts';
import { ruleFieldsOf, textsOf, tokensOf } from '../casbin/model.ts';
import { findUnusableRules } from '../casbin/rule-usability.ts';
import { defaultPolicy } from '../defaults/default-policy.ts';
import type { Problem } from '../errors.ts';
import type { BootstrapOptions } from '../options.ts';
import {
  findBrokenHierarchies,
  findConflicts,
  findDuplicates,
  findEmptyNames,
  findMisfitRequests,
  findMisfits,
  findUndefinedRoles,
  findUnfollowed,
  findUnknownNames,
  findUnstorable,
  listRequests,
} from '../policy/check.ts';
import type { DefinedRule } from '../policy/compile.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { buildHierarchies, type Hierarchy, isFollowedByDefault } from '../policy/hierarchy.ts';
import { compileOwnership, findOwnershipProblems, type RolePositions } from '../policy/ownership.ts';
import { findPlace, placeIn } from '../policy/place.ts';
import { emptyPolicy, type LoadedPolicy, readPolicyFile } from '../policy/policy-file.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import { checkTenantNames } from '../policy/tenant-names.ts';
import { rolePositions } from '../verification/parts.ts';
import { followedBy } from '../verification/structure.ts';

/** The given definition, that of a given file, or the default; for null, a definition without rules. */
export async function resolvePolicy({ policy = defaultPolicy }: BootstrapOptions): Promise<LoadedPolicy> {
  return typeof policy === 'string' ? readPolicyFile(policy) : { definition: policy ?? {}, problems: [] };
}

/** Refuses a definition without rules: probably its file was emptied, and there would be nothing to verify. */
export function findEmptyPolicy(definition: PolicyDefinition, { rules }: RuleSet<DefinedRule>): Problem[] {
  if (rules.length > 0) return [];
  const parts = (['rules', 'roles', 'domains'] as const).filter((part) => definition[part] !== undefined);
  return [emptyPolicy(findPlace(definition, parts.slice(0, 1)) ?? 'policy')];
}

/** All problems of a policy, by itself and, if there is a model, in that model. */
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

/** The same for rules that were checked in this model before: only the rest of the definition is checked. */
export function checkBesideRules(
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
  model: Model,
): Problem[] {
  return [...checkTenants(definition, defined).problems, ...checkNames(model, definition, defined)];
}

function checkTenants(definition: PolicyDefinition, defined: RuleSet<DefinedRule>) {
  return checkTenantNames(definition, defined, (names) => checkRuleValues(names, []));
}

/** Where rules name roles, for a definition that may speak of earlier versions. */
export function findRolePositions({ version }: PolicyDefinition, model: Model | null): RolePositions {
  const usual = new Map(Object.entries({ p: [0], g: [0, 1] }));
  if (model === null || version === undefined) return usual;
  try {
    return rolePositions(model);
  } catch {
    return usual; // a matcher that can't be parsed is a problem of the model, and found there
  }
}

function checkNames(
  model: Model | null,
  definition: PolicyDefinition,
  defined: RuleSet<DefinedRule>,
): Problem[] {
  const rolesAt = findRolePositions(definition, model);
  const retired = compileOwnership(definition, rolesAt)?.retiredRules ?? [];
  const unknown = findUnknownNames(definition);
  return [
    ...(model === null ? [] : findUnfitDomains(model, definition)),
    ...(model === null ? [] : findMisfitRequests(definition, tokensOf(model, 'r'))),
    ...findMisfitsIn(model, retired),
    ...findUnstorable(retired),
    ...findOwnershipProblems(definition, defined, rolesAt),
    ...findEmptyNames(definition),
    ...findUndefinedRoles(definition),
    ...findConflicts(definition),
    // Parsing the matcher takes longer than everything else here.
    ...(unknown.length > 0 && model !== null && comparesOnly(model, definition) ? unknown : []),
  ];
}

async function checkRules(
  defined: RuleSet<DefinedRule>,
  model: Model | null,
  configureEnforcer: ConfigureEnforcer | undefined,
): Promise<Problem[]> {
  const { rules } = defined;
  const hierarchies = buildHierarchies(rules);
  const broken = findBrokenHierarchies(defined, hierarchies);
  const misfits = findMisfitsIn(
    model,
    rules.filter(({ tenant }) => tenant === undefined),
  );
  return [
    ...misfits,
    ...(model === null ? [] : findUnusableRules(model, rules)),
    ...broken,
    // A role manager of the application may go round in a circle for ever.
    ...(await checkDepth(defined, hierarchies, broken.length === 0 ? model : null, configureEnforcer)),
    ...findDuplicates(defined),
    ...checkRuleValues(rules, misfits),
  ];
}

function findMisfitsIn(model: Model | null, rules: readonly DefinedRule[]): Problem[] {
  return model === null || rules.length === 0 ? [] : findMisfits(rules, ruleFieldsOf(model));
}

/** Finds nothing if there is no enforcer, which is reported as a problem of its own. */
async function checkDepth(
  defined: RuleSet<DefinedRule>,
  hierarchies: readonly Hierarchy[],
  model: Model | null,
  configureEnforcer: ConfigureEnforcer | undefined,
): Promise<Problem[]> {
  if (configureEnforcer === undefined) return findUnfollowed(defined, hierarchies, () => isFollowedByDefault);
  if (model === null) return [];
  try {
    return await findUnfollowed(defined, hierarchies, followedBy(model, defined.rules, configureEnforcer));
  } catch {
    return [];
  }
}

/** Whether requests consist of names of rules (role, resource, action): no patterns, no other domains. */
function comparesOnly(model: Model, { domains }: PolicyDefinition): boolean {
  try {
    const values = domains === undefined ? 3 : 4;
    return tokensOf(model, 'r').length === values && textsOf(model, 'm').every(isPlainConjunction);
  } catch {
    return false; // a matcher that can't be parsed is a problem of the model, and found there
  }
}

/** Leaves out rules that can't be stored or have an invalid ptype, which would be reported twice. */
function checkRuleValues(rules: readonly DefinedRule[], misfits: readonly Problem[]): Problem[] {
  const unstorable = findUnstorable(rules);
  const unknown = misfits.filter(({ code }) => code === 'RULE_UNKNOWN_PTYPE');
  const places = new Set([...unstorable, ...unknown].map(({ at }) => at));
  const readable = places.size === 0 ? rules : rules.filter(({ at }) => !places.has(at));
  return [...unstorable, ...findDistorted(readable)];
}

/** Leaves out contradictions of requests that have another problem, so that a misspelt name is reported once. */
export function withoutExplained(
  contradictions: readonly Problem[],
  problems: readonly Problem[],
  definition: PolicyDefinition,
): Problem[] {
  const told = new Set(problems.map(({ at }) => at));
  const explained = new Set(
    listRequests(definition, 'allow', 'deny', 'never', 'samples').flatMap(({ kind, request, index, at }) => {
      const inside = request.map((_, position) => placeIn(definition, kind, index, position));
      return [at, ...inside].some((one) => told.has(one)) ? [at] : [];
    }),
  );
  return contradictions.filter(({ at }) => !explained.has(at));
}

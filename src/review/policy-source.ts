import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Model } from 'casbin';
import { findHangingPatterns, refuseHangingPatterns } from '../casbin/patterns.ts';
import { WHOLE } from '../casbin/scope.ts';
import { eachOnce } from '../collections.ts';
import { checkPool, type PoolLike } from '../database/client.ts';
import { errorCode } from '../database/sqlstates.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { inspectRuleTable } from '../inspect/inspect-database.ts';
import { completeOptions, replaceOptions, withoutMisshapen } from '../options/resolve.ts';
import { resolveModel } from '../options/resolve-model.ts';
import { checkPolicy } from '../options/resolve-policy.ts';
import type { BootstrapOptions } from '../options.ts';
import { compilePolicy } from '../policy/compile.ts';
import type { PolicyDefinition, Request } from '../policy/definition.ts';
import { type LoadedPolicy, readPolicyBy, readPolicyFile } from '../policy/policy-file.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { readLivePolicy } from '../tables/live-policy.ts';
import { reasonOf } from '../text.ts';
import { linkedNames, type SplitPolicy, splitUserLinks } from '../verification/user-links.ts';
import type { RowId } from '../verification-report.ts';

/**
 * The source of a policy: a definition; the path of a file with one, `policy.yaml`, or of a file in a git revision,
 * `HEAD~1:policy.yaml`; or the pool of a database.
 */
export type PolicySource = PolicyDefinition | string | PoolLike;

/** A policy that was read from its source. */
interface SourcedPolicy {
  /** With the ids of their rows, if they are stored. */
  readonly rules: readonly (Rule & { readonly id?: RowId })[];
  /** Requests that a definition lists. */
  readonly requests: readonly Request[];
  /** Null for a stored policy. */
  readonly definition: PolicyDefinition | null;
  readonly isLive: boolean;
}

/**
 * Reads policies from their sources, in one model.
 *
 * @param names the names of the sources in problems, for those that are not files
 * @throws InvalidOptionsError with every problem of the options, the model and all of the policies
 */
export async function readPolicies(
  sources: readonly PolicySource[],
  options: BootstrapOptions,
  names: readonly string[] = [],
): Promise<{ readonly model: Model; readonly policies: readonly SourcedPolicy[] }> {
  const { checkShape } = await import('../options/shape.ts');
  const given = replaceOptions(options, { policy: null, verify: false });
  const misshapen = checkShape(given);
  const sound = withoutMisshapen(given, misshapen);
  const { model, problems: modelProblems } = await resolveModel(sound);
  const loaded = await Promise.all(sources.map((source) => loadSource(source)));
  const faults = await Promise.all(
    loaded.map((one) => (one.definition === null ? [] : checkDefinition(one.definition, model, sound))),
  );
  const ofSources = sources.flatMap((source, index) => {
    const found = [...(loaded[index]?.problems ?? []), ...(faults[index] ?? [])];
    const name = names[index];
    return name === undefined || typeof source === 'string'
      ? found
      : found.map((one) => nameSource(one, name));
  });
  // A problem of the model is found with each definition.
  const problems = eachOnce([...misshapen, ...modelProblems, ...ofSources]);
  if (model === null || problems.length > 0) throw new InvalidOptionsError(problems);
  const policies = await Promise.all(
    loaded.map(({ definition, pool }) =>
      pool === null ? toPolicy(definition ?? {}) : readStored(pool, given),
    ),
  );
  return { model, policies };
}

/** The problem, with the name of its source before its place, if that is a path in a definition or a pool. */
function nameSource(problem: Problem, name: string): Problem {
  const isNamed = /:\d+$/.test(problem.at) || !/^(?:policy|pool)\b/.test(problem.at);
  return isNamed ? problem : { ...problem, at: `${name}: ${problem.at}` };
}

/** A policy, split into its roles and the links of its users. */
export interface RolesAndUsers extends SplitPolicy<SourcedPolicy['rules'][number]> {
  readonly model: Model;
}

/**
 * Reads one policy, and separates the links of users if it comes from a database. A name that the given `policy` links
 * to others is not a user.
 *
 * @throws as readPolicies
 */
export async function readRoles(source: PolicySource, options: BootstrapOptions): Promise<RolesAndUsers> {
  const { policy } = options ?? {};
  const definitions = policy == null || policy === source ? [] : [policy];
  const { model, policies } = await readPolicies([source, ...definitions], options);
  const [{ rules = [], isLive = false } = {}, defined] = policies;
  const known = linkedNames(defined?.rules ?? []);
  return { model, ...(isLive ? splitUserLinks(model, rules, known) : { rules, userLinks: [] }) };
}

/** A definition or a pool, or the problems of the source. */
async function loadSource(source: PolicySource): Promise<LoadedPolicy & { readonly pool: PoolLike | null }> {
  if (typeof source === 'string') {
    const read = isRevision(source) ? readPolicyRevision : readPolicyFile;
    return { pool: null, ...(await read(source)) };
  }
  if (isPool(source)) return { pool: source, definition: null, problems: checkPool(source) };
  const { checkShape } = await import('../options/shape.ts');
  const problems = source == null ? [describeNoSource(source)] : checkShape({ policy: source });
  return { pool: null, definition: problems.length === 0 ? source : null, problems };
}

function isPool(source: PolicySource): source is PoolLike {
  return typeof source === 'object' && source !== null && 'connect' in source;
}

function describeNoSource(given: null | undefined): Problem {
  const message = `must be a policy definition, the path of a file with one, or a pool (it is ${given}).`;
  return { code: 'OPTION_INVALID', at: 'policy', message };
}

async function checkDefinition(
  definition: PolicyDefinition,
  model: Model | null,
  { configureEnforcer }: BootstrapOptions,
): Promise<Problem[]> {
  const defined = new RuleSet(compilePolicy(definition));
  const problems = await checkPolicy(definition, defined, model, configureEnforcer);
  return [
    // Casbin can decide on such a rule, and a comparison has to show how it was corrected.
    ...problems.filter(({ code }) => code !== 'RULE_VALUE_INVALID'),
    ...(model === null ? [] : await findHangingPatterns(model, defined.rules)),
  ];
}

function toPolicy(definition: PolicyDefinition): SourcedPolicy {
  const { samples = [], allow = [], deny = [], never = [] } = definition;
  return {
    rules: compilePolicy(definition),
    requests: [...samples, ...allow, ...deny, ...never],
    definition,
    isLive: false,
  };
}

/** Reads all rules, because a comparison or a written definition must be complete. */
async function readStored(pool: PoolLike, options: BootstrapOptions): Promise<SourcedPolicy> {
  const resolved = await completeOptions(options, []);
  return inspectRuleTable(pool, resolved, 'the look at the policy', async ({ trx, options: located }) => {
    const rules = await readLivePolicy(trx, located.ruleTable, WHOLE);
    await refuseHangingPatterns(located.model, rules, located.ruleTable);
    return { rules, requests: [], definition: null, isLive: true };
  });
}

/** Whether a text names a file of a git revision, as `HEAD~1:policy.yaml`; a file of that very name comes first. */
function isRevision(text: string): boolean {
  return text.includes(':') && !existsSync(text);
}

/** Reads a policy file as it was in a revision. Never throws: what is wrong is in `problems`. */
function readPolicyRevision(revision: string): Promise<LoadedPolicy> {
  return readPolicyBy(revision, () => readBlob(revision), describeUnknownRevision);
}

const MAX_BYTES = 1_000_000_000;

async function readBlob(revision: string): Promise<Uint8Array> {
  // git would take this for an option.
  if (revision.startsWith('-')) throw new Error('a revision does not begin with "-"');
  const { execFile } = await import('node:child_process');
  const { stdout } = await promisify(execFile)('git', ['cat-file', 'blob', revision], {
    encoding: 'buffer',
    maxBuffer: MAX_BYTES,
  });
  return stdout;
}

function describeUnknownRevision(revision: string, error: unknown): Problem {
  if (errorCode(error) === 'ENOENT') {
    const message = 'git, which reads it, is not installed here. Install git, or give the path of a file.';
    return { code: 'POLICY_NOT_FOUND', at: revision, message };
  }
  const stderr: unknown = Reflect.get(Object(error), 'stderr');
  const said = stderr instanceof Uint8Array ? new TextDecoder().decode(stderr).trim() : '';
  const reason = (said.split('\n')[0] || reasonOf(error)).replace(/^fatal: |\.$/g, '');
  const message = `git does not have it: ${reason}. Fetch it, or write another REVISION:PATH, with the path from the root of the repository.`;
  return { code: 'POLICY_NOT_FOUND', at: revision, message };
}

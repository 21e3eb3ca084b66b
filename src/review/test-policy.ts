import type { Enforcer, Model } from 'casbin';
import { buildInMemoryEnforcer, type ConfigureEnforcer } from '../casbin/enforcer.ts';
import { ruleFieldsOf, tokensOf } from '../casbin/model.ts';
import { findHangingPatterns } from '../casbin/patterns.ts';
import { findUnusableRules } from '../casbin/rule-usability.ts';
import { defaultPolicy } from '../defaults/default-policy.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import type { BootstrapOptions } from '../options.ts';
import { describeMisfitRequest, findMisfits, listRequests } from '../policy/check.ts';
import { compilePolicy, type DefinedRule } from '../policy/compile.ts';
import type { PolicyDefinition, Request } from '../policy/definition.ts';
import type { ExpectationGroup, PlacedRequest } from '../policy/expectation-file.ts';
import { findPlace } from '../policy/place.ts';
import { type Rule, toLine, toRule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { reasonOf } from '../text.ts';
import { CoverageMeter } from '../verification/coverage.ts';
import { type Answer, createDecider, decisionOf } from '../verification/decide.ts';
import { type DecisionExplanation, explainByEnforcer } from '../verification/decision-explanation.ts';
import { type FindMisspeltNames, misspeltNameFinder } from '../verification/misspelt-names.ts';
import { subjectPosition } from '../verification/parts.ts';
import type { Decision } from '../verification-report.ts';
import { findUncovered, requirePercentage } from './lint-policy.ts';
import { readPolicies } from './policy-source.ts';

/** The result of the tests of a policy. */
export interface PolicyTestReport {
  /** Whether every test has passed, and nothing else is wrong. */
  readonly ok: boolean;
  /** Each request: those that the policy lists itself, then those of the files, in their order. */
  readonly tests: readonly PolicyTestResult[];
  /** Names in the files that are probably misspelt, so that their requests prove nothing. */
  readonly warnings: readonly PolicyTestWarning[];
  /** Which rules of the policy the tests depend on. */
  readonly coverage: PolicyCoverage;
  /** Problems in addition to failed tests: rules that no request depends on, if more rules must be covered. */
  readonly problems: readonly Problem[];
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
}

/** A request that was decided. */
export interface PolicyTestResult {
  /** Its file; `policy` for a request that the policy lists itself, unless the policy was given as a path. */
  readonly file: string;
  /** Its place: file, line and column; for a policy in code, a path such as `policy.never[0]`. */
  readonly at: string;
  /** The name of its test; null if the request belongs to no test of a file, or the policy lists it. */
  readonly name: string | null;
  /** The list that it is in; a file has no `never`. */
  readonly kind: 'allow' | 'deny' | 'never';
  /** The values of the request, in the order of the model's request definition. */
  readonly request: readonly string[];
  /** The expected decision. */
  readonly expected: Decision;
  /** The decision of Casbin; null if it can't decide, for the reason in `error`. */
  readonly actual: Decision | null;
  /** Whether it is as expected. */
  readonly ok: boolean;
  /** Why Casbin could not decide; null if it could. */
  readonly error: string | null;
  /** Why the decision is not the expected one. */
  readonly explanation: DecisionExplanation | null;
}

/** A name in a test that neither the policy nor the given rules have, but that is similar to one of theirs. */
export interface PolicyTestWarning {
  /** What kind of warning it is; stable. */
  readonly code: 'NAME_MISSPELT';
  /** Where: file, line and column. */
  readonly at: string;
  /** The unknown name, and the one that was probably meant. */
  readonly message: string;
}

/** How many rules of a policy its tests depend on. */
export interface PolicyCoverage {
  /** How many rules decided a request, or are role links that led to such a rule. */
  readonly covered: number;
  /** How many rules the policy has. */
  readonly total: number;
  /** All rules, in the order of the policy. */
  readonly rules: readonly RuleCoverage[];
}

/** One rule of a policy, and how much it is tested. */
export interface RuleCoverage {
  /** Ptype first. */
  readonly rule: readonly string[];
  /** Where it is defined: file, line and column, or a path such as `policy.rules[0]`. */
  readonly at: string;
  /** How many requests depended on it. */
  readonly requests: number;
}

/** Which tests to run. Default: all. */
export interface PolicyTestFilter {
  /** Only requests of this subject. */
  readonly subject?: string | undefined;
  /** Only tests whose name contains this text. */
  readonly name?: string | undefined;
}

/** What the tests must achieve in addition to passing. */
export interface PolicyTestRequirements {
  /** How many of the policy's rules must decide a request of the tests, in percent. Default: 0. */
  readonly coverage?: number | undefined;
}

/**
 * Tests a policy without a database: by the requests that it lists itself under `allow`, `deny` and `never`, and by
 * those of files. A file of tests is YAML or JSON: requests under `allow` and `deny`, rules under `given` in addition
 * to the policy, and `tests`, each with a `name` and the same keys.
 *
 * @param files the paths of the files; none, for the policy's own requests alone
 * @throws InvalidOptionsError with all problems of the options, the policy or the files, or if there is nothing to test
 */
export async function testPolicy(
  files: readonly string[],
  options: BootstrapOptions = {},
  filter: PolicyTestFilter = {},
  required: PolicyTestRequirements = {},
): Promise<PolicyTestReport> {
  const started = performance.now();
  requirePercentage(required.coverage);
  requirePaths(files);
  const { model, definition, groups } = await readTests(files, options, filter);
  const { configureEnforcer } = options;
  const defined = new RuleSet(compilePolicy(definition));
  const meter = new CoverageMeter(model, defined, configureEnforcer);
  const findMisspeltNames = misspeltNameFinder(model, defined.rules, configureEnforcer);
  const results: PolicyTestResult[][] = [];
  for (const group of groups) {
    const own = group.given.length === 0 ? meter : meter.beside(group.given);
    results.push(await runGroup(model, defined.rules, group, configureEnforcer, own));
    await own.askRoleManagers();
  }
  const tests = results.flat();
  const warnings = groups.flatMap((group) => (group.isOfFile ? warnOfNames(group, findMisspeltNames) : []));
  const coverage = describeCoverage(defined, meter.requests);
  const untested = coverage.rules.filter(({ requests }) => requests === 0);
  const placed = untested.map(({ rule, at }) => ({ ...toRule(rule), at }));
  const problems = findUncovered(placed, coverage, required);
  const ok = tests.every((test) => test.ok) && problems.length === 0;
  return { ok, tests, warnings, coverage, problems, durationMs: performance.now() - started };
}

function requirePaths(files: unknown): void {
  if (Array.isArray(files) && files.every((file) => typeof file === 'string')) return;
  const message = 'must be a list of paths; [] for the requests of the policy alone.';
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'files', message }]);
}

/** A group, and whether it is from a file: the names in a policy's own requests are checked with the policy. */
interface TestGroup extends ExpectationGroup {
  readonly isOfFile: boolean;
}

/** Reads and checks everything, so that all problems are reported at once. */
async function readTests(files: readonly string[], options: BootstrapOptions, filter: PolicyTestFilter) {
  // Imported here, so that other programs do not load the library that checks these files.
  const { readExpectationFile } = await import('../policy/expectation-file.ts');
  const loaded = await Promise.all(files.map(readExpectationFile));
  const problems = loaded.flatMap((one) => one.problems);
  // With null, no policy is defined here: only the rules that are given in the files count.
  const policy = options.policy === null ? {} : (options.policy ?? defaultPolicy);
  const { model, policies } = await readPolicies([policy], options).catch((error: unknown) => {
    if (!(error instanceof InvalidOptionsError)) throw error;
    throw new InvalidOptionsError([...error.problems, ...problems]);
  });
  const definition = policies[0]?.definition ?? {};
  const ofFiles = loaded.flatMap((one) => one.groups).map((group) => ({ ...group, isOfFile: true }));
  const listed = listOwn(definition, typeof policy === 'string' ? policy : 'policy');
  const all = [...(listed.requests.length > 0 ? [listed] : []), ...ofFiles];
  // Rules that are given for a file are in each of its groups.
  const given = [...new Set(all.flatMap((group) => group.given))];
  const misfits = [
    ...findUnusableRules(model, compilePolicy(definition)),
    ...(await checkGiven(model, given)),
    ...all.flatMap((group) => checkRequests(model, group)),
  ];
  const groups = applyFilter(model, all, filter);
  const nothing = groups.length === 0 && problems.length === 0 ? [nothingToTest(files)] : [];
  const wrong = [...problems, ...misfits, ...nothing];
  if (wrong.length > 0) throw new InvalidOptionsError(wrong);
  return { model, definition, groups };
}

/** The requests that a policy lists itself. */
function listOwn(definition: PolicyDefinition, file: string): TestGroup {
  const requests = listRequests(definition, 'allow', 'deny', 'never');
  return { file, name: null, given: [], requests, isOfFile: false };
}

function warnOfNames(
  { requests, given }: TestGroup,
  findMisspeltNames: FindMisspeltNames,
): PolicyTestWarning[] {
  return requests.flatMap(({ request, at }) =>
    findMisspeltNames(request, given).map(({ position, message }): PolicyTestWarning => {
      return { code: 'NAME_MISSPELT', at: findPlace(request, [position]) ?? at, message };
    }),
  );
}

function describeCoverage({ rules }: RuleSet<DefinedRule>, requests: readonly number[]): PolicyCoverage {
  return {
    covered: requests.filter((amount) => amount > 0).length,
    total: rules.length,
    rules: rules.map((rule, position) => {
      return { rule: toLine(rule), at: rule.at, requests: requests[position] ?? 0 };
    }),
  };
}

async function checkGiven(model: Model, given: ExpectationGroup['given']): Promise<Problem[]> {
  if (given.length === 0) return [];
  return [
    ...findMisfits(given, ruleFieldsOf(model)),
    ...findUnusableRules(model, given),
    ...(await findHangingPatterns(model, given)),
  ];
}

function checkRequests(model: Model, { requests }: ExpectationGroup): Problem[] {
  const tokens = tokensOf(model, 'r');
  return requests.flatMap(({ at, request }): Problem[] => {
    const message = describeMisfitRequest(request, tokens);
    return message === null ? [] : [{ code: 'OPTION_INVALID', at, message }];
  });
}

function applyFilter(
  model: Model,
  groups: readonly TestGroup[],
  { subject, name }: PolicyTestFilter,
): TestGroup[] {
  const position = subjectPosition(model);
  return groups
    .filter((group) => name === undefined || group.name?.includes(name))
    .map((group) => ({
      ...group,
      requests: group.requests.filter(
        ({ request }) => subject === undefined || request[position] === subject,
      ),
    }))
    .filter(({ requests }) => requests.length > 0);
}

/** A run without tests would pass whatever the policy says. */
function nothingToTest(files: readonly string[]): Problem {
  const message =
    files.length === 0
      ? 'the policy lists no such request under allow, deny or never, and no file of tests is given. Write some, or correct the filter.'
      : 'no request is left to test. Write some under allow or deny, or correct the filter.';
  return { code: 'OPTION_INVALID', at: 'files', message };
}

async function runGroup(
  model: Model,
  rules: readonly Rule[],
  { file, name, given, requests }: ExpectationGroup,
  configureEnforcer: ConfigureEnforcer | undefined,
  meter: CoverageMeter,
): Promise<PolicyTestResult[]> {
  const all = [...rules, ...given];
  const decider = await createDecider(model, all, configureEnforcer);
  // Another enforcer, because the decider's holds a part of the rules; made only when a test fails.
  let enforcer: Enforcer | undefined;
  const explain = async (request: Request, answer: Answer) => {
    enforcer ??= await buildInMemoryEnforcer(model, all, configureEnforcer);
    // One that the application configures may be disabled, which only the enforcer itself tells.
    const known = configureEnforcer === undefined ? { answer } : {};
    return explainByEnforcer(enforcer, request, request, decisionOf(answer), known);
  };
  const run = async ({ request, kind, at }: PlacedRequest): Promise<PolicyTestResult> => {
    const expected: Decision = kind === 'allow' ? 'allow' : 'deny';
    const test = { file, at, name, kind, request, expected };
    const answer = await decider.decide(request);
    if (answer.error !== null) {
      return { ...test, actual: null, ok: false, error: reasonOf(answer.error), explanation: null };
    }
    meter.add(request, answer);
    const actual = decisionOf(answer);
    const ok = actual === expected;
    return { ...test, actual, ok, error: null, explanation: ok ? null : await explain(request, answer) };
  };
  const results: PolicyTestResult[] = [];
  for (const request of requests) results.push(await run(request));
  return results;
}

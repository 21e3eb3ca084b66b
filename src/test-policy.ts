import type { Model } from 'casbin';
import { buildInMemoryEnforcer } from './casbin/enforcer.ts';
import { ruleLengthsOf, tokensOf } from './casbin/model.ts';
import { defaultPolicy } from './defaults/default-policy.ts';
import { InvalidOptionsError, type Problem } from './errors.ts';
import type { BootstrapOptions } from './options.ts';
import { findMisfits } from './policy/check.ts';
import type { ExpectationGroup, PlacedRequest } from './policy/expectation-file.ts';
import type { Rule } from './policy/rule.ts';
import { readPolicies } from './policy-source.ts';
import type { Decision } from './report.ts';
import { reasonOf } from './text.ts';
import { type DecisionExplanation, explainByEnforcer } from './verification/decision-explanation.ts';

/** What came of the tests of a policy. */
export interface PolicyTestReport {
  /** Whether every test has passed. */
  readonly ok: boolean;
  /** Each request, in the order of the files. */
  readonly tests: readonly PolicyTestResult[];
  /** How long it took, in milliseconds. */
  readonly durationMs: number;
}

/** A request that was decided. */
export interface PolicyTestResult {
  /** The file that it is written in. */
  readonly file: string;
  /** Where: file, line and column. */
  readonly at: string;
  /** What its test is called; null where the file has requests beside its tests. */
  readonly name: string | null;
  /** The values of the request, in the order of the model's request definition. */
  readonly request: readonly string[];
  /** What the file says. */
  readonly expected: Decision;
  /** What Casbin answers; null where it can't decide, which `error` says. */
  readonly actual: Decision | null;
  /** Whether it is as expected. */
  readonly ok: boolean;
  /** Why Casbin could not decide; null where it could. */
  readonly error: string | null;
  /** Why it was decided so, where that is not as expected. */
  readonly explanation: DecisionExplanation | null;
}

/** Which of the tests are run; all, without any of these. */
export interface PolicyTestFilter {
  /** Only requests of this subject. */
  readonly subject?: string;
  /** Only tests whose name has this in it. */
  readonly name?: string;
}

/**
 * Runs tests of a policy, without a database. A file of tests is YAML or JSON: requests under `allow` and `deny`, rules
 * under `given` that count beside the policy, and `tests`, each with a `name` and the same.
 *
 * @param files the paths of the files
 * @throws InvalidOptionsError with everything that is wrong with the options, the policy or the files; and where there
 *   is nothing to test
 */
export async function testPolicy(
  files: readonly string[],
  options: BootstrapOptions = {},
  filter: PolicyTestFilter = {},
): Promise<PolicyTestReport> {
  const started = performance.now();
  // Who runs no tests need not wait for the library that checks their files.
  const { readExpectationFile } = await import('./policy/expectation-file.ts');
  const loaded = await Promise.all(files.map(readExpectationFile));
  const problems = loaded.flatMap((one) => one.problems);
  const { model, policies } = await readPolicies([options.policy ?? defaultPolicy], options).catch(
    (error: unknown) => {
      if (!(error instanceof InvalidOptionsError)) throw error;
      throw new InvalidOptionsError([...error.problems, ...problems]);
    },
  );
  const all = loaded.flatMap(({ groups }) => groups);
  const misfits = all.flatMap((group) => checkGroup(model, group));
  const groups = applyFilter(model, all, filter);
  const nothing = groups.length === 0 && problems.length === 0 ? [nothingToTest(files)] : [];
  const wrong = [...problems, ...misfits, ...nothing];
  if (wrong.length > 0) throw new InvalidOptionsError(wrong);
  const tests: PolicyTestResult[] = [];
  for (const group of groups) {
    tests.push(...(await runGroup(model, policies[0]?.rules ?? [], group, options)));
  }
  return { ok: tests.every(({ ok }) => ok), tests, durationMs: performance.now() - started };
}

function checkGroup(model: Model, { given, requests }: ExpectationGroup): Problem[] {
  const tokens = tokensOf(model, 'r');
  const misfits = findMisfits(given, ruleLengthsOf(model));
  const wrong = requests.filter(({ request }) => request.length !== tokens.length);
  return [
    ...misfits,
    ...wrong.map(({ at, request }): Problem => {
      const message = `the request has ${request.length} values, but requests of the model have ${tokens.length}: ${tokens.join(', ')}.`;
      return { code: 'OPTION_INVALID', at, message };
    }),
  ];
}

function applyFilter(
  model: Model,
  groups: readonly ExpectationGroup[],
  { subject, name }: PolicyTestFilter,
): ExpectationGroup[] {
  const position = Math.max(0, tokensOf(model, 'r').indexOf('sub'));
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
      ? 'no file of tests is given. Name one or more.'
      : 'no request is left to test. Write some under allow or deny, or correct the filter.';
  return { code: 'OPTION_INVALID', at: 'files', message };
}

async function runGroup(
  model: Model,
  rules: readonly Rule[],
  { file, name, given, requests }: ExpectationGroup,
  { configureEnforcer }: BootstrapOptions,
): Promise<PolicyTestResult[]> {
  const enforcer = await buildInMemoryEnforcer(model, [...rules, ...given], configureEnforcer);
  const run = async ({ request, expected, at }: PlacedRequest): Promise<PolicyTestResult> => {
    const test = { file, at, name, request, expected };
    try {
      const actual: Decision = (await enforcer.enforce(...request)) ? 'allow' : 'deny';
      const ok = actual === expected;
      const explanation = ok ? null : await explainByEnforcer(enforcer, request, request, actual);
      return { ...test, actual, ok, error: null, explanation };
    } catch (error) {
      return { ...test, actual: null, ok: false, error: reasonOf(error), explanation: null };
    }
  };
  const results: PolicyTestResult[] = [];
  for (const request of requests) results.push(await run(request));
  return results;
}

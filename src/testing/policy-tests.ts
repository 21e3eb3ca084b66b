import type { Enforcer, Model } from 'casbin';
import { buildInMemoryEnforcer } from '../casbin/enforcer.ts';
import { tokensOf } from '../casbin/model.ts';
import { findHangingPatterns } from '../casbin/patterns.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { withoutMisshapen } from '../options/resolve.ts';
import { resolveModel } from '../options/resolve-model.ts';
import { checkPolicy, findEmptyPolicy, resolvePolicy } from '../options/resolve-policy.ts';
import type { BootstrapOptions, EnforcerOptions } from '../options.ts';
import { compilePolicy } from '../policy/compile.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { formatValue, type Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { Expectation } from '../verification/expectations.ts';
import { collectPromises } from '../verification/promises.ts';
import { NO_ROLE } from '../verification/requests.ts';
import { type EnforcerSource, enforcerOf, isEnforcer } from './ask-enforcer.ts';
import { assertDecision } from './assertions.ts';

/** What a policy is tested on. */
export interface PolicyTestOptions extends EnforcerOptions {
  /**
   * An enforcer, or a pool of the database to make one on. A function is called once, before the first test: what it
   * returns may not exist yet while tests are collected. Default: an enforcer in memory, on the definition alone, which
   * decides only the requests of `allow`, `deny` and `never`.
   */
  readonly target?: EnforcerSource | (() => EnforcerSource | Promise<EnforcerSource>) | undefined;
}

/** The groups, in order, with their names. */
const GROUPS: Readonly<Record<Expectation['kind'], string>> = {
  derived: 'derived from the rules',
  samples: 'samples',
  allow: 'allow',
  deny: 'deny',
  never: 'never',
};

/** The groups whose answers come from the definition itself, so that no test of them can fail there. */
const DECIDED_BY_DEFINITION: readonly Expectation['kind'][] = ['derived', 'samples'];

/** One expectation of a policy, as a test. */
export interface PolicyTest {
  /** Where it comes from: `derived from the rules`, `samples`, `allow`, `deny` or `never`. */
  readonly group: string;
  /** As a sentence: `readonly may not write accounts`. */
  readonly name: string;
  /** Rejects with an explanation if the request is decided differently. */
  run(): Promise<void>;
}

/** The tests of a policy, to be registered with any runner. */
export interface PolicyTestPlan {
  /** In the order of their groups. */
  readonly tests: readonly PolicyTest[];
  /** Prepares the enforcer once; further calls do nothing. A test calls it if the enforcer is not ready. */
  prepare(): Promise<void>;
}

/**
 * The tests of a policy, one for each expectation: every subject × every permission, then the requests of
 * `samples`, `allow`, `deny` and `never`; without a target, only those of the last three. For runners without an entry
 * with `policyTests`.
 *
 * @param definition a definition, or the path of a file with one
 * @param options may be the options of the bootstrap; it takes its own from them
 * @throws InvalidOptionsError for a definition or a model that can't be used, with every problem, and for a
 *   definition that has nothing to test
 *
 * @example
 * const { tests } = await collectPolicyTests(policy);
 * for (const { group, name, run } of tests) it(`${group}: ${name}`, run);
 */
export async function collectPolicyTests(
  definition: PolicyDefinition | string,
  options: PolicyTestOptions & BootstrapOptions = {},
): Promise<PolicyTestPlan> {
  const { model, rules, expectations: all } = await resolveTested(definition, options);
  const expectations =
    options.target === undefined ? all.filter(({ kind }) => !DECIDED_BY_DEFINITION.includes(kind)) : all;
  if (expectations.length === 0) throw new InvalidOptionsError([nothingToTest(options)]);
  let enforcer: Promise<Enforcer> | undefined;
  const ready = () => {
    enforcer ??= prepareEnforcer(model, rules, options);
    return enforcer;
  };
  const tests = Object.entries(GROUPS).flatMap(([kind, group]) =>
    expectations
      .filter((expectation) => expectation.kind === kind)
      .map((expectation) => ({
        group,
        name: titleOf(model, expectation),
        run: async () => assertDecision(await ready(), expectation.request, expectation.expected),
      })),
  );
  return {
    tests,
    async prepare() {
      await ready();
    },
  };
}

async function prepareEnforcer(
  model: Model,
  rules: readonly Rule[],
  options: PolicyTestOptions & BootstrapOptions,
): Promise<Enforcer> {
  const { target, configureEnforcer } = options;
  const given = typeof target === 'function' ? await target() : target;
  return given === undefined
    ? buildInMemoryEnforcer(model, rules, configureEnforcer)
    : enforcerOf(given, { ...options, model });
}

/** The used part of a runner that waits for the promise of a `describe`. */
export interface TestRunner {
  describe(name: string, body: () => void | Promise<void>): unknown;
  test(name: string, body: () => Promise<void>): unknown;
  beforeAll(hook: () => Promise<void>): unknown;
}

/** Registers the tests of a policy, each by its name, in their groups. */
export function registerPolicyTests(
  { describe, test, beforeAll }: TestRunner,
  definition: PolicyDefinition | string,
  options: PolicyTestOptions & BootstrapOptions,
): void {
  describe('policy', async () => {
    const { tests, prepare } = await collectPolicyTests(definition, options);
    beforeAll(prepare);
    for (const group of new Set(tests.map((one) => one.group))) {
      describe(group, () => {
        for (const one of tests) if (one.group === group) test(one.name, one.run);
      });
    }
  });
}

function nothingToTest({ target }: PolicyTestOptions): Problem {
  const message =
    target === undefined
      ? 'it has no allow, deny or never, and without a target nothing else can fail. Add some, or give a target.'
      : 'no request can be derived from its rules in this model. Add samples, allow, deny or never.';
  return { code: 'OPTION_INVALID', at: 'policy', message };
}

async function resolveTested(policy: PolicyDefinition | string, options: PolicyTestOptions) {
  const { checkEnforcerShape, checkShape } = await import('../options/shape.ts');
  const misshapen = checkEnforcerShape(options);
  const sound = withoutMisshapen(options, misshapen);
  const { configureEnforcer } = sound;
  const { target } = options;
  const givenModel = sound.model ?? (isEnforcer(target) ? target.getModel() : undefined);
  const { model, problems } = await resolveModel({
    ...(givenModel === undefined ? {} : { model: givenModel }),
    ...(configureEnforcer === undefined ? {} : { configureEnforcer }),
  });
  const misshapenPolicy = policy == null ? [describeNoPolicy(policy)] : checkShape({ policy });
  if (misshapenPolicy.length > 0) throw new InvalidOptionsError([...misshapen, ...misshapenPolicy]);
  const { definition, problems: policyProblems } = await resolvePolicy({ policy });
  const defined = new RuleSet(compilePolicy(definition ?? {}));
  const policyFaults = await checkPolicy(definition ?? {}, defined, model, configureEnforcer);
  const hanging = model === null ? [] : await findHangingPatterns(model, defined.rules);
  const empty = policyProblems.length === 0 ? findEmptyPolicy(definition ?? {}, defined) : [];
  const all = [...misshapen, ...problems, ...policyProblems, ...empty, ...policyFaults, ...hanging];
  if (model === null || definition === null || all.length > 0) throw new InvalidOptionsError(all);
  // If the definition contradicts itself, a test fails, so it need not be reported here.
  const { expectations } = await collectPromises(model, defined, definition, {
    configureEnforcer,
  });
  return { model, rules: defined.rules, expectations: [...expectations] };
}

/** In JavaScript it may be missing, and the default definition is only for databases. */
function describeNoPolicy(given: null | undefined): Problem {
  const message = `must be a policy definition, or the path of a file with one (it is ${given}).`;
  return { code: 'OPTION_INVALID', at: 'policy', message };
}

/**
 * An expectation as a sentence: `readonly may not write accounts`, `alice may read data1 in tenant1`. For models
 * whose requests have other values than sub, obj, act and dom: `"alice, 18" is allowed`.
 */
function titleOf(model: Model, { request, expected, kind }: Expectation): string {
  const tokens = tokensOf(model, 'r');
  const take = (token: string) => formatName(request[tokens.indexOf(token)] ?? '');
  const within = tokens.includes('dom') ? ` in ${take('dom')}` : '';
  const may = kind === 'never' ? 'may never' : expected === 'allow' ? 'may' : 'may not';
  switch (tokens.filter((token) => token !== 'dom').join(' ')) {
    case 'sub obj act':
      return `${take('sub')} ${may} ${take('act')} ${take('obj')}${within}`;
    default: {
      const must = kind === 'never' ? 'is never allowed' : expected === 'allow' ? 'is allowed' : 'is denied';
      return `"${request.map(formatName).join(', ')}" ${must}`;
    }
  }
}

function formatName(value: string): string {
  return value === NO_ROLE ? 'a subject without any role' : formatValue(value);
}

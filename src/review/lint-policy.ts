import type { ProblemCode } from '../error-codes.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { checkOptions, replaceOptions } from '../options/resolve.ts';
import type { BootstrapOptions } from '../options.ts';
import type { DefinedRule } from '../policy/compile.ts';
import type { Request } from '../policy/definition.ts';
import { formatRule, type PlacedRule, type Rule, toRule } from '../policy/rule.ts';
import type { RuleSet } from '../policy/rule-set.ts';
import { findExamples } from '../verification/example-request.ts';
import type { Coverage, VerificationWarning } from '../verification-report.ts';

/** The problems of a model and a policy, and how much of the policy is tested. */
export interface LintReport {
  /** Whether there is no problem. */
  readonly ok: boolean;
  /** All problems, ordered by place: file, line and column for what was read from a file. */
  readonly problems: readonly Problem[];
  /** What is not proved, although nothing is wrong. */
  readonly warnings: readonly LintWarning[];
  /** How many of the rules decide at least one request; null if problems prevent measuring it. */
  readonly coverage: Coverage | null;
}

/** What is not proved, and where it is defined. */
export interface LintWarning extends VerificationWarning {
  /** Where the first of the rules is defined; `policy` for a warning about none. */
  readonly at: string;
}

/** One example is enough. */
const TRIED_REQUESTS = 6;

/** What a policy must have besides being correct. */
export interface LintRequirements {
  /** How much of the rules must decide a request, in percent. Default: 0. */
  readonly coverage?: number | undefined;
}

/**
 * Checks model and policy without a database, as a bootstrap does before it touches one: their form, names that are not
 * defined, values that can't be stored or loaded, inheritance that can't be followed, and whether the policy decides as
 * its own `allow`, `deny` and `never` say. It measures coverage unless a problem prevents decisions, such as a circle
 * of roles.
 *
 * @throws InvalidOptionsError if there is nothing to check: a file is missing, `required` is not a percentage, or an
 *   option other than model and policy is wrong
 */
export async function lintPolicy(
  options: BootstrapOptions = {},
  required: LintRequirements = {},
): Promise<LintReport> {
  requirePercentage(required.coverage);
  const { checkShape } = await import('../options/shape.ts');
  const verified = options?.verify === false ? replaceOptions(options, { verify: {} }) : options;
  const misshapen = checkShape(verified);
  const { problems: found, promises, model, defined } = await checkOptions(verified, misshapen);
  if (found.some(isUnreadable) || misshapen.some(isOfOtherOption)) throw new InvalidOptionsError(found);
  const { coverage, warnings } = (await promises?.decide()) ?? { coverage: null, warnings: [] };
  const untested = (coverage?.uncovered ?? []).map((line): PlacedRule => {
    return { ...toRule(line), at: placeOfRule(toRule(line), defined) };
  });
  const uncovered = coverage === null ? [] : findUncovered(untested, coverage, required);
  const problems = [...found, ...uncovered].sort(comparePlaces);
  // A warning about untested rules may only be the consequence of a problem, or be reported as a problem already.
  const notOfCoverage = problems.length === 0 ? warnings : warnings.filter((one) => !isOfCoverage(one));
  const others = notOfCoverage.filter((one) => !isOfUndefinedRoles(one, problems, defined));
  const undecided = others.some(isOfCoverage) ? untested : [];
  const { value: example } =
    model === null
      ? {}
      : await findExamples(
          model,
          defined.rules,
          undecided,
          verified.configureEnforcer,
          TRIED_REQUESTS,
        ).next();
  const placed = others.map((warning) => ({
    ...(isOfCoverage(warning) ? withExample(warning, example) : warning),
    at: placeOf(warning.rules, defined),
  }));
  return { ok: problems.length === 0, problems, warnings: placed, coverage };
}

function isOfCoverage({ code }: VerificationWarning): boolean {
  return code === 'NOTHING_VERIFIED' || code === 'RULES_NOT_COVERED';
}

/** Whether each rule of a warning about misspelt roles is a problem already, because its role is not defined. */
function isOfUndefinedRoles(
  { code, rules }: VerificationWarning,
  problems: readonly Problem[],
  defined: RuleSet<DefinedRule>,
): boolean {
  if (code !== 'ROLE_MISSPELT') return false;
  const places = problems.filter((problem) => problem.code === 'ROLE_UNDEFINED').map(({ at }) => at);
  return rules.every((rule) => places.includes(placeOfRule(toRule(rule), defined)));
}

/** The request is shown as it can be written in YAML, in JSON and in code. */
function withExample(warning: VerificationWarning, example: Request | undefined): VerificationWarning {
  if (example === undefined) return warning;
  const written = `[${example.map((value) => JSON.stringify(value)).join(', ')}]`;
  return { ...warning, message: `${warning.message} For example, under samples: ${written}.` };
}

/** @throws InvalidOptionsError */
export function requirePercentage(coverage = 0): void {
  if (typeof coverage === 'number' && coverage >= 0 && coverage <= 100) return;
  const message = 'must be a number of percent from 0 to 100.';
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'coverage', message }]);
}

const UNREADABLE: readonly ProblemCode[] = ['POLICY_NOT_FOUND', 'MODEL_NOT_FOUND'];

function isUnreadable({ code }: Problem): boolean {
  return UNREADABLE.includes(code);
}

/** Places in files end with a line. */
function isOfOtherOption({ at }: Problem): boolean {
  return !/^(policy|model)\b|:\d+$/.test(at);
}

/**
 * If too few rules decide a request: a problem for each place that defines rules that decide none, because one place
 * may define a rule for each of many tenants.
 */
export function findUncovered(
  uncovered: readonly PlacedRule[],
  { covered, total }: Pick<Coverage, 'covered' | 'total'>,
  { coverage = 0 }: LintRequirements,
): Problem[] {
  if (covered * 100 >= coverage * total) return [];
  const places = new Map<string, { readonly rule: Rule; others: number }>();
  for (const rule of uncovered) {
    const known = places.get(rule.at);
    if (known === undefined) places.set(rule.at, { rule, others: 0 });
    else known.others += 1;
  }
  return [...places].map(([at, { rule, others }]): Problem => {
    const what = `"${formatRule(rule)}"${others === 0 ? '' : ` and ${others} more from here`}`;
    const message = `no request depends on ${what}. ${covered} of ${total} rules decide one, and ${coverage} % must. Write a request that depends on it, or remove the rule.`;
    return { code: 'COVERAGE_TOO_LOW', at, message };
  });
}

function placeOf([first]: VerificationWarning['rules'], defined: RuleSet<DefinedRule>): string {
  return first === undefined ? 'policy' : placeOfRule(toRule(first), defined);
}

function placeOfRule(rule: Rule, defined: RuleSet<DefinedRule>): string {
  return defined.rules[defined.indexOf(rule)]?.at ?? 'policy';
}

/** By file, then by line and column as numbers. */
function comparePlaces(one: Problem, other: Problem): number {
  return one.at.localeCompare(other.at, 'en', { numeric: true });
}

import { InvalidOptionsError, type Problem, type ProblemCode } from './errors.ts';
import { completeOptions, replaceOptions } from './options/resolve.ts';
import type { BootstrapOptions } from './options.ts';
import type { Coverage, VerificationWarning } from './report.ts';

/** What is wrong with a model and a policy, and what of it is proved. */
export interface LintReport {
  /** Whether there is no problem. */
  readonly ok: boolean;
  /** Everything that is wrong, in the order of its places: with file, line and column for what was read from a file. */
  readonly problems: readonly Problem[];
  /** What is not proved, although nothing is wrong. */
  readonly warnings: readonly VerificationWarning[];
  /** How many of the rules decide at least one request; null where problems keep it from being measured. */
  readonly coverage: Coverage | null;
}

/** What a policy must have beyond being right. */
export interface LintRequirements {
  /** How much of the rules must decide a request, in percent. Default: 0. */
  readonly coverage?: number;
}

/**
 * Checks model and policy without a database, as a bootstrap does before it touches one: their form, names that are
 * not defined, values that can't be stored or loaded, inheritance that can't be followed, and whether the policy decides
 * as its own `allow`, `deny` and `never` say. Decided requests are counted only for a policy without other problems.
 *
 * @throws InvalidOptionsError when there is nothing to check: a file is missing, or `required` is no percentage
 */
export async function lintPolicy(
  options: BootstrapOptions = {},
  required: LintRequirements = {},
): Promise<LintReport> {
  requirePercentage(required);
  const { checkShape } = await import('./options/shape.ts');
  const verified = options?.verify === false ? replaceOptions(options, { verify: {} }) : options;
  try {
    const { promises } = await completeOptions(verified, checkShape(verified));
    const { coverage, warnings } = await promises.decide();
    const problems = findUncovered(coverage, required);
    return { ok: problems.length === 0, problems, warnings, coverage };
  } catch (error) {
    if (!(error instanceof InvalidOptionsError) || error.problems.some(isUnreadable)) throw error;
    const problems = error.problems.toSorted(comparePlaces);
    return { ok: false, problems, warnings: [], coverage: null };
  }
}

function requirePercentage({ coverage = 0 }: LintRequirements): void {
  if (typeof coverage === 'number' && coverage >= 0 && coverage <= 100) return;
  const message = 'must be a number of percent from 0 to 100.';
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'coverage', message }]);
}

const UNREADABLE: readonly ProblemCode[] = ['POLICY_NOT_FOUND', 'MODEL_NOT_FOUND'];

function isUnreadable({ code }: Problem): boolean {
  return UNREADABLE.includes(code);
}

const SHOWN_RULES = 10;

function findUncovered(
  { covered, total, uncovered }: Coverage,
  { coverage = 0 }: LintRequirements,
): Problem[] {
  if (total === 0 || covered * 100 >= coverage * total) return [];
  const shown = uncovered.slice(0, SHOWN_RULES).map((rule) => `"${rule.join(', ')}"`);
  const more = uncovered.length > SHOWN_RULES ? ` and ${uncovered.length - SHOWN_RULES} more` : '';
  const message = `${covered} of ${total} rules decide a request, and ${coverage} % must. Write requests for the others under samples, allow, deny or never: ${shown.join('; ')}${more}.`;
  return [{ code: 'COVERAGE_TOO_LOW', at: 'policy', message }];
}

/** By file, then by line and column as numbers. */
function comparePlaces(one: Problem, other: Problem): number {
  return one.at.localeCompare(other.at, 'en', { numeric: true });
}

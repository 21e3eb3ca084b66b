import type { StoredRule } from '../casbin/rule-row.ts';
import { readColumns } from '../database/columns.ts';
import { type AnyTransaction, readAndLetGo } from '../database/transaction.ts';
import { StoredRuleError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { ruleKey } from '../policy/rule.ts';
import { decideAll } from '../verification/decide.ts';
import type { Expectation } from '../verification/expectations.ts';
import { explainer } from '../verification/explain.ts';
import { isAsExpected } from '../verification/judge-decisions.ts';
import { describeBroken } from '../verification/messages.ts';
import type { VerificationFailure } from '../verification/report.ts';
import { brokenBy } from './broken-by.ts';
import { findBrokenLinks } from './broken-links.ts';
import { readPolicy } from './scope.ts';

/** Called after each migration; throws MigrationBrokePolicyError when that one broke what held before the first. */
export type PolicyWatch = (migration: string) => Promise<void>;

/**
 * Begins to watch the policy while migrations run: the expectations that hold now must hold after each of them,
 * so that the one that breaks a permission is named. Cheap: decisions are made anew only when rules changed.
 *
 * Watches nothing where there is no policy yet, or none that can be read, or verification is turned off.
 */
export async function watchPolicy(
  trx: AnyTransaction,
  schema: string,
  options: ResolvedOptions,
): Promise<PolicyWatch> {
  if (options.verify === null || (await readColumns(trx, 'casbin', schema)) === null) return async () => {};
  const read = () => readAndLetGo(trx, () => readPolicy(trx, options));
  const initial = await read().catch((error: unknown) => {
    // A migration may be about to mend them.
    if (error instanceof StoredRuleError) return [];
    throw error;
  });
  // Nor is a broken hierarchy decided on, which could take forever.
  const held = findBrokenLinks(options, initial).length > 0 ? [] : await findHeld(options, initial);
  let before = initial;
  return async (migration) => {
    if (held.length === 0) return;
    const after = await read();
    if (isSamePolicy(before, after)) return;
    const links = findBrokenLinks(options, after);
    const broken = links.length > 0 ? links : await findBroken(options, held, after);
    if (broken.length > 0) throw brokenBy(migration, before, after, broken);
    before = after;
  };
}

/** Also by id: the order of the rows may decide. */
function isSamePolicy(before: readonly StoredRule[], after: readonly StoredRule[]): boolean {
  return (
    before.length === after.length &&
    before.every((rule, index) => {
      const other = after[index];
      return other !== undefined && rule.id === other.id && ruleKey(rule) === ruleKey(other);
    })
  );
}

async function findHeld(options: ResolvedOptions, live: readonly StoredRule[]): Promise<Expectation[]> {
  if (live.length === 0) return [];
  const answers = await decide(options, options.expectations, live);
  return options.expectations.filter((expectation, index) => isAsExpected(expectation, answers[index]));
}

async function findBroken(
  options: ResolvedOptions,
  held: readonly Expectation[],
  live: readonly StoredRule[],
): Promise<VerificationFailure[]> {
  const answers = await decide(options, held, live);
  const explain = explainer(options.model, live, options.rules);
  return held.flatMap((expectation, index): VerificationFailure[] => {
    const answer = answers[index];
    if (answer === undefined || isAsExpected(expectation, answer)) return [];
    const { kind, request, expected } = expectation;
    const explanation = explain(request, answer);
    return [
      {
        kind: kind === 'never' ? 'never' : 'decision',
        request,
        expected,
        actual: answer.allowed ? 'allow' : 'deny',
        ...explanation,
        message: describeBroken({ request, expected, ...explanation }),
      },
    ];
  });
}

function decide(
  { model, configureEnforcer }: ResolvedOptions,
  expectations: readonly Expectation[],
  live: readonly StoredRule[],
) {
  return decideAll(
    model,
    live,
    expectations.map(({ request }) => request),
    configureEnforcer,
  );
}

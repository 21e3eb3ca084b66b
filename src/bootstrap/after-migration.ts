import type { StoredRule } from '../casbin/rule-row.ts';
import { reachedRules, WHOLE } from '../casbin/scope.ts';
import { errorCode, isAbsence, SQLSTATE } from '../database/sqlstates.ts';
import { type AnyTransaction, readAndReleaseLocks, stayAwake } from '../database/transaction.ts';
import { MigrationBrokePolicyError, StoredRuleError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { formatRule, ruleKey } from '../policy/rule.ts';
import { isSamePolicy } from '../policy/rule-set.ts';
import { reasonOf } from '../text.ts';
import { aboutRule, type Differing, describeBroken, findDiffering } from '../verification/compare.ts';
import { createDecider, decisionOf } from '../verification/decide.ts';
import { explainer } from '../verification/explain-answer.ts';
import { checkStructure } from '../verification/structure.ts';
import type { VerificationFailure } from '../verification-report.ts';
import { type LivePolicy, NOTHING_READ, readPolicy } from './read-policy.ts';

/** Called after each migration. Throws MigrationBrokePolicyError if it broke a decision that was right before. */
export type PolicyWatch = (migration: string) => Promise<void>;

/**
 * Begins to watch the policy while migrations run: expectations that are met now must be met after each migration, so
 * that the one that breaks a permission is named. Requests are decided again only if rules have changed.
 *
 * Watches nothing if there is no policy yet, if the policy can't be read, or if verification is turned off.
 *
 * @param options null if there is no rule table yet
 */
export async function watchPolicy(
  trx: AnyTransaction,
  options: ResolvedOptions | null,
): Promise<PolicyWatch> {
  if (options === null || options.verify === null) return async () => {};
  const read = () => readAndReleaseLocks(trx, () => readPolicy(trx, options));
  let before = await read().catch((error: unknown) => {
    // A migration may be about to fix them.
    if (error instanceof StoredRuleError) return NOTHING_READ;
    throw error;
  });
  const { rules: initial } = before;
  // With a broken hierarchy, a decision could take forever.
  const watched = initial.length > 0 && (await findBrokenLinks(options, initial)).length === 0;
  const unkept = new Set(
    (watched ? await stayAwake(trx, options, () => findUnkept(options, initial)) : []).map(
      ({ number }) => number,
    ),
  );
  return async (migration) => {
    if (!watched) return;
    const after = await read().catch((error: unknown) => {
      throw unreadableAfter(migration, options, before, error) ?? error;
    });
    if (isSamePolicy(before.rules, after.rules)) return;
    const links = await findBrokenLinks(options, after.rules);
    const broken =
      links.length > 0
        ? links
        : await stayAwake(trx, options, () => findBroken(options, unkept, after.rules));
    if (broken.length > 0) {
      throw await brokenBy(migration, options, before, after, broken);
    }
    before = after;
  };
}

async function findUnkept(options: ResolvedOptions, live: readonly StoredRule[]): Promise<Differing[]> {
  const { model, configureEnforcer, promises } = options;
  const { expectations } = await promises.decide();
  const { differing } = await findDiffering(
    await createDecider(model, live, configureEnforcer),
    expectations,
  );
  return differing;
}

/** The expectations that were met before, and are not any more. */
async function findBroken(
  options: ResolvedOptions,
  unkeptBefore: ReadonlySet<number>,
  live: readonly StoredRule[],
): Promise<VerificationFailure[]> {
  const broken = (await findUnkept(options, live)).filter(({ number }) => !unkeptBefore.has(number));
  if (broken.length === 0) return [];
  const explain = explainer(options.model, live, options.defined);
  return broken.map(({ expectation: { kind, request, expected }, answer }): VerificationFailure => {
    const explanation = explain(request, answer);
    return {
      kind: kind === 'never' ? 'never' : 'decision',
      request,
      expected,
      actual: decisionOf(answer),
      ...explanation,
      message: describeBroken({ request, expected, ...explanation }),
    };
  });
}

/** The role hierarchies that a migration broke: by a circle, by reversing a link, or by making them too deep. */
async function findBrokenLinks(
  { model, defined, configureEnforcer }: ResolvedOptions,
  live: readonly StoredRule[],
): Promise<VerificationFailure[]> {
  return (await checkStructure(model, live, defined.rules, configureEnforcer)).map(
    ({ ids, rule, message }) => ({ kind: 'structure', ...aboutRule(rule, message, message), ids }),
  );
}

/**
 * An error for a migration that took the table or a column away, or left unusable rules; null for other errors. Where a
 * part of the table was read before, the rules may have been unusable then.
 */
function unreadableAfter(
  migration: string,
  { ruleTable }: ResolvedOptions,
  before: LivePolicy,
  error: unknown,
): MigrationBrokePolicyError | null {
  if (error instanceof StoredRuleError) {
    if (before.scope !== 'whole') return null;
    const message = `Migration "${migration}" leaves stored rules that can't be used. Nothing was changed. Fix the migration. It left this:\n\n${error.message}`;
    return new MigrationBrokePolicyError(migration, message, [], { cause: error });
  }
  if (!isAbsence(error) && errorCode(error) !== SQLSTATE.UNDEFINED_COLUMN) return null;
  const message = `After migration "${migration}", the rule table ${ruleTable.sql} can't be read any more: ${reasonOf(error)}. Nothing was changed. A migration must not remove or rename that table, or a column of it. To rename the table, do so before a bootstrap, and give its new name: table.`;
  return new MigrationBrokePolicyError(migration, message, [], { cause: error });
}

/** How many changed rules a message lists. */
const SHOWN_CHANGES = 20;

/** An error that names the migration, the decisions that it broke, and the rules that it removed and added. */
async function brokenBy(
  migration: string,
  { promises }: ResolvedOptions,
  before: LivePolicy,
  after: LivePolicy,
  broken: readonly VerificationFailure[],
): Promise<MigrationBrokePolicyError> {
  const { renderDecisions } = await import('../render/findings.ts');
  const decisions = renderDecisions(broken, (total) => `${total} of the decisions that held before it:`);
  const structure = broken.filter(({ request }) => request.length === 0).map(({ message }) => message);
  // Where a part of the table was read, a rule may be missing among the others only because no link led to it.
  const scope = before.scope === 'whole' && after.scope === 'whole' ? WHOLE : promises.reach();
  const [removed, added] = [subtract(before.rules, after.rules), subtract(after.rules, before.rules)];
  const changes = [
    ...listChanges('It removed', reachedRules(scope, after.rules, removed)),
    ...listChanges('It added', reachedRules(scope, before.rules, added)),
  ];
  return new MigrationBrokePolicyError(
    migration,
    [
      `Migration "${migration}" breaks the policy. Nothing was changed.`,
      ...decisions,
      ...structure,
      ...changes,
      'Fix the migration, or change the definition if the new decisions are right.',
    ].join('\n\n'),
    broken,
  );
}

function subtract(rules: readonly StoredRule[], others: readonly StoredRule[]): StoredRule[] {
  const keys = new Set(others.map(ruleKey));
  return rules.filter((rule) => !keys.has(ruleKey(rule)));
}

function listChanges(headline: string, rules: readonly StoredRule[]): string[] {
  if (rules.length === 0) return [];
  const more = rules.length > SHOWN_CHANGES ? [`  … and ${rules.length - SHOWN_CHANGES} more`] : [];
  return [
    [`${headline}:`, ...rules.slice(0, SHOWN_CHANGES).map((rule) => `  ${formatRule(rule)}`), ...more].join(
      '\n',
    ),
  ];
}

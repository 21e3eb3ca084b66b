import type { StoredRule } from '../casbin/rule-row.ts';
import { MigrationBrokePolicyError } from '../errors.ts';
import { formatRule, ruleKey } from '../policy/rule.ts';
import { renderDecisions } from '../reports/decisions.ts';
import type { VerificationFailure } from '../verification/report.ts';

/** How many changed rules a message lists. */
const SHOWN_RULES = 20;

/** Names the migration, the decisions that it broke, and the rules that it removed and added. */
export function brokenBy(
  migration: string,
  before: readonly StoredRule[],
  after: readonly StoredRule[],
  broken: readonly VerificationFailure[],
): MigrationBrokePolicyError {
  const decisions = renderDecisions(broken, (total) => `${total} of the decisions that held before it:`);
  const structure = broken.filter(({ request }) => request.length === 0).map(({ message }) => message);
  const changes = [
    ...listRules('It removed', subtract(before, after)),
    ...listRules('It added', subtract(after, before)),
  ];
  return new MigrationBrokePolicyError(
    migration,
    [
      `Migration "${migration}" breaks what held before it, and nothing was committed.`,
      ...decisions,
      ...structure,
      ...changes,
      'Fix the migration; or change the definition, if that is what it is for.',
    ].join('\n\n'),
    broken,
  );
}

function subtract(rules: readonly StoredRule[], others: readonly StoredRule[]): StoredRule[] {
  const keys = new Set(others.map(ruleKey));
  return rules.filter((rule) => !keys.has(ruleKey(rule)));
}

function listRules(headline: string, rules: readonly StoredRule[]): string[] {
  if (rules.length === 0) return [];
  const more = rules.length > SHOWN_RULES ? [`  … and ${rules.length - SHOWN_RULES} more`] : [];
  return [
    [`${headline}:`, ...rules.slice(0, SHOWN_RULES).map((rule) => `  ${formatRule(rule)}`), ...more].join(
      '\n',
    ),
  ];
}

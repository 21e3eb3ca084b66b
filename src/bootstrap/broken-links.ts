import type { StoredRule } from '../casbin/rule-row.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import type { VerificationFailure } from '../verification/report.ts';
import { checkStructure } from '../verification/structure.ts';

/** What a migration has done to the role hierarchies: closed one in a circle, turned it round, made it too deep. */
export function findBrokenLinks(
  { model, defined, configureEnforcer }: ResolvedOptions,
  live: readonly StoredRule[],
): VerificationFailure[] {
  return checkStructure(model, live, defined.rules, configureEnforcer !== undefined).map(
    ({ ids, rule, message }) => ({
      kind: 'structure',
      request: [],
      expected: null,
      actual: null,
      rule,
      rolePath: [],
      ids,
      added: [],
      reason: message,
      message,
    }),
  );
}

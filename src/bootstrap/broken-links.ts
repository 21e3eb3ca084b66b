import type { StoredRule } from '../casbin/rule-row.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import type { VerificationFailure } from '../verification/report.ts';
import { checkStructure } from '../verification/structure.ts';

/** What a migration has done to the role hierarchies: closed one in a circle, turned it round, made it too deep. */
export async function findBrokenLinks(
  { model, defined, configureEnforcer }: ResolvedOptions,
  live: readonly StoredRule[],
): Promise<VerificationFailure[]> {
  return (await checkStructure(model, live, defined.rules, configureEnforcer)).map(
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

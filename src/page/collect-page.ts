import type { StoredRule } from '../casbin/rule-row.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { RuleSet } from '../policy/rule-set.ts';
import type { VerificationReport } from '../report.ts';
import { readParts } from '../verification/parts.ts';
import { checkStructure } from '../verification/structure.ts';
import { splitUserLinks } from '../verification/user-links.ts';
import type { PageData, PageSource } from './page-data.ts';
import { collectHierarchies, collectUsers } from './page-hierarchies.ts';
import { decidePageMatrix } from './page-matrix.ts';
import { type PagePolicy, subjectNames } from './page-policy.ts';

/** What a database has: its policy, and how that compares to the definition. */
export interface LivePage {
  readonly rules: readonly StoredRule[];
  readonly verification: VerificationReport;
}

/**
 * Collects what a page shows.
 *
 * @param live null for the definition alone
 */
export async function collectPage(
  options: ResolvedOptions,
  source: PageSource,
  live: LivePage | null,
): Promise<PageData> {
  const { model, configureEnforcer, defined, promises } = options;
  const { warnings } = await promises.decide();
  const rules: PagePolicy['rules'] = live?.rules ?? defined.rules;
  // What is defined is no user, whoever has it.
  const { rules: stored, userLinks } = splitUserLinks(
    model,
    live?.rules ?? [],
    subjectNames(model, defined.rules),
  );
  const policy: PagePolicy = {
    model,
    configureEnforcer,
    rules,
    defined: live === null || defined.rules.length === 0 ? null : defined,
    roleRules: [...defined.rules, ...new RuleSet(stored).without(defined.rules)],
    // A matrix that does not follow from the rules is empty, so what is iterated is what the definition lists.
    listed: readParts(model) === null ? promises.listed.map(({ request }) => request) : [],
  };
  const isBroken =
    live !== null && (await checkStructure(model, live.rules, defined.rules, configureEnforcer)).length > 0;
  const decided = await decidePageMatrix(isBroken ? definitionAlone(policy, options) : policy);
  const hierarchies = collectHierarchies(policy, userLinks);
  const roles = decided.matrix.roles.map(({ name }) => name);
  const { users, grants, omitted } = collectUsers(policy, userLinks, roles);
  return {
    readAt: new Date().toISOString(),
    source,
    verification: live?.verification ?? null,
    warnings,
    matrix: { ...decided.matrix, users, grants },
    hierarchies: hierarchies.hierarchies,
    omitted: { ...decided.omitted, users: omitted, hierarchies: hierarchies.omitted },
    notes: [
      ...(isBroken ? [BROKEN] : []),
      ...(readParts(model) === null ? [NOT_DERIVED] : []),
      ...(live !== null && defined.rules.length === 0 ? [NOT_COMPARED] : []),
    ],
  };
}

const BROKEN =
  'The stored role hierarchy is broken, so nothing was decided on it. The matrix shows the definition.';
const NOT_DERIVED =
  'The rules of this model do not say which requests to ask for: they hold patterns, or requests have attributes. The matrix shows the requests that the definition lists under samples, allow, deny and never.';
const NOT_COMPARED = 'No policy is defined, so there is nothing to compare the stored rules with.';

function definitionAlone(policy: PagePolicy, { defined }: ResolvedOptions): PagePolicy {
  return { ...policy, rules: defined.rules, defined: null, roleRules: defined.rules };
}

import type { StoredRule } from '../casbin/rule-row.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { toLine } from '../policy/rule.ts';
import { describeOrigin } from '../render/phrases.ts';
import type { FindOrigin } from '../running/rule-origins.ts';
import { withoutNames } from '../verification/drift.ts';
import { readParts } from '../verification/parts.ts';
import { checkStructure } from '../verification/structure.ts';
import { splitUserLinks, subjectNames } from '../verification/user-links.ts';
import type { IntegrityFinding, VerificationReport } from '../verification-report.ts';
import type { PageData, PageMatrix, PageSource, PageVersions } from './page-data.ts';
import { collectHierarchies, collectUsers } from './page-hierarchies.ts';
import { decidePageMatrix } from './page-matrix.ts';
import type { PagePolicy } from './page-policy.ts';

/** The policy of a database, and its comparison with the definition. */
export interface LivePage {
  readonly rules: readonly StoredRule[];
  readonly verification: VerificationReport;
  readonly findOrigin: FindOrigin;
  /** The newest version of the definition that it was bootstrapped with; null for none. */
  readonly newestVersion: number | null;
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
  // A name that the definition has is not a user.
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
    roleRules: [...defined.rules, ...stored],
    listed: promises.listed.map(({ request }) => request),
  };
  const isBroken =
    live !== null && (await checkStructure(model, live.rules, defined.rules, configureEnforcer)).length > 0;
  const decided = await decidePageMatrix(isBroken ? definitionAlone(policy, options) : policy);
  const hierarchies = collectHierarchies(policy, userLinks);
  const roles = decided.matrix.roles.map(({ name }) => name);
  const { users, grants, holders, omitted } = collectUsers(policy, userLinks, roles);
  return {
    readAt: new Date().toISOString(),
    source,
    versions: describeVersions(options, live),
    verification: live?.verification ?? null,
    warnings,
    matrix: { ...decided.matrix, users, grants, granted: describeOrigins(decided.matrix, live) },
    holders,
    hierarchies: hierarchies.hierarchies,
    omitted: { ...decided.omitted, users: omitted, hierarchies: hierarchies.omitted },
    notes: [
      ...(isBroken ? [BROKEN] : []),
      ...(readParts(model) === null ? [NOT_DERIVED] : []),
      ...(live !== null && defined.rules.length === 0 ? [NOT_COMPARED] : []),
    ],
  };
}

function describeVersions({ ownership }: ResolvedOptions, live: LivePage | null): PageVersions | null {
  if (ownership === null) return null;
  const { version, renamedRoles, retiredRoles, retiredRules } = ownership;
  return {
    defined: version,
    newest: live?.newestVersion ?? null,
    renamed: [...renamedRoles],
    retiredRoles: [...retiredRoles],
    retiredRules: retiredRules.map(toLine),
  };
}

/** The same without the names of users and of those who granted something. */
export function withoutUsers(data: PageData): PageData {
  const { verification, matrix } = data;
  const roles = new Set(matrix.roles.map(({ name }) => name));
  return {
    ...data,
    matrix: { ...matrix, users: [], grants: [], granted: {} },
    verification: verification && reportWithoutUsers(verification, roles),
    omitted: { ...data.omitted, users: 0 },
    notes: [...data.notes, 'Users are not named on this page.'],
  };
}

function reportWithoutUsers(report: VerificationReport, roles: ReadonlySet<string>): VerificationReport {
  // A link to a retired role, or by a former name, belongs to a user.
  const left = report.left.filter(([ptype = '']) => !ptype.startsWith('g'));
  return {
    ...report,
    drift: report.drift.map(withoutNames),
    keptAway: report.keptAway.map((away) => ({ ...away, actor: null, reason: null })),
    left,
    leftOmitted: report.leftOmitted + report.left.length - left.length,
    integrity: report.integrity.map((finding) => withoutUser(finding, roles)),
  };
}

/** Of a finding about the link of a user, only the row of the link is kept. */
function withoutUser(finding: IntegrityFinding, roles: ReadonlySet<string>): IntegrityFinding {
  const [ptype = '', name = ''] = finding.rule;
  if (!ptype.startsWith('g') || roles.has(name)) return finding;
  const message = 'Something is wrong with this link: casbin-bootstrap verify tells what.';
  return { ...finding, rule: [ptype], message };
}

/** Describes who added the rows that the explanations of cells name. */
function describeOrigins(
  { rules, routes }: Pick<PageMatrix, 'rules' | 'routes'>,
  live: LivePage | null,
): PageMatrix['granted'] {
  if (live === null) return {};
  const named = new Set([...rules.map(({ id }) => id), ...routes.flatMap(({ ids }) => ids)]);
  const origins = live.rules.flatMap((rule): [string, string][] => {
    const origin = named.has(rule.id) ? live.findOrigin(rule) : null;
    return origin === null ? [] : [[String(rule.id), describeOrigin(origin)]];
  });
  return Object.fromEntries(origins);
}

const BROKEN =
  'The stored role hierarchy is broken, so nothing was decided on it. The matrix shows the definition.';
const NOT_DERIVED =
  'The rules of this model do not say which requests to ask for: they hold patterns, or requests have attributes. The matrix shows the requests that the definition lists under samples, allow, deny and never.';
const NOT_COMPARED = 'No policy is defined, so there is nothing to compare the stored rules with.';

function definitionAlone(policy: PagePolicy, { defined }: ResolvedOptions): PagePolicy {
  return { ...policy, rules: defined.rules, defined: null, roleRules: defined.rules };
}

import type { Model } from 'casbin';
import { tokensOf } from '../casbin/model.ts';
import { eachOnce } from '../collections.ts';
import type { BootstrapOptions } from '../options.ts';
import type { Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { createDecider, decidePaced } from '../verification/decide.ts';
import { explainer } from '../verification/explain-answer.ts';
import { subjectPosition } from '../verification/parts.ts';
import { decideUnmatched } from '../verification/promises.ts';
import { deriveMatrix, NO_ROLE } from '../verification/requests.ts';
import { type PolicySource, readRoles } from './policy-source.ts';

/** Who may do what: subjects × permissions. */
export interface PolicyMatrix {
  /** The names of the values of a permission in the model: `obj`, `act`. */
  readonly tokens: readonly string[];
  /** Roles, and other names to which rules permit something. */
  readonly subjects: readonly string[];
  /** The values of a request beside its subject, in the order of `tokens`. */
  readonly permissions: readonly (readonly string[])[];
  /** What is allowed; everything else is denied. */
  readonly allowed: readonly AllowedRequest[];
  /** Whether anything is allowed for a subject that no rule names. */
  readonly isOpen: boolean;
}

/** A permission that a subject has. */
export interface AllowedRequest {
  /** The subject. */
  readonly subject: string;
  /** One of the permissions of the matrix. */
  readonly permission: readonly string[];
  /** The `p` rule that allows it, ptype first; null if no rule decided. */
  readonly rule: readonly string[] | null;
  /** The path from the subject to that of the rule; a single name if the permission is its own. */
  readonly rolePath: readonly string[];
}

/** Which subjects of a policy to include. */
export interface WithUsers {
  /** Whether users of a database are subjects too. Default: false. */
  readonly users?: boolean | undefined;
}

/**
 * Decides every subject × every permission of a policy, by Casbin's enforcer. The matrix is empty for a model from
 * whose rules no requests follow, because they contain patterns.
 *
 * @throws InvalidOptionsError with everything that is wrong with the options or the policy
 * @throws BootstrapError for everything else, as verifyDatabase
 */
export async function readMatrix(
  source: PolicySource,
  options: BootstrapOptions = {},
  { users = false }: WithUsers = {},
): Promise<PolicyMatrix> {
  const { model, rules: ofRoles, userLinks } = await readRoles(source, options);
  const rules = users ? [...ofRoles, ...userLinks] : ofRoles;
  const tokens = tokensOf(model, 'r');
  const subjectAt = subjectPosition(model);
  const allowed = await findAllowed(model, rules, subjectAt, options);
  const permissions = [
    ...listNamedPermissions(model, rules, subjectAt),
    ...allowed.map((one) => one.permission),
  ];
  return {
    tokens: tokens.toSpliced(subjectAt, 1),
    subjects: [...deriveMatrix(model, rules).valuesAt(subjectAt)].filter((name) => name !== NO_ROLE),
    permissions: eachOnce(permissions),
    allowed: allowed.filter(({ subject }) => subject !== NO_ROLE),
    isOpen: allowed.some(({ subject }) => subject === NO_ROLE),
  };
}

async function findAllowed(
  model: Model,
  rules: readonly Rule[],
  subjectAt: number,
  { configureEnforcer }: BootstrapOptions,
): Promise<AllowedRequest[]> {
  const matrix = deriveMatrix(model, rules);
  const explain = explainer(model, rules, new RuleSet(rules));
  const decider = await createDecider(model, rules, configureEnforcer);
  const found = new Map<string, AllowedRequest>();
  const requestAt = (number: number) => matrix.requestAt(number);
  const isUnmatchedAllowed = (await decideUnmatched(matrix, decider)) === 'allow';
  const numbers = matrix.matchable(isUnmatchedAllowed ? null : decider.index);
  await decidePaced(decider, numbers, requestAt, (_, answer, request) => {
    if (!answer.allowed) return;
    const { rule, rolePath } = explain(request, answer);
    const [subject, permission] = [request[subjectAt] ?? '', request.toSpliced(subjectAt, 1)];
    found.set(JSON.stringify(request), { subject, permission, rule, rolePath });
  });
  return [...found.values()];
}

/** The permissions that the rules name, also those that nobody has. */
function listNamedPermissions(model: Model, rules: readonly Rule[], subjectAt: number): Request[] {
  if (deriveMatrix(model, rules).size === 0) return [];
  const policyTokens = tokensOf(model, 'p');
  const positions = tokensOf(model, 'r').map((token) => policyTokens.indexOf(token));
  return rules
    .filter(({ ptype }) => ptype === 'p')
    .map(({ values }) => positions.map((position) => values[position] ?? '').toSpliced(subjectAt, 1));
}

import type { Model } from 'casbin';
import { tokensOf } from './casbin/model.ts';
import type { BootstrapOptions } from './options.ts';
import type { Request } from './policy/definition.ts';
import type { Rule } from './policy/rule.ts';
import { RuleSet } from './policy/rule-set.ts';
import { type PolicySource, readRoles } from './policy-source.ts';
import { createDecider, decidePaced } from './verification/decide.ts';
import { explainer } from './verification/explain.ts';
import { subjectOf } from './verification/parts.ts';
import { deriveMatrix, NO_ROLE } from './verification/requests.ts';

/** Who may do what: subjects × permissions. */
export interface PolicyMatrix {
  /** What the model calls the values of a permission: `obj`, `act`. */
  readonly tokens: readonly string[];
  /** Roles, and other names that rules permit something. */
  readonly subjects: readonly string[];
  /** The values of a request beside its subject, in the order of `tokens`. */
  readonly permissions: readonly (readonly string[])[];
  /** What is allowed; all else is denied. */
  readonly allowed: readonly AllowedRequest[];
  /** Whether anything is allowed to a subject that no rule names. */
  readonly isOpen: boolean;
}

/** A permission that a subject has. */
export interface AllowedRequest {
  /** Who has it. */
  readonly subject: string;
  /** What it is: one of the permissions of the matrix. */
  readonly permission: readonly string[];
  /** The `p` rule that allows it, ptype first; null where none decided. */
  readonly rule: readonly string[] | null;
  /** From the subject to the rule's: of one name where the permission is its own. */
  readonly rolePath: readonly string[];
}

/** What of a policy is looked at. */
export interface WithUsers {
  /** Whether users of a database are subjects too. Default: false. */
  readonly users?: boolean;
}

/**
 * Decides every subject × every permission of a policy, by Casbin's enforcer. It is empty for a model whose rules do
 * not say what may be asked for, as they hold patterns.
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
  const subjectAt = Math.max(0, tokens.indexOf(subjectOf(model) ?? ''));
  const allowed = await findAllowed(model, rules, subjectAt, options);
  const permissions = [...permissionsOf(model, rules, subjectAt), ...allowed.map((one) => one.permission)];
  return {
    tokens: tokens.toSpliced(subjectAt, 1),
    subjects: [...deriveMatrix(model, rules).valuesAt(subjectAt)].filter((name) => name !== NO_ROLE),
    permissions: distinct(permissions),
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
  await decidePaced(decider, matrix.matchable(decider.index), requestAt, (_, answer, request) => {
    if (!answer.allowed) return;
    const { rule, rolePath } = explain(request, answer);
    const [subject, permission] = [request[subjectAt] ?? '', request.toSpliced(subjectAt, 1)];
    found.set(JSON.stringify(request), { subject, permission, rule, rolePath });
  });
  return [...found.values()];
}

/** What the rules themselves name, also where nobody may do it. */
function permissionsOf(model: Model, rules: readonly Rule[], subjectAt: number): Request[] {
  if (deriveMatrix(model, rules).size === 0) return [];
  const policyTokens = tokensOf(model, 'p');
  const positions = tokensOf(model, 'r').map((token) => policyTokens.indexOf(token));
  return rules
    .filter(({ ptype }) => ptype === 'p')
    .map(({ values }) => positions.map((position) => values[position] ?? '').toSpliced(subjectAt, 1));
}

function distinct(requests: readonly Request[]): Request[] {
  return [...new Map(requests.map((request) => [JSON.stringify(request), request])).values()];
}

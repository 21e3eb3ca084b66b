import { buildInMemoryEnforcer } from '../casbin/enforcer.ts';
import { tokensOf } from '../casbin/model.ts';
import { refuseHangingPatterns } from '../casbin/patterns.ts';
import type { StoredRule } from '../casbin/rule-row.ts';
import { linkedTokens, type Scope, WHOLE } from '../casbin/scope.ts';
import { type ClientLike, checkPool, type PoolLike } from '../database/client.ts';
import { asClient } from '../database/own-queries.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { completeOptions, replaceOptions } from '../options/resolve.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import type { BootstrapOptions } from '../options.ts';
import { describeMisfitRequest } from '../policy/check.ts';
import type { Request } from '../policy/definition.ts';
import { RuleSet } from '../policy/rule-set.ts';
import { readOrigins } from '../running/rule-origins.ts';
import { readLivePolicy } from '../tables/live-policy.ts';
import { kindOf, reasonOf } from '../text.ts';
import {
  type DecisionExplanation,
  type ExplanationSource,
  explainByEnforcer,
} from '../verification/decision-explanation.ts';
import type { RowId, RuleOrigin } from '../verification-report.ts';
import { inspectRuleTable } from './inspect-database.ts';

/**
 * Explains why a request is allowed or denied: the rule that decides and the path of roles to it, with the ids of their
 * rows, and who added them if the table has a journal; for a denial, the rules that come closest to allowing it.
 *
 * With a `policy`, it also says which of the rules are not in the definition.
 *
 * @param pool the database whose policy decides; null for the definition alone
 * @param request its values as texts, in the order of the model's request definition: subject, resource, action
 * @throws InvalidOptionsError for anything wrong with the options or the request
 * @throws BootstrapError for everything else, as verifyDatabase
 */
export async function explainDecision(
  pool: PoolLike | null,
  request: readonly string[],
  options: BootstrapOptions = {},
): Promise<DecisionExplanation> {
  const { checkShape } = await import('../options/shape.ts');
  const misshapen = [...(pool === null ? [] : checkPool(pool)), ...checkShape(options)];
  // The stored rules decide. The default policy is not used, because it may not fit the model.
  const given = pool !== null && options?.policy === undefined ? { policy: null } : {};
  const resolved = await completeOptions(replaceOptions(options, { verify: false, ...given }), misshapen);
  const problems = checkRequest(request, tokensOf(resolved.model, 'r'));
  if (problems.length > 0) throw new InvalidOptionsError(problems);
  if (pool === null) return explain(resolved, request, { rules: resolved.defined.rules });
  return inspectRuleTable(pool, resolved, 'the explanation', async ({ trx, options: located }) => {
    const rules = await readLivePolicy(trx, located.ruleTable, scopeOf(located, request));
    await refuseHangingPatterns(located.model, rules, located.ruleTable);
    const explanation = await explain(located, request, {
      rules,
      defined: options?.policy == null ? new RuleSet(rules) : located.defined,
    });
    return { ...explanation, granted: await findGranted(asClient(trx), located, rules, explanation.ids) };
  });
}

/** Who added the rules of these rows. */
async function findGranted(
  client: ClientLike,
  { ruleTable }: ResolvedOptions,
  rules: readonly StoredRule[],
  ids: readonly RowId[],
): Promise<RuleOrigin[]> {
  const byId = new Map(rules.map((rule) => [rule.id, rule]));
  const involved = ids.flatMap((id) => byId.get(id) ?? []);
  const findOrigin = await readOrigins(client, ruleTable, involved);
  return involved.flatMap((rule) => findOrigin(rule) ?? []);
}

function checkRequest(request: unknown, tokens: readonly string[]): Problem[] {
  const refuse = (message: string): Problem[] => [{ code: 'OPTION_INVALID', at: 'request', message }];
  if (!Array.isArray(request)) return refuse(`must be a list of texts (it is ${kindOf(request)}).`);
  if (!request.every((value) => typeof value === 'string')) return refuse('must be a list of texts.');
  const misfit = describeMisfitRequest(request, tokens);
  return misfit === null ? [] : refuse(misfit);
}

/** Reads all `p` rules, because any of them may come closest; of the links, those that the request can follow. */
function scopeOf({ model, configureEnforcer }: ResolvedOptions, request: Request): Scope {
  if (configureEnforcer !== undefined || linkedTokens(model) === null) return WHOLE;
  return { kind: 'reachable', names: [...new Set(request)], bySubject: false };
}

async function explain(
  { model, configureEnforcer }: ResolvedOptions,
  request: Request,
  source: ExplanationSource & { readonly rules: readonly StoredRule[] | ResolvedOptions['defined']['rules'] },
): Promise<DecisionExplanation> {
  const enforcer = await buildInMemoryEnforcer(model, source.rules, configureEnforcer);
  try {
    const decision = (await enforcer.enforce(...request)) ? 'allow' : 'deny';
    return await explainByEnforcer(enforcer, request, request, decision, source);
  } catch (error) {
    const message = `Casbin can't decide it: ${reasonOf(error)}. Correct the request, or the rules.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'request', message }]);
  }
}

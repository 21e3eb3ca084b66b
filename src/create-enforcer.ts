import type { Enforcer, Model } from 'casbin';
import { buildEnforcer } from './casbin/enforcer.ts';
import { ruleFieldsOf, ruleLengthsOf } from './casbin/model.ts';
import { patternCheck } from './casbin/patterns.ts';
import { FaultyRows, type StoredRule } from './casbin/rule-row.ts';
import { type ClientLike, checkPool, type PoolLike } from './database/client.ts';
import { createKysely } from './database/dialect.ts';
import { requireAllRows } from './database/privileges.ts';
import { Session, withSession } from './database/session.ts';
import { errorCode, SQLSTATE } from './database/sqlstates.ts';
import { BootstrapError, InvalidOptionsError, type Problem, StoredRuleError } from './errors.ts';
import { explainRefusal } from './failure/explain-refusal.ts';
import { DEFAULT_CONNECT_TIMEOUT_MS, withoutMisshapen } from './options/resolve.ts';
import { resolveModel } from './options/resolve-model.ts';
import type { BootstrapOptions, EnforcerOptions } from './options.ts';
import { findMisfits } from './policy/check.ts';
import { formatRule, formatText, type Rule } from './policy/rule.ts';
import { type CheckRules, createCheckedAdapter, type RuleChecks } from './tables/adapter.ts';
import { toTableChoice } from './tables/find-rule-table.ts';
import { requireStorable } from './tables/refusals.ts';
import { possibleNames } from './tables/rule-table.ts';

/**
 * Creates an enforcer on the hardened adapter, with the policy loaded. Give it the options that the database was
 * bootstrapped with, so that it decides as was verified.
 *
 * It loads all stored rules or none. Rules that the model does not define, or with another number of values, or with a
 * pattern that the matcher's function does not take, are an error, also at a later `loadPolicy()`: without them, or
 * with them cut to length, it would decide differently. It stores no such rule either: `addPolicy()` and `savePolicy()`
 * throw an InvalidOptionsError.
 *
 * Use it for a program that decides on one state of the policy: a script, a test, a job. For an application that keeps
 * running while others change the policy, use createLiveEnforcer.
 *
 * To reload, create another enforcer and replace the old one: Casbin's own `loadPolicy()` clears the model first, so
 * requests in between are decided on an empty policy.
 *
 * @throws InvalidOptionsError for options that can't be used, all problems at once, before the database is touched
 * @throws StoredRuleError for rules that do not fit the model (`RULES_DO_NOT_FIT_MODEL`), and as the adapter
 * @throws PermissionError with the privileges that have to be granted, and if row-level security may hide rules
 * @throws ConnectionError if there is no connection
 * @throws DatabaseError as the adapter
 */
export async function createEnforcer(
  pool: PoolLike,
  options: EnforcerOptions | BootstrapOptions = {},
): Promise<Enforcer> {
  const model = await requireModel(pool, options);
  const { schema, table, engine, configureEnforcer, connectTimeoutMs = DEFAULT_CONNECT_TIMEOUT_MS } = options;
  const checks: RuleChecks = {
    read: storedRuleCheck(options),
    write: async (rules, saved) => requireLoadable(saved ?? enforcer.getModel(), rules),
  };
  const adapter = createCheckedAdapter(pool, { schema, table, engine }, checks, connectTimeoutMs);
  const explain = async (error: unknown) => {
    if (error instanceof BootstrapError || errorCode(error) !== SQLSTATE.INSUFFICIENT_PRIVILEGE) throw error;
    const needs = { schema, select: possibleNames(toTableChoice(table)) };
    const tell = (client: ClientLike) => explainRefusal(error, client, 'load the policy', needs);
    throw await withSession(pool, ({ client }) => tell(client), { connectTimeoutMs }).catch(() =>
      tell(NO_CLIENT),
    );
  };
  const enforcer: Enforcer = await buildEnforcer(model, adapter, configureEnforcer).catch(explain);
  return enforcer;
}

/** Stands for a client that could not be had: an explanation then has fewer facts. */
const NO_CLIENT: ClientLike = { query: () => Promise.reject(new Error('no connection')) };

async function requireModel(pool: unknown, options: EnforcerOptions): Promise<Model> {
  const { checkEnforcerShape } = await import('./options/shape.ts');
  const misshapen = [...checkPool(pool), ...checkEnforcerShape(options)];
  const { model, problems } = await resolveModel(withoutMisshapen(options, misshapen));
  const all = [...misshapen, ...problems];
  if (model === null || all.length > 0) throw new InvalidOptionsError(all);
  return model;
}

/** @throws InvalidOptionsError for rules that the next load would refuse */
function requireLoadable(model: Model, rules: readonly Rule[]): void {
  requireStorable(rules);
  const placed = rules.map((rule, index) => ({ ...rule, at: `rule ${index + 1}` }));
  const findFault = patternCheck(model);
  const faulty = placed.flatMap((rule): Problem[] => {
    const fault = findFault(rule);
    if (fault === null) return [];
    return [{ code: 'RULE_VALUE_INVALID', at: rule.at, message: `rule "${formatRule(rule)}": ${fault}.` }];
  });
  const problems = [...findMisfits(placed, ruleFieldsOf(model)), ...faulty];
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}

/** A check that throws a StoredRuleError for rules that do not fit the model. */
function storedRuleCheck({ model: given }: EnforcerOptions): CheckRules {
  return (model, table) => {
    const lengths = ruleLengthsOf(model);
    const findFault = patternCheck(model);
    const misfits = new FaultyRows();
    let count = 0;
    return {
      async begin(client) {
        if (!table.engine.commitsDdl) await requireAllRows(createKysely(new Session(client)), [table.sql]);
      },
      read(rules) {
        count += rules.length;
        for (const rule of rules) {
          const fault =
            lengths.get(rule.ptype) === rule.values.length ? findFault(rule) : describeMisfit(rule, lengths);
          if (fault !== null) misfits.add(rule.id, () => fault);
        }
      },
      finish() {
        if (misfits.ids.length === 0) return;
        const verb = misfits.ids.length === 1 ? 'does' : 'do';
        const used = given === undefined ? 'the default model, because no model was given' : 'the model';
        throw new StoredRuleError(
          `${misfits.ids.length} of ${count} stored rules ${verb} not fit ${used} (${misfits.describe()}). ` +
            'Nothing was loaded, because Casbin would not decide as these rules say. ' +
            'Give the model that the database was bootstrapped with: createEnforcer(pool, { model }). ' +
            `If it is the right one, correct or delete these rows: ${table.selectRows(misfits.shownIds)}`,
          misfits.ids,
          'RULES_DO_NOT_FIT_MODEL',
        );
      },
    };
  };
}

function describeMisfit({ ptype, values }: StoredRule, lengths: ReadonlyMap<string, number>): string {
  const length = lengths.get(ptype);
  if (length === undefined) {
    return `${formatText(ptype)} is not defined, only ${[...lengths.keys()].join(', ')}`;
  }
  return `${formatText(ptype)} must have ${length === 1 ? '1 value' : `${length} values`}, not ${values.length}`;
}

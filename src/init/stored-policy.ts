import type { Model } from 'casbin';
import type { ConfigureEnforcer } from '../casbin/enforcer.ts';
import { ruleLengthsOf } from '../casbin/model.ts';
import type { PoolLike } from '../database/client.ts';
import { InvalidOptionsError } from '../errors.ts';
import { readStatus } from '../inspect/read-status.ts';
import { resolveModel } from '../options/resolve-model.ts';
import type { BootstrapOptions } from '../options.ts';
import { compilePolicy } from '../policy/compile.ts';
import type { PolicyDefinition, Request } from '../policy/definition.ts';
import { formatRule, type Rule } from '../policy/rule.ts';
import { pullPolicy } from '../review/pull-policy.ts';
import { findExamples } from '../verification/example-request.ts';
import { readParts } from '../verification/parts.ts';

/** The policy that a database has. */
export interface StoredPolicy {
  readonly definition: PolicyDefinition;
  readonly model: Model;
  readonly configureEnforcer: ConfigureEnforcer | undefined;
}

/** What a database has already. */
export interface FoundPolicy {
  /** Null if there is no rule. */
  readonly stored: StoredPolicy | null;
  readonly users: number;
  /** The name of the rule table, if it is not the usual one. */
  readonly table: string | null;
  /** A stored rule that does not fit the model; null if all do. */
  readonly misfit: Rule | null;
}

/**
 * Reads the policy of a database.
 *
 * @throws InvalidOptionsError when no model is given and that of this package does not fit the rules
 */
export async function readStoredPolicy(pool: PoolLike, options: BootstrapOptions): Promise<FoundPolicy> {
  const given = { ...options, policy: null };
  const { table, rules } = await readStatus(pool, given);
  if (table.isMissing) return { stored: null, users: 0, table: null, misfit: null };
  const name = unquote(table.name);
  const { definition, userLinks } = await pullPolicy(pool, given);
  const { model } = await resolveModel(given);
  const { configureEnforcer } = options;
  const read = rules.stored === 0 || model === null ? null : { definition, model, configureEnforcer };
  const misfit = read === null ? null : findMisfit(read);
  if (misfit !== null && options.model === undefined) throw modelNeeded(misfit);
  const stored = read === null || misfit !== null ? read : await withSamples(read);
  return { stored, users: userLinks.length, table: name === 'casbin' ? null : name, misfit };
}

/** The name of a table without its schema and quotes. */
function unquote(name: string): string {
  const last = /(?:^|\.)("(?:[^"]|"")*"|[^".]+)$/.exec(name)?.[1] ?? name;
  return last.startsWith('"') ? last.slice(1, -1).replaceAll('""', '"') : last;
}

function findMisfit({ definition, model }: StoredPolicy): Rule | null {
  const lengths = ruleLengthsOf(model);
  const rules = compilePolicy(definition);
  return rules.find(({ ptype, values }) => lengths.get(ptype) !== values.length) ?? null;
}

/** How often a matcher may be evaluated for the samples: about a second. */
const MOST_EVALUATIONS = 100_000;

/** With a request for each rule, if no requests follow from the rules alone, as they hold patterns. */
async function withSamples({ definition, model, configureEnforcer }: StoredPolicy): Promise<StoredPolicy> {
  const samples: Request[] = [];
  if (readParts(model) === null) {
    const rules = compilePolicy(definition);
    const most = MOST_EVALUATIONS / rules.length;
    for await (const request of findExamples(model, rules, rules, configureEnforcer, most)) {
      samples.push(request);
    }
  }
  const sampled = samples.length === 0 ? definition : { ...definition, samples };
  return { definition: sampled, model, configureEnforcer };
}

function modelNeeded(misfit: Rule): InvalidOptionsError {
  const message = `the database has rules that do not fit the model of this package, such as "${formatRule(misfit)}". Name the model of the application, by --model FILE on the command line, or put it into the project as model.conf. If the model of this package is the right one, correct these rules: casbin-bootstrap doctor lists them. Nothing was written.`;
  return new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'model', message }]);
}

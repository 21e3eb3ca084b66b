import type { Enforcer, Model } from 'casbin';
import { createAdapter } from './casbin/adapter.ts';
import { buildEnforcer, type ConfigureEnforcer } from './casbin/enforcer.ts';
import { defaultModelPath, loadModelFile } from './casbin/model-file.ts';
import type { PoolLike } from './database/client.ts';
import { InvalidOptionsError } from './errors.ts';

/** What an application's own enforcer is made of. */
export interface EnforcerOptions {
  /** A path to a `.conf` file, or a Casbin Model, which is copied. Default: the package's RBAC model. */
  readonly model?: string | Model;
  /** Where the `casbin` table lives. Default: the connection's search_path. */
  readonly schema?: string;
  /** Adds functions and role managers, before the policy is loaded. */
  readonly configureEnforcer?: ConfigureEnforcer;
}

/**
 * An enforcer on the hardened adapter, with the policy loaded.
 *
 * To reload, make another one and swap it in: Casbin's own `loadPolicy()` clears the live model first, so that
 * requests in between are decided on an empty policy.
 *
 * @throws InvalidOptionsError for a model that can't be used, StoredRuleError and DatabaseError as the adapter
 */
export async function createEnforcer(pool: PoolLike, options: EnforcerOptions = {}): Promise<Enforcer> {
  const { model = defaultModelPath, schema, configureEnforcer } = options;
  const adapter = createAdapter(pool, { schema });
  return buildEnforcer(await resolveModel(model), adapter, configureEnforcer);
}

async function resolveModel(model: string | Model): Promise<Model> {
  if (typeof model !== 'string') return model;
  const loaded = loadModelFile(model);
  if (loaded.model === null) throw new InvalidOptionsError(loaded.problems);
  return loaded.model;
}

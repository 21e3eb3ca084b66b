import type { BootstrapOptions } from './options.ts';

/**
 * What `casbin-bootstrap.config.ts`, or one with another ending, exports by default: every option of the library, and
 * the connection of the command `casbin-bootstrap`, which takes its options from there. `logger` and `onProgress` are
 * the command's own.
 */
export interface CommandConfig extends BootstrapOptions {
  /**
   * `postgres://user:password@host:port/database`. Default: what the variables PGHOST, PGHOSTADDR, PGDATABASE,
   * PGUSER and PGSERVICE say. `--database-url` and the variable DATABASE_URL come first, so keep passwords there.
   */
  readonly databaseUrl?: string | undefined;
}

/**
 * Gives the configuration of the command `casbin-bootstrap` its type; it returns what it is given. The policy keeps the
 * type that it has by itself, so `policyTests(config.policy, config)` compiles.
 *
 * @example
 * // casbin-bootstrap.config.ts
 * import { defineConfig } from 'casbin-bootstrap';
 *
 * export default defineConfig({ policy: 'policy.yaml', schema: 'auth', seeders: [] });
 */
export function defineConfig<Policy extends CommandConfig['policy'] = undefined>(
  config: CommandConfig & { readonly policy?: Policy },
): Omit<CommandConfig, 'policy'> & {
  /** The policy, of the type that it was given with. */
  readonly policy: Policy;
};
export function defineConfig(config: CommandConfig): CommandConfig {
  return config;
}

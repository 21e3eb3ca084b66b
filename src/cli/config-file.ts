import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CommandConfig } from '../config.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { kindOf, reasonOf } from '../text.ts';

/**
 * Reads `casbin-bootstrap.config.{ts,js,mjs,json}` of the working directory or of `.config/` in it, or the file that is
 * named. An empty configuration where there is none.
 *
 * @throws InvalidOptionsError when the named file is missing, or a file can't be loaded or exports something else
 */
export async function loadConfigFile(path: string | undefined, cwd = process.cwd()): Promise<CommandConfig> {
  if (path !== undefined && !existsSync(resolve(cwd, path))) {
    const message = 'there is no such configuration file. Correct the path that --config gives.';
    throw new InvalidOptionsError([{ code: 'CONFIG_NOT_FOUND', at: path, message }]);
  }
  const { loadConfig } = await import('c12');
  const found: { config: unknown; _configFile?: string | undefined } = await loadConfig({
    name: 'casbin-bootstrap',
    cwd,
    ...(path === undefined ? {} : { configFile: resolve(cwd, path) }),
    // One file and nothing else: no .env, no rc file, no field of package.json, no other configuration that it extends.
    dotenv: false,
    rcFile: false,
    globalRc: false,
    packageJson: false,
    extend: false,
    giget: false,
    envName: false,
    // No file of compiled code in the project.
    jitiOptions: { fsCache: false },
    // What it exports, as it is: a copy of a policy would not know the places in its file.
    merger: (...sources) => sources.find((source) => source != null) ?? {},
  }).catch((error: unknown) => {
    throw new InvalidOptionsError(explainUnloadable(path ?? 'casbin-bootstrap.config', error));
  });
  return found._configFile === undefined ? {} : requireConfig(found._configFile, found.config);
}

/** A file may load this library a second time, so its errors are told by what they hold. */
function explainUnloadable(path: string, error: unknown): Problem[] {
  const problems: unknown = error instanceof Error && 'problems' in error ? error.problems : null;
  if (Array.isArray(problems) && problems.length > 0) return problems;
  // Node goes on with the modules that have required it.
  const [reason] = reasonOf(error).split('\n');
  const message = `it can't be loaded: ${reason}. Correct it.`;
  return [{ code: 'CONFIG_INVALID', at: path, message }];
}

function requireConfig(path: string, config: unknown): CommandConfig {
  const invalid = (message: string) =>
    new InvalidOptionsError([{ code: 'CONFIG_INVALID', at: path, message }]);
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw invalid(
      `it must export an object of options by default (it is ${kindOf(config)}): export default defineConfig({ … }).`,
    );
  }
  if (!('databaseUrl' in config) || config.databaseUrl === undefined) return config;
  if (typeof config.databaseUrl === 'string') return config as CommandConfig;
  throw invalid(`databaseUrl must be a string (it is ${kindOf(config.databaseUrl)}).`);
}

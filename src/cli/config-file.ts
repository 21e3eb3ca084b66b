import { existsSync } from 'node:fs';
import { extname, relative, resolve } from 'node:path';
import { types } from 'node:util';
import type { CommandConfig } from '../config.ts';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { findConfig } from '../init/project.ts';
import { findNearest } from '../nearest-name.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { MODULE_ENDINGS } from '../policy/place.ts';
import { kindOf, reasonOf } from '../text.ts';
import type { DefinitionFlags, GlobalFlags } from './flags.ts';

/** A configuration, and the path of its file from the working directory. */
interface LoadedConfig {
  readonly config: CommandConfig;
  /** Null if there is none. */
  readonly file: string | null;
}

/**
 * Reads `casbin-bootstrap.config.ts`, or one with another ending, of the working directory or of `.config/` in it, or
 * the file that is named. Returns an empty configuration if there is none.
 *
 * @throws InvalidOptionsError when the named file is missing, or a file can't be loaded or exports something else
 */
export async function loadConfigFile(path: string | undefined, cwd = process.cwd()): Promise<LoadedConfig> {
  if (path !== undefined && !existsSync(resolve(cwd, path))) {
    const message = 'there is no such configuration file. Correct the path that --config gives.';
    throw new InvalidOptionsError([{ code: 'CONFIG_NOT_FOUND', at: path, message }]);
  }
  const found = await loadModule(path, cwd);
  if (found._configFile === undefined) return { config: {}, file: null };
  const file = relative(cwd, resolve(cwd, found._configFile));
  return { config: requireConfig(file, defaultOf(found.config)), file };
}

/** The default export. If it is missing or undefined, the loader has returned the module itself. */
function defaultOf(loaded: unknown): unknown {
  const isModule = types.isModuleNamespaceObject(loaded) || Object(loaded).__esModule === true;
  return isModule ? undefined : loaded;
}

/**
 * The policy that an argument names, for the library: the path of a file, or the definition that a module exports.
 *
 * @throws InvalidOptionsError as {@link loadPolicyModule}
 */
export async function readPolicyArgument(path: string): Promise<string | PolicyDefinition> {
  return MODULE_ENDINGS.includes(extname(path)) && !isOfRevision(path) ? loadPolicyModule(path) : path;
}

/** `HEAD~1:policy.ts` can't be loaded, because the imports of a module of a revision are not there. */
function isOfRevision(path: string): boolean {
  return path.includes(':') && !existsSync(path);
}

/**
 * Reads the definition that a module exports, by default or as `policy`.
 *
 * @throws InvalidOptionsError when there is no such file, or it can't be loaded or exports something else
 */
async function loadPolicyModule(path: string): Promise<PolicyDefinition> {
  const refuse = (code: 'POLICY_NOT_FOUND' | 'OPTION_INVALID', message: string) =>
    new InvalidOptionsError([{ code, at: path, message }]);
  if (!existsSync(path)) {
    throw refuse('POLICY_NOT_FOUND', 'there is no such file. Correct its path.');
  }
  const { config } = await loadModule(path, process.cwd());
  const exported: unknown =
    typeof config === 'object' && config !== null && 'policy' in config ? config.policy : defaultOf(config);
  if (typeof exported === 'object' && exported !== null && !Array.isArray(exported)) return exported;
  throw refuse(
    'OPTION_INVALID',
    `it must export a definition by default or as policy (it is ${kindOf(exported)}).`,
  );
}

/** Loads the module that is named, or the configuration of a folder. */
async function loadModule(
  path: string | undefined,
  cwd: string,
): Promise<{ readonly config: unknown; readonly _configFile?: string | undefined }> {
  const { loadConfig } = await import('c12');
  const loading = loadConfig({
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
    // Writes no compiled code into the project.
    jitiOptions: { fsCache: false },
    // Returns the exported object itself, because a copy of a policy would lose its places in the file.
    merger: (...sources) => sources.find((source) => source != null) ?? {},
  });
  return orUnsettled(loading).catch((error: unknown) => {
    // c12 does not tell the name when it fails.
    const file = path ?? findConfig(cwd) ?? 'casbin-bootstrap.config';
    const nothing = nothingOf(error);
    if (nothing !== '') return { config: nothing === 'null' ? null : undefined, _configFile: file };
    throw new InvalidOptionsError(explainUnloadable(file, error));
  });
}

/** Rejects if nothing is left that could settle the promise: the process would end without a word. */
async function orUnsettled<T>(loading: Promise<T>): Promise<T> {
  let refuse = () => {};
  const unsettled = new Promise<never>((_, reject) => {
    refuse = () => reject(new Error('an await in it, or in what it imports, never ends'));
  });
  process.once('beforeExit', refuse);
  try {
    return await Promise.race([loading, unsettled]);
  } finally {
    process.removeListener('beforeExit', refuse);
  }
}

/** The file that is most probably to be changed if a problem has no place: the policy, else what names it. */
export function findProjectFile({ policy, config }: DefinitionFlags & GlobalFlags = {}): string {
  return policy || config || findConfig(process.cwd()) || 'package.json';
}

/** `null` or `undefined` if the file exports that, since the loaders themselves fail on its properties; else empty. */
function nothingOf(error: unknown): string {
  if (!(error instanceof TypeError)) return '';
  const [, nothing = ''] = /^Cannot read properties of (null|undefined)/.exec(error.message) ?? [];
  const [, frame = ''] = /\n\s+at (.*)/.exec(error.stack ?? '') ?? [];
  return /[\\/]node_modules[\\/](c12|jiti)[\\/]/.test(frame) ? nothing : '';
}

/** Not by instanceof, because a file may load this library a second time. */
function explainUnloadable(path: string, error: unknown): Problem[] {
  const problems: unknown = error instanceof Error && 'problems' in error ? error.problems : null;
  if (Array.isArray(problems) && problems.length > 0) return problems;
  const lines = reasonOf(error)
    .split('\n')
    .map((line) => line.trim());
  const place = lines.slice(1).find((line) => /:\d+:\d+$/.test(line));
  // Node lists the modules that required it.
  const stack = lines.indexOf('Require stack:');
  const told = lines.slice(0, stack === -1 ? undefined : stack).filter((line) => line !== place);
  const reason = reasonOf(told.join(' '));
  const isPackage = /^Cannot find (?:module|package) '[^./]/.test(reason);
  const remedy = isPackage ? 'Install it, or correct its name' : 'Correct it';
  const message = `it can't be loaded: ${reason}. ${remedy}.`;
  return [{ code: 'CONFIG_INVALID', at: place === undefined ? path : relative('', place), message }];
}

function requireConfig(path: string, config: unknown): CommandConfig {
  const invalid = (message: string) =>
    new InvalidOptionsError([{ code: 'CONFIG_INVALID', at: path, message }]);
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw invalid(
      `it must export an object of options by default (it is ${kindOf(config)}): export default defineConfig({ … }).`,
    );
  }
  if (!('databaseUrl' in config) || config.databaseUrl === undefined) return refuseMisspeltUrl(path, config);
  if (typeof config.databaseUrl === 'string') return config as CommandConfig;
  throw invalid(`databaseUrl must be a string (it is ${kindOf(config.databaseUrl)}).`);
}

/** The library knows no option with a name like this, so its message could not have the right one. */
function refuseMisspeltUrl(path: string, config: object): CommandConfig {
  const names = Object.keys(config).filter((name) => /url$/i.test(name));
  const misspelt = names.length === 0 ? null : findNearest('databaseUrl', names);
  if (misspelt === null || misspelt === 'databaseUrl') return config;
  const message = `${misspelt}: there is no such option. Did you mean databaseUrl?`;
  throw new InvalidOptionsError([{ code: 'OPTION_UNKNOWN', at: path, message }]);
}

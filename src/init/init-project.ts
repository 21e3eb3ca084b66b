import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { tokensOf } from '../casbin/model.ts';
import type { PoolLike } from '../database/client.ts';
import { InvalidOptionsError } from '../errors.ts';
import { resolveModel } from '../options/resolve-model.ts';
import type { BootstrapOptions } from '../options.ts';
import { lintPolicy } from '../review/lint-policy.ts';
import { describeProject } from './notes.ts';
import { type Project, readProject } from './project.ts';
import type { Starter } from './project-files.ts';
import { readStoredPolicy } from './stored-policy.ts';
import { MANIFEST, writeAll } from './write-files.ts';

/** How a project is prepared. */
export interface InitOptions {
  /** How the policy is written: in a file of YAML or Casbin's CSV, or as a module. Default: `yaml`. */
  readonly form?: 'yaml' | 'csv' | 'module' | undefined;
  /** Called before an existing file is changed. Default: existing files are not changed. */
  readonly confirm?: ((change: ProjectChange) => boolean | Promise<boolean>) | undefined;
}

/** A change of an existing file. */
export interface ProjectChange {
  /** Relative to the folder of the project. */
  readonly path: string;
  /** The new content of the file. */
  readonly text: string;
}

/** What was done to a project. */
export interface InitReport {
  /** Files that were created, as paths relative to the folder of the project. */
  readonly created: readonly string[];
  /** Existing files that were changed. */
  readonly changed: readonly string[];
  /** Existing files that were not changed. */
  readonly kept: readonly string[];
  /** What was found, and what to do about it. */
  readonly notes: readonly string[];
  /** What to run next, each a command of the shell. */
  readonly next: readonly string[];
}

/**
 * Prepares an existing project: model, policy, tests of the policy, configuration, and scripts in package.json. The
 * policy is that of the database, or an example to begin with. Existing files are changed only if `confirm` agrees. An
 * existing configuration under another name is kept, and no second one is created; an existing model.conf is used. No
 * tests are written if the project keeps a policy of its own, or if no requests follow from the rules of the database,
 * as they hold patterns: requests are then made from these, and written into the policy as `samples`.
 * If the existing configuration has a policy from elsewhere, or null, no model and no policy are written either. For a
 * Model that is given as an object, none is written.
 *
 * @param pool the database of the project; null if there is none yet
 * @param options of the bootstrap, for the database: `schema`, `table`, `model`; with the `policy` of an existing
 * configuration
 * @throws InvalidOptionsError when the folder has no package.json, when `form` is unknown, and when no model is given
 * and that of this package does not fit the rules of the database
 */
export async function initProject(
  folder: string,
  pool: PoolLike | null,
  { form = 'yaml', confirm = () => false }: InitOptions = {},
  options: BootstrapOptions = {},
): Promise<InitReport> {
  requireForm(form);
  const project = readProject(folder);
  const { addScripts, configPath, MODEL, policyPath, STARTERS, TESTS, writeProjectFiles } = await import(
    './project-files.ts'
  );
  const policy = policyPath(project, form);
  const isConfigured = hasOtherPolicy(folder, project, policy, options);
  const ownModel =
    !isConfigured && options.model === undefined && existsSync(join(folder, MODEL)) ? MODEL : null;
  const given = ownModel === null ? options : { ...options, model: join(folder, ownModel) };
  const model = pathOfModel(folder, given.model ?? join(folder, MODEL));
  const found = pool === null || isConfigured ? null : await readStoredPolicy(pool, given);
  const { schema = null } = options;
  const table = found?.table ?? (typeof options.table === 'string' ? options.table : project.table);
  const starter = await findStarter(STARTERS, given);
  const content = {
    form,
    stored: found?.stored ?? null,
    starter: starter ?? STARTERS[0],
    table,
    schema,
    model,
    isNewModel: given.model === undefined,
  };

  const files = isConfigured ? [] : await writeProjectFiles(project, content);
  const newConfig = configPath(project);
  const otherConfig = project.config === newConfig ? null : project.config;
  const wanted = files.filter(({ path }) => otherConfig === null || path !== newConfig);
  const addScriptsFor = (written: ReadonlySet<string>) =>
    addScripts(project, written.has(TESTS) || existsSync(join(folder, TESTS)));
  const { other, ...written } = await writeAll(folder, wanted, addScriptsFor, confirm);
  const hasTests = existsSync(join(folder, TESTS));

  const keptConfig = isConfigured ? project.config : otherConfig;
  const kept = [ownModel, ...written.kept, keptConfig].filter((path) => path !== null);
  const notes = describeProject({
    project,
    hasDatabase: pool !== null,
    found,
    policy,
    isSampled: form !== 'csv' && found?.stored?.definition.samples !== undefined,
    outcome: isConfigured ? 'configured' : other.has(policy) ? 'kept' : 'written',
    isNull: options.policy === null,
    model,
    starterFits: starter !== null,
    isConfigNew: written.created.includes(newConfig),
    otherConfig,
    isTableApart: table !== null || schema !== null,
    untested: hasTests ? null : { path: TESTS, tokens: await requestTokens(given) },
    lacksScripts: written.kept.includes(MANIFEST),
  });
  return { ...written, kept, notes, next: listCommands(project, hasTests ? TESTS : null) };
}

function requireForm(form: unknown): void {
  if (form === 'yaml' || form === 'csv' || form === 'module') return;
  const message = 'must be yaml, csv or module.';
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'form', message }]);
}

/**
 * Whether the existing configuration has a policy from elsewhere than the file that would be written, or none on
 * purpose.
 */
function hasOtherPolicy(
  folder: string,
  { config }: Project,
  path: string,
  { policy }: BootstrapOptions,
): boolean {
  if (config === null || policy === undefined || existsSync(join(folder, path))) return false;
  return typeof policy !== 'string' || resolve(policy) !== resolve(folder, path);
}

/** The path of a model in a project; null for an object, which is in no file. */
function pathOfModel(folder: string, model: BootstrapOptions['model']): string | null {
  return typeof model === 'string' ? relative(folder, resolve(model)) : null;
}

/** The first one that fits the model; null where none does. */
async function findStarter(
  starters: readonly Starter[],
  { model, configureEnforcer }: BootstrapOptions,
): Promise<Starter | null> {
  for (const { policy, ...rest } of starters) {
    if ((await lintPolicy({ model, configureEnforcer, policy })).ok) return { policy, ...rest };
  }
  return null;
}

/** The names of a request's values in the model; none if the model can't be used. */
async function requestTokens(options: BootstrapOptions): Promise<readonly string[]> {
  const { model } = await resolveModel(options);
  return model === null ? [] : tokensOf(model, 'r');
}

/** @param tests the path of the tests, if there are some */
function listCommands({ isInstalled }: Project, tests: string | null): string[] {
  return [
    ...(isInstalled ? [] : ['npm install casbin-bootstrap casbin pg kysely']),
    'npx casbin-bootstrap lint',
    ...(tests === null ? [] : [`npx casbin-bootstrap test ${tests}`]),
    'npx casbin-bootstrap plan',
    'npx casbin-bootstrap seed',
  ];
}

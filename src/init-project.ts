import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { ruleLengthsOf, tokensOf } from './casbin/model.ts';
import type { PoolLike } from './database/client.ts';
import { InvalidOptionsError } from './errors.ts';
import { type MigrationTool, type Project, readProject } from './init/project.ts';
import type { Starter, StoredPolicy } from './init/project-files.ts';
import { MANIFEST, writeAll } from './init/write-files.ts';
import { lintPolicy } from './lint-policy.ts';
import { resolveModel } from './options/resolve-model.ts';
import type { BootstrapOptions } from './options.ts';
import { compilePolicy } from './policy/compile.ts';
import { formatRule, type Rule } from './policy/rule.ts';
import { pullPolicy } from './pull-policy.ts';
import { readStatus } from './read-status.ts';

/** How a project is prepared. */
export interface InitOptions {
  /** How the policy is written: in a file of YAML or Casbin's CSV, or as a module. Default: `yaml`. */
  readonly form?: 'yaml' | 'csv' | 'module';
  /** Called before an existing file is changed. Default: existing files are not changed. */
  readonly confirm?: (change: ProjectChange) => boolean | Promise<boolean>;
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
 * tests are written if the project keeps a policy of its own, or if no requests follow from the rules of the database.
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
    './init/project-files.ts'
  );
  const policy = policyPath(project, form);
  const isConfigured = hasOtherPolicy(folder, project, policy, options);
  const ownModel =
    !isConfigured && options.model === undefined && existsSync(join(folder, MODEL)) ? MODEL : null;
  const given = ownModel === null ? options : { ...options, model: join(folder, ownModel) };
  const model = pathOfModel(folder, given.model ?? join(folder, MODEL));
  const found = pool === null || isConfigured ? null : await readDatabase(pool, given);
  const table = found?.table ?? (typeof options.table === 'string' ? options.table : project.table);
  const stored = found?.stored ?? null;
  const misfit = stored === null ? null : findMisfit(stored);
  if (misfit !== null && given.model === undefined) throw modelNeeded(misfit);
  const { schema = null } = options;
  const fitting = await findStarter(STARTERS, given);
  const isNewModel = given.model === undefined;
  const content = { form, stored, starter: fitting ?? STARTERS[0], table, schema, model, isNewModel };
  const files = isConfigured ? [] : await writeProjectFiles(project, content);
  const hasOtherConfig = project.config !== null && project.config !== configPath(project);
  const keptConfig = hasOtherConfig || isConfigured ? project.config : null;
  const wanted = files.filter(({ path }) => !hasOtherConfig || path !== configPath(project));
  const addScriptsFor = (written: ReadonlySet<string>) =>
    addScripts(project, written.has(TESTS) || existsSync(join(folder, TESTS)));
  const { other, ...written } = await writeAll(folder, wanted, addScriptsFor, confirm);
  const hasTests = existsSync(join(folder, TESTS));
  return {
    ...written,
    kept: [
      ...(ownModel === null ? [] : [ownModel]),
      ...written.kept,
      ...(keptConfig === null ? [] : [keptConfig]),
    ],
    notes: [
      ...(isConfigured
        ? [describeConfigured(keptConfig, options)]
        : other.has(policy)
          ? describeKept(policy, found)
          : describeDatabase(found)),
      ...(stored !== null || fitting !== null || isConfigured || other.has(policy)
        ? []
        : [
            `It does not fit the model${model === null ? '' : ` ${model}`}: lint tells where. Write your own.`,
          ]),
      ...(misfit === null || other.has(policy)
        ? []
        : [
            'The policy of the database does not fit the model: lint tells where. Name the model of the application.',
          ]),
      ...(model === null && written.created.includes(configPath(project)) ? [MODEL_UNNAMED] : []),
      ...(pool === null ? [DATABASE_NEEDED] : []),
      ...describeConfig(hasOtherConfig && !isConfigured, project, policy),
      ...describeTool(project.migrationTool, table !== null || schema !== null),
      ...(hasTests ? [] : [await describeUntested(TESTS, given)]),
      ...(written.kept.includes(MANIFEST) ? [SCRIPTS_MISSING] : []),
    ],
    next: [
      ...(project.isInstalled ? [] : [INSTALL]),
      'npx casbin-bootstrap lint',
      ...(hasTests ? [`npx casbin-bootstrap test ${TESTS}`] : []),
      'npx casbin-bootstrap plan',
      'npx casbin-bootstrap seed',
    ],
  };
}

/** The path of a model in a project; null for an object, which is in no file. */
function pathOfModel(folder: string, model: BootstrapOptions['model']): string | null {
  return typeof model === 'string' ? relative(folder, resolve(model)) : null;
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

function describeConfigured(config: string | null, { policy }: BootstrapOptions): string {
  return policy === null
    ? `${config} has policy: null, so none was written. To define one here, take that out and run it again.`
    : `${config} has a policy of its own, so no other one was written.`;
}

const MODEL_UNNAMED =
  'The model is an object, which is in no file: give it in the configuration, as the option model.';

const DATABASE_NEEDED =
  'plan and seed need a database: set DATABASE_URL, or give --database-url URL, or --embedded for one without a server.';

const SCRIPTS_MISSING =
  'package.json has no scripts for these commands: casbin-bootstrap init --yes adds them.';

const INSTALL = 'npm install casbin-bootstrap casbin pg kysely';

function requireForm(form: unknown): void {
  if (form === 'yaml' || form === 'csv' || form === 'module') return;
  const message = 'must be yaml, csv or module.';
  throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'form', message }]);
}

/** What a database has already. */
interface FoundPolicy {
  /** Null if there is no rule. */
  readonly stored: StoredPolicy | null;
  readonly users: number;
  /** The name of the rule table, if it is not the usual one. */
  readonly table: string | null;
}

async function readDatabase(pool: PoolLike, options: BootstrapOptions): Promise<FoundPolicy> {
  const given = { ...options, policy: null };
  const { table, rules } = await readStatus(pool, given);
  if (table.isMissing) return { stored: null, users: 0, table: null };
  const name = unquote(table.name);
  const { definition, userLinks } = await pullPolicy(pool, given);
  const { model } = await resolveModel(given);
  const { configureEnforcer } = options;
  return {
    stored: rules.stored === 0 || model === null ? null : { definition, model, configureEnforcer },
    users: userLinks.length,
    table: name === 'casbin' ? null : name,
  };
}

/** A stored rule that does not fit the model; null if all do. */
function findMisfit({ definition, model }: StoredPolicy): Rule | null {
  const lengths = ruleLengthsOf(model);
  const rules = compilePolicy(definition);
  return rules.find(({ ptype, values }) => lengths.get(ptype) !== values.length) ?? null;
}

function modelNeeded(misfit: Rule): InvalidOptionsError {
  const message = `the database has rules that do not fit the model of this package, such as "${formatRule(misfit)}". Name the model of the application, by --model FILE on the command line, or put it into the project as model.conf. If the model of this package is the right one, correct these rules: casbin-bootstrap doctor lists them. Nothing was written.`;
  return new InvalidOptionsError([{ code: 'OPTION_INVALID', at: 'model', message }]);
}

/** The name of a table without its schema and quotes. */
function unquote(name: string): string {
  const last = /(?:^|\.)("(?:[^"]|"")*"|[^".]+)$/.exec(name)?.[1] ?? name;
  return last.startsWith('"') ? last.slice(1, -1).replaceAll('""', '"') : last;
}

function describeDatabase(found: FoundPolicy | null): string[] {
  if (found === null) return ['No database was looked at: the policy is one to begin with.'];
  if (found.stored === null) return ['The database holds no rules: the policy is one to begin with.'];
  const fact = 'The policy is the one that the database has';
  if (found.users === 0) return [`${fact}.`];
  const users =
    found.users === 1 ? '1 link of a user to a role stays' : `${found.users} links of users to roles stay`;
  return [`${fact}; ${users} in the database alone.`];
}

/** What there is to know if the project keeps a policy of its own. */
function describeKept(policy: string, found: FoundPolicy | null): string[] {
  if (found === null) return [];
  if (found.stored === null) return ['The database holds no rules.'];
  return [
    `${policy} was kept, so the policy of the database was not written. To compare them: casbin-bootstrap diff ${policy} database`,
  ];
}

function describeConfig(hasOther: boolean, { config }: Project, policy: string): string[] {
  if (!hasOther) return [];
  return [`${config} is the configuration. See that it names the policy (${policy}) and the model.`];
}

/**
 * What docs/migration-tools.md advises.
 *
 * @param isApart whether the rule table is the application's own, or has a schema of its own
 */
function describeTool(tool: MigrationTool | null, isApart: boolean): string[] {
  if (tool === null) return [];
  const { name, command, dropsUnknown } = tool;
  const how = command === null ? '' : `: ${command} && casbin-bootstrap seed`;
  const lines = [
    `${name} runs the migrations of this project. Run seed after it, also when nothing was pending${how}.`,
  ];
  if (name === 'Kysely') lines.push('Or let its Migrator do that: withBootstrap of casbin-bootstrap/kysely.');
  if (dropsUnknown && !isApart) {
    lines.push(
      `${name} may drop tables that it does not know. Give those of this library a schema of their own: schema: 'auth' in the configuration.`,
    );
  }
  return [lines.join(' ')];
}

async function describeUntested(path: string, options: BootstrapOptions): Promise<string> {
  const { model } = await resolveModel(options);
  const shape = model === null ? '' : `, each as [${tokensOf(model, 'r').join(', ')}],`;
  return `There are no tests of your policy yet. Write requests${shape} below allow: and deny: into ${path}, and run: npx casbin-bootstrap test ${path}`;
}

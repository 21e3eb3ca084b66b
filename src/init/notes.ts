import type { MigrationTool, Project } from './project.ts';
import type { FoundPolicy } from './stored-policy.ts';

/** What is known of a project after its files were written. */
export interface PreparedProject {
  readonly project: Project;
  readonly hasDatabase: boolean;
  /** The policy of its database; null if none was looked at. */
  readonly found: FoundPolicy | null;
  /** The path of the policy. */
  readonly policy: string;
  /** Whether requests were made of its patterns, and written into it. */
  readonly isSampled: boolean;
  /** What became of the policy: `configured` is one that the existing configuration has from elsewhere. */
  readonly outcome: 'written' | 'kept' | 'configured';
  /** Whether the configuration says that no policy is defined. */
  readonly isNull: boolean;
  /** The model, as a path; null for one that is in no file. */
  readonly model: string | null;
  /** Whether a policy to begin with fits the model. */
  readonly starterFits: boolean;
  /** Whether the configuration was created. */
  readonly isConfigNew: boolean;
  /** The configuration that is used instead of a new one; null if there is none. */
  readonly otherConfig: string | null;
  /** Whether the rule table is the application's own, or has a schema of its own. */
  readonly isTableApart: boolean;
  /** The path of the tests, if they are to be written by hand, and the names of a request's values in the model. */
  readonly untested: { readonly path: string; readonly tokens: readonly string[] } | null;
  readonly lacksScripts: boolean;
}

/** What was found, and what to do about it. */
export function describeProject(prepared: PreparedProject): string[] {
  const { project, hasDatabase, isConfigNew, model, untested, lacksScripts } = prepared;
  return [
    ...describePolicy(prepared),
    ...(prepared.isSampled && prepared.outcome === 'written' ? [SAMPLED] : []),
    ...describeFit(prepared),
    ...(model === null && isConfigNew ? [MODEL_UNNAMED] : []),
    ...(hasDatabase ? [] : [DATABASE_NEEDED]),
    ...describeOtherConfig(prepared),
    ...(project.migrationTool === null ? [] : [describeTool(project.migrationTool, prepared.isTableApart)]),
    ...(untested === null ? [] : [describeUntested(untested.path, untested.tokens)]),
    ...(lacksScripts ? [SCRIPTS_MISSING] : []),
  ];
}

const SAMPLED =
  'The requests under samples were made from its patterns, so that a bootstrap has something to verify: put requests of your application in their place.';

const MODEL_UNNAMED =
  'The model is an object, which is in no file: give it in the configuration, as the option model.';

const DATABASE_NEEDED =
  'plan and seed need a database: set DATABASE_URL, or give --database-url URL, or --embedded for one without a server.';

const SCRIPTS_MISSING =
  'package.json has no scripts for these commands: casbin-bootstrap init --yes adds them.';

function describePolicy({ project: { config }, outcome, isNull, policy, found }: PreparedProject): string[] {
  if (outcome === 'configured' && isNull)
    return [
      `${config} has policy: null, so none was written. To define one here, take that out and run it again.`,
    ];
  if (outcome === 'configured') return [`${config} has a policy of its own, so no other one was written.`];
  if (outcome === 'kept') return describeKept(policy, found);
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

/** Whether the policy that was written fits the model. */
function describeFit({ outcome, found, model, starterFits }: PreparedProject): string[] {
  if (outcome !== 'written') return [];
  if (found?.misfit)
    return [
      'The policy of the database does not fit the model: lint tells where. Name the model of the application.',
    ];
  if (found?.stored || starterFits) return [];
  return [`It does not fit the model${model === null ? '' : ` ${model}`}: lint tells where. Write your own.`];
}

function describeOtherConfig({ otherConfig, outcome, policy }: PreparedProject): string[] {
  if (otherConfig === null || outcome === 'configured') return [];
  return [`${otherConfig} is the configuration. See that it names the policy (${policy}) and the model.`];
}

/** What docs/migration-tools.md advises. */
function describeTool({ name, command, dropsUnknown }: MigrationTool, isTableApart: boolean): string {
  const how = command === null ? '' : `: ${command} && casbin-bootstrap seed`;
  const lines = [
    `${name} runs the migrations of this project. Run seed after it, also when nothing was pending${how}.`,
  ];
  if (name === 'Kysely') lines.push('Or let its Migrator do that: withBootstrap of casbin-bootstrap/kysely.');
  if (dropsUnknown && !isTableApart) {
    lines.push(
      `${name} may drop tables that it does not know. Give those of this library a schema of their own: schema: 'auth' in the configuration.`,
    );
  }
  return lines.join(' ');
}

function describeUntested(path: string, tokens: readonly string[]): string {
  const shape = tokens.length === 0 ? '' : `, each as [${tokens.join(', ')}],`;
  return `There are no tests of your policy yet. Write requests${shape} below allow: and deny: into ${path}, and run: npx casbin-bootstrap test ${path}`;
}

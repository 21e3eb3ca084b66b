import { readFileSync } from 'node:fs';
import type { Model } from 'casbin';
import { applyEdits, modify } from 'jsonc-parser';
import { defaultModelPath } from '../casbin/model-file.ts';
import { compilePolicy } from '../policy/compile.ts';
import { policyToCsv } from '../policy/csv.ts';
import type { DomainPolicyDefinition, PolicyDefinition, Request } from '../policy/definition.ts';
import type { Rule } from '../policy/rule.ts';
import { policyToTypeScript, policyToYaml, printText } from '../policy/write-definition.ts';
import { decideAll } from '../verification/decide.ts';
import { readParts } from '../verification/parts.ts';
import type { Project } from './project.ts';
import type { StoredPolicy } from './stored-policy.ts';

/** How a policy is written: in a file, or as a module of the project. */
type PolicyForm = 'yaml' | 'csv' | 'module';

/** A file of a project, by its path from the folder of the project. */
export interface ProjectFile {
  readonly path: string;
  readonly text: string;
  /** The path of the file that it is about. If the project keeps another one there, this one is not written. */
  readonly about?: string;
}

/** The policy of a project that has none yet. */
export interface Starter {
  readonly policy: PolicyDefinition;
  /** The text of its test file. */
  readonly tests: string;
}

const ROLES: NonNullable<PolicyDefinition['roles']> = {
  viewer: { permissions: { documents: ['read'] } },
  editor: { inherits: ['viewer'], permissions: { documents: ['write'] } },
};

const OF_TENANTS: DomainPolicyDefinition = {
  domains: { roles: ROLES, tenants: ['acme', 'globex'] },
  never: [['viewer', 'acme', 'documents', 'write']],
};

/** For the model of this package, and for one with domains. */
export const STARTERS: readonly [Starter, ...Starter[]] = [
  {
    policy: { roles: ROLES, never: [['viewer', 'documents', 'write']] },
    tests: `tests:
  - name: an editor reads and writes documents
    given:
      - [g, alice, editor]
    allow:
      - [alice, documents, read]
      - [alice, documents, write]
  - name: a viewer only reads them
    given:
      - [g, bob, viewer]
    allow:
      - [bob, documents, read]
    deny:
      - [bob, documents, write]
`,
  },
  {
    policy: OF_TENANTS,
    tests: `tests:
  - name: an editor writes the documents of the own tenant
    given:
      - [g, alice, editor, acme]
    allow:
      - [alice, acme, documents, read]
      - [alice, acme, documents, write]
    deny:
      - [alice, globex, documents, read]
  - name: a viewer only reads them
    given:
      - [g, bob, viewer, acme]
    allow:
      - [bob, acme, documents, read]
    deny:
      - [bob, acme, documents, write]
`,
  },
];

/** The path of the tests. */
export const TESTS = 'policy.test.yaml';

/** The path of a new model. */
export const MODEL = 'model.conf';

const EDITOR_HINT =
  '# yaml-language-server: $schema=./node_modules/casbin-bootstrap/model/policy.schema.json\n';

/** What to create in a project. */
export interface ProjectContent {
  readonly form: PolicyForm;
  /** The policy of its database; null for that of the starter. */
  readonly stored: StoredPolicy | null;
  readonly starter: Starter;
  /** The rule table, if it is not the usual one. */
  readonly table: string | null;
  /** The schema of the tables, if one is given. */
  readonly schema: string | null;
  /** The model, as a path relative to the folder of the project; null for one that is in no file. */
  readonly model: string | null;
  /** Whether that file is to be written: an example to begin with. */
  readonly isNewModel: boolean;
}

/** The files to create, without package.json. */
export async function writeProjectFiles(project: Project, content: ProjectContent): Promise<ProjectFile[]> {
  const { form, stored, starter, isNewModel } = content;
  const tests = stored === null ? starter.tests : await writeTests(stored);
  return [
    ...(isNewModel ? [{ path: MODEL, text: readFileSync(defaultModelPath, 'utf8') }] : []),
    { path: policyPath(project, form), text: await writePolicy(stored?.definition ?? starter.policy, form) },
    ...(tests === null ? [] : [{ path: TESTS, about: policyPath(project, form), text: tests }]),
    { path: configPath(project), text: writeConfig(project, content) },
  ];
}

/** The path of the configuration. */
export function configPath({ ending }: Project): string {
  return `casbin-bootstrap.config${ending}`;
}

/** The path of the policy. */
export function policyPath({ ending }: Project, form: PolicyForm): string {
  return form === 'module' ? `policy${ending}` : `policy.${form}`;
}

async function writePolicy(definition: PolicyDefinition, form: PolicyForm): Promise<string> {
  if (form === 'csv') return policyToCsv(definition);
  return form === 'module' ? policyToTypeScript(definition) : EDITOR_HINT + (await policyToYaml(definition));
}

/**
 * A request for the first rule of each role, as the policy decides it now. Null if no requests follow from the rules:
 * they hold patterns, or requests have other values.
 */
async function writeTests({ definition, model, configureEnforcer }: StoredPolicy): Promise<string | null> {
  const rules = compilePolicy(definition);
  const requests = listFirstRequests(model, rules);
  const answers = await decideAll(model, rules, requests, configureEnforcer);
  const decided = (allowed: boolean) =>
    requests.filter((_, index) => answers[index]?.allowed === allowed && answers[index].error === null);
  const tests = { allow: decided(true), deny: decided(false) };
  const used = Object.entries(tests).filter(([, some]) => some.length > 0);
  return used.length === 0 ? null : policyToYaml(Object.fromEntries(used));
}

/** Empty for a model from whose rules no requests follow. */
function listFirstRequests(model: Model, rules: readonly Rule[]): Request[] {
  const parts = readParts(model);
  if (parts === null) return [];
  const { requestTokens, policyTokens, subject } = parts;
  const firsts = new Map<string, Request>();
  for (const { ptype, values } of rules) {
    const take = (token: string) => values[policyTokens.indexOf(token)] ?? '';
    const role = take(subject);
    if (ptype !== 'p' || values.length !== policyTokens.length) continue;
    if (!firsts.has(role)) firsts.set(role, requestTokens.map(take));
  }
  return [...firsts.values()];
}

function writeConfig(project: Project, { form, table, schema, model }: ProjectContent): string {
  const path = policyPath(project, form);
  const imported = form === 'module' ? `import { policy } from './${path.replace(/\.ts$/, '.js')}';\n` : '';
  return `import { defineConfig } from 'casbin-bootstrap';
${imported}
export default defineConfig({${optionLine('model', model)}
  ${form === 'module' ? 'policy' : `policy: '${path}'`},${optionLine('schema', schema)}${optionLine('table', table)}
  // Reference data of the application, as rowSeeder({ name, table, key, rows })
  seeders: [],
});
`;
}

function optionLine(name: string, value: string | null): string {
  return value === null ? '' : `\n  ${name}: ${printText(value)},`;
}

/** The scripts for package.json. */
const SCRIPTS: Readonly<Record<string, string>> = {
  'policy:lint': 'casbin-bootstrap lint',
  'policy:test': `casbin-bootstrap test ${TESTS}`,
  'policy:plan': 'casbin-bootstrap plan',
  'policy:seed': 'casbin-bootstrap seed',
};

/**
 * package.json with the missing scripts, in its own indentation; null if none is missing. Without tests of the policy,
 * the script that runs them would fail.
 */
export function addScripts({ manifest, scripts }: Project, hasTests: boolean): string | null {
  const missing = Object.entries(SCRIPTS).filter(
    ([name]) => !Object.hasOwn(scripts, name) && (hasTests || name !== 'policy:test'),
  );
  if (missing.length === 0) return null;
  const indent = /^([ \t]+)"/m.exec(manifest)?.[1] ?? '  ';
  const formattingOptions = { insertSpaces: !indent.includes('\t'), tabSize: indent.length };
  return missing.reduce(
    (text, [name, command]) =>
      applyEdits(text, modify(text, ['scripts', name], command, { formattingOptions })),
    manifest,
  );
}

import { readFileSync } from 'node:fs';
import { applyEdits, modify } from 'jsonc-parser';
import { defaultModelPath } from '../casbin/model-file.ts';
import { policyToCsv } from '../policy/csv.ts';
import type { DomainPolicyDefinition, PolicyDefinition } from '../policy/definition.ts';
import { policyToTypeScript, policyToYaml } from '../policy/write-definition.ts';
import type { Project } from './project.ts';

/** How a policy is written: in a file, or as a module of the project. */
type PolicyForm = 'yaml' | 'csv' | 'module';

/** A file of a project, by its path from the folder of the project. */
export interface ProjectFile {
  readonly path: string;
  readonly text: string;
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

const TESTS = 'policy.test.yaml';
const MODEL = 'model.conf';
const EDITOR_HINT =
  '# yaml-language-server: $schema=./node_modules/casbin-bootstrap/model/policy.schema.json\n';

/** What to create in a project. */
export interface ProjectContent {
  readonly form: PolicyForm;
  /** The policy of its database; null for that of the starter. */
  readonly policy: PolicyDefinition | null;
  readonly starter: Starter;
  /** The rule table, if it is not the usual one. */
  readonly table: string | null;
  /** The schema of the tables, if one is given. */
  readonly schema: string | null;
  /** The existing model, as a path relative to the folder of the project; null for an example to begin with. */
  readonly model: string | null;
}

/** The files to create, without package.json. */
export async function writeProjectFiles(project: Project, content: ProjectContent): Promise<ProjectFile[]> {
  const { form, policy, starter, model } = content;
  return [
    ...(model === null ? [{ path: MODEL, text: readFileSync(defaultModelPath, 'utf8') }] : []),
    { path: policyPath(project, form), text: await writePolicy(policy ?? starter.policy, form) },
    { path: TESTS, text: policy === null ? starter.tests : await writeTests(policy) },
    { path: configPath(project), text: writeConfig(project, content) },
  ];
}

/** The path of the configuration. */
export function configPath({ ending }: Project): string {
  return `casbin-bootstrap.config${ending}`;
}

function policyPath({ ending }: Project, form: PolicyForm): string {
  return form === 'module' ? `policy${ending}` : `policy.${form}`;
}

async function writePolicy(definition: PolicyDefinition, form: PolicyForm): Promise<string> {
  if (form === 'csv') return policyToCsv(definition);
  return form === 'module' ? policyToTypeScript(definition) : EDITOR_HINT + (await policyToYaml(definition));
}

/** A request for one permission of each role, as the policy decides it now. */
async function writeTests({ roles = {}, rules = [] }: PolicyDefinition): Promise<string> {
  const ofRoles = Object.entries(roles).flatMap(([role, { permissions = {} }]) =>
    Object.entries(permissions)
      .slice(0, 1)
      .flatMap(([resource, actions = []]) => actions.slice(0, 1).map((action) => [role, resource, action])),
  );
  const raw = rules.filter(([ptype]) => ptype === 'p').map((rule) => rule.slice(1));
  return policyToYaml({ allow: [...ofRoles, ...(ofRoles.length === 0 ? raw.slice(0, 5) : [])] });
}

function writeConfig(project: Project, { form, table, schema, model }: ProjectContent): string {
  const path = policyPath(project, form);
  const imported = form === 'module' ? `import { policy } from './${path.replace(/\.ts$/, '.js')}';\n` : '';
  return `import { defineConfig } from 'casbin-bootstrap';
${imported}
export default defineConfig({
  model: ${quote(model ?? MODEL)},
  ${form === 'module' ? 'policy' : `policy: '${path}'`},${optionLine('schema', schema)}${optionLine('table', table)}
  // Reference data of the application, as rowSeeder({ name, table, key, rows })
  seeders: [],
});
`;
}

function optionLine(name: string, value: string | null): string {
  return value === null ? '' : `\n  ${name}: ${quote(value)},`;
}

function quote(text: string): string {
  return `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
}

/** The scripts for package.json. */
const SCRIPTS: Readonly<Record<string, string>> = {
  'policy:lint': 'casbin-bootstrap lint',
  'policy:test': `casbin-bootstrap test ${TESTS}`,
  'policy:plan': 'casbin-bootstrap plan',
  'policy:seed': 'casbin-bootstrap seed',
};

/** package.json with the missing scripts, in its own indentation; null if none is missing. */
export function addScripts({ manifest, scripts }: Project): string | null {
  const missing = Object.entries(SCRIPTS).filter(([name]) => !Object.hasOwn(scripts, name));
  if (missing.length === 0) return null;
  const indent = /^([ \t]+)"/m.exec(manifest)?.[1] ?? '  ';
  const formattingOptions = { insertSpaces: !indent.includes('\t'), tabSize: indent.length };
  return missing.reduce(
    (text, [name, command]) =>
      applyEdits(text, modify(text, ['scripts', name], command, { formattingOptions })),
    manifest,
  );
}

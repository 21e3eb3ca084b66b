import { statSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { BootstrapOptions } from '../options.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { policyToTypeScript, policyToYaml } from '../policy/write-definition.ts';
import type { PulledPolicy } from '../review/pull-policy.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addExamples, addFormatOptions, addModelOption } from './flags.ts';
import type { Origins } from './origins.ts';

interface ExportFlags {
  readonly as: keyof typeof WRITERS;
  readonly users?: true;
}

const WRITERS = {
  yaml: policyToYaml,
  json: (definition) => `${JSON.stringify(definition, null, 2)}\n`,
  csv: async (definition) => (await import('../index.ts')).policyToCsv(definition),
  typescript: policyToTypeScript,
} as const satisfies Record<string, (definition: PolicyDefinition) => string | Promise<string>>;

/** Adds `casbin-bootstrap export`: the policy of a database as a definition. */
export function addExportCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('export')
    .alias('pull')
    .description('Write the policy of a database as a definition: what roles may do and inherit.')
    .addOption(new Option('--as <form>', 'what to write').choices(Object.keys(WRITERS)).default('yaml'))
    .option('--users', 'write the links of users to roles too, as rules');
  addFormatOptions(command, 'data');
  addModelOption(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'export > policy.yaml',
    'export --as typescript > src/policy.ts',
    'export --as csv --users --table casbin_rule > policy.csv',
  ]);
  command.action(() => run<ExportFlags>(command, exportPolicy));
}

async function exportPolicy({
  flags,
  options,
  origins,
  withDatabase,
}: CommandContext<ExportFlags>): Promise<Outcome> {
  const { pullPolicy } = await import('../index.ts');
  const policy = await readConfigured(options.policy, origins);
  const pulled = await withDatabase(({ pool }) => pullPolicy(pool, { ...options, policy }));
  const definition = flags.users ? withUsers(pulled) : pulled.definition;
  const written = await WRITERS[flags.as](definition);
  return { document: pulled, isData: true, pretty: () => written.trimEnd() };
}

/**
 * The policy of the configuration. An empty file counts as none: in `export > policy.yaml`, the shell empties it first.
 */
async function readConfigured(
  policy: BootstrapOptions['policy'],
  origins: Origins,
): Promise<BootstrapOptions['policy']> {
  if (typeof policy !== 'string') return policy;
  return isEmptyFile(policy) ? null : origins.readPolicy(policy);
}

/** False for a file that can't be looked at: to read it is refused with the reason. */
function isEmptyFile(path: string): boolean {
  try {
    return statSync(path).size === 0;
  } catch {
    return false;
  }
}

function withUsers({ definition, userLinks }: PulledPolicy): PolicyDefinition {
  return { ...definition, rules: [...(definition.rules ?? []), ...userLinks] };
}

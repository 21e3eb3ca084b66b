import type { Command } from 'commander';
import { policyToMermaid } from '../policy-to-mermaid.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { EXIT } from './exit-code.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples } from './flags.ts';
import { OFFLINE_OPTION, type OfflineFlags, withPolicy } from './policy-of.ts';

interface GraphFlags extends OfflineFlags {
  readonly users?: true;
}

/** Adds `casbin-bootstrap graph`: the role hierarchy as a picture. */
export function addGraphCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('graph')
    .description('Draw the roles, what they may do and what they inherit, as a Mermaid flowchart.')
    .option(...OFFLINE_OPTION)
    .option('--users', 'users of the database too');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, ['graph > roles.mmd', 'graph --offline --policy policy.yaml']);
  command.action(() => run<GraphFlags>(command, drawGraph));
}

async function drawGraph(context: CommandContext<GraphFlags>): Promise<Outcome> {
  const { users = false } = context.flags;
  const mermaid = await withPolicy(context, (source) => policyToMermaid(source, context.options, { users }));
  return { exitCode: EXIT.SUCCESS, document: { mermaid }, isData: true, pretty: () => mermaid.trimEnd() };
}

import { type Command, Option } from 'commander';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';
import { OFFLINE_OPTION, type OfflineFlags, withPolicy } from './policy-of.ts';
import { HTML_OPTION, writePageOf } from './report.ts';

interface GraphFlags extends OfflineFlags {
  readonly as: keyof typeof DRAWERS;
  readonly users?: true;
  readonly html?: string;
}

const DRAWERS = { mermaid: 'policyToMermaid', svg: 'policyToSvg' } as const;

/** Adds `casbin-bootstrap graph`: the role hierarchy as a picture. */
export function addGraphCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('graph')
    .description('Draw the roles, what they may do and what they inherit, as a Mermaid flowchart or SVG.')
    .addOption(new Option('--as <form>', 'what to draw').choices(Object.keys(DRAWERS)).default('mermaid'))
    .option(...OFFLINE_OPTION)
    .option('--users', 'users of the database too')
    .option(...HTML_OPTION);
  addFormatOptions(command, 'data');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, ['graph > roles.mmd', 'graph --as svg --offline --policy policy.yaml > roles.svg']);
  command.action(() => run<GraphFlags>(command, drawGraph));
}

async function drawGraph(context: CommandContext<GraphFlags>): Promise<Outcome> {
  const { as, html, users = false } = context.flags;
  if (html !== undefined) return writePageOf(context, html);
  const { [DRAWERS[as]]: draw } = await import('../index.ts');
  const drawn = await withPolicy(context, (source) => draw(source, context.options, { users }));
  return { document: { [as]: drawn }, isData: true, pretty: () => drawn.trimEnd() };
}

import type { Command } from 'commander';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';
import { OFFLINE_OPTION, type OfflineFlags, withDatabaseOrDefinition } from './policy-of.ts';

/** Adds `casbin-bootstrap explain`: why a request is allowed or denied. */
export function addExplainCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('explain')
    .description('Explain why a request is allowed or denied, and what would be needed.')
    .usage('[options] <subject> <object> <action>')
    .argument('<values...>', "the values of the request, in the order of the model's request definition")
    .option(...OFFLINE_OPTION);
  addFormatOptions(command, 'news');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'explain alice invoices write',
    'explain clerk invoices delete --offline --policy policy.yaml',
    'explain alice tenant1 invoices read --model domains.conf --policy policy.csv',
  ]);
  command.action((request: string[]) => run<OfflineFlags>(command, (context) => explain(request, context)));
}

async function explain(request: readonly string[], context: CommandContext<OfflineFlags>): Promise<Outcome> {
  const { explainDecision } = await import('../index.ts');
  const { listExplanationRemarks, renderExplanation } = await import('../render/explanation.ts');
  return withDatabaseOrDefinition(context, async ({ pool, where, note }) => {
    const explanation = await explainDecision(pool, request, context.options);
    return {
      document: explanation,
      note,
      pretty: ({ color }) => `${where}\n\n${renderExplanation(explanation, { color })}`,
      remarks: () => listExplanationRemarks(explanation),
    };
  });
}

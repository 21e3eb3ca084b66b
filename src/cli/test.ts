import type { Command } from 'commander';
import { listTestRemarks, renderTests } from '../render/tests.ts';
import { type PolicyTestFilter, testPolicy } from '../test-policy.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { EXIT } from './exit-code.ts';
import { addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';

/** Adds `casbin-bootstrap test`: files of expectations against the policy. */
export function addTestCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('test')
    .description('Test the policy by files of requests that must be allowed or denied; needs no database.')
    .argument('<files...>', 'YAML or JSON: allow, deny, and rules that are given beside the policy')
    .option('--subject <name>', 'only requests of this subject')
    .option('--name <text>', 'only tests whose name has this in it');
  addFormatOptions(command, ['compact', 'github', 'junit', 'sarif']);
  addDefinitionOptions(command);
  addExamples(command, [
    'test policy.test.yaml --policy policy.yaml',
    'test tests/*.yaml --subject alice',
    'test tests/*.yaml --format junit > junit.xml',
  ]);
  command.action((files: string[]) => run<PolicyTestFilter>(command, (context) => test(files, context)));
}

async function test(
  files: readonly string[],
  { flags, options }: CommandContext<PolicyTestFilter>,
): Promise<Outcome> {
  const report = await testPolicy(files, options, flags);
  return {
    exitCode: report.ok ? EXIT.SUCCESS : EXIT.FAILURE,
    document: report,
    pretty: (look) => renderTests(report, look),
    remarks: () => listTestRemarks(report),
  };
}

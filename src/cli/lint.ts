import type { Command } from 'commander';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { EXIT } from './exit-code.ts';
import { addDefinitionOptions, addExamples, addFormatOptions, readPercent } from './flags.ts';

interface LintFlags {
  readonly coverage?: number;
}

/** Adds `casbin-bootstrap lint`: what is wrong with model and policy, without a database. */
export function addLintCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('lint')
    .description('Check model and policy without a database; every problem with file, line and column.')
    .option('--coverage <percent>', 'how many of the rules must decide a request', readPercent);
  addFormatOptions(command, 'places');
  addDefinitionOptions(command);
  addExamples(command, [
    'lint --policy policy.yaml',
    'lint --coverage 100 --model model.conf --policy policy.csv',
    'lint --format github',
    'lint --format sarif > lint.sarif',
  ]);
  command.action(() => run<LintFlags>(command, lint));
}

async function lint({ flags, options, policyNote, origins }: CommandContext<LintFlags>): Promise<Outcome> {
  const { lintPolicy } = await import('../index.ts');
  const { listLintRemarks, renderLint } = await import('../render/lint.ts');
  const found = await lintPolicy(options, flags);
  const report = {
    ...found,
    problems: found.problems.map((problem) => origins.place(problem)),
    warnings: found.warnings.map((warning) => origins.place(warning)),
  };
  return {
    exitCode: report.ok ? EXIT.SUCCESS : EXIT.FAILURE,
    document: report,
    note: policyNote,
    pretty: (look) => renderLint(report, look),
    remarks: () => listLintRemarks(report),
  };
}

import { type Command, Option } from 'commander';
import { InvalidOptionsError } from '../errors.ts';
import type { PolicyTestFilter, PolicyTestReport, PolicyTestRequirements } from '../review/test-policy.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { addDefinitionOptions, addExamples, addFormatOptions, readPercent } from './flags.ts';
import { writeOutput } from './write-output.ts';

interface TestFlags extends PolicyTestFilter, PolicyTestRequirements {
  readonly lcov?: string;
  readonly failOn: 'warning' | 'none';
}

/** Adds `casbin-bootstrap test`: the expectations of the policy and of files. */
export function addTestCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('test')
    .description(
      'Test the policy without a database: by its own allow, deny and never, and by files of requests.',
    )
    .argument('[files...]', 'YAML or JSON: allow, deny, and rules that are given beside the policy')
    .option('--subject <name>', 'only requests of this subject')
    .option('--name <text>', 'only tests whose name has this in it')
    .option('--coverage <percent>', 'list the rules; so many of them must decide a request', readPercent)
    .option('--lcov <file>', 'write which lines of the policy file are tested, as LCOV')
    .addOption(
      new Option('--fail-on <what>', 'end with exit code 3 on warnings, or never')
        .choices(['warning', 'none'])
        .default('none'),
    );
  addFormatOptions(command, 'places');
  addDefinitionOptions(command);
  addExamples(command, [
    'test --policy policy.yaml',
    'test tests/*.yaml --subject alice',
    'test tests/*.yaml --format junit > junit.xml',
    'test policy.test.yaml --coverage 100 --lcov coverage/lcov.info',
  ]);
  command.action((files: string[]) => run<TestFlags>(command, (context) => test(files, context)));
}

async function test(
  files: readonly string[],
  { flags, options, policyNote }: CommandContext<TestFlags>,
): Promise<Outcome> {
  const { testPolicy } = await import('../index.ts');
  const { listTestRemarks, renderTests } = await import('../render/tests.ts');
  const report = await testPolicy(files, options, flags, flags);
  if (flags.lcov !== undefined) await writeLcov(flags.lcov, report);
  return {
    exitCode: exitCodeOfTests(report, flags),
    document: report,
    note: policyNote,
    pretty: (look) => renderTests(report, { ...look, coverage: flags.coverage !== undefined }),
    remarks: () => listTestRemarks(report),
  };
}

function exitCodeOfTests({ ok, warnings }: PolicyTestReport, { failOn }: TestFlags): ExitCode {
  if (!ok) return EXIT.FAILURE;
  return failOn === 'warning' && warnings.length > 0 ? EXIT.DIFFERENCE : EXIT.SUCCESS;
}

async function writeLcov(file: string, { coverage }: PolicyTestReport): Promise<void> {
  const { coverageToLcov } = await import('../index.ts');
  const lcov = coverageToLcov(coverage);
  if (lcov === '') {
    const message = 'no rule of the policy was read from a file, so there are no lines. Give --policy.';
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: '--lcov', message }]);
  }
  await writeOutput('--lcov', file, lcov);
}

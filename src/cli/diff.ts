import { type Command, Option } from 'commander';
import type { PolicyDiff } from '../review/diff-policies.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { EXIT, type ExitCode } from './exit-code.ts';
import { addDatabaseOptions, addExamples, addFormatOptions, addModelOption } from './flags.ts';

interface DiffFlags {
  readonly failOn: 'more' | 'change' | 'none';
}

/** The argument that stands for the policy of the database. */
const DATABASE = 'database';

/** Adds `casbin-bootstrap diff`: how two policies differ, in rules and decisions. */
export function addDiffCommand(program: Command, run: RunCommand): void {
  const sources = `a policy file or module, a file of a git revision as HEAD~1:policy.yaml, or "${DATABASE}"`;
  const command = program
    .command('diff')
    .description('Compare two policies: rules, and who may now do what they could not, and the reverse.')
    .argument('<before>', sources)
    .argument('<after>', 'the same')
    .addOption(
      new Option('--fail-on <what>', 'end with exit code 3 where more is allowed, on any change, or never')
        .choices(['more', 'change', 'none'])
        .default('none'),
    );
  addFormatOptions(command, 'news');
  addModelOption(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'diff HEAD~1:policy.yaml policy.yaml',
    'diff origin/main:policy.yaml policy.yaml --fail-on more',
    'diff policy.yaml database',
  ]);
  command.action((before: string, after: string) =>
    run<DiffFlags>(command, (context) => diff([before, after], context)),
  );
}

async function diff(
  [before, after]: readonly [string, string],
  { flags, options, origins, withDatabase }: CommandContext<DiffFlags>,
): Promise<Outcome> {
  const { diffPolicies } = await import('../index.ts');
  const { listDiffRemarks, renderDiff } = await import('../render/diff.ts');
  const [one, other] = [await origins.readPolicy(before, 'before'), await origins.readPolicy(after, 'after')];
  const difference =
    one === DATABASE || other === DATABASE
      ? await withDatabase(({ pool }) =>
          diffPolicies(one === DATABASE ? pool : one, other === DATABASE ? pool : other, options),
        )
      : await diffPolicies(one, other, options);
  return {
    exitCode: exitCodeOfDiff(difference, flags),
    document: difference,
    pretty: (look) => renderDiff(difference, look),
    remarks: () => listDiffRemarks(difference),
  };
}

function exitCodeOfDiff({ rules, decisions }: PolicyDiff, { failOn }: DiffFlags): ExitCode {
  const { more, less } = decisions;
  const isOther = rules.reordered || rules.added.length + rules.removed.length > 0;
  // If the requests are not known, each rule that differs may allow more, and so may another order.
  const mayAllowMore = more.length > 0 || (isOther && !decisions.isWhole);
  const isDifferent = { none: false, more: mayAllowMore, change: mayAllowMore || less.length > 0 || isOther }[
    failOn
  ];
  return isDifferent ? EXIT.DIFFERENCE : EXIT.SUCCESS;
}

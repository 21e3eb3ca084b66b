import type { Command } from 'commander';
import type { DatabaseStatus } from '../inspect/read-status.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addFailOnOption, EXIT, type ExitCode, exitCodeFor, type FailOnFlags } from './exit-code.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';

/** Adds `casbin-bootstrap status`: what is installed, in a few lines. */
export function addStatusCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('status')
    .description('Tell what is installed: table, migrations, rules, drift; changes nothing.');
  addFailOnOption(command, 'anything to do, and on drift');
  addFormatOptions(command, 'news');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, ['status --policy policy.yaml', 'status --format json --fail-on none']);
  command.action(() => run<FailOnFlags>(command, tellStatus));
}

async function tellStatus({ flags, options, withDatabase }: CommandContext<FailOnFlags>): Promise<Outcome> {
  const { readStatus } = await import('../index.ts');
  const { listStatusRemarks, renderStatus } = await import('../render/status.ts');
  return withDatabase(async ({ pool, where }) => {
    const status = await readStatus(pool, options);
    return {
      exitCode: exitCodeOfStatus(status, flags),
      document: status,
      pretty: ({ color }) => renderStatus(status, { where, color }),
      remarks: () => listStatusRemarks(status),
    };
  });
}

/**
 * A missing rule is a difference here, because a bootstrap would insert it; for a verification it is a failure. No
 * bootstrap removes what is allowed under `never`.
 */
function exitCodeOfStatus({ isComplete, verification }: DatabaseStatus, flags: FailOnFlags): ExitCode {
  const isViolated = verification?.failures.some(({ kind }) => kind === 'never') ?? false;
  if (verification !== null && (isComplete || isViolated)) return exitCodeFor(verification, flags);
  return flags.failOn === 'none' ? EXIT.SUCCESS : EXIT.DIFFERENCE;
}

import type { Command } from 'commander';
import { planBootstrap } from '../plan-bootstrap.ts';
import { renderPlan } from '../render/plan.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { EXIT } from './exit-code.ts';
import { addFailOnOption, exitCodeFor, type FailOnFlags } from './fail-on.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';
import { withProgressBar } from './progress-bar.ts';

/** Adds `casbin-bootstrap plan`: what a bootstrap would do. */
export function addPlanCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('plan')
    .description('Tell what seed would do: migrations, rules, rows. It is tried and rolled back.');
  addFailOnOption(command, 'anything to do, and on drift');
  addFormatOptions(command);
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, ['plan --policy policy.yaml', 'plan --fail-on none --format json']);
  command.action(() => run<FailOnFlags>(command, plan));
}

function plan({ flags, options, logger, withDatabase }: CommandContext<FailOnFlags>): Promise<Outcome> {
  return withDatabase(async ({ pool, where }) => {
    const planned = await withProgressBar(
      (onProgress) => planBootstrap(pool, { ...options, onProgress }),
      logger,
    );
    const wouldChange = planned.changed && flags.failOn !== 'none';
    return {
      exitCode: wouldChange ? EXIT.DIFFERENCE : exitCodeFor(planned.verification, flags),
      document: planned,
      pretty: ({ color }) => renderPlan(planned, { where, color }),
    };
  });
}

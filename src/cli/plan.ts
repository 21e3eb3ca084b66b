import { type Command, Option } from 'commander';
import { InvalidOptionsError } from '../errors.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addFailOnOption, EXIT, exitCodeFor, type FailOnFlags } from './exit-code.ts';
import {
  addDatabaseOptions,
  addDefinitionOptions,
  addExamples,
  addFormatOptions,
  type FormatFlags,
} from './flags.ts';

interface PlanFlags extends FailOnFlags, FormatFlags {
  readonly sql?: true;
  readonly schemaOnly?: true;
}

/** Adds `casbin-bootstrap plan`: what a bootstrap would do. */
export function addPlanCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('plan')
    .description('Tell what seed would do: migrations, rules, rows. It is tried and rolled back.')
    .option('--sql', 'print all of it as SQL that can be run any number of times; needs no database')
    .addOption(new Option('--schema-only', 'of the SQL, print the tables only').implies({ sql: true }));
  addFailOnOption(command, 'anything to do, and on drift');
  addFormatOptions(command, 'news');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'plan --policy policy.yaml',
    'plan --fail-on none --format json',
    'plan --sql --schema auth > V2__policy.sql',
    'plan --sql --schema-only',
  ]);
  command.action(() =>
    run<PlanFlags>(command, (context) => (context.flags.sql ? printSql(context) : plan(context))),
  );
}

async function printSql({ flags, options }: CommandContext<PlanFlags>): Promise<Outcome> {
  if (flags.format !== 'pretty' && flags.format !== 'json') {
    const message = `there is no ${flags.format} for --sql, which prints data. Use pretty or json.`;
    throw new InvalidOptionsError([{ code: 'OPTION_INVALID', at: '--format', message }]);
  }
  const { writeBootstrapSql } = await import('../index.ts');
  const sql = await writeBootstrapSql(options, { schemaOnly: flags.schemaOnly ?? false });
  return { document: { sql }, isData: true, pretty: () => sql.trimEnd() };
}

async function plan({
  flags,
  options,
  policyNote,
  withDatabase,
}: CommandContext<PlanFlags>): Promise<Outcome> {
  const { planBootstrap } = await import('../index.ts');
  const { listPlanRemarks, renderPlan } = await import('../render/plan.ts');
  return withDatabase(async ({ pool, where, onProgress }) => {
    const planned = await planBootstrap(pool, { ...options, onProgress });
    const wouldChange = planned.changed && flags.failOn !== 'none';
    return {
      exitCode: wouldChange ? EXIT.DIFFERENCE : exitCodeFor(planned.verification, flags),
      document: planned,
      note: policyNote,
      pretty: ({ color }) => renderPlan(planned, { where, color }),
      remarks: () => listPlanRemarks(planned),
    };
  });
}

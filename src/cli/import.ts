import type { Command } from 'commander';
import type { BootstrapReport } from '../bootstrap-report.ts';
import { readUserName } from './change.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addExamples, addFormatOptions, addModelOption } from './flags.ts';

interface ImportFlags {
  readonly reason?: string;
  readonly actor?: string;
  readonly dryRun?: true;
}

/** Adds `casbin-bootstrap import`: adds the rules of a file to a database. */
export function addImportCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('import')
    .description('Add the rules of a file to a database, those of users too: the reverse of export.')
    .argument('<file>', "Casbin's .csv, .yaml, .json, or a module that exports a definition (.ts, .js, .mjs)")
    .option('--reason <text>', 'why, for the journal')
    .option('--actor <name>', "who imports it, for the journal (default: the operating system's user)")
    .option('--dry-run', 'do everything, verify, roll back, and report what would change');
  addFormatOptions(command, 'news');
  addModelOption(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'import policy.csv --model model.conf',
    'import policy.yaml --dry-run --reason "ticket 7"',
  ]);
  command.action((file: string) => run<ImportFlags>(command, (context) => importFile(file, context)));
}

async function importFile(
  file: string,
  { flags, options, origins, withDatabase }: CommandContext<ImportFlags>,
): Promise<Outcome> {
  const { importPolicy } = await import('../index.ts');
  const { listSummaryRemarks, renderSummary } = await import('../render/summary.ts');
  const policy = await origins.readPolicy(file);
  const given = {
    ...options,
    actor: flags.actor ?? readUserName(),
    ...(flags.reason === undefined ? {} : { reason: flags.reason }),
    dryRun: flags.dryRun ?? options.dryRun ?? false,
  };
  return withDatabase(async ({ pool, where, onProgress }) => {
    const report = await importPolicy(pool, policy, { ...given, onProgress });
    const told = withoutDrift(report);
    return {
      document: report,
      pretty: ({ color }) => renderSummary(told, { where, color }),
      remarks: () => listSummaryRemarks(told),
    };
  });
}

/** Leaves out drift, and that other rows may hold some: the file need not contain the other rules of the table. */
function withoutDrift({ verification, ...rest }: BootstrapReport): BootstrapReport {
  const omitted = { ...verification.omitted, drift: 0 };
  const scope = { ...verification.scope, kind: 'whole' } as const;
  return { ...rest, verification: { ...verification, drift: [], omitted, scope } };
}

import type { Command } from 'commander';
import type { PageOptions } from '../page/create-page.ts';
import { remark } from '../render/remark.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';
import { isOffline, OFFLINE_OPTION, type OfflineFlags, withDatabaseOrDefinition } from './policy-of.ts';
import { writeOutput } from './write-output.ts';

interface ReportFlags extends OfflineFlags {
  readonly html: string;
  readonly strict?: true;
  readonly users: boolean;
}

/** Adds `casbin-bootstrap report`: a page that shows the policy to people. */
export function addReportCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('report')
    .description(
      'Write a page with roles × permissions, the reason of each, the hierarchy and the differences.',
    )
    .requiredOption('--html <file>', 'the file to write: one HTML page that loads nothing')
    .option('--strict', 'drift is a failure')
    .option('--no-users', 'leave out the names of users')
    .option(...OFFLINE_OPTION);
  addFormatOptions(command, 'news');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'report --html policy.html --policy policy.yaml',
    'report --html policy.html --policy policy.yaml --offline',
    'report --html policy.html --policy policy.yaml --no-users',
  ]);
  command.action(() => run<ReportFlags>(command, report));
}

function report(context: CommandContext<ReportFlags>): Promise<Outcome> {
  const { html, users, strict } = context.flags;
  return writePage(context, html, { ...context.options, users, ...(strict && { strict: true }) });
}

/** Writes the page of the database, or of the policy as it is defined, to a file. */
function writePage(
  context: CommandContext<OfflineFlags>,
  file: string,
  options: PageOptions,
): Promise<Outcome> {
  return withDatabaseOrDefinition(context, async ({ pool, where, note }) => {
    const { createPage } = await import('../index.ts');
    const page = await createPage(pool, options);
    await writeOutput('--html', file, page);
    const bytes = Buffer.byteLength(page);
    const message = `Wrote ${file} (${Math.ceil(bytes / 1000).toLocaleString('en-US')} kB).`;
    return {
      document: { file, bytes },
      note,
      pretty: () => `${where}\n\n${message}`,
      remarks: () => [remark('note', 'PAGE_WRITTEN', message)],
    };
  });
}

/** The option for commands that show a part of the page. */
export const HTML_OPTION = ['--html <file>', 'write the page of report instead, with all of it'] as const;

/** Writes the page for a command that shows a policy. It compares with a definition only if one is given. */
export function writePageOf(
  context: CommandContext<OfflineFlags & { readonly users?: true }>,
  file: string,
): Promise<Outcome> {
  const { flags, options } = context;
  const policy = isOffline(context) || options.policy !== undefined ? {} : { policy: null };
  return writePage(context, file, { ...options, ...policy, users: flags.users ?? false });
}

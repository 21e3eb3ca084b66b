import { createInterface } from 'node:readline/promises';
import { type Command, Option } from 'commander';
import type { InitOptions, ProjectChange } from '../init/init-project.ts';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import {
  addDatabaseOptions,
  addExamples,
  addFormatOptions,
  addModelOption,
  type ConnectionFlags,
} from './flags.ts';

interface InitFlags extends ConnectionFlags {
  readonly form: NonNullable<InitOptions['form']>;
  readonly yes?: true;
}

/** Adds `casbin-bootstrap init`: prepares a project. */
export function addInitCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('init')
    .description('Prepare this project: model, policy, tests of it, configuration, scripts of package.json.')
    .addOption(
      new Option('--form <form>', 'how the policy is written')
        .choices(['yaml', 'csv', 'module'])
        .default('yaml'),
    )
    .option('--yes', 'ask nothing: add the scripts to package.json, and keep all other files that are there');
  addFormatOptions(command, 'news');
  addModelOption(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'init',
    'init --form module --yes',
    'init --database-url postgres://app@localhost/shop',
  ]);
  command.action(() => run<InitFlags>(command, init));
}

async function init({
  flags,
  options,
  hasDatabase,
  withDatabase,
}: CommandContext<InitFlags>): Promise<Outcome> {
  const { initProject } = await import('../index.ts');
  const { listInitRemarks, renderInit } = await import('../render/init.ts');
  const wanted = { form: flags.form, confirm: flags.yes ? isAddition : ask };
  const prepared = hasDatabase
    ? await withDatabase(({ pool }) => initProject(process.cwd(), pool, wanted, options))
    : await initProject(process.cwd(), null, wanted, options);
  const isOfArgument = flags.databaseUrl !== undefined || flags.embedded !== undefined;
  const report = isOfArgument ? { ...prepared, notes: [...prepared.notes, DATABASE_AGAIN] } : prepared;
  return {
    document: report,
    pretty: () => renderInit(report),
    remarks: () => listInitRemarks(report),
  };
}

const DATABASE_AGAIN =
  'plan and seed need this database too: give them the same argument, or set DATABASE_URL.';

/** Whether a change keeps all that is in the file. */
function isAddition({ path }: ProjectChange): boolean {
  return path === 'package.json';
}

/** Asks only in a terminal. Elsewhere, the file is not changed. */
async function ask(change: ProjectChange): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // The terminal gets Ctrl+C instead of the process.
  terminal.once('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    // Ctrl+D gives no answer.
    const { path } = change;
    const question = isAddition(change) ? `Add scripts to ${path}?` : `${path} is there. Replace it?`;
    const answer = await terminal.question(`${question} [y/N] `).catch(() => '');
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

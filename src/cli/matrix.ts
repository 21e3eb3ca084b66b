import type { Command } from 'commander';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';
import { isOffline, OFFLINE_OPTION, type OfflineFlags, withPolicy } from './policy-of.ts';
import { HTML_OPTION, writePageOf } from './report.ts';

interface MatrixFlags extends OfflineFlags {
  readonly users?: true;
  readonly html?: string;
}

/** Adds `casbin-bootstrap matrix`: roles × permissions. */
export function addMatrixCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('matrix')
    .description('Show who may do what: roles × permissions, their own and inherited ones.')
    .option(...OFFLINE_OPTION)
    .option('--users', 'users of the database too')
    .option(...HTML_OPTION);
  addFormatOptions(command, 'news');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, ['matrix', 'matrix --offline --policy policy.yaml', 'matrix --users --format json']);
  command.action(() => run<MatrixFlags>(command, showMatrix));
}

async function showMatrix(context: CommandContext<MatrixFlags>): Promise<Outcome> {
  const { html, users = false } = context.flags;
  if (html !== undefined) return writePageOf(context, html);
  const { readMatrix } = await import('../index.ts');
  const { listMatrixRemarks, renderMatrix } = await import('../render/matrix.ts');
  const matrix = await withPolicy(context, (source) => readMatrix(source, context.options, { users }));
  return {
    document: matrix,
    note: isOffline(context) ? context.policyNote : null,
    pretty: () => renderMatrix(matrix, process.stdout.columns),
    remarks: () => listMatrixRemarks(matrix),
  };
}

import type { Command } from 'commander';
import type { CommandContext, Outcome, RunCommand } from './command.ts';
import { addDatabaseOptions, addDefinitionOptions, addExamples, addFormatOptions } from './flags.ts';

interface SeedFlags {
  readonly dryRun?: true;
}

/** Adds `casbin-bootstrap seed`: migrates, seeds and verifies one database. */
export function addSeedCommand(program: Command, run: RunCommand): void {
  const command = program
    .command('seed')
    .description('Migrate, seed and verify a database, all of it or nothing.')
    .option('--dry-run', 'do everything, verify, roll back, and report what would change');
  addFormatOptions(command, 'news');
  addDefinitionOptions(command);
  addDatabaseOptions(command);
  addExamples(command, [
    'seed --policy policy.yaml',
    'seed --dry-run --database-url postgres://app@localhost/shop',
    'seed --embedded',
  ]);
  command.action(() => run<SeedFlags>(command, seed));
}

async function seed({
  flags,
  options,
  policyNote,
  withDatabase,
}: CommandContext<SeedFlags>): Promise<Outcome> {
  const { bootstrapDatabase } = await import('../index.ts');
  const { listSummaryRemarks, renderSummary } = await import('../render/summary.ts');
  const dryRun = flags.dryRun ?? options.dryRun ?? false;
  return withDatabase(async ({ pool, where, onProgress }) => {
    const report = await bootstrapDatabase(pool, { ...options, dryRun, onProgress });
    return {
      document: report,
      note: policyNote,
      pretty: ({ color }) => renderSummary(report, { where, color }),
      remarks: () => listSummaryRemarks(report),
    };
  });
}

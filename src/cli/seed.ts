import type { Command } from 'commander';
import { bootstrapDatabase } from '../bootstrap.ts';
import { BootstrapError } from '../errors.ts';
import { renderSummary } from '../render/summary.ts';
import { openEmbedded, openServer } from './database.ts';
import type { CommandContext } from './output.ts';
import { withProgressBar } from './progress-bar.ts';

const DEFAULT_DATA_DIR = '.data/pglite';

interface SeedFlags {
  readonly schema?: string;
  readonly table?: string;
  readonly dryRun?: true;
  readonly json?: true;
  readonly dataDir?: string;
}

/** Adds `casbin-bootstrap seed`: migrates, seeds and verifies one database. */
export function addSeedCommand(program: Command, context: CommandContext): void {
  const command = program
    .command('seed')
    .description(
      'Migrate, seed and verify a database: the server that DATABASE_URL names, else an embedded PostgreSQL.',
    )
    .option('--schema <name>', "the schema for the tables (default: the connection's search_path)")
    .option('--table <name>', 'the rule table that the application reads (default: the one that is there)')
    .option('--dry-run', 'do everything, verify, roll back, and report what would change')
    .option('--json', 'print the report, or the error, as JSON')
    .option('--data-dir <path>', `the folder of the embedded database (default: ${DEFAULT_DATA_DIR})`)
    .action(async (flags: SeedFlags) => {
      if (flags.dataDir !== undefined && context.databaseUrl !== undefined) {
        command.error('error: --data-dir is for the embedded database, but DATABASE_URL names a server');
      }
      context.finish(await seed(flags, context));
    });
}

async function seed(flags: SeedFlags, { databaseUrl, terminal, logger }: CommandContext): Promise<number> {
  const { schema, table, dryRun = false, json = false, dataDir = DEFAULT_DATA_DIR } = flags;
  const database = databaseUrl === undefined ? openEmbedded(dataDir) : openServer(databaseUrl);
  try {
    const place = { ...(schema === undefined ? {} : { schema }), ...(table === undefined ? {} : { table }) };
    const options = { dryRun, logger, ...place };
    const report = await withProgressBar(
      (onProgress) => bootstrapDatabase(database.pool, { ...options, onProgress }),
      logger,
    ).catch((error: unknown) => {
      throw explainMissingPolicy(error) ?? error;
    });
    if (json) terminal.printJson(report);
    else terminal.print(renderSummary(report, { where: database.where, color: terminal.color }));
    return 0;
  } finally {
    await database.close();
  }
}

/** The library advises an option that this command does not have. */
function explainMissingPolicy(error: unknown): BootstrapError | null {
  if (!(error instanceof BootstrapError) || error.code !== 'POLICY_MISSING') return null;
  const message = `${error.message} This command has no such option and seeds the default policy only: call bootstrapDatabase(pool, { policy }) in a program instead.`;
  return new BootstrapError(error.code, message, { cause: error });
}

import { asClient } from '../database/own-queries.ts';
import { StepFailure } from '../database/step-failure.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { isRecorded, journalMigrationOf } from '../tables/recording.ts';

/**
 * Runs the migration of the journal again if what it has made does not record the rule table as it is now.
 *
 * @returns the name of the migration, if it was run
 */
export async function renewJournal(
  trx: AnyTransaction,
  { journal, packageMigrations, ruleTable }: ResolvedOptions,
): Promise<string[]> {
  const name = journalMigrationOf(ruleTable);
  const migration = packageMigrations?.[name];
  if (!journal || migration === undefined || (await isRecorded(asClient(trx), ruleTable))) return [];
  try {
    await migration.up(trx);
  } catch (error) {
    throw new StepFailure({ kind: 'migration', name }, error);
  }
  return [name];
}

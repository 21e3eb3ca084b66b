import { isRecording, type Recorded, recordingExpression } from '../../migrations/0003_journal.ts';
import type { ClientLike } from '../database/client.ts';
import { asClient } from '../database/own-queries.ts';
import { StepFailure } from '../database/step-failure.ts';
import type { AnyTransaction } from '../database/transaction.ts';
import type { Migrations } from '../migrator/migration.ts';
import type { RuleTable } from './rule-table.ts';

/** The migration that makes the journal of a rule table. */
export function journalMigrationOf({ name }: RuleTable): string {
  return `0003_journal_${name}`;
}

/** What the journal records of a rule table. */
export function recordedOf(table: RuleTable): Recorded {
  return { name: table.name, ptype: table.ptype('changed'), values: table.valuesAsJson('changed') };
}

/**
 * Whether the triggers of a journal are there, and record the table as it is now: it may have got other columns or
 * another name since they were made, or they were made by an earlier release.
 */
export async function isRecorded(client: ClientLike, table: RuleTable): Promise<boolean> {
  const { rows } = await client.query(`select ${recordingExpression('$1::regclass')} as recording`, [
    table.sql,
  ]);
  return isRecording(recordedOf(table), rows[0].recording);
}

/**
 * Runs the migration of the journal again if what it has made does not record the rule table as it is now.
 *
 * @returns the name of the migration, if it was run
 */
export async function renewJournal(
  trx: AnyTransaction,
  migrations: Migrations | null,
  table: RuleTable,
): Promise<string[]> {
  const name = journalMigrationOf(table);
  const migration = migrations?.[name];
  if (migration === undefined || (await isRecorded(asClient(trx), table))) return [];
  try {
    await migration.up(trx);
  } catch (error) {
    throw new StepFailure({ kind: 'migration', name }, error);
  }
  return [name];
}

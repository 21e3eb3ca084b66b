import { isRecording, type Recorded, recordingExpression } from '../../migrations/0003_journal.ts';
import type { ClientLike } from '../database/client.ts';
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

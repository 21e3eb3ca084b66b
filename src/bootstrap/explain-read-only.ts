import { sql } from 'kysely';
import type { Session } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { type BootstrapError, DatabaseError, SeederError } from '../errors.ts';
import { reasonOf } from '../reason.ts';
import { inquire } from './explain-inquiry.ts';
import type { Failure } from './explain-step.ts';

/**
 * A transaction that may not write: on a standby the write transaction can't even begin, which PostgreSQL calls a
 * feature that it does not support. Null when that code means something else.
 */
export async function explainReadOnly(
  { step, cause }: Failure,
  session: Session | null,
): Promise<BootstrapError | null> {
  const standby = await inquire(session, false, async (db) => {
    const { rows } = await sql<{ standby: boolean }>`select pg_is_in_recovery() as standby`.execute(db);
    return rows[0]?.standby === true;
  });
  if (!standby && step?.kind === 'seeder') return wroteWhileLooking(step.name ?? '', cause);
  if (!standby && errorCode(cause) === SQLSTATE.FEATURE_NOT_SUPPORTED) return null;
  const server = standby ? 'this server is a standby, which only reads' : 'the server only reads';
  return new DatabaseError(
    'READ_ONLY_DATABASE',
    `There is something to do, and ${server}: ${reasonOf(cause)}. Nothing was changed. Run the bootstrap on the primary once; then it works here too.`,
    { cause },
  );
}

/** The write transaction is opened as one, so a read-only one is that of the look. */
function wroteWhileLooking(seeder: string, cause: unknown): BootstrapError | null {
  if (errorCode(cause) !== SQLSTATE.READ_ONLY_SQL_TRANSACTION) return null;
  const message = `Seeder "${seeder}" failed: its isSeeded must only read, but it wrote (${reasonOf(cause)}). Nothing was changed. Write in seed.`;
  return new SeederError(seeder, message, { cause });
}

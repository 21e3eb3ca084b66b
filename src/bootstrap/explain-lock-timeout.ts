import { AdvisoryLockNotGranted } from '../database/lock.ts';
import { findAdvisoryLockHolders, findTableLockHolders } from '../database/lock-holders.ts';
import type { Session } from '../database/session.ts';
import { type LockHolder, LockTimeoutError } from '../errors.ts';
import type { ResolvedOptions } from '../options/resolve.ts';
import { inquire } from './explain-inquiry.ts';
import type { Failure } from './explain-step.ts';
import { involvedTables } from './involved-tables.ts';

/** A lock that was not granted in time, and who holds it. */
export async function explainLockTimeout(
  { step, cause }: Failure,
  options: ResolvedOptions,
  session: Session | null,
): Promise<LockTimeoutError> {
  const { schema, lockTimeoutMs } = options;
  const advisory = cause instanceof AdvisoryLockNotGranted;
  const holders = await inquire(session, [], (db) =>
    advisory
      ? findAdvisoryLockHolders(db, schema)
      : findTableLockHolders(db, schema, involvedTables(options)),
  );
  const lock = advisory ? `The lock of ${cause.owner}` : 'A lock on a table or a row';
  const waiting = step?.name ? ` for ${step.kind} "${step.name}"` : '';
  const list = holders.map(describeHolder).join('; ');
  const holder = list === '' ? 'The lock has since been released' : `It is held by ${list}`;
  const message = `${lock} was not granted${waiting} within ${lockTimeoutMs} ms. Nothing was changed. ${holder}. Wait for it and run again, raise lockTimeoutMs, or end the session that holds it with pg_terminate_backend.`;
  return new LockTimeoutError(message, holders, { cause });
}

function describeHolder({ pid, applicationName, since }: LockHolder): string {
  const name = applicationName === '' ? 'no application_name' : applicationName;
  return `pid ${pid} (${name}${since === null ? '' : `, in a transaction since ${since.toISOString()}`})`;
}

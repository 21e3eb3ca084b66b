import type { ClientLike } from '../../database/client.ts';
import type { Session } from '../../database/session.ts';
import { errorCode, SQLSTATE } from '../../database/sqlstates.ts';

type Work<T> = () => Promise<T>;

const SAVEPOINT = 'casbin_bootstrap_adapter';

/** Runs `work` in a transaction of its own. The client must not be in one. */
export async function inTransaction<T>(session: Session, work: Work<T>): Promise<T> {
  // Under a stricter default, a statement that waited for somebody else's lock would not see what they did.
  await session.client.query('begin isolation level read committed');
  return settle(session, work, { keep: 'commit', undo: ['rollback'] });
}

/**
 * Runs `work` as a part of the transaction that the client is in, which stays usable when `work` fails; on a
 * client that is in none, in a transaction of its own.
 */
export async function inSavepoint<T>(session: Session, work: Work<T>): Promise<T> {
  if (!(await setSavepoint(session.client))) return inTransaction(session, work);
  return settle(session, work, {
    keep: `release savepoint ${SAVEPOINT}`,
    undo: [`rollback to savepoint ${SAVEPOINT}`, `release savepoint ${SAVEPOINT}`],
  });
}

/** False when no transaction is open: PostgreSQL has no question for that, but refuses a savepoint then. */
async function setSavepoint(client: ClientLike): Promise<boolean> {
  try {
    await client.query(`savepoint ${SAVEPOINT}`);
    return true;
  } catch (error) {
    if (errorCode(error) === SQLSTATE.NO_ACTIVE_SQL_TRANSACTION) return false;
    throw error;
  }
}

interface Ending {
  readonly keep: string;
  readonly undo: readonly string[];
}

async function settle<T>(session: Session, work: Work<T>, { keep, undo }: Ending): Promise<T> {
  try {
    const result = await work();
    await session.client.query(keep);
    return result;
  } catch (error) {
    await undoAll(session, undo);
    throw error;
  }
}

/** What made it necessary matters more than why it failed: it only does on a connection that is lost or stuck. */
async function undoAll(session: Session, statements: readonly string[]): Promise<void> {
  try {
    for (const statement of statements) await session.client.query(statement);
  } catch (error) {
    session.markBroken(error);
  }
}

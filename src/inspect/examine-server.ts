import type { PoolLike } from '../database/client.ts';
import { detectEngine, type Engine, POSTGRESQL } from '../database/engine.ts';
import { ConnectFailure, type Session, withSession } from '../database/session.ts';
import { errorCode, SQLSTATE } from '../database/sqlstates.ts';
import { explainFailure } from '../failure/explain-failure.ts';
import type { ResolvedOptions } from '../options/resolved-options.ts';
import { type DatabaseFinding, failure, fine, warning } from './database-finding.ts';

/** What the server says about itself and the connection. */
interface ServerFacts {
  readonly engine: Engine;
  readonly version: string;
  readonly major: number;
  readonly standby: boolean;
  readonly pid: number;
  readonly role: string;
  readonly database: string;
}

/** The oldest version of PostgreSQL that this library is tested on. */
const OLDEST_TESTED = 14;

/** Examines the server, and whether a pooler is on the way to it. */
export async function examineServer(pool: PoolLike, resolved: ResolvedOptions): Promise<DatabaseFinding[]> {
  try {
    return await withSession(
      pool,
      async ({ client, processId }) => {
        const { rows } = await client.query(
          `select
             current_setting('server_version') as version,
             current_setting('server_version_num')::int / 10000 as major,
             pg_is_in_recovery() as standby,
             pg_backend_pid() as pid,
             current_user::text as role,
             current_database()::text as database`,
        );
        const [told] = rows as Omit<ServerFacts, 'engine'>[];
        if (told === undefined) throw new Error('the database gave no answer');
        const facts = { ...told, engine: await detectEngine(client) };
        // A pooler gives clients a process id of its own.
        const isPooled = typeof processId === 'number' && processId !== facts.pid;
        const mode = isPooled ? await findPoolMode(pool, facts.pid) : null;
        return [describeServer(facts), describeConnection(facts, isPooled, mode)];
      },
      resolved,
    );
  } catch (error) {
    throw await explainFailure(error, resolved, null);
  }
}

function describeServer({ engine, version, major, standby }: ServerFacts): DatabaseFinding {
  // A server that only speaks PostgreSQL's protocol has version numbers of its own.
  if (engine.commitsDdl) return fine('server', `${engine.title}, compatible with PostgreSQL ${version}.`);
  const name = engine === POSTGRESQL ? `PostgreSQL ${version}` : `${engine.title} on PostgreSQL ${version}`;
  if (standby) {
    return warning(
      'server',
      `${name}, a standby: it can be verified, and a start with nothing to do succeeds. Bootstrap the primary.`,
    );
  }
  if (major >= OLDEST_TESTED) return fine('server', `${name}.`);
  return warning('server', `${name}: this library is tested on ${OLDEST_TESTED} and newer. Upgrade it.`);
}

/** How long a connection of a pooler keeps the same process of the server. Null if that can't be found out. */
type PoolMode = 'statement' | 'transaction' | 'session' | null;

/** How often to try, because a pooler may give another process by chance. */
const TRIES = 5;

/** How long to wait for a second client, because the pool may have only one. */
const SECOND_CLIENT_MS = 2_000;

/**
 * Finds out the mode of a pooler by a second connection: whether it can begin a transaction, and whether it gets the
 * process that the first connection had, which is idle and still connected.
 *
 * @param pid the process of the first connection
 */
async function findPoolMode(pool: PoolLike, pid: number): Promise<PoolMode> {
  const limits = { connectTimeoutMs: SECOND_CLIENT_MS };
  const look = async ({ client }: Session): Promise<PoolMode> => {
    for (let tries = 0; tries < TRIES; tries++) {
      try {
        await client.query('begin');
      } catch (error) {
        // PgBouncer also ends the connection. Another error tells nothing about the mode.
        if (errorCode(error) === SQLSTATE.PROTOCOL_VIOLATION) return 'statement';
        throw error;
      }
      const { rows } = await client.query('select pg_backend_pid() as pid');
      await client.query('rollback');
      if (rows[0]?.pid === pid) return 'transaction';
    }
    return 'session';
  };
  return withSession(pool, look, limits).catch((error: unknown) => {
    if (error instanceof ConnectFailure) return null;
    throw error;
  });
}

function describeConnection(
  { role, database }: ServerFacts,
  isPooled: boolean,
  mode: PoolMode,
): DatabaseFinding {
  const as = `Connected to ${database} as ${role}`;
  if (!isPooled) return fine('connection', `${as}.`);
  switch (mode) {
    case 'statement':
      return failure(
        'connection',
        `${as}, through a pooler in statement mode, which has no transactions. Set pool_mode = transaction for this database, or connect to the server itself.`,
      );
    case 'transaction':
      return fine(
        'connection',
        `${as}, through a pooler in transaction mode. A bootstrap works there. A live enforcer is not notified, and looks every pollIntervalMs: give it a pool that connects to the server itself where that is too late.`,
      );
    case 'session':
      return fine(
        'connection',
        `${as}, through a pooler in session mode, as far as can be told: two connections had a process of the server each.`,
      );
    default:
      return fine(
        'connection',
        `${as}, through a pooler. It needs pool_mode = transaction or session: a bootstrap is one transaction. To find out which one it has, give a pool of two connections or more.`,
      );
  }
}

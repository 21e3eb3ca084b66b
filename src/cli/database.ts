import { resolve } from 'node:path';
import pg from 'pg';
import type { PoolLike } from '../database/client.ts';
import { errorCode } from '../database/sqlstates.ts';
import { createEmbeddedPool } from '../embedded/index.ts';
import { InvalidOptionsError } from '../errors.ts';

/** A database that a command works on. */
export interface Database {
  readonly pool: PoolLike;
  /** A description for people, without the password. */
  readonly where: string;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 10_000;

/** After this time without packets, TCP checks the connection, so that a dead network is noticed. */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/**
 * Opens a database of a server, with up to two connections; only an examination of the server needs the second one.
 *
 * @param databaseUrl its URL; null for the PG… variables of the environment
 * @param at where the URL was given, for a message
 * @throws InvalidOptionsError when it is not a URL that pg can use
 */
export function openServer(databaseUrl: string | null, at = 'DATABASE_URL'): Database {
  const config = {
    ...(databaseUrl === null ? {} : { connectionString: databaseUrl }),
    application_name: 'casbin-bootstrap',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    max: 2,
    ...KEEP_ALIVE,
  };
  const { host, port, database, user } = parseServer(databaseUrl, at, config);
  const pool = new pg.Pool(config);
  // The pool replaces a broken idle connection; without a listener, the error would end the process
  pool.on('error', () => {});
  return {
    pool,
    where: `PostgreSQL at ${host}:${port}/${database}, as ${user}`,
    close: () => pool.end(),
  };
}

/** Opens PostgreSQL inside this process, with its data in a folder. */
export function openEmbedded(dataDir: string): Database {
  const pool = createEmbeddedPool({ dataDir });
  return { pool, where: `embedded PostgreSQL in ${resolve(dataDir)}`, close: () => pool.end() };
}

/** Reads the URL with `pg` itself, with its defaults and the PG… variables of the environment. */
function parseServer(databaseUrl: string | null, at: string, config: pg.ClientConfig): pg.Client {
  if (databaseUrl === '') throw invalidUrl(at, `It is empty. ${WRITE_A_URL}`);
  if (databaseUrl !== null && !isSound(databaseUrl)) throw invalidUrl(at, NOT_A_URL);
  try {
    return new pg.Client(config);
  } catch (error) {
    if (error instanceof URIError || errorCode(error) === 'ERR_INVALID_URL') throw invalidUrl(at, NOT_A_URL);
    throw invalidUrl(at, `It can't be used: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * Whether a text can be the URL of a database. A `#`, `/` or `?` in a password ends the part that names the server too
 * early: then another part of the password would be looked up as a host, and printed.
 */
function isSound(databaseUrl: string): boolean {
  const [, server, rest] = /^postgres(?:ql)?:\/\/([^/?#]*)(.*)$/s.exec(databaseUrl) ?? [];
  if (rest === undefined || rest.includes('#')) return false;
  return server === '' || !/^\/[^?]*@|^\?.*@|\?[^=&]*@/.test(rest);
}

const WRITE_A_URL =
  'Write postgres://user:password@host:port/database, and in the password percent-encode the special characters of ' +
  'URLs (@ as %40, / as %2F, # as %23, % as %25). For a database without a server, give --embedded.';

const NOT_A_URL = `It is not the URL of a PostgreSQL database. ${WRITE_A_URL}`;

/** Has no cause on purpose: errors about URLs contain the whole input, including the password. */
function invalidUrl(at: string, message: string): InvalidOptionsError {
  return new InvalidOptionsError([{ code: 'OPTION_INVALID', at, message }]);
}

import type { Socket } from 'node:net';
import type { Problem } from '../errors.ts';
import { kindOf } from '../text.ts';

/** A row set as `pg` returns it. */
export interface QueryResultLike {
  /** One object a row, keyed by the names of the columns. */
  // biome-ignore lint/suspicious/noExplicitAny: rows are as wide as SQL; each caller names the columns it asked for
  rows: any[];
  /** How many rows it returned or changed; null for a command that does neither. */
  rowCount: number | null;
  /** The first word of the statement, as `SELECT`. */
  command: string;
}

/** One connection: a checked-out `pg` client satisfies it. */
export interface ClientLike {
  /** Runs one statement, with `$1`, `$2` … in it for the values; rejects with the server's error. */
  query(text: string, values?: unknown[]): Promise<QueryResultLike>;
  /** Returns the client to its pool; with an error, the pool destroys it. */
  release?(error?: Error | boolean): void;
  /** Calls the listener with an error that belongs to no statement, such as the end of the connection. */
  on?(event: 'error', listener: (error: Error) => void): unknown;
  /** Removes such a listener. */
  removeListener?(event: 'error', listener: (error: Error) => void): unknown;
}

/** Where connections come from: `pg.Pool` satisfies it, and so does the embedded PGlite pool. */
export interface PoolLike {
  /** Resolves to a client that nobody else uses until it is released. */
  connect(): Promise<ClientLike>;
  /** Only where the database has one session, as an embedded one: whoever keeps the client keeps all others out. */
  readonly onlySession?: OnlySession;
}

/** The use of the one session that a database has. */
export interface OnlySession {
  /** Whether somebody has a client. */
  readonly isInUse: boolean;
  /** Calls the listener with each client that was released, until the function that it returns is called. */
  onRelease(listener: (client: ClientLike) => void): () => void;
}

/** What is wrong with the pool. Nothing that it holds is shown: that may be a password. */
export function checkPool(pool: unknown): Problem[] {
  return isClient(pool) && explainKnown(pool) === null
    ? [poolProblem('must be a pool, not a single client. Give the pg.Pool.')]
    : checkSource(pool);
}

/** The same for a pool or a client. */
export function checkSource(source: unknown): Problem[] {
  const known = explainKnown(source);
  if (known !== null) return [poolProblem(known)];
  if (isSource(source)) return checkBinary(source);
  const given = typeof source === 'object' && source !== null ? '' : ` It is ${kindOf(source)}.`;
  return [
    poolProblem(
      `must have a connect method, like pg.Pool.${given} Make one: new pg.Pool({ connectionString }).`,
    ),
  ];
}

/** What is wrong with a pool or a client of pg that asks the server for binary values. */
export function checkBinary(source: unknown): Problem[] {
  const isBinary = [source, Object(source).options].some((settings) => Object(settings).binary === true);
  return isBinary ? [poolProblem(BINARY)] : [];
}

const BINARY =
  "must not have binary: true, also not by pg.defaults, as pg then returns values that can't be read here. Leave that setting out.";

/** Whether it is a pool or a client. */
export function isSource(given: unknown): boolean {
  return isClient(given) || hasMethod(given, 'connect');
}

/** What is wrong with a client whose transaction matters: a pool has no transaction. */
export function checkClient(client: unknown): Problem[] {
  if (hasMethod(client, 'startTransaction') && !isOfPg(client)) return checkSource(client);
  const problem = (message: string): Problem => ({ ...poolProblem(message), at: 'client' });
  if (explainKnown(client) !== null || !isSource(client)) {
    return [
      problem('must be the client of pg that the transaction was begun on: what pool.connect() gives.'),
    ];
  }
  if (!isClient(client)) return [problem('must be a client, not a pool. Give what pool.connect() gives.')];
  if (isUnconnected(client)) return [problem('must be connected: await client.connect() once before.')];
  return checkBinary(client);
}

/** Whether `connect` was never called: pg would keep each query, and wait without end. */
function isUnconnected(client: object): boolean {
  const { connection }: { connection?: { stream?: Partial<Socket> } | null } = client;
  const { pending, connecting, destroyed } = connection?.stream ?? {};
  return pending === true && connecting === false && destroyed === false;
}

function poolProblem(message: string): Problem {
  return { code: 'OPTION_INVALID', at: 'pool', message };
}

/**
 * `pg.Client`, that of pg-native, a client of a pool, or an object that queries like one and gives no clients. A client
 * has a `connect` too, beside methods that no pool has.
 */
export function isClient(given: unknown): given is ClientLike {
  const isClientOfPg = hasKey(given, 'release') || hasKey(given, 'getTypeParser');
  return hasMethod(given, 'query') && (isClientOfPg || !hasMethod(given, 'connect'));
}

/** A pool or a client of pg, which an application may have given methods of its own. */
function isOfPg(given: unknown): boolean {
  return hasKey(given, 'totalCount') || hasKey(given, 'getTypeParser');
}

/** What is often given instead of a pool, and what to give. */
function explainKnown(given: unknown): string | null {
  if (typeof given === 'string' || given instanceof URL) {
    return 'must be a pool, not a connection string. Make one: new pg.Pool({ connectionString }).';
  }
  if (hasMethod(given, 'then')) return 'must be a pool, not the promise of one. Await it.';
  if (isOfPg(given)) return null;
  if (hasMethod(given, 'selectFrom')) {
    return 'must be a pool, not a Kysely. Give the pg.Pool that its PostgresDialect was made with.';
  }
  if (hasMethod(given, 'raw') && hasKey(given, 'schema')) return ofOwnKind('a Knex');
  if (hasMethod(given, 'getQueryInterface')) return ofOwnKind('a Sequelize');
  if (hasMethod(given, 'maybeOne')) return ofOwnKind('a pool of Slonik');
  if (hasMethod(given, 'oneOrNone'))
    return 'must be a pool, not a database of pg-promise. Give its pool: db.$pool.';
  if (typeof given === 'function' && hasMethod(given, 'unsafe')) {
    return 'must be a pool, not a function for SQL, as postgres.js and Neon have it. Make one: new pg.Pool({ connectionString }).';
  }
  if (hasKey(given, '$client'))
    return 'must be a pool, not a Drizzle database. Give the pg.Pool: db.$client.';
  if (hasMethod(given, '$connect')) {
    return 'must be a pool, not a PrismaClient. Make one: new pg.Pool({ connectionString }).';
  }
  if (hasMethod(given, 'startTransaction')) {
    return 'must be a pool or a client, not a QueryRunner of TypeORM. Give its client: await queryRunner.connect().';
  }
  if (hasMethod(given, 'createQueryRunner')) {
    return 'must be a pool, not a DataSource of TypeORM. Make one: new pg.Pool({ connectionString }).';
  }
  if (typeof given === 'function')
    return 'must have a connect method, like pg.Pool. It is a function: give what it returns, or new pg.Pool().';
  if ((hasKey(given, 'connectionString') || hasKey(given, 'host')) && !hasMethod(given, 'connect')) {
    return 'must have a connect method, like pg.Pool. These are only settings: give new pg.Pool(settings).';
  }
  return null;
}

function ofOwnKind(what: string): string {
  return `must be a pool, not ${what}, which has connections of its own kind. Make one: new pg.Pool({ connectionString }).`;
}

function hasKey(given: unknown, key: string): given is object {
  return ((typeof given === 'object' && given !== null) || typeof given === 'function') && key in given;
}

function hasMethod(given: unknown, name: string): boolean {
  return hasKey(given, name) && typeof Reflect.get(given, name) === 'function';
}

import { InvalidOptionsError } from '../errors.ts';
import { asError, isError } from '../text.ts';
import { type ClientLike, checkBinary, type PoolLike, type QueryResultLike } from './client.ts';
import { type HandedOver, handOver } from './hand-over.ts';
import { OWN_TYPES } from './own-queries.ts';
import { errorCode, SQLSTATE } from './sqlstates.ts';

/** Node's codes for a lost connection, and PostgreSQL's for one that it ended. */
const LOSS_CODES: ReadonlySet<string> = new Set([
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  SQLSTATE.ADMIN_SHUTDOWN,
  SQLSTATE.CRASH_SHUTDOWN,
  SQLSTATE.CANNOT_CONNECT_NOW,
  SQLSTATE.IDLE_IN_TRANSACTION_TIMEOUT,
  SQLSTATE.TRANSACTION_TIMEOUT,
]);

/** How long the server may take for a statement by default: a migration may build an index. */
const DEFAULT_ANSWER_MS = 600_000;

/** How long work may go on after its connection was lost: normally its next statement ends it. */
const END_OF_WORK_MS = 1_000;

/** The limits of a session's waits; all of them have a default. */
export interface SessionLimits {
  /** How long to wait for a client of the pool; 0 or none: no limit. */
  readonly connectTimeoutMs?: number;
  /** The server's own limits, for a statement and for a wait for a lock; 0: no limit. */
  readonly statementTimeoutMs?: number | undefined;
  readonly lockTimeoutMs?: number;
}

/** Longer than the server's limit, because the server's error says more; 0 means no limit, for both. */
export function withGrace(timeoutMs: number): number | null {
  return timeoutMs === 0 ? null : timeoutMs + Math.min(Math.max(timeoutMs, 1_000), 10_000);
}

/** The server did not answer in time, so its connection is given up. */
export class NoAnswer extends Error {
  constructor(activity: string, timeoutMs: number) {
    super(`the server did not answer within ${timeoutMs} ms (${activity})`);
  }
}

/** Work did not end though its connection was lost, which is the `cause`. */
export class WorkAbandoned extends Error {}

/** A checked-out client, and whether it still works. */
export class Session {
  /** For our own statements. Answers within the limit of the session, or fails. */
  readonly client: ClientLike;
  /** The same for statements of the application, whose values are read by its own parsers. */
  readonly applicationClient: ClientLike;
  /** The number of the server's process, as the client was told when it connected. Only `pg`'s clients know it. */
  readonly processId: unknown;
  #answerTimeoutMs: number | null;
  #activity = 'a statement';
  #broken: Error | null = null;
  #failures = 0;
  #reportLoss: (error: Error) => void = () => {};
  /** Rejects when the client is found to be broken. */
  readonly #lost = new Promise<never>((_, reject) => {
    this.#reportLoss = reject;
  });

  constructor(client: ClientLike, answerTimeoutMs?: number | null) {
    this.#answerTimeoutMs = answerTimeoutMs ?? null;
    this.processId = Reflect.get(client, 'processID');
    this.client = {
      query: (text, values) => this.#ask(() => send(client, { text, values, types: OWN_TYPES })),
    };
    this.applicationClient = { query: (text, values) => this.#ask(() => send(client, { text, values })) };
    this.#lost.catch(() => {});
  }

  /** Why the client must not go back to its pool; null while it may. */
  get broken(): Error | null {
    return this.#broken;
  }

  /** How many statements have failed. */
  get failures(): number {
    return this.#failures;
  }

  /** The pool then destroys the client instead of keeping it. */
  markBroken(error: unknown): void {
    if (this.#broken !== null) return;
    this.#broken = asError(error);
    this.#reportLoss(this.#broken);
  }

  /** Names the activity of the next statements, for the message if one is not answered. */
  enter(activity: string): void {
    this.#activity = activity;
  }

  /** Runs statements with another limit of time. */
  async within<T>(answerTimeoutMs: number | null, work: () => Promise<T>): Promise<T> {
    const usual = this.#answerTimeoutMs;
    this.#answerTimeoutMs = answerTimeoutMs;
    try {
      return await work();
    } finally {
      this.#answerTimeoutMs = usual;
    }
  }

  /** Sends several statements in one message. Each may take as long as one alone. */
  forStatements<T>(count: number, ask: () => Promise<T>): Promise<T> {
    const limitMs = this.#answerTimeoutMs;
    return count === 1 || limitMs === null ? ask() : this.within(count * limitMs, ask);
  }

  /**
   * The result of work that uses this session. If the connection is lost, work that does not notice it is given up
   * after a while: a seeder may wait for something else, such as a client of the same pool.
   */
  async resultOf<T>(work: Promise<T>): Promise<T> {
    let timer: NodeJS.Timeout | undefined;
    const abandoned = this.#lost.catch(async (error: Error): Promise<never> => {
      await new Promise((resolve) => {
        timer = setTimeout(resolve, END_OF_WORK_MS);
      });
      throw new WorkAbandoned(`The connection was lost (${this.#activity})`, { cause: error });
    });
    try {
      return await Promise.race([work, abandoned]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #ask(ask: () => Promise<QueryResultLike>): Promise<QueryResultLike> {
    // The driver would only report that the client can't be used any more.
    if (this.#broken !== null) throw this.#broken;
    const timeoutMs = this.#answerTimeoutMs;
    let timer: NodeJS.Timeout | undefined;
    const unanswered = new Promise<never>((_, reject) => {
      if (timeoutMs === null || timeoutMs > LONGEST_TIMER_MS) return;
      timer = setTimeout(() => {
        const error = new NoAnswer(this.#activity, timeoutMs);
        this.markBroken(error);
        reject(error);
      }, timeoutMs);
    });
    try {
      return await Promise.race([ask(), unanswered]);
    } catch (error) {
      this.#failures++;
      // Immediately, because later errors say less.
      if (isConnectionLoss(error)) this.markBroken(error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

interface Statement {
  readonly text: string;
  readonly values: unknown[] | undefined;
  readonly types?: typeof OWN_TYPES;
}

/** A client of pg, which accepts more than text and values. */
interface PgClient {
  query(config: Statement & { readonly query_timeout?: number }): Promise<QueryResultLike>;
}

function send(client: ClientLike, statement: Statement): Promise<QueryResultLike> {
  if (!isPgClient(client)) return client.query(statement.text, statement.values);
  return client.query(
    hasQueryTimeout(client) ? { ...statement, query_timeout: LONGEST_TIMER_MS } : statement,
  );
}

/** Whether its pool was given a `query_timeout`, which would end a wait for another bootstrap. */
function hasQueryTimeout(client: PgClient): boolean {
  const parameters: unknown = Reflect.get(client, 'connectionParameters');
  return Boolean(Reflect.get(Object(parameters), 'query_timeout'));
}

function isPgClient(client: ClientLike | PgClient): client is PgClient {
  return 'getTypeParser' in client;
}

/** Runs `work` with one client of the pool, which is returned afterwards, or destroyed when it is broken. */
export async function withSession<T>(
  pool: PoolLike,
  work: (session: Session) => Promise<T>,
  limits: SessionLimits = {},
): Promise<T> {
  const { client, loss } = await checkOut(pool, limits.connectTimeoutMs ?? 0);
  const session = new Session(client, answerTimeout(limits));
  if (loss !== undefined) session.markBroken(loss);
  // Without a listener, the process would end when a backend is killed between two statements.
  const onError = (error: Error) => session.markBroken(error);
  client.on?.('error', onError);
  try {
    return await session.resultOf(work(session));
  } finally {
    client.removeListener?.('error', onError);
    client.release?.(session.broken ?? undefined);
  }
}

/** How long to wait for the answer to a statement; null: no limit. */
function answerTimeout({
  statementTimeoutMs,
  lockTimeoutMs = DEFAULT_ANSWER_MS,
}: SessionLimits): number | null {
  if (statementTimeoutMs !== undefined) return withGrace(statementTimeoutMs);
  return lockTimeoutMs === 0 ? null : withGrace(Math.max(DEFAULT_ANSWER_MS, lockTimeoutMs));
}

/** What pg says, without a code, of a connection that has ended. */
const LOSS_MESSAGE = /^(Connection terminated|Client has encountered a connection error|Client was closed)/;

/** Whether an error says that the connection is gone. */
export function isConnectionLoss(error: unknown): boolean {
  const code = errorCode(error);
  if (code === undefined) {
    return error instanceof NoAnswer || (isError(error) && LOSS_MESSAGE.test(error.message));
  }
  // Class 08 is PostgreSQL's for connection exceptions.
  return LOSS_CODES.has(code) || /^08...$/.test(code);
}

/** The longest time of Node's timers. */
export const LONGEST_TIMER_MS = 2_147_483_647;

/** Thrown when the pool gives no client. The `cause` is the pool's own error, or NoClientInTime. */
export class ConnectFailure extends Error {}

/** The pool gave no client within the time that it was given. */
export class NoClientInTime extends Error {
  /** Whether every client of the pool was in use; null where the pool does not tell. */
  readonly allInUse: boolean | null;

  constructor(pool: PoolLike, timeoutMs: number) {
    super(`no client of the pool became free within ${timeoutMs} ms`);
    // A caller that waits for a new connection is not in pg's queue.
    const waiting = Reflect.get(pool, 'waitingCount');
    this.allInUse = typeof waiting === 'number' ? waiting > 0 : null;
  }
}

/**
 * Takes a client from the pool. A client that comes after `timeoutMs` is returned at once; 0 means no limit.
 *
 * @param stopped says that nobody waits any more; a wait that can be stopped does not keep the process alive
 * @throws ConnectFailure
 */
export async function checkOut(
  pool: PoolLike,
  timeoutMs: number,
  stopped?: AbortSignal,
): Promise<HandedOver> {
  const connecting = handOver(pool, () => connect(pool));
  let timer: NodeJS.Timeout | undefined;
  let stop = () => {};
  const late = new Promise<never>((_, reject) => {
    stop = () => reject(stopped?.reason);
    if (timeoutMs === 0 || timeoutMs > LONGEST_TIMER_MS) return;
    timer = setTimeout(() => reject(new NoClientInTime(pool, timeoutMs)), timeoutMs);
    if (stopped !== undefined) timer.unref();
  });
  stopped?.addEventListener('abort', stop);
  try {
    return await Promise.race([connecting, late]);
  } catch (cause) {
    connecting.then(
      ({ client, loss }) => client.release?.(loss),
      () => {},
    );
    throw new ConnectFailure('No connection', { cause });
  } finally {
    stopped?.removeEventListener('abort', stop);
    clearTimeout(timer);
  }
}

/** Asynchronous as a whole: for an invalid connection string, a pool throws before there is a promise. */
async function connect(pool: PoolLike): Promise<ClientLike> {
  const client: ClientLike | undefined = await pool.connect();
  if (typeof client?.query !== 'function')
    throw new TypeError("the pool's connect() did not give a client that can query");
  const problems = checkBinary(client);
  if (problems.length > 0) {
    client.release?.();
    throw new InvalidOptionsError(problems);
  }
  return client;
}

import { setTimeout as sleep } from 'node:timers/promises';
import { quoteIdentifier } from '../database/catalog.ts';
import type { ClientLike, PoolLike } from '../database/client.ts';
import { explainConnectFailure } from '../database/connect-failure.ts';
import { type ConnectFailure, checkOut, Session } from '../database/session.ts';
import { BootstrapError, ConnectionError } from '../errors.ts';
import { asError, reasonOf } from '../text.ts';

/** The options of a follower. */
export interface FollowerOptions {
  readonly pool: PoolLike;
  /** Notifications on these channels make it look at once. */
  readonly channels: readonly string[];
  /** After this time it looks without a notification, because one may not arrive, for example through a pooler. */
  readonly pollIntervalMs: number;
  /** How long it waits for a client of the pool; 0 means no limit. */
  readonly connectTimeoutMs: number;
  /** Looks at the database. An error is reported, and the next look has another connection. */
  look(client: ClientLike): Promise<void>;
  /** Called instead of a look where nobody can have changed anything since the last one. */
  confirm(): void;
  onError(error: Error): void;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** How long the server may take for a statement of a look. */
const ANSWER_MS = 60_000;
/** How long after the only session was released a look begins. */
const SOON_MS = 50;
/** How long a look may go on after the follower was closed. */
const END_OF_LOOK_MS = 1_000;

/** The clients of all followers. They only read. */
const OF_FOLLOWERS = new WeakSet<ClientLike>();

/**
 * Looks at the database repeatedly, on one connection of its own: after each notification, on request, and after some
 * time. When the connection is lost, it connects again, with growing pauses. It keeps a process alive only while it
 * looks.
 *
 * Of a pool with one session it keeps no connection, and looks only when somebody else has used the session.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #stopped = new AbortController();
  #endPause = () => {};
  #ignoreReleases = () => {};
  #soon: NodeJS.Timeout | null = null;
  #isDue = false;
  /** The callers that wait for the next look to begin and end. */
  #asking: { resolve: () => void; reject: (error: Error) => void }[] = [];
  #connection: ListeningClient | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Connects and looks for the first time. Rejects if that fails; otherwise it then goes on by itself. */
  async start(): Promise<void> {
    const connection = await this.#connect();
    try {
      await this.#options.look(connection.session.client);
    } catch (error) {
      connection.close();
      throw toLossError(error, connection.loss, 'Create it again');
    }
    this.#rest(connection);
    this.#ignoreReleases =
      this.#options.pool.onlySession?.onRelease((client) => {
        if (!OF_FOLLOWERS.has(client)) this.#wakeSoon();
      }) ?? this.#ignoreReleases;
    this.#ended = this.#run();
  }

  /** Resolves after a look that began after the call; rejects when that fails, or the follower is closed. */
  lookNow(): Promise<void> {
    if (this.#stopped.signal.aborted) return Promise.reject(enforcerClosed());
    const looked = new Promise<void>((resolve, reject) => this.#asking.push({ resolve, reject }));
    this.#wake();
    return looked;
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    this.#ignoreReleases();
    this.#wake();
    for (const { reject } of this.#asking.splice(0)) reject(enforcerClosed());
    // A server that does not answer must not delay the one who closes this.
    const timer = setTimeout(() => this.#connection?.close(), END_OF_LOOK_MS);
    await this.#ended;
    clearTimeout(timer);
  }

  #wake(): void {
    this.#isDue = true;
    this.#endPause();
  }

  /** One look is enough for statements that follow each other closely. */
  #wakeSoon(): void {
    this.#isDue = true;
    this.#soon ??= setTimeout(() => {
      this.#soon = null;
      this.#endPause();
    }, SOON_MS).unref();
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopped.signal.aborted; ) {
      let connection = this.#connection;
      try {
        if (failures === 0) await this.#pause(this.#options.pollIntervalMs);
        if (this.#stopped.signal.aborted) break;
        if (failures === 0 && !this.#isDue && this.#options.pool.onlySession?.isInUse === false) {
          this.#options.confirm();
          continue;
        }
        connection ??= await this.#connect();
        if (connection.loss !== null) throw connection.loss;
        await this.#look(connection);
        failures = 0;
      } catch (error) {
        connection?.close();
        this.#connection = null;
        this.#fail(toLossError(error, connection?.loss ?? null, 'It connects again by itself'));
        failures += 1;
        const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
        await sleep(pause * (0.5 + Math.random() / 2), undefined, {
          ref: false,
          signal: this.#stopped.signal,
        }).catch(() => {});
      }
    }
    this.#connection?.close();
  }

  async #look(connection: ListeningClient): Promise<void> {
    this.#isDue = false;
    const asking = this.#asking.splice(0);
    try {
      connection.hold(true);
      await this.#options.look(connection.session.client);
    } catch (error) {
      this.#asking.unshift(...asking);
      throw error;
    } finally {
      this.#rest(connection);
    }
    for (const { resolve } of asking) resolve();
  }

  /** Ends a look. */
  #rest(connection: ListeningClient): void {
    connection.hold(false);
    if (this.#options.pool.onlySession === undefined) return;
    connection.close();
    this.#connection = null;
  }

  #fail(error: Error): void {
    for (const { reject } of this.#asking.splice(0)) reject(error);
    if (!this.#stopped.signal.aborted) this.#options.onError(error);
  }

  /** Waits until it is time or a caller asks for a look. */
  async #pause(timeMs: number): Promise<void> {
    if (this.#isDue) return;
    const pause = new AbortController();
    this.#endPause = () => pause.abort();
    await sleep(timeMs, undefined, { ref: false, signal: pause.signal }).catch(() => {});
  }

  async #connect(): Promise<ListeningClient> {
    const { pool, connectTimeoutMs } = this.#options;
    const { client, loss } = await checkOut(pool, connectTimeoutMs, this.#stopped.signal).catch(
      (error: ConnectFailure) => {
        throw explainConnectFailure(error.cause);
      },
    );
    const connection = new ListeningClient(client, loss, () => this.#wake());
    this.#connection = connection;
    if (pool.onlySession !== undefined) {
      OF_FOLLOWERS.add(client);
      return connection;
    }
    for (const channel of this.#options.channels) {
      // A standby can't listen, but can be looked at. If the connection is lost, the look fails with the same error.
      await connection.session.client.query(`listen ${quoteIdentifier(channel)}`).catch(() => {});
    }
    return connection;
  }
}

/** The error for a lost connection. Any other one stays as it is. */
function toLossError(error: unknown, loss: Error | null, remedy: string): Error {
  const isLoss = !(error instanceof BootstrapError) && loss !== null;
  if (!isLoss) return asError(error);
  const message = `The live enforcer has lost its connection: ${reasonOf(loss)}. ${remedy}.`;
  return new ConnectionError('CONNECTION_LOST', message, { cause: loss });
}

/** A client that listens, and whether it is lost. */
class ListeningClient {
  readonly session: Session;
  readonly #client: ClientLike & Emitter;
  readonly #wake: () => void;
  #isClosed = false;

  /** @param wake called for each notification, and when the connection is lost */
  constructor(client: ClientLike, loss: Error | undefined, wake: () => void) {
    this.session = new Session(client, ANSWER_MS);
    this.#client = client as ClientLike & Emitter;
    this.#wake = wake;
    if (loss !== undefined) this.session.markBroken(loss);
    // It stays after the connection is closed: an error without a listener would end the process.
    client.on?.('error', (error) => {
      this.session.markBroken(error);
      wake();
    });
    this.#client.on?.('notification', wake);
  }

  /** Why the connection is gone; null while it is there. */
  get loss(): Error | null {
    return this.session.broken;
  }

  /** Whether it keeps the process alive. */
  hold(isHeld: boolean): void {
    if (isHeld) this.#client.ref?.();
    else this.#client.unref?.();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#client.removeListener?.('notification', this.#wake);
    // Listening is a state of the connection, so it does not go back to the pool.
    this.#client.release?.(true);
  }
}

/** What a client of `pg` has in addition; other clients may not. */
interface Emitter {
  on?(event: string, listener: (...given: never[]) => void): unknown;
  removeListener?(event: string, listener: (...given: never[]) => void): unknown;
  ref?(): void;
  unref?(): void;
}

/** The error for what a closed live enforcer does not do any more. */
export function enforcerClosed(): ConnectionError {
  const message =
    'The live enforcer was closed, so it neither looks at its database nor writes to it. Create another one.';
  return new ConnectionError('ENFORCER_CLOSED', message);
}

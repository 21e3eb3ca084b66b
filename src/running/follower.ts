import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientLike, PoolLike } from '../database/client.ts';
import { NoClientInTime, Session } from '../database/session.ts';
import { explainConnectFailure } from '../failure/explain-failure.ts';

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
  onError(error: Error): void;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** How long the server may take for a statement of a look. */
const ANSWER_MS = 60_000;

/**
 * Looks at the database repeatedly, on one connection of its own: after each notification, on request, and after some
 * time. When the connection is lost, it connects again, with growing pauses. It never keeps a process alive.
 */
export class Follower {
  readonly #options: FollowerOptions;
  readonly #stopped = new AbortController();
  #waiting: (() => void) | null = null;
  #isDue = false;
  /** The callers that wait for the next look to begin and end. */
  #asking: { resolve: () => void; reject: (error: Error) => void }[] = [];
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
      throw error;
    }
    connection.hold(false);
    this.#ended = this.#run(connection);
  }

  /** Resolves after a look that began after the call; rejects when that fails, or the follower is closed. */
  lookNow(): Promise<void> {
    if (this.#stopped.signal.aborted) return Promise.reject(new Error('it is closed'));
    const looked = new Promise<void>((resolve, reject) => this.#asking.push({ resolve, reject }));
    this.#wake();
    return looked;
  }

  async close(): Promise<void> {
    this.#stopped.abort();
    this.#wake();
    for (const { reject } of this.#asking.splice(0)) reject(new Error('it was closed'));
    await this.#ended;
  }

  #wake(): void {
    this.#isDue = true;
    this.#waiting?.();
  }

  async #run(first: Connection): Promise<void> {
    let connection: Connection | null = first;
    for (let failures = 0; !this.#stopped.signal.aborted; ) {
      try {
        const isNew: boolean = connection === null;
        connection ??= await this.#connect();
        if (!isNew) await this.#pause(this.#options.pollIntervalMs, connection);
        if (this.#stopped.signal.aborted) break;
        await this.#look(connection);
        failures = 0;
      } catch (error) {
        connection?.close();
        connection = null;
        this.#fail(error instanceof Error ? error : new Error(String(error)));
        failures += 1;
        const pause = Math.min(FIRST_PAUSE_MS * 2 ** (failures - 1), LONGEST_PAUSE_MS);
        await sleep(pause * (0.5 + Math.random() / 2), undefined, {
          ref: false,
          signal: this.#stopped.signal,
        }).catch(() => {});
      }
    }
    connection?.close();
  }

  async #look(connection: Connection): Promise<void> {
    this.#isDue = false;
    const asking = this.#asking.splice(0);
    try {
      connection.hold(true);
      await this.#options.look(connection.session.client);
      for (const { resolve } of asking) resolve();
    } catch (error) {
      this.#asking.unshift(...asking);
      throw error;
    } finally {
      connection.hold(false);
    }
  }

  #fail(error: Error): void {
    for (const { reject } of this.#asking.splice(0)) reject(error);
    if (!this.#stopped.signal.aborted) this.#options.onError(error);
  }

  /** Waits until it is time or a caller asks for a look. Throws if the connection is lost. */
  async #pause(timeMs: number, connection: Connection): Promise<void> {
    if (this.#isDue) return;
    const woken = new Promise<void>((resolve) => {
      this.#waiting = resolve;
    });
    const timer = new AbortController();
    const time = sleep(timeMs, undefined, { ref: false, signal: timer.signal }).catch(() => {});
    try {
      await Promise.race([woken, time, connection.lost]);
    } finally {
      this.#waiting = null;
      timer.abort();
    }
  }

  async #connect(): Promise<Connection> {
    const client = await connect(this.#options, this.#stopped.signal);
    const session = new Session(client, ANSWER_MS);
    let lose: (error: Error) => void = () => {};
    const lost = new Promise<never>((_, reject) => {
      lose = reject;
    });
    lost.catch(() => {});
    const onError = (error: Error) => lose(error);
    const onNotification = () => this.#wake();
    client.on?.('error', onError);
    const emitter = client as unknown as Emitter;
    emitter.on?.('notification', onNotification);
    emitter.on?.('end', () => lose(new Error('the connection was ended')));
    const hold = (isHeld: boolean) => (isHeld ? emitter.ref?.() : emitter.unref?.());
    const close = () => {
      emitter.removeListener?.('notification', onNotification);
      // The connection still listens, so it does not go back to the pool.
      client.release?.(true);
    };
    try {
      for (const channel of this.#options.channels) {
        await session.client.query(`listen ${quoteChannel(channel)}`).catch((error: unknown) => {
          // A standby can't listen, but can be looked at.
          if (session.broken !== null) throw error;
        });
      }
    } catch (error) {
      close();
      throw error;
    }
    return { session, lost, hold, close };
  }
}

/** A client that comes too late is returned at once. */
async function connect(
  { pool, connectTimeoutMs }: FollowerOptions,
  stopped: AbortSignal,
): Promise<ClientLike> {
  const ended = new AbortController();
  const signal = AbortSignal.any([ended.signal, stopped]);
  const connecting = (async () => pool.connect())();
  const late = sleep(connectTimeoutMs, undefined, { ref: false, signal }).then(() => {
    throw new NoClientInTime(pool, connectTimeoutMs);
  });
  late.catch(() => {});
  try {
    return await (connectTimeoutMs === 0 ? connecting : Promise.race([connecting, late]));
  } catch (error) {
    connecting.then(
      (client) => client.release?.(),
      () => {},
    );
    throw explainConnectFailure(error);
  } finally {
    ended.abort();
  }
}

interface Connection {
  readonly session: Session;
  /** Rejects when the connection is gone. */
  readonly lost: Promise<never>;
  /** Whether it keeps the process alive. */
  hold(isHeld: boolean): void;
  close(): void;
}

/** What a client of `pg` has in addition; other clients may not. */
interface Emitter {
  on?(event: string, listener: (...given: never[]) => void): unknown;
  removeListener?(event: string, listener: (...given: never[]) => void): unknown;
  ref?(): void;
  unref?(): void;
}

function quoteChannel(channel: string): string {
  return `"${channel.replaceAll('"', '""')}"`;
}

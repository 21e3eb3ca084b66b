import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import {
  isEncryptionRequest,
  type MessageReader,
  readBoth,
  sqlOf,
  type WireMessage,
} from './wire-messages.ts';

/** Cut before the server sees the statement, or after it answered but before the client hears of it. */
type CutMoment = 'before' | 'after';

/** What one connection did, its startup left out. */
interface WireConnection {
  roundTrips: number;
  readonly statements: string[];
}

/** A TCP proxy before the server that counts, and can cut or hold back, what passes. `await using` closes it. */
export interface Wire extends AsyncDisposable {
  /** The given URL, through the wire. */
  readonly url: string;
  readonly connections: readonly WireConnection[];
  /** Of all connections. */
  readonly roundTrips: number;
  readonly statements: string[];
  readonly cuts: number;
  /** Cuts the connection, once, on the next statement that matches. */
  cutOn(pattern: RegExp, moment: CutMoment): void;
  /**
   * From the next statement that matches on, lets nothing of its connection pass, and keeps it open to the server:
   * as a network that drops every packet. The end of a connection is `(goodbye)`.
   */
  stallOn(pattern: RegExp, moment: CutMoment): void;
  readonly stalls: number;
}

export async function openWire(url: string): Promise<Wire> {
  const target = new URL(url);
  const connections: Connection[] = [];
  const scissors = new Scissors();
  const hold = new Scissors();
  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port || 5432), noDelay: true });
    connections.push(new Connection(client, upstream, scissors, hold));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  return {
    url: through(target, server.address()),
    connections,
    get roundTrips() {
      return connections.reduce((sum, connection) => sum + connection.roundTrips, 0);
    },
    get statements() {
      return connections.flatMap((connection) => connection.statements);
    },
    get cuts() {
      return scissors.cuts;
    },
    cutOn: (pattern, moment) => scissors.set(pattern, moment),
    stallOn: (pattern, moment) => hold.set(pattern, moment),
    get stalls() {
      return hold.cuts;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const connection of connections) connection.cut();
      await once(server, 'close');
    },
  };
}

class Scissors {
  cuts = 0;
  #next: { pattern: RegExp; moment: CutMoment } | undefined;

  set(pattern: RegExp, moment: CutMoment): void {
    this.#next = { pattern, moment };
  }

  take(sql: string): CutMoment | undefined {
    if (!this.#next?.pattern.test(sql)) return undefined;
    const { moment } = this.#next;
    this.#next = undefined;
    this.cuts += 1;
    return moment;
  }
}

class Connection implements WireConnection {
  roundTrips = 0;
  readonly statements: string[] = [];
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #scissors: Scissors;
  #started = false;
  #cutAtAnswer = false;
  readonly #hold: Scissors;
  #stallAtAnswer = false;
  #stalled = false;

  constructor(client: Socket, upstream: Socket, scissors: Scissors, hold: Scissors) {
    this.#client = client;
    this.#upstream = upstream;
    this.#scissors = scissors;
    this.#hold = hold;
    readBoth(client, upstream, {
      ask: (message, asked) => this.#ask(message, asked),
      answer: (message) => this.#answer(message),
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('end', () => !this.#stalled && other.end());
      one.on('error', () => !this.#stalled && other.destroy());
    }
  }

  cut(): void {
    for (const socket of [this.#client, this.#upstream]) {
      // What came before still passes.
      socket.uncork();
      socket.destroy();
    }
  }

  #ask(message: WireMessage, asked: MessageReader): void {
    if (this.#client.destroyed || this.#stalled) return;
    if (isEncryptionRequest(message)) {
      asked.expectUntyped();
      this.#client.write('N');
      return;
    }
    if (message.type === 'X' && this.#hold.take('(goodbye)') !== undefined) this.#stalled = true;
    if (this.#stalled) return;
    const sql = sqlOf(message);
    if (sql !== undefined) {
      this.statements.push(sql);
      const moment = this.#scissors.take(sql);
      if (moment === 'before') {
        this.cut();
        return;
      }
      this.#cutAtAnswer ||= moment === 'after';
      const held = this.#hold.take(sql);
      this.#stallAtAnswer ||= held === 'after';
      if (held === 'before') {
        this.#stalled = true;
        return;
      }
    }
    this.#upstream.write(message.bytes);
  }

  #answer(message: WireMessage): void {
    const ready = message.type === 'Z';
    this.#stalled ||= this.#stallAtAnswer;
    if (this.#stalled) return;
    if (this.#cutAtAnswer) {
      if (ready) this.cut();
      return;
    }
    // the first ReadyForQuery ends the startup
    if (ready && this.#started) this.roundTrips += 1;
    this.#started ||= ready;
    this.#client.write(message.bytes);
  }
}

function through(target: URL, address: ReturnType<ReturnType<typeof createServer>['address']>): string {
  if (address === null || typeof address === 'string') throw new Error('The wire listens on no TCP port.');
  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(address.port);
  return url.href;
}

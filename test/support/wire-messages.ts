import type { Socket } from 'node:net';

/** One message of PostgreSQL's protocol: `type` is its letter, empty for the first one of a client. */
export interface WireMessage {
  readonly type: string;
  /** The whole message, header included. */
  readonly bytes: Buffer;
  readonly body: Buffer;
}

const LENGTH_BYTES = 4;

/** Cuts a byte stream into messages, wherever the chunks happen to end. */
export class MessageReader {
  #untyped: boolean;
  #chunks: Buffer[] = [];
  #size = 0;
  #needed = 0;

  /** A client's first message has no type letter. */
  constructor({ startsUntyped }: { startsUntyped: boolean }) {
    this.#untyped = startsUntyped;
  }

  *read(chunk: Buffer): Generator<WireMessage> {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size < this.#needed) return;

    let rest = Buffer.concat(this.#chunks);
    for (;;) {
      const header = this.#untyped ? LENGTH_BYTES : 1 + LENGTH_BYTES;
      const total =
        rest.length < header ? header : rest.readInt32BE(header - LENGTH_BYTES) + header - LENGTH_BYTES;
      this.#keep(rest, total);
      if (rest.length < total) return;

      const type = this.#untyped ? '' : String.fromCharCode(rest[0] ?? 0);
      const bytes = rest.subarray(0, total);
      rest = rest.subarray(total);
      this.#untyped = false;
      this.#keep(rest, 0);
      yield { type, bytes, body: bytes.subarray(header) };
    }
  }

  /** The client will begin anew, as after it asked for encryption. */
  expectUntyped(): void {
    this.#untyped = true;
  }

  #keep(rest: Buffer, needed: number): void {
    this.#chunks = [rest];
    this.#size = rest.length;
    this.#needed = needed;
  }
}

/**
 * Reads what two sockets say, a client's and its server's, message by message. What is written to them meanwhile goes
 * out together, once a chunk is read: a result has a message for each row.
 */
export function readBoth(
  client: Socket,
  server: Socket,
  on: {
    ask(message: WireMessage, asked: MessageReader): void;
    answer(message: WireMessage): void;
  },
): void {
  const asked = new MessageReader({ startsUntyped: true });
  const answered = new MessageReader({ startsUntyped: false });
  const together = (read: () => void) => {
    for (const socket of [client, server]) socket.cork();
    read();
    for (const socket of [client, server]) socket.uncork();
  };
  client.on('data', (chunk: Buffer) =>
    together(() => {
      for (const message of asked.read(chunk)) on.ask(message, asked);
    }),
  );
  server.on('data', (chunk: Buffer) =>
    together(() => {
      for (const message of answered.read(chunk)) on.answer(message);
    }),
  );
}

/** The SQL in a Query or Parse message. */
export function sqlOf({ type, body }: WireMessage): string | undefined {
  const strings = body.toString('utf8').split('\0', 2);
  if (type === 'Q') return strings[0];
  if (type === 'P') return strings[1];
  return undefined;
}

const ENCRYPTION_REQUESTS = new Set([80877103, 80877104]);

/** SSLRequest and GSSENCRequest, which come before the startup message. */
export function isEncryptionRequest({ type, body }: WireMessage): boolean {
  return type === '' && body.length >= 4 && ENCRYPTION_REQUESTS.has(body.readInt32BE(0));
}

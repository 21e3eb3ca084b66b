import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** What happens to a connection once so many bytes have passed, in both directions together. */
export interface Fault {
  readonly afterBytes: number;
  /** `pass`: the bytes go on when `action` is done; `race`: meanwhile. */
  readonly effect: 'cut' | 'stall' | 'pass' | 'race';
  /** Everything else that happens at that moment. */
  readonly action?: () => Promise<void>;
  /** Pieces arrive late, and cut up; none by default. */
  readonly delay?: () => { readonly bytes: number; readonly ms: number };
}

/**
 * A TCP proxy before the server that spoils connections between any two bytes. `await using` closes it, after the
 * fault.
 */
export interface FaultyWire extends AsyncDisposable {
  readonly url: string;
  readonly struck: boolean;
}

export async function openFaultyWire(url: string, fault: Fault): Promise<FaultyWire> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  const state = { bytes: 0, struck: false, stalled: false };
  let acted: Promise<void> | undefined;

  const server = createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const upstream = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
    forward(client, upstream);
    forward(upstream, client);
  });

  function forward(from: Socket, to: Socket): void {
    sockets.add(from);
    let pending = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      pending = pending.then(() => pass(chunk, from, to));
    });
    from.on('end', () => {
      pending = pending.then(() => void (state.stalled || to.end()));
    });
    from.on('error', () => state.stalled || to.destroy());
  }

  async function pass(chunk: Buffer, from: Socket, to: Socket): Promise<void> {
    let rest = chunk;
    if (!state.struck && state.bytes + rest.length >= fault.afterBytes) {
      const before = rest.subarray(0, fault.afterBytes - state.bytes);
      rest = rest.subarray(before.length);
      write(to, before);
      state.struck = true;
      state.stalled = fault.effect === 'stall';
      if (fault.effect === 'cut') for (const socket of [from, to]) socket.destroy();
      acted = fault.action?.();
      if (fault.effect !== 'race') await acted;
    }
    while (fault.delay !== undefined && rest.length > 1) {
      const { bytes, ms } = fault.delay();
      write(to, rest.subarray(0, bytes));
      rest = rest.subarray(bytes);
      await setTimeout(ms);
    }
    write(to, rest);
  }

  function write(to: Socket, bytes: Buffer): void {
    state.bytes += bytes.length;
    if (bytes.length > 0 && !state.stalled && to.writable) to.write(bytes);
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const through = Object.assign(new URL(url), {
    hostname: '127.0.0.1',
    port: String(Object(server.address()).port),
  });
  return {
    url: through.href,
    get struck() {
      return state.struck;
    },
    async [Symbol.asyncDispose]() {
      await acted;
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

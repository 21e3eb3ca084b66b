import { setImmediate } from 'node:timers/promises';

/** Lets the process do other work first: between steps that each take a while for a large policy. */
export async function breathe(): Promise<void> {
  await setImmediate();
}

/** How long the process is kept from other work at a stretch, plus one step. */
const STRETCH_MS = 10;

/**
 * Goes through items, and every now and then lets the process do something else first, so that an application that
 * verifies a large policy still answers.
 */
export async function* paced<T>(items: Iterable<T>): AsyncGenerator<T, void> {
  let since = performance.now();
  for (const item of items) {
    if (performance.now() - since > STRETCH_MS) {
      await breathe();
      since = performance.now();
    }
    yield item;
  }
}

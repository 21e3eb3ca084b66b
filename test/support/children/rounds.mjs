import { createInterface } from 'node:readline';
import { inspect } from 'node:util';

/**
 * Serves the `round`s of a `startProcesses`. `prepare` gets what the round was given, and returns what is to be done
 * as soon as all processes are ready.
 */
export async function serveRounds(prepare) {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  for (;;) {
    const given = await lines.next();
    if (given.done) return;
    const start = await prepare(JSON.parse(given.value));
    process.stdout.write('ready\n');
    await lines.next();
    const result = await start().then(
      (answer) => ({ answer }),
      (error) => ({ failure: inspect(error) }),
    );
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}

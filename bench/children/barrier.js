import { text } from 'node:stream/consumers';

/** Resolves in all processes of one `runProcesses` together, once the slowest has come here. */
export async function whenAllReady() {
  process.stdout.write('ready\n');
  await text(process.stdin);
}

/** Milliseconds by a clock that is the same in every process. */
export function clock() {
  return performance.timeOrigin + performance.now();
}

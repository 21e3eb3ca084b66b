// Timing in interleaved rounds: each round runs every contender once, in turns from the first and from the last,
// so that whatever slows the machine down for a while falls on all of them.
import { Bench } from 'tinybench';

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {() => Promise<any>} run  what is timed; may return `{ overriddenDuration }`, a time in ms taken elsewhere
 * @property {() => Promise<void>} [prepare]  before each run, not timed
 * @property {(result: any) => Promise<void> | void} [check]  after each run, not timed; throws unless the work was done
 * @property {number} [rounds]  fewer than the others, in the first of them, and not warmed up: for what takes long
 *
 * @typedef {Record<string, number[]>} Times  ms by contender, by round
 */

/**
 * @param {readonly Contender[]} contenders
 * @param {{ rounds: number, warmUp?: boolean, collect?: boolean }} options  `collect: false` where there is hardly any
 *   garbage, and so much in memory that each collection takes longer than all rounds
 * @returns {Promise<Times>}
 */
export async function race(contenders, { rounds, warmUp = rounds > 3, collect = true }) {
  /** @type {Times} */
  const times = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (const contender of contenders) {
    if (warmUp && contender.rounds === undefined) await timeOnce(contender, collect);
  }
  for (let round = 0; round < rounds; round++) {
    const running = contenders.filter((contender) => round < (contender.rounds ?? rounds));
    for (const contender of round % 2 === 0 ? running : running.reverse()) {
      times[contender.name].push(await timeOnce(contender, collect));
    }
  }
  return times;
}

/** A Bench of one iteration, since tinybench runs all iterations of a task before those of the next. */
async function timeOnce({ name, prepare, run, check }, collect) {
  await prepare?.();
  // the garbage of one must not be collected on the time of the next
  if (collect) globalThis.gc?.();
  const bench = new Bench({ iterations: 1, time: 0, warmup: false, retainSamples: true, throws: true });
  let result;
  const task = async () => {
    result = await run();
    return result;
  };
  bench.add(name, task, { async: true });
  await bench.run();
  await check?.(result);
  return bench.getTask(name).result.latency.samples[0];
}

/** Runs work that takes a few milliseconds so often, as one run that took the mean of them. */
export async function repeat(times, work) {
  const started = performance.now();
  for (let n = 0; n < times; n++) await work();
  return { overriddenDuration: (performance.now() - started) / times };
}

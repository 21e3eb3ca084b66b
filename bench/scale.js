// How large and how often: in full, or bounded for a quick look.

const QUICK_RULES = 300;
const QUICK_PROCESSES = 4;
const QUICK_ROUNDS = 2;

/**
 * @typedef {object} Scale
 * @property {boolean} full  whether results are worth keeping, and compared with aims
 * @property {(n: number) => number} upTo
 * @property {(list: readonly number[]) => number[]} sizes
 * @property {(list: readonly number[]) => number[]} processes
 * @property {(size: number) => number} rounds  fewer, the larger the work
 */

/**
 * @param {{ quick?: boolean, limit?: number }} options
 * @returns {Scale}
 */
export function chooseScale({ quick = false, limit }) {
  const most = limit ?? (quick ? QUICK_RULES : Number.POSITIVE_INFINITY);
  const within = (list, bound) => [...new Set(list.map((n) => Math.min(n, bound)))];
  return {
    full: most === Number.POSITIVE_INFINITY,
    upTo: (n) => Math.min(n, most),
    sizes: (list) => within(list, most),
    processes: (list) => within(list, quick ? QUICK_PROCESSES : Number.POSITIVE_INFINITY),
    rounds: (size) => (quick ? QUICK_ROUNDS : fullRounds(size)),
  };
}

function fullRounds(size) {
  if (size >= 1_000_000) return 3;
  return size >= 100_000 ? 5 : 9;
}

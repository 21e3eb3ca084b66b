// What a comparison gives back: rows of medians, and ratios with their spread, held against the aim.

/**
 * @typedef {object} Row
 * @property {string} work
 * @property {number} size
 * @property {string} contender
 * @property {number} median
 * @property {number} min
 * @property {number} max
 * @property {number} rounds
 * @property {string} unit
 * @property {boolean} beside  shown beside the comparison: not in its chart
 *
 * @typedef {object} Ratio
 * @property {string} what
 * @property {number} value  the median of the ratios of each round
 * @property {number} low
 * @property {number} high
 * @property {string | null} aim
 * @property {boolean | null} reached
 */

/**
 * One row for each contender.
 * @param {{ work: string, size: number, unit?: string, beside?: boolean }} of
 * @param {import('./measure.js').Times} times
 * @returns {Row[]}
 */
export function toRows({ work, size, unit = 'ms', beside = false }, times) {
  return Object.entries(times)
    .filter(([, samples]) => samples.length > 0)
    .map(([contender, samples]) => ({
      work,
      size,
      contender,
      median: median(samples),
      min: Math.min(...samples),
      max: Math.max(...samples),
      rounds: samples.length,
      unit,
      beside,
    }));
}

/**
 * How many times `part` is of `whole`, round by round.
 * @param {{ what: string, part: number[], whole: number[], atMost?: number, atLeast?: number }} given
 * @returns {Ratio}
 */
export function toRatio({ what, part, whole, atMost, atLeast }) {
  const rounds = Math.min(part.length, whole.length);
  const ratios = Array.from({ length: rounds }, (_, round) => part[round] / whole[round]);
  const spread = { value: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
  return { what, ...spread, ...compareWithAim(spread.value, atMost, atLeast) };
}

/**
 * How the time for one unit grows from a smaller size to a larger one; as these were not run in the same rounds,
 * the spread is that of all pairs.
 * @param {{ what: string, from: { size: number, samples: number[] }, to: { size: number, samples: number[] }, atMost: number }} given
 * @returns {Ratio}
 */
export function toGrowth({ what, from, to, atMost }) {
  const before = from.samples.map((ms) => ms / from.size);
  const after = to.samples.map((ms) => ms / to.size);
  const value = median(after) / median(before);
  const low = Math.min(...after) / Math.max(...before);
  const high = Math.max(...after) / Math.min(...before);
  return { what, value, low, high, ...compareWithAim(value, atMost) };
}

function compareWithAim(value, atMost, atLeast) {
  if (atMost !== undefined) return { aim: `≤ ${atMost} ×`, reached: value <= atMost };
  if (atLeast !== undefined) return { aim: `≥ ${atLeast} ×`, reached: value >= atLeast };
  return { aim: null, reached: null };
}

/** @param {readonly number[]} samples */
function median(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

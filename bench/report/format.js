/** A quantity with as many digits as mean something. */
export function formatAmount(value, unit) {
  const larger = LARGER[unit];
  if (larger !== undefined && value >= 10_000) return formatAmount(value / 1_000, larger);
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${formatNumber(value, ['µs', 'ms', 's', 'MiB'].includes(unit) ? digits : 0)} ${unit}`;
}

/** A thousand of the one is one of the other. */
const LARGER = { µs: 'ms', ms: 's' };

function formatRatio(value) {
  return `${formatNumber(value, value >= 100 ? 0 : value >= 10 ? 1 : 2)} ×`;
}

export function formatCount(value) {
  return formatNumber(value, 0);
}

function formatNumber(value, digits) {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Rows as cells; `counted` is what their sizes count. */
export function rowCells({ work, size, contender, median, min, max, rounds, unit }, counted) {
  return [
    work,
    `${formatCount(size)} ${counted}`,
    contender,
    formatAmount(median, unit),
    rounds === 1 ? 'one run' : `${formatAmount(min, unit)} … ${formatAmount(max, unit)}`,
  ];
}

/** Ratios as cells. */
export function ratioCells({ what, value, low, high, aim, reached }) {
  const outcome = reached === null ? '' : reached ? 'yes' : 'no';
  return [what, formatRatio(value), `${formatRatio(low)} … ${formatRatio(high)}`, aim ?? '', outcome];
}

export const ROW_HEAD = ['work', 'size', 'contender', 'median', 'spread'];
export const RATIO_HEAD = ['ratio', 'median', 'spread', 'aim', 'reached'];

// A chart for each comparison, as SVG: lines where a size grows, bars where contenders stand side by side.
import * as echarts from 'echarts';
import { formatAmount, formatCount } from './format.js';

const WIDTH = 860;
const FONT = 'Arial, Helvetica, sans-serif';
const OURS = ['#2563eb', '#93c5fd', '#1e3a8a'];
const OTHERS = ['#94a3b8', '#f59e0b', '#ef4444', '#10b981', '#8b5cf6'];
const BAR = 20;
/** Amounts that are further apart than this are not to be compared on a linear axis. */
const WIDE = 20;

/** The SVG of a comparison: its rows, but for those shown beside it. */
export function renderChart({ title, rows, chart, counted }) {
  const shown = rows.filter(({ beside }) => !beside);
  const { height, ...option } = (chart === 'lines' ? lines : bars)(shown, counted);
  const canvas = echarts.init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  canvas.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: FONT },
    title: { text: title, left: 16, top: 12, textStyle: { fontSize: 16, fontFamily: FONT } },
    // A gap for fonts that are wider than the one that was reckoned with.
    legend: { top: 42, left: 16, itemGap: 40 },
    ...option,
  });
  const svg = canvas.renderToSVGString();
  canvas.dispose();
  return svg;
}

/** Both axes logarithmic: what grows with the size is a line that rises evenly, and a ratio is a distance. */
function lines(rows, counted) {
  const { unit } = rows[0];
  return {
    height: 460,
    grid: { left: 84, right: 100, top: 92, bottom: 60 },
    xAxis: {
      ...named(`${counted}, logarithmic`),
      type: 'log',
      min: 'dataMin',
      max: 'dataMax',
      axisLabel: { formatter: formatCount },
    },
    yAxis: { ...named(`${unit}, logarithmic`, 60), type: 'log', axisLabel: { formatter: formatCount } },
    series: contendersOf(rows).map(({ name, colour }) => ({
      name,
      type: 'line',
      symbolSize: 7,
      color: colour,
      lineStyle: { width: isOurs(name) ? 3 : 2 },
      z: isOurs(name) ? 3 : 2,
      data: rows.filter(({ contender }) => contender === name).map(({ size, median }) => [size, median]),
      endLabel: { show: true, formatter: ({ value }) => formatAmount(value[1], unit), color: colour },
      labelLayout: { moveOverlap: 'shiftY' },
    })),
  };
}

/** One group of bars for each piece of work. */
function bars(rows, counted) {
  const { unit } = rows[0];
  const groups = [...new Set(rows.map((row) => groupOf(row, counted)))];
  const contenders = contendersOf(rows);
  const longest = Math.max(...groups.flatMap((group) => group.split('\n')).map(({ length }) => length));
  return {
    height: 150 + groups.length * (contenders.length * (BAR + 6) + 22),
    grid: { left: 30 + longest * 7.4, right: 110, top: 84, bottom: 56 },
    xAxis: {
      ...amounts(
        rows.map(({ median }) => median),
        unit,
      ),
      axisLabel: { formatter: formatCount },
    },
    yAxis: { type: 'category', data: groups, inverse: true, axisTick: { show: false } },
    series: contenders.map(({ name, colour }) => ({
      name,
      type: 'bar',
      barWidth: BAR,
      color: colour,
      data: groups.map((group) => {
        const row = rows.find((one) => one.contender === name && groupOf(one, counted) === group);
        return row?.median ?? '-';
      }),
      label: { show: true, position: 'right', formatter: ({ value }) => formatAmount(value, unit) },
    })),
  };
}

/** From zero where that can be read; a logarithmic axis has none, and begins at the power of ten below. */
function amounts(values, unit) {
  const least = Math.min(...values);
  if (Math.max(...values) / least < WIDE) return { ...named(unit), type: 'value', min: 0 };
  return { ...named(`${unit}, logarithmic`), type: 'log', min: 10 ** Math.floor(Math.log10(least / 1.5)) };
}

function named(name, nameGap = 32) {
  return { name, nameLocation: 'middle', nameGap };
}

function groupOf({ work, size }, counted) {
  return `${work}\n${formatCount(size)} ${counted}`;
}

/** Ours first and in blue, in every chart. */
function contendersOf(rows) {
  const names = [...new Set(rows.map(({ contender }) => contender))];
  return [
    ...names.filter(isOurs).map((name, n) => ({ name, colour: OURS[n % OURS.length] })),
    ...names.filter((name) => !isOurs(name)).map((name, n) => ({ name, colour: OTHERS[n % OTHERS.length] })),
  ];
}

function isOurs(name) {
  return name.startsWith('casbin-bootstrap');
}

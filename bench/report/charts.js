// A chart for each comparison, as SVG: lines where a size grows, bars where contenders stand side by side.
import * as echarts from 'echarts';
import { formatAmount, formatCount } from './format.js';

const WIDTH = 860;
const HEIGHT = 420;
const FONT = 'system-ui, sans-serif';
// ours first
const COLOURS = ['#2563eb', '#94a3b8', '#f59e0b', '#ef4444', '#10b981', '#8b5cf6', '#64748b'];

/** The SVG of a comparison. Both axes of amounts are logarithmic: the ratio is what is to be seen. */
export function renderChart({ title, rows, chart }) {
  const shown = rows.filter(({ beside }) => !beside);
  const draw = chart.kind === 'lines' ? lines : bars;
  const canvas = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: WIDTH,
    height: chart.kind === 'lines' ? HEIGHT : 150 + 26 * shown.length,
  });
  canvas.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: { fontFamily: FONT },
    title: { text: title, left: 16, top: 12, textStyle: { fontSize: 16, fontFamily: FONT } },
    ...draw(shown, chart),
  });
  const svg = canvas.renderToSVGString();
  canvas.dispose();
  return svg;
}

function lines(rows, { x }) {
  const names = contendersOf(rows);
  return {
    legend: { top: 40, left: 16 },
    grid: { left: 16, right: 96, top: 84, bottom: 40, containLabel: true },
    xAxis: {
      type: 'log',
      name: x,
      nameLocation: 'middle',
      nameGap: 28,
      min: 'dataMin',
      max: 'dataMax',
      axisLabel: { formatter: formatCount },
    },
    yAxis: { type: 'log', name: rows[0].unit, axisLabel: { formatter: formatCount } },
    series: names.map((name) => ({
      name,
      type: 'line',
      symbolSize: 7,
      lineStyle: { width: isOurs(name) ? 3 : 2 },
      z: isOurs(name) ? 3 : 2,
      data: rows.filter(({ contender }) => contender === name).map(({ size, median }) => [size, median]),
      endLabel: {
        show: true,
        formatter: ({ value }) => formatAmount(value[1], rows[0].unit),
        color: 'inherit',
      },
      labelLayout: { moveOverlap: 'shiftY' },
    })),
  };
}

function bars(rows) {
  const unit = rows[0].unit;
  const least = Math.min(...rows.map(({ median }) => median));
  const labels = rows.map(({ work, size, contender }) => `${work}, ${formatCount(size)}  ${contender}`);
  const names = contendersOf(rows);
  return {
    grid: { left: 16, right: 96, top: 56, bottom: 40, containLabel: true },
    // A logarithmic axis has no zero to begin bars at.
    xAxis: {
      type: 'log',
      name: unit,
      min: 10 ** Math.floor(Math.log10(least / 1.5)),
      axisLabel: { formatter: formatCount },
    },
    yAxis: { type: 'category', data: labels, inverse: true, axisTick: { show: false } },
    series: [
      {
        type: 'bar',
        barMaxWidth: 18,
        data: rows.map(({ contender, median }) => ({
          value: median,
          itemStyle: { color: COLOURS[names.indexOf(contender) % COLOURS.length] },
        })),
        label: { show: true, position: 'right', formatter: ({ value }) => formatAmount(value, unit) },
      },
    ],
  };
}

/** Ours first, so that it has the same colour everywhere. */
function contendersOf(rows) {
  const names = [...new Set(rows.map(({ contender }) => contender))];
  return [...names.filter(isOurs), ...names.filter((name) => !isOurs(name))];
}

function isOurs(name) {
  return name.startsWith('casbin-bootstrap');
}

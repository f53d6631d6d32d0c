// Draws every element with data-chart by uPlot: one look, colours from the style sheet, a drag opens the range.
const drawn = new Map();
const SVG = 'http://www.w3.org/2000/svg';

const formats = {
  count: (v) => v >= 1e6 ? trim(v / 1e6) + 'M' : v >= 1e4 ? trim(v / 1e3) + 'k' : v.toLocaleString('en-US', { maximumFractionDigits: 0 }),
  usd: (v) => v === 0 ? '$0' : v >= 1000 ? '$' + Math.round(v).toLocaleString('en-US') : v >= 1 ? '$' + v.toFixed(2) : '$' + Number(v.toPrecision(3)).toString(),
  micros: (v) => v < 1e3 ? Math.round(v) + ' µs' : v < 1e4 ? (v / 1e3).toFixed(1) + ' ms' : v < 999500 ? Math.round(v / 1e3) + ' ms' : trim(v / 1e6) + ' s',
  share: (v) => trim(v) + ' %',
};

function trim(v) {
  return v < 99.5 ? String(Number(v.toFixed(1))) : String(Math.round(v));
}

/** The colour behind a variable: canvas needs it resolved for the theme in force. */
function colour(name) {
  const probe = document.createElement('i');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

function faded(rgb, alpha) {
  return rgb.replace(/^rgb\(([^)]+)\)$/, (_, parts) => `rgb(${parts.replaceAll(',', '')} / ${alpha})`);
}

export function drawCharts() {
  for (const [element, chart] of drawn) {
    if (!element.isConnected) {
      chart.end();
      drawn.delete(element);
    }
  }

  for (const element of document.querySelectorAll('[data-chart]')) {
    const text = element.dataset.chart;
    if (drawn.get(element)?.text !== text) {
      drawn.get(element)?.end();
      drawn.set(element, draw(element, JSON.parse(text), text));
    }
  }
}

function redraw() {
  for (const [element, chart] of drawn) {
    chart.end();
    drawn.set(element, draw(element, JSON.parse(chart.text), chart.text));
  }
}

function draw(element, plot, text) {
  element.replaceChildren();
  const legend = makeLegend(element, plot);
  if (!plot.series.some((s) => s.values.some((v) => v !== null && (v > 0 || !plot.log)))) {
    const none = document.createElement('p');
    none.className = 'chart-none';
    none.textContent = 'No calls in this time';
    element.append(none);
    return { text, end: () => element.replaceChildren() };
  }

  const format = formats[plot.unit];
  const line = colour('line');
  const faint = colour('text-faint');
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const bars = plot.kind === 'bars';
  const shown = bars ? stacked(plot.series) : plot.series.map((s) => s.values);
  const from = plot.seconds[0];
  const to = plot.seconds.at(-1) + plot.stepSeconds;

  const options = {
    width: element.clientWidth,
    height: element.clientHeight - element.firstElementChild.offsetHeight,
    padding: [8, 6, 0, 0],
    legend: { show: false },
    cursor: { points: { size: 6, width: 0 }, drag: { x: true, y: false, setScale: false }, y: false },
    scales: {
      x: { range: () => bars ? [from - plot.stepSeconds / 2, to - plot.stepSeconds / 2] : [from, to - plot.stepSeconds] },
      y: plot.log
        ? { distr: 3, range: (_, min, max) => decades(min, max) }
        : { range: (_, min, max) => [0, max > 0 ? max * 1.08 : 1] },
    },
    axes: [
      { stroke: faint, font, grid: { show: false }, ticks: { show: false }, size: 22, gap: 4, space: 70, values: hours },
      { stroke: faint, font, grid: { stroke: line, width: 1 }, ticks: { show: false }, size: 54, gap: 6, space: 34,
        splits: plot.log ? (_, __, min, max) => powers(min, max) : undefined,
        incrs: plot.unit === 'count' ? [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6, 1e7] : undefined,
        values: (_, splits) => splits.map((v) => v === null ? '' : format(v)) },
    ],
    series: [{}, ...plot.series.map((s) => {
      const stroke = colour('series-' + s.colour);
      return bars
        ? { label: s.name, fill: stroke, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.72, 26], radius: 0.12 }) }
        : { label: s.name, stroke, width: 1.6, points: { show: lonely, size: 4, fill: stroke }, fill: plot.series.length === 1 ? faded(stroke, 0.1) : undefined, spanGaps: false };
    })],
    hooks: {
      setCursor: [(u) => legend(u.cursor.idx)],
      setSelect: [(u) => {
        if (u.select.width < 8 || !plot.door) return;
        const a = u.posToVal(u.select.left, 'x');
        const b = u.posToVal(u.select.left + u.select.width, 'x');
        const address = new URL(plot.door, location.href);
        address.searchParams.delete('range');
        address.searchParams.set('from', new Date(a * 1000).toISOString());
        address.searchParams.set('to', new Date(b * 1000).toISOString());
        location.href = address;
      }],
    },
  };

  // Stacked bars are drawn from the tallest sum down, so series and their values turn round together.
  if (bars) options.series = [options.series[0], ...options.series.slice(1).toReversed()];
  const made = new uPlot(options, [plot.seconds, ...(bars ? shown.toReversed() : shown)], element);
  const watch = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: element.clientHeight - element.firstElementChild.offsetHeight }));
  watch.observe(element);
  return { text, end: () => { watch.disconnect(); made.destroy(); } };
}

/** A point is drawn only where no line can be: between two gaps. */
function lonely(u, seriesIndex, from, to) {
  const values = u.data[seriesIndex];
  const points = [];
  for (let i = from; i <= to; i++) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) points.push(i);
  }
  return points.length > 0;
}

function stacked(series) {
  const sums = series[0].values.map(() => 0);
  return series.map((s) => s.values.map((v, i) => v === null ? null : (sums[i] += v)));
}

function decades(min, max) {
  const low = 10 ** Math.floor(Math.log10(Math.max(1, min)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(10, max)));
  return [low, high === low ? low * 10 : high];
}

function powers(min, max) {
  const splits = [];
  for (let v = min; v <= max * 1.001; v *= 10) splits.push(v);
  return splits;
}

function hours(u, splits) {
  const wide = splits.length > 1 && splits[1] - splits[0] >= 86400;
  let day = null;
  return splits.map((s) => {
    const at = new Date(s * 1000);
    const today = at.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' });
    const time = at.toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });
    const text = wide || (day !== null && day !== today) ? today : time;
    day = today;
    return text;
  });
}

function makeLegend(element, plot) {
  const bar = document.createElement('div');
  bar.className = 'chart-legend';
  const at = document.createElement('span');
  at.className = 'at';
  bar.append(at);
  const values = plot.series.map((s) => {
    const item = document.createElement('span');
    const mark = document.createElementNS(SVG, 'svg');
    mark.setAttribute('viewBox', '0 0 8 8');
    mark.setAttribute('class', 'series-' + s.colour);
    const square = document.createElementNS(SVG, 'rect');
    square.setAttribute('width', '8');
    square.setAttribute('height', '8');
    square.setAttribute('rx', '2');
    mark.append(square);
    const value = document.createElement('b');
    item.append(mark, s.name, value);
    bar.append(item);
    return value;
  });
  element.append(bar);
  bar.style.height = `${bar.offsetHeight}px`; // what is pointed at must not move what is below
  return (index) => {
    at.textContent = index == null ? '' : new Date(plot.seconds[index] * 1000).toLocaleString('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
    plot.series.forEach((s, i) => {
      const value = index == null ? undefined : s.values[index];
      values[i].textContent = value === undefined ? '' : value === null ? ' –' : ' ' + formats[plot.unit](value);
    });
  };
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

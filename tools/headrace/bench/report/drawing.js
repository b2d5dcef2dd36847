// SPDX-License-Identifier: MIT
//
// The two kinds of chart of the report, bars with whiskers and lines over logarithmic axes, drawn by Chart.js; and
// the colours. It knows numbers and labels only: what they mean is decided in figures.js, where they stand in page.js.
'use strict';

// One colour a model in every chart, light and dark. Kin look alike: somebody for each client (browns, violets),
// loops that look at everybody (reds), loops that are told (blues), the kernel does it (green).
const modelColours = {
  iterative: ['#7a7f89', '#a3aab6'],
  process: ['#8c5a2b', '#c99763'],
  prefork: ['#c08a00', '#eebf45'],
  thread: ['#7b4bc0', '#b794f6'],
  pool: ['#b25fc9', '#e2a0f2'],
  polling: ['#a11d3f', '#ff6f91'],
  select: ['#d9382c', '#ff8a78'],
  poll: ['#ef7d1a', '#ffb066'],
  'epoll-level': ['#18a0c4', '#5cd0ee'],
  'epoll-edge': ['#0b4fb8', '#6ea8ff'],
  io_uring: ['#0d8a57', '#45d49a'],
};
const otherColours = [['#3d4757', '#d5dbe6'], ['#6b7688', '#94a0b4'], ['#55704d', '#a9c79f'], ['#7c5560', '#cfa3b0']];
const pointShapes = ['circle', 'rect', 'triangle', 'rectRot'];  // those that can be hollow

const prefersDark = window.matchMedia('(prefers-color-scheme: dark)');
const prefersStill = window.matchMedia('(prefers-reduced-motion: reduce)');

// Of a server {name, model, place}: "epoll-edge x2" has the colour of its model. `place` tells servers apart that are
// no model of ours; below 0 there is only one.
function styleOf({ name, model, place }) {
  const alone = place < 0 ? modelColours['epoll-edge'] : otherColours[place % otherColours.length];
  const ours = modelColours[model] || modelColours[name];
  const pair = ours || alone;
  return {
    colour: pair[prefersDark.matches ? 1 : 0],
    shape: pointShapes[Math.max(0, place) % pointShapes.length],
    dash: ours || place < 0 ? [] : [6, 4],
  };
}

function pageColour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
}

function faint(colour) {
  return colour + '66';  // the colours above are #rrggbb
}

// Lines from the lowest to the highest round, over each bar.
const whiskers = {
  id: 'whiskers',
  afterDatasetsDraw(chart, _, options) {
    if (!options.rows) return;
    const { ctx, scales: { x } } = chart;
    ctx.save();
    ctx.strokeStyle = pageColour('ink');
    ctx.lineWidth = 1.5;
    chart.getDatasetMeta(0).data.forEach((bar, index) => {
      const { low, high } = options.rows[index];
      if (!(high > low)) return;
      const [from, to] = [x.getPixelForValue(low), x.getPixelForValue(high)];
      const cap = Math.min(5, bar.height / 3);
      ctx.beginPath();
      ctx.moveTo(from, bar.y);
      ctx.lineTo(to, bar.y);
      for (const end of [from, to]) {
        ctx.moveTo(end, bar.y - cap);
        ctx.lineTo(end, bar.y + cap);
      }
      ctx.stroke();
    });
    ctx.restore();
  },
};

// The figure behind each bar, so that nobody has to guess from the axis.
const endLabels = {
  id: 'endLabels',
  afterDatasetsDraw(chart, _, options) {
    if (!options.rows) return;
    const { ctx, scales: { x } } = chart;
    ctx.save();
    ctx.font = `12px ${Chart.defaults.font.family}`;
    ctx.textBaseline = 'middle';
    ctx.fillStyle = pageColour('ink');
    chart.getDatasetMeta(0).data.forEach((bar, index) => {
      const row = options.rows[index];
      const end = Math.max(x.getPixelForValue(row.value), row.high > row.low ? x.getPixelForValue(row.high) : 0);
      ctx.fillText(options.write(row.value), end + 8, bar.y);
    });
    ctx.restore();
  },
};

function commonOptions() {
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: prefersStill.matches ? false : { duration: 250 },
    plugins: {
      legend: { display: false },
      tooltip: {
        backgroundColor: pageColour('ink'),
        titleColor: pageColour('card'),
        bodyColor: pageColour('card'),
        padding: 10,
        cornerRadius: 8,
        displayColors: false,
        titleFont: { size: 13 },
        bodyFont: { size: 13 },
      },
    },
  };
}

function setDefaults() {
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.color = pageColour('muted');
  Chart.defaults.borderColor = pageColour('line');
}

function shortened(text, most) {
  const characters = Array.from(text);
  return characters.length <= most ? text : characters.slice(0, most - 1).join('') + '…';
}

// rows: [{name, place, value, low, high, partial, details: [line]}]; write(value) gives text with a unit; binary: the
// axis goes by powers of two, as bytes do.
function drawBars(canvas, rows, { write, binary }) {
  setDefaults();
  const narrow = canvas.parentElement.clientWidth < 520;
  const longest = Math.max(...rows.map((row) => row.high)) * (narrow ? 1.4 : 1.14);  // room for the figures
  canvas.parentElement.style.height = `${rows.length * (narrow ? 30 : 32) + 44}px`;
  const options = commonOptions();
  options.indexAxis = 'y';
  options.interaction = { mode: 'nearest', axis: 'y', intersect: false };
  options.scales = {
    x: {
      beginAtZero: true,
      max: longest,
      ticks: { maxTicksLimit: narrow ? 4 : 8, maxRotation: 0, includeBounds: false,
        stepSize: binary ? 2 ** Math.ceil(Math.log2(longest / (narrow ? 3 : 7))) : undefined,
        callback: (value) => write(value, true) },
      grid: { drawBorder: false },
    },
    y: {
      ticks: {
        autoSkip: false,
        color: pageColour('ink'),
        callback: (_, index) => shortened(rows[index].name, narrow ? 12 : 24),
      },
      grid: { display: false, drawBorder: false },
    },
  };
  options.plugins.whiskers = { rows };
  options.plugins.endLabels = { rows, write };
  options.plugins.tooltip.callbacks = {
    title: (items) => rows[items[0].dataIndex].name,
    label: (item) => rows[item.dataIndex].details,
  };
  const colours = rows.map((row) => styleOf(row).colour);
  const data = {
    labels: rows.map((row) => row.name),
    datasets: [{
      data: rows.map((row) => row.value),
      backgroundColor: rows.map((row, index) => (row.partial ? faint(colours[index]) : colours[index])),
      borderColor: colours,
      borderWidth: rows.map((row) => (row.partial ? 1 : 0)),
      borderRadius: 4,
      maxBarThickness: 20,
    }],
  };
  return new Chart(canvas, { type: 'bar', data, options, plugins: [whiskers, endLabels] });
}

// Powers of ten and, where there is room, 2 and 5 times them; of bytes powers of four.
function logarithmicTicks(scale, binary) {
  const digits = Math.log10(scale.max / scale.min) > 3.2 ? [1] : [1, 2, 5];
  const [base, multiples] = binary ? [4, [1]] : [10, digits];
  const power = (value) => Math.log(value) / Math.log(base);
  const ticks = [];
  for (let exponent = Math.floor(power(scale.min)); exponent <= Math.ceil(power(scale.max)); ++exponent) {
    for (const digit of multiples) {
      const value = Number((digit * base ** exponent).toPrecision(12));
      if (value >= scale.min * 0.999 && value <= scale.max * 1.001) ticks.push({ value });
    }
  }
  if (ticks.length > 0) scale.ticks = ticks;
}

function logarithmicScale(title, write, values, binary) {
  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  return {
    type: 'logarithmic',
    min: lowest / 1.25,
    max: highest * 1.25,
    title: { display: true, text: title },
    afterBuildTicks: (scale) => logarithmicTicks(scale, binary),
    ticks: { callback: (value) => write(value, true), maxRotation: 0 },
    grid: { drawBorder: false },
  };
}

// series: [{name, place, points: [{x, y, partial, details: [line]}]}]. With `labels` the x of a point is a place in that
// list, else a number on a logarithmic axis.
function drawLines(canvas, series, { xTitle, yTitle, writeX, writeY, labels, binary }) {
  setDefaults();
  const points = series.flatMap((one) => one.points);
  const options = commonOptions();
  options.interaction = { mode: 'nearest', intersect: false };
  options.layout = { padding: { right: 12, top: 6 } };
  options.scales = {
    x: labels
      ? { type: 'category', labels, offset: false, grid: { drawBorder: false },
        ticks: { maxRotation: 0, autoSkip: false, font: { size: canvas.clientWidth < 400 ? 10 : 12 } } }
      : logarithmicScale(xTitle, writeX, points.map((point) => point.x)),
    y: logarithmicScale(yTitle, writeY, points.map((point) => point.y), binary),
  };
  if (!labels) {
    const measured = [...new Set(points.map((point) => point.x))].sort((a, b) => a - b);
    if (measured.length <= 8) {
      options.scales.x.afterBuildTicks = (scale) => { scale.ticks = measured.map((value) => ({ value })); };
    }
  }
  options.plugins.tooltip.callbacks = {
    title: (items) => (items.length > 0 ? series[items[0].datasetIndex].name : ''),
    label: (item) => series[item.datasetIndex].points[item.dataIndex].details,
  };
  const datasets = series.map((one) => {
    const { colour, shape, dash } = styleOf(one);
    return {
      label: one.name,
      data: one.points.map((point) => ({ x: labels ? labels[point.x] : point.x, y: point.y })),
      borderColor: colour,
      backgroundColor: colour,
      // Hollow: a figure that comes with a remark, such as clients left waiting.
      pointBackgroundColor: one.points.map((point) => (point.partial ? pageColour('card') : colour)),
      pointBorderWidth: 2,
      borderDash: dash,
      borderWidth: 2,
      pointStyle: shape,
      pointRadius: 4,
      pointHoverRadius: 7,
    };
  });
  return new Chart(canvas, { type: 'line', data: { datasets }, options });
}

// SPDX-License-Identifier: MIT
//
// Puts the figures into the page: fills each section that has something to show, removes the others, draws again
// when the reader picks another case or the system changes between light and dark. All text goes in as text, never
// as HTML: names come from command lines.
'use strict';

const sourceText = document.getElementById('json').textContent;
const report = JSON.parse(sourceText) ?? {};
const isComparison = report.kind === 'comparison' || Array.isArray(report.results);
const results = isComparison ? listOf(report.results) : [report];
const environment = report.environment || {};
const names = isComparison ? [...new Set(results.map(nameOf))] : [];
const redraws = [];  // one function a chart: draws it anew as it was

function element(tag, text, properties) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  return Object.assign(made, properties || {});
}

// A chart that is drawn again takes its predecessor's place.
function keepDrawn(canvas, draw) {
  let chart = null;
  const again = () => {
    if (chart) chart.destroy();
    chart = draw();
  };
  redraws.push(again);
  again();
  return { again, chart: () => chart };
}

// head: [text]; rows: [{name, cells: [text | {text, best, note}]}]
function fillTable(section, caption, head, rows) {
  const table = section.querySelector('table');
  table.replaceChildren(element('caption', caption, { className: 'unseen' }));
  const heads = element('tr');
  for (const text of head) {
    heads.append(element('th', text, { scope: 'col', className: text === 'remarks' ? 'note' : '' }));
  }
  const body = element('tbody');
  for (const { name, cells } of rows) {
    const line = element('tr');
    line.append(element('th', name, { scope: 'row', title: name }));
    for (const cell of cells) {
      const { text, best, note } = typeof cell === 'object' ? cell : { text: cell };
      line.append(element('td', text, { className: best ? 'best' : note ? 'note' : '' }));
    }
    body.append(line);
  }
  const top = element('thead');
  top.append(heads);
  table.append(top, body);
  table.parentElement.tabIndex = 0;  // it scrolls sideways, also by keyboard
}

// Buttons of which one is pressed. A single choice is no choice: nothing is shown.
function offer(place, title, choices, chosen, pick) {
  if (choices.length < 2) return;
  place.append(element('span', title));
  const buttons = choices.map((text, index) => {
    const button = element('button', text, { type: 'button' });
    button.addEventListener('click', () => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      pick(index);
    });
    button.setAttribute('aria-pressed', String(index === chosen));
    return button;
  });
  place.append(...buttons);
}

function show(section, title) {
  section.hidden = false;
  section.querySelector('canvas').setAttribute('aria-label', `${title}: a chart; the table below has its figures`);
}

function comparedToBest(row, best, quantity) {
  if (!isPositive(best) || row.value === null) return '';
  const ratio = row.value / best;
  return quantity.better === most ? `${(ratio * 100).toFixed(0)}%` : `${ratio.toFixed(2)}x`;
}

function tableOfBars(section, rows, quantity) {
  const best = bestOf(rows, quantity);
  const text = (value) => (isNumber(value) ? quantity.write(value) : '-');
  const remarked = rows.some((row) => row.remarks.length > 0);
  fillTable(section, quantity.title,
    ['', quantity.title, 'of the best', 'all rounds', ...(remarked ? ['remarks'] : [])],
    rows.map((row) => ({ name: row.name, cells: [
      { text: text(row.value), best: row.value !== null && row.value === best && !row.partial },
      comparedToBest(row, best, quantity),
      row.value !== null && row.high > row.low ? `${text(row.low)} to ${text(row.high)}` : '-',
      ...(remarked ? [{ text: row.remarks.join('; '), note: true }] : [])] })));
}

// The middle case: with 10, 100 and 1000 connections neither the idlest nor the most crowded.
const middle = (count) => Math.floor((count - 1) / 2);
// What is divided by the number of connections is most exact with many.
const last = (count) => count - 1;

// A section of bars: one case at a time, all servers of it; `first` says which of how many cases is seen first.
function barSection(id, quantity, cases, first = middle) {
  const section = document.getElementById(id);
  const usable = cases.filter(({ results: all }) =>
    all.some((result) => result.rounds !== 0 && isPositive(quantity.of(result))));
  if (usable.length === 0) {
    section.remove();
    return;
  }
  let chosen = first(usable.length);
  show(section, quantity.title);
  const rowsNow = () => usable[chosen].results.map((result) =>
    rowOf(result, quantity, names.indexOf(nameOf(result))));
  const fill = () => tableOfBars(section, rowsNow(), quantity);
  const drawn = keepDrawn(section.querySelector('canvas'), () => drawBars(section.querySelector('canvas'),
    rowsNow().filter((row) => row.value !== null), quantity));
  fill();
  offer(section.querySelector('.picks'), 'With', usable.map((one) => one.label), chosen, (index) => {
    chosen = index;
    drawn.again();
    fill();
  });
}

// Buttons that hide and show lines, each with its colour. `hidden` is a set of names, kept between drawings.
function fillLegend(section, lines, hidden, drawn) {
  const legend = section.querySelector('.legend');
  legend.replaceChildren();
  if (lines.length < 2) return;
  for (const line of lines) {
    const swatch = element('span', '', { className: 'swatch' });
    swatch.style.background = styleOf(line).colour;
    const button = element('button', undefined, { type: 'button', title: 'Hide or show this line' });
    button.append(swatch, element('b', shortened(line.name, 32)));
    button.setAttribute('aria-pressed', String(!hidden.has(line.name)));
    button.addEventListener('click', () => {
      if (!hidden.delete(line.name)) hidden.add(line.name);
      button.setAttribute('aria-pressed', String(!hidden.has(line.name)));
      drawn.again();
    });
    legend.append(button);
  }
}

// A section of lines; `state()` gives what is to be seen now: {lines, axes}.
function lineSection(section, state, fill) {
  const hidden = new Set();
  const canvas = section.querySelector('canvas');
  const drawn = keepDrawn(canvas, () => {
    const { lines, axes } = state();
    const seen = lines.filter((line) => !hidden.has(line.name));
    return drawLines(canvas, seen.length > 0 ? seen : lines, axes);
  });
  const refresh = () => {
    fill();
    fillLegend(section, state().lines, hidden, drawn);
  };
  redraws.push(refresh);  // the legend's colours change with the theme
  refresh();
  return () => { drawn.again(); refresh(); };
}

function growthSection() {
  const section = document.getElementById('growth');
  const growths = growthsOf(results);
  const wanted = ['cpu', 'throughput', 'p99', 'memory'].map((key) => quantities[key]);
  const enough = (growth, quantity) => linesOf(growth, quantity, names).some((line) => line.points.length > 1);
  const usable = wanted.filter((quantity) => growths.some((growth) => enough(growth, quantity)));
  if (usable.length === 0) {
    section.remove();
    return;
  }
  let [quantity, growth] = [usable[0], growths.find((one) => enough(one, usable[0]))];
  show(section, 'Growth');
  const state = () => ({ lines: linesOf(growth, quantity, names), axes: { xTitle: growth.title,
    yTitle: quantity.title, writeX: growth.write, writeY: quantity.write, binary: quantity.binary } });
  const hint = section.querySelector('.hint');
  const aboutCpu = hint.textContent;
  const fill = () => {
    hint.textContent = quantity === quantities.cpu ? aboutCpu : 'Both axes are logarithmic. A flat line is the same ' +
      'however many there are. A hollow point comes with a remark.';
    const { lines } = state();
    const places = [...new Set(lines.flatMap((line) => line.points.map((point) => point.x)))].sort((a, b) => a - b);
    fillTable(section, `${quantity.title} by ${growth.title}`,
      [growth.title, ...places.map((place) => growth.write(place))],
      lines.map((line) => ({ name: line.name, cells: places.map((place) => {
        const point = line.points.find((one) => one.x === place);
        return point ? quantity.write(point.y) + (point.partial ? ' *' : '') : '-';
      }) })));
  };
  const again = lineSection(section, state, fill);
  const picks = element('div', undefined, { className: 'picks' });
  section.querySelector('.legend').before(picks);
  offer(picks, 'Show', usable.map((one) => one.title), 0, (index) => {
    quantity = usable[index];
    if (!enough(growth, quantity)) growth = growths.find((one) => enough(one, quantity));
    again();
  });
  const by = element('div', undefined, { className: 'picks' });
  picks.after(by);
  offer(by, 'By', growths.map((one) => one.title), growths.indexOf(growth), (index) => {
    growth = growths[index];
    again();
  });
  if (growths.some((one) => one.results.some((result) => remarksOf(result).length > 0))) {
    section.append(element('p', '* did not serve everybody: see the remarks under the other charts.',
      { className: 'hint below' }));
  }
}

function latencySection(cases) {
  const section = document.getElementById('latency');
  const usable = cases.filter(({ results: all }) => latencyLinesOf(all, names).length > 0);
  if (usable.length === 0) {
    section.remove();
    return;
  }
  let chosen = middle(usable.length);
  show(section, 'Latency');
  const labels = percentiles.map(([, label]) => label);
  const state = () => ({ lines: latencyLinesOf(usable[chosen].results, names),
    axes: { labels, yTitle: 'time until the answer', writeY: write.microseconds } });
  const text = (result, key) => {
    const value = (result.latency_us || {})[key];
    return isNumber(value) ? write.microseconds(value) : '-';
  };
  // One server: a percentile a line, since a row of six is too wide for a phone.
  const fill = () => (isComparison
    ? fillTable(section, 'Latency', ['', ...labels], usable[chosen].results.map((result) => ({
      name: nameOf(result), cells: percentiles.map(([key]) => text(result, key)) })))
    : fillTable(section, 'Latency', ['percentile', 'answered within'], percentiles.map(([key, label]) => ({
      name: label, cells: [text(report, key)] }))));
  const again = lineSection(section, state, fill);
  offer(section.querySelector('.picks'), 'With', usable.map((one) => one.label), chosen, (index) => {
    chosen = index;
    again();
  });
}

function tile(value, title) {
  const made = element('li');
  made.append(element('b', value), element('span', title));
  document.getElementById('tiles').append(made);
}

function loadTiles() {
  const latency = report.latency_us || {};
  if (isNumber(report.messages_per_second)) tile(write.rate(report.messages_per_second), 'messages/s');
  if (isNumber(report.bytes_per_second)) tile(write.bytesPerSecond(report.bytes_per_second), 'each way');
  if (isNumber(report.connections_per_second)) tile(write.rate(report.connections_per_second), 'connections/s');
  if (isNumber(latency.p50)) tile(write.microseconds(latency.p50), 'median latency');
  if (isNumber(latency.p99)) tile(write.microseconds(latency.p99), 'p99 latency');
  if (isNumber(report.server_cpu_us_per_message)) {
    tile(write.microseconds(report.server_cpu_us_per_message), 'server CPU per message');
  }
  if (isNumber(report.server_memory_bytes_per_connection)) {
    tile(write.bytes(report.server_memory_bytes_per_connection), 'memory per connection');
  }
  if (isNumber(report.errors)) tile(write.count(report.errors), report.errors === 1 ? 'error' : 'errors');
}

function comparisonTiles() {
  const size = new Set(results.map((result) => result.size).filter(isNumber));
  tile(write.count(names.length), names.length === 1 ? 'server' : 'servers compared');
  if (isPositive(report.rounds)) {
    const least = isPositive(report.within_seconds) ? 'at least ' : '';
    tile(write.count(report.rounds), `rounds${isPositive(report.round_seconds)
      ? ` of ${least}${write.microseconds(report.round_seconds * 1e6)} each` : ''}`);
  }
  if (size.size === 1) tile(write.bytes([...size][0]), 'in a message');
  if (isPositive(environment.cores)) tile(write.count(environment.cores), environment.cores === 1 ? 'core' : 'cores');
}

function warn() {
  const place = document.getElementById('warnings');
  const sentences = [];
  if (report.interrupted) sentences.push('Interrupted: these are the figures until then.');
  const build = String(environment.build ?? '');
  if (/sanit|assert|debug|not opt/i.test(build)) sentences.push(`Not a build to measure with (${build}): its figures say little.`);
  if (isPositive(environment.load_average) && environment.load_average > (environment.cores || 1)) {
    sentences.push(`The machine was busy with other work (load average ${environment.load_average.toFixed(1)} on ` +
      `${counted(environment.cores || 1, 'core')}): trust comparisons within a round, not absolute figures.`);
  }
  if (!isComparison) sentences.push(...remarksOf(report).map((text) => `${text[0].toUpperCase()}${text.slice(1)}.`));
  for (const text of sentences) place.append(element('li', text));
  place.hidden = sentences.length === 0;
}

function fact(title, value) {
  if (value === undefined || value === null || value === '') return;
  document.getElementById('facts').append(element('dt', title), element('dd', String(value)));
}

function facts() {
  const limits = environment.limits || {};
  const limit = (value) => (isNumber(value) ? write.count(value) : null);
  if (!isComparison) {
    fact('Server', report.address);
    if (isNumber(report.connections)) fact('Connections', write.count(report.connections));
    if (isPositive(report.connections_idle)) fact('of which idle', write.count(report.connections_idle));
    if (isNumber(report.size)) fact('Message', write.bytes(report.size));
    fact('In flight on each', report.in_flight);
    if (isNumber(report.messages)) fact('Messages answered', write.count(report.messages));
    if (isNumber(report.seconds)) fact('Measured for', write.microseconds(report.seconds * 1e6));
    if (isPositive(report.rate)) fact('Rate asked for', `${write.rate(report.rate)} messages/s`);
    if (isPositive(report.messages_behind)) fact('Behind at the end', write.count(report.messages_behind));
  }
  fact('Measured at', environment.time);
  fact('Kernel', environment.kernel ?? report.kernel);
  fact('Processor', environment.processor);
  fact('Cores', environment.cores ?? report.cores);
  fact('Pinning', (environment.pinning || {}).text);
  if (isNumber(environment.load_average)) fact('Load average before', environment.load_average);
  fact('Descriptors of a process', limit(limits.descriptors));
  fact('Longest backlog', limit(limits.somaxconn));
  fact('Threads in all', limit(limits.threads_max));
  fact('Ports to connect from', limit(limits.ports));
  fact('headrace', [environment.version, environment.build].filter(Boolean).join(', '));
  if (environment.command) {
    document.getElementById('command').textContent = environment.command;
    document.getElementById('again').hidden = false;
  }
  document.getElementById('version').textContent = environment.version ?? '';
}

function offerSource() {
  if (isPositive(report.thinned)) {
    const note = `Of the single rounds one in ${write.count(report.thinned)} is in this file, to keep it small; medians ` +
      'and ranges are those of all. headrace bench --json has them whole.';
    document.getElementById('download').parentElement.before(element('p', note));
  }
  const source = document.getElementById('source');
  source.closest('details').addEventListener('toggle', () => {
    source.textContent = JSON.stringify(report, null, 2);  // in the file it is one line
  }, { once: true });
  document.getElementById('download').href =
    URL.createObjectURL(new Blob([sourceText], { type: 'application/json' }));
}

function headings() {
  const titles = { models: 'The models compared', connections: 'How the models take more connections',
    sizes: 'How the models take bigger messages', workers: 'What more workers bring',
    churn: 'What letting clients in costs' };
  const compared = listOf(report.compare);
  const title = isComparison ? (compared.length === 1 && titles[compared[0]]) || 'The models compared'
    : String(report.address ?? 'One server');
  document.getElementById('title').textContent = title;
  document.title = `${title} - headrace bench`;
  const verdict = document.getElementById('verdict');
  for (const { sentence } of listOf(report.verdicts)) {
    if (!sentence) continue;
    // "100 connections: epoll-edge won ...": what it is about stands out.
    const [, about, rest] = /^([^:]{1,40}:)?(.*)$/s.exec(String(sentence));
    const line = element('p');
    if (about) line.append(element('b', about));
    line.append(rest);
    verdict.append(line);
  }
  verdict.hidden = !verdict.hasChildNodes();
}

headings();
warn();
if (isComparison) {
  comparisonTiles();
  const steady = casesOf(results.filter((result) => !isNumber(result.churn)));
  barSection('throughput', quantities.throughput, steady);
  barSection('cpu', quantities.cpu, steady);
  growthSection();
  latencySection(steady);
  barSection('churn', quantities.churn, casesOf(results.filter((result) => isNumber(result.churn))));
  barSection('memory', quantities.memory, steady, last);
} else {
  loadTiles();
  for (const id of ['throughput', 'cpu', 'growth', 'churn', 'memory']) document.getElementById(id).remove();
  latencySection([{ label: '', results }]);
}
facts();
offerSource();

let drawnWidth = window.innerWidth;
const drawAll = () => { for (const again of redraws) again(); };
prefersDark.addEventListener('change', drawAll);
window.addEventListener('beforeprint', drawAll);
window.addEventListener('resize', () => {
  // Charts follow the width by themselves; their labels only across this step.
  if ((drawnWidth < 640) !== (window.innerWidth < 640)) drawAll();
  drawnWidth = window.innerWidth;
});

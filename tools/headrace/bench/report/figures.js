// SPDX-License-Identifier: MIT
//
// What the charts and tables show, taken from the JSON (docs/bench-schema.json, version 1). No figure is computed
// here that the program did not report, but for shares of the best. Anything may be missing or null: then it is left
// out, never drawn as 0. Knows nothing of the page.
'use strict';

const percentiles = [
  ['p50', 'p50'], ['p90', 'p90'], ['p99', 'p99'], ['p999', 'p99.9'], ['p9999', 'p99.99'], ['max', 'max']];

const isNumber = (value) => typeof value === 'number' && Number.isFinite(value);
const isPositive = (value) => isNumber(value) && value > 0;
const listOf = (value) => (Array.isArray(value) ? value : []);

// A number with the unit that suits it, in three digits: "12.3 us", "1.2 ms".
function scaled(value, steps, tick) {
  let at = 0;
  while (at + 1 < steps.length && Math.abs(value) >= steps[at + 1][0]) ++at;
  const [size, unit] = steps[at];
  const number = value / size;
  const whole = number === 0 || (Number.isInteger(number) && size === steps[0][0]);
  const digits = tick ? { maximumFractionDigits: 3 } : { minimumSignificantDigits: whole ? 1 : 3, maximumSignificantDigits: number >= 1000 ? 4 : 3 };
  return number.toLocaleString('en-US', digits) + (unit ? '\u00a0' + unit : '');
}

const write = {
  count: (value) => value.toLocaleString('en-US', { maximumFractionDigits: 0 }),
  rate: (value, tick) => (tick || value >= 1e6
    ? scaled(value, [[1, ''], [1e3, 'k'], [1e6, 'M'], [1e9, 'G']], tick)
    : value.toLocaleString('en-US', { maximumFractionDigits: value < 100 ? 1 : 0 })),
  microseconds: (value, tick) =>
    scaled(value, value < 1 ? [[1e-3, 'ns']] : [[1, 'us'], [1e3, 'ms'], [1e6, 's']], tick),
  bytes: (value, tick) => scaled(value, [[1, 'B'], [1024, 'KiB'], [1024 ** 2, 'MiB'], [1024 ** 3, 'GiB']], tick),
  bytesPerSecond: (value) => scaled(value, [[1, 'B/s'], [1e3, 'kB/s'], [1e6, 'MB/s'], [1e9, 'GB/s']]),
};
// 0 is a place on an axis, not "0 ns".
const zeroOr = (writer) => (value, tick) => (value === 0 ? '0' : writer(value, tick));

// Everything that a result tells and a chart may show: how it is found (the spread has the same keys, with a range
// behind each), how it is written and called, and which end is good.
const most = Math.max;
const least = Math.min;
const quantities = {
  throughput: { title: 'messages/s', of: (from) => from.messages_per_second, better: most, write: write.rate },
  churn: { title: 'connections/s', of: (from) => from.connections_per_second, better: most, write: write.rate },
  cpu: { title: 'CPU per message', of: (from) => from.server_cpu_us_per_message, better: least,
    write: zeroOr(write.microseconds) },
  memory: { title: 'memory per connection', of: (from) => from.server_memory_bytes_per_connection, better: least,
    write: zeroOr(write.bytes), binary: true },
  p99: { title: 'p99 latency', of: (from) => (from.latency_us || {}).p99, better: least,
    write: zeroOr(write.microseconds) },
};

function nameOf(result) {
  return String(result.name ?? result.model ?? result.address ?? 'server');
}

function counted(number, noun) {
  return `${write.count(number)} ${noun}${number === 1 ? '' : 's'}`;
}

function workersOf(result) {
  return isNumber(result.workers) ? ` with ${counted(result.workers, 'worker')}` : '';
}

// What a reader must know before comparing this entry with another; the lines of the tooltip and of the table.
function remarksOf(result) {
  const remarks = [];
  if (isPositive(result.connections_never_answered)) {
    const of = isPositive(result.active) ? ` of ${write.count(result.active)}` : '';
    remarks.push(`${write.count(result.connections_never_answered)}${of} left waiting`);
  }
  if (isPositive(result.errors)) {
    const kinds = Object.entries(result.errors_by_kind || {}).map(([kind, times]) => `${times} ${kind}`);
    remarks.push(`errors: ${kinds.join(', ') || result.errors}`);
  }
  if (result.failure) remarks.push(String(result.failure));
  return remarks;
}

// The row of a result in a chart of `quantity`. `value` is null where it is not known.
function rowOf(result, quantity, place) {
  const value = quantity.of(result);
  const range = quantity.of(result.spread || {}) || {};
  const known = isNumber(value) && result.rounds !== 0;
  const low = isNumber(range.lowest) ? range.lowest : value;
  const high = isNumber(range.highest) ? range.highest : value;
  const remarks = remarksOf(result);
  const details = known ? [`${quantity.write(value)}  ${quantity.title}`] : [];
  if (known && high > low) {
    details.push(`${quantity.write(low)} to ${quantity.write(high)} in ${counted(result.rounds, 'round')}`);
  }
  return { name: nameOf(result), model: result.model, place, value: known ? value : null, low, high, remarks, result,
    partial: remarks.length > 0, details: [...details, ...remarks] };
}

// The best of those that served everybody.
function bestOf(rows, quantity) {
  const fair = rows.filter((row) => !row.partial && isPositive(row.value));
  return fair.length > 1 ? fair.map((row) => row.value).reduce((a, b) => quantity.better(a, b)) : null;
}

// A case is what all servers were put through alike; results of one case stand beside each other.
const caseKeys = [
  ['connections', (value) => counted(value, 'connection')],
  ['active', (value) => `${write.count(value)} active`],
  ['size', (value) => write.bytes(value)],
  ['in_flight', (value) => `${write.count(value)} in flight`],
  ['rate', (value) => (isNumber(value) ? `${write.rate(value)} messages/s asked` : 'no limit')],
  ['churn', (value) => (isNumber(value) ? `${counted(value, 'message')} a connection` : 'no churn')],
];

// Cases in order of appearance: [{label, results}]. The label says what differs between them, and connections.
function casesOf(results) {
  const byKey = new Map();
  for (const result of results) {
    const key = JSON.stringify([result.compare, ...caseKeys.map(([name]) => result[name] ?? null)]);
    if (!byKey.has(key)) byKey.set(key, { results: [], one: result });
    byKey.get(key).results.push(result);
  }
  const cases = [...byKey.values()];
  const differs = (name) => new Set(cases.map(({ one }) => one[name] ?? null)).size > 1;
  const differsFromConnections = cases.some(({ one }) => isNumber(one.active) && one.active !== one.connections);
  const shown = caseKeys.filter(([name]) => name === 'connections' ||
    (name === 'active' ? differsFromConnections : differs(name)));
  const labels = cases.map(({ one }) => shown.filter(([name]) => one[name] !== undefined &&
    (isNumber(one[name]) || name === 'rate' || name === 'churn')).map(([name, say]) => say(one[name])).join(', '));
  return cases.map(({ results: all, one }, index) => ({
    results: all,
    label: labels.filter((label) => label === labels[index]).length > 1 && one.compare
      ? `${labels[index]} (${one.compare})` : labels[index] || 'all',
  }));
}

// Along what a comparison grows: [{title, of, write, results}], only those with at least two places on the axis.
function growthsOf(results) {
  const axes = [
    { compare: 'connections', title: 'connections', of: (result) => result.connections, write: write.count },
    { compare: 'sizes', title: 'bytes in a message', of: (result) => result.size, write: write.bytes },
    { compare: 'workers', title: 'workers', of: (result) => result.workers, write: write.count },
  ];
  return axes.map((axis) => ({ ...axis, results: results.filter((result) => result.compare === axis.compare &&
    isPositive(axis.of(result))) })).filter((axis) => new Set(axis.results.map(axis.of)).size > 1);
}

// One line a server: [{name, place, points}], in the order in which `names` has them.
function linesOf(growth, quantity, names) {
  const lines = new Map();
  for (const result of growth.results) {
    const name = growth.compare === 'workers' ? String(result.model ?? nameOf(result)) : nameOf(result);
    const row = rowOf(result, quantity, 0);
    if (!isPositive(row.value)) continue;
    if (!lines.has(name)) lines.set(name, { name, model: result.model, place: names.indexOf(nameOf(result)), points: [] });
    const x = growth.of(result);
    lines.get(name).points.push({ x, y: row.value, partial: row.partial,
      details: [`${growth.write(x)} ${growth.title === 'connections' ? 'connections' : growth.title}`,
        ...row.details] });
  }
  for (const line of lines.values()) line.points.sort((a, b) => a.x - b.x);
  return [...lines.values()].sort((a, b) => a.place - b.place);
}

// A line over the percentiles for each server of a case; x is the place in `percentiles`.
function latencyLinesOf(results, names) {
  return results.map((result) => {
    const latency = result.latency_us || {};
    const remarks = remarksOf(result);
    const points = percentiles.map(([key, label], x) => ({ x, y: latency[key], partial: remarks.length > 0,
      details: [`${label}: ${isNumber(latency[key]) ? write.microseconds(latency[key]) : ''}`, ...remarks] }));
    return { name: nameOf(result), model: result.model, place: names.indexOf(nameOf(result)), result,
      points: points.filter((point) => isPositive(point.y)) };
  }).filter((line) => line.points.length > 0);
}

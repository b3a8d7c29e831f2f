// Curves as they are drawn: on the chosen clock, and as bands over seeds.

const GRID = 200; // moments of a band

// Return a curve over another clock, null where the run does not tell it.
function onClock(curve, clocks, clock) {
  if (clock === "env_steps") return curve;
  const from = clocks.env_steps, to = clocks[clock];
  if (!from || !to) return null;
  const x = [];
  let k = 0;
  for (const at of curve.x) {
    while (k < from.length - 2 && from[k + 1] < at) k++;
    x.push(between(from[k], to[k], from[k + 1], to[k + 1], at));
  }
  return { x, y: curve.y };
}

function between(x0, y0, x1, y1, x) {
  if (x1 === undefined || x1 === x0) return y0;
  return y0 + ((y1 - y0) * (x - x0)) / (x1 - x0);
}

// Return the index of the last point at or before a moment, -1 before the first.
function indexAt(line, x) {
  let low = 0, high = line.x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (line.x[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

// Return a line's value at a moment, null before it begins and after it ends.
function valueAt(line, x) {
  const i = indexAt(line, x), last = line.x.length - 1;
  if (i < 0 || x > line.x[last]) return null;
  return i === last ? line.y[last] : between(line.x[i], line.y[i], line.x[i + 1], line.y[i + 1], x);
}

// Return the least, median and largest value over lines, up to the end of the first run that
// is over: beyond it the others would be a selection. A run that goes on selects nothing.
function bandOf(lines, running) {
  const last = (line) => line.x[line.x.length - 1];
  const over = lines.filter((line, i) => !running[i]);
  const begin = Math.max(...lines.map((line) => line.x[0]));
  const end = over.length ? Math.min(...over.map(last)) : Math.max(...lines.map(last));
  const band = { x: [], low: [], y: [], high: [] };
  if (!(end > begin)) return band;
  for (let i = 0; i <= GRID; i++) {
    const x = i === GRID ? end : begin + ((end - begin) * i) / GRID;
    const values = lines.map((line) => valueAt(line, x)).filter((value) => value !== null).sort((a, b) => a - b);
    const half = values.length >> 1;
    band.x.push(x);
    band.low.push(values[0]);
    band.y.push(values.length % 2 ? values[half] : (values[half - 1] + values[half]) / 2);
    band.high.push(values[values.length - 1]);
  }
  return band;
}

// Return the lines of one number: { name, x, y, style, faint, low, high }.
function linesOf(pick, curves) {
  const look = styles(), groups = new Map(), lines = [];
  for (const row of drawn()) {
    const known = curves.get(row.id), name = pick(row);
    const curve = known && name && known.curves[name];
    const line = curve && onClock(curve, curve.clocks, state.clock);
    if (!line || !line.x.length) continue;
    const made = { id: row.id, name: row.name, style: look.get(row.id), ...line };
    lines.push(made);
    if (!groups.has(row.group)) groups.set(row.group, []);
    groups.get(row.group).push({ row, made });
  }
  if (!bands()) return lines;
  for (const members of groups.values()) {
    if (members.length < 2) continue;
    for (const { made } of members) made.faint = true;
    const { row, made } = members[0];
    lines.push({ id: row.group, name: label(row), style: made.style, ...bandOf(members.map((m) => m.made), members.map((m) => m.row.status === "running")) });
  }
  return lines;
}

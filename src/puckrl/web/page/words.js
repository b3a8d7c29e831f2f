// Numbers and times in words, as puck's terminal says them.

const CLOCKS = {
  env_steps: { name: "env steps", short: "env steps", say: count },
  updates: { name: "updates", short: "updates", say: count },
  train_s: { name: "training seconds", short: "training", say: duration },
  wall_s: { name: "total seconds", short: "total", say: duration },
};

// Verdicts are told by shape and word, not by color alone.
const SHAPES = { green: "●", yellow: "▲", red: "◆" };

function count(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return "–";
  for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]])
    if (Math.abs(Math.round(n)) >= 0.9995 * size) return digits(n / size, 3) + unit;
  return String(Math.round(n));
}

function digits(n, most) {
  return String(Number(n.toPrecision(most)));
}

function number(n) {
  if (n === null || n === undefined || Number.isNaN(n)) return "–";
  const size = Math.abs(n);
  if (size >= 1e4) return count(n);
  if (size !== 0 && size < 1e-3) return n.toExponential(1);
  return digits(n, 4);
}

function share(n) {
  return n === null || n === undefined ? "–" : n.toFixed(n > 0.9995 && n < 1 ? 4 : 3);
}

function duration(s) {
  if (s === null || s === undefined || Number.isNaN(s)) return "–";
  if (Math.round(s * 10) / 10 < 60) return `${s < 10 ? digits(s, 2) : Math.round(s)} s`;
  const two = (n) => String(n).padStart(2, "0");
  const whole = Math.round(s), hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60, rest = whole % 60;
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

function gigabytes(n) {
  if (n === null || n === undefined) return "–";
  return n < 0.1 ? `${Math.round(n * 1000)} MB` : `${n < 10 ? n.toFixed(1) : Math.round(n)} GB`;
}

function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

function day(seconds) {
  return new Date(seconds * 1000).toLocaleString([], { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
}

function plural(n, one, many = one + "s") {
  return `${n} ${n === 1 ? one : many}`;
}

// What the reader has chosen. It stands in the address, so that a reload and a link keep it.

const MOST_LINES = 12; // runs that are drawn at first
const FIRST_NAMES = ["train/critic_loss", "train/q_mean", "replay/recent_moving_share", "rate/updates_per_s"];

const state = {
  runs: new Map(), // id -> row
  studies: new Map(), // id -> study
  stories: new Map(), // id -> { at, story }
  shown: null, // Set of ids; null: chosen for the reader
  focus: null, // id
  clock: "env_steps",
  seeds: null, // bands over seeds; null: where there are several
  view: "curves",
  tab: "verdict",
  names: null, // numbers in small charts; null: the usual ones
  filter: "",
  sort: ["began", -1],
};

// What follows from the state is found once and kept until something changes.
let found = {};

function once(name, find) {
  return (found[name] ??= find());
}

function forget() {
  found = {};
}

function load() {
  const chosen = new URLSearchParams(location.hash.slice(1));
  const list = (name) => (chosen.has(name) ? chosen.get(name).split(",").filter(Boolean) : null);
  if (chosen.get("clock") in CLOCKS) state.clock = chosen.get("clock");
  if (chosen.has("seeds")) state.seeds = chosen.get("seeds") === "1";
  if (chosen.get("view") === "numbers") state.view = "numbers";
  if (chosen.has("tab")) state.tab = chosen.get("tab");
  if (list("show")) state.shown = new Set(list("show"));
  state.names = list("names");
  state.focus = chosen.get("run");
}

function save() {
  const chosen = new URLSearchParams();
  if (state.clock !== "env_steps") chosen.set("clock", state.clock);
  if (state.seeds !== null) chosen.set("seeds", state.seeds ? "1" : "0");
  if (state.view !== "curves") chosen.set("view", state.view);
  if (state.tab !== "verdict") chosen.set("tab", state.tab);
  if (state.shown) chosen.set("show", [...state.shown].join(","));
  if (state.names) chosen.set("names", state.names.join(","));
  if (state.focus) chosen.set("run", state.focus);
  const text = chosen.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
  history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
}

// Runs in the order of the table, as the filter leaves them.
function listed() {
  return once("listed", findListed);
}

function findListed() {
  const words = state.filter.toLowerCase().split(/\s+/).filter(Boolean);
  const told = (row) => [row.name, row.preset, row.status, row.phase, row.words, row.kind].join(" ").toLowerCase();
  const rows = [...state.runs.values()].filter((row) => words.every((word) => told(row).includes(word)));
  const [by, way] = state.sort;
  const known = (value) => value !== null && value !== undefined;
  return rows.sort((a, b) => {
    const [x, y] = [a[by], b[by]];
    if (!known(x) || !known(y)) return known(y) - known(x) || a.name.localeCompare(b.name);
    const order = typeof x === "string" ? x.localeCompare(y) : x - y;
    return order * way || a.name.localeCompare(b.name);
  });
}

// Runs that are drawn: the reader's choice, else the first of the table.
function drawn() {
  return once("drawn", findDrawn);
}

function findDrawn() {
  const rows = listed();
  if (state.shown) return rows.filter((row) => state.shown.has(row.id));
  return rows.filter((row) => row.measure).slice(0, MOST_LINES);
}

function bands() {
  return state.seeds ?? new Set(drawn().map((row) => row.group)).size < drawn().length;
}

// A run keeps its color: by its place among the runs as they began.
function styles() {
  return once("styles", findStyles);
}

function findStyles() {
  const rows = drawn(), keys = bands() ? rows.map((row) => row.group) : rows.map((row) => row.id);
  const began = (key) => Math.min(...rows.filter((r) => key === r.id || (bands() && key === r.group)).map((r) => r.began ?? 0));
  const order = [...new Set(keys)].map((key) => [key, began(key)]);
  order.sort((a, b) => a[1] - b[1] || (a[0] < b[0] ? -1 : 1));
  const style = new Map(order.map(([key], i) => [key, { hue: i % 8, dash: Math.floor(i / 8) % 3 }]));
  return new Map(rows.map((row) => [row.id, style.get(bands() ? row.group : row.id)]));
}

function label(row) {
  if (!bands()) return row.name;
  const same = drawn().filter((one) => one.group === row.group);
  return same.length > 1 ? `${row.name.replace(/-s\d+(-\d+)?$/, "")} · ${plural(same.length, "seed")}` : row.name;
}

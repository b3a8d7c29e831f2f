// Everything together: hear news, ask for what is shown, draw.

const DATA = JSON.parse(document.getElementById("data").textContent);
const SIGNALS = DATA.signals;
const STORY_EVERY_MS = 3000;
const MOST_AT_ONCE = 32;
const QUICK_MS = 150;

const curves = new Map(); // id -> { curves: name -> { x, y, clocks }, at: name -> size of the log }
const find = (id) => document.getElementById(id);
const source = DATA.data ? new Saved(DATA.data, hear, tell) : new Live(hear, tell);
const runTable = new RunTable(find("runs"), change);
const panel = new RunPanel(find("run"), source, change);
const places = {};
const charts = new Map(); // key -> Chart

function isSuccess(row) {
  return Boolean(row.measure && row.measure.endsWith("/success"));
}

function smallNames() {
  if (state.names) return state.names;
  const known = state.stories.get(state.focus)?.story;
  return known ? FIRST_NAMES.filter((name) => name in known.signals) : [];
}

function hear(news, anew) {
  if (anew) for (const old of [state.runs, state.studies, state.stories, curves]) old.clear();
  for (const row of news.rows) state.runs.set(row.id, row);
  for (const study of news.studies) state.studies.set(study.id, study);
  for (const id of news.gone) state.runs.delete(id);
  forget();
  if (!state.runs.has(state.focus)) state.focus = listed()[0]?.id ?? null;
  change("news");
}

function tell(what) {
  const line = find("state");
  const words = {
    live: () => "live",
    lost: () => "The server is gone. This is what was known; trying again …",
    saved: () => `saved ${moment(Date.parse(source.saved) / 1000)}`,
  };
  line.className = what;
  line.textContent = words[what]();
}

let asked = false;
let news = 0; // grows with curves and stories, so that charts know whether to draw

// Redraw after a change; many changes of one moment are one drawing.
function change(what) {
  forget();
  if (what !== "news") save();
  if (what === "view" || what === "clock") for (const chart of charts.values()) chart.zoom = null;
  if (asked) return;
  asked = true;
  requestAnimationFrame(() => {
    asked = false;
    render();
    refresh();
  });
}

function render() {
  const begin = performance.now();
  runTable.render();
  panel.render();
  renderTools();
  renderCharts();
  renderStudies();
  const running = [...state.runs.values()].filter((row) => row.status === "running").length;
  document.title = `${running ? `${running} running · ` : ""}${DATA.title} · puck watch`;
  performance.measure("puck render", { start: begin });
}

function renderTools() {
  const many = new Set(drawn().map((row) => row.group)).size < drawn().length;
  const key = JSON.stringify([state.clock, bands(), state.view, many]);
  if (places.tools.dataset.key === key) return;
  places.tools.dataset.key = key;
  const kept = document.activeElement?.name;
  const names = Object.fromEntries(Object.entries(CLOCKS).map(([id, clock]) => [id, clock.short]));
  fill(places.tools,
    choice("Over", "clock", names, state.clock, (value) => { state.clock = value; change("clock"); }),
    many && choice("Show", "seeds", { 0: "each run", 1: "band over seeds" }, bands() ? "1" : "0", (value) => { state.seeds = value === "1"; change("seeds"); }),
    choice("As", "view", { curves: "curves", numbers: "numbers" }, state.view, (value) => { state.view = value; change("view"); }));
  if (kept) places.tools.querySelector(`input[name=${kept}]:checked`)?.focus();
}

// The charts to draw: [key, about, pick], the first ones large.
function wanted() {
  const rows = drawn(), found = [];
  const success = rows.some(isSuccess) || !rows.length;
  const returns = rows.some((row) => row.measure && !isSuccess(row));
  if (success) found.push(["success", { title: "Success", note: "share of test episodes that end at their goal", fixed: [-0.03, 1.04], say: share, height: 300 }, (row) => isSuccess(row) && row.measure]);
  if (returns) found.push(["return", { title: "Return", note: "mean undiscounted return of episodes", say: number, height: success ? 200 : 300 }, (row) => !isSuccess(row) && row.measure]);
  for (const name of smallNames()) {
    const [unit, meaning, healthy] = SIGNALS[name] || ["", "", ""];
    found.push([name, { title: name, note: [meaning, healthy].filter((word) => word && word !== "-").join(" — expect: "), unit, say: number, height: 170, small: true }, () => name]);
  }
  return found;
}

let drawnAs = "";

function renderCharts() {
  const now = JSON.stringify([news, state.clock, bands(), state.view, state.focus, smallNames(), drawn().map((row) => [row.id, row.group, row.status, row.measure])]);
  if (now === drawnAs) return;
  drawnAs = now;
  const all = wanted(), keys = all.map(([key]) => key), numbers = state.view === "numbers";
  for (const [key, chart] of charts) if (numbers || !keys.includes(key)) { chart.end(); charts.delete(key); }
  places.charts.hidden = numbers;
  places.numbers.hidden = !numbers;
  if (numbers) {
    fill(places.numbers, all.map(([key, about, pick]) => numbersTable(about.title, linesOf(pick, curves), about.say)));
    return;
  }
  const rows = drawn();
  for (const [i, [key, about, pick]] of all.entries()) {
    let chart = charts.get(key);
    if (!chart) {
      if (about.small) about.tools = h("button", { type: "button", class: "close", "aria-label": `do not draw ${key}`,
        onclick: () => { state.names = smallNames().filter((name) => name !== key); change("names"); } }, "×");
      chart = new Chart(about);
      charts.set(key, chart);
    }
    const place = about.small ? places.small : places.large, at = about.small ? i - (all.length - smallNames().length) : i;
    if (place.children[at] !== chart.element) place.insertBefore(chart.element, place.children[at] || null);
    chart.unit.textContent = [about.unit && about.unit !== "1" ? about.unit : "", `over ${CLOCKS[state.clock].name}`].filter(Boolean).join(" · ");
    let lines = linesOf(pick, curves);
    if (key === "success" && rows.length === 1) lines = alone(rows[0], lines);
    chart.draw(lines, spansOf(), key === "success" ? goals() : []);
  }
  const missing = rows.filter((row) => curves.get(row.id) && !linesOf((one) => one.id === row.id && one.measure, curves).length && row.measure);
  places.note.textContent = missing.length ? `Not drawn, since their logs do not tell ${CLOCKS[state.clock].name}: ${missing.map((row) => row.name).join(", ")}.` : "";
}

// One run alone is drawn with its interval and its success in training.
function alone(row, lines) {
  const known = curves.get(row.id), own = known && known.curves;
  const on = (name) => own && own[name] && onClock(own[name], own[name].clocks, state.clock);
  const low = on("eval/success_low"), high = on("eval/success_high"), train = row.measure !== "train/success" && on("train/success");
  const made = lines.map((line) => (low && high ? { ...line,
    low: line.x.map((x, i) => valueAt(low, x) ?? line.y[i]), high: line.x.map((x, i) => valueAt(high, x) ?? line.y[i]) } : line));
  return train ? [{ id: row.id, name: "in training, with exploration", style: { hue: 7, dash: 0 }, thin: true, ...train }, ...made] : made;
}

// Phases of the run in focus, on the chosen clock.
function spansOf() {
  const said = state.stories.get(state.focus)?.story?.verdict, row = state.runs.get(state.focus);
  const known = row && curves.get(row.id)?.curves[row.measure];
  if (!said || !known || !drawn().includes(row)) return [];
  return said.spans.flatMap((span) => {
    const ends = onClock({ x: span.env_steps, y: [0, 0] }, known.clocks, state.clock);
    return ends ? [{ phase: span.phase, begin: ends.x[0], end: ends.x[1] }] : [];
  });
}

function goals() {
  const goal = Number(state.stories.get(state.focus)?.story?.others["budget.until_success"]);
  return goal > 0 ? [goal] : [];
}

function renderStudies() {
  const host = find("studies"), key = JSON.stringify([...state.studies.values()]);
  host.hidden = !state.studies.size;
  if (host.dataset.key === key) return;
  host.dataset.key = key;
  fill(host, [...state.studies.values()].map((study) => {
    const figures = Object.fromEntries(Object.entries(study.figures).map(([name, path]) => [name, source.url(path)]));
    const [, summary, ...rest] = study.report ? study.report.split(/\n(?=Measure:)|(?<=^# .*\n)/) : [];
    return h("article", { class: "card prose" }, h("h2", {}, study.name), h("p", { class: "muted" }, study.question),
      study.report ? [h("div", { class: "summary" }, markdown(summary || "", figures)),
        h("details", {}, h("summary", {}, "The whole report"), markdown(rest.join("\n"), figures))]
        : h("p", { class: "muted" }, "The report is written when no run is left."));
  }));
}

// Ask for what is drawn and not known yet: three tasks, of which none waits for another.
const tasks = { measures: refreshMeasures, stories: refreshStories, others: refreshOthers };
const busy = {}, again = {};

function refresh() {
  for (const name of Object.keys(tasks)) keep(name);
}

async function keep(name) {
  again[name] = true;
  if (busy[name]) return;
  busy[name] = true;
  try {
    while (again[name]) {
      again[name] = false;
      await tasks[name]();
    }
  } catch (error) {
    if (!(error instanceof TypeError)) console.error(error); // the server is gone: tell() says so
  }
  busy[name] = false;
}

// Numbers of evaluations change with evaluations, others with each row.
function age(row, name) {
  return name.startsWith("eval/") ? (row.evaluations ?? row.rows) : row.rows;
}

function stale(row, names) {
  const at = curves.get(row.id)?.at ?? {};
  return names.some((name) => at[name] !== age(row, name));
}

async function fetchCurves(rows, names) {
  const asked = new Map(rows.map((row) => [row.id, names.map((name) => age(row, name))]));
  const found = await source.curves([...asked.keys()], names);
  for (const [id, ages] of asked) {
    if (!curves.has(id)) curves.set(id, { curves: {}, at: {} });
    const known = curves.get(id), told = found[id];
    names.forEach((name, i) => {
      known.at[name] = ages[i];
      if (told && told.curves[name]) known.curves[name] = { ...told.curves[name], clocks: told.clocks };
    });
  }
  news++;
  change("news");
}

async function refreshMeasures() {
  const groups = new Map();
  for (const row of drawn()) {
    if (!row.measure || !stale(row, [row.measure])) continue;
    if (!groups.has(row.measure)) groups.set(row.measure, []);
    groups.get(row.measure).push(row);
  }
  await Promise.all([...groups].map(([name, rows]) => fetchCurves(rows, [name])));
}

async function refreshStories() {
  const rows = state.tab === "settings" ? drawn().slice(0, MOST_LINES) : [];
  const focused = state.runs.get(state.focus);
  for (const row of new Set([focused, ...rows].filter(Boolean))) {
    const known = state.stories.get(row.id), now = performance.now();
    const told = `${row.rows} ${row.status}`;
    if (known && (known.told === told || now - known.asked < STORY_EVERY_MS)) continue;
    const made = { told, asked: now };
    try {
      made.story = await source.story(row.id);
    } catch (error) {
      if (error instanceof TypeError) throw error;
      made.problem = error.message;
    }
    state.stories.set(row.id, made);
    news++;
    change("news");
  }
}

// The server may have to read all rows of a run for them: as many at once as come quickly.
async function refreshOthers() {
  for (let most = 2; ;) {
    const rows = drawn(), names = [...smallNames()];
    if (rows.length === 1) names.push("eval/success_low", "eval/success_high", "train/success");
    const behind = rows.filter((row) => names.length && stale(row, names));
    if (!behind.length) return;
    behind.sort((a, b) => (b.id === state.focus) - (a.id === state.focus));
    const begin = performance.now();
    await fetchCurves(behind.slice(0, most), names);
    const quick = performance.now() - begin < QUICK_MS;
    most = quick ? Math.min(MOST_AT_ONCE, most * 2) : Math.max(1, most >> 1);
  }
}

function themes() {
  const button = find("theme"), order = ["auto", "light", "dark"];
  const set = (value) => {
    document.documentElement.dataset.theme = value;
    button.textContent = `theme: ${value}`;
    for (const chart of charts.values()) chart.u?.redraw();
    runTable.render();
  };
  const remembered = () => { try { return localStorage.getItem("puck-theme"); } catch { return null; } };
  let now = order.includes(remembered()) ? remembered() : "auto";
  button.onclick = () => {
    now = order[(order.indexOf(now) + 1) % order.length];
    try { localStorage.setItem("puck-theme", now); } catch { /* a file may keep nothing */ }
    set(now);
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => set(now));
  set(now);
}

function begin() {
  load();
  find("fallback").remove();
  find("app").hidden = false;
  fill(find("curves"), places.tools = h("div", { class: "tools" }),
    places.charts = h("div", {}, places.large = h("div", {}), places.small = h("div", { class: "small-charts" })),
    places.numbers = h("div", { hidden: true }), places.note = h("p", { class: "muted" }));
  themes();
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input")) return;
    event.preventDefault();
    runTable.filter.focus();
  });
  source.start();
}

begin();

// The table of runs: what each is worth, in one line.

const COLUMNS = [
  // field sorted by, heading, class, cell
  ["name", "Run", "run", null],
  ["phase", "Verdict", "verdict", (row) => (row.phase ? pill(row.color, row.phase, row.words) : h("span", { class: "muted" }, row.ended_by || "no verdict yet"))],
  ["success", "Success", "number", (row) => h("b", {}, share(row.success))],
  [null, "Curve", "spark wide", null],
  ["status", "Status", "status", (row) => statusOf(row)],
  ["env_steps", "Env steps", "number", (row) => count(row.env_steps)],
  ["updates", "Updates", "number", (row) => count(row.updates)],
  ["train_s", "Training", "number wide", (row) => duration(row.train_s)],
  ["wall_s", "Total", "number wide", (row) => duration(row.wall_s)],
  ["left_s", "Left", "number wide", (row) => (row.left_s === null ? "–" : `≤ ${duration(row.left_s)}`)],
  ["ram_gb", "Memory", "number wide", (row) => memoryOf(row)],
  ["began", "Began", "wide began", (row) => (row.began ? day(row.began) : "–")],
];

function statusOf(row) {
  const why = row.ended_by && row.status !== "log" ? row.ended_by : "";
  return h("span", { class: `status-${row.status}`, title: why || null }, row.status === "log" ? row.kind : row.status,
    why && h("span", { class: "muted" }, ` · ${why}`));
}

function memoryOf(row) {
  if (row.gpu_gb) return `${gigabytes(row.ram_gb)} + ${gigabytes(row.gpu_gb)} GPU`;
  return gigabytes(row.ram_gb);
}

class RunTable {
  constructor(host, change) {
    this.change = change;
    this.lines = new Map(); // id -> { element, told, row }
    this.filter = h("input", { type: "search", placeholder: "filter: name, verdict, status", "aria-label": "Filter runs",
      oninput: () => { state.filter = this.filter.value; this.change("list"); } });
    this.all = h("button", { type: "button", onclick: () => this.choose(true) }, "Draw all");
    this.none = h("button", { type: "button", onclick: () => this.choose(false) }, "Draw none");
    this.caption = h("span", { class: "muted" });
    this.head = h("tr", {}, h("th", { class: "pick" }, h("span", { class: "unseen" }, "Draw")), COLUMNS.map((column) => this.heading(column)));
    this.body = h("tbody", { onkeydown: (event) => this.key(event) });
    this.empty = h("p", { class: "muted", hidden: true });
    fill(host,
      h("div", { class: "head" }, h("h2", { id: "runs-title" }, "Runs"), this.caption, h("span", { class: "grow" }), this.filter, this.all, this.none),
      h("div", { class: "scroll runs", tabindex: -1 }, h("table", {}, h("thead", {}, this.head), this.body)), this.empty);
  }

  heading([field, title, kind]) {
    if (!field) return h("th", { scope: "col", class: kind }, title);
    const button = h("button", { type: "button", onclick: () => {
      const [by, way] = state.sort;
      state.sort = [field, by === field ? -way : ["name", "phase", "status"].includes(field) ? 1 : -1];
      this.change("list");
    } }, title);
    return h("th", { scope: "col", class: kind, "data-field": field }, button);
  }

  choose(all) {
    state.shown = new Set(all ? listed().map((row) => row.id) : []);
    this.change("drawn");
  }

  render() {
    const rows = listed(), look = styles(), colors = theme();
    const running = [...state.runs.values()].filter((row) => row.status === "running").length;
    this.caption.textContent = [plural(state.runs.size, "run"), running ? `${running} running` : "",
      rows.length < state.runs.size ? `${rows.length} listed` : ""].filter(Boolean).join(" · ");
    this.empty.hidden = rows.length > 0;
    this.empty.textContent = state.runs.size ? "No run is called so." : "No runs yet. They appear here when they begin: puck train push";
    for (const th of this.head.children) {
      const [by, way] = state.sort;
      th.setAttribute("aria-sort", th.dataset.field === by ? (way > 0 ? "ascending" : "descending") : "none");
    }
    const elements = rows.map((row) => this.line(row, look.get(row.id), colors));
    const same = elements.length === this.body.children.length && elements.every((one, i) => one === this.body.children[i]);
    if (!same) {
      const kept = document.activeElement;
      this.body.replaceChildren(...elements);
      if (kept && this.body.contains(kept)) kept.focus({ preventScroll: true });
    }
  }

  line(row, style, colors) {
    let line = this.lines.get(row.id);
    if (!line) {
      line = this.make(row.id);
      this.lines.set(row.id, line);
    }
    const told = JSON.stringify([row, style, state.focus === row.id, colors.ink]);
    if (line.told !== told) this.update(line, row, style, colors);
    line.told = told;
    return line.element;
  }

  make(id) {
    const box = h("input", { type: "checkbox", onchange: () => {
      const now = new Set(drawn().map((row) => row.id));
      if (box.checked) now.add(id);
      else now.delete(id);
      state.shown = now;
      this.change("drawn");
    } });
    const name = h("button", { type: "button", class: "name", onclick: () => { state.focus = id; this.change("focus"); } });
    const spark = h("canvas", { "aria-hidden": "true" });
    const cells = COLUMNS.slice(1).map(([, title, kind]) => h("td", { class: kind, "data-title": title }, title === "Curve" && spark));
    const key = h("i", { class: "key" });
    const element = h("tr", { onclick: (event) => { if (event.target.closest("td") && !event.target.closest("button, input")) name.click(); } },
      h("td", { class: "pick" }, h("label", {}, box, key)), h("th", { scope: "row", class: "run" }, name), cells);
    return { element, box, name, spark, cells, key };
  }

  update(line, row, style, colors) {
    line.element.classList.toggle("focus", state.focus === row.id);
    line.name.textContent = row.name;
    line.name.title = row.path;
    line.name.setAttribute("aria-current", state.focus === row.id);
    line.box.checked = Boolean(style);
    line.box.setAttribute("aria-label", `draw ${row.name}`);
    line.key.style.background = style ? colors.hues[style.hue] : "transparent";
    COLUMNS.slice(1).forEach(([, title, , cell], i) => {
      if (title === "Curve") sparkline(line.spark, row.spark, style ? colors.hues[style.hue] : colors.muted);
      else fill(line.cells[i], cell(row));
    });
  }

  // Arrow keys move among the runs, and what is in focus with them.
  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const here = event.target.closest("tr");
    if (!step || !here || event.target.type === "search") return;
    const next = step > 0 ? here.nextElementSibling : here.previousElementSibling;
    if (!next) return;
    event.preventDefault();
    const name = next.querySelector(".name");
    name.focus();
    name.click();
  }
}

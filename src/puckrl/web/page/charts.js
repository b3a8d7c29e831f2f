// A chart. uPlot draws axes, cursor and zoom. Lines are drawn here: each run has clocks of
// its own, and joined on one they would be a table of a hundred columns and as many gaps.

const DASHES = [[], [6, 4], [2, 3]];
const HUES = 8;
const SECONDS = [0.1, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];
const COUNTS = Array.from({ length: 39 }, (_, i) => [1, 2, 5][i % 3] * 10 ** Math.floor(i / 3));

function theme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  return {
    ink: get("--ink"), muted: get("--muted"), grid: get("--grid"),
    hues: Array.from({ length: HUES }, (_, i) => get(`--hue-${i}`)),
    phase: (name) => get(`--phase-${name}`),
  };
}

class Chart {
  // about: { title, note, height, fixed: [low, high] or null, say }
  constructor(about) {
    this.about = about;
    this.lines = [];
    this.spans = [];
    this.marks = [];
    this.zoom = null;
    this.log = false;
    this.tip = h("div", { class: "tip", hidden: true });
    this.plot = h("div", { class: "plot", tabindex: 0, role: "img", onkeydown: (event) => this.key(event) }, this.tip);
    this.element = h("figure", { class: about.small ? "chart small" : "chart" },
      h("figcaption", {}, h("b", { title: about.note || null }, about.title), " ",
        this.unit = h("span", { class: "muted" }), h("span", { class: "grow" }),
        about.small && (this.toggle = h("button", { type: "button", class: "close", "aria-pressed": "false", title: "logarithmic values",
          onclick: () => this.logarithm() }, "log")), about.tools),
      this.plot);
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.plot);
  }

  draw(lines, spans, marks = []) {
    this.lines = lines;
    this.spans = spans;
    this.marks = marks;
    const ends = lines.flatMap((line) => [line.x[0], line.x[line.x.length - 1]]).filter((x) => x !== null && x !== undefined);
    const begin = ends.length ? Math.min(0, ...ends) : 0, end = ends.length ? Math.max(...ends) : 1;
    this.range = [begin, end > begin ? end : begin + 1];
    if (!this.u && this.plot.clientWidth) this.make();
    if (this.u) this.u.setData([this.range, [0, 1]]);
    this.plot.setAttribute("aria-label", this.words());
  }

  words() {
    if (!this.lines.length) return `${this.about.title}: nothing is logged yet`;
    const told = this.lines.filter((line) => !line.faint).slice(0, 8)
      .map((line) => `${line.name} ends at ${this.about.say(line.y[line.y.length - 1])}`);
    return `${this.about.title} over ${CLOCKS[state.clock].name}: ${told.join(", ")}`;
  }

  make() {
    const axis = (more) => ({
      stroke: () => theme().muted, font: "11px system-ui, sans-serif", ticks: { show: false },
      grid: { stroke: () => theme().grid, width: 1 }, ...more,
    });
    const say = (values) => values.map((v) => number(v));
    this.u = new uPlot({
      width: this.plot.clientWidth, height: this.about.height,
      padding: [this.about.small ? 8 : 20, 22, 0, 0],
      legend: { show: false },
      scales: {
        x: { time: false, range: () => this.zoom || this.range },
        y: { range: () => this.heights(), distr: this.log ? 3 : 1 },
      },
      axes: [
        axis({ values: (u, v) => v.map((x) => CLOCKS[state.clock].say(x)), space: 70, size: 28,
          incrs: () => (state.clock.endsWith("_s") ? SECONDS : COUNTS) }),
        axis({ values: (u, v) => say(v), space: 34, size: 52, ...(this.log ? { splits: (u, i, low, high) => powers(low, high) } : {}) }),
      ],
      series: [{}, { paths: () => null, points: { show: false } }],
      cursor: {
        drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false,
        sync: { key: "puck", setSeries: false },
      },
      hooks: {
        drawClear: [() => this.shade()],
        draw: [() => this.strokes()],
        setCursor: [() => this.hover()],
        setSelect: [(u) => this.select(u)],
      },
    }, [this.range, [0, 1]], this.plot);
    this.u.over.addEventListener("dblclick", () => this.release());
    this.u.over.addEventListener("mouseleave", () => { this.tip.hidden = true; });
  }

  // Values that are not positive have no logarithm: they lie at the bottom.
  logarithm() {
    this.log = !this.log;
    this.toggle.setAttribute("aria-pressed", this.log);
    this.u.destroy();
    this.make();
  }

  resize() {
    if (!this.plot.clientWidth) return;
    if (!this.u) this.make();
    else if (this.u.width !== this.plot.clientWidth)
      this.u.setSize({ width: this.plot.clientWidth, height: this.about.height });
  }

  select(u) {
    if (u.select.width < 8) return;
    this.zoom = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    u.setData(u.data);
  }

  release() {
    this.zoom = null;
    this.u.setData(this.u.data);
  }

  heights() {
    if (this.about.fixed) return this.about.fixed;
    const [begin, end] = this.zoom || this.range;
    let low = Infinity, high = -Infinity, positive = Infinity;
    for (const line of this.lines) {
      for (let i = 0; i < line.x.length; i++) {
        if (line.x[i] < begin || line.x[i] > end) continue;
        low = Math.min(low, line.low ? line.low[i] : line.y[i]);
        high = Math.max(high, line.high ? line.high[i] : line.y[i]);
        if (line.y[i] > 0) positive = Math.min(positive, line.y[i]);
      }
    }
    if (this.log) return positive <= high ? [Math.min(positive, high / 10), high * 1.1] : [0.1, 1];
    if (low > high) return [0, 1];
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    return [low >= 0 && low < room * 4 ? 0 : low - room, high + room];
  }

  // Shade phases behind the grid, with their names above where they fit.
  shade() {
    const u = this.u, box = u.bbox, ratio = devicePixelRatio, look = theme();
    u.ctx.save();
    u.ctx.font = `${11 * ratio}px system-ui, sans-serif`;
    u.ctx.textBaseline = "bottom";
    u.ctx.textAlign = "left";
    for (const span of this.spans) {
      const left = Math.max(box.left, u.valToPos(span.begin, "x", true));
      const right = Math.min(box.left + box.width, u.valToPos(span.end, "x", true));
      if (!(right > left)) continue;
      u.ctx.fillStyle = look.phase(span.phase);
      u.ctx.fillRect(left, box.top, right - left, box.height);
      const wide = u.ctx.measureText(span.phase).width;
      if (!this.about.small && wide + 8 * ratio < right - left) {
        u.ctx.fillStyle = look.muted;
        u.ctx.fillText(span.phase, left + 1 * ratio, box.top - 3 * ratio);
      }
    }
    u.ctx.restore();
  }

  strokes() {
    const u = this.u, box = u.bbox, ratio = devicePixelRatio, look = theme();
    const toX = scale(u, "x"), toY = scale(u, "y"), pen = u.ctx;
    pen.save();
    pen.beginPath();
    pen.rect(box.left, box.top, box.width, box.height);
    pen.clip();
    pen.lineJoin = "round";
    for (const mark of this.marks) {
      pen.strokeStyle = look.muted;
      pen.setLineDash([2 * ratio, 4 * ratio]);
      path(pen, { x: this.zoom || this.range, y: [mark, mark] }, toX, toY);
      pen.stroke();
    }
    const many = this.lines.length > 24;
    for (const line of this.lines) {
      const hue = look.hues[line.style.hue];
      pen.strokeStyle = pen.fillStyle = hue;
      if (line.low) {
        pen.globalAlpha = 0.18;
        area(pen, line, toX, toY);
      }
      const focused = line.id === state.focus;
      pen.globalAlpha = line.faint && !focused ? 0.35 : many && !focused ? 0.6 : 1;
      pen.setLineDash(DASHES[line.style.dash].map((n) => n * ratio));
      pen.lineWidth = ratio * (line.thin || (line.faint && !focused) ? 1 : line.faint ? 1.4 : focused || line.low ? 2.4 : many ? 1.1 : 1.7);
      path(pen, line, toX, toY);
      pen.stroke();
      if (!this.about.small && line.x.length <= (many ? 1 : 60) && !line.faint && !line.low && !line.thin) dots(pen, line, toX, toY, 2.2 * ratio);
    }
    pen.restore();
  }

  // Tell the values at the cursor, the largest first.
  hover() {
    const { left, top } = this.u.cursor;
    if (left === undefined || left < 0 || !this.plot.matches(":hover, :focus")) {
      this.tip.hidden = true;
      return;
    }
    const x = this.u.posToVal(left, "x"), look = theme();
    const told = this.lines.filter((line) => !line.faint && line.x.length)
      .map((line) => ({ line, value: valueAt(line, x) })).filter((one) => one.value !== null);
    told.sort((a, b) => b.value - a.value);
    const phase = this.spans.find((span) => span.begin <= x && x <= span.end);
    const rows = told.slice(0, 10).map(({ line, value }) => {
      const key = h("i", { class: "key" });
      key.style.background = look.hues[line.style.hue];
      return h("div", {}, key, h("b", {}, this.about.say(value)), " ", line.name);
    });
    fill(this.tip, h("div", { class: "muted" }, `${CLOCKS[state.clock].say(x)} ${CLOCKS[state.clock].short}`,
      phase && ` · ${phase.phase}`), rows, told.length > 10 && h("div", { class: "muted" }, `and ${told.length - 10} more`));
    this.tip.hidden = !told.length;
    const right = left > this.plot.clientWidth * 0.55;
    const at = left + this.u.bbox.left / devicePixelRatio;
    this.tip.style.left = right ? "auto" : `${at + 12}px`;
    this.tip.style.right = right ? `${this.plot.clientWidth - at + 12}px` : "auto";
    this.tip.style.top = `${Math.max(4, Math.min(top, this.about.height - 60))}px`;
  }

  key(event) {
    const wide = this.u.over.clientWidth, now = this.u.cursor.left >= 0 ? this.u.cursor.left : 0;
    const step = { ArrowLeft: -wide / 50, ArrowRight: wide / 50, Home: -wide, End: wide }[event.key];
    if (event.key === "Escape") this.release();
    if (step === undefined) return;
    event.preventDefault();
    const left = Math.max(0, Math.min(wide - 1, now + step));
    this.u.setCursor({ left, top: this.about.height / 3 });
  }

  end() {
    this.observer.disconnect();
    if (this.u) this.u.destroy();
    this.element.remove();
  }
}

// Return the function from values to pixels: uPlot's own, without its cost for each point.
function scale(u, name) {
  const { min, max, distr } = u.scales[name];
  if (distr === 3) return (value) => u.valToPos(Math.max(value, min), name, true);
  const from = u.valToPos(min, name, true), to = u.valToPos(max, name, true);
  const slope = (to - from) / (max - min || 1);
  return (value) => from + (value - min) * slope;
}

// Return where a logarithmic axis has its lines.
function powers(low, high) {
  const steps = high / low < 100 ? [1, 2, 5] : [1], found = [];
  for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++)
    for (const step of steps) if (step * 10 ** p >= low && step * 10 ** p <= high) found.push(step * 10 ** p);
  return found;
}

function path(pen, line, toX, toY) {
  pen.beginPath();
  for (let i = 0; i < line.x.length; i++) pen.lineTo(toX(line.x[i]), toY(line.y[i]));
}

function area(pen, line, toX, toY) {
  pen.beginPath();
  for (let i = 0; i < line.x.length; i++) pen.lineTo(toX(line.x[i]), toY(line.high[i]));
  for (let i = line.x.length - 1; i >= 0; i--) pen.lineTo(toX(line.x[i]), toY(line.low[i]));
  pen.fill();
}

function dots(pen, line, toX, toY, size) {
  pen.setLineDash([]);
  for (let i = 0; i < line.x.length; i++) {
    pen.beginPath();
    pen.arc(toX(line.x[i]), toY(line.y[i]), size, 0, 7);
    pen.fill();
  }
}

// A curve of a few points, for the table: an element that follows its row.
function sparkline(canvas, spark, hue) {
  const ratio = devicePixelRatio, wide = 96, high = 24;
  canvas.width = wide * ratio;
  canvas.height = high * ratio;
  if (!spark.x || spark.x.length < 2) return;
  const pen = canvas.getContext("2d"), { x, y } = spark;
  const low = Math.min(0, ...y), top = Math.max(1, ...y), begin = x[0], end = x[x.length - 1];
  pen.strokeStyle = hue;
  pen.lineWidth = 1.5 * ratio;
  pen.lineJoin = "round";
  const toX = (v) => (2 + ((wide - 4) * (v - begin)) / (end - begin || 1)) * ratio;
  const toY = (v) => (high - 3 - ((high - 6) * (v - low)) / (top - low)) * ratio;
  path(pen, spark, toX, toY);
  pen.stroke();
}

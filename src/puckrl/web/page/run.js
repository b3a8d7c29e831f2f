// The run in focus: verdict with its reasons, film, signals, settings, card.

const TABS = { verdict: "Verdict", film: "Film", signals: "Signals", settings: "Settings", card: "Card" };
const FRAMES = 8;

class RunPanel {
  constructor(host, source, change) {
    this.source = source;
    this.change = change;
    this.title = h("h2", {});
    this.about = h("p", { class: "muted about" });
    this.tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "About the run", onkeydown: (event) => this.key(event) },
      Object.entries(TABS).map(([id, name]) => h("button", { type: "button", role: "tab", id: `tab-${id}`, "aria-controls": "panel",
        onclick: () => { state.tab = id; this.change("tab"); } }, name)));
    this.body = h("div", { id: "panel", role: "tabpanel", tabindex: 0 });
    this.key_ = "";
    fill(host, this.title, this.about, this.tabs, this.body);
  }

  render() {
    const row = state.runs.get(state.focus);
    this.title.textContent = row ? row.name : "No run chosen";
    fill(this.about, row && [row.preset && `preset ${row.preset}`, row.seed !== null && `seed ${row.seed}`, row.kind !== "puckrl" && row.kind,
      row.began && `began ${moment(row.began)}`].filter(Boolean).join(" · "));
    for (const tab of this.tabs.children) {
      const on = tab.id === `tab-${state.tab}`;
      tab.setAttribute("aria-selected", on);
      tab.tabIndex = on ? 0 : -1;
    }
    this.body.setAttribute("aria-labelledby", `tab-${state.tab}`);
    const known = row && state.stories.get(row.id);
    const others = state.tab === "settings" ? drawn().map((one) => [one.id, Boolean(state.stories.get(one.id))]) : 0;
    const told = state.tab === "film" ? known && known.story && known.story.files : [known, row && row.status, state.names, bands()];
    const key = JSON.stringify([row && row.id, state.tab, told, others]);
    if (key === this.key_) return; // a film goes on while the run does
    this.key_ = key;
    if (!row) return void fill(this.body);
    if (!known) return void fill(this.body, h("p", { class: "muted" }, "Reading …"));
    if (known.problem) return void fill(this.body, h("p", { class: "problem" }, known.problem));
    fill(this.body, this[state.tab](row, known.story));
  }

  key(event) {
    const ids = Object.keys(TABS), step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    const next = ids[(ids.indexOf(state.tab) + step + ids.length) % ids.length];
    state.tab = next;
    this.change("tab");
    document.getElementById(`tab-${next}`).focus();
  }

  verdict(row, story) {
    const said = story.verdict;
    if (!said) return h("p", { class: "muted" }, "The log has no rows yet.");
    return [
      h("p", { class: "headline" }, pill(said.color, said.headline)),
      h("p", { class: "advice" }, sentence(said.advice)),
      said.findings.map((one) => h("div", { class: `finding ${one.color}` },
        h("p", {}, h("b", {}, h("i", { "aria-hidden": "true" }, SHAPES[one.color]), ` ${one.name}`), ` — ${one.reason}`),
        one.advice !== said.advice && h("p", {}, sentence(one.advice)),
        one.numbers.length > 0 && h("p", { class: "muted" }, one.numbers.join(" · ")))),
      h("dl", {},
        said.because.length > 0 && [h("dt", {}, "Because"), h("dd", {}, said.because.join(" · "))],
        said.changes_if && [h("dt", {}, "Changes if"), h("dd", {}, said.changes_if)]),
      said.spans.length > 0 && phases(said.spans),
      story.notes.map((note) => h("p", { class: "muted" }, note)),
      h("details", {}, h("summary", {}, "How it was made"), h("dl", {},
        h("dt", {}, "folder"), h("dd", {}, row.path),
        Object.entries(story.made).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))),
    ];
  }

  film(row, story) {
    if (!story.files.length) return h("p", { class: "muted" }, "No film yet. ",
      row.kind === "puckrl" && ["A run makes one at its end; so does ", h("code", {}, `puck record ${row.name}`), "."]);
    return story.files.map((file) => {
      const address = this.source.url(file.url);
      if (!address) return h("p", { class: "muted" }, `${file.name} is too large for a page in one file.`);
      return file.kind === "film" ? film(file.name, address)
        : h("figure", {}, h("img", { src: address, alt: file.name, loading: "lazy" }), h("figcaption", { class: "muted" }, file.name));
    });
  }

  signals(row, story) {
    const names = Object.keys(story.signals);
    const rows = names.map((name) => {
      const [unit, meaning, healthy] = SIGNALS[name] || ["", "", ""];
      const box = h("input", { type: "checkbox", "aria-label": `draw ${name}`, onchange: () => {
        const now = new Set(smallNames());
        if (box.checked) now.add(name);
        else now.delete(name);
        state.names = [...now];
        this.change("names");
      } });
      box.checked = smallNames().includes(name);
      return h("tr", {}, h("td", {}, box),
        h("th", { scope: "row" }, h("code", {}, name), meaning && h("p", {}, sentence(meaning), healthy !== "-" && ` Expect: ${healthy}.`)),
        h("td", { class: "number" }, number(story.signals[name]), unit && unit !== "1" && ` ${unit}`));
    });
    return h("table", { class: "signals" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, h("span", { class: "unseen" }, "Draw")), h("th", { scope: "col" }, "Signal"), h("th", { scope: "col", class: "number" }, "Newest"))),
      h("tbody", {}, rows));
  }

  settings(row, story) {
    const told = (one) => state.stories.get(one.id)?.story;
    const known = drawn().slice(0, MOST_LINES).filter((one) => told(one) && Object.keys(told(one).settings).length);
    const stories = known.map(told);
    const different = (part) => [...new Set(stories.flatMap((one) => Object.keys(one[part])))]
      .filter((name) => new Set(stories.map((one) => one[part][name])).size > 1);
    const decide = different("settings"), others = different("others");
    const line = (part) => (name) => h("tr", {}, h("th", { scope: "row" }, h("code", {}, name)),
      stories.map((one) => h("td", {}, one[part][name] ?? "–")));
    const compared = stories.length > 1 && h("div", {},
      h("p", { class: decide.length > 1 ? "confounded" : "" }, decide.length > 1
        ? `Confounded: ${decide.length} settings differ between the drawn runs, so no single one explains a difference.`
        : decide.length ? "One setting differs between the drawn runs." : "The drawn runs have the same settings: what differs is the seed."),
      (decide.length > 0 || others.length > 0) && h("div", { class: "scroll" }, h("table", {},
        h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Differs"), known.map((one) => h("th", { scope: "col" }, one.name)))),
        h("tbody", {}, decide.map(line("settings")), others.length > 0 && h("tr", {}, h("td", { class: "muted", colspan: known.length + 1 }, "decide nothing that is learned")), others.map(line("others"))))));
    const all = (part) => Object.entries(story[part]).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
    const none = !Object.keys(story.settings).length && h("p", { class: "muted" }, "The log does not say its settings.");
    return [compared, none || h("details", { open: !compared }, h("summary", {}, `All settings of ${row.name}`), h("dl", { class: "settings" }, all("settings"), all("others")))];
  }

  card(row, story) {
    return story.card ? h("div", { class: "prose" }, markdown(story.card)) : h("p", { class: "muted" }, "A run writes its card at its end.");
  }
}

function sentence(text) {
  return text ? text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".") : "";
}

function phases(spans) {
  const end = spans[spans.length - 1].env_steps[1] || 1;
  const bar = h("div", { class: "phases", "aria-hidden": "true" }, spans.map((span) => {
    const part = h("span", { title: span.phase }, span.phase);
    part.style.flexGrow = Math.max(0.001, (span.env_steps[1] - span.env_steps[0]) / end);
    part.style.background = `var(--phase-${span.phase})`;
    return part;
  }));
  const rows = spans.map((span) => h("tr", {}, h("th", { scope: "row" }, span.phase),
    h("td", { class: "number" }, `${count(span.env_steps[0])} – ${count(span.env_steps[1])}`),
    h("td", { class: "number" }, span.updates[1] === null ? "–" : `${count(span.updates[0])} – ${count(span.updates[1])}`)));
  return [bar, h("table", {}, h("thead", {}, h("tr", {}, ["Phase", "Env steps", "Updates"].map((name, i) =>
    h("th", { scope: "col", class: i ? "number" : null }, name)))), h("tbody", {}, rows))];
}

// A film with steps of single frames, and stills of the whole of it.
function film(name, address) {
  const video = h("video", { src: address, controls: true, loop: true, muted: true, playsinline: true, preload: "auto", "aria-label": name });
  const step = (by) => { video.pause(); video.currentTime = Math.max(0, video.currentTime + by / 25); };
  const strip = h("div", { class: "strip" });
  video.addEventListener("loadedmetadata", () => stills(video, address, strip), { once: true });
  const failed = h("p", { class: "problem", hidden: true }, "This browser cannot play the film.");
  video.addEventListener("error", () => { failed.hidden = false; });
  return h("figure", { class: "film" }, video, failed, strip, h("figcaption", {},
    h("button", { type: "button", onclick: () => step(-1) }, "‹ frame"), h("button", { type: "button", onclick: () => step(1) }, "frame ›"),
    h("span", { class: "muted" }, ` ${name}`)));
}

async function stills(shown, address, strip) {
  const video = h("video", { src: address, muted: true, preload: "auto" });
  await new Promise((done) => video.addEventListener("loadeddata", done, { once: true }));
  for (let i = 0; i < FRAMES; i++) {
    const at = (video.duration * (i + 0.5)) / FRAMES;
    await new Promise((done) => { video.addEventListener("seeked", done, { once: true }); video.currentTime = at; });
    const still = h("canvas", { width: 240, height: Math.round((240 * video.videoHeight) / video.videoWidth) });
    still.getContext("2d").drawImage(video, 0, 0, still.width, still.height);
    strip.append(h("button", { type: "button", "aria-label": `show second ${at.toFixed(1)}`, onclick: () => { shown.pause(); shown.currentTime = at; } }, still));
  }
}

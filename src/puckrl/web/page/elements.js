// Elements of the page. Text from runs only ever becomes text: never markup.

function h(tag, about = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "class") made.className = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  put(made, ...inside);
  return made;
}

function put(made, ...inside) {
  made.append(...inside.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return made;
}

function fill(made, ...inside) {
  made.replaceChildren();
  return put(made, ...inside);
}

function pill(color, phase, words) {
  const text = words ? `${phase}: ${words}` : phase;
  return h("span", { class: `pill ${color || "grey"}`, title: text },
    h("i", { "aria-hidden": "true" }, SHAPES[color] || "○"), " ", text);
}

// A switch with one of several positions: radio buttons, so that arrow keys move it.
function choice(label, name, options, value, change) {
  return h("fieldset", { class: "choice" }, h("legend", {}, label),
    Object.entries(options).map(([key, text]) => {
      const input = h("input", { type: "radio", name, value: key, onchange: () => change(key) });
      input.checked = key === value;
      return h("label", {}, input, h("span", {}, text));
    }));
}

// The part of Markdown that cards and reports use. `figures` maps names to addresses.
function markdown(text, figures = {}) {
  const found = [], lines = text.split("\n");
  for (let i = 0; i < lines.length;) {
    const line = lines[i];
    const heading = /^(#{1,4}) (.*)/.exec(line);
    if (!line.trim()) i++;
    else if (heading) {
      found.push(h(`h${Math.min(6, heading[1].length + 2)}`, {}, inline(heading[2], figures)));
      i++;
    } else if (line.startsWith("|")) {
      const rows = [];
      while (i < lines.length && lines[i].startsWith("|")) rows.push(cells(lines[i++]));
      found.push(table(rows, figures));
    } else if (/^[-*] /.test(line)) {
      const items = [];
      while (i < lines.length && /^[-*] /.test(lines[i])) items.push(lines[i++].slice(2));
      found.push(h("ul", {}, items.map((item) => h("li", {}, inline(item, figures)))));
    } else if (line.startsWith("```")) {
      const code = [];
      for (i++; i < lines.length && !lines[i].startsWith("```"); i++) code.push(lines[i]);
      found.push(h("pre", {}, code.join("\n")));
      i++;
    } else {
      const words = [];
      while (i < lines.length && lines[i].trim() && !/^([#|`]|[-*] )/.test(lines[i])) words.push(lines[i++]);
      if (!words.length) words.push(lines[i++]);
      found.push(h("p", {}, inline(words.join(" "), figures)));
    }
  }
  return found;
}

function cells(line) {
  return line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => cell.trim());
}

function table([head, rule, ...rows], figures) {
  if (!rule || !rule.every((cell) => /^:?-+:?$/.test(cell))) rows = [rule, ...rows].filter(Boolean);
  return h("div", { class: "scroll" }, h("table", {},
    head.some(Boolean) && h("thead", {}, h("tr", {}, head.map((cell) => h("th", { scope: "col" }, inline(cell, figures))))),
    h("tbody", {}, rows.map((row) => h("tr", {}, row.map((cell) => h("td", {}, inline(cell, figures))))))));
}

function inline(text, figures) {
  const parts = text.split(/(!?\[[^\]]*\]\([^)]*\)|\*\*[^*]+\*\*|`[^`]+`)/);
  return parts.map((part) => {
    const link = /^(!?)\[([^\]]*)\]\(([^)]*)\)$/.exec(part);
    if (link && !link[1]) return link[2];
    if (link) return figures[link[3]] ? h("img", { src: figures[link[3]], alt: link[2], loading: "lazy" }) : null;
    if (part.startsWith("**") && part.length > 4) return h("b", {}, part.slice(2, -2));
    if (part.startsWith("`") && part.length > 2) return h("code", {}, part.slice(1, -1));
    return part;
  });
}

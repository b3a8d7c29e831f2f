// The same numbers as a table, for those who read better than they see curves.

const MOMENTS = 16;

function numbersTable(title, lines, say) {
  const told = lines.filter((line) => !line.faint && !line.thin && line.x.length);
  if (!told.length) return h("p", { class: "muted" }, `${title}: nothing is logged yet.`);
  const end = Math.max(...told.map((line) => line.x[line.x.length - 1]));
  const begin = Math.min(...told.map((line) => line.x[0]));
  const clock = CLOCKS[state.clock];
  const moments = Array.from({ length: MOMENTS + 1 }, (_, i) => begin + ((end - begin) * i) / MOMENTS);
  return h("div", { class: "scroll" }, h("table", { class: "numbers" },
    h("caption", {}, `${title} over ${clock.name}`),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, clock.short), told.map((line) => h("th", { scope: "col" }, line.name)))),
    h("tbody", {}, moments.map((x) => h("tr", {}, h("th", { scope: "row" }, clock.say(x)),
      told.map((line) => h("td", { class: "number" }, say(valueAt(line, x)))))))));
}

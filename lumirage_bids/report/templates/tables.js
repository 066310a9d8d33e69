"use strict";
const MOST_PRINTED = 500;
const scans = JSON.parse(document.getElementById("content").dataset.scans ?? "[]");
// Tables sort by a click on a heading and filter by text; without scripts they are plain tables with all their columns.
for (const table of document.querySelectorAll("table.data")) {
  const rows = Array.from(table.tBodies[0].rows);
  if (rows.length > 1) makeSortable(table, rows);
  if (table.dataset.folded) addColumns(table);
  if (rows.length > 8) addFilter(table, rows);
}
// Tables of pairs are drawn a page at a time, from numbers that their element carries; on paper as a whole.
for (const table of document.querySelectorAll("table.pairs")) drawPairs(table, JSON.parse(table.dataset.pairs));
tellPoints();
// Pictures of a pair lie one over the other.
for (const pair of document.querySelectorAll(".pair")) comparePictures(pair);

function onSort(table, sort) {
  const headings = Array.from(table.querySelectorAll("tr.columns th"));
  headings.forEach((heading, place) => {
    // The name stays outside the button: browsers that repeat headings on every printed page leave buttons out.
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-label", `Sort by ${heading.textContent}`);
    heading.append(button);
    heading.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      sort(place, down, heading.classList.contains("number"));
    });
  });
}

function makeSortable(table, rows) {
  onSort(table, (place, down, numeric) => {
    const sorted = rows.map((row) => [row.cells[place].dataset.sort, row]);
    sorted.sort(([a], [b]) => {
      // What has no value stays last either way.
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
      return down ? -order : order;
    });
    table.tBodies[0].append(...sorted.map(([, row]) => row));
  });
}

function linked(text, page) {
  if (!page) return text;
  const link = document.createElement("a");
  link.href = page;
  link.textContent = text;
  return link;
}

// The box over a table.
function boxOver(table) {
  const before = table.closest(".scroll").previousElementSibling;
  if (before?.classList.contains("filter")) return before;
  const box = document.createElement("div");
  box.className = "filter";
  table.closest(".scroll").before(box);
  return box;
}

function addColumns(table) {
  const button = document.createElement("button");
  button.type = "button";
  const fold = (brief) => {
    table.classList.toggle("brief", brief);
    button.setAttribute("aria-expanded", String(!brief));
    button.textContent = brief ? `Show ${table.dataset.folded} more columns` : "Show fewer columns";
  };
  button.addEventListener("click", () => fold(!table.classList.contains("brief")));
  boxOver(table).append(button);
  fold(true);
}

// A field over the table; `show` gets the words to look for and returns what is said of the rows.
function addBox(table, show) {
  const box = boxOver(table);
  const label = document.createElement("label");
  label.textContent = "Show rows with ";
  const input = document.createElement("input");
  input.type = "search";
  label.append(input);
  const told = document.createElement("output");
  box.prepend(label, told);
  const update = () => (told.textContent = show(input.value.toLowerCase().split(/\s+/).filter(Boolean)));
  input.addEventListener("input", update);
  update();
  return { box, update };
}

function addFilter(table, rows) {
  const texts = rows.map((row) => Array.from(row.cells, (cell) => cell.textContent).join(" ").toLowerCase());
  addBox(table, (words) => {
    rows.forEach((row, i) => (row.hidden = !words.every((word) => texts[i].includes(word))));
    const shown = rows.filter((row) => !row.hidden).length;
    return words.length ? `${shown} of ${rows.length} rows` : `${rows.length} rows`;
  });
}

function drawPairs(table, { splits, moving, fixed, split, dice }) {
  let size = 50;
  const all = Array.from(moving.keys());
  const names = [(i) => scans[moving[i]].name, (i) => scans[fixed[i]].name, (i) => splits[split[i]]];
  if (splits.length < 2) names.pop();
  const texts = all.map((i) => names.map((name) => name(i)).join(" ").toLowerCase());
  let order = all;
  let found = all;
  let first = 0;
  const written = (score) => (score === null ? "–" : score < 0 ? "failed" : (score / 1000).toFixed(3));

  function draw() {
    const rows = found.slice(first, first + size).map((i) => {
      const row = document.createElement("tr");
      [...names.map((name) => name(i)), ...dice.map((scores) => written(scores[i]))].forEach((text, place) => {
        const cell = document.createElement(place ? "td" : "th");
        if (!place) cell.scope = "row";
        if (place >= names.length) cell.className = "number";
        cell.append(place ? text : linked(text, scans[moving[i]].page));
        row.append(cell);
      });
      return row;
    });
    table.tBodies[0].replaceChildren(...rows);
    back.disabled = first === 0;
    on.disabled = first + size >= found.length;
    return found.length ? `${first + 1} to ${Math.min(first + size, found.length)} of ${found.length} pairs` : "no pair";
  }

  onSort(table, (place, down) => {
    const ranked = (values) => {
      const ranks = new Map([...values].sort((a, b) => a.localeCompare(b, "en", { numeric: true })).map((v, i) => [v, i]));
      return (i) => ranks.get(names[place](i));
    };
    const key = place < names.length ? ranked(place < 2 ? scans.map((scan) => scan.name) : splits) : (i) => dice[place - names.length][i];
    const none = (value) => value === null || value < 0;
    order = [...all].sort((i, j) => {
      const [a, b] = [key(i), key(j)];
      if (none(a) || none(b)) return none(a) - none(b);
      return down ? b - a : a - b;
    });
    first = 0;
    update();
  });

  const turn = (words, pages) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.addEventListener("click", () => {
      first += pages * size;
      update();
    });
    return button;
  };
  const back = turn("Previous", -1);
  const on = turn("Next", 1);
  let last = "";
  const { box, update } = addBox(table, (words) => {
    if (words.join(" ") !== last) first = 0;
    last = words.join(" ");
    found = words.length ? order.filter((i) => words.every((word) => texts[i].includes(word))) : order;
    return draw();
  });
  if (all.length > size) box.append(back, on);
  for (let part = table; (part = part.parentElement.closest("[hidden]")); ) part.hidden = false;
  const onPaper = (rows) => () => {
    size = rows;
    update();
  };
  addEventListener("beforeprint", onPaper(MOST_PRINTED));
  addEventListener("afterprint", onPaper(50));
}

// A mark that is a pair says which one, wherever it is drawn in the same figure; a click leads to its pictures.
function tellPoints() {
  const told = document.createElement("div");
  told.className = "told";
  told.hidden = true;
  document.body.append(told);
  for (const figure of document.querySelectorAll(".drawing svg")) {
    const marks = new Map();
    const byPair = new Map();
    for (const group of figure.querySelectorAll("[data-pairs]")) {
      const uses = group.querySelectorAll("use");
      group.dataset.pairs.split(";").forEach((text, i) => {
        const [moving, fixed, value] = text.split(" ");
        const pair = `${moving} ${fixed}`;
        marks.set(uses[i], { pair, moving: scans[moving], fixed: scans[fixed], value });
        byPair.set(pair, [...(byPair.get(pair) ?? []), uses[i]]);
      });
    }
    if (!marks.size) continue;
    let same = [];
    const leave = () => {
      same.forEach((use) => use.classList.remove("same"));
      same = [];
      told.hidden = true;
    };
    figure.addEventListener("pointerover", (event) => {
      leave();
      const mark = marks.get(event.target);
      if (!mark) return;
      same = byPair.get(mark.pair);
      same.forEach((use) => use.classList.add("same"));
      told.textContent = `${mark.moving.name} → ${mark.fixed.name}: ${mark.value}${mark.moving.page ? " (click: its pictures)" : ""}`;
      told.hidden = false;
      const box = event.target.getBoundingClientRect();
      const left = Math.min(scrollX + box.right + 8, scrollX + document.documentElement.clientWidth - told.offsetWidth - 8);
      told.style.left = `${Math.max(scrollX + 8, left)}px`;
      told.style.top = `${scrollY + box.top - told.offsetHeight - 6}px`;
    });
    figure.addEventListener("pointerleave", leave);
    figure.addEventListener("click", (event) => {
      const page = marks.get(event.target)?.moving.page;
      if (page) location.href = page;
    });
  }
}

function comparePictures(pair) {
  const controls = pair.querySelector(".controls");
  const sheet = pair.querySelector(".sheet");
  const update = () => {
    const show = controls.querySelector("[type=radio]:checked").value;
    const slid = controls.querySelector("[type=range]").value / 100;
    sheet.dataset.show = show;
    // Half of one difference and half of another is none.
    sheet.style.setProperty("--slid", show === "difference" ? Math.round(slid) : slid);
    for (const said of pair.querySelectorAll("[data-of]")) said.hidden = said.dataset.of !== show;
    for (const box of controls.querySelectorAll("[type=checkbox]")) {
      for (const part of pair.querySelectorAll(`[data-layer="${box.value}"]`)) part.hidden = !box.checked;
    }
  };
  controls.addEventListener("input", update);
  controls.hidden = false;
  update();
}

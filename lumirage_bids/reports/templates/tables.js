"use strict";
// Tables sort by a click on a heading and filter by text; without scripts they are plain tables.
for (const table of document.querySelectorAll("table.data")) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const headings = Array.from(table.querySelectorAll("tr.columns th"));
  if (rows.length > 1) headings.forEach((heading, place) => makeSortable(heading, place, headings, body));
  if (rows.length > 8) addFilter(table, rows);
}

function makeSortable(heading, place, headings, body) {
  // The name stays outside the button: browsers that repeat headings on every printed page leave buttons out.
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", `Sort by ${heading.textContent}`);
  heading.append(button);
  const numeric = heading.classList.contains("number");
  heading.addEventListener("click", () => {
    const down = heading.getAttribute("aria-sort") === "ascending";
    headings.forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const sorted = Array.from(body.rows, (row) => [row.cells[place].dataset.sort, row]);
    sorted.sort(([a], [b]) => {
      // What has no value stays last either way.
      if (a === "" || b === "") return (a === "") - (b === "");
      const order = numeric ? Number(a) - Number(b) : a.localeCompare(b, "en", { numeric: true });
      return down ? -order : order;
    });
    body.append(...sorted.map(([, row]) => row));
  });
}

function addFilter(table, rows) {
  const box = document.createElement("div");
  box.className = "filter";
  const label = document.createElement("label");
  label.textContent = "Show rows with ";
  const input = document.createElement("input");
  input.type = "search";
  label.append(input);
  const told = document.createElement("output");
  told.textContent = `${rows.length} rows`;
  box.append(label, told);
  table.closest(".scroll").before(box);
  const texts = rows.map((row) => Array.from(row.cells, (cell) => cell.textContent).join(" ").toLowerCase());
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      shown += !row.hidden;
    });
    told.textContent = `${shown} of ${rows.length} rows`;
  });
}

"use strict";
(() => {
  const root = document.documentElement;
  const table = (body) => {
    const rows = [...body.rows];
    const heads = [...document.querySelectorAll("#cells thead th[aria-sort]")];
    const filters = [...document.querySelectorAll("#filters select")];
    const words = document.getElementById("words");
    const count = document.getElementById("count");
    const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));

    const filter = () => {
      const sought = words.value.trim().toLowerCase().split(/\s+/);
      let shown = 0;
      for (const row of rows) {
        const fits = filters.every((one) => !one.value || row.dataset[one.dataset.filter] === one.value);
        row.hidden = !(fits && sought.every((word) => texts.get(row).includes(word)));
        shown += row.hidden ? 0 : 1;
      }
      count.value = `${shown} ${count.dataset.what}`;
    };

    const key = (row, column) => {
      const cell = row.cells[column];
      if (!("key" in cell.dataset)) return cell.textContent;
      return cell.dataset.key === "" ? null : Number(cell.dataset.key);
    };

    // What has no number stands last in both directions: missing is neither small nor large.
    const compare = (a, b) => {
      if (a === null || b === null) return (a === null) - (b === null);
      return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    };

    const sort = (head) => {
      const down = head.getAttribute("aria-sort") === "ascending";
      for (const one of heads) one.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const keys = new Map(rows.map((row) => [row, key(row, head.cellIndex)]));
      const order = (a, b) => {
        const [one, other] = [keys.get(a), keys.get(b)];
        return down && one !== null && other !== null ? compare(other, one) : compare(one, other);
      };
      rows.sort(order);
      body.append(...rows);
    };

    for (const head of heads) head.querySelector("button").addEventListener("click", () => sort(head));
    for (const one of [...filters, words]) one.addEventListener("input", filter);
    document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  };

  const body = document.querySelector("#cells tbody");
  if (body) table(body);

  const specs = JSON.parse(document.getElementById("figure-specs").textContent);
  const DARK = { '"#1a1a1a"': '"#ececec"', '"background":"#ffffff"': '"background":"#16181c"', '"#dedede"': '"#3a3e45"' };
  const swapped = (spec, dark) => {
    if (!dark) return spec;
    let text = JSON.stringify(spec);
    for (const [light, other] of Object.entries(DARK)) text = text.replaceAll(light, other);
    return JSON.parse(text);
  };
  const draw = () => {
    if (!window.vegaEmbed) return;
    const dark = root.classList.contains("dark");
    for (const place of document.querySelectorAll(".figure")) {
      window.vegaEmbed(place, swapped(specs[place.dataset.figure], dark), { renderer: "svg", actions: false });
    }
  };

  const button = document.getElementById("dark");
  const dress = (dark) => {
    root.classList.toggle("dark", dark);
    button.setAttribute("aria-pressed", String(dark));
    draw();
  };
  button.addEventListener("click", () => dress(!root.classList.contains("dark")));
  dress(window.matchMedia("(prefers-color-scheme: dark)").matches);
  document.addEventListener("vega", draw);
})();

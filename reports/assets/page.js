"use strict";
// Draws the figures in the page's colours, sorts tables, follows a change between light and dark.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const figures = read("figures");

  function themed(figure) {
    const ink = css("--ink"), soft = css("--soft"), grid = css("--grid"), card = css("--card");
    const data = figure.data.map((trace) => {
      const copy = structuredClone(trace);
      if (copy.meta === "ink" && copy.line) copy.line.color = ink;
      if (copy.meta === "ink" && copy.marker) copy.marker.line.color = ink;
      if (copy.meta === "block") copy.marker.line.color = card;
      if (copy.meta === "block" || copy.meta === "on color") copy.insidetextfont = { color: "#fff" };
      if (copy.meta === "on pale") copy.insidetextfont = { color: ink };
      return copy;
    });
    const axis = (given) => ({
      automargin: true, separatethousands: true, gridcolor: grid, linecolor: grid, tickcolor: grid, zerolinecolor: grid, ...given,
      title: { standoff: 14, ...(given || {}).title, font: { size: 12.5, color: soft } },
    });
    const layout = {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { color: ink, size: 12, family: getComputedStyle(document.body).fontFamily },
      margin: { l: 10, r: 24, t: 34, b: 50 }, hoverlabel: { align: "left", font: { size: 12.5 } }, dragmode: "zoom",
      modebar: { bgcolor: "rgba(0,0,0,0)", color: soft, activecolor: ink },
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", xanchor: "left", traceorder: "normal", font: { color: soft } },
      ...figure.layout,
      xaxis: axis(figure.layout.xaxis), yaxis: axis(figure.layout.yaxis),
    };
    for (const name of Object.keys(figure.layout)) if (/^[xy]axis\d+$/.test(name)) layout[name] = axis(figure.layout[name]);
    return [data, layout];
  }

  const config = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "sendDataToCloud"] };
  function draw() {
    for (const figure of figures) {
      const [data, layout] = themed(figure);
      const element = document.getElementById(figure.id), narrow = element.closest(".pair") !== null;
      Plotly.react(element, data, layout, { ...config, displayModeBar: narrow ? false : "hover" });
    }
  }
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  for (const table of document.querySelectorAll("table.sortable")) {
    const body = table.tBodies[0];
    table.querySelectorAll("th button").forEach((button) => {
      const head = button.closest("th");
      button.addEventListener("click", () => {
        const numeric = head.classList.contains("n");
        const rising = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") === "descending" : !numeric;
        const value = (row) => {
          const cell = row.cells[head.cellIndex], given = cell.dataset.v ?? cell.textContent;
          return numeric ? (given === "" ? -Infinity : Number(given)) : given.toLowerCase();
        };
        const rows = [...body.rows].sort((a, b) => {
          const x = value(a), y = value(b);
          return (x < y ? -1 : x > y ? 1 : 0) * (rising ? 1 : -1) || a.dataset.i - b.dataset.i;
        });
        body.append(...rows);
        table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", rising ? "ascending" : "descending");
      });
    });
  }
})();

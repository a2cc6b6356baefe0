"use strict";
// Brushing: designs marked in one figure are marked in all scatter figures and in the table of the front.
(() => {
  const plots = [...document.querySelectorAll(".plot")].filter((plot) => plot.id.startsWith("front-"));
  const table = document.getElementById("front-table");

  function mark(chosen) {
    for (const plot of plots) {
      const selected = plot.data.map((trace) =>
        chosen === null ? null : trace.customdata.flatMap((item, place) => (chosen.has(item[0]) ? [place] : [])));
      Plotly.restyle(plot, { selectedpoints: selected });
    }
    for (const row of table.tBodies[0].rows) {
      const on = chosen !== null && chosen.has(Number(row.cells[0].dataset.v));
      row.style.outline = on ? "2px solid var(--accent)" : "";
    }
  }

  for (const plot of plots) {
    plot.on("plotly_selected", (event) => {
      if (event && event.points) mark(new Set(event.points.map((point) => point.customdata[0])));
    });
    plot.on("plotly_deselect", () => mark(null));
  }
})();

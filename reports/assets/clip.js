"use strict";
// A stream's clip, frame by frame: patches drawn over the picture, what the frame took beside it. The cursor of the
// figure over time follows, and a click there goes to that frame. The pictures are those in the run's JSON.
(() => {
  const host = document.getElementById("clip");
  if (!host) return;
  const run = JSON.parse(document.getElementById("run").textContent), rows = JSON.parse(host.dataset.rows), { pictures, shown } = run.metrics.stream;
  const by = (id) => document.getElementById(id), css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const canvas = host.querySelector("canvas"), slider = by("clip-slider"), play = by("clip-play"), plain = by("clip-plain");
  const plot = by("stream-over-time"), [high, wide] = pictures.size, [down, across] = pictures.grid, STEP_MS = 350;
  const items = pictures.items.map((item) => ({ ...item, image: new Image() }));
  let at = Math.max(0, items.findIndex((item) => item.index === shown)), timer = 0;

  function draw() {
    const item = items[at], ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = width * high / wide;
    canvas.width = width * ratio; canvas.height = height * ratio;
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio); g.imageSmoothingQuality = "high";
    if (item.image.complete) g.drawImage(item.image, 0, 0, width, height);
    if (plain.checked) return;
    const scale = width / wide, edge = pictures.patch * scale;
    const each = (paint) => { // the last row and column of patches may reach over the picture's edge
      for (let k = 0; k < down * across; k++) {
        const x = k % across * edge, y = Math.floor(k / across) * edge;
        paint(k, x, y, Math.min(edge, width - x), Math.min(edge, height - y));
      }
    };
    each((k, x, y, w, h) => {
      const tenths = Number(item.computed[k]);
      g.fillStyle = tenths ? css("--computed") : css("--skipped");
      g.globalAlpha = tenths ? .12 + .05 * tenths : .5;
      g.fillRect(x, y, w, h);
    });
    g.globalAlpha = .25; g.lineWidth = .5; g.strokeStyle = "#fff";
    each((k, x, y, w, h) => g.strokeRect(x, y, w, h));
    g.globalAlpha = 1; g.lineWidth = 2; g.strokeStyle = css("--changed");
    each((k, x, y, w, h) => { if (item.changed[k] === "1") g.strokeRect(x + 1.5, y + 1.5, w - 3, h - 3); });
  }

  function tell() {
    const item = items[at];
    by("clip-name").textContent = `Frame ${item.index}`;
    by("clip-values").tBodies[0].replaceChildren(...rows[at].map(([name, value]) => {
      const row = document.createElement("tr");
      row.insertCell().textContent = name; row.insertCell().textContent = value;
      return row;
    }));
    Plotly.relayout(plot, { "shapes[0].x0": item.index, "shapes[0].x1": item.index });
  }

  function show(place) {
    at = Math.max(0, Math.min(items.length - 1, place));
    slider.value = at; slider.setAttribute("aria-valuetext", `frame ${items[at].index}`);
    host.dataset.frame = String(items[at].index);
    draw(); tell();
  }

  function stop() { clearInterval(timer); timer = 0; play.textContent = "▶ Play"; }
  play.addEventListener("click", () => {
    if (timer) return stop();
    if (at === items.length - 1) show(0);
    play.textContent = "❚❚ Pause";
    timer = setInterval(() => { show(at + 1); if (at === items.length - 1) stop(); }, STEP_MS);
  });
  slider.max = items.length - 1;
  slider.addEventListener("input", () => { stop(); show(Number(slider.value)); });
  plain.addEventListener("change", draw);
  plot.on("plotly_click", ({ points }) => {
    const far = (item) => Math.abs(item.index - points[0].x);
    stop(); show(items.reduce((best, item, i) => far(item) < far(items[best]) ? i : best, 0));
  });
  items.forEach((item, i) => {
    item.image.addEventListener("load", () => { if (i === at) draw(); });
    item.image.src = "data:image/png;base64," + item.png;
  });
  new ResizeObserver(draw).observe(host);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => show(at)); // the figures were drawn anew
  show(at);
})();

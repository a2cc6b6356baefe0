"use strict";
// The engine timeline: one lane an engine, drawn on a canvas straight from the run's arrays, so that it stays quick with
// a hundred thousand commands. Commands narrower than a pixel are drawn as the share of the pixel that they fill.
(() => {
  const host = document.getElementById("timeline");
  if (!host) return;
  const run = JSON.parse(document.getElementById("run").textContent);
  const line = run.timeline, names = run.operators.map((operator) => operator.name);
  const colors = JSON.parse(host.dataset.colors);
  const canvas = host.querySelector("canvas"), tip = host.querySelector(".tip"), span = document.getElementById("timeline-span");
  const lanes = Object.keys(colors).map((name) => ({ name, items: [] }));
  const lane = Object.fromEntries(lanes.map((one) => [one.name, one]));
  line.start.forEach((start, i) => lane[line.engine[i]].items.push(
    { start, end: line.end[i], row: line.row[i], what: line.command[i], label: names[line.row[i]] ?? "", index: i }));
  run.cpu_calls.forEach((call, i) => lane.cpu.items.push(
    { start: call.start, end: call.start + call.cycles, row: i, what: call.function, label: call.name, index: -1 }));
  const used = lanes.filter((one) => one.items.length);
  used.forEach((one) => one.items.sort((a, b) => a.start - b.start || a.end - b.end));

  const whole = Math.max(1, run.cycles), LEFT = 64, RIGHT = 36, TOP = 30, LANE = 46, GAP = 10, BOTTOM = 44;
  const height = TOP + used.length * (LANE + GAP) + BOTTOM;
  let from = 0, to = whole, drag = null, hovered = null, queued = false;
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const width = () => host.clientWidth;
  const plot = () => Math.max(1, width() - LEFT - RIGHT);
  const x = (cycle) => LEFT + (cycle - from) / (to - from) * plot();
  const cycle = (px) => from + (px - LEFT) / plot() * (to - from);
  const number = (value) => Math.round(value).toLocaleString("en-US");
  const time = (cycles) => {
    const us = cycles / run.clock_mhz;
    const [value, unit] = us >= 1e6 ? [us / 1e6, "s"] : us >= 1e3 ? [us / 1e3, "ms"] : us >= 1 ? [us, "µs"] : [us * 1e3, "ns"];
    return Number(value.toPrecision(4)) + " " + unit;
  };

  function first(items, at) { // the first item that ends after `at`; ends rise with starts, the engines work in order
    let low = 0, high = items.length;
    while (low < high) { const mid = (low + high) >> 1; if (items[mid].end > at) high = mid; else low = mid + 1; }
    return low;
  }

  function steps(span, most) {
    const rough = span / most, power = 10 ** Math.floor(Math.log10(rough));
    return [1, 2, 5, 10].map((k) => k * power).find((step) => step >= rough);
  }

  function axis(g, scale, y, textY, label) { // scale: units of the label in one cycle
    const step = steps((to - from) * scale, plot() / 110), begin = Math.ceil(from * scale / step) * step;
    const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
    g.textAlign = "center";
    for (let value = begin; value <= to * scale + step * 1e-9; value += step) {
      const px = Math.round(x(value / scale)) + .5;
      g.fillStyle = css("--grid"); g.fillRect(px, TOP - 4, 1, height - TOP - BOTTOM + 8);
      g.fillStyle = css("--soft");
      g.fillText(Number(value.toFixed(places)).toLocaleString("en-US", { maximumFractionDigits: places }), px, textY);
    }
    g.fillStyle = css("--soft"); g.textAlign = "right"; g.fillText(label, LEFT - 10, textY);
  }

  function draw() {
    queued = false;
    const ratio = devicePixelRatio || 1;
    canvas.width = width() * ratio; canvas.height = height * ratio; canvas.style.height = height + "px";
    const g = canvas.getContext("2d");
    g.scale(ratio, ratio); g.clearRect(0, 0, width(), height);
    g.font = "12px " + getComputedStyle(document.body).fontFamily; g.textBaseline = "middle";
    axis(g, 1, 0, height - BOTTOM + 16, "cycles");
    const micro = (to - from) / run.clock_mhz, unit = micro > 2e3 ? [1e3, "ms"] : micro > 2 ? [1, "µs"] : [1e-3, "ns"];
    axis(g, 1 / run.clock_mhz / unit[0], 0, TOP - 16, unit[1]);
    used.forEach((one, k) => drawLane(g, one, TOP + k * (LANE + GAP)));
    if (drag) {
      g.fillStyle = css("--accent"); g.globalAlpha = .18;
      g.fillRect(Math.min(drag.from, drag.to), TOP - 4, Math.abs(drag.to - drag.from), height - TOP - BOTTOM + 8);
      g.globalAlpha = 1;
    }
    map(g);
    span.textContent = `${number(from)} to ${number(to)} of ${number(whole)} cycles, ${time(to - from)} shown`;
  }

  function drawLane(g, one, y) {
    g.fillStyle = css("--soft"); g.textAlign = "right"; g.fillText(one.name, LEFT - 10, y + LANE / 2);
    g.fillStyle = css("--hover"); g.fillRect(LEFT, y, plot(), LANE);
    g.save(); g.beginPath(); g.rect(LEFT, y, plot(), LANE); g.clip();
    const filled = new Float32Array(Math.ceil(plot()) + 1), ink = css("--ink"), card = css("--card");
    g.textAlign = "center";
    for (let i = first(one.items, from); i < one.items.length && one.items[i].start < to; i++) {
      const item = one.items[i], left = x(item.start), right = x(item.end);
      if (right - left < 1.5) { // spread over at most two pixels
        const pixel = Math.max(0, Math.floor(left - LEFT)), rest = Math.min(right, LEFT + pixel + 1) - left;
        filled[pixel] += rest; filled[pixel + 1] += right - left - rest;
        continue;
      }
      g.fillStyle = colors[one.name]; g.globalAlpha = item.row % 2 ? .72 : 1;
      g.fillRect(left, y, right - left, LANE); g.globalAlpha = 1;
      if (right - left > 4) { g.fillStyle = card; g.fillRect(right - .75, y, .75, LANE); }
      const seen = Math.min(right, LEFT + plot()) - Math.max(left, LEFT);
      if (seen > 46) {
        const text = fit(g, item.label || item.what, seen - 8);
        if (text) { g.fillStyle = "#fff"; g.fillText(text, (Math.max(left, LEFT) + Math.min(right, LEFT + plot())) / 2, y + LANE / 2); }
      }
      if (item === hovered) { g.strokeStyle = ink; g.lineWidth = 2; g.strokeRect(left + 1, y + 1, right - left - 2, LANE - 2); }
    }
    g.fillStyle = colors[one.name];
    filled.forEach((share, pixel) => { if (share > 0) { g.globalAlpha = Math.min(1, .15 + .85 * share); g.fillRect(LEFT + pixel, y, 1, LANE); } });
    g.globalAlpha = 1;
    g.restore();
  }

  function fit(g, text, room) {
    if (g.measureText(text).width <= room) return text;
    let keep = Math.floor(text.length * room / g.measureText(text).width) - 1;
    return keep > 2 ? "…" + text.slice(-keep) : "";
  }

  function map(g) { // where the visible part lies in the whole run
    const y = height - 12;
    g.fillStyle = css("--grid"); g.fillRect(LEFT, y, plot(), 5);
    g.fillStyle = css("--accent"); g.fillRect(LEFT + from / whole * plot(), y, Math.max(3, (to - from) / whole * plot()), 5);
  }

  const redraw = () => { if (!queued) { queued = true; requestAnimationFrame(draw); } };
  function show(a, b) {
    const least = Math.min(whole, 20), length = Math.min(whole, Math.max(least, b - a));
    from = Math.max(0, Math.min(whole - length, a + (b - a - length) / 2)); to = from + length;
    redraw();
  }
  const zoom = (factor, at = (from + to) / 2) => show(at - (at - from) * factor, at + (to - at) * factor);
  const pan = (share) => show(from + (to - from) * share, to + (to - from) * share);

  function under(px, py) {
    const k = Math.floor((py - TOP) / (LANE + GAP));
    if (k < 0 || k >= used.length || px < LEFT || px > LEFT + plot()) return null;
    const items = used[k].items, at = cycle(px), i = first(items, at), near = 3 / plot() * (to - from);
    const found = [items[i], items[i - 1]].find((item) => item && item.start - near <= at && at < item.end + near);
    return found ? { found, lane: used[k].name } : null;
  }

  function explain(event) {
    const box = canvas.getBoundingClientRect(), px = event.clientX - box.left, py = event.clientY - box.top;
    const hit = drag ? null : under(px, py), before = hovered;
    hovered = hit ? hit.found : null;
    if (hovered !== before) redraw();
    tip.style.display = hit ? "block" : "none";
    if (!hit) return;
    const { start, end, label, what, index } = hit.found;
    tip.replaceChildren();
    const head = document.createElement("b");
    head.textContent = label || hit.lane;
    tip.append(head, document.createElement("br"),
      `${hit.lane}: ${what}` + (index >= 0 ? `, command ${number(index)}` : ""), document.createElement("br"),
      `${number(end - start)} cycles, ${time(end - start)}`, document.createElement("br"), `from cycle ${number(start)} to ${number(end)}`);
    tip.style.left = Math.max(0, Math.min(px + 14, width() - tip.offsetWidth - 4)) + "px";
    tip.style.top = Math.min(py + 14, height - tip.offsetHeight) + "px";
  }

  canvas.addEventListener("pointerdown", (event) => {
    const px = event.clientX - canvas.getBoundingClientRect().left;
    canvas.setPointerCapture(event.pointerId);
    drag = { from: px, to: px, pan: event.shiftKey, view: [from, to] };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (drag) {
      drag.to = event.clientX - canvas.getBoundingClientRect().left;
      if (drag.pan) {
        const moved = (drag.from - drag.to) / plot() * (drag.view[1] - drag.view[0]), [a, b] = drag.view;
        show(a + moved, b + moved);
      } else redraw();
    }
    explain(event);
  });
  canvas.addEventListener("pointerup", () => {
    if (drag && !drag.pan && Math.abs(drag.to - drag.from) > 4) {
      const [a, b] = [cycle(drag.from), cycle(drag.to)].sort((p, q) => p - q);
      drag = null; show(a, b);
    }
    drag = null; redraw();
  });
  canvas.addEventListener("pointerleave", () => { hovered = null; tip.style.display = "none"; redraw(); });
  canvas.addEventListener("dblclick", () => show(0, whole));
  canvas.addEventListener("wheel", (event) => { // plain scrolling stays the page's
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(event.deltaY / 300), cycle(event.clientX - canvas.getBoundingClientRect().left));
  }, { passive: false });
  const actions = { in: () => zoom(.5), out: () => zoom(2), left: () => pan(-.4), right: () => pan(.4), all: () => show(0, whole) };
  document.querySelectorAll("[data-timeline]").forEach((button) => button.addEventListener("click", actions[button.dataset.timeline]));
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", "0": "all" };
  host.addEventListener("keydown", (event) => { const name = keys[event.key]; if (name) { event.preventDefault(); actions[name](); } });
  new ResizeObserver(redraw).observe(host);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  draw();
  host.dataset.commands = String(used.reduce((sum, one) => sum + one.items.length, 0));
})();

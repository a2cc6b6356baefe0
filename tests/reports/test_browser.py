"""The page in a real browser: no console message, every figure drawn, sorting and the timeline at work."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from reports import html
from tests.reports.runs import small_run
from tests.reports.streams import stream_run
from tests.reports.test_training import CURVES, OTHER, step_run

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")

# Runs after the page's own script; what it finds goes into an attribute of the body. It waits with timers rather than
# for frames: a headless browser on a busy machine may draw none.
PROBE = """<script>
window.addEventListener("load", () => {
  const found = { figures: {}, sorted: [] };
  const finish = () => { document.body.dataset.found = JSON.stringify(found); };
  const until = (done, then, tries = 400) => setTimeout(
    () => (done() || !tries ? then() : until(done, then, tries - 1)), 20);
  for (const { id } of JSON.parse(document.getElementById("figures").textContent)) {
    const plot = document.getElementById(id), box = plot.getBoundingClientRect();
    found.figures[id] = { marks: plot.querySelectorAll(".points path, .point, .js-line").length,
      width: box.width, height: box.height };
  }
  const names = () => [...document.querySelectorAll("#operators tbody tr")].map((row) => row.cells[1].dataset.v);
  const heads = [...document.querySelectorAll("#operators th")];
  const head = (text) => heads.find((one) => one.textContent.trim() === text);
  found.order = names();
  for (const text of ["Cycles", "Cycles", "Operator"]) {
    head(text).querySelector("button").click();
    found.sorted.push([text, head(text).getAttribute("aria-sort"), names()]);
  }
  const clip = document.getElementById("clip");
  if (clip) {
    const screen = clip.querySelector("canvas"), slider = document.getElementById("clip-slider");
    const plot = document.getElementById("stream-over-time");
    const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const patch = (k) => { // in the middle of each of 3 x 4 patches of a picture of 2.5 x 3.5
      const x = k % 4 + (k % 4 === 3 ? .25 : .5), y = Math.floor(k / 4) + (k > 7 ? .25 : .5);
      return [...copy.getImageData(x * screen.width / 3.5, y * screen.height / 2.5, 1, 1).data];
    };
    const pixels = () => {
      copy.canvas.width = screen.width; copy.canvas.height = screen.height; copy.drawImage(screen, 0, 0);
      return [...Array(12).keys()].map(patch);
    };
    const state = () => ({
      frame: clip.dataset.frame, name: document.getElementById("clip-name").textContent,
      rows: [...document.querySelectorAll("#clip-values tr")].map((row) => row.cells[1].textContent),
      cursor: plot.layout.shapes[0].x0, play: document.getElementById("clip-play").textContent,
      patches: pixels() });
    found.clip = [state()];
    slider.value = 4; slider.dispatchEvent(new Event("input")); found.clip.push(state());
    document.getElementById("clip-plain").click(); found.clip.push(state());
    plot.emit("plotly_click", { points: [{ x: 20 }] }); found.clip.push(state());
    document.getElementById("clip-play").click(); found.clip.push(state());
  }
  const timeline = document.getElementById("timeline");
  if (!timeline) return finish();
  const canvas = timeline.querySelector("canvas"), label = document.getElementById("timeline-span");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let inked = 0;
  for (let i = 3; i < pixels.length; i += 4) inked += pixels[i] > 0;
  const whole = label.textContent;
  found.timeline = { commands: Number(timeline.dataset.commands), inked: 4 * inked / pixels.length, whole };
  document.querySelector("[data-timeline=in]").click();
  until(() => label.textContent !== whole, () => {
    found.timeline.zoomed = label.textContent;
    const box = canvas.getBoundingClientRect(), at = { clientX: box.left + box.width / 2, clientY: box.top + 45 };
    let lane = 0; // down through the lanes, until one has a command in the middle of the run
    while (lane < 5 && !timeline.querySelector(".tip").textContent) {
      canvas.dispatchEvent(new PointerEvent("pointermove", { ...at, clientY: at.clientY + 56 * lane++ }));
    }
    found.timeline.tip = timeline.querySelector(".tip").textContent;
    if (!clip) return finish();
    until(() => clip.dataset.frame === "21", () => { found.played = clip.dataset.frame; finish(); });
  });
});
</script></body>"""


def opened(run: Any, folder: Path, *flags: str) -> dict[str, Any]:
    """Open the run's page; return what PROBE found. Fails on any console message."""
    dom, messages = browse(html.page(run), folder, *flags)
    assert messages == []
    match = re.search(r'data-found="([^"]*)"', dom)
    assert match, "the page's script did not come to its end"
    found = json.loads(unescape(match.group(1)))
    assert isinstance(found, dict)
    return found


def browse(text: str, folder: Path, *flags: str) -> tuple[str, list[str]]:
    """The page's elements after its scripts and PROBE ran, and its console messages."""
    page = folder / "report.html"
    page.write_text(text.replace("</body>", PROBE), encoding="utf-8")
    assert BROWSER is not None
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        "--enable-logging=stderr", "--v=0", "--window-size=1400,1000", "--virtual-time-budget=20000",
        f"--user-data-dir={folder / 'profile'}", *flags, "--dump-dom", page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return opened(small_run(), tmp_path_factory.mktemp("page"))


def test_every_figure_is_drawn(found: dict[str, Any]) -> None:
    assert len(found["figures"]) == 10
    for name, figure in found["figures"].items():
        assert figure["marks"] > 0 and figure["width"] > 300 and figure["height"] > 200, name


def test_the_figures_of_a_training_step_are_drawn(tmp_path: Path) -> None:
    run = step_run(curves=CURVES, losses=[2.0, 1.0]) | {"against": OTHER}
    found = opened(run, tmp_path)
    ours = {name: item for name, item in found["figures"].items() if name.startswith(("step-", "beside-", "learning-"))}
    assert len(ours) >= 9
    for name, figure in ours.items():
        assert figure["marks"] > 0 and figure["width"] > 300 and figure["height"] > 200, name


def test_a_clip_moves_with_its_slider_its_figure_and_by_itself(tmp_path: Path) -> None:
    """Dimmed where nothing was computed, tinted where something was, outlined where it changed; numbers follow."""
    run = stream_run()
    found = opened(run, tmp_path)
    for name in ("stream-over-time", "stream-parts", "stream-break-even", "stream-memory"):
        assert found["figures"][name]["marks"] > 0 and found["figures"][name]["height"] >= 200, name
    first, moved, plain, clicked, started = found["clip"]
    items = {str(item["index"]): item for item in run["metrics"]["stream"]["pictures"]["items"]}
    assert [state["frame"] for state in found["clip"]] == ["6", "12", "12", "21", "0"]
    for state in found["clip"]:
        assert state["name"] == f"Frame {state['frame']}" and state["cursor"] == int(state["frame"])
    assert first["rows"][4:6] == ["25.62 µs, 0.512 × dense", "5.125 µJ, 0.466 × dense"]
    assert moved["rows"][:3] == ["whole, though compared", "0.0 % of the MACs", "12 of 12"]
    for pixel, tenths in zip(first["patches"], items["6"]["computed"], strict=True):
        red, green, blue, _ = pixel
        assert (red - blue > 8) if tenths != "0" else (red <= blue + 1 and max(pixel[:3]) < 100)
    assert all(max(pixel[:3]) - min(pixel[:3]) <= 1 and min(pixel[:3]) >= 80 for pixel in plain["patches"])
    assert "Play" in clicked["play"] and "Pause" in started["play"]
    assert found["played"] == "21"


def test_the_table_sorts_by_number_and_by_name(found: dict[str, Any]) -> None:
    operators = small_run()["operators"]
    names = [item["name"] for item in operators]
    falling = [names[i] for i in sorted(range(len(names)), key=lambda i: (-operators[i]["cycles"], i))]
    rising = [names[i] for i in sorted(range(len(names)), key=lambda i: (operators[i]["cycles"], i))]
    assert found["order"] == names
    assert found["sorted"] == [
        ["Cycles", "descending", falling],
        ["Cycles", "ascending", rising],
        ["Operator", "ascending", sorted(names)],
    ]


def test_the_timeline_draws_every_command_zooms_and_explains(found: dict[str, Any]) -> None:
    run, timeline = small_run(), found["timeline"]
    assert timeline["commands"] == len(run["timeline"]["start"]) + len(run["cpu_calls"])
    assert timeline["inked"] > 0.2
    assert f"0 to {run['cycles']:,} of {run['cycles']:,} cycles" in timeline["whole"]
    middle = run["cycles"] / 2
    assert timeline["zoomed"].startswith(f"{round(middle / 2 + 1e-9):,} to ")
    assert re.search(r"(load|matrix|vector|store|cpu): \w+.*[\d,]+ cycles.*from cycle", timeline["tip"])


def test_a_long_timeline_and_a_dark_page_stay_usable(tmp_path: Path) -> None:
    """20,000 commands: the same ones again and again, one run after the other."""
    run = json.loads(json.dumps(small_run(cold=False)))
    line, cycles = run["timeline"], run["cycles"]
    copies = -(-20_000 // len(line["start"]))
    for key in ("engine", "row", "command"):
        line[key] = line[key] * copies
    for key in ("start", "end"):
        line[key] = [value + i * cycles for i in range(copies) for value in line[key]]
    run["cycles"] *= copies
    found = opened(run, tmp_path, "--force-dark-mode", "--blink-settings=preferredColorScheme=0")
    assert found["timeline"]["commands"] >= 20_000 and found["timeline"]["inked"] > 0.2


def test_a_cpu_alone_and_an_analytic_run_open_without_a_message(tmp_path: Path) -> None:
    alone, analytic = tmp_path / "alone", tmp_path / "analytic"
    alone.mkdir()
    analytic.mkdir()
    assert opened(small_run("cortex-m7", cold=False), alone)["timeline"]["commands"] == len(
        small_run("cortex-m7", cold=False)["cpu_calls"]
    )
    run = dict(small_run(fidelity="analytic", cold=False)) | {"cpu_calls": []}
    assert "timeline" not in opened(run, analytic)


def test_a_broken_page_is_noticed(tmp_path: Path) -> None:
    """Breaks the page on purpose: an error in a script and something fetched both reach the console."""
    text = html.page(small_run()).replace('const figures = read("figures")', "const figures = absent()")
    assert "absent()" in text
    _, messages = browse(text.replace("<main>", '<main><img src="https://example.invalid/a.png">'), tmp_path)
    assert any("absent is not defined" in line for line in messages)
    assert any("Content Security Policy" in line for line in messages)

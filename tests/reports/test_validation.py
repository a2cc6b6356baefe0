"""The validation page: its numbers are the JSON's, and what was skipped says why."""

import json
import re
from typing import Any

from reports import validation

ACCURACY = {"network": "all", "layers": 4, "mape": 0.2, "median": 0.1, "p90": 0.4, "rank": 0.97}
DATA: dict[str, Any] = {
    "published": [
        {"what": "a <chip>", "unit": "cycles", "published": 100.0, "ours": 107.0, "error": 0.07, "fitted": False}
    ],
    "gemmini": {
        "cross_validated": [ACCURACY | {"network": "bert"}, ACCURACY],
        "fitted": ACCURACY, "regression": ACCURACY, "regression_fitted": ACCURACY, "array_alone": ACCURACY,
        "aim": {"mape": 0.1, "rank": 0.99}, "bound": {"mape": 0.3, "rank": 0.9}, "number_of_parameters": 6,
        "rows": [{"layer": "bert-1", "network": "bert", "published": 10, "ours": 12}],
    },
    "peers": [
        {"workload": "w", "layer": "conv", "macs": 2560, "ideal": 10, "low": 20.0, "high": 40.0, "ours": 15,
         "peers": {"p": 20.0, "q": 40.0}, "left_out": {"r": 3.0}},
        {"workload": "w", "layer": "TOTAL", "macs": 2560, "ideal": 10, "low": 20.0, "high": 40.0, "ours": 30,
         "peers": {"p": 20.0, "q": 40.0}, "left_out": {}},
    ],
    "skips": {},
}  # fmt: skip


def figures(page: str) -> dict[str, Any]:
    found = re.search(r'<script[^>]*id="figures"[^>]*>(.*?)</script>', page, re.S)
    assert found is not None
    return {item["id"]: item for item in json.loads(found[1])}


def test_numbers_are_those_of_the_json() -> None:
    page = validation.page(DATA)
    assert "a &lt;chip&gt;" in page and "+7.0%" in page and "held out" in page
    assert "aim missed" in page and "20.0% and" in page and "0.970 with 6 parameters" in page
    assert "<s>3</s>" in page and "outside" in page and ": 1 (struck through)" in page
    drawn = figures(page)
    assert set(drawn) == {"gemmini-layers", "peers-w"}
    ranges, each, ours = drawn["peers-w"]["data"]
    assert ranges["x"] == [20.0, 40.0, None] * 2 and each["x"] == [20.0, 40.0] * 2 and ours["x"] == [15, 30]
    assert "range in 1;" in page
    assert drawn["gemmini-layers"]["data"][1]["x"] == [10] and drawn["gemmini-layers"]["data"][1]["y"] == [12]
    assert page == validation.page(DATA)


def test_what_is_skipped_says_why() -> None:
    reasons = {name: f"no file of {name}" for name in ("published", "gemmini", "peers")}
    page = validation.page(DATA | {"published": [], "gemmini": None, "peers": None, "skips": reasons})
    assert all(reason in page for reason in reasons.values()) and figures(page) == {}

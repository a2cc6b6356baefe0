"""Every module is clean under Verilator's lint with all warnings on, at several sizes; house rules of the sources."""

import re

import pytest

from accel_models import cost
from accel_models.commands import MatrixMode
from rtl.bench import RTL_DIR, lint
from rtl.bench.stimulus import rounds

SIZES = {"Rows": [(4, 4), (3, 5), (5, 3), (2, 2), (16, 16)], "MultW": [(31,), (16,)]}
FILES = sorted(RTL_DIR.glob("*.sv"))
FORBIDDEN = {
    r"^\s*import\b": "import: the synthesizer does not read it; write pkg::name",
    r"'\{": "'{}: assignment patterns are not read by the synthesizer",
    r"\breturn\b": "return: assign to the function's name",
    r"\binside\b": "inside",
    r"\bparameter\s+type\b": "parameter type",
    r"\btypedef\s+logic\s*(\[[^]]*\]\s*){2}": "typedef of a packed 2-D array: the synthesizer drops a dimension",
    r"\belse\s+\$error": "assert .. else: the synthesizer does not read it; label the assertion instead",
}


def code_of(text: str) -> str:
    return re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_lint(file) -> None:
    declared = set(re.findall(r"parameter\s+int\s+unsigned\s+(\w+)", code_of(file.read_text())))
    if {"Rows", "Columns"} <= declared:
        sizes = SIZES["Rows"]
        for rows, columns in sizes[: rounds(len(sizes), least=2)]:
            lint(file.stem, parameters={"Rows": rows, "Columns": columns})
    elif "MultW" in declared:
        for (width,) in SIZES["MultW"]:
            lint(file.stem, parameters={"MultW": width})
    else:
        lint(file.stem)


def test_constants_are_those_of_the_models() -> None:
    """matrix_pkg.sv repeats numbers of commands.py and cost.py."""
    code = code_of((RTL_DIR / "matrix_pkg.sv").read_text())
    found = {name: int(value) for name, value in re.findall(r"(\w+)\s*=\s*(?:2'd)?(\d+)", code)}
    assert found == {
        "ModeDot": MatrixMode.DOT,
        "ModeDepthwise": MatrixMode.DEPTHWISE,
        "ModeOuter": MatrixMode.OUTER,
        "MatrixStart": cost.MATRIX_START,
        "MatrixDrain": cost.MATRIX_DRAIN,
        "AccumulateLatency": cost.ACCUMULATE_LATENCY,
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_house_rules(file) -> None:
    text = file.read_text()
    lines, code = text.splitlines(), code_of(text)
    assert len(lines) <= 250, f"{len(lines)} lines: split the module"
    assert re.search(rf"^(module|package) {file.stem}\b", code, re.MULTILINE), "one module a file, named after it"
    assert len(re.findall(r"^(?:module|package)\b", code, re.MULTILINE)) == 1
    assert "`default_nettype none" in lines and lines[-1] == "`default_nettype wire"
    if re.search(r"^module\b", code, re.MULTILINE):
        header = text.split("`default_nettype")[0]
        assert all(word in header for word in ("Golden:", "ombinational path")), "the header lacks golden or paths"
    for pattern, reason in FORBIDDEN.items():
        assert not re.search(pattern, code, re.MULTILINE), reason

"""Reads SAIF files (IEEE 1801, annex I): how often every signal of a design changed while the file was recorded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

# An instance opens, a bit with its counts, or any other parenthesis; what is quoted holds none that count.
_TOKEN = re.compile(
    r'"[^"]*"|\(INSTANCE\s+(?P<instance>[^\s()]+)|\((?P<net>[^\s()]+)(?P<counts>(?:\s*\((?:T[01XZB]|TC|IG)\s+\d+\))+)\s*\)'
    r"|(?P<open>\()|(?P<close>\))"
)
_TOGGLES = re.compile(r"\(TC\s+(\d+)\)")
_INDEX = re.compile(r"\\?\[")


class SaifError(ValueError):
    """A file is no whole SAIF file."""


@dataclass(frozen=True, slots=True)
class Signal:
    """``bits``: its width, of a memory all words; ``toggles``: changes of all its bits (TC) in sum."""

    bits: int
    toggles: int


def read_saif(path: Path) -> Mapping[str, Signal]:
    """Signals by path, ``top/u_block/name``. Raises SaifError where the file is none or has no end.

    Verilator counts the first value that a bit has in the window as a change where it is 1: at most one a bit too much.
    """
    text = path.read_text()
    if "(SAIFILE" not in text[:1000]:
        raise SaifError(f"{path.name}: want a SAIF file, got one that does not begin with (SAIFILE")
    bits: dict[str, int] = {}
    toggles: dict[str, int] = {}
    for name, count in _bits(text, path.name):
        bits[name] = bits.get(name, 0) + 1
        toggles[name] = toggles.get(name, 0) + count
    return {name: Signal(width, toggles[name]) for name, width in bits.items()}


def _bits(text: str, file: str) -> Iterator[tuple[str, int]]:
    """Path and changes of every bit."""
    scopes: list[str] = []  # "" for what is no instance
    for token in _TOKEN.finditer(text):
        if token["instance"] is not None:
            scopes.append(token["instance"])
        elif token["net"] is not None:
            counted = _TOGGLES.search(token["counts"])
            if counted is None:
                raise SaifError(f"{file}: bit {token['net']} has no TC")
            base = _INDEX.split(token["net"], maxsplit=1)[0]
            yield "/".join([*(scope for scope in scopes if scope), base]), int(counted[1])
        elif token["open"] is not None:
            scopes.append("")
        elif token["close"] is not None:
            if not scopes:
                raise SaifError(f"{file}: more parentheses close than open")
            scopes.pop()
    if scopes:
        raise SaifError(f"{file}: ends within {scopes[-1] or 'a list'}: the recording was cut off")

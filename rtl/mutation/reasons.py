"""Why a fault survived, written by people: reasons.toml, by the text of the fault, so that other lines may move."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from rtl.mutation.tokens import MutationError

REASONS = Path(__file__).with_name("reasons.toml")
_TEXTS = ("file", "original", "mutated", "reason")


@dataclass(frozen=True, slots=True)
class Reason:
    """``key``: file, original line, mutated line, occurrence; see Fault.key."""

    key: tuple[str, str, str, int]
    text: str


def load_reasons(file: Path = REASONS) -> dict[tuple[str, str, str, int], Reason]:
    """Return the reasons by key. Raises MutationError naming the entry and the field that is wrong."""
    try:
        entries = tomllib.loads(file.read_text()).get("survivor", [])
    except tomllib.TOMLDecodeError as error:
        raise MutationError(f"{file.name}: {error}") from error
    found: dict[tuple[str, str, str, int], Reason] = {}
    for number, entry in enumerate(entries, 1):
        unknown = entry.keys() - {*_TEXTS, "occurrence"}
        if unknown:
            raise MutationError(f"{file.name}: survivor {number} has unknown fields {', '.join(sorted(unknown))}")
        for name in _TEXTS:
            if not isinstance(entry.get(name), str) or not entry[name].strip():
                raise MutationError(f"{file.name}: survivor {number}: want a text in {name}, got {entry.get(name)!r}")
        key = (entry["file"], entry["original"], entry["mutated"], int(entry.get("occurrence", 0)))
        if key in found:
            raise MutationError(f"{file.name}: survivor {number} is there twice: {key}")
        found[key] = Reason(key, " ".join(entry["reason"].split()))
    return found

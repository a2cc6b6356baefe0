"""What can go wrong in a site: one small change of the text each, by class.

operator    + - * << >> & | ^ < <= > >= == != && || replaced, ! and ~ left out
constant    a literal one more, one less, or with its lowest bit turned
condition   of an if or a ternary negated (a negated ternary is one with its arms swapped)
signedness  $signed read as $unsigned, >>> as >>
off-by-one  an index, a bit range or a constant's name in a cast one more or less, < for <=
reset       an assignment under `if (!rst_ni)` left out
statement   any other assignment of a process left out
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rtl.mutation.parse import Site, Source
from rtl.mutation.tokens import CLOSING, OPENING, Token

CLASSES = ("operator", "constant", "condition", "signedness", "off-by-one", "reset", "statement")
_BINARY = {
    **{"+": ["-"], "-": ["+"], "*": ["+"], "<<": [">>"], ">>": ["<<"], "<<<": [">>"]},
    **{"&": ["|"], "|": ["&"], "^": ["&", "|"], "&&": ["||"], "||": ["&&"], "==": ["!="], "!=": ["=="]},
    **{"<": [">="], "<=": [">"], ">": ["<="], ">=": ["<"]},
}
_BOUNDS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
_LITERAL = re.compile(r"(?:(\d*)'(s?)([bdho]))?([0-9a-f_]+)", re.IGNORECASE)
_BASE = {"b": 2, "o": 8, "d": 10, "h": 16}
_FORMAT = {"b": "b", "o": "o", "d": "d", "h": "X"}


@dataclass(frozen=True, slots=True)
class Fault:
    """Characters ``start`` to ``end`` of file ``file`` (a stem) replaced; the site's index; ``kind`` is of CLASSES.

    ``original``, ``mutated``: the lines it touches, white space collapsed; with ``occurrence``, the number among equal
    ones in the file, they name the fault across other changes of the file.
    """

    file: str
    line: int
    kind: str
    site: int
    start: int
    end: int
    replacement: str
    original: str
    mutated: str
    occurrence: int = 0

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self.file, self.original, self.mutated, self.occurrence

    def applied(self, text: str) -> str:
        """Return the file's text with this fault."""
        return text[: self.start] + self.replacement + text[self.end :]


Change = tuple[str, int, int, str]  # class, start, end, replacement


def faults_of(source: Source) -> tuple[Fault, ...]:
    """Return every fault of a source, each text change once, in order of place."""
    found: list[Fault] = []
    seen: set[tuple[int, int, str]] = set()
    numbers: dict[tuple[str, str], int] = {}
    for index, site in enumerate(source.sites):
        for kind, start, end, replacement in sorted(_changes(source, site), key=lambda change: change[1:]):
            if (start, end, replacement) in seen:
                continue
            seen.add((start, end, replacement))
            line = source.text.count("\n", 0, start) + 1
            original, mutated = _lines(source.text, start, end, replacement)
            occurrence = numbers.setdefault((original, mutated), 0)
            numbers[original, mutated] += 1
            found.append(Fault(source.name, line, kind, index, start, end, replacement, original, mutated, occurrence))
    return tuple(sorted(found, key=lambda fault: (fault.start, fault.end, fault.replacement)))


def _lines(text: str, start: int, end: int, replacement: str) -> tuple[str, str]:
    begin = text.rfind("\n", 0, start) + 1
    stop = text.find("\n", end)
    before, after = text[begin:stop], text[begin:start] + replacement + text[end:stop]
    return " ".join(before.split()), " ".join(after.split())


def _changes(source: Source, site: Site) -> Iterator[Change]:
    tokens = source.tokens[site.first : site.last]
    if not tokens or _is_wiring(tokens, site):
        return
    if site.kind == "condition":
        yield "condition", site.start, site.end, f"!({source.text[site.start : site.end]})"
    if site.kind == "statement":
        yield "reset" if site.reset else "statement", site.start, site.end, ";"
    assigned = _assignment(tokens) if site.kind == "statement" else -1
    indexed = _inside_brackets(tokens)
    for place, token in enumerate(tokens):
        if place == assigned:
            continue
        before = tokens[place - 1] if place else None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        if token.kind == "operator":
            yield from _operator(source.text, tokens, place, indexed[place])
        elif token.kind == "number":
            if after is None or after.text not in ("'", "{"):  # the width of a cast, the count of a replication
                yield from _constant(token, indexed[place])
        else:
            yield from _word(token, before, after, indexed[place])


def _is_wiring(tokens: tuple[Token, ...], site: Site) -> bool:
    """A name, or a field or element of one, on a port or a continuous assignment."""
    return site.kind in ("port", "assign") and all(token.kind == "word" or token.text in ".::" for token in tokens)


def _assignment(tokens: tuple[Token, ...]) -> int:
    """Return the place of the statement's own = or <=, the first outside brackets."""
    depth = 0
    for place, token in enumerate(tokens):
        depth += (token.text in OPENING) - (token.text in CLOSING)
        if depth == 0 and token.text in ("=", "<="):
            return place
    return -1


def _inside_brackets(tokens: tuple[Token, ...]) -> list[bool]:
    """Whether each token is part of an index or a bit range."""
    found: list[bool] = []
    stack: list[str] = []
    for token in tokens:
        if token.text in CLOSING and stack:
            stack.pop()
        found.append("[" in stack)
        if token.text in OPENING:
            stack.append(token.text)
    return found


def _operator(source: str, tokens: tuple[Token, ...], place: int, indexed: bool) -> Iterator[Change]:
    token, before = tokens[place], tokens[place - 1] if place else None
    text = token.text
    binary = before is not None and before.is_operand_end
    if binary and text in _BOUNDS:
        yield "off-by-one", token.start, token.end, _BOUNDS[text]
    if binary and text == ">>>":
        yield "signedness", token.start, token.end, ">>"
    if binary and text in _BINARY:
        for other in _BINARY[text]:
            yield "off-by-one" if indexed else "operator", token.start, token.end, other
    if text in "!~" and not binary:
        yield "operator", token.start, token.end, ""
    if text == "?":
        first, last = _condition(tokens, place)
        start, end = tokens[first].start, tokens[last].end
        yield "condition", start, end, f"!({source[start:end]})"


def _condition(tokens: tuple[Token, ...], place: int) -> tuple[int, int]:
    """First and last token of the condition in front of the question mark at ``place``."""
    depth, first = 0, place
    while first > 0:
        text = tokens[first - 1].text
        depth += (text in CLOSING) - (text in OPENING)
        if depth < 0 or depth == 0 and text in ("?", ":", ",", "="):
            break
        if depth == 0 and text == "<=" and first - 1 == _assignment(tokens):
            break
        first -= 1
    return first, place - 1


def _constant(token: Token, indexed: bool) -> Iterator[Change]:
    kind = "off-by-one" if indexed else "constant"
    if token.text in ("'0", "'1"):
        yield kind, token.start, token.end, "'1" if token.text == "'0" else "'0"
        return
    match = _LITERAL.fullmatch(token.text)
    assert match is not None, token
    width, signed, base, digits = match.groups()
    letter = (base or "d").lower()
    value = int(digits.replace("_", ""), _BASE[letter])
    others = [value + 1, value - 1] if letter == "d" else [value ^ 1, value + 1, value - 1]
    limit = 1 << int(width) if width else 1 << 32
    for other in dict.fromkeys(item for item in others if 0 <= item < limit):
        text = format(other, _FORMAT[letter]).zfill(len(digits) if letter != "d" else 1)
        yield kind, token.start, token.end, f"{width}'{signed}{base}{text}" if base else text


def _word(token: Token, before: Token | None, after: Token | None, indexed: bool) -> Iterator[Change]:
    if token.text == "$signed":
        yield "signedness", token.start, token.end, "$unsigned"
    constant = token.text[0].isupper() and after is not None
    if not constant or before is None:
        return
    cast = before.text == "(" and after is not None and after.text == ")"
    position = indexed and after is not None and after.text in ("]", "+:", ":") and before.text in ("::", "[", ":")
    if cast or position:
        for sign in "+-":
            yield "off-by-one", token.start, token.end, f"{token.text} {sign} 1"

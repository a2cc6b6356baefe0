"""Tokens of a SystemVerilog source, with their places; comments and compiler directives are left out."""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<skip>\s+|//[^\n]*|/\*.*?\*/|`\w+[^\n]*)
      |(?P<number>\d+'s?[bdho][0-9a-f_]+|'s?[bdho][0-9a-f_]+|'[01]|\d[\d_]*)
      |(?P<word>[$A-Za-z_][\w$]*)
      |(?P<text>"[^"\n]*")
      |(?P<operator><<<|>>>|<<|>>|<=|>=|==|!=|&&|\|\||::|\+:|-:|\+\+|--|\.\*|[-+*/%<>=!~&|^?:;,.@\#()\[\]{}'])""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
OPENING, CLOSING = frozenset("([{"), frozenset(")]}")


class MutationError(RuntimeError):
    """A source, a reason or a campaign is not what it has to be; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: number, word, text or operator. ``start``, ``end``: its characters; ``line`` counts from 1."""

    kind: str
    text: str
    start: int
    end: int
    line: int

    @property
    def is_operand_end(self) -> bool:
        """Whether an operator after it has two operands."""
        return self.kind in ("number", "word") or self.text in ")]}"


def tokens_of(source: str) -> tuple[Token, ...]:
    """Return the tokens in order. Raises MutationError at a character that begins none."""
    found, place, line = [], 0, 1
    while place < len(source):
        match = _TOKEN.match(source, place)
        if match is None:
            raise MutationError(f"line {line}: no SystemVerilog token begins at {source[place : place + 20]!r}")
        kind, text = match.lastgroup or "", match[0]
        if kind != "skip":
            found.append(Token(kind, text, place, match.end(), line))
        line += text.count("\n")
        place = match.end()
    return tuple(found)


def closing(tokens: tuple[Token, ...], index: int) -> int:
    """Return the index of the bracket that closes the one at ``index``."""
    depth = 0
    for place in range(index, len(tokens)):
        depth += (tokens[place].text in OPENING) - (tokens[place].text in CLOSING)
        if depth == 0:
            return place
    raise MutationError(f"line {tokens[index].line}: {tokens[index].text!r} is never closed")


def find(tokens: tuple[Token, ...], index: int, wanted: str) -> int:
    """Return the index of the next token ``wanted`` outside any brackets opened from ``index`` on."""
    place = index
    while place < len(tokens):
        if tokens[place].text == wanted and tokens[place].kind == "operator":
            return place
        place = closing(tokens, place) + 1 if tokens[place].text in OPENING else place + 1
    raise MutationError(f"line {tokens[index].line}: no {wanted!r} follows")

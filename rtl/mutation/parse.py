"""Finds what can carry a fault in a module: assignments, statements, conditions, expressions on ports.

The language is the subset of the house: one module or package a file, always_comb and always_ff, functions, named
generate blocks, instances with named ports. Declarations, parameters, generate conditions and assertions are passed
over: constants of elaboration cannot be chosen at run time, and a fault in a check is no fault of the design.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from rtl.mutation.tokens import Token, closing, find, tokens_of

_PASSED = {"localparam", "parameter", "typedef", "genvar", "logic", "int", "initial", "import"}
_RESET = ("!", "rst_ni")


@dataclass(frozen=True, slots=True)
class Site:
    """Something that a schema can replace as a whole.

    ``kind``: assign (continuous), statement (an assignment in a process), choice (a whole case or for, for what is in
    its head), condition (of an if) or port (an expression on a port).
    ``start``, ``end``: its characters. ``first``, ``last``: its mutable tokens, end exclusive. ``scope``: where a
    declaration for it can stand. ``reset``: under an `if (!rst_ni)`.
    """

    kind: str
    start: int
    end: int
    first: int
    last: int
    scope: int = 0
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its text, tokens and sites in order; a site may lie inside another one."""

    name: str
    text: str
    tokens: tuple[Token, ...]
    sites: tuple[Site, ...]


def parse(name: str, text: str) -> Source:
    """Return the sites of a source; raises MutationError where it is not in the subset."""
    tokens = tokens_of(text)
    return Source(name, text, tokens, tuple(_Parser(tokens).items(0, len(tokens))))


class _Parser:
    """Recursive descent over token indices; every method returns the index after what it read."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.found: list[Site] = []

    def text(self, index: int) -> str:
        return self.tokens[index].text if index < len(self.tokens) else ""

    def site(self, kind: str, begin: int, end: int, first: int, last: int, scope: int = 0, reset: bool = False) -> None:
        tokens = self.tokens
        self.found.append(Site(kind, tokens[begin].start, tokens[end - 1].end, first, last, scope, reset))

    def items(self, index: int, stop: int) -> Iterator[Site]:
        while index < stop:
            index = self.item(index)
        yield from sorted(self.found, key=lambda site: (site.start, -site.end))

    def item(self, index: int) -> int:
        """An item of a module, a package or a generate block."""
        word = self.text(index)
        if word in ("module", "package") or word in _PASSED:
            return find(self.tokens, index, ";") + 1
        if word in ("endmodule", "endpackage", "endfunction", "end", "begin", "else"):
            return index + (3 if word == "begin" and self.text(index + 1) == ":" else 1)
        if word in ("if", "for"):  # of a generate block: its condition belongs to elaboration
            return closing(self.tokens, index + 1) + 1
        if word == "assign":
            end = find(self.tokens, index, ";")
            if not self.text(index + 1).startswith("unused"):
                self.site("assign", index, end + 1, find(self.tokens, index, "=") + 1, end)
            return end + 1
        if word == "always_comb":
            return self.statement(index + 1)
        if word == "always_ff":
            return self.statement(closing(self.tokens, index + 2) + 1)
        if word == "function":
            return self.function(index)
        if self.tokens[index].kind == "word" and self.text(index + 1) in ("#", "::") or self.text(index + 2) == "(":
            return self.instance(index)
        return find(self.tokens, index, ";") + 1

    def function(self, index: int) -> int:
        index = find(self.tokens, index, ";") + 1
        while self.text(index) != "endfunction":
            index = self.statement(index)
        return index + 1

    def instance(self, index: int) -> int:
        if self.text(index + 1) == "::":  # a declaration with a type of a package
            return find(self.tokens, index, ";") + 1
        scope = self.tokens[index].start
        place = closing(self.tokens, index + 2) + 1 if self.text(index + 1) == "#" else index + 1
        ports = place + 1
        stop = closing(self.tokens, ports)
        place = ports + 1
        while place < stop:
            if self.text(place) == "." and self.text(place + 2) == "(":
                end = closing(self.tokens, place + 2)
                if end > place + 3:
                    self.site("port", place + 3, end, place + 3, end, scope)
                place = end
            place += 1
        return stop + 2

    def statement(self, index: int, reset: bool = False) -> int:
        word = self.text(index)
        if word in ("unique", "priority"):
            return self.case(index, index + 1, reset)
        if word == "case":
            return self.case(index, index, reset)
        if word == "begin":
            return self.block(index, reset)
        if word == "if":
            return self.branch(index, reset)
        if word == "for":
            end = closing(self.tokens, index + 1)
            after = self.statement(end + 1, reset)
            self.site("choice", index, after, index + 2, end)
            return after
        end = find(self.tokens, index, ";")
        if word in ("automatic", "logic", "int") or self.text(index + 2) == "assert" or end == index:
            return end + 1
        self.site("statement", index, end + 1, index, end, reset=reset)
        return end + 1

    def block(self, index: int, reset: bool) -> int:
        index += 3 if self.text(index + 1) == ":" else 1
        while self.text(index) != "end":
            index = self.statement(index, reset)
        return index + 1

    def branch(self, index: int, reset: bool) -> int:
        end = closing(self.tokens, index + 1)
        self.site("condition", index + 2, end, index + 2, end)
        resets = tuple(token.text for token in self.tokens[index + 2 : end]) == _RESET
        index = self.statement(end + 1, reset or resets)
        return self.statement(index + 1, reset) if self.text(index) == "else" else index

    def case(self, begin: int, index: int, reset: bool) -> int:
        end = closing(self.tokens, index + 1)
        place = end + 1
        while self.text(place) != "endcase":
            place = self.statement(find(self.tokens, place, ":") + 1, reset)
        self.site("choice", begin, place + 1, index + 2, end)
        return place + 1

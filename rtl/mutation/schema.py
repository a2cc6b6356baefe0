"""Mutant schemata: one source that is the original or any one of many faults, as a number says at run time.

The number is read once, from the simulator's argument +MUTANT=n; 0, or no argument, is the original. What a site has
of faults stands beside it, whole: a statement is copied with each fault behind an `if`, a continuous assignment
becomes a process that does the same, an expression on a port a variable of its width. So neither the widths nor the
signs in the original change by the company of a fault, as they would in the arms of one ternary.
"""

import re
from collections.abc import Mapping, Sequence

from rtl.mutation.faults import Fault
from rtl.mutation.parse import Site, Source
from rtl.mutation.tokens import MutationError

PACKAGE = "mutation_pkg"
ARGUMENT = "MUTANT"
PACKAGE_TEXT = f"""// {PACKAGE}: which fault of the schemata is in force; 0 is none.
`default_nettype none
package {PACKAGE};
  function automatic int unsigned chosen();
    if (!$value$plusargs("{ARGUMENT}=%d", chosen)) chosen = 0;
  endfunction
  int unsigned selected = chosen();
endpackage
`default_nettype wire
"""
_LITERAL = re.compile(r"\s*'[01]\s*")


def schema(source: Source, faults: Mapping[int, Fault]) -> str:
    """Return the text of ``source`` with its ``faults``, by number from 1 on, to be chosen at run time.

    Raises MutationError where a fault has the number 0 or is of another file.
    """
    for number, fault in faults.items():
        if number < 1 or fault.file != source.name:
            raise MutationError(f"fault {number} of {fault.file}: want a number from 1 on and file {source.name}")
    return _Writer(source, faults).text(0, len(source.text), source.sites)


def _is(number: int) -> str:
    return f"{PACKAGE}::selected == 32'd{number}"


class _Writer:
    """Writes the text between two places, sites with faults replaced; a site may lie in another one."""

    def __init__(self, source: Source, faults: Mapping[int, Fault]) -> None:
        self.source = source
        self.faults: dict[Site, dict[int, Fault]] = {}
        for number, fault in sorted(faults.items()):
            self.faults.setdefault(source.sites[fault.site], {})[number] = fault

    def text(self, start: int, end: int, sites: Sequence[Site]) -> str:
        """The schema of characters ``start`` to ``end``; ``sites`` are those in it, outer ones first."""
        parts, place = [], start
        declarations: dict[int, list[str]] = {}
        used = [site for site in sites if start <= site.start and site.end <= end and site in self.faults]
        pieces: list[tuple[int, int, str]] = []
        reached = start
        for site in used:
            if site.start < reached:
                continue  # inside the one before, which writes it
            inner = [item for item in used if item != site and site.start <= item.start and item.end <= site.end]
            replacement, declaration = self.site(site, inner)
            pieces.append((site.start, site.end, replacement))
            if declaration:
                declarations.setdefault(site.scope, []).append(declaration)
            reached = site.end
        pieces += [(scope, scope, "\n".join(texts) + "\n") for scope, texts in declarations.items()]
        for begin, stop, replacement in sorted(pieces):
            parts += [self.source.text[place:begin], replacement]
            place = stop
        return "".join([*parts, self.source.text[place:end]])

    def site(self, site: Site, inner: Sequence[Site]) -> tuple[str, str]:
        """The replacement of a site, and what has to be declared for it."""
        original = self.text(site.start, site.end, inner)
        mutants = {number: self.mutant(site, fault) for number, fault in self.faults[site].items()}
        if site.kind == "condition":
            terms = [f"({_is(number)} && ({text}))" for number, text in mutants.items()]
            none = " && ".join(f"!({_is(number)})" for number in mutants)
            return f"{' || '.join(terms)} || ({none} && ({original}))", ""
        if site.kind == "port" and _LITERAL.fullmatch(original):
            arms = "".join(f"({_is(number)}) ? {text} : " for number, text in mutants.items())
            return f"{arms}{original}", ""
        if site.kind == "port":
            name = f"mutated_{next(iter(mutants))}"
            choice = _choice({n: f"{name} = {text};" for n, text in mutants.items()}, f"{name} = {original};")
            return name, f"  logic [$bits({original})-1:0] {name};\n  always_comb {choice}"
        if site.kind == "assign":
            return f"always_comb {_choice(_processes(mutants), _process(original))}", ""
        return _choice(mutants, original), ""

    def mutant(self, site: Site, fault: Fault) -> str:
        text = self.source.text
        return text[site.start : fault.start] + fault.replacement + text[fault.end : site.end]


def _process(assignment: str) -> str:
    return assignment.removeprefix("assign")


def _processes(assignments: Mapping[int, str]) -> dict[int, str]:
    return {number: _process(text) for number, text in assignments.items()}


def _choice(mutants: Mapping[int, str], original: str) -> str:
    branches = "".join(f"if ({_is(number)}) begin {text} end else " for number, text in mutants.items())
    return f"begin {branches}begin {original} end end"

"""The results as JSON and as a page: block, parameters, depth, properties, states reached; no times."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rtl.proofs.blocks import Proof
from rtl.proofs.prove import Outcome, files_of, properties, reach

_HEADER = """# Proofs of the RTL

Written by `make proofs` ({tool}); `rtl/README.md` says how they are made and how to add one. Each property holds at the
named parameters for ever, whatever comes in that the checker allows, from a reset on: by temporal induction, whose
length is the depth. "Reached" are states that show the properties to speak of something, each with the cycles from
reset.
"""


@dataclass(frozen=True, slots=True)
class Result:
    """A proof that succeeded; ``reached``: cycles from reset to each state."""

    proof: Proof
    outcome: Outcome
    reached: dict[str, int]


def finished(proof: Proof, outcome: Outcome) -> Result:
    """Join the outcome with the states that are reached. Raises what `reach` does."""
    return Result(proof, outcome, reach(proof))


def json_text(results: Sequence[Result], tool: str) -> str:
    """The committed file."""
    return json.dumps({"tool": tool, "proofs": [_entry(item) for item in results]}, indent=1) + "\n"


def page(data: dict[str, Any]) -> str:
    """The page of what `json_text` wrote."""
    lines = [_HEADER.format(tool=data["tool"])]
    lines += ["| block | parameters | properties | depth, cycles | reached |", "|---|---|---:|---:|---|"]
    for item in data["proofs"]:
        parameters = ", ".join(f"{name} {value}" for name, value in item["parameters"].items()) or "none"
        reached = ", ".join(f"{name.replace('_', ' ')} {steps}" for name, steps in item["reached"].items())
        row = (f"`{item['block']}`", parameters, str(len(item["properties"])), str(item["depth"]), reached)
        lines.append(f"| {' | '.join(row)} |")
    lines += ["", "## Properties", ""]
    names = {item["block"]: item["properties"] for item in data["proofs"]}
    for block, labels in names.items():
        lines.append(f"- `{block}`: {', '.join(label.removeprefix('a_').replace('_', ' ') for label in labels)}")
    return "\n".join(lines) + "\n"


def _entry(result: Result) -> dict[str, Any]:
    return {
        "block": result.proof.block,
        "parameters": dict(sorted(result.proof.parameters.items())),
        "depth": result.outcome.steps,
        "properties": list(properties(files_of(result.proof))),
        "reached": result.reached,
    }

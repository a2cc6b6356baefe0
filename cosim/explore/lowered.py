"""A workload's network as it is kept: its bytes and its quality, in one file."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Lowered:
    """``data``: a .network file's bytes; ``hash`` of the network; ``quality`` on real samples, or empty."""

    hash: str
    data: bytes
    quality: Mapping[str, float]


def packed(lowered: Lowered) -> bytes:
    """A line of JSON, then the network's bytes."""
    content = hashlib.sha256(lowered.data).hexdigest()
    head = {"hash": lowered.hash, "sha256": content, "quality": dict(lowered.quality)}
    return json.dumps(head, sort_keys=True).encode() + b"\n" + lowered.data


def read(path: Path) -> Lowered | None:
    """None where there is no whole file."""
    try:
        head, _, data = path.read_bytes().partition(b"\n")
        fields = json.loads(head)
        if hashlib.sha256(data).hexdigest() != fields["sha256"]:
            return None
        return Lowered(fields["hash"], data, fields["quality"])
    except (OSError, ValueError, KeyError, TypeError):
        return None

"""Run a stream over clips, or `train` a backbone: `python -m workloads.patchskip --help`."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

import torch

from workloads.arrays import save_text
from workloads.command import positive
from workloads.patchskip import problem
from workloads.patchskip.backbones import BACKBONES
from workloads.patchskip.integer import Network
from workloads.patchskip.measure import measure, reference
from workloads.patchskip.settings import POLICIES, Settings
from workloads.patchskip.stream import Frame, Stream

DEFAULT = Settings()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workloads.patchskip",
        description="Recompute only what changes from frame to frame; what it saves and what it costs, beside dense.",
        epilog="`python -m workloads.patchskip train --help`: training of the backbones.",
    )
    parser.add_argument("--data", type=Path, metavar="PATH", help="a clip or a folder of clips; default: scenes")
    parser.add_argument("--clip", metavar="NAME", help="clips whose name holds this")
    parser.add_argument("--frames", type=positive, metavar="N", help="of each clip; default: all, 48 of a scene")
    parser.add_argument("--backbone", choices=sorted(BACKBONES), default="resnet8", help="default: %(default)s")
    parser.add_argument("--weights", type=Path, metavar="FILE", help=".npz of the backbone; default: the committed one")
    parser.add_argument("--patch", type=positive, default=DEFAULT.patch, metavar="P", help="default: %(default)s")
    parser.add_argument("--theta", type=int, default=DEFAULT.theta, metavar="CODES", help="default: %(default)s")
    parser.add_argument("--policy", choices=POLICIES, default=DEFAULT.policy, help="default: %(default)s")
    parser.add_argument("--refresh", type=int, default=0, metavar="N", help="all anew every N frames; default: never")
    parser.add_argument("--memory", type=positive, metavar="BYTES", help="most that may live from frame to frame")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="default: 1")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every clip's numbers, and its skip ratio by frame")
    return parser


def _run(network: Network, settings: Settings, labelled: problem.Labelled) -> dict[str, object]:
    clip, counts = labelled
    ratios: list[float] = []

    def seen(number: int, frame: Frame) -> None:
        ratios.append(round(frame.cost.skip_ratio, 4))

    values = measure(Stream(network, settings), clip, reference(network, clip, counts), seen)
    return {"clip": clip.name, **values, "skip_ratio_by_frame": ratios}


def _line(found: Mapping[str, object]) -> str:
    task = f", presence {found['presence']:.1%}, count {found['count']:.1%}" if "count" in found else ""
    return (
        f"{found['clip']}: {found['frames']} frames, x{found['gain']:.2f} fewer multiply-accumulates, "
        f"{found['skip_ratio']:.1%} skipped, error {found['error']:.2%}{task}"
    )


def main(arguments: list[str] | None = None) -> int:
    """Print a line for each clip; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["train"]:
        from workloads.patchskip.train import main as train

        return train(arguments[1:])
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    found = []
    try:
        settings = Settings(
            options.patch, options.theta, options.policy, refresh=options.refresh, memory_bytes=options.memory
        )
        clips = problem.sources(options.data, options.clip, options.frames)
        network = problem.network(options.backbone, options.weights)
        for labelled in clips:
            found.append(_run(network, settings, labelled))
            print(_line(found[-1]), flush=True)
        if options.json is not None:
            save_text(options.json, json.dumps(found, indent=1) + "\n")
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

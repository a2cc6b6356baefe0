"""Train in 8-bit integers: `python -m workloads.octo --help`."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from workloads.arrays import save_arrays, save_text
from workloads.command import positive, seed, stop_on_signals
from workloads.octo import networks, problem
from workloads.octo.export import compensation_cost
from workloads.octo.fp32 import Reference
from workloads.octo.rules import parse_sparse
from workloads.octo.settings import CHOICES, Settings
from workloads.octo.training import Job, train


def _parser() -> argparse.ArgumentParser:
    plain, own = argparse.ArgumentParser, Settings()
    parser = plain(prog="python -m workloads.octo", description="Train a network in 8-bit integers, or in float32.")
    parser.add_argument("--network", default="digits-cnn", metavar="NAME", help=", ".join(networks.NETWORKS))
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with a data set (default: the package's own)")
    parser.add_argument("--dataset", metavar="NAME", help="which data set, when the folder holds several")
    parser.add_argument("--samples", type=positive, metavar="N", help="use the first N training samples only")
    parser.add_argument("--arithmetic", default="int8", choices=("int8", "fp32"), help="default: int8")
    for name, choices in CHOICES.items():
        default = getattr(own, name)
        parser.add_argument(f"--{name}", default=default, choices=choices, help=f"default: {default}")
    parser.add_argument("--gradient-bits", type=positive, default=8, metavar="N", help="3 to 8, default: 8")
    parser.add_argument("--random-bits", type=positive, default=8, metavar="N", help="of stochastic rounding, 1 to 16")
    parser.add_argument("--headroom", type=int, default=0, metavar="N", help="doublings that weights may grow by")
    parser.add_argument("--momentum", type=float, default=0.0, metavar="M", help="with float32 masters; default: 0")
    parser.add_argument("--sparse", default="", metavar="TABLE", help="e.g. conv3:0.5,fc:1 or fc:1:nobias")
    parser.add_argument("--start", default="he", choices=("he", "trained"), help="initial weights; default: he")
    parser.add_argument("--epochs", type=positive, default=12, metavar="N", help="default: 12")
    parser.add_argument("--batch", type=positive, default=50, metavar="N", help="default: 50")
    parser.add_argument("--learning-rate", type=float, default=0.1, metavar="R", help="constant; default: 0.1")
    parser.add_argument("--seed", type=seed, default=0, metavar="N", help="default: 0")
    parser.add_argument("--threads", type=positive, default=1, metavar="N", help="default: 1")
    parser.add_argument("--out", type=Path, metavar="FILE", help="default: octo_<network>.npz; the curve goes to .json")
    parser.add_argument("--resume", action="store_true", help="continue a stopped run, if there is one")
    return parser


def _arithmetic(options: argparse.Namespace) -> Settings | Reference:
    if options.arithmetic == "fp32":
        return Reference(lac=options.lac, momentum=options.momentum)
    chosen = {
        name: getattr(options, name) for name in (*CHOICES, "gradient_bits", "random_bits", "headroom", "momentum")
    }
    return Settings(**chosen, sparse=parse_sparse(options.sparse))


def _run(options: argparse.Namespace) -> int:
    network = networks.get(options.network)
    arithmetic = _arithmetic(options)
    out = options.out or Path(f"octo_{network.name}.npz")
    checkpoint = out.with_name(f"{out.name}.checkpoint.npz")
    if options.resume and out.exists() and not checkpoint.exists():
        print(f"{out} is finished; to train it again, leave --resume out")
        return 0
    data = problem.read(network, options.data, options.dataset, options.samples)
    numbers = (options.epochs, options.batch, options.learning_rate, options.seed, options.start)
    job = Job(network, data, arithmetic, *numbers)
    count = f"{len(data.labels)} samples, {job.epochs} epochs"
    print(f"{network.name} on {data.data_set} in {options.arithmetic}: {count}", flush=True)
    with stop_on_signals() as stopped:
        done = train(job, checkpoint, options.resume, lambda line: print(line, flush=True), stopped)
    if done is None:
        return 130
    state, history = done
    save_arrays(out, {name: value.numpy() for name, value in state.items()} | {"job": np.array(job.identity())})
    curve = out.with_suffix(".json")
    save_text(curve, json.dumps({"job": json.loads(job.identity()), "history": history}, indent=1) + "\n")
    checkpoint.unlink(missing_ok=True)
    if isinstance(arithmetic, Settings) and arithmetic.lac != "none":
        cost = compensation_cost(network, arithmetic)
        print(f"compensation: {cost.parameters} parameters, {cost.inference_bytes} bytes read in inference")
    print(f"{out}: accuracy {history[-1]['accuracy']:.4f} on {len(data.test_labels)} test samples; curve in {curve}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line, train, store state and curve; returns the exit status."""
    options = _parser().parse_args(arguments)
    torch.set_num_threads(options.threads)
    try:
        return _run(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first step: nothing is lost
        return 130


if __name__ == "__main__":
    sys.exit(main())

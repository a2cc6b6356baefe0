"""Training in epochs, integer or float32: the same batches, a curve, checkpoints, and clear errors."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from workloads.arrays import load_arrays, save_arrays
from workloads.octo import fp32, initial
from workloads.octo.networks import Network
from workloads.octo.problem import Problem
from workloads.octo.rules import DIRECTION_EVERY_STEPS, look_at_directions, step_rate
from workloads.octo.scales import State
from workloads.octo.settings import Settings
from workloads.octo.step import first_ranges, infer, train_step
from workloads.training import CHECKPOINT_EVERY_S

EVALUATION_BATCH = 256
_ORDER = 0  # sub-stream of the seed
History = list[dict[str, object]]


@dataclass(frozen=True, slots=True)
class Job:
    """One run; equal jobs give equal bytes on one kind of machine (integer training: the integers, on any)."""

    network: Network
    problem: Problem
    arithmetic: Settings | fp32.Reference
    epochs: int
    batch: int
    learning_rate: float
    seed: int
    start: str = "he"
    """he, or trained: the committed weights."""

    def __post_init__(self) -> None:
        if not 1 <= self.batch <= len(self.problem.labels):
            raise ValueError(f"batch is {self.batch}, want 1..{len(self.problem.labels)}, the training samples")
        if self.epochs < 1:
            raise ValueError(f"epochs is {self.epochs}, want 1 or more")
        if not 0 < self.learning_rate < 2.0**15:
            raise ValueError(f"learning rate is {self.learning_rate}, want above 0 and below 32768")

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches only."""
        return len(self.problem.labels) // self.batch

    @property
    def steps(self) -> int:
        return self.epochs * self.steps_per_epoch

    def identity(self) -> str:
        """What a checkpoint must agree with."""
        fields = {"network": self.network.name, "data_set": self.problem.data_set, "samples": len(self.problem.labels)}
        own = {name: getattr(self, name) for name in ("epochs", "batch", "learning_rate", "seed", "start")}
        arithmetic = {"arithmetic": "int8" if isinstance(self.arithmetic, Settings) else "fp32"}
        return json.dumps(fields | own | arithmetic | asdict(self.arithmetic))

    def chosen(self, step: int) -> torch.Tensor:
        """The samples of one step: a permutation per epoch."""
        epoch, index = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.seed, _ORDER, epoch]).permutation(len(self.problem.labels))
        return torch.from_numpy(order[index * self.batch : (index + 1) * self.batch])

    def initial(self) -> State:
        """The state before the first step, scales included."""
        parameters = initial.trained(self.network) if self.start == "trained" else initial.he(self.network, self.seed)
        if isinstance(self.arithmetic, fp32.Reference):
            return fp32.initial_state(self.network, self.arithmetic, parameters, self.seed)
        exponent = self.problem.input_exponent
        state = initial.initial_state(self.network, self.arithmetic, parameters, exponent, self.seed)
        chosen = self.chosen(0)
        x = self.problem.codes(self.problem.inputs[chosen])
        return first_ranges(self.network, self.arithmetic, state, x, self.problem.labels[chosen])

    def advance(self, state: State, step: int) -> tuple[State, State]:
        """One step."""
        chosen = self.chosen(step)
        x, labels = self.problem.inputs[chosen], self.problem.labels[chosen]
        if isinstance(self.arithmetic, fp32.Reference):
            rate = step_rate(Settings(), self.learning_rate, self.batch, step, self.steps)
            return fp32.train_step(self.network, self.arithmetic, state, x, labels, rate)
        codes = self.problem.codes(x)
        if self.arithmetic.rule == "direction" and step % DIRECTION_EVERY_STEPS == 0:
            state = look_at_directions(self.network, self.arithmetic, state, codes, labels, step)
        rate = step_rate(self.arithmetic, self.learning_rate, self.batch, step, self.steps)
        number = torch.tensor(step, dtype=torch.int32)
        return train_step(self.network, self.arithmetic, state, codes, labels, number, rate)

    def accuracy(self, state: State) -> float:
        """On the test set, by the integer forward pass where training is one."""
        right = 0
        x, y = self.problem.test_inputs, self.problem.test_labels
        for part, labels in zip(x.split(EVALUATION_BATCH), y.split(EVALUATION_BATCH), strict=True):
            if isinstance(self.arithmetic, fp32.Reference):
                logits = fp32.logits_of(self.network, self.arithmetic, state, part)
            else:
                logits, _ = infer(self.network, self.arithmetic, state, self.problem.codes(part))
            right += int((logits.argmax(dim=1) == labels).sum())
        return right / len(y)


def check(state: State, loss: float, step: int) -> None:
    """ValueError naming the step when training has left the finite numbers."""
    if not np.isfinite(loss):
        raise ValueError(f"step {step}: the loss is {loss}; the learning rate is too high or an input is wrong")
    for name, value in state.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"step {step}: {name} is no longer finite; the learning rate is too high")


def _summary(job: Job, epoch: int, losses: list[float], counts: np.ndarray, state: State) -> dict[str, object]:
    """One point of the curve; counts (layers, 2) are zero updates and nonzero gradients of the epoch."""
    point: dict[str, object] = {"epoch": epoch, "loss": float(np.mean(losses)), "accuracy": job.accuracy(state)}
    if counts.any():
        shares = {
            c.name: round(int(z) / max(1, int(n)), 6) for c, (z, n) in zip(job.network.convs, counts, strict=True)
        }
        point["zero_updates"] = shares
    return point


def _warn(point: dict[str, object], job: Job, report: Callable[[str], None]) -> None:
    """Name layers of which no update was above 0; ValueError when that is every layer."""
    shares = point.get("zero_updates")
    if not isinstance(shares, dict):
        return
    lost = [layer for layer, share in shares.items() if share == 1.0]
    if lost and len(lost) == len(shares):
        raise ValueError(
            f"learning rate {job.learning_rate} is too small: in epoch {point['epoch']} 100 % of the updates of every "
            f"layer ({', '.join(lost)}) were rounded to 0"
        )
    for layer in lost:
        report(f"warning: 100 % of the updates of {layer} were rounded to 0 in epoch {point['epoch']}")


def _save(path: Path, job: Job, state: State, step: int, part: dict[str, np.ndarray], history: History) -> None:
    arrays = {f"state/{name}": value.numpy() for name, value in state.items()}
    texts = {"identity": np.array(job.identity()), "history": np.array(json.dumps(history))}
    save_arrays(path, {"step": np.array(step), **texts, **part, **arrays})


def load(path: Path, job: Job) -> tuple[State, int, dict[str, np.ndarray], History]:
    """State, steps done, sums of the epoch begun and curve of a checkpoint; ValueError for another job's."""
    arrays = load_arrays(path)
    if not {"step", "identity", "history"} <= arrays.keys():
        raise ValueError(f"{path} is not a checkpoint of integer training")
    if str(arrays["identity"]) != job.identity():
        raise ValueError(f"{path} belongs to another run ({arrays['identity']}), this one is ({job.identity()})")
    prefix = "state/"
    state = {n.removeprefix(prefix): torch.from_numpy(a) for n, a in arrays.items() if n.startswith(prefix)}
    part = {name: arrays[name] for name in ("losses", "counts")}
    return state, int(arrays["step"]), part, json.loads(str(arrays["history"]))


@torch.no_grad()
def train(
    job: Job,
    checkpoint: Path | None,
    resume: bool,
    report: Callable[[str], None],
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[State, History] | None:
    """Train to the end: the state and the curve; None when `stopped()` became true (the checkpoint is then there)."""
    step, history, losses = 0, list[dict[str, object]](), list[float]()
    counts = np.zeros((len(job.network.convs), 2), np.int64)
    if resume and checkpoint is not None and checkpoint.exists():
        state, step, part, history = load(checkpoint, job)
        losses, counts = part["losses"].tolist(), part["counts"]
        report(f"resumed after step {step} of {job.steps}")
    else:
        state = job.initial()
    saved = time.monotonic()
    while step < job.steps:
        state, seen = job.advance(state, step)
        losses.append(float(seen["loss"]))
        check(state, losses[-1], step)
        counts = counts + (seen["updates"].numpy() if "updates" in seen else 0)
        step += 1
        if step % job.steps_per_epoch == 0:
            history.append(_summary(job, step // job.steps_per_epoch, losses, counts, state))
            report(_line(history[-1], job.epochs))
            _warn(history[-1], job, report)
            losses, counts = [], np.zeros_like(counts)
        stop = stopped() and step < job.steps
        if checkpoint is not None and (stop or time.monotonic() - saved > CHECKPOINT_EVERY_S):
            part = {"losses": np.array(losses, np.float64), "counts": counts}
            _save(checkpoint, job, state, step, part, history)
            saved = time.monotonic()
        if stop:
            report(f"stopped after step {step} of {job.steps}; continue with --resume")
            return None
    return state, history


def _line(point: dict[str, object], epochs: int) -> str:
    text = f"epoch {point['epoch']}/{epochs}: loss {point['loss']:.4f}, accuracy {point['accuracy']:.4f}"
    shares = point.get("zero_updates")
    if isinstance(shares, dict):
        text += ", zero updates " + " ".join(f"{layer} {100 * share:.0f}%" for layer, share in shares.items())
    return text

"""The training loop of every workload: deterministic, stopped at any step, resumed without repeating one.

Everything random in step k (order of samples, augmentation) is a function of (seed, epoch, step), so a
checkpoint needs no generator state: weights, optimizer state and the number of steps done are all of it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from workloads.arrays import load_arrays, save_arrays
from workloads.data.samples import Samples
from workloads.task import Recipe, Task

CHECKPOINT_EVERY_S = 30.0
_ORDER, _AUGMENT = 0, 1  # sub-streams of the seed


@dataclass(frozen=True, slots=True)
class Job:
    """One training run; two runs with equal jobs give the same weights on one machine."""

    task: Task
    data_set: str
    samples: Samples
    recipe: Recipe
    seed: int

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches only: batch norm dislikes a last batch of one."""
        return max(1, len(self.samples.labels) // self.recipe.batch_size)

    @property
    def steps(self) -> int:
        return self.recipe.epochs * self.steps_per_epoch

    def identity(self) -> np.ndarray:
        """What a checkpoint must agree with, as text."""
        fields = {"task": self.task.name, "data_set": self.data_set, "seed": self.seed, **asdict(self.recipe)}
        return np.array(", ".join(f"{name}={value}" for name, value in fields.items()))

    def batch(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and labels of one step."""
        epoch, index = divmod(step, self.steps_per_epoch)
        order = np.random.default_rng([self.seed, _ORDER, epoch]).permutation(len(self.samples.labels))
        chosen = order[index * self.recipe.batch_size : (index + 1) * self.recipe.batch_size]
        stored = self.samples.inputs[chosen]
        if self.task.augment is not None:
            stored = self.task.augment(stored, self.data_set, np.random.default_rng([self.seed, _AUGMENT, step]))
        return self.task.to_inputs(stored), torch.from_numpy(self.samples.labels[chosen])

    def learning_rate(self, step: int) -> float:
        """One cycle: linear warm-up over a tenth of the steps, then a half cosine down to 0."""
        warm_up = max(1, self.steps // 10)
        if step < warm_up:
            return self.recipe.learning_rate * (step + 1) / warm_up
        return self.recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (self.steps - warm_up)))


def start(job: Job) -> tuple[nn.Module, torch.optim.AdamW]:
    """An untrained network and its optimizer, initialised from the job's seed."""
    torch.manual_seed(job.seed)
    module = job.task.network().train()
    return module, torch.optim.AdamW(module.parameters(), weight_decay=job.recipe.weight_decay)


def save_checkpoint(path: Path, job: Job, module: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    """Store everything needed to continue after `step` steps."""
    arrays = {"step": np.array(step), "identity": job.identity()}
    arrays |= {f"model/{name}": value.numpy() for name, value in module.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer/{index}/{name}": value.numpy() for name, value in state.items()}
    save_arrays(path, arrays)


def load_checkpoint(path: Path, job: Job, module: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    """Restore what `save_checkpoint` stored and return the number of steps done; ValueError for another job's."""
    arrays = load_arrays(path)
    if not {"step", "identity"} <= arrays.keys():
        raise ValueError(f"{path} is not a training checkpoint")
    if str(arrays["identity"]) != str(job.identity()):
        raise ValueError(f"{path} belongs to another run ({arrays['identity']}), this one is ({job.identity()})")
    prefix = "model/"
    module.load_state_dict(
        {n.removeprefix(prefix): torch.from_numpy(a) for n, a in arrays.items() if n.startswith(prefix)}
    )
    state: dict[int, dict[str, torch.Tensor]] = {}
    for name, array in arrays.items():
        if name.startswith("optimizer/"):
            _, index, key = name.split("/")
            state.setdefault(int(index), {})[key] = torch.from_numpy(array)
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(arrays["step"])


def train(
    job: Job,
    checkpoint: Path,
    resume: bool,
    report: Callable[[str], None],
    stopped: Callable[[], bool] = lambda: False,
) -> nn.Module | None:
    """Train to the end and return the network, or None when `stopped()` became true (the checkpoint is then there).

    `report` gets one line per epoch. With `resume`, an existing checkpoint is continued.
    """
    module, optimizer = start(job)
    done = load_checkpoint(checkpoint, job, module, optimizer) if resume and checkpoint.exists() else 0
    if done:
        report(f"resumed after step {done} of {job.steps}")
    began = saved = time.monotonic()
    losses: list[float] = []
    for step in range(done, job.steps):
        inputs, labels = job.batch(step)
        for group in optimizer.param_groups:
            group["lr"] = job.learning_rate(step)
        optimizer.zero_grad()
        loss = job.task.loss(module(inputs), inputs, labels)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        now, last = time.monotonic(), step + 1 == job.steps
        if (step + 1) % job.steps_per_epoch == 0:
            epoch = (step + 1) // job.steps_per_epoch
            report(f"epoch {epoch}/{job.recipe.epochs}: loss {np.mean(losses):.4f}, {now - began:.0f} s")
            losses.clear()
        stop = stopped() and not last
        if stop or last or now - saved > CHECKPOINT_EVERY_S:
            save_checkpoint(checkpoint, job, module, optimizer, step + 1)
            saved = now
        if stop:
            report(f"stopped after step {step + 1} of {job.steps}; continue with --resume")
            return None
    return module.eval()


def outputs_of(module: nn.Module, inputs: torch.Tensor, batch_size: int = 256) -> np.ndarray:
    """The network's outputs, in eval mode, without gradients; (n, ...) float32."""
    module.eval()
    with torch.inference_mode():
        return np.concatenate([module(part).numpy() for part in inputs.split(batch_size)])

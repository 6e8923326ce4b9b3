"""The epochs of a training, on whatever this machine has.

Lightning Fabric chooses the device (CUDA, MPS or CPU), spreads the batches over several GPUs, and
computes in half precision where that is safe (CUDA). What it leaves here is what a recipe decides.

After every epoch the whole state is kept in one step. Whatever is random in an epoch is drawn from
the seed and the number of the epoch, so that a training that was killed and is started again ends
with the same weights as one that was not.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics import curve, errors
from training.distilling import softened
from training.errors import TrainingError
from training.exported import Exported
from training.keeping import keep
from training.networks import NETWORKS
from training.pictures import Pictures
from training.presentations import Presentation
from training.recipe import Phase, Recipe
from training.splits import Splits

if TYPE_CHECKING:
    import torch

STATE, BEST = "state.pt", "best.pt"
"""Files of a run: all that going on needs, and the best weights under ``model_state_dict``."""

Told = Callable[[float, float, str], None]
"""Progress: ``(done, of, what)``."""


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one epoch came to.

    Attributes:
        phase: of the recipe, from 0.
        train_loss: mean over what was trained on.
        val_loss: mean over the validation part.
        apcer: share of its attacks that score 0.5 or more for bona fide.
        bpcer: share of its bona fide presentations that score less.
        auc: on it.
        best: whether its validation loss is the lowest so far.
        seconds: it took; two runs of the same training differ in nothing else.
    """

    phase: int
    train_loss: float
    val_loss: float
    apcer: float
    bpcer: float
    auc: float
    best: bool
    seconds: float = field(compare=False)


@dataclass(frozen=True, slots=True)
class Machine:
    """What a training runs on.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        devices: how many of them.
        workers: processes that prepare pictures; 0 for none beside.
    """

    device: str = "auto"
    devices: int = 1
    workers: int = 0


def fabric_on(machine: Machine) -> Any:
    """What spreads a training over the devices of a machine.

    Raises:
        TrainingError: the library, or a device, is not here.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise TrainingError(
            f"{error.name} is missing: run `pip install 'palisade[cpu,train]'`"
        ) from error
    import torch

    half = machine.device in ("auto", "cuda") and torch.cuda.is_available()
    try:
        return Fabric(
            accelerator=machine.device,
            devices=machine.devices,
            precision="16-mixed" if half else "32-true",
        )
    except (RuntimeError, ValueError) as error:
        raise TrainingError(f"{machine.devices} of {machine.device}: {error}") from error


class Trainer:
    """Trains one network.

    Args:
        recipe: what to do.
        network: with the weights that it starts from; trained in place.
        splits: what to learn from, and what to choose by.
        seed: of all that is random.
        fabric: of :func:`fabric_on`.
        workers: processes that prepare pictures.
        teacher: whose answers are learnt from as well, as the recipe's ``distillation`` says.
    """

    def __init__(
        self,
        recipe: Recipe,
        network: torch.nn.Module,
        splits: Splits[Presentation],
        *,
        seed: int,
        fabric: Any,
        workers: int = 0,
        teacher: Exported | None = None,
    ) -> None:
        self._recipe = recipe
        self._kind = NETWORKS[recipe.network]
        self._network = network
        self._splits = splits
        self._lessons = [one for one in splits.train if self._teaches(one)]
        self._seed = seed
        self._fabric = fabric
        self._workers = workers
        self._teacher = teacher

    def run(
        self, folder: Path, key: str, told: Told, after: Callable[[Epoch], None]
    ) -> list[Epoch]:
        """Train, going on where an earlier run stopped; the best weights are in ``BEST``.

        Args:
            folder: where the state is kept.
            key: of recipe, data, seed and teacher; a state with another one is refused.
            told: is told the progress.
            after: is told what an epoch came to.

        Raises:
            TrainingError: the folder has the state of another training, the loss is no number any
                more, or a file cannot be written.
        """
        history, state = self._kept(folder, key)
        for number, phase in enumerate(self._recipe.phases):
            done = [epoch for epoch in history if epoch.phase == number]
            if any(epoch.phase > number for epoch in history):
                continue
            self._choose_weights(phase)
            optimiser = self._optimiser(phase)
            model, optimiser = self._fabric.setup(self._network, optimiser)
            if done and state is not None:
                optimiser.load_state_dict(state["optimiser"])
            while len(done) < phase.epochs and not self._stale(done):
                epoch = self._epoch(model, optimiser, phase, number, history, told)
                history.append(epoch)
                done.append(epoch)
                self._keep(folder, key, history, optimiser)
                after(epoch)
        return history

    def log_odds(self, presentations: Sequence[Presentation], told: Told) -> NDArray[np.float64]:
        """Ask the network: log-odds of a bona fide presentation, float64 (N,)."""
        model = self._fabric.setup_module(self._network)
        return self._asked(model, presentations, told, None)[0]

    def _epoch(
        self,
        model: Any,
        optimiser: Any,
        phase: Phase,
        number: int,
        history: Sequence[Epoch],
        told: Told,
    ) -> Epoch:
        at, began = len(history), time.perf_counter()
        train_loss = self._trained(model, optimiser, phase, at, told)
        odds, val_loss = self._asked(model, self._splits.validation, told, self._teacher)
        # One process decides for all of them: sums differ in the last bit between devices.
        odds, val_loss = self._fabric.broadcast((odds, val_loss))
        if not (math.isfinite(train_loss) and math.isfinite(val_loss)):
            raise TrainingError(
                f"the loss of epoch {at + 1} is not finite; take a lower learning rate"
            )
        genuine = np.array([one.genuine for one in self._splits.validation], bool)
        found = errors(odds >= 0, genuine)
        return Epoch(
            phase=number,
            train_loss=train_loss,
            val_loss=val_loss,
            apcer=found.apcer,
            bpcer=found.bpcer,
            auc=curve(odds, genuine).auc,
            best=all(val_loss < epoch.val_loss for epoch in history),
            seconds=time.perf_counter() - began,
        )

    def _trained(self, model: Any, optimiser: Any, phase: Phase, at: int, told: Told) -> float:
        """Train for one epoch; the mean loss."""
        import torch

        torch.manual_seed(self._seed + at)  # of dropout
        side = self._teacher.side if self._teacher else None
        pictures = Pictures(self._lessons, self._recipe, self._seed, at, side)
        loader = self._fabric.setup_dataloaders(
            torch.utils.data.DataLoader(
                pictures,
                batch_size=self._recipe.batch,
                sampler=self._order(at),
                num_workers=self._workers,
                # A single picture has no variance to normalise by.
                drop_last=len(pictures) > self._recipe.batch,
            )
        )
        self._network.train()
        if phase.trains == "head":
            self._network.eval()
            getattr(self._network, self._kind.head).train()
        total, count = 0.0, 0
        for step, (pixels, genuine, *shown) in enumerate(loader):
            told(step, len(loader), f"epoch {at + 1}")
            loss = self._loss(model(pixels), genuine, self._taught(shown)).mean()
            optimiser.zero_grad()
            self._fabric.backward(loss)
            optimiser.step()
            total += float(loss.detach()) * len(genuine)
            count += len(genuine)
        return float(self._fabric.all_reduce(torch.tensor(total / count), reduce_op="mean"))

    def _asked(
        self,
        model: Any,
        presentations: Sequence[Presentation],
        told: Told,
        teacher: Exported | None,
    ) -> tuple[NDArray[np.float64], float]:
        """Log-odds of a bona fide presentation, float64 (N,), and the mean loss."""
        import torch

        side = teacher.side if teacher else None
        loader = self._fabric.setup_dataloaders(
            torch.utils.data.DataLoader(
                Pictures(presentations, self._recipe, self._seed, teacher_side=side),
                batch_size=self._recipe.batch,
                num_workers=self._workers,
            ),
            use_distributed_sampler=False,
        )
        self._network.eval()
        odds, losses = [], []
        with torch.inference_mode():
            for step, (pixels, genuine, *shown) in enumerate(loader):
                told(step, len(loader), "measuring")
                answer = model(pixels).float()
                losses.append(self._loss(answer, genuine, self._taught(shown)).cpu().numpy())
                odds.append(self._odds(answer).cpu().numpy())
        counted = np.array([self._teaches(one) for one in presentations], bool)
        loss = np.concatenate(losses)[counted].mean() if counted.any() else math.nan
        return np.concatenate(odds).astype(np.float64), float(loss)

    def _teaches(self, one: Presentation) -> bool:
        """Whether the network learns from it."""
        return one.genuine or self._kind.objective != "reconstruction"

    def _odds(self, answer: torch.Tensor) -> torch.Tensor:
        """Log-odds of a bona fide presentation, float (N,)."""
        two = self._kind.objective == "logits"
        return answer[:, 1] - answer[:, 0] if two else -answer[:, 0]

    def _taught(self, shown: Sequence[torch.Tensor]) -> torch.Tensor | None:
        """What the teacher says of the pictures that are shown to it, float32 (N,), if any are."""
        import torch

        if self._teacher is None or not shown:
            return None
        (pixels,) = shown
        return torch.from_numpy(self._teacher.log_odds(pixels.cpu().numpy())).float()

    def _loss(
        self, answer: torch.Tensor, genuine: torch.Tensor, taught: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Of each presentation; attacks weigh as the recipe says, and so does the teacher."""
        from torch.nn import functional

        genuine = genuine.to(answer.dtype)
        if self._kind.objective == "reconstruction":
            return answer[:, 0]
        if self._kind.objective == "logits":
            losses = functional.cross_entropy(answer, genuine.long(), reduction="none")
        else:
            losses = functional.binary_cross_entropy_with_logits(
                answer[:, 0], 1 - genuine, reduction="none"
            )
        losses = losses * (genuine + (1 - genuine) * self._recipe.miss_weight)
        if taught is None:
            return losses
        how = self._recipe.distillation
        apart = softened(self._odds(answer), taught.to(answer), how.temperature)
        return (1 - how.weight) * losses + how.weight * apart

    def _order(self, at: int) -> Any:
        """In which order the examples come in an epoch, and how often."""
        import torch
        from torch.utils.data import RandomSampler, WeightedRandomSampler

        generator = torch.Generator().manual_seed(self._seed + at)
        genuine = np.array([one.genuine for one in self._lessons], bool)
        if not self._recipe.balance or genuine.all():
            return RandomSampler(genuine, generator=generator)
        share = np.where(genuine, genuine.mean(), 1 - genuine.mean())
        return WeightedRandomSampler((1 / share).tolist(), len(genuine), generator=generator)

    def _choose_weights(self, phase: Phase) -> None:
        """Freeze what a phase does not train."""
        self._network.requires_grad_(phase.trains == "all")
        getattr(self._network, self._kind.head).requires_grad_(True)

    def _optimiser(self, phase: Phase) -> Any:
        import torch

        kind = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[phase.optimiser]
        trained = [weight for weight in self._network.parameters() if weight.requires_grad]
        return kind(trained, lr=phase.learning_rate, weight_decay=phase.weight_decay)

    def _stale(self, done: Sequence[Epoch]) -> bool:
        """Whether the phase has gone on for too long without a lower validation loss."""
        if self._recipe.patience is None or not done:
            return False
        losses = [epoch.val_loss for epoch in done]
        return len(losses) - 1 - int(np.argmin(losses)) >= self._recipe.patience

    def settle(self, told: Told) -> None:
        """Let a network that has no opinion without one choose its threshold."""
        if self._kind.objective != "reconstruction":
            return
        own = self._splits.validation
        genuine = np.array([one.genuine for one in own], bool)
        settle: Any = self._network.settle
        settle(-self.log_odds(own, told), genuine)

    def _keep(self, folder: Path, key: str, history: Sequence[Epoch], optimiser: Any) -> None:
        """Write the weights if they are the best, then the state."""
        if not self._fabric.is_global_zero:
            return
        weights = {name: value.cpu() for name, value in self._network.state_dict().items()}
        if history[-1].best:
            keep_weights(folder / BEST, weights)
        state = {
            "key": key,
            "history": [asdict(epoch) for epoch in history],
            "network": weights,
            "optimiser": optimiser.state_dict(),
        }
        keep(folder / STATE, _saved(state))

    def _kept(self, folder: Path, key: str) -> tuple[list[Epoch], Any]:
        """What an earlier run has left, and the network as it left it."""
        state = read_state(folder / STATE)
        if state is None:
            return [], None
        if state["key"] != key:
            raise TrainingError(
                f"{folder} has a training of another recipe, of other data or with another seed "
                "or teacher; choose another folder, or `--fresh` to lose it"
            )
        self._network.load_state_dict(state["network"])
        return [Epoch(**epoch) for epoch in state["history"]], state


def read_state(path: Path) -> Any:
    """Read what :class:`Trainer` has kept; None where there is nothing.

    Raises:
        TrainingError: the file is damaged.
    """
    import torch

    if not path.is_file():
        return None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged archives raise a dozen types
        raise TrainingError(
            f"{path} is damaged ({type(error).__name__}); `--fresh` starts again"
        ) from error


def keep_weights(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write weights as :data:`BEST` has them.

    Raises:
        TrainingError: the disk is full or broken.
    """
    keep(path, _saved({"model_state_dict": dict(weights)}))


def _saved(content: Any) -> bytes:
    """The bytes of a checkpoint: on a full disk torch itself raises what says nothing."""
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()

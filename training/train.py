"""The training loop: seeded, logged, and resumed where it was cut off."""

import hashlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from framestyle.errors import SettingsError
from training.distillation import Distillation, Statistics, missed, statistics
from training.optimised import Pool, optimised
from training.pictures import Crops, split
from training.student import Student
from training.teachers import Teacher

TEST_BATCHES = 16


@dataclass(frozen=True)
class Recipe:
    """How lite is trained.

    Attributes:
        steps: Steps of the optimiser.
        batch: Crops a step.
        side_px: Side of a crop.
        rate: Greatest learning rate, after a warm-up and before a cosine decay to 0 (Smith 2018).
        decay: Weight decay (Loshchilov 2019).
        own_share: Share of a batch that the student has optimised itself.
        own_from: Share of the training after which it does.
        own_every: Steps between two rounds of that.
        own_iterations: Iterations of such a picture.
        own_pool: How many such pictures are kept.
        frozen_from: Share of the training after which batch normalisation is as in the finished
            network.
        seed: Of everything drawn at random.
    """

    steps: int = 8000
    batch: int = 8
    side_px: int = 128
    rate: float = 3e-3
    decay: float = 1e-4
    own_share: float = 0.25
    own_from: float = 0.15
    own_every: int = 60
    own_iterations: int = 20
    own_pool: int = 480
    frozen_from: float = 0.9
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ``SettingsError`` where a number makes no training."""
        least = {
            "steps": 1,
            "batch": 2,
            "side_px": 48,
            "own_every": 1,
            "own_iterations": 4,
            "own_pool": 24,
        }
        for name, low in least.items():
            if getattr(self, name) < low:
                raise SettingsError(
                    f"{name}: got {getattr(self, name)}, expected a whole number of at least {low}"
                )
        for name in ("own_share", "own_from", "frozen_from"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(
                    f"{name}: got {getattr(self, name)}, expected a share from 0 to 1"
                )
        for name in ("rate", "decay"):
            if not 0 <= getattr(self, name) < 1:
                raise SettingsError(
                    f"{name}: got {getattr(self, name)}, expected a number from 0 to under 1"
                )
        if not 0 <= self.seed < 1 << 31:
            raise SettingsError(f"seed: got {self.seed}, expected a number from 0 to 2^31 - 1")

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step."""
        warm = max(1, round(0.05 * self.steps))
        if step < warm:
            return self.rate * (step + 1) / warm
        return self.rate * 0.5 * (1 + math.cos(math.pi * (step - warm) / (self.steps - warm)))


STATE = ("recipe", "teachers", "pictures", "step", "student", "lessons", "optimizer", "pool")


def read_state(file: Path) -> dict[str, Any]:
    """Read the state of a training; raises ``SettingsError`` where the file is damaged."""
    try:
        state = torch.load(file, weights_only=True)
        missing = [key for key in STATE if key not in state]
        why = f"it lacks {', '.join(missing)}" if missing else ""
    except Exception as error:  # torch raises whatever its reader meets
        why = (str(error).splitlines() or [type(error).__name__])[0]
    if why:
        raise SettingsError(f"{file}: damaged, or no state of a training ({why}); delete it")
    return dict(state)


def digest_of(pictures: list[np.ndarray]) -> str:
    """Return what tells one set of training pictures from another."""
    digest = hashlib.sha256()
    for picture in pictures:
        digest.update(repr(picture.shape).encode() + picture.tobytes())
    return digest.hexdigest()[:16]


class Training:
    """A training under way.

    Args:
        pictures: Training pictures, (H, W, 3) RGB uint8.
        teachers: Networks that lite follows.
        recipe: How.
        folder: Where ``state.pt`` and ``log.jsonl`` are kept.
        start: Folder of a training whose network and teachers' statistics this one starts from.

    Raises:
        SettingsError: ``folder`` holds a training with another recipe, or ``start`` none.
    """

    def __init__(
        self,
        pictures: list[np.ndarray],
        teachers: list[Teacher],
        recipe: Recipe,
        folder: Path,
        start: Path | None = None,
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.folder, self.teachers = recipe, folder, teachers
        self.digest = digest_of(pictures)
        learnt, held = split(pictures)
        self.crops, self.held = Crops(learnt, recipe.side_px), Crops(held, recipe.side_px)
        self.student = Student()
        own = self._saved()
        state = own or self._start(start)
        measured = (
            {t.name: statistics(t, self.some_batches(24)) for t in teachers}
            if state is None
            else {
                name: {layer: Statistics(*pair) for layer, pair in layers.items()}
                for name, layers in state["statistics"].items()
            }
        )
        self.statistics = measured
        self.lessons = Distillation(self.student.channels, teachers, measured)
        self.optimizer = torch.optim.AdamW(
            self.student.parameters(), lr=0.0, weight_decay=recipe.decay
        )
        self.pool = Pool(recipe.own_pool, recipe.side_px)
        self.step = 0
        if state is not None:
            self.student.load_state_dict(state["student"])
            self.lessons.load_state_dict(state["lessons"])
        if own is not None:
            self.step = own["step"]
            self.optimizer.load_state_dict(own["optimizer"])
            self.pool.pictures, self.pool.count = own["pool"], own["pool_count"]

    def run(self, save_every_s: float = 60.0, say: Callable[[str], None] = print) -> Student:
        """Train to the end and return the student; a run that is cut off goes on where it saved."""
        recipe, saved, began, first = self.recipe, time.monotonic(), time.monotonic(), self.step
        means: dict[str, list[float]] = {}
        if self.step == recipe.steps:  # it was at its end before
            return self.student
        while self.step < recipe.steps:
            generator = self._generator(self.step)
            if self._optimises():
                self.pool.add(self._optimised(generator))
            loss, parts = self._learn(generator)
            self.step += 1
            for key, values in {"loss": (loss,), **parts}.items():
                old = means.get(key, list(values))
                means[key] = [0.98 * a + 0.02 * b for a, b in zip(old, values, strict=True)]
            if self.step % 100 == 0 or self.step == recipe.steps:
                pace = (time.monotonic() - began) / (self.step - first)
                self._log({"step": self.step, "seconds_a_step": round(pace, 3), **_short(means)})
                now = f"step {self.step} of {recipe.steps}: loss {means['loss'][0]:.4f}"
                say(f"{now}, {pace:.2f} s a step")
            if time.monotonic() - saved > save_every_s or self.step == recipe.steps:
                self.save()
                saved = time.monotonic()
        self._log({"held_out": _short(self.test())})
        return self.student

    def some_batches(self, count: int) -> list[Tensor]:
        """Return batches of crops that depend on the seed alone."""
        generator = self._generator(-1)
        return [self.crops.batch(self.recipe.batch, generator) for _ in range(count)]

    def test(self) -> dict[str, list[float]]:
        """Return what each lesson misses on pictures that were held out."""
        self.student.eval()
        generator = self._generator(-2)
        batches = [self.held.batch(self.recipe.batch, generator) for _ in range(TEST_BATCHES)]
        return missed(self.lessons, self.student, batches)

    def save(self) -> None:
        """Write the state of the training, whole or not at all."""
        part = self.folder / "state.pt.partial"
        torch.save(
            {
                "recipe": asdict(self.recipe),
                "teachers": self._lessons(),
                "pictures": self.digest,
                "step": self.step,
                "student": self.student.state_dict(),
                "lessons": self.lessons.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "pool": self.pool.pictures,
                "pool_count": self.pool.count,
                "statistics": {
                    name: {layer: (s.mean, s.std) for layer, s in layers.items()}
                    for name, layers in self.statistics.items()
                },
            },
            part,
        )
        part.replace(self.folder / "state.pt")

    def _start(self, folder: Path | None) -> dict[str, Any] | None:
        if folder is None:
            return None
        file = folder / "state.pt"
        if not file.is_file():
            raise SettingsError(f"{file}: there is no such file; expected the folder of a training")
        state = read_state(file)
        if state["teachers"] != self._lessons():
            raise SettingsError(
                f"{folder} holds a training with teachers {state['teachers']}, and "
                f"{self._lessons()} are asked for; a training starts from one with the same"
            )
        return state

    def _lessons(self) -> list[str]:
        """Every layer that is learnt from, with its teacher."""
        return [f"{t.name}:{layer}" for t in self.teachers for layer in t.layers]

    def _saved(self) -> dict[str, Any] | None:
        file = self.folder / "state.pt"
        if not file.is_file():
            return None
        state = read_state(file)
        asked = {**asdict(self.recipe), "teachers": self._lessons(), "pictures": self.digest}
        there = {**state["recipe"], "teachers": state["teachers"], "pictures": state["pictures"]}
        for key, value in asked.items():
            if there.get(key) != value:
                raise SettingsError(
                    f"{self.folder} holds a training with {key} {there.get(key)}, and {value} is "
                    "asked for; take another folder, or the same settings to go on"
                )
        return state

    def _generator(self, step: int) -> torch.Generator:
        # Chance depends on the seed and on the step only, so that a resumed run draws the same.
        return torch.Generator().manual_seed((self.recipe.seed << 32) + step + 2)

    def _optimises(self) -> bool:
        recipe = self.recipe
        begun = recipe.own_share > 0 and self.step >= recipe.own_from * recipe.steps
        return begun and (self.pool.count < 72 or self.step % recipe.own_every == 0)

    def _optimised(self, generator: torch.Generator) -> Tensor:
        return optimised(self.student, self.crops, 8, self.recipe.own_iterations, generator)

    def _learn(self, generator: torch.Generator) -> tuple[float, dict[str, tuple[float, ...]]]:
        recipe = self.recipe
        own = min(round(recipe.own_share * recipe.batch), recipe.batch - 1)
        own = own if self.pool.count else 0
        images = self.crops.batch(recipe.batch - own, generator)
        if own:
            images = torch.cat([images, self.pool.batch(own, generator)])
        self.student.train()
        self.lessons.train()
        if self.step >= recipe.frozen_from * recipe.steps:
            self.student.freeze_statistics()
        for group in self.optimizer.param_groups:
            group["lr"] = recipe.rate_at(self.step)
        loss, parts = self.lessons(images, self.student(images))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.item(), parts

    def _log(self, entry: dict[str, Any]) -> None:
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _short(means: dict[str, list[float]]) -> dict[str, list[float]]:
    return {key: [round(value, 4) for value in values] for key, values in means.items()}

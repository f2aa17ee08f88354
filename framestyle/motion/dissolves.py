"""Dissolves: one shot fades out while the next fades in, so that frames are blends of both.

During a dissolve, frame t is (1 - w) A + w B, with w going from 0 to 1. Two things follow, and no
motion of one shot brings them about together:

- On a coarse grid of mean colours, frame t lies near the line from the first end to the last, and
  moves along it steadily.
- The gradients of unrelated pictures do not correlate, so that the energy of the frame's gradients
  is (1 - w)^2 that of A plus w^2 that of B: in the middle half of their mean. A and B may move.

The dip in the middle is the parabola of variance in Alattar 1993 and Truong, Dorai, Venkatesh 2000.
"""

from dataclasses import dataclass

import numpy as np

from framestyle.motion.cuts import compare, is_another_shot
from framestyle.motion.look import Look

LONGEST_FRAMES = 50
"""Longest way from one end to the other, in frames."""
SETTLING_FRAMES = 8
"""Frames after a dissolve that its ends are placed by."""
LARGEST_ENERGY_ERROR = 0.1
"""Error of the energies, of the sum of both ends', beyond which frames are no blends.

Blends stay below 0.03, with eased weights and fast cameras below 0.07; pans, zooms, wipes and
things that move in leave 0.06 at least and 0.2 usually.
"""
LARGEST_LINE_ERROR = 0.6
"""Distance from the line between the ends, of its length, likewise; both errors add up.

Still shots blended stay below 0.05, moving ones below 0.5.
"""
LARGEST_WEIGHT_ERROR = 0.3
"""How far the weight may be from its linear course: eased ones are by 0.1."""
LEAST_LENGTH_LEVELS = 3.0
"""Root mean square difference of the ends on the grid."""
LEAST_ENERGY_SHARE = 0.01
"""Energy of one end, of the other's; with less, it is a fade to black or from it."""
LINE_SHARE = 0.01
"""What the distance from the line counts beside the error of the energies, to place the ends."""
LONGEST_REACH_FRAMES = 12
LEAST_KEPT = 0.25
"""Agreement of an end with the frame a third of the way, or ``LONGEST_REACH_FRAMES``, from it.

Blends have 0.3 at least and 0.7 usually, fast pans below 0.15.
"""


@dataclass(frozen=True)
class Dissolve:
    """A run of blended frames.

    Attributes:
        first: Position of the first blended frame in the clip.
        count: Number of blended frames.
    """

    first: int
    count: int


@dataclass(frozen=True)
class _Candidate:
    start: int
    end: int
    merit: float


class DissolveSearch:
    """Goes through the frames between two cuts and tells of dissolves a few frames after them.

    It holds at most ``LONGEST_FRAMES + 2 * SETTLING_FRAMES`` frames.
    """

    def __init__(self) -> None:
        self._clear(0)

    def _clear(self, position: int) -> None:
        """Forget everything; ``position`` is that of the next frame."""
        self._position = position
        self._looks: list[Look] = []
        self._products = np.zeros((0, 0))
        self._energies = np.zeros(0)
        self._best: _Candidate | None = None

    def add(self, look: Look) -> Dissolve | None:
        """Take the next frame; returns a dissolve that has become certain."""
        self._take(look)
        end = len(self._looks) - 1
        found = self._candidate(end)
        if found and (self._best is None or found.merit > self._best.merit):
            self._best = found
        if self._best is None or end < self._best.end + SETTLING_FRAMES:
            return None
        return self._settle()

    def finish(self, position: int) -> Dissolve | None:
        """End at a cut or the clip's end; returns a dissolve right before it.

        Args:
            position: Of the frame that comes next.
        """
        found = self._settle() if self._best else None
        self._clear(position)
        return found

    def _take(self, look: Look) -> None:
        if len(self._looks) == LONGEST_FRAMES + 2 * SETTLING_FRAMES:
            self._drop(1)
        self._looks.append(look)
        grids = np.stack([taken.grid.ravel() for taken in self._looks])
        row = grids @ grids[-1].astype(np.float64) / grids.shape[1]
        count = len(row)
        grown = np.zeros((count, count))
        grown[:-1, :-1] = self._products
        grown[-1], grown[:, -1] = row, row
        self._products = grown
        self._energies = np.append(self._energies, look.energy)

    def _drop(self, count: int) -> None:
        del self._looks[:count]
        self._products = self._products[count:, count:]
        self._energies = self._energies[count:]
        self._position += count
        if self._best:
            best = self._best
            self._best = _Candidate(best.start - count, best.end - count, best.merit)

    def _candidate(self, end: int) -> _Candidate | None:
        """Return the best dissolve whose first unblended frame is ``end``."""
        best = None
        for start in self._with_a_dip(end):
            error, length = self._error(start, end)
            if error < 1:
                merit = (1 - error) * length
                if best is None or merit > best.merit:
                    best = _Candidate(start, end, merit)
        if best is None or (self._best and best.merit <= self._best.merit):
            return None
        ends = self._looks[best.start], self._looks[end]
        energies = sorted(look.energy for look in ends)
        if any(look.is_faint for look in ends) or energies[0] < LEAST_ENERGY_SHARE * energies[1]:
            return None
        return best if is_another_shot(*ends) and self._keeps_both(best) else None

    def _keeps_both(self, candidate: _Candidate) -> bool:
        """Tell whether each end still shows some frames away from it, as under a blend."""
        start, end = candidate.start, candidate.end
        away = max(1, min((end - start) // 3, LONGEST_REACH_FRAMES))
        first, last = self._looks[start], self._looks[end]
        return (
            compare(first, self._looks[start + away])[0] > LEAST_KEPT
            and compare(self._looks[end - away], last)[0] > LEAST_KEPT
        )

    def _with_a_dip(self, end: int) -> np.ndarray:
        """Return the starts for which the energy midway is what a dissolve leaves of it."""
        starts = np.arange(max(0, end - LONGEST_FRAMES - 1), end - 1)
        energies, products = self._energies, self._products
        both = energies[starts] + energies[end]
        middle = (energies[(starts + end) // 2] + energies[(starts + end + 1) // 2]) / 2
        dips = np.abs(middle - both / 4) < 1.5 * LARGEST_ENERGY_ERROR * both
        lengths = products[starts, starts] + products[end, end] - 2 * products[starts, end]
        return np.asarray(starts[dips & (lengths > LEAST_LENGTH_LEVELS**2)])

    def _error(self, start: int, end: int) -> tuple[float, float]:
        """Return how badly a dissolve explains frames (1 is too badly), and its ends' distance."""
        weights, off, length = self._along(start, end)
        steady = np.arange(1, end - start) / (end - start)
        back = -np.diff(weights, prepend=0, append=1).min()
        if np.abs(weights - steady).max() > LARGEST_WEIGHT_ERROR or back > 0.05:
            return 2.0, length
        energies = self._energies
        both = energies[start] + energies[end]
        errors = []
        for w in (steady, np.clip(weights, 0, 1)):
            blended = (1 - w) ** 2 * energies[start] + w**2 * energies[end]
            off_law = (energies[start + 1 : end] - blended) / both
            errors.append(float(np.sqrt(np.mean(off_law**2))))
        line = float(np.sqrt(np.mean(off)) / length)
        return min(errors) / LARGEST_ENERGY_ERROR + line / LARGEST_LINE_ERROR, length

    def _along(self, start: int, end: int) -> tuple[np.ndarray, np.ndarray, float]:
        """Return weights and squared distances of the frames between, and the line's length."""
        p, t = self._products, np.arange(start + 1, end)
        squared = p[start, start] + p[end, end] - 2 * p[start, end]
        from_start = p[t, t] + p[start, start] - 2 * p[t, start]
        weights = (p[t, end] - p[t, start] - p[start, end] + p[start, start]) / squared
        return weights, np.maximum(from_start - weights**2 * squared, 0), float(np.sqrt(squared))

    def _settle(self) -> Dissolve:
        """Place the ends of the best candidate, forget what is before its end, and return it."""
        assert self._best is not None
        start, end = self._best.start, self._best.end
        low, high = max(0, start - SETTLING_FRAMES), min(len(self._looks), end + SETTLING_FRAMES)
        pairs = [
            (s, e)
            for s in range(low, (2 * start + end) // 3 + 1)
            for e in range((start + 2 * end) // 3, high)
            if e - s >= 2
        ]
        frames = np.arange(low, high)
        start, end = min(
            pairs or [(start, end)], key=lambda pair: self._misfit(pair[0], pair[1], frames)
        )
        found = Dissolve(self._position + start + 1, end - start - 1)
        self._best = None
        self._drop(end)
        return found

    def _misfit(self, start: int, end: int, t: np.ndarray) -> float:
        """Return how far frames are from a still, a ramp and a still between two of them.

        The energies bend sharply at both ends, however the camera moves, and count for most.
        """
        p, energies = self._products, self._energies
        w = np.clip((t - start) / (end - start), 0, 1)
        model = (1 - w) ** 2 * p[start, start] + w**2 * p[end, end]
        model += 2 * w * (1 - w) * p[start, end]
        off = p[t, t] - 2 * ((1 - w) * p[t, start] + w * p[t, end]) + model
        blended = (1 - w) ** 2 * energies[start] + w**2 * energies[end]
        off_law = (energies[t] - blended) / (energies[start] + energies[end] + 1e-6)
        length = p[start, start] + p[end, end] - 2 * p[start, end]
        return float(np.square(off_law).sum() + LINE_SHARE * off.sum() / (length + 1e-6))

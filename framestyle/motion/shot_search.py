"""Goes through a clip once and divides it into shots."""

from collections import deque
from collections.abc import Iterable

import numpy as np

from framestyle.motion.cuts import is_another_shot
from framestyle.motion.dissolves import DissolveSearch
from framestyle.motion.look import FLAT_LEVELS, Look
from framestyle.motion.shots import Shot, from_beginnings

FLASH_FRAMES = 3
"""Longest flash of light, or run of black frames, that does not end a shot."""
FLASH_SHARE = 0.9
"""Share of the picture that a flash makes lighter than before and after; or black frames darker."""
LEAST_FLAT_STEP_LEVELS = 6.0
"""Difference that a plain frame makes at least to one before in another shot."""


def find_shots(frames: Iterable[np.ndarray]) -> list[Shot]:
    """Divide a clip into shots, by its cuts, its dissolves and its fades.

    A fast camera, things that come near, shaking, grain and flashes begin no shot. A fade to black
    (or to white) and up again is divided where the picture comes back.

    Args:
        frames: All frames in order, (H, W, 3) RGB uint8 or uint16, of one size. They are scaled
            down, and no more than some 70 are held at a time.

    Returns:
        Shots that cover the frames in order, without gaps or overlaps; none for no frames.
    """
    search = _ShotSearch()
    for pixels in frames:
        search.add(Look.at(pixels))
    return search.shots()


class _ShotSearch:
    def __init__(self) -> None:
        self._count = 0
        self._recent: deque[Look] = deque(maxlen=FLASH_FRAMES + 2)
        self._cuts: list[int] = []
        self._dissolves = DissolveSearch()
        self._found: list[tuple[int, int]] = []
        self._flat = _FlatRun()

    def add(self, look: Look) -> None:
        """Take the next frame."""
        position = self._count
        self._recent.append(look)
        self._count += 1
        begins = self._begins(look)
        returned = self._flat.returned(position, look)
        if begins or returned is not None:
            self._cut(position if returned is None else returned)
        if self._cuts and position - self._cuts[-1] <= FLASH_FRAMES:
            self._forget_flash(position)
        if self._flat.is_fade(position, self._step(1), self._step(2)) and self._cuts:
            self._cuts.pop()
        self._flat.add(position, look, fresh=begins or position == 0)
        found = self._dissolves.add(look)
        if found:
            self._found.append((found.first, found.count))

    def shots(self) -> list[Shot]:
        """Return the shots, after the last frame."""
        self._end_search(self._count)
        beginnings = dict.fromkeys(self._cuts, 0) | dict(self._found)
        return from_beginnings(sorted(beginnings.items()), self._count)

    def _begins(self, look: Look) -> bool:
        """Tell whether a shot begins with the frame just added."""
        if len(self._recent) < 2:
            return False
        last = self._recent[-2]
        if last.is_flat and not look.is_flat:
            return False  # what comes out of black is told by the run of flat frames
        # at the end of a fade there is little to compare, but no step is larger than that before
        if (last.is_faint or look.is_faint) and self._step(1) <= 2 * self._step(2):
            return False
        if look.is_flat:
            return self._step(1) > LEAST_FLAT_STEP_LEVELS
        return is_another_shot(last, look)

    def _step(self, back: int) -> float:
        """Return the difference made by the latest frame (1) or one before, in levels."""
        if len(self._recent) <= back:
            return 0.0
        return self._recent[-back].difference(self._recent[-back - 1])

    def _cut(self, position: int) -> None:
        self._end_search(self._count - 1)
        self._cuts.append(position)

    def _forget_flash(self, position: int) -> None:
        """Drop cuts at a flash that is over, if it is."""
        for begin in range(max(1, position - FLASH_FRAMES), position):
            if self._is_flash(begin):
                self._cuts = [cut for cut in self._cuts if cut < begin]
                return

    def _end_search(self, position: int) -> None:
        found = self._dissolves.finish(position)
        if found:
            self._found.append((found.first, found.count))

    def _is_flash(self, begin: int) -> bool:
        """Tell whether the frames from ``begin`` to the latest but one flash up in one shot."""
        count = self._count - 1 - begin
        if not 0 < count <= FLASH_FRAMES or len(self._recent) < count + 2:
            return False
        before, *flash, after = list(self._recent)[-count - 2 :]
        ends = [look.smooth.mean(axis=2) for look in (before, after)]
        dark, light = np.minimum(*ends), np.maximum(*ends)
        for look in flash:
            now = look.smooth.mean(axis=2)
            if max(float((now > light - 1).mean()), float((now < dark + 1).mean())) < FLASH_SHARE:
                return False
        return not is_another_shot(before, after)


class _FlatRun:
    """Follows runs of frames with nothing in them: where does the picture return, and how?"""

    def __init__(self) -> None:
        self._since: int | None = None
        self._until = 0
        self._fresh = False
        self._returned = -1

    def add(self, position: int, look: Look, *, fresh: bool) -> None:
        """Take a frame; ``fresh`` says that it begins a shot."""
        if look.is_flat:
            if self._since is None:
                self._since, self._fresh = position, fresh
            self._until = position + 1
        elif look.contrast >= 2 * FLAT_LEVELS:
            self._since = None

    def returned(self, position: int, look: Look) -> int | None:
        """Return the first frame after the run, once a frame leaves no doubt that it is over."""
        if self._since is None or look.contrast < 2 * FLAT_LEVELS:
            return None
        self._returned = position
        return self._until

    def is_fade(self, position: int, step: float, step_before: float) -> bool:
        """Tell whether a shot that began flat goes on: its picture comes step by step."""
        return self._fresh and position == self._returned + 1 and 2 * step > step_before

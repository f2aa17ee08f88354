"""The sheet of pictures: three frames of every method, and one row of pixels over time."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from benchmarks.steadiness.runs import frames_of
from docs.sheets import joined, labelled

TILE = (384, 216)
SHOWN = (5, 12, 22)
"""Frames, from 0."""
ROW, LEFT, WIDTH = 128, 40, 96
"""The piece of a row of pixels that is followed: its row, first column and length, of 320x180."""
MOST_BYTES = 400_000
MARK = (64, 255, 255)


def save_sheet(file: Path, rows: Sequence[tuple[str, Path]]) -> None:
    """Write the sheet.

    Args:
        file: A JPEG.
        rows: Titles and folders of frames, of the sample clip at 320x180.
    """
    parts = [_row(title, [cv2.imread(str(f)) for f in frames_of(d)]) for title, d in rows]
    labelled(parts[0][-1], "one row of pixels, time downwards")
    sheet = joined(parts)
    for quality in range(88, 40, -4):
        coded = cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        if len(coded) <= MOST_BYTES:
            break
    file.write_bytes(coded.tobytes())


def _row(title: str, frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return a row of the sheet, each (216, 384, 3) BGR uint8."""
    tiles = [_shown(frames[min(number, len(frames) - 1)]) for number in SHOWN]
    return [labelled(tiles[0], title), *tiles[1:], over_time(frames)]


def over_time(frames: Sequence[np.ndarray]) -> np.ndarray:
    """Return a piece of one row of every frame, stacked downwards and enlarged: steady is upright.

    Args:
        frames: (H, W, 3) BGR uint8.

    Returns:
        (216, 384, 3).
    """
    strip = np.stack([frame[ROW, LEFT : LEFT + WIDTH] for frame in frames])
    return cv2.resize(strip, TILE, interpolation=cv2.INTER_NEAREST)


def _shown(frame: np.ndarray) -> np.ndarray:
    """Return a frame at the size shown, with the followed piece of a row marked at its ends."""
    shown = cv2.resize(frame, TILE, interpolation=cv2.INTER_CUBIC)
    scale = TILE[0] / frame.shape[1]
    y = round((ROW + 0.5) * scale)
    for x, outward in ((LEFT, -1), (LEFT + WIDTH, 1)):
        end = round(x * scale)
        cv2.line(shown, (end, y - 4), (end, y + 4), MARK, 2)
        cv2.line(shown, (end, y), (end + 6 * outward, y), MARK, 2)
    return shown

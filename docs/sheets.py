"""Sheets of pictures: rows with gaps between them, and labels."""

import cv2
import numpy as np

GAP_PX = 6
LETTERS = 0.55
"""Size of the letters, as OpenCV counts it."""


def labelled(picture: np.ndarray, text: str) -> np.ndarray:
    """Write a line on a dark band in the picture's lower left corner.

    Args:
        picture: (H, W, 3) uint8; it is written into.
        text: ASCII: the font has no more.
    """
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, height), below = cv2.getTextSize(text, font, LETTERS, 1)
    bottom = picture.shape[0]
    top = bottom - height - below - 10
    cv2.rectangle(picture, (0, top), (width + 16, bottom), (32, 32, 32), cv2.FILLED)
    place = (8, bottom - below - 5)
    return cv2.putText(picture, text, place, font, LETTERS, (255, 255, 255), 1, cv2.LINE_AA)


def joined(rows: list[list[np.ndarray]]) -> np.ndarray:
    """Return one picture of rows of pictures, with white gaps between them.

    Args:
        rows: Each (h, w, 3) uint8, all of one size, as many in every row.
    """
    beside = np.full((rows[0][0].shape[0], GAP_PX, 3), 255, np.uint8)
    lines = [np.hstack([part for p in row for part in (p, beside)][:-1]) for row in rows]
    below = np.full((GAP_PX, lines[0].shape[1], 3), 255, np.uint8)
    return np.vstack([part for line in lines for part in (line, below)][:-1])

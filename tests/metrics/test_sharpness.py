"""Sharpness."""

import cv2
import numpy as np
import pytest

from framestyle.metrics.sharpness import sharpness


def test_it_is_the_variance_of_the_laplacian(texture):
    grey = cv2.cvtColor(texture(40, 50), cv2.COLOR_RGB2GRAY).astype(np.float32)
    wide = np.pad(grey.astype(np.float64), 1, mode="reflect")
    laplacian = (
        wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:] - 4 * wide[1:-1, 1:-1]
    )
    assert sharpness(grey) == pytest.approx(laplacian.var(), rel=1e-5)


def test_blur_lowers_it(texture):
    grey = texture(40, 50)[:, :, 0].astype(np.float32)
    assert sharpness(cv2.GaussianBlur(grey, (0, 0), 2)) < 0.1 * sharpness(grey)
    assert sharpness(np.full((5, 5), 7, np.float32)) == 0

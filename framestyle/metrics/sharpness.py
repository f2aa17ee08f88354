"""How sharp a frame is."""

import cv2
import numpy as np


def sharpness(grey_levels: np.ndarray) -> float:
    """Return the variance of the Laplacian (Pech-Pacheco 2000), in squared levels.

    Args:
        grey_levels: (H, W) float32, in levels of 255.
    """
    return float(cv2.Laplacian(grey_levels, cv2.CV_32F, ksize=1).var(dtype=np.float64))

"""Levels and light of HDR, and the light of one set of primaries in another.

Levels are what is worked on, (H, W, 3) in [0, 1]; light is that of the display, in candela per
square metre. PQ and HLG are those of ITU-R BT.2100.
"""

import functools

import numpy as np

PAPER_WHITE = 203.0
"""Light of white paper in an HDR picture (ITU-R BT.2408), of which a PQ display has 10,000."""

_PAPER_LEVEL = 0.75
_STEEPNESS = 0.7
_PQ_PEAK, _M1, _M2 = 10000.0, 2610 / 16384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_LUMA = np.array([0.2627, 0.6780, 0.0593])
_D65 = (0.3127, 0.3290)
_CHROMATICITIES = {
    "bt709": ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    "bt2020": ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    "smpte431": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
    "smpte432": ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
WIDE = ("bt2020", "smpte431", "smpte432")
"""Primaries that hold more colours than those of BT.709, by ffmpeg's names."""


def response(light: np.ndarray) -> np.ndarray:
    """Return the levels that light is worked on as: Naka and Rushton's response.

    Tones are mapped with it since Reinhard and Devlin 2005. White paper is at three quarters, and
    the peak of PQ at one.
    """
    half, full = _scales()
    excited = half * np.maximum(light, 0.0) ** _STEEPNESS
    return np.asarray(full * excited / (1 + excited))


def response_undone(levels: np.ndarray) -> np.ndarray:
    """Return the light that ``response`` makes levels of."""
    half, full = _scales()
    share = levels / full
    return np.asarray((share / (1 - share) / half) ** (1 / _STEEPNESS))


def _scales() -> tuple[float, float]:
    paper, peak = PAPER_WHITE**_STEEPNESS, _PQ_PEAK**_STEEPNESS
    half = (_PAPER_LEVEL * peak - paper) / ((1 - _PAPER_LEVEL) * paper * peak)
    return half, (1 + peak * half) / (peak * half)


def pq_light(codes: np.ndarray) -> np.ndarray:
    """Return the light of PQ codes in [0, 1]."""
    root = codes ** (1 / _M2)
    return np.asarray(_PQ_PEAK * (np.maximum(root - _C1, 0.0) / (_C2 - _C3 * root)) ** (1 / _M1))


def pq_codes(light: np.ndarray) -> np.ndarray:
    """Return the PQ codes of light."""
    root = (light / _PQ_PEAK) ** _M1
    return np.asarray(((_C1 + _C2 * root) / (1 + _C3 * root)) ** _M2)


def hlg_light(codes: np.ndarray) -> np.ndarray:
    """Return the light of HLG codes, (H, W, 3), on a display of 1000 candela per square metre."""
    scene = np.where(codes <= 0.5, codes**2 / 3, (np.exp((codes - _C) / _A) + _B) / 12)
    luminance = (scene @ _LUMA)[..., np.newaxis]
    return np.asarray(_HLG_PEAK * scene * luminance ** (_HLG_GAMMA - 1))


def hlg_codes(light: np.ndarray) -> np.ndarray:
    """Return the HLG codes of light, (H, W, 3)."""
    share = np.maximum(light, 0.0) / _HLG_PEAK
    luminance = np.maximum(share @ _LUMA, 1e-9)[..., np.newaxis]
    scene = share * luminance ** (1 / _HLG_GAMMA - 1)
    high = _A * np.log(np.maximum(12 * scene - _B, 1e-9)) + _C
    return np.asarray(np.where(scene <= 1 / 12, np.sqrt(3 * scene), high))


def between(one: str, other: str) -> np.ndarray:
    """Return the matrix from light of one set of primaries to light of another, (3, 3)."""
    return np.asarray(np.linalg.inv(_to_xyz(other)) @ _to_xyz(one))


@functools.cache
def _to_xyz(primaries: str) -> np.ndarray:
    points = np.array(_CHROMATICITIES.get(primaries, _CHROMATICITIES["bt709"]))
    columns = _xyz(points).T
    return np.asarray(columns * np.linalg.solve(columns, _xyz(np.array([_D65]))[0]))


def _xyz(points: np.ndarray) -> np.ndarray:
    x, y = points[:, 0], points[:, 1]
    return np.stack([x / y, np.ones_like(x), (1 - x - y) / y], axis=1)

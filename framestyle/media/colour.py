"""How the numbers of a file stand for colours, by its tags."""

from dataclasses import dataclass, replace

import numpy as np

from framestyle.errors import InputError
from framestyle.media.mastering import Mastering

HD_LINES = 720
"""From this height on, video that does not say which matrix it has is taken for BT.709."""

# What ffmpeg's scaler knows by these names; it calls BT.601 by several.
_MATRICES = {
    "bt709": "bt709",
    "fcc": "fcc",
    "bt470bg": "bt601",
    "smpte170m": "bt601",
    "smpte240m": "smpte240m",
    "bt2020nc": "bt2020",
    "bt2020c": "bt2020",
}
_UNREADABLE = (
    *("ycgco", "ycgco-re", "ycgco-ro", "ictcp", "ipt-c2", "smpte2085"),
    *("chroma-derived-nc", "chroma-derived-c"),
)
_OPTION_NAMES = {"bt470m": "gamma22", "bt470bg": "gamma28"}
RGB_MATRIX = "gbr"
_HDR_TRANSFERS = ("smpte2084", "arib-std-b67")


@dataclass(frozen=True)
class Colour:
    """How the numbers of a video stand for colours, by ffmpeg's names.

    Attributes:
        matrix: From RGB to YUV: ``bt709``, ``smpte170m``, ``bt470bg``, ``bt2020nc`` and so on;
            ``gbr`` where there is none, for the numbers are RGB.
        range: ``tv`` (16 to 235 of 255) or ``pc`` (0 to 255).
        primaries: Of the light; None where the file does not say.
        transfer: From light to numbers; None where the file does not say.
        chroma: Where samples of chroma sit: ``left``, ``topleft`` and so on; None where the file
            does not say.
        mastering: Of HDR; None where the file does not say.
    """

    matrix: str
    range: str
    primaries: str | None
    transfer: str | None
    chroma: str | None = None
    mastering: Mastering | None = None

    @property
    def is_rgb(self) -> bool:
        """True where no matrix is at work."""
        return self.matrix == RGB_MATRIX

    @property
    def scaler_matrix(self) -> str:
        """Name of the matrix for ffmpeg's scaler."""
        return _MATRICES[self.matrix]

    @property
    def is_hdr(self) -> bool:
        """True for PQ and HLG, which eight bits do not hold without bands."""
        return self.transfer in _HDR_TRANSFERS

    def option_tags(self) -> list[str]:
        """Return the tags as options of the first video stream of an output."""
        said = {
            "-color_range": self.range,
            "-colorspace": "rgb" if self.is_rgb else self.matrix,
            "-color_primaries": self.primaries,
            "-color_trc": _OPTION_NAMES.get(self.transfer or "", self.transfer),
            "-chroma_sample_location": self.chroma,
        }
        return [part for key, value in said.items() if value for part in (f"{key}:v:0", value)]

    def as_yuv(self, height_px: int) -> "Colour":
        """Return what RGB becomes when it is written as YUV; itself where it is YUV."""
        if not self.is_rgb:
            return self
        wide = self.primaries == "bt2020"
        matrix = "bt2020nc" if wide else assumed_colour(height_px).matrix
        return replace(self, matrix=matrix, range="tv")


def assumed_colour(height_px: int) -> Colour:
    """Return what video without tags is taken for: BT.709 from 720 lines up, else BT.601."""
    name = "bt709" if height_px >= HD_LINES else "smpte170m"
    return Colour(name, "tv", name, name)


def tagged_colour(
    tags: dict[str, str],
    height_px: int,
    *,
    is_rgb: bool = False,
    mastering: Mastering | None = None,
    name: str = "the video",
) -> Colour | None:
    """Return the colour that a file's tags mean, with what they leave open filled in.

    Args:
        tags: ``range``, ``space``, ``primaries``, ``trc`` and ``chroma`` by ffmpeg's names;
            ``unknown``, ``unspecified`` or missing where the file does not say.
        height_px: Of the coded picture; decides the matrix where it is not tagged.
        is_rgb: Whether the numbers are RGB.
        mastering: What the file says of its mastering.
        name: Of the file, for messages.

    Returns:
        None for RGB of which nothing is said.

    Raises:
        InputError: For a matrix that is not read.
    """
    known = {k: v for k, v in tags.items() if v not in ("unknown", "reserved", "unspecified")}
    primaries, transfer = known.get("primaries"), known.get("trc")
    if is_rgb:
        if primaries is None and transfer is None:
            return None
        return Colour(RGB_MATRIX, "pc", primaries, transfer, None, mastering)
    matrix, span, chroma = known.get("space", ""), known.get("range", "tv"), known.get("chroma")
    assumed = assumed_colour(height_px)
    if not matrix and primaries is None and transfer is None:
        return replace(assumed, range=span, chroma=chroma)
    if matrix in _UNREADABLE:
        raise InputError(
            f"the colours of {name} are coded as {matrix}, which is not read; expected YUV of "
            "BT.601, BT.709 or BT.2020, so convert it first"
        )
    if matrix not in _MATRICES:
        matrix = "bt2020nc" if primaries == "bt2020" else assumed.matrix
    return Colour(matrix, span, primaries, transfer, chroma, mastering)


def widened(samples: np.ndarray) -> np.ndarray:
    """Return 8 bits as 16: 0 and 255 become 0 and 65535."""
    return samples.astype(np.uint16) * np.uint16(257)


def narrowed(samples: np.ndarray) -> np.ndarray:
    """Return 16 bits as the nearest 8."""
    return ((samples.astype(np.uint32) + 128) // 257).astype(np.uint8)

"""Reads the pixels of one picture file, strictly: a damaged file is an error."""

import io
from contextlib import nullcontext
from pathlib import Path

import cv2
import numpy as np
from PIL.ImageFile import ImageFile
from PIL.TiffImagePlugin import TiffImageFile

from framestyle.errors import InputError
from framestyle.files import check_name, read_at_most
from framestyle.media.clip import Notices, ignore
from framestyle.media.complaints import complaints_dropped
from framestyle.media.picture_headers import (
    FORMATS,
    PictureHeader,
    damage_told,
    header_notices,
    header_of,
    opened,
    unwarned,
)
from framestyle.media.profiles import as_srgb
from framestyle.media.source import fitted_size, scaled_down

MOST_BYTES = 1 << 31
"""More than a picture of as many pixels as are read takes in any of the formats."""


def read_picture(
    path: str | Path, *, size_px: int | None = None, notice: Notices = ignore
) -> np.ndarray:
    """Read a picture.

    Args:
        path: PNG, JPEG, TIFF, WebP or BMP; grey and palette pictures become RGB, transparency is
            dropped, the EXIF orientation is applied.
        size_px: Longest side; a larger picture is scaled down, a smaller one is left.
        notice: Gets a line where something of the picture is left out.

    Returns:
        RGB, (H, W, 3), uint8, or uint16 where the file has 16 bits.

    Raises:
        InputError: Where it is not a picture, or is damaged.
    """
    check_name(path)
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        what = what if path.is_dir() or not path.exists() else "is no regular file"
        raise InputError(f"{path} {what}, expected a {FORMATS} picture")
    header, samples = decode_picture(path)
    if header.has_alpha:
        notice(f"the transparency of {path} is dropped")
    for line in header_notices(str(path), header):
        notice(line)
    pixels = np.ascontiguousarray(samples[:, :, :3])
    return scaled_down(pixels, *fitted_size(header.width_px, header.height_px, size_px))


def decode_picture(path: Path) -> tuple[PictureHeader, np.ndarray]:
    """Return header and samples of a picture, upright.

    Returns:
        The header; RGB, (H, W, 3), or RGBA, (H, W, 4), as the header has alpha, uint8 or uint16.
        Colours are not multiplied by alpha.

    Raises:
        InputError: Where it is not a picture, or is damaged.
    """
    with damage_told(path):
        data = read_at_most(path, MOST_BYTES)
        with io.BytesIO(data) as file, unwarned():
            image = opened(path, file)
            header = header_of(path, image)
            with complaints_dropped() if _is_loud(image, header) else nullcontext():
                # Pillow finds damage that OpenCV paints over in grey, but has no RGB of 16 bits.
                image.load()
                is_deep = header.bit_depth == 16
                samples = _deep(path, data, image) if is_deep else _plain(image, header)
            is_turned = isinstance(image, TiffImageFile) and header.bit_depth == 8
            samples = _upright(samples, 1 if is_turned else header.orientation)
    if samples.shape[:2] != (header.height_px, header.width_px):
        raise InputError(f"{path} is not of the size that it says; save it anew")
    return header, samples if header.has_alpha else np.ascontiguousarray(samples[:, :, :3])


def _is_loud(image: ImageFile, header: PictureHeader) -> bool:
    """Return whether libtiff, or OpenCV's libpng, is asked, which say what they find damaged."""
    return isinstance(image, TiffImageFile) or header.bit_depth == 16


def _plain(image: ImageFile, header: PictureHeader) -> np.ndarray:
    mode = "RGBA" if header.has_alpha else "RGB"
    shown = as_srgb(image) if header.is_converted else image
    return np.asarray(shown if shown.mode == mode else shown.convert(mode))


def _deep(path: Path, data: bytes, image: ImageFile) -> np.ndarray:
    """Return 16 bits as RGBA, (H, W, 4); opaque where the file has no alpha."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise InputError(f"{path} is a picture of 16 bits of a kind that is not read; save it anew")
    alpha = np.full(pixels.shape[:2], 65535, np.uint16)
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        grey = pixels if pixels.ndim == 2 else pixels[:, :, 0]
        clear = image.info.get("transparency")  # of a PNG: the one level that is not seen
        alpha[grey == clear] = 0
        return np.dstack([grey, grey, grey, alpha])
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3]
    return np.dstack([pixels[:, :, 2::-1], alpha])


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in (2, 5, 7, 4):
        pixels = pixels[:, ::-1]
    quarter_turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns))

"""Reads the header and the pixels of one picture file, strictly: a damaged file is an error."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from framestyle.errors import InputError
from framestyle.media.clip import Notices, ignore
from framestyle.media.source import fitted_size, scaled_down

MAX_SIDE_PX = 32768
MAX_PIXELS = 2**28
FORMATS = "PNG, JPEG, TIFF, WebP or BMP"

_BITS_PER_SAMPLE = 258  # tags of TIFF and EXIF
_SAMPLE_FORMAT = 339
_ORIENTATION = 274
_HEAD_BYTES = 16
_TAIL_BYTES = 1024


@dataclass(frozen=True)
class PictureHeader:
    """What a picture file says of itself.

    Attributes:
        width_px: As shown, after its EXIF orientation.
        height_px: Likewise.
        bit_depth: 8 or 16.
        has_alpha: True where there is transparency to lose.
        orientation: EXIF's number, 1 to 8.
        pictures: How many pictures are in the file; more than one is an animation or pages.
    """

    width_px: int
    height_px: int
    bit_depth: int
    has_alpha: bool
    orientation: int
    pictures: int


def is_picture(path: Path) -> bool:
    """Return whether a file begins like one of the formats that are read as pictures."""
    with path.open("rb") as file:
        return _opener(file.read(_HEAD_BYTES)) is not None


def read_header(path: Path) -> PictureHeader:
    """Return what a picture says of itself, without decoding it.

    Raises:
        InputError: Where it is not a picture, is damaged, or claims an absurd size.
    """
    try:
        with path.open("rb") as file:
            return _header(path, _opened(path, file))
    except OSError as error:
        raise _unreadable(path, error) from None


def is_whole(path: Path) -> bool:
    """Return whether a file ends as its format must; False may also mean that it cannot be told.

    It costs nothing, where decoding a folder of frames takes minutes.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - _TAIL_BYTES))
        tail = file.read()
    if head.startswith(b"\x89PNG"):
        return b"IEND" in tail
    if head.startswith(b"\xff\xd8"):
        return b"\xff\xd9" in tail
    if head.startswith(b"RIFF"):
        return size >= 8 + int.from_bytes(head[4:8], "little")
    if head.startswith(b"BM"):
        return size >= int.from_bytes(head[2:6], "little")
    return False


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
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {what}, expected a {FORMATS} picture")
    header, pixels = decode_picture(path)
    for line in header_notices(str(path), header):
        notice(line)
    return scaled_down(pixels, *fitted_size(header.width_px, header.height_px, size_px))


def header_notices(name: str, header: PictureHeader) -> list[str]:
    """Return what of a picture is left out when it is read."""
    lines = []
    if header.has_alpha:
        lines.append(f"the transparency of {name} is dropped")
    if header.pictures > 1:
        lines.append(f"{name} has {header.pictures} pictures in it; the first is taken")
    return lines


def decode_picture(path: Path) -> tuple[PictureHeader, np.ndarray]:
    """Return header and pixels of a picture: RGB, (H, W, 3), uint8 or uint16, upright.

    Raises:
        InputError: Where it is not a picture, or is damaged.
    """
    try:
        data = path.read_bytes()
        with io.BytesIO(data) as file:
            image = _opened(path, file)
            header = _header(path, image)
            # Pillow finds damage that OpenCV paints over in grey, but has no RGB of 16 bits.
            image.load()
            pixels = _deep(path, data) if header.bit_depth == 16 else _plain(image)
    except (OSError, ValueError, SyntaxError, MemoryError) as error:
        raise _unreadable(path, error) from None
    return header, _upright(pixels, header.orientation)


def _opener(head: bytes) -> Callable[[Any], ImageFile] | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return PngImageFile
    if head.startswith(b"\xff\xd8\xff"):
        return JpegImageFile
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return TiffImageFile
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return WebPImageFile
    if head.startswith(b"BM") and head[6:10] == b"\0\0\0\0":
        return BmpImageFile
    return None


def _opened(path: Path, file: Any) -> ImageFile:
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    opener = _opener(head)
    if opener is None:
        what = "an empty file" if not head else "not a picture"
        raise InputError(f"{path} is {what}; expected {FORMATS}")
    try:
        # The classes themselves, for Image.open warns of sizes that are allowed here.
        return opener(file)
    except (SyntaxError, ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
        raise _unreadable(path, error) from None


def _header(path: Path, image: ImageFile) -> PictureHeader:
    width, height = image.size
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise InputError(
            f"{path} says it is {width}x{height} pixels; expected at most {MAX_SIDE_PX} a side and "
            f"{MAX_PIXELS // 2**20} million in all, so scale it down first"
        )
    if image.mode == "F" or (image.mode == "I" and not isinstance(image, PngImageFile)):
        raise InputError(
            f"{path} has samples of 32 bits, expected 8 or 16; save it as a PNG of 16 bits first"
        )
    try:
        orientation = int(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, TypeError, OSError):
        orientation = 1
    if 5 <= orientation <= 8:
        width, height = height, width
    return PictureHeader(
        width,
        height,
        16 if _is_deep(image) else 8,
        image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info,
        orientation if 1 <= orientation <= 8 else 1,
        int(getattr(image, "n_frames", 1)),
    )


def _is_deep(image: ImageFile) -> bool:
    if isinstance(image, PngImageFile):
        # Pillow gives the depth only as the raw mode of its one tile: "RGB;16B", "I;16B".
        return any("16" in str(tile[3]) for tile in image.tile)
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, (1,))
        return bool(max(bits if isinstance(bits, tuple) else (bits,)) == 16)
    return False


def _plain(image: ImageFile) -> np.ndarray:
    if image.mode == "P" and "transparency" in image.info:
        return np.asarray(image.convert("RGBA").convert("RGB"))
    return np.asarray(image.convert("RGB"))


def _deep(path: Path, data: bytes) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise InputError(f"{path} is a picture of 16 bits of a kind that is not read; save it anew")
    if pixels.ndim == 2 or pixels.shape[2] < 3:
        grey = pixels if pixels.ndim == 2 else pixels[:, :, 0]
        return np.ascontiguousarray(np.repeat(grey[:, :, np.newaxis], 3, axis=2))
    return np.ascontiguousarray(pixels[:, :, 2::-1])


def _upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    if orientation in (2, 5, 7, 4):
        pixels = pixels[:, ::-1]
    quarter_turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(pixels, quarter_turns))


def _unreadable(path: Path, error: Exception) -> InputError:
    if isinstance(error, PermissionError):
        return InputError(f"{path} may not be read; change its permissions")
    return InputError(
        f"{path} is a damaged picture ({str(error).strip() or type(error).__name__}); "
        "expected a whole one, so fetch or save it again"
    )

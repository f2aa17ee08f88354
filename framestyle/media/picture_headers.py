"""Reads what a picture file says of itself, without decoding it."""

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL.BmpImagePlugin import BmpImageFile
from PIL.Image import DecompressionBombError
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from framestyle.errors import InputError
from framestyle.media.colour import Colour
from framestyle.media.png_colour import colour_of
from framestyle.media.profiles import profile_name

MAX_SIDE_PX = 32768
MAX_PIXELS = 178_956_970
"""As many as Pillow opens of TIFF and WebP, whose headers it checks itself."""
FORMATS = "PNG, JPEG, TIFF, WebP or BMP"

_BITS_PER_SAMPLE = 258  # tags of TIFF and EXIF
_SAMPLE_FORMAT = 339
_ORIENTATION = 274
_IMAGE_WIDTH = 256
_IMAGE_LENGTH = 257
_PNG_EXIF = {"exif", "Raw profile type exif", "XML:com.adobe.xmp"}
_HEAD_BYTES = 16
_TAIL_BYTES = 1024
_PNG_HEAD_BYTES = 4096


@dataclass(frozen=True)
class PictureHeader:
    """What a picture file says of itself.

    Attributes:
        width_px: As shown, after its EXIF orientation.
        height_px: Likewise.
        bit_depth: 8 or 16.
        has_alpha: True where it may be transparent.
        orientation: EXIF's number, 1 to 8.
        pictures: How many pictures are in the file; more than one is an animation or pages.
        colour: What the numbers mean, where the file says it by PNG's cICP.
        profile: Name of its colour profile, where that is another than sRGB's.
    """

    width_px: int
    height_px: int
    bit_depth: int
    has_alpha: bool
    orientation: int
    pictures: int
    colour: Colour | None = None
    profile: str | None = None

    @property
    def is_converted(self) -> bool:
        """True where its colours are converted to sRGB: profiles are read for 8 bits only."""
        return self.profile is not None and self.colour is None and self.bit_depth == 8


def is_picture(path: Path) -> bool:
    """Return whether a file begins like one of the formats that are read as pictures."""
    with path.open("rb") as file:
        return _opener(file.read(_HEAD_BYTES)) is not None


def read_header(path: Path) -> PictureHeader:
    """Return what a picture says of itself, without decoding it.

    Raises:
        InputError: Where it is not a picture, is damaged, or claims an absurd size.
    """
    with damage_told(path), path.open("rb") as file, unwarned():
        return header_of(path, opened(path, file))


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


def header_notices(name: str, header: PictureHeader) -> list[str]:
    """Return what of a picture is left out or changed when it is read."""
    lines = []
    if header.pictures > 1:
        lines.append(f"{name} has {header.pictures} pictures in it; the first is taken")
    if header.is_converted:
        lines.append(f"{name} has the colours of {header.profile}, which are converted to sRGB")
    elif header.profile is not None and header.colour is None:
        lines.append(
            f"{name} has the colour profile {header.profile}, which is left out, for it has 16 "
            "bits; convert it to sRGB first to keep its colours"
        )
    return lines


@contextlib.contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Raise ``InputError`` for all that Pillow, OpenCV and the system raise of a picture."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:  # they raise whatever they met: KeyError, struct.error, cv2.error
        raise unreadable(path, error) from None


@contextlib.contextmanager
def unwarned() -> Iterator[None]:
    """Keep Pillow from warning."""
    # Pillow warns of sloppy metadata, which is in half of all photographs and does no harm.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


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


def opened(path: Path, file: Any) -> ImageFile:
    """Return an open file as Pillow's picture, not decoded; raises ``InputError`` if it is none."""
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    opener = _opener(head)
    if opener is None:
        what = "an empty file" if not head else "not a picture"
        raise InputError(f"{path} is {what}; expected {FORMATS}")
    with damage_told(path):
        # The classes themselves, for Image.open warns of sizes that are allowed here.
        return opener(file)


def header_of(path: Path, image: ImageFile) -> PictureHeader:
    """Return what an open picture says of itself; raises ``InputError`` for absurd sizes."""
    width, height = _coded_size(image)
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_PIXELS:
        raise too_large(path, f"{width}x{height} pixels")
    if image.mode == "F" or (image.mode == "I" and not isinstance(image, PngImageFile)):
        raise InputError(
            f"{path} has samples of 32 bits, expected 8 or 16; save it as a PNG of 16 bits first"
        )
    is_deep, orientation = _is_deep(image), _orientation(image)
    if 5 <= orientation <= 8:
        width, height = height, width
    return PictureHeader(
        width,
        height,
        16 if is_deep else 8,
        image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info,
        orientation,
        int(getattr(image, "n_frames", 1)),
        _colour(image),
        profile_name(image),
    )


def _colour(image: ImageFile) -> Colour | None:
    if not isinstance(image, PngImageFile) or image.fp is None:
        return None
    at = image.fp.tell()
    image.fp.seek(0)
    colour = colour_of(image.fp.read(_PNG_HEAD_BYTES))
    image.fp.seek(at)
    return colour


def _coded_size(image: ImageFile) -> tuple[int, int]:
    if isinstance(image, TiffImageFile):
        # Of this format alone, Pillow gives the size as turned, and turns it when it loads.
        return int(image.tag_v2[_IMAGE_WIDTH]), int(image.tag_v2[_IMAGE_LENGTH])
    width, height = image.size
    return width, height


def _orientation(image: ImageFile) -> int:
    if isinstance(image, PngImageFile) and not _PNG_EXIF & image.info.keys():
        return 1  # Pillow would decode the whole picture to look for it behind the pixels
    try:
        number = int(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, TypeError, OSError):
        return 1
    return number if 1 <= number <= 8 else 1


def _is_deep(image: ImageFile) -> bool:
    if isinstance(image, PngImageFile):
        # Pillow gives the depth only as the raw mode of its one tile: "RGB;16B", "I;16B".
        return any("16" in str(tile[3]) for tile in image.tile)
    if isinstance(image, TiffImageFile):
        bits = image.tag_v2.get(_BITS_PER_SAMPLE, (1,))
        return bool(max(bits if isinstance(bits, tuple) else (bits,)) == 16)
    return False


def too_large(path: Path, size: str) -> InputError:
    """Return the error for a picture, or a video's frame, of more pixels than are decoded."""
    return InputError(
        f"{path} says it is {size}; expected at most {MAX_SIDE_PX} a side and "
        f"{MAX_PIXELS // 10**6} million in all, so scale it down first"
    )


def unreadable(path: Path, error: Exception) -> InputError:
    """Return the error for a picture that Pillow, OpenCV or the system refuses."""
    if isinstance(error, DecompressionBombError):
        return too_large(path, "of too many pixels")
    if isinstance(error, PermissionError):
        return InputError(f"{path} may not be read; change its permissions")
    return InputError(
        f"{path} is a damaged picture ({' '.join(str(error).split()) or type(error).__name__}); "
        "expected a whole one, so fetch or save it again"
    )

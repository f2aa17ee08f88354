"""What an output cannot hold of a clip: the lines that say so, before the work starts."""

from framestyle.media.clip import ClipInfo
from framestyle.media.encoding import Encoding
from framestyle.media.picture_encoding import ALPHA_SUFFIXES, DEEP_SUFFIXES
from framestyle.media.pixel_formats import bit_depth_of


def left_out_of_video(encoding: Encoding, info: ClipInfo) -> list[str]:
    """Return a line for each thing that an encoding leaves out."""
    lines = []
    form = f"{encoding.container} with {encoding.codec} in {encoding.pixel_format}"
    form = "a .gif" if encoding.container == "gif" else form
    if info.has_alpha and not encoding.has_alpha:
        lines.append(
            f"{form} has no alpha; the input's transparency is left out (.mov, .webm, .mkv and "
            "folders of .png keep it)"
        )
    elif info.has_alpha and encoding.container == "gif":
        lines.append("a .gif is clear or opaque; the input's transparency is cut at half")
    if info.is_hdr and not encoding.says_hdr:
        lines.append(f"{form} cannot say that it is HDR; the frames become those of usual range")
    elif info.bit_depth == 16 and bit_depth_of(encoding.pixel_format) == 8:
        kind = "is HDR and may show bands" if info.is_hdr else "has more"
        lines.append(f"{form} holds 8 bits; the input {kind}")
    return lines


def left_out_of_pictures(suffix: str, info: ClipInfo) -> list[str]:
    """Return a line for each thing that pictures of a form leave out."""
    lines = []
    if info.has_alpha and suffix not in ALPHA_SUFFIXES:
        lines.append(
            f"{suffix} has no alpha; the input's transparency is left out, which .png would keep"
        )
    if info.is_hdr and suffix != ".png":
        lines.append(
            f"{suffix} cannot say that it is HDR, as .png can; the frames become those of usual "
            "range"
        )
    elif info.bit_depth == 16 and suffix not in DEEP_SUFFIXES:
        lines.append(f"{suffix} holds 8 bits; the input has more, which .png would keep")
    return lines

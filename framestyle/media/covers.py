"""Cover pictures as attachments: Matroska has no other place for them."""

from collections.abc import Sequence
from pathlib import Path

from framestyle.media.ffmpeg import file_url, run
from framestyle.media.streams import LOCAL_ONLY, Stream

_KINDS = {"mjpeg": ("jpg", "image/jpeg"), "png": ("png", "image/png")}


def is_attachable(stream: Stream) -> bool:
    """Return whether a cover picture is of a kind that players look for."""
    return stream.codec in _KINDS


def attached_covers(
    path: Path, covers: Sequence[Stream], folder: Path, attachments: int
) -> list[str]:
    """Return the arguments that attach cover pictures, which are taken out of a file.

    Args:
        path: The file.
        covers: Its streams that are attachable covers.
        folder: Where ffmpeg runs, and the pictures are put.
        attachments: How many other attachments come before them.
    """
    arguments = []
    for number, stream in enumerate(covers):
        suffix, kind = _KINDS[stream.codec]
        name = f"cover{number or ''}.{suffix}"
        source = [*LOCAL_ONLY, "-i", file_url(path), "-map", f"0:{stream.index}"]
        output = ["-frames:v", "1", "-f", "image2", "-update", "1", "-y", name]
        if run([*source, "-c", "copy", *output], cwd=folder).code:
            continue
        place = f"-metadata:s:t:{attachments + number}"
        arguments += ["-attach", name, place, f"mimetype={kind}", place, f"filename={name}"]
    return arguments

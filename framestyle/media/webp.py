"""Gives an animated WebP the end that its last frame should have."""

from pathlib import Path

_HEAD_BYTES = 12  # RIFF, size, WEBP
_FRAME = b"ANMF"
_DURATION_AT = 12  # behind place and size, three bytes each
_LONGEST_MS = 2**24 - 1


def end_animation(path: Path, total_ms: int) -> None:
    """Have the last frame of an animated WebP last until the whole does.

    ffmpeg's encoder gives it the mean of the others. Frames that show the same as the one before
    have become one with it, so the sum is what counts.

    Args:
        path: The file, changed in place; one without frames is a still picture, and left.
        total_ms: How long all frames are shown, in milliseconds.
    """
    with path.open("r+b") as file:
        places, at = [], _HEAD_BYTES
        file.seek(at)
        while len(head := file.read(8)) == 8:
            if head[:4] == _FRAME:
                places.append(at + 8 + _DURATION_AT)
            size = int.from_bytes(head[4:], "little")
            at += 8 + size + size % 2
            file.seek(at)
        shown = 0
        for place in places[:-1]:
            file.seek(place)
            shown += int.from_bytes(file.read(3), "little")
        if places:
            file.seek(places[-1])
            file.write(min(max(1, total_ms - shown), _LONGEST_MS).to_bytes(3, "little"))

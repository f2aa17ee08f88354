"""The tag of a TIFF that says that its fourth channel is alpha, which OpenCV leaves out."""

import struct

_EXTRA_SAMPLES, _SHORT, _UNASSOCIATED = 338, 3, 2


def with_alpha_tag(tiff: bytes) -> bytes:
    """Return a TIFF of RGBA that says that colours are not multiplied by its alpha.

    Args:
        tiff: As OpenCV makes it: little-endian, with one picture in it.
    """
    (at,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, at)
    entries = [tiff[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count)]
    entries.append(struct.pack("<HHIHH", _EXTRA_SAMPLES, _SHORT, 1, _UNASSOCIATED, 0))
    entries.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
    padded = tiff + b"\0" * (len(tiff) % 2)
    directory = struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    return padded[:4] + struct.pack("<I", len(padded)) + padded[8:] + directory

"""The chunk of a PNG that says what its numbers mean: cICP (PNG, third edition; ITU-T H.273)."""

import struct
import zlib

from framestyle.media.colour import RGB_MATRIX, Colour

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_NAME = b"cICP"
_HEADER_END = len(_SIGNATURE) + 25
_PRIMARIES = {
    "bt709": 1,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "film": 8,
    "bt2020": 9,
    "smpte428": 10,
    "smpte431": 11,
    "smpte432": 12,
}
_TRANSFERS = {
    "bt709": 1,
    "bt470m": 4,
    "bt470bg": 5,
    "smpte170m": 6,
    "smpte240m": 7,
    "linear": 8,
    "iec61966-2-4": 11,
    "iec61966-2-1": 13,
    "bt2020-10": 14,
    "bt2020-12": 15,
    "smpte2084": 16,
    "smpte428": 17,
    "arib-std-b67": 18,
}


def with_colour(png: bytes, colour: Colour | None) -> bytes:
    """Return a PNG that says what its numbers mean, where they are not what all take them for.

    Args:
        png: The file, as an encoder made it.
        colour: Primaries and transfer of the numbers.
    """
    if colour is None or not (colour.is_hdr or colour.primaries == "bt2020"):
        return png
    primaries = _PRIMARIES.get(colour.primaries or "", 2)
    body = _NAME + bytes([primaries, _TRANSFERS.get(colour.transfer or "", 2), 0, 1])
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_HEADER_END] + chunk + png[_HEADER_END:]


def colour_of(head: bytes) -> Colour | None:
    """Return what a PNG says of its numbers; None where it says nothing, or is no PNG.

    Args:
        head: The first of its bytes, as far as they are known; the chunk is looked for there.
    """
    at = len(_SIGNATURE)
    while head.startswith(_SIGNATURE) and at + 12 <= len(head):
        (length,), name = struct.unpack(">I", head[at : at + 4]), head[at + 4 : at + 8]
        if name == _NAME and length == 4 and at + 12 <= len(head):
            primaries, transfer = _name(_PRIMARIES, head[at + 8]), _name(_TRANSFERS, head[at + 9])
            return Colour(RGB_MATRIX, "pc", primaries, transfer)
        if name in (b"IDAT", b"IEND"):
            break
        at += 12 + length
    return None


def _name(numbers: dict[str, int], number: int) -> str | None:
    return next((name for name, own in numbers.items() if own == number), None)

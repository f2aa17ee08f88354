"""Files of optical flow: Middlebury's ``.flo`` and KITTI's 16-bit PNG, read and written."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from framestyle.errors import InputError, OutputError

SUFFIXES = (".flo", ".png")
FLO_MAGIC = b"PIEH"
FLO_UNKNOWN_PX = 1e9
"""Middlebury's files mark places whose flow is not known with numbers beyond this."""
LARGEST_SIDE_PX = 1 << 14
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
KITTI_ZERO = 1 << 15
KITTI_STEPS = 64.0
"""KITTI's files hold 64ths of a pixel."""


@dataclass(frozen=True)
class FlowField:
    """What a file of flow holds.

    Attributes:
        flow: (1, 2, H, W) float32, in pixels, (x, y); 0 where it is not known.
        known: (1, 1, H, W) bool.
    """

    flow: Tensor
    known: Tensor


def read_flow(path: Path) -> FlowField:
    """Read a ``.flo`` file (Baker et al. 2011) or a KITTI flow picture (Menze, Geiger 2015).

    Raises:
        InputError: It cannot be read, is damaged, or holds something else.
    """
    data = _bytes_of(path)
    return _flo(path, data) if path.suffix.lower() == ".flo" else _kitti(path, data)


def write_flo(path: Path, flow: Tensor) -> None:
    """Write a flow (1, 2, H, W) as Middlebury's format has it: float32, exact.

    Raises:
        OutputError: The file cannot be written.
    """
    height, width = flow.shape[2:]
    values = flow[0].permute(1, 2, 0).numpy().astype("<f4")
    _write(path, FLO_MAGIC + struct.pack("<ii", width, height) + values.tobytes())


def write_kitti(path: Path, flow: Tensor, known: Tensor | None = None) -> None:
    """Write a flow as KITTI's format has it: rounded to 64ths of a pixel.

    Args:
        path: A file ``.png``.
        flow: (1, 2, H, W), from -512 px to under 512.
        known: (1, 1, H, W) bool; everywhere unless given.

    Raises:
        OutputError: A vector is too long for the format, or the file cannot be written.
    """
    known = torch.ones_like(flow[:, :1], dtype=torch.bool) if known is None else known
    steps = (flow * KITTI_STEPS).round() + KITTI_ZERO
    if bool((((steps < 0) | (steps >= 1 << 16)) & known).any()):
        raise OutputError(f"{path}: flow of 512 px or more does not fit into KITTI's format")
    rgb = torch.cat([steps * known, known], dim=1)[0].permute(1, 2, 0).numpy().astype(np.uint16)
    written, png = cv2.imencode(".png", np.ascontiguousarray(rgb[:, :, ::-1]))
    if not written:
        raise OutputError(f"{path}: OpenCV cannot encode a picture of {rgb.shape[1::-1]}")
    _write(path, png.tobytes())


def _flo(path: Path, data: bytes) -> FlowField:
    if data[:4] != FLO_MAGIC:
        raise InputError(f"{path} is no .flo file: it starts with {data[:4]!r}, not {FLO_MAGIC!r}")
    width, height = struct.unpack("<ii", data[4:12]) if len(data) >= 12 else (0, 0)
    _check_size(path, width, height)
    expected = 12 + 8 * width * height
    if len(data) != expected:
        raise InputError(
            f"{path} is damaged: it says {width}x{height} and has {len(data)} bytes, expected "
            f"{expected}"
        )
    values = np.frombuffer(data, "<f4", offset=12).reshape(height, width, 2)
    if not np.isfinite(values).all():
        raise InputError(f"{path} is damaged: it holds numbers that are not finite")
    return _field(values, (np.abs(values) < FLO_UNKNOWN_PX).all(axis=2))


def _kitti(path: Path, data: bytes) -> FlowField:
    chunks = list(_chunks(path, data))
    header = dict(chunks).get(b"IHDR", b"")
    if len(header) != 13:
        raise InputError(f"{path} is damaged: its header has {len(header)} bytes, expected 13")
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    if (depth, colour) != (16, 2):
        raise InputError(
            f"{path} is no flow picture of KITTI: expected a PNG of 16 bits in three channels"
        )
    _check_size(path, width, height)
    _check_pixels(path, b"".join(part for kind, part in chunks if kind == b"IDAT"), width, height)
    if (decoded := cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)) is None:
        raise InputError(f"{path} is damaged: OpenCV cannot decode its {width}x{height} pixels")
    rgb = decoded[:, :, ::-1].astype(np.float32)
    return _field((rgb[..., :2] - KITTI_ZERO) / KITTI_STEPS, rgb[..., 2] > 0)


def _check_size(path: Path, width: int, height: int) -> None:
    if not (0 < width <= LARGEST_SIDE_PX and 0 < height <= LARGEST_SIDE_PX):
        raise InputError(f"{path} is damaged: it says {width}x{height} pixels, which cannot be")


def _check_pixels(path: Path, packed: bytes, width: int, height: int) -> None:
    """Refuse a picture with too few pixels before OpenCV complains of it on the terminal."""
    least = height * (1 + 6 * width)  # interlaced ones have some more
    unpacking = zlib.decompressobj()
    try:
        got = len(unpacking.decompress(packed, least))
    except zlib.error as error:
        raise InputError(f"{path} is damaged: its pixels cannot be unpacked ({error})") from None
    if got < least:
        raise InputError(
            f"{path} is damaged: it has {got} bytes of pixels, expected {least} for "
            f"{width}x{height}"
        )


def _chunks(path: Path, data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parts of a PNG; a decoder may take a cut one and fill up what is missing."""
    if not data.startswith(PNG_MAGIC):
        raise InputError(f"{path} is no PNG: it starts with {data[:8]!r}")
    at, kind = len(PNG_MAGIC), b""
    while kind != b"IEND":
        length = int.from_bytes(data[at : at + 4], "big")
        kind, end = data[at + 4 : at + 8], at + 8 + length
        if len(data) < end + 4 or zlib.crc32(data[at + 4 : end]) != int.from_bytes(
            data[end : end + 4], "big"
        ):
            raise InputError(f"{path} is damaged: the part at byte {at} is not whole")
        yield kind, data[at + 8 : end]
        at = end + 4


def _field(values: np.ndarray, known: np.ndarray) -> FlowField:
    """Make a field of values (H, W, 2) and where they are known, (H, W)."""
    flow = np.where(known, values.transpose(2, 0, 1), 0.0).astype(np.float32)
    return FlowField(torch.from_numpy(flow)[None], torch.from_numpy(known)[None, None])


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None

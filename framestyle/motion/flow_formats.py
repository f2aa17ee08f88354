"""Files of optical flow: Middlebury's ``.flo`` and KITTI's 16-bit PNG, read and written."""

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import torch
from torch import Tensor

from framestyle.errors import InputError, OutputError
from framestyle.files import opened_at_once

SUFFIXES = (".flo", ".png")
FLO_MAGIC = b"PIEH"
FLO_UNKNOWN_PX = 1e9
"""Middlebury's files mark places whose flow is not known with numbers beyond this."""
LARGEST_SIDE_PX = 1 << 14
MOST_EXTRA_BYTES = 1 << 20
"""What a flow picture may have beside its pixels: times, texts, profiles."""
STEP_BYTES = 1 << 20
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
KITTI_ZERO = 1 << 15
KITTI_STEPS = 64.0
"""KITTI's files hold 64ths of a pixel."""


Size = tuple[int, int]
"""Width and height."""


@dataclass(frozen=True)
class FlowField:
    """What a file of flow holds.

    Attributes:
        flow: (1, 2, H, W) float32, in pixels, (x, y); 0 where it is not known.
        known: (1, 1, H, W) bool.
    """

    flow: Tensor
    known: Tensor


def read_flow(path: Path, size: Size | None = None) -> FlowField:
    """Read a ``.flo`` file (Baker et al. 2011) or a KITTI flow picture (Menze, Geiger 2015).

    Args:
        path: The file.
        size: Width and height that it must have; any unless given.

    Raises:
        InputError: It cannot be read, is damaged, of another size, or holds something else.
    """
    try:
        with opened_at_once(path) as file:
            return (_flo if path.suffix.lower() == ".flo" else _kitti)(path, file, size)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def write_flo(path: Path, flow: Tensor) -> None:
    """Write a flow (1, 2, H, W) as Middlebury's format has it: float32, exact.

    Raises:
        OutputError: It is no such tensor, or the file cannot be written.
    """
    _check_flow(path, flow)
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
        OutputError: It is no such tensor, a vector is too long for the format, or the file cannot
            be written.
    """
    _check_flow(path, flow)
    known = torch.ones_like(flow[:, :1], dtype=torch.bool) if known is None else known
    steps = (flow * KITTI_STEPS).round() + KITTI_ZERO
    if bool((((steps < 0) | (steps >= 1 << 16)) & known).any()):
        raise OutputError(f"{path}: flow of 512 px or more does not fit into KITTI's format")
    rgb = torch.cat([steps * known, known], dim=1)[0].permute(1, 2, 0).numpy().astype(np.uint16)
    written, png = cv2.imencode(".png", np.ascontiguousarray(rgb[:, :, ::-1]))
    if not written:
        raise OutputError(f"{path}: OpenCV cannot encode a picture of {rgb.shape[1::-1]}")
    _write(path, png.tobytes())


def _check_flow(path: Path, flow: Tensor) -> None:
    if not isinstance(flow, Tensor) or flow.dim() != 4 or flow.shape[:2] != (1, 2):
        got = f"{type(flow).__name__} of shape {tuple(getattr(flow, 'shape', ()))}"
        raise OutputError(f"{path}: got {got}, expected a tensor (1, 2, height, width) of pixels")


def _flo(path: Path, file: BinaryIO, size: Size | None) -> FlowField:
    head = file.read(12)
    if head[:4] != FLO_MAGIC:
        raise InputError(f"{path} is no .flo file: it starts with {head[:4]!r}, not {FLO_MAGIC!r}")
    width, height = struct.unpack("<ii", head[4:]) if len(head) == 12 else (0, 0)
    _check_size(path, width, height, size)
    expected = 8 * width * height
    data = file.read(expected + 1)
    if len(data) != expected:
        has = max(12 + len(data), os.fstat(file.fileno()).st_size)
        raise InputError(
            f"{path} is damaged: it says {width}x{height} and has {has} bytes, expected "
            f"{12 + expected}"
        )
    values = np.frombuffer(data, "<f4").reshape(height, width, 2)
    if not np.isfinite(values).all():
        raise InputError(f"{path} is damaged: it holds numbers that are not finite")
    return _field(values, (np.abs(values) < FLO_UNKNOWN_PX).all(axis=2))


def _kitti(path: Path, file: BinaryIO, size: Size | None) -> FlowField:
    head = file.read(len(PNG_MAGIC) + 25)
    if not head.startswith(PNG_MAGIC):
        raise InputError(f"{path} is no PNG: it starts with {head[:8]!r}")
    length = int.from_bytes(head[8:12], "big") if head[12:16] == b"IHDR" else 0
    if length != 13 or len(head) < len(PNG_MAGIC) + 25:
        raise InputError(f"{path} is damaged: its header has {length} bytes, expected 13")
    width, height, depth, colour = struct.unpack(">IIBB", head[16:26])
    if (depth, colour) != (16, 2):
        raise InputError(
            f"{path} is no flow picture of KITTI: expected a PNG of 16 bits in three channels"
        )
    _check_size(path, width, height, size)
    most = MOST_EXTRA_BYTES + 2 * height * (1 + 6 * width)
    data = head + file.read(most)
    if file.read(1):
        raise InputError(f"{path} is damaged: it has over {most} bytes for {width}x{height} pixels")
    packed = b"".join(part for kind, part in _chunks(path, data) if kind == b"IDAT")
    _check_pixels(path, packed, width, height)
    try:
        decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        decoded = None
    if decoded is None or decoded.shape != (height, width, 3):
        raise InputError(f"{path} is damaged: OpenCV cannot decode its {width}x{height} pixels")
    rgb = decoded[:, :, ::-1].astype(np.float32)
    return _field((rgb[..., :2] - KITTI_ZERO) / KITTI_STEPS, rgb[..., 2] > 0)


def _check_size(path: Path, width: int, height: int, size: Size | None) -> None:
    if not (0 < width <= LARGEST_SIDE_PX and 0 < height <= LARGEST_SIDE_PX):
        raise InputError(f"{path} is damaged: it says {width}x{height} pixels, which cannot be")
    if size not in (None, (width, height)):
        raise InputError(
            f"{path} is {width}x{height}, and the frames are {size[0]}x{size[1]}; make the flow "
            "at the size of the frames"
        )


def _check_pixels(path: Path, packed: bytes, width: int, height: int) -> None:
    """Refuse a picture with too few pixels before OpenCV complains of it on the terminal."""
    least = height * (1 + 6 * width)  # interlaced ones have some more
    unpacking, got = zlib.decompressobj(), 0
    try:
        while got < least and (part := unpacking.decompress(packed, STEP_BYTES)):
            got, packed = got + len(part), unpacking.unconsumed_tail
    except zlib.error as error:
        raise InputError(f"{path} is damaged: its pixels cannot be unpacked ({error})") from None
    if got < least:
        raise InputError(
            f"{path} is damaged: it has {got} bytes of pixels, expected {least} for "
            f"{width}x{height}"
        )


def _chunks(path: Path, data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the parts of a PNG; a decoder may take a cut one and fill up what is missing."""
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


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}") from None

"""Folders of frames and single pictures as sources."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

import numpy as np

from framestyle.config import InputSettings
from framestyle.errors import InputError, SettingsError
from framestyle.media.clip import ClipInfo, Frame, Notices
from framestyle.media.colour import widened
from framestyle.media.listing import missing_numbers
from framestyle.media.picture_files import decode_picture
from framestyle.media.picture_headers import (
    PictureHeader,
    header_notices,
    is_whole,
    read_header,
)
from framestyle.media.selection import select
from framestyle.media.source import Source, fitted_size, frame_of, too_small_notice

FOLDER_RATE = Fraction(24)
"""Frames per second of a folder of frames that ``--fps`` says nothing of."""


class _Pictures(Source):
    """What a folder and a single picture share: files read one by one."""

    def __init__(self, info: ClipInfo, coded_size: tuple[int, int]) -> None:
        self.info = info
        self._coded_size = coded_size

    def read(self, first: int = 0) -> Generator[Frame, None, None]:
        """Yield the frames from position ``first`` on; see ``Source.read``."""
        for index in range(first, self.info.frame_count):
            yield frame_of(self._samples(index), index, self.info)

    def _samples(self, index: int) -> np.ndarray:
        path = self.info.files[index]
        header, samples = decode_picture(path)
        if (header.width_px, header.height_px) != self._coded_size:
            raise InputError(
                f"{path} (frame {index + 1}) has become {header.width_px}x{header.height_px} since "
                f"the start, expected {self._coded_size[0]}x{self._coded_size[1]}"
            )
        if header.has_alpha and not self.info.has_alpha:
            raise InputError(f"{path} (frame {index + 1}) has become transparent since the start")
        if self.info.has_alpha and not header.has_alpha:
            top = np.iinfo(samples.dtype).max
            samples = np.dstack([samples, np.full(samples.shape[:2], top, samples.dtype)])
        if self.info.bit_depth == 16 and samples.dtype == np.uint8:
            return widened(samples)
        if self.info.bit_depth == 8 and samples.dtype == np.uint16:
            raise InputError(f"{path} (frame {index + 1}) has become a picture of 16 bits")
        return samples


class FolderSource(_Pictures):
    """A folder of frames, or the files that a pattern names."""

    @classmethod
    def open(
        cls, path: Path, files: tuple[Path, ...], settings: InputSettings, notice: Notices
    ) -> "FolderSource":
        """Check every file's header and return the source.

        Raises:
            InputError: For a file that is no whole picture, frames of different sizes, or a
                selection without a frame in it.
        """
        rate = settings.fps or FOLDER_RATE
        chosen = select([Fraction(i) / rate for i in range(len(files))], 1 / rate, settings, path)
        taken = files[chosen.first : chosen.first + chosen.count]
        headers = [_checked(file) for file in taken]
        _check_alike(taken, headers)
        _say_once(taken, headers, notice)
        gap = missing_numbers(taken)
        if gap:
            notice(f"the numbers of the frames jump from {gap[0]} to {gap[1]}; names keep the gaps")
        size = (headers[0].width_px, headers[0].height_px)
        width, height = _sized(path, size, settings, notice)
        info = ClipInfo(
            "folder",
            path,
            width,
            height,
            chosen.count,
            rate,
            _depth(headers),
            headers[0].colour,
            start_seconds=chosen.start_seconds,
            duration_seconds=chosen.duration_seconds,
            cut_start=chosen.cut_start,
            cut_end=chosen.cut_end,
            has_alpha=any(header.has_alpha for header in headers),
            files=taken,
        )
        return cls(info, size)


class PictureSource(_Pictures):
    """One picture."""

    @classmethod
    def open(cls, path: Path, settings: InputSettings, notice: Notices) -> "PictureSource":
        """Check the file and return the source.

        Raises:
            InputError: Where it is no whole picture.
            SettingsError: Where settings ask for times of it.
        """
        for flag, value in (
            ("--fps", settings.fps),
            ("--start", settings.start),
            ("--end", settings.end),
        ):
            if value is not None:
                raise SettingsError(f"{flag} is given, but {path} is one picture; leave {flag} out")
        header, _ = decode_picture(path)
        for line in header_notices(str(path), header):
            notice(line)
        size = (header.width_px, header.height_px)
        width, height = _sized(path, size, settings, notice)
        info = ClipInfo(
            "picture",
            path,
            width,
            height,
            1,
            None,
            _depth([header]),
            header.colour,
            has_alpha=header.has_alpha,
            files=(path,),
        )
        return cls(info, size)


def _checked(file: Path) -> PictureHeader:
    header = read_header(file)
    if not is_whole(file):
        decode_picture(file)  # says what is wrong with it, or that it is whole after all
    return header


def _check_alike(files: tuple[Path, ...], headers: list[PictureHeader]) -> None:
    first = headers[0]
    for file, header in zip(files, headers, strict=True):
        if (header.width_px, header.height_px) != (first.width_px, first.height_px):
            raise InputError(
                f"{files[0]} is {first.width_px}x{first.height_px} but {file} is "
                f"{header.width_px}x{header.height_px}; expected frames of one size, so scale or "
                "remove the odd ones"
            )
        if header.colour != first.colour:
            raise InputError(
                f"{files[0]} and {file} say of their numbers that they mean different colours "
                "(cICP); expected frames of one kind, so convert the odd ones"
            )


def _depth(headers: list[PictureHeader]) -> int:
    is_hdr = headers[0].colour is not None and headers[0].colour.is_hdr
    return 16 if is_hdr else max(header.bit_depth for header in headers)


def _say_once(files: tuple[Path, ...], headers: list[PictureHeader], notice: Notices) -> None:
    odd = [(f, h) for f, h in zip(files, headers, strict=True) if header_notices(str(f), h)]
    if odd:
        file, header = odd[0]
        more = f" and {len(odd) - 1} more" if len(odd) > 1 else ""
        for line in header_notices(f"{file}{more}", header):
            notice(line)


def _sized(
    path: Path, size: tuple[int, int], settings: InputSettings, notice: Notices
) -> tuple[int, int]:
    if settings.size is not None and max(size) < settings.size:
        notice(too_small_notice(str(path), *size, settings.size))
    return fitted_size(*size, settings.size)

"""What a job is: its settings, inputs and versions, so that only the same job goes on."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy
import torch

from framestyle.config import FLAGS, GROUPS, Config
from framestyle.errors import InputError, UnfinishedJobError
from framestyle.files import opened_at_once, read_at_most
from framestyle.settings import as_plain

_WHOLE_BYTES = 1 << 24
"""Up to which a file is hashed as a whole: there may be thousands of frames."""
_SAMPLES, _SAMPLE_BYTES = 256, 1 << 14
"""How many pieces of a larger file are hashed, from its beginning to its end. Of a frame of 4K, a
few rows that changed are more than lies between two of them."""
_MOST_BYTES = 1 << 28  # the frames of a day are two million lines
_SHOWN_CHARACTERS = 200
_HOW_ONLY = {"output": ("overwrite",), "job": ("job_dir", "restart")}
"""Settings that do not change a single byte of the result."""

_FILES = {"dream": ("guide",), "motion": ("shots",), "compute": ("weights",)}
"""Settings that name files: what is in them counts, and not how they were named."""

_NOT_SET = "not set"
_COMPARED = ("settings", "inputs", "versions", "run")


@dataclass(frozen=True)
class Manifest:
    """Everything that the bytes of a result depend on.

    Attributes:
        settings: Settings by group, as plain values.
        inputs: Fingerprints of files by the part that they play: ``clip``, ``style 1``, ...
        versions: Of framestyle and the libraries.
        run: What else there is: the output's form, the device, the weights of styles.
        names: The files' names by the part that they play, for people; a file that is named
            otherwise, or was moved, is the same.
    """

    settings: Mapping[str, Mapping[str, Any]]
    inputs: Mapping[str, str]
    versions: Mapping[str, str]
    run: Mapping[str, str]
    names: Mapping[str, str] = field(default_factory=dict, compare=False)

    @classmethod
    def of(cls, config: Config, inputs: Mapping[str, Path], run: Mapping[str, str]) -> "Manifest":
        """Describe a job; raises ``InputError`` where an input cannot be read."""
        settings = {group: dict(as_plain(getattr(config, group))) for group in GROUPS}
        for group, names in (*_HOW_ONLY.items(), *_FILES.items()):
            for name in names:
                settings[group].pop(name, None)
        prints = {part: fingerprint(path) for part, path in inputs.items()}
        told = {part: str(path) for part, path in inputs.items()}
        return cls(settings, prints, library_versions(), run, told)

    def differences(self, other: "Manifest") -> list[str]:
        """Say in words what differs from another job, one line each."""
        mine, theirs = self._flat(), other._flat()
        return [
            self._line(key, theirs.get(key, _NOT_SET), mine.get(key, _NOT_SET))
            for key in sorted({*mine, *theirs})
            if mine.get(key) != theirs.get(key)
        ]

    def is_at(self, path: Path) -> bool:
        """Tell whether this job is what a file describes."""
        try:
            return not self.differences(Manifest.load(path))
        except UnfinishedJobError:
            return False

    def _flat(self) -> dict[str, Any]:
        return _flat({part: getattr(self, part) for part in _COMPARED})

    def _line(self, key: str, before: Any, now: Any) -> str:
        """Say what a thing was and is, as people call it: a setting by its flag, an input so."""
        part, _, name = key.partition(".")
        if part == "inputs":
            file, gone = self.names.get(name), now == _NOT_SET
            what = "not there now" if gone else "not there before"
            what = what if _NOT_SET in (before, now) else "another content now"
            return f"{_shown(key if file is None else f'{key} ({file})')}: {what}"
        told = FLAGS.get(name, key) if part == "settings" else key
        if told != key and isinstance(before, bool) and isinstance(now, bool):
            group, _, field = name.partition(".")
            usual = getattr(getattr(Config(), group), field)  # its flag says the opposite
            before, now = ("not given" if value == usual else "given" for value in (before, now))
        return f"{_shown(told)}: {_shown(before)} before, {_shown(now)} now"

    def save(self, path: Path) -> None:
        """Write it; a power cut leaves the old file or the new one."""
        part = path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(dataclasses.asdict(self), file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Manifest":
        """Read it; raises ``UnfinishedJobError`` where it is damaged."""
        try:
            plain = json.loads(read_at_most(path, _MOST_BYTES))
            return cls(**{part.name: dict(plain[part.name]) for part in dataclasses.fields(cls)})
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnfinishedJobError(
                f"the manifest {path} is damaged ({error}); start the job anew with --restart"
            ) from None


def fingerprint(path: Path) -> str:
    """Hash a file: all of it, or of one of many gigabytes its size and pieces all over it.

    A clip that is encoded anew keeps neither.

    Raises:
        InputError: The file cannot be read, or is a pipe.
    """
    try:
        with opened_at_once(path) as file:
            size = file.seek(0, os.SEEK_END)
            digest = hashlib.blake2b(str(size).encode(), digest_size=16)
            count, length = (1, size) if size <= _WHOLE_BYTES else (_SAMPLES, _SAMPLE_BYTES)
            for number in range(count):
                file.seek((size - length) * number // max(1, count - 1))
                digest.update(file.read(length))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """Return the versions of framestyle and of the libraries that compute."""
    from importlib.metadata import version  # slow to import, needed once a run

    return {
        "framestyle": version("framestyle"),
        "torch": torch.__version__,
        "torchvision": version("torchvision"),
        "opencv": cv2.__version__,
        "numpy": numpy.__version__,
    }


def _shown(value: Any) -> str:
    """Return a value on a line with others; a damaged manifest may hold any."""
    text = str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def _flat(plain: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in plain.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat

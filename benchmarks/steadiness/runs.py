"""Stylising clips with settings, once: what an earlier call has finished is used again."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import framestyle
from framestyle import Config
from framestyle.config import InputSettings
from framestyle.jobs.manifest import library_versions
from framestyle.media import open_source
from framestyle.progress import Event, RunDone

PACKAGE = Path(framestyle.__file__).parent
BESIDE = ("cli", "metrics")
"""Parts of the package that have no say in what a frame looks like."""
VIDEOS = (".mp4", ".mkv", ".mov", ".webm", ".avi", ".gif")


@dataclass(frozen=True)
class Clip:
    """A clip as a folder of frames at the size at which it is stylised.

    Attributes:
        name: In tables.
        folder: Its frames, PNG, (H, W, 3) uint8.
        frames: How many.
        digest: Of all their bytes.
    """

    name: str
    folder: Path
    frames: int
    digest: str


@dataclass(frozen=True)
class Run:
    """A clip that was stylised.

    Attributes:
        key: Of all that it was made with.
        folder: Its frames, PNG.
        seconds: Wall time a frame, everything counted; the machine may have been shared.
    """

    key: str
    folder: Path
    seconds: float


def prepared(path: Path, out: Path, part: InputSettings, name: str = "") -> Clip | None:
    """Write a clip's frames into a folder, so that every method and every judge sees the same.

    Args:
        path: A video or a folder of frames.
        out: Folder of the benchmark.
        part: Which frames are taken of a video, and how large; a folder is taken whole.
        name: In tables; the file's unless given.

    Returns:
        The clip; None where it has a single frame.
    """
    if path.is_dir():
        part = part.replaced(frames=None, start=None)
    info = open_source(path, part).info
    if info.frame_count < 2:
        return None
    files = info.files or (path,)
    folder = out / "clips" / f"{path.stem}-{digest(*files, part)}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        untouched = Config().changed({"dream": {"enabled": False}, "style": {"enabled": False}})
        config = dataclasses.replace(untouched, input=part)
        framestyle.stylize_video(path, [], f"{folder}/", config)
    made = frames_of(folder)
    return Clip(name or path.stem, folder, len(made), digest(*made))


def stylised(clip: Clip, style: Path, config: Config, name: str, out: Path) -> Run:
    """Stylise a clip, unless that was done before with the same settings, inputs and code.

    Args:
        clip: What is stylised.
        style: The style picture.
        config: All settings.
        name: Of the method.
        out: Folder of the benchmark.
    """
    key = digest(dataclasses.asdict(config), clip.digest, style, sources(), library_versions())
    folder = out / "runs" / clip.name / style.stem / f"{name}-{key}"
    record = folder.with_name(f"{folder.name}.json")
    if not record.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        seconds: list[float] = []

        def listen(event: Event) -> None:
            if isinstance(event, RunDone):
                seconds.append(event.seconds)

        whole = {"output": {"overwrite": True}, "job": {"restart": True}}
        framestyle.stylize_video(clip.folder, style, f"{folder}/", config.changed(whole), listen)
        record.write_text(json.dumps({"seconds": seconds[0] / clip.frames}), encoding="utf-8")
    return Run(key, folder, json.loads(record.read_text(encoding="utf-8"))["seconds"])


@cache  # what is loaded stays what it is, even where a file changes during a run
def sources() -> str:
    """Return the digest of the code and the embedded network that make a frame."""
    kinds = (".py", ".safetensors")
    files = [path for path in PACKAGE.rglob("*") if path.suffix in kinds]
    return digest(*sorted(f for f in files if f.relative_to(PACKAGE).parts[0] not in BESIDE))


def frames_of(folder: Path) -> list[Path]:
    """Return the frames in a folder, in order."""
    return sorted(folder.glob("*.png"))


def digest(*parts: Any) -> str:
    """Return 16 digits that stand for files (their bytes) and plain values."""
    found = hashlib.sha256()
    for part in parts:
        whole = part.read_bytes() if isinstance(part, Path) else _as_text(part).encode()
        found.update(hashlib.sha256(whole).digest())
    return found.hexdigest()[:16]


def clips_in(folder: Path) -> Iterable[Path]:
    """Yield the videos and the folders of frames in a folder, and no single pictures."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() or path.suffix.lower() in VIDEOS:
            yield path


def _as_text(value: Any) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    return json.dumps(value, sort_keys=True, default=str)

"""One suite over everything that can be written."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framestyle.config import OutputSettings
from framestyle.errors import JobError, OutputError
from framestyle.media import ClipInfo, Frame, Sink, open_sink, open_source

Frames = Callable[..., np.ndarray]
COUNT = 17
OUTPUTS = (
    "out.mp4", "out.m4v", "out.mov", "out.mkv", "out.webm", "out.avi", "out.gif",
    "folder", "pattern/%03d.png", "pattern/%d.jpg", "one.png", "one.jpg", "one.webp", "one.tiff",
    "one.bmp",
)  # fmt: skip


def clip(count: int, depth: int = 8, width: int = 64, height: int = 48) -> ClipInfo:
    return ClipInfo("video", Path("none.mp4"), width, height, count, Fraction(30000, 1001), depth)


@pytest.fixture(params=OUTPUTS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[8, 16])
def depth(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def info(name: str, depth: int) -> ClipInfo:
    if name.startswith("one"):
        return ClipInfo("picture", Path("none.png"), 64, 48, 1, None, depth, files=(Path("n.png"),))
    return clip(COUNT, depth)


def feed(sink: Sink, pixels: np.ndarray, first: int = 0, last: int | None = None) -> None:
    for index in range(first, len(pixels) if last is None else last):
        sink.write(Frame(index, pixels[index], f"frame_{index + 1:06d}"))


def contents(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return {entry.name: entry.read_bytes() for entry in path.iterdir()}
    return {path.name: path.read_bytes()}


def test_what_is_written_can_be_read(
    tmp_path: Path, name: str, info: ClipInfo, depth: int, frames: Frames
) -> None:
    pixels = frames(info.frame_count, depth=depth)
    with open_sink(tmp_path / name, info, work_dir=tmp_path / "work", segment_frames=5) as sink:
        feed(sink, pixels)
        path = sink.finish()
    assert path == (tmp_path / name if "%" not in name else tmp_path / "pattern")
    again = open_source(path)
    assert again.info.frame_count == info.frame_count
    loss = {".gif": 20, ".bmp": 0.3}.get(path.suffix, 6)
    if name.endswith((".png", ".tiff")) or name == "folder":
        loss = 0
        assert again.info.bit_depth == depth
    for frame, expected in zip(again.read(), pixels, strict=True):
        scale = 255 / np.iinfo(expected.dtype).max
        got = frame.pixels * (255 / np.iinfo(frame.pixels.dtype).max)
        assert np.abs(got - expected * scale).mean() <= loss
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, "work"])


def test_frames_may_be_prepared_in_any_order(
    tmp_path: Path, name: str, info: ClipInfo, depth: int, frames: Frames
) -> None:
    pixels, written = frames(info.frame_count, depth=depth), []
    for order in (1, -1):
        work_dir = tmp_path / f"work{order}"
        output = tmp_path / f"{order}" / name
        output.parent.mkdir(parents=True)
        with open_sink(output, info, work_dir=work_dir, segment_frames=5) as sink:
            ready = {
                index: sink.prepared(Frame(index, pixels[index], f"frame_{index + 1:06d}"))
                for index in range(info.frame_count)[::order]
            }
            for index in sorted(ready):
                ready[index]()
            written.append(contents(sink.finish()))
    assert written[0] == written[1]


def test_nothing_stands_under_the_final_name_before_the_end(
    tmp_path: Path, name: str, info: ClipInfo, frames: Frames
) -> None:
    target = tmp_path / name
    sink = open_sink(target, info, work_dir=tmp_path / "work", segment_frames=5)
    feed(sink, frames(info.frame_count, depth=info.bit_depth))
    assert [p.name for p in tmp_path.iterdir()] == ["work"]
    sink.close()
    sink.close()
    assert [p.name for p in tmp_path.iterdir()] == ["work"]


# Every stop for one output of each way of writing, one stop for all the others.
STOPS = [(n, d, 7) for n in OUTPUTS for d in (8, 16)]
STOPS += [(n, 8, s) for n in ("out.mp4", "out.gif", "folder") for s in (0, 1, 4, 5, 10, 16, 17)]


@pytest.mark.parametrize(("name", "depth", "stop"), STOPS)
def test_a_resumed_run_gives_the_same_bytes(
    tmp_path: Path, name: str, depth: int, stop: int, info: ClipInfo, frames: Frames
) -> None:
    stop = min(stop, info.frame_count)
    pixels = frames(info.frame_count, depth=depth)
    target = _under(tmp_path, "a", name)
    with open_sink(target, info, work_dir=tmp_path / "work_a", segment_frames=5) as sink:
        feed(sink, pixels)
        whole = contents(sink.finish())
    target, work = _under(tmp_path, "b", name), tmp_path / "work_b"
    with open_sink(target, info, work_dir=work, segment_frames=5) as sink:
        feed(sink, pixels, 0, stop)
    for done in (stop, max(0, stop - 3)):
        with open_sink(target, info, work_dir=work, done=done, segment_frames=5) as sink:
            assert sink.next_index == done
            feed(sink, pixels, done, stop)
    with open_sink(target, info, work_dir=work, done=stop, segment_frames=5) as sink:
        feed(sink, pixels, stop)
        assert contents(sink.finish()) == whole


def _under(tmp_path: Path, folder: str, name: str) -> Path:
    (tmp_path / folder).mkdir(exist_ok=True)
    return tmp_path / folder / name


def test_frames_that_are_not_the_next_are_refused(
    tmp_path: Path, name: str, info: ClipInfo, frames: Frames
) -> None:
    pixels = frames(2, depth=info.bit_depth)
    with open_sink(tmp_path / name, info, work_dir=tmp_path / "work") as sink:
        with pytest.raises(ValueError, match="got frame 1, expected 0"):
            sink.write(Frame(1, pixels[1], "x"))
        with pytest.raises(ValueError, match="shape"):
            sink.write(Frame(0, pixels[0, :5], "x"))
        with pytest.raises(ValueError, match="got 0 frames, expected"):
            sink.finish()


def test_an_output_that_exists_is_kept_without_overwrite(
    tmp_path: Path, name: str, info: ClipInfo, depth: int, frames: Frames
) -> None:
    pixels = frames(info.frame_count, depth=depth)
    with open_sink(tmp_path / name, info, work_dir=tmp_path / "work") as sink:
        feed(sink, pixels)
        first = contents(sink.finish())
    with pytest.raises(OutputError, match="--overwrite"):
        open_sink(tmp_path / name, info, work_dir=tmp_path / "work2")
    over = OutputSettings(overwrite=True)
    with open_sink(tmp_path / name, info, over, work_dir=tmp_path / "work3") as sink:
        feed(sink, pixels)
        assert contents(sink.finish()) == first


@pytest.mark.parametrize("name", ["out.mp4", "folder"])
def test_what_a_resume_needs_and_is_gone_is_an_error(
    tmp_path: Path, name: str, frames: Frames
) -> None:
    info, work = clip(COUNT), tmp_path / "work"
    with open_sink(tmp_path / name, info, work_dir=work, segment_frames=5) as sink:
        feed(sink, frames(COUNT), 0, 7)
    gone = work / ("frames/00000005.png" if name == "out.mp4" else "result/frame_000006.png")
    gone.unlink()
    with pytest.raises(JobError, match="--restart"):
        open_sink(tmp_path / name, info, work_dir=work, done=7, segment_frames=5)


def test_checkpoints_free_the_frames_kept(tmp_path: Path, frames: Frames) -> None:
    info, work = clip(COUNT), tmp_path / "work"
    with open_sink(tmp_path / "out.mp4", info, work_dir=work, segment_frames=5) as sink:
        feed(sink, frames(COUNT), 0, 12)
        assert len(list((work / "frames").iterdir())) == 12
        sink.checkpoint(8)  # a run that goes on there makes the segment of 5 to 9 anew
        assert len(list((work / "frames").iterdir())) == 7
        sink.checkpoint(12)
        assert len(list((work / "frames").iterdir())) == 2
        feed(sink, frames(COUNT), 12)
        sink.finish()


def test_frames_that_were_copied_to_another_disk_and_stand_twice(
    tmp_path: Path, frames: Frames
) -> None:
    """A run was cut off between the copy of a frame and taking the first one away."""
    folder, work, pixels = tmp_path / "out", tmp_path / "work", frames(5)
    folder.mkdir()
    with open_sink(folder, clip(5), work_dir=work) as sink:
        feed(sink, pixels)
        sink.secure()
    names = sorted(path.name for path in (work / "result").iterdir())
    for name in names[:2]:
        (folder / name).write_bytes((work / "result" / name).read_bytes())
    with open_sink(folder, clip(5), work_dir=work, done=5) as sink:
        sink.finish()
    assert sorted(path.name for path in folder.iterdir()) == names
    assert not (work / "result").exists()

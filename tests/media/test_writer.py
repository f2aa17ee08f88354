"""Outputs that cannot be, found before the work starts."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framestyle.config import OutputSettings
from framestyle.errors import OutputError
from framestyle.media import ClipInfo, Frame, open_sink, open_source

Frames = Callable[..., np.ndarray]
OVER = OutputSettings(overwrite=True)


def clip(count: int = 5, size: tuple[int, int] = (64, 48)) -> ClipInfo:
    return ClipInfo("video", Path("none.mp4"), *size, count, Fraction(25))


def picture(path: Path = Path("none.png")) -> ClipInfo:
    return ClipInfo("picture", path, 64, 48, 1, None, files=(path,))


def refused(
    output: str | Path, info: ClipInfo, tmp_path: Path, settings: OutputSettings | None = None
) -> str:
    with pytest.raises(OutputError) as caught:
        open_sink(output, info, settings, work_dir=tmp_path / "work")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "work").exists()
    return str(caught.value)


def test_forms_that_do_not_fit(tmp_path: Path) -> None:
    message = refused(tmp_path / "o.png", clip(), tmp_path)
    assert "5 frames; give a folder, a pattern" in message
    assert "%05d.png" in message
    assert "the input is one picture" in refused(tmp_path / "o.mp4", picture(), tmp_path)
    assert "form .xyz is not known" in refused(tmp_path / "o.xyz", clip(), tmp_path)
    assert "at most 16383" in refused(tmp_path / "%d.webp", clip(5, (20000, 10)), tmp_path)
    settings = OutputSettings(codec="libx264")
    assert "--codec is for videos" in refused(tmp_path / "out", clip(), tmp_path, settings)


def test_folders_that_are_not_there(tmp_path: Path) -> None:
    for name in ("none/o.mp4", "none/deep/%d.png", "none/deep/folder", "none/o.png"):
        info = picture() if name.endswith("o.png") else clip()
        assert "does not exist; make it first" in refused(tmp_path / name, info, tmp_path)
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in refused(tmp_path / "file" / "o.mp4", clip(), tmp_path)
    assert "is a file, expected a folder" in refused(f"{tmp_path / 'file'}/", clip(), tmp_path)


def test_the_input_is_never_written_over(
    tmp_path: Path, h264: Path, frames: Frames, png: Callable[..., Path]
) -> None:
    copy = tmp_path / "clip.mp4"
    copy.write_bytes(h264.read_bytes())
    link = tmp_path / "link.mp4"
    link.symlink_to(copy)
    info = open_source(copy).info
    for name in (copy, link):
        assert "is the input itself" in refused(name, info, tmp_path, OVER)
    folder = tmp_path / "frames"
    for i in range(3):
        png(folder / f"{i}.png", frames(1)[0])
    info = open_source(folder).info
    assert "where the input is" in refused(folder, info, tmp_path, OVER)
    assert "where the input is" in refused(folder / "%d.png", info, tmp_path, OVER)
    one = open_source(folder / "0.png").info
    assert "is the input itself" in refused(folder / "0.png", one, tmp_path, OVER)


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "o.mp4").write_text("x")
    assert "--overwrite" in refused(tmp_path / "o.mp4", clip(), tmp_path)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine.txt").write_text("x")
    assert "is not empty; give --overwrite" in refused(folder, clip(), tmp_path)
    (folder / "3.png").write_text("x")
    assert "3.png exists; give --overwrite" in refused(folder / "%d.png", clip(), tmp_path)
    (tmp_path / "pipe.mp4").mkdir()


def test_overwriting_a_folder_leaves_other_files(tmp_path: Path, frames: Frames) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "mine.txt").write_text("x")
    (folder / "frame_000001.png").write_text("x")
    with open_sink(folder, clip(2), OVER, work_dir=tmp_path / "work") as sink:
        for i in range(2):
            sink.write(Frame(i, frames(2)[i], "x"))
        sink.finish()
    names = sorted(p.name for p in folder.iterdir())
    assert names == ["frame_000001.png", "frame_000002.png", "mine.txt"]
    assert (folder / "mine.txt").read_text() == "x"
    assert np.array_equal(next(open_source(folder / "frame_*.png").read()).pixels, frames(1)[0])


def test_an_existing_folder_with_a_dot_is_a_folder(tmp_path: Path, frames: Frames) -> None:
    (tmp_path / "v1.2").mkdir()
    for output in (tmp_path / "v1.2", f"{tmp_path / 'v1.3'}/"):
        with open_sink(output, clip(1), work_dir=tmp_path / "work") as sink:
            sink.write(Frame(0, frames(1)[0], "x"))
            assert [p.name for p in sink.finish().iterdir()] == ["frame_000001.png"]


def test_names_keep_the_gaps(tmp_path: Path, frames: Frames, png: Callable[..., Path]) -> None:
    for i in (9, 10, 100):
        png(tmp_path / "in" / f"take2_{i:03d}.png", frames(1)[0])
    source = open_source(tmp_path / "in")
    for output, names in (
        (tmp_path / "a", ["take2_009.png", "take2_010.png", "take2_100.png"]),
        (tmp_path / "b" / "%05d.jpg", ["00009.jpg", "00010.jpg", "00100.jpg"]),
    ):
        with open_sink(output, source.info, work_dir=tmp_path / "work") as sink:
            for frame in source.read():
                sink.write(frame)
            assert sorted(p.name for p in sink.finish().iterdir()) == names


def test_a_folder_becomes_a_video_at_its_rate(
    tmp_path: Path, frames: Frames, png: Callable[..., Path]
) -> None:
    for i in range(4):
        png(tmp_path / "in" / f"{i}.png", frames(4)[i])
    source = open_source(tmp_path / "in")
    with open_sink(tmp_path / "o.mp4", source.info, work_dir=tmp_path / "work") as sink:
        for frame in source.read():
            sink.write(frame)
        info = open_source(sink.finish()).info
    assert (info.frame_count, info.frame_rate) == (4, 24)


def test_a_video_of_one_frame_may_be_a_picture(tmp_path: Path, frames: Frames) -> None:
    with open_sink(tmp_path / "o.png", clip(1), work_dir=tmp_path / "work") as sink:
        sink.write(Frame(0, frames(1)[0], "x"))
        assert sink.finish().is_file()


def test_an_unwritable_folder(tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o500)
    try:
        (folder / "probe").write_text("x")
    except PermissionError:
        assert "is not writable" in refused(folder / "o.mp4", clip(), tmp_path)
    else:
        pytest.skip("runs as one who may write everywhere")
    finally:
        folder.chmod(0o700)


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the rights 300; whoever may do everything lists it all the same."""

    def refuse(_folder: Path) -> None:
        raise PermissionError(13, "Permission denied")

    folder = tmp_path / "closed"
    folder.mkdir()
    monkeypatch.setattr(Path, "iterdir", refuse)
    said = refused(folder, clip(), tmp_path)
    assert "what is in it cannot be listed (Permission denied)" in said

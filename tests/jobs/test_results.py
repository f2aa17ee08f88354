"""Results that wait for their turn: they come back as they were, or are told damaged."""

from types import SimpleNamespace

import numpy as np
import pytest

from framestyle.errors import JobError
from framestyle.jobs.results import Results
from framestyle.jobs.tasks import JOINED, MADE
from framestyle.media import Frame


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "ahead"
    folder.mkdir()
    return Results(folder, SimpleNamespace(frame_name=lambda index: f"shot_{index}"))


def frame(index, dtype=np.uint8, alpha=False, seed=0):
    drawn = np.random.default_rng(seed)
    most = np.iinfo(dtype).max
    pixels = drawn.integers(0, most, (6, 8, 3), dtype, endpoint=True)
    coverage = drawn.integers(0, most, (6, 8), dtype, endpoint=True) if alpha else None
    return Frame(index, pixels, f"shot_{index}", coverage)


def names(results):
    return sorted(path.name for path in results.folder.iterdir())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("alpha", [False, True])
def test_a_frame_comes_back_as_it_was(dtype, alpha, results):
    kept = frame(7, dtype, alpha)
    results.write(kept, MADE)
    again = results.read(7, MADE)
    assert (again.index, again.name) == (7, "shot_7")
    assert again.pixels.dtype == dtype
    assert np.array_equal(again.pixels, kept.pixels)
    assert (again.alpha is None) == (not alpha)
    if alpha:
        assert again.alpha.dtype == dtype
        assert np.array_equal(again.alpha, kept.alpha)


def test_pixels_that_do_not_lie_one_after_the_other_come_back(results):
    turned = Frame(0, frame(0).pixels[::-1, ::2], "shot_0")
    results.write(turned, MADE)
    assert np.array_equal(results.read(0, MADE).pixels, turned.pixels)


def test_versions_stand_beside_each_other(results):
    made, joined = frame(3, seed=1), frame(3, seed=2)
    results.write(made, MADE)
    results.write(joined, JOINED)
    assert np.array_equal(results.read(3, MADE).pixels, made.pixels)
    assert np.array_equal(results.read(3, JOINED).pixels, joined.pixels)


def test_a_frame_that_is_made_again_takes_the_place_of_the_old_one(results):
    results.write(frame(3, seed=1), MADE)
    results.write(frame(3, seed=2), MADE)
    assert np.array_equal(results.read(3, MADE).pixels, frame(3, seed=2).pixels)
    assert len(names(results)) == 1


DAMAGE = {
    "missing": lambda path, _: path.unlink(),
    "a folder": lambda path, _: (path.unlink(), path.mkdir()),
    "empty": lambda path, _: path.write_bytes(b""),
    "cut": lambda path, data: path.write_bytes(data[:-1]),
    "longer": lambda path, data: path.write_bytes(data + b"\n"),
    "one bit": lambda path, data: path.write_bytes(
        data[:-60] + bytes([data[-60] ^ 1]) + data[-59:]
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_is_told(damage, results):
    results.write(frame(7), MADE)
    (path,) = results.folder.iterdir()
    DAMAGE[damage](path, path.read_bytes())
    with pytest.raises(JobError, match=rf"{path.name}.*missing or damaged.*same command"):
        results.read(7, MADE)


@pytest.mark.parametrize("other", [(8, MADE), (7, JOINED)])
def test_the_file_of_another_frame_is_damage(other, results):
    results.write(frame(7), MADE)
    (path,) = results.folder.iterdir()
    index, version = other
    path.rename(path.with_name(path.name.replace("7.0", f"{index}.{version}")))
    with pytest.raises(JobError, match="another frame"):
        results.read(index, version)


def test_what_cannot_be_kept_leaves_nothing_and_is_named(results):
    results.write(frame(7), MADE)
    (path,) = results.folder.iterdir()
    path.unlink()
    path.mkdir()  # no file lands on it
    with pytest.raises(JobError, match="keeping frame 8"):
        results.write(frame(7), MADE)
    assert names(results) == [path.name]


def test_only_frames_that_had_their_turn_go(results):
    for index in (2, 9, 10, 11):
        results.write(frame(index), MADE)
    results.write(frame(9), JOINED)
    others = ("part-0-1.safetensors", "x.0.frame", "1.0.frame.part")
    for name in others:
        (results.folder / name).touch()
    results.drop_before(10)
    assert names(results) == sorted(["10.0.frame", "11.0.frame", *others])


def test_a_frame_that_has_gone_needs_no_sync(results):
    results.write(frame(2), MADE)
    results.secure([1, 2], MADE)
    results.folder.joinpath("2.0.frame").unlink()
    results.folder.rmdir()
    with pytest.raises(JobError, match="putting frames on the disk"):
        results.secure([], MADE)

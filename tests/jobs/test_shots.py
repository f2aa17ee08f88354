"""How a clip is divided: between which cuts it is carried, what is kept of that, what is told."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from framestyle.config import Config
from framestyle.errors import JobError, SettingsError
from framestyle.jobs import shots
from framestyle.jobs.shots import EASE_AFTER, FILE, Cutting, Stretch, check_shots, cutting_of
from framestyle.media import open_source
from framestyle.media.landing import sealed
from framestyle.motion import Shot, read_shots, write_shots
from framestyle.progress import Notice

# --- what lies between cuts ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("division", "expected"),
    [
        ([], []),
        ([Shot(0, 7)], [(0, 7)]),
        ([Shot(0, 3), Shot(3, 5), Shot(5, 9)], [(0, 3), (3, 5), (5, 9)]),
        ([Shot(0, 3), Shot(3, 9, 2)], [(0, 9)]),
        ([Shot(0, 3), Shot(3, 6, 2), Shot(6, 8), Shot(8, 9, 1)], [(0, 6), (6, 9)]),
        ([Shot(0, 1), Shot(1, 2), Shot(2, 3)], [(0, 1), (1, 2), (2, 3)]),
        ([Shot(0, 4, 2), Shot(4, 6)], [(0, 4), (4, 6)]),  # nothing comes before the first frame
    ],
)
def test_stretches_end_at_cuts_and_go_on_through_dissolves(division, expected):
    cutting = Cutting(division)
    assert cutting.stretches == [Stretch(*ends) for ends in expected]
    for first, end in expected:
        for index in range(first, end):
            assert cutting.stretch_of(index) == Stretch(first, end)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_over_a_dissolve_the_old_shot_goes_in_equal_steps(count):
    """Of N blended frames, number k shows 1 - k / (N + 1) of the old shot, and so does the past."""
    cutting = Cutting([Shot(0, 4), Shot(4, 20, count)])
    assert all(cutting.ease(index) == 0 for index in range(4))
    left = 1.0
    for k in range(1, count + 1):
        left *= 1.0 - cutting.ease(4 + k - 1)
        assert left == pytest.approx(1 - k / (count + 1))
    for index in range(4 + count, 12 + count):  # what was painted for the blends goes after them
        left *= 1.0 - cutting.ease(index)
    assert left < 0.02 / (count + 1)
    assert all(cutting.ease(index) == 0 for index in range(12 + count, 20))


def test_a_cut_lets_go_of_nothing_by_degrees():
    cutting = Cutting([Shot(0, 4), Shot(4, 20)])
    assert not any(cutting.ease(index) for index in range(20))
    assert not any(Cutting([Shot(0, 4, 3), Shot(4, 20)]).ease(index) for index in range(20))


def test_two_dissolves_are_eased_each_on_its_own():
    cutting = Cutting([Shot(0, 4), Shot(4, 8, 1), Shot(8, 19, 2), Shot(19, 30)])
    after = dict.fromkeys((5, 6, 7, *range(10, 18)), EASE_AFTER)
    eased = {index: cutting.ease(index) for index in range(30) if cutting.ease(index)}
    assert eased == {4: 1 / 2, 8: 1 / 3, 9: 1 / 2, **after}


def test_after_a_cut_no_dissolve_is_eased_any_more():
    cutting = Cutting([Shot(0, 4), Shot(4, 8, 2), Shot(8, 20)])
    assert [index for index in range(20) if cutting.ease(index)] == [4, 5, 6, 7]


# --- where it comes from -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def clip(tmp_path_factory, moving_clip, save_picture):
    """Frames 0-2 of one scene, and 3-6 of another."""
    folder = tmp_path_factory.mktemp("cut")
    frames = [*moving_clip(3, 48, 64, (2, 1), 1)[0], *moving_clip(4, 48, 64, (-1, 2), 40)[0]]
    for i, pixels in enumerate(frames):
        save_picture(folder / f"{i}.png", pixels)
    return folder


class Asked:
    """A clip that counts how often it is read."""

    def __init__(self, source):
        self.source, self.info, self.times = source, source.info, 0

    def read(self, first=0):
        self.times += 1
        return self.source.read(first)


@pytest.fixture
def cut(clip, quick, tmp_path):
    """Returns ``cut(**motion)``: the cutting, what is told of it, how often the clip is read."""

    def go(source=None, config=quick, **motion):
        heard, source = [], Asked(open_source(source or clip))
        config = config.changed({"motion": motion})
        cutting = cutting_of(source, config, tmp_path, heard.append)
        assert all(isinstance(event, Notice) for event in heard)
        return list(cutting.shots), [event.message for event in heard], source.times

    return go


FOUND = [Shot(0, 3), Shot(3, 7)]
TOLD = "shots: 2; new ones begin at frame 4; `framestyle shots` lists them, --shots FILE sets them"


def test_cuts_are_found_kept_and_read_again(cut, tmp_path):
    assert cut() == (FOUND, [TOLD], 1)
    assert read_shots(tmp_path / FILE, 7) == FOUND
    assert cut() == (FOUND, [TOLD], 0)
    (tmp_path / FILE).write_bytes(
        sealed(b"1 2\n3 7 dissolve 1")
    )  # it is what is read, not the clip
    assert cut()[::2] == ([Shot(0, 2), Shot(2, 7, 1)], 0)
    assert {path.name for path in tmp_path.iterdir()} == {FILE}


@pytest.mark.parametrize(
    "damage",
    [
        b"1 2\n3 7",
        sealed(b"1 2\n3 7").replace(b"3", b"4", 1),
        *map(sealed, [b"1 2\n2 7", b"1 900", b"\x89PNG\0\0", b"one two", b"1 3\n4 7 dissolve 9"]),
    ],
)
def test_a_damaged_file_is_found_anew(damage, cut, tmp_path):
    (tmp_path / FILE).write_bytes(damage)
    assert cut() == (FOUND, [TOLD], 1)
    assert read_shots(tmp_path / FILE, 7) == FOUND


def test_no_cuts_means_one_shot_whatever_is_kept(cut, tmp_path):
    (tmp_path / FILE).write_text(write_shots(FOUND))
    assert cut(cuts=False) == ([Shot(0, 7)], [], 0)


@pytest.mark.parametrize("cuts", [True, False])
def test_a_file_of_the_users_is_obeyed(cuts, cut, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("3 5 dissolve 2")
    expected = [Shot(0, 2), Shot(2, 5, 2), Shot(5, 7)]
    assert cut(shots=mine, cuts=cuts) == (expected, [], 0)
    assert not (tmp_path / FILE).exists()


def test_where_nothing_is_carried_nothing_is_looked_for(cut, clip, quick, tmp_path):
    nothing = quick.changed({"dream": {"enabled": False}, "style": {"enabled": False}})
    assert cut(config=nothing) == ([Shot(0, 7)], [], 0)
    assert cut(source=clip / "0.png") == ([Shot(0, 1)], [], 0)
    assert list(tmp_path.iterdir()) == []


def test_a_clip_without_cuts_has_nothing_to_tell(cut, frames_folder, tmp_path):
    assert cut(source=frames_folder) == ([Shot(0, 5)], [], 1)
    assert read_shots(tmp_path / FILE, 5) == [Shot(0, 5)]


def test_a_long_clip_says_that_it_is_looked_through(cut, monkeypatch):
    monkeypatch.setattr(shots, "LONG_FRAMES", 6)
    assert cut()[1] == ["looking for cuts in 7 frames", TOLD]
    assert cut()[1] == [TOLD]  # this time they are known
    monkeypatch.setattr(shots, "LONG_FRAMES", 7)
    assert "looking for cuts in 7 frames" not in cut(long_term=1)[1]


def test_dissolves_and_many_shots_are_told(cut, tmp_path):
    (tmp_path / FILE).write_bytes(sealed(b"1 2\n3 5 dissolve 2\n6 7"))
    assert cut()[1] == [
        "shots: 3; new ones begin at frame 3 (dissolve), 6; `framestyle shots` lists them, "
        "--shots FILE sets them"
    ]


def test_no_more_than_eight_beginnings_are_told(frames_folder, quick, tmp_path):
    heard, source = [], open_source(frames_folder)
    source.info = replace(source.info, frame_count=20)
    for count, said in (
        (9, "2, 3, 4, 5, 6, 7, 8, 9; "),
        (12, "2, 3, 4, 5, 6, 7, 8, 9 and 3 more; "),
    ):
        many = [Shot(i, i + 1) for i in range(count - 1)] + [Shot(count - 1, 20)]
        (tmp_path / FILE).write_bytes(sealed(write_shots(many).encode()))
        assert cutting_of(source, quick, tmp_path, heard.append).shots == many
        assert heard.pop().message.startswith(f"shots: {count}; new ones begin at frame {said}")


def test_a_bad_file_is_refused_before_the_work(clip, quick, tmp_path):
    mine = tmp_path / "mine.txt"
    mine.write_text("1 4\n4 7")
    with pytest.raises(SettingsError, match="overlap"):
        check_shots(quick.changed({"motion": {"shots": mine}}).motion, 7)
    mine.write_text("1 4\n5 7")
    check_shots(quick.changed({"motion": {"shots": mine}}).motion, 7)
    with pytest.raises(SettingsError, match="from 1 to 6"):
        check_shots(quick.changed({"motion": {"shots": mine}}).motion, 6)


def test_a_frame_that_cannot_be_read_is_told(texture, save_picture, cut, tmp_path):
    folder = tmp_path / "in"
    for i in range(3):
        save_picture(folder / f"{i}.png", texture(48, 64, i))
    source = open_source(folder)
    (folder / "1.png").write_bytes(b"garbage" * 50)

    class Opened:
        info, read = source.info, source.read

    with pytest.raises(JobError, match=r"looking for cuts failed: .*1\.png"):
        cutting_of(Opened, Config(), tmp_path, lambda event: None)
    assert not (tmp_path / FILE).exists()


def test_they_are_told_apart_in_sixteen_bits_too(cut, clip, save_picture, tmp_path):
    for path in clip.iterdir():
        pixels = cv2.imread(str(path))[:, :, ::-1].astype(np.uint16) * 257
        save_picture(tmp_path / "deep" / path.name, pixels)
    assert cut(source=tmp_path / "deep")[0] == FOUND

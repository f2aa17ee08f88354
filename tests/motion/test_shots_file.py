"""Shots named in a file: what is read, what is refused, and that what is written is read back."""

from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framestyle.errors import FramestyleError, InputError, SettingsError
from framestyle.motion import Shot, read_shots, write_shots


@pytest.fixture
def read(tmp_path):
    """Returns ``read(content, frame_count=100)``: the shots named by text or bytes."""

    def go(content, frame_count=100):
        path = tmp_path / "shots.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_shots(path, frame_count)

    return go


@st.composite
def clips(draw):
    """Shots that cover a clip, and its number of frames."""
    lengths = draw(st.lists(st.integers(1, 300), min_size=1, max_size=12))
    shots, at = [], 0
    for length in lengths:
        dissolve = draw(st.integers(0, length)) if at else 0
        shots.append(Shot(at, at + length, dissolve))
        at += length
    return shots, at


def covers(shots, frame_count):
    ends = [0, *(shot.end for shot in shots)]
    return [shot.first for shot in shots] == ends[:-1] and ends[-1] == frame_count


@given(clips(), st.none() | st.fractions(1, 240), st.randoms())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_is_written_is_read_back(read, clip, rate, random):
    shots, frame_count = clip
    text = write_shots(shots, rate, Fraction(5))
    assert read(text, frame_count) == shots
    lines = text.splitlines()
    random.shuffle(lines)
    assert read("\r\n".join(lines), frame_count) == shots


@given(clips(), st.sets(st.integers(0, 11)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_frames_that_no_line_names_form_shots(read, clip, left_out):
    shots, frame_count = clip
    kept = [shot for i, shot in enumerate(shots) if i not in left_out]
    found = read(write_shots(kept), frame_count)
    assert covers(found, frame_count)
    assert set(kept) <= set(found)
    assert all(shot.dissolve == 0 for shot in found if shot not in kept)


@given(st.text(alphabet="0123456789 -#dislove\t\n.", max_size=60) | st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_anything_is_read_or_refused_in_one_line(read, content):
    said = ""
    try:
        assert covers(read(content), 100)
    except FramestyleError as error:
        said = str(error)
    assert "\n" not in said


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", [(0, 100, 0)]),
        ("# nothing but a remark\n\n", [(0, 100, 0)]),
        ("1 100", [(0, 100, 0)]),
        ("1 48\n49 100 dissolve 12\n", [(0, 48, 0), (48, 100, 12)]),
        ("49\t100   Dissolve 12 # late\n1 48", [(0, 48, 0), (48, 100, 12)]),
        ("20 29", [(0, 19, 0), (19, 29, 0), (29, 100, 0)]),
        ("\ufeff7 7 dissolve 1", [(0, 6, 0), (6, 7, 1), (7, 100, 0)]),
    ],
)
def test_what_is_read(read, content, expected):
    assert [(s.first, s.end, s.dissolve) for s in read(content)] == expected


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("1 10\none two", ["line 2", "'one two'", "as 1 48"]),
        ("1", ["line 1", "'1'"]),
        ("1 2 3", ["line 1", "'1 2 3'"]),
        ("1-20", ["'1-20'"]),
        ("1 20 fade 3", ["'1 20 fade 3'"]),
        ("1.5 20", ["'1.5 20'"]),
        ("1 20 dissolve", ["'1 20 dissolve'"]),
        ("1 20 dissolve -3", ["'1 20 dissolve -3'"]),
        ("٣ ٤", ["line 1"]),
        ("1 " + 99 * "9", ["line 1", "..."]),
        ("\n30 20", ["line 2", "(20)", "(30)", "swap"]),
        ("0 20", ["line 1", "0 to 20", "from 1 to 100"]),
        ("90 101", ["line 1", "90 to 101", "from 1 to 100", "--start"]),
        ("1 60\n# so\n50 100", ["line 3", "line 1", "50", "60", "overlap"]),
        ("50 100\n1 60", ["line 1", "line 2", "overlap"]),
        ("5 9\n5 9", ["line 2", "line 1"]),
        ("5 9\n5 9 dissolve 2", ["overlap"]),
        ("1 10\n11 20 dissolve 11", ["line 2", "11", "at most 10"]),
        ("1 10 dissolve 2", ["line 1", "first frame"]),
    ],
)
def test_what_is_refused(read, content, said):
    with pytest.raises(SettingsError) as caught:
        read(content)
    message = str(caught.value)
    assert all(part in message for part in ["shots.txt", *said]), message
    assert "\n" not in message


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0", b"1 2\n\xff\xfe", b"1 2\0"])
def test_a_file_that_is_no_text(read, content):
    with pytest.raises(InputError, match="is no text"):
        read(content)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"none\.txt cannot be read"):
        read_shots(tmp_path / "none.txt", 10)
    with pytest.raises(InputError, match="cannot be read"):
        read_shots(tmp_path, 10)


def test_how_it_looks():
    text = write_shots([Shot(0, 48), Shot(48, 90, 12)], Fraction(24), Fraction(3600))
    assert text.splitlines()[3:] == [
        "     1     48               # 1:00:00.000 - 1:00:02.000",
        "    49     90  dissolve 12  # 1:00:02.000 - 1:00:03.750",
    ]
    assert text.startswith("# One shot a line")


@pytest.mark.parametrize("wrong", [(0, 0, 0), (-1, 2, 0), (3, 2, 0), (0, 5, 6), (0, 5, -1)])
def test_shots_that_cannot_be(wrong):
    with pytest.raises(ValueError):
        Shot(*wrong)

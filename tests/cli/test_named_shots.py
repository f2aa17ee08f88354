"""Shots named by hand on the command line: bad files stop the run before it begins."""

from pathlib import Path

import cv2
import numpy as np
import pytest

BAD = {
    "overlapping": (b"1 3\n3 5\n", "line 2: the shot begins at frame 3"),
    "twice the same": (b"1 3\n1 3\n", "line 2: got '1 3', which line 1 names too"),
    "outside the clip": (b"1 3\n4 6\n", "got frames 4 to 6, expected frames from 1 to 5"),
    "from 0": (b"0 2\n", "expected frames from 1 to 5"),
    "turned around": (b"4 2\n", "the last frame (2) is before the first (4)"),
    "a dissolve longer than its shot": (b"1 3\n4 5 dissolve 3\n", "the dissolve (3 frames) is lon"),
    "a dissolve out of nothing": (b"1 5 dissolve 2\n", "a dissolve at the clip's first frame"),
    "garbage": (b"shot one\n", "got 'shot one', expected a shot's first and last frame"),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0", "is no text"),
    "no UTF-8": (b"1 2\n\xff\xfe\xfa", "is no text"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("source", ["clip.mp4", "frames"])
def test_a_bad_file(name, source, place, command, files, quick_flags):
    content, said = BAD[name]
    Path("shots.txt").write_bytes(content)
    before = files()
    arguments = [source, "style.png", "-o", "out", *quick_flags, "--shots", "shots.txt"]
    code, out, err = command(arguments)
    assert (code, out) == (2, "")
    assert err.startswith("framestyle: shots.txt")
    assert said in err
    assert err.count("\n") == 1
    assert files() == before


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none.txt", "--shots: none.txt: there is no such file"),
        ("frames", "--shots: frames is a folder"),
    ],
)
def test_a_file_that_is_not_there(path, said, place, command, files, quick_flags):
    before = files()
    arguments = ["clip.mp4", "style.png", "-o", "out.mp4", *quick_flags, "--shots", path]
    code, out, err = command(arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"framestyle: {said}")
    assert err.count("\n") == 1
    assert files() == before


def test_what_the_command_prints_can_be_edited_and_given_back(place, command, quick_flags):
    code, text, _ = command("shots frames")
    assert code == 0
    assert text.splitlines()[-1].split()[:2] == ["1", "5"]
    Path("shots.txt").write_text(text.replace("     1      5", "     1      2\n     3      5", 1))
    made = {}
    for name, more in (("whole", []), ("divided", ["--shots", "shots.txt"])):
        code, _, err = command(["frames", "style.png", "-o", name, *quick_flags, *more])
        assert code == 0, err
        made[name] = [cv2.imread(str(path)) for path in sorted(Path(name).iterdir())]
    alike = [np.array_equal(*pair) for pair in zip(*made.values(), strict=True)]
    assert alike[:3] == [True, True, False]

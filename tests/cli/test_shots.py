"""The command that prints a clip's shots."""

import json
from pathlib import Path

import numpy as np
import pytest

from framestyle.motion import Shot, read_shots


@pytest.fixture
def cut_clip(place, texture, encode):
    """cut.mp4, 25 frames a second: a shot of 12 frames, and one of 20 whose first 6 are blends."""
    one, other = (texture(72, 128, seed).astype(float) for seed in (3, 8))
    weights = np.clip(np.arange(-11, 21) / 7, 0, 1)
    frames = [np.uint8((1 - w) * one + w * other + 0.5) for w in weights]
    return encode(place / "cut.mp4", frames)


def test_prints_what_it_reads_back(cut_clip, command):
    code, out, err = command("shots cut.mp4")
    assert (code, err) == (0, "")
    assert out.splitlines()[3:] == [
        "     1     12               # 0:00:00.000 - 0:00:00.480",
        "    13     32  dissolve 6   # 0:00:00.480 - 0:00:01.280",
    ]
    Path("shots.txt").write_text(out)
    assert read_shots(Path("shots.txt"), 32) == [Shot(0, 12), Shot(12, 32, 6)]


def test_json(cut_clip, command):
    code, out, err = command("shots cut.mp4 --json --quiet")
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "input": "cut.mp4",
        "frames": 32,
        "frame_rate": "25",
        "shots": [
            {
                "first": 1,
                "last": 12,
                "dissolve": 0,
                "start_seconds": 0.0,
                "end_seconds": 0.48,
            },
            {
                "first": 13,
                "last": 32,
                "dissolve": 6,
                "start_seconds": 0.48,
                "end_seconds": 1.28,
            },
        ],
    }


def test_a_part_is_counted_from_its_own_first_frame(cut_clip, command):
    code, out, _ = command("shots cut.mp4 --start 0.2 --frames 20")
    assert code == 0
    assert out.splitlines()[3:] == [
        "     1      7               # 0:00:00.200 - 0:00:00.480",
        "     8     20  dissolve 6   # 0:00:00.480 - 0:00:01.000",
    ]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ("clip.mp4", "     1      5               # 0:00:00.000 - 0:00:00.167"),
        ("frames --fps 10 --quiet", "     1      5               # 0:00:00.000 - 0:00:00.500"),
        ("picture.png", "     1      1"),
    ],
)
def test_every_kind_of_input(place, command, arguments, line):
    code, out, err = command(f"shots {arguments}")
    assert (code, err) == (0, "")
    assert out.splitlines()[3:] == [line]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("", "INPUT"),
        ("none.mp4", "none.mp4 does not exist"),
        ("w.safetensors", "w.safetensors"),
        ("clip.mp4 --start 99", "99"),
        ("clip.mp4 --frames 0", "--frames"),
        ("clip.mp4 --frames few", "'few'"),
        ("clip.mp4 --size 40", "there is no --size"),
        ("clip.mp4 --jsn", "mean --json or --fps? (framestyle shots --help lists"),
        ("clip.mp4 other.mp4", "other.mp4"),
    ],
)
def test_bad_input(place, command, files, arguments, said):
    before = files()
    code, out, err = command(f"shots {arguments}")
    assert (code, out) == (2, "")
    assert err.startswith("framestyle: ")
    assert err.count("\n") == 1
    assert said in err
    assert files() == before


def test_help(command):
    code, out, err = command("shots --help")
    assert (code, err) == (0, "")
    for flag in ("--start", "--end", "--frames", "--fps", "--json", "--quiet"):
        assert flag in out
    code, out, _ = command("--help")
    assert "framestyle shots" in out

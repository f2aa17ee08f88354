"""The command that measures a result."""

import json
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from framestyle.metrics import Report

WEIGHTS = "--weights squeezenet1_0=w.safetensors"


@pytest.fixture
def painted(place):
    """painted/: the frames, lighter by turns."""
    Path("painted").mkdir()
    for number, file in enumerate(sorted(Path("frames").glob("*.png"))):
        frame = cv2.imread(str(file)).astype(int) + (10 if number % 2 else 0)
        cv2.imwrite(f"painted/{file.name}", frame.clip(0, 255).astype(np.uint8))
    return Path("painted")


def row(out, name):
    """The numbers that stand behind a name in a table."""
    lines = [line.strip() for line in out.splitlines() if line.strip().startswith(name)]
    assert len(lines) == 1, out
    return lines[0].removeprefix(name).split()


def test_a_table(painted, command):
    code, out, err = command(f"metrics frames painted --style style.png:2 {WEIGHTS}")
    assert code == 0
    assert "judge: squeezenet1_0 (--network NAME takes another)" in err.splitlines()
    assert out.startswith("painted, made of frames\n5 frames, 24 per second, 64x48 and 64x48")
    result, source = map(float, row(out, "warping error"))
    assert result == pytest.approx((10 / 255) ** 2, rel=0.3)
    assert source < 0.2 * result
    assert "0 cuts left out" in out
    assert "too little to tell drift and flicker" in out
    assert len(row(out, "sharpness, squared levels")) == 2
    assert len(row(out, "style distance")) == 2
    assert float(row(out, "content distance")[0]) > 0
    assert "looks (judged by squeezenet1_0)" in out


def test_json_has_the_same_figures(painted, command):
    code, out, _ = command(f"metrics frames painted --json figures.json --quiet {WEIGHTS}")
    assert code == 0
    figures = json.loads(Path("figures.json").read_text())
    assert list(figures) == list(Report.__dataclass_fields__)
    assert (figures["source"], figures["result"]) == ("frames", "painted")
    assert (figures["frames"], figures["frame_rate_hz"]) == (5, 24)
    assert figures["compared_size_px"] == figures["source_size_px"] == [64, 48]
    assert (figures["flow"], figures["network"]) == ("Farneback", "squeezenet1_0")
    assert (figures["styles"], figures["style_distance"]) == ([], None)
    assert figures["still_flicker_levels"] is None
    result, source = map(float, row(out, "warping error"))
    assert figures["warping_error"] == pytest.approx(result, rel=1e-3)
    assert figures["warping_error_source"] == pytest.approx(source, rel=1e-3)
    assert "style distance" not in out
    code, out, err = command(f"metrics frames painted --json - --quiet {WEIGHTS}")
    assert (code, err) == (0, "")
    assert json.loads(out) == figures
    assert sorted(p.name for p in Path().glob("*fig*")) == ["figures.json"]


def test_bands_and_drift(place, command, save_picture):
    levels = [round(100 + t / 10 + 5 * (-1) ** t) for t in range(30)]
    for t, level in enumerate(levels):
        save_picture(Path(f"a/{t:02}.png"), np.full((32, 32, 3), 100, np.uint8))
        save_picture(Path(f"b/{t:02}.png"), np.full((32, 32, 3), level, np.uint8))
    code, out, _ = command(f"metrics a b --fps 12 {WEIGHTS}")
    assert code == 0
    assert "where the source rests (100% of the frame)" in out
    assert "nothing moves by over 1 px" in out
    slope = 100 * np.polyfit(range(30), levels, 1)[0]
    assert float(row(out, "drift per 100 frames")[0]) == pytest.approx(slope, rel=1e-3)
    assert float(row(out, "flicker")[0]) == pytest.approx(5, abs=0.3)
    assert float(row(out, "from 3 to 6 Hz")[0]) == pytest.approx(5, abs=0.3)
    assert float(row(out, "from 0 to 1 Hz")[0]) < 0.5


def test_pictures(place, command):
    code, out, _ = command(f"metrics picture.png style.png {WEIGHTS} --style style.png")
    assert code == 0
    assert "one frame: nothing to say of steadiness" in out
    assert float(row(out, "style distance")[0]) < float(row(out, "style distance")[1])
    code, out, _ = command(f"metrics picture.png picture.png {WEIGHTS} --json -")
    assert json.loads(out)["warping_error"] is None


def test_a_cut_alone(place, command, save_picture):
    save_picture(Path("cut/1.png"), np.zeros((48, 64, 3), np.uint8))
    save_picture(Path("cut/2.png"), np.full((48, 64, 3), 255, np.uint8))
    code, out, _ = command(f"metrics cut cut {WEIGHTS}")
    assert code == 0
    assert "nothing can be followed from frame to frame (1 cut left out)" in out


def test_a_part_of_the_input(painted, command):
    for file in sorted(painted.glob("*.png"))[3:]:
        file.unlink()
    code, _, err = command(f"metrics clip.mp4 painted {WEIGHTS}")
    assert code == 2
    assert "clip.mp4 has 5 frames and painted 3" in err
    assert "--frames" in err
    code, out, _ = command(f"metrics clip.mp4 painted --frames 3 {WEIGHTS}")
    assert code == 0
    assert "3 frames, 29.97 per second" in out


def test_lite_judges_where_nothing_else_can_be_had(place, command):
    code, out, err = command("metrics picture.png picture.png")
    assert code == 0
    assert "judge: lite (the weights of squeezenet1_0 are not here" in err
    assert "flatters what lite painted" in err
    assert "judged by lite, which flatters what it painted itself" in out


BAD = {
    "nothing": ("", "required: INPUT, OUTPUT"),
    "no output": ("clip.mp4", "required: OUTPUT"),
    "too much": ("clip.mp4 clip.mp4 clip.mp4", "unrecognized arguments: clip.mp4"),
    "an unknown flag": (
        "clip.mp4 clip.mp4 --stile a.png",
        "there is no --stile; did you mean --style.*framestyle metrics --help",
    ),
    "missing input": ("clop.mp4 clip.mp4", r"clop\.mp4 does not exist.*clip\.mp4"),
    "missing output": ("clip.mp4 no/out.mp4", "does not exist"),
    "empty folder": ("clip.mp4 empty", "no pictures"),
    "text as clip": ("clip.mp4 text.mp4", r"text\.mp4"),
    "text as picture": ("picture.png text.jpg", r"text\.jpg is not a picture"),
    "other numbers of frames": ("clip.mp4 picture.png", "clip.mp4 has 5 frames and picture.png 1"),
    "missing style": ("clip.mp4 clip.mp4 --style no.jpg", r"no\.jpg does not exist"),
    "text as style": ("clip.mp4 clip.mp4 --style text.jpg", r"text\.jpg is not a picture"),
    "weight 0": ("clip.mp4 clip.mp4 --style style.png:0", "weight 0, expected one over 0"),
    "no size": ("clip.mp4 clip.mp4 --size large", "--size: got 'large', expected a whole number"),
    "small size": ("clip.mp4 clip.mp4 --size 3", "--size: got 3, expected from 16"),
    "a rate of a video": ("clip.mp4 clip.mp4 --fps 30", "leave --fps out"),
    "unknown network": ("clip.mp4 clip.mp4 --network vgg91", "no network 'vgg91'.*vgg19"),
    "no weights": ("clip.mp4 clip.mp4 --network vgg16", "cannot be fetched.*--weights vgg16=PATH"),
    "missing weights": ("clip.mp4 clip.mp4 --weights squeezenet1_0=no.pth", "no such file"),
    "weights without a name": ("clip.mp4 clip.mp4 --weights no.pth", "expected NAME=PATH"),
    "figures over a folder": ("clip.mp4 clip.mp4 --json empty", "empty is a folder, expected"),
    "figures in no folder": ("clip.mp4 clip.mp4 --json no/f.json", "no does not exist; make it"),
    "figures under a long name": (f"clip.mp4 clip.mp4 --json {'f' * 300}", "File name too long"),
    "figures over the clip": ("clip.mp4 clip.mp4 --json clip.mp4", "is read by the command"),
    "figures over a style": ("clip.mp4 clip.mp4 --style style.png --json ./style.png", "is read"),
    "figures over a frame": ("frames frames --json frames/shot_0003.png", "is read by the command"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_line_and_leaves_nothing(name, place, command, files):
    Path("empty").mkdir()
    Path("text.mp4").write_text("this is no video " * 50)
    Path("text.jpg").write_text("this is no picture " * 50)
    before = files()
    arguments, words = BAD[name]
    code, out, err = command(f"metrics {arguments}")
    assert (code, out) == (2, "")
    assert err.startswith("framestyle: ")
    assert err.count("\n") == 1
    assert re.search(words, err), err
    assert files() == before


def test_a_device_is_not_replaced(place, command):
    code, _, err = command("metrics clip.mp4 clip.mp4 --json /dev/null")
    assert code == 2
    assert "/dev/null is no regular file" in err
    assert Path("/dev/null").is_char_device()


def test_help_is_quick(place):
    code = (
        "import sys; from framestyle.cli import main\n"
        "try: main(['metrics', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.stdout.write(f\"torch: {'torch' in sys.modules}\")"
    )
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert ran.stdout.endswith("torch: False")
    assert "[--style PICTURE[:WEIGHT]]..." in ran.stdout
    for flag in ("--style", "--json", "--size", "--network", "--weights", "--frames", "--quiet"):
        assert flag in ran.stdout
    assert "(default: 512)" in ran.stdout

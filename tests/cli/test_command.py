"""The command as it is used: exit codes, what it says, and what it leaves behind."""

import os
import pickle
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

import framestyle
from framestyle.cli.console import Console
from framestyle.errors import FramestyleError

ROOT = Path(__file__).parents[2]
HERE = "framestyle: "


class Evil:
    def __reduce__(self):
        return os.system, ("touch executed",)


def prepare(texture, save_picture):
    """What bad commands name."""
    Path("empty").mkdir()
    Path("notes").mkdir()
    Path("notes/todo.txt").write_text("buy milk")
    Path("text.mp4").write_text("this is no video " * 50)
    Path("text.jpg").write_text("this is no picture " * 50)
    Path("taken.mp4").write_bytes(b"mine")
    Path("taken").mkdir()
    Path("taken/shot_0003.png").write_bytes(b"mine")
    Path("cut.png").write_bytes(Path("picture.png").read_bytes()[:900])
    save_picture(Path("tiny/1.png"), texture(16, 16))
    save_picture(Path("odd/1.png"), texture(48, 64))
    save_picture(Path("odd/2.png"), texture(48, 60))
    torch.save({"features.0.weight": Evil()}, "evil.pth")
    Path("evil2.pth").write_bytes(pickle.dumps(Evil(), protocol=2))
    torch.save({"features.0.weight": torch.zeros(3)}, "unfit.pth")
    Path("damaged.safetensors").write_bytes(Path("w.safetensors").read_bytes()[:50000])
    Path("bad.toml").write_text("[style\n")
    Path("unknown.toml").write_text("[style]\nitterations = 3\n")
    Path("group.toml").write_text("[stile]\niterations = 3\n")
    Path("wrong.toml").write_text("[style]\niterations = 'many'\n")
    Path("kind.toml").write_text("[style]\niterations = [3]\n")
    Path("run.toml").write_text("[run]\nsauce = 'clip.mp4'\n")
    Path("preset.toml").write_text("[run]\npreset = 'finest'\n")


OUT = "-o out.mp4"
BAD = {
    "no arguments": ("", "no input"),
    "no input": (OUT, "no input"),
    "no output": ("clip.mp4 style.png", "no output"),
    "mistyped command": ("metics clip.mp4 clip.mp4", "did you mean framestyle metrics"),
    "missing input": (f"clop.mp4 style.png {OUT}", r"clop\.mp4 does not exist.*clip\.mp4"),
    "missing folder": (f"no/where.mp4 style.png {OUT}", "does not exist"),
    "empty folder": (f"empty style.png {OUT}", "no pictures"),
    "folder without pictures": (f"notes style.png {OUT}", "no pictures"),
    "empty pattern": (f"frames/x_%04d.png style.png {OUT}", "no file matches"),
    "text as video": (f"text.mp4 style.png {OUT}", r"text\.mp4"),
    "text as picture": ("text.jpg style.png -o out.png", r"text\.jpg is not a picture"),
    "cut picture": ("cut.png style.png -o out.png", r"cut\.png is a damaged picture"),
    "frames of two sizes": (f"odd style.png {OUT}", "64x48 .*60x48"),
    "no style": (f"clip.mp4 {OUT}", "no style picture.*--no-style"),
    "missing style": (f"clip.mp4 stile.png {OUT}", r"stile\.png does not exist"),
    "folder as style": (f"clip.mp4 frames {OUT}", "frames is a folder"),
    "text as style": (f"clip.mp4 text.jpg {OUT}", r"text\.jpg is not a picture"),
    "a style that is left out": (
        f"clip.mp4 style.png {OUT} --no-style",
        r"style\.png.*left out",
    ),
    "a guide for no dream": (
        f"clip.mp4 style.png {OUT} --no-dream --dream-guide style.png",
        "--dream-guide does nothing with --no-dream",
    ),
    "a weight for no term": (
        f"clip.mp4 style.png {OUT} --no-temporal --temporal-weight 3",
        "--temporal-weight does nothing with --no-temporal",
    ),
    "adam for lbfgs": (
        f"clip.mp4 style.png {OUT} --optimizer lbfgs --step-size 0.1",
        "--step-size does nothing with --optimizer lbfgs",
    ),
    "channels with a guide": (
        f"clip.mp4 style.png {OUT} --dream-layers fire6#3 --dream-guide style.png",
        "exclude each other",
    ),
    "no room for the name of a job": (
        f"clip.mp4 style.png -o {'a' * 245}.mp4",
        "cannot make the job folder .*too long.*--job-dir",
    ),
    "the output is a style": (
        "frames/shot_0003.png style.png -o style.png --overwrite",
        r"style\.png is read by the run",
    ),
    "style weight 0": (f"clip.mp4 style.png:0 {OUT}", "weight 0, expected one over 0"),
    "negative style weight": (f"clip.mp4 style.png:-2 {OUT}", "weight -2"),
    "missing guide": (f"clip.mp4 style.png {OUT} --dream-guide g.png", r"g\.png does not exist"),
    "missing start": (f"clip.mp4 style.png {OUT} --init start.png", r"start\.png does not exist"),
    "unknown style layer": (
        f"clip.mp4 style.png {OUT} --style-layers fire99",
        "squeezenet1_0 has no layer 'fire99'.*did you mean fire9",
    ),
    "unknown content layer": (f"clip.mp4 style.png {OUT} --content-layers conv9_9", "no layer"),
    "unknown dream layer": (f"clip.mp4 style.png {OUT} --dream-layers fire66:1", "mean fire6"),
    "unknown channel": (f"clip.mp4 style.png {OUT} --dream-layers fire6#9999:1", "no channel"),
    "unknown network": (
        f"clip.mp4 style.png {OUT} --style-network vgg91",
        "no network 'vgg91'.*vgg19",
    ),
    "weights that cannot be fetched": (
        f"clip.mp4 style.png {OUT} --style-network vgg16",
        "cannot be fetched.*weights fetch vgg16.*--weights vgg16=PATH",
    ),
    "missing weights": (
        f"clip.mp4 style.png {OUT} --weights squeezenet1_0=no.pth",
        r"no\.pth: there is no such file",
    ),
    "unfit weights": (
        f"clip.mp4 style.png {OUT} --weights squeezenet1_0=unfit.pth",
        "not the weights of squeezenet1_0",
    ),
    "damaged weights": (
        f"clip.mp4 style.png {OUT} --weights squeezenet1_0=damaged.safetensors",
        "damaged",
    ),
    "weights with code": (
        f"clip.mp4 style.png {OUT} --weights squeezenet1_0=evil.pth",
        "would execute code",
    ),
    "pickle with code": (
        f"clip.mp4 style.png {OUT} --weights squeezenet1_0=evil2.pth",
        "would execute code",
    ),
    "weights of no network": (f"clip.mp4 style.png {OUT} --weights w.safetensors", "NAME=PATH"),
    "weights of an unknown network": (
        f"clip.mp4 style.png {OUT} --weights vgg=w.safetensors",
        "no network 'vgg'",
    ),
    "unknown flag": (f"clip.mp4 style.png {OUT} --iteration 3", "mean --iterations"),
    "unknown flag with a value": (f"clip.mp4 style.png {OUT} --sed=3", "mean --seed"),
    "out of range": (f"clip.mp4 style.png {OUT} --dream-carry 2", "--dream-carry.*from 0 to 1"),
    "negative": (f"clip.mp4 style.png {OUT} --style-weight -1", "--style-weight.*from 0 to"),
    "not a number": (f"clip.mp4 style.png {OUT} --style-weight lots", "'lots', expected a number"),
    "nan": (f"clip.mp4 style.png {OUT} --style-weight nan", "expected a number"),
    "not whole": (f"clip.mp4 style.png {OUT} --iterations 2.5", "expected a whole number"),
    "not a time": (f"clip.mp4 style.png {OUT} --start soon", "--start.*expected seconds"),
    "not a choice": (f"clip.mp4 style.png {OUT} --optimizer sgd", "adam, lbfgs"),
    "unknown preset": (f"clip.mp4 style.png {OUT} --preset best", "draft"),
    "no value": (f"clip.mp4 style.png {OUT} --seed", "--seed"),
    "start after end": (f"clip.mp4 style.png {OUT} --start 2 --end 1", "--end 1 s is not after"),
    "start after the clip": (f"clip.mp4 style.png {OUT} --start 60", "60"),
    "rate of a video": (f"clip.mp4 style.png {OUT} --fps 25", "--fps"),
    "times of a picture": ("picture.png style.png -o out.png --start 1", "--start"),
    "small frames": ("tiny style.png -o out", "16x16 pixels, and squeezenet1_0 needs 21"),
    "frames made small": ("frames style.png -o out --size 24", "24x18 pixels"),
    "small guide": (f"clip.mp4 style.png {OUT} --dream-guide tiny/1.png", "guide .*16x16"),
    "output exists": ("clip.mp4 style.png -o taken.mp4", "taken.mp4 exists.*--overwrite"),
    "output frames exist": ("frames style.png -o taken", "exists.*--overwrite"),
    "no folder for the output": (
        "clip.mp4 style.png -o nowhere/out.mp4",
        "nowhere does not exist; make it first",
    ),
    "output in a file": ("clip.mp4 style.png -o style.png/out.mp4", "not a folder"),
    "output is the input": ("clip.mp4 style.png -o clip.mp4 --overwrite", "is the input itself"),
    "output is where the input is": ("frames style.png -o frames --overwrite", "where the input"),
    "unknown codec": (f"clip.mp4 style.png {OUT} --codec h264x", "no video encoder 'h264x'"),
    "codec of another container": (
        "clip.mp4 style.png -o out.webm --codec libx264",
        "webm with libx264",
    ),
    "codec of a folder": ("frames style.png -o out --codec libx264", "--codec is for videos"),
    "unknown pixel format": (
        f"clip.mp4 style.png {OUT} --pixel-format yuv",
        "--pixel-format: ffmpeg has no 'yuv'",
    ),
    "unwritable output": ("clip.mp4 style.png -o /proc/out.mp4", "/proc"),
    "unwritable folder": ("frames style.png -o /proc/out", "/proc"),
    "clip into a picture": ("clip.mp4 style.png -o out.png", "has 5 frames.*%05d.png"),
    "picture into a clip": ("picture.png style.png -o out.mp4", "the input is one picture"),
    "unknown output": ("clip.mp4 style.png -o out.mp5", r"the form \.mp5 is not known"),
    "foreign job folder": (f"clip.mp4 style.png {OUT} --job-dir notes", "not framestyle's"),
    "job folder is a file": (f"clip.mp4 style.png {OUT} --job-dir style.png", "job folder"),
    "output in the job folder": ("clip.mp4 style.png -o empty/o.mp4 --job-dir empty", "lies in"),
    "contradiction": (f"clip.mp4 {OUT} --dream-only --no-dream", "--dream-only contradicts"),
    "missing config": (f"clip.mp4 style.png {OUT} --config no.toml", r"no\.toml: cannot be read"),
    "bad config": (f"clip.mp4 style.png {OUT} --config bad.toml", r"bad\.toml: not a TOML file"),
    "unknown setting": (
        f"clip.mp4 style.png {OUT} --config unknown.toml",
        r"--config unknown\.toml: .*itterations.*iterations",
    ),
    "standard output": ("clip.mp4 style.png -o -", "-o -: .*name a file"),
    "a dream of nothing": (
        f"clip.mp4 style.png {OUT} --dream-layers relu5_2:0,relu4_2:0",
        "--dream-layers: every layer has the weight 0.*--no-dream",
    ),
    "a style of nothing": (
        f"clip.mp4 style.png {OUT} --content-weight 0 --style-weight 0 --tv-weight 0",
        "all 0.*--no-style",
    ),
    "no weights file": (
        f"clip.mp4 style.png {OUT} --style-network squeezenet1_0 --weights squeezenet1_0=nothere",
        "nothere: there is no such file",
    ),
    "unknown group": (f"clip.mp4 style.png {OUT} --config group.toml", "'stile'.*style"),
    "wrong setting": (f"clip.mp4 style.png {OUT} --config wrong.toml", "whole number"),
    "setting of a wrong kind": (f"clip.mp4 style.png {OUT} --config kind.toml", "whole number"),
    "unknown run": (f"clip.mp4 style.png {OUT} --config run.toml", "sauce"),
    "unknown preset in a config": (f"clip.mp4 style.png {OUT} --config preset.toml", "finest"),
    "weights of what": ("weights bring", "weights"),
    "fetch what": ("weights fetch vgg91", "no network 'vgg91'"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name, place, command, files, quick_flags, texture, save_picture):
    text, expected = BAD[name]
    prepare(texture, save_picture)
    argv = text.split()
    if argv and argv[0] != "weights":
        flags = list(quick_flags)
        if "--weights" in argv:
            at = flags.index("--weights")
            del flags[at : at + 2]
        argv = [*flags, *argv]
    before = files()
    code, out, err = command(argv)
    assert (code, out) == (2, "")
    assert err.startswith(HERE)
    assert err.count("\n") == 1
    assert err.endswith("\n")
    assert re.search(expected, err), err
    assert files() == before
    assert not Path("/proc/out.mp4.framestyle-job").exists()


def test_a_file_with_the_name_of_a_command_is_an_input(place, command):
    Path("clip.mp4").rename("shots.mp4")
    code, _, err = command("shots.mp4 style.png")
    assert code == 2
    assert "did you mean" not in err


UNLOADED = """
import sys
from framestyle.cli import main
code = main(sys.argv[1:])
sys.exit(code if not {"torch", "torchvision"} & set(sys.modules) else 99)
"""


@pytest.mark.parametrize(
    "text",
    [
        "clop.mp4 style.png -o out.mp4",
        "clip.mp4 stile.png -o out.mp4",
        "clip.mp4 -o out.mp4",
        "clip.mp4 style.png -o out.xyz",
        "clip.mp4 style.png -o taken.mp4",
        "clip.mp4 style.png -o nowhere/out.mp4",
        "clip.mp4 style.png -o out.mp4 --weights vgg19=nowhere.pth",
        "clip.mp4 style.png -o out.mp4 --shots nowhere.txt",
        "clip.mp4 style.png -o out.mp4 --flow nowhere",
        "clip.mp4 style.png -o out.mp4 --job-dir clip.mp4",
        "clip.mp4 style.png -o out.mp4 --job-dir clip.mp4/below",
        "clip.mp4 style.png -o out.mp4 --job-dir nowhere/below",
        "clip.mp4 style.png -o out.mp4 --weights vgg19",
        "clip.mp4 style.png -o out.mp4 --weights vgg19=.",
        "shots clop.mp4",
        "metrics clip.mp4 clop.mp4",
        "metrics clip.mp4 clip.mp4 --style stile.png",
    ],
)
def test_what_is_wrong_with_files_is_told_before_torch_is_loaded(text, place):
    """It takes seconds, and whoever has mistyped a name should not wait for them."""
    Path("taken.mp4").write_bytes(b"mine")
    ran = subprocess.run(
        [sys.executable, "-c", UNLOADED, *text.split()], capture_output=True, text=True
    )
    assert ran.returncode == 2, ran.stderr
    assert ran.stderr.startswith(HERE)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there(place, command, files):
    before = files()
    code, _, err = command("clip.mp4 style.png -o out.mp4 --device cuda")
    assert code == 2
    assert err.startswith("framestyle: --device cuda: torch finds none here")
    assert files() == before


def test_the_error_comes_last_where_there_is_more_to_say(place, command, quick_flags):
    code, _, err = command(["clip.mp4", "style.png", "-o", "o.mp4", *quick_flags, "--crf", "99"])
    assert code == 2
    assert [line.startswith(HERE) for line in err.splitlines()].count(True) == 1
    assert err.splitlines()[-1].startswith(HERE)
    assert "Traceback" not in err


def test_a_failure_in_mid_run_exits_1(place, command, quick_flags, random_model):
    torch.save({k: v * 1e25 for k, v in random_model().state_dict().items()}, "w.pth")
    flags = [flag.replace("w.safetensors", "w.pth") for flag in quick_flags]
    code, _, err = command(["frames", "style.png", "-o", "out", *flags, "--quiet"])
    assert code == 1
    assert err.startswith("framestyle: frame 1 (shot_0003)")
    assert err.count("\n") == 1
    assert not Path("out").exists()


def test_runs_and_says_what_it_does(place, command, quick_flags, files):
    before = files()
    code, out, err = command(["frames", "style.png:2", "-o", "out/", *quick_flags])
    assert (code, out) == (0, "")
    lines = err.splitlines()
    assert lines[0].startswith("the numbers of the frames jump from 4 to 7")
    assert any(line.startswith("networks: dream squeezenet1_0") for line in lines)
    assert any(line.startswith("device: cpu (1 threads), float32") for line in lines)
    assert any(line.startswith("frame 5/5, ") for line in lines)
    assert lines[-1].startswith("out/: 5 frames in ")
    assert "\r" not in err
    assert "\x1b" not in err
    assert {Path(path).parts[0] for path in files().keys() - before.keys()} == {"out"}


def test_quiet_prints_nothing(place, command, quick_flags):
    code, out, err = command(["picture.png", "style.png", "-o", "o.png", *quick_flags, "--quiet"])
    assert (code, out, err) == (0, "", "")
    assert Path("o.png").exists()


def test_flags_stand_anywhere(place, command, quick_flags):
    code, _, err = command(["--quiet", "-o", "o.png", "picture.png", *quick_flags, "style.png"])
    assert (code, err) == (0, "")


def test_two_styles_on_the_command_line(place, command, quick_flags):
    for name, styles in (("a", ["style.png:1", "picture.png:3"]), ("b", ["style.png"])):
        code, _, err = command(["picture.png", *styles, "-o", f"{name}.png", *quick_flags])
        assert code == 0, err
    assert not np.array_equal(cv2.imread("a.png"), cv2.imread("b.png"))


def test_dream_only_needs_no_style(place, command, quick_flags):
    code, _, err = command(["picture.png", "-o", "o.png", "--dream-only", *quick_flags])
    assert code == 0, err
    assert not np.array_equal(cv2.imread("o.png"), cv2.imread("picture.png"))


def test_neither_stage_leaves_the_picture(place, command):
    code, _, err = command("picture.png -o o.png --no-dream --no-style")
    assert code == 0, err
    assert np.array_equal(cv2.imread("o.png"), cv2.imread("picture.png"))


def test_overwrite(place, command, quick_flags):
    Path("o.png").write_bytes(b"old")
    arguments = ["picture.png", "style.png", "-o", "o.png", *quick_flags]
    assert command(arguments)[0] == 2
    assert Path("o.png").read_bytes() == b"old"
    assert command([*arguments, "--overwrite"])[0] == 0
    assert cv2.imread("o.png").shape == (48, 64, 3)


def test_a_refused_run_goes_on_or_restarts(place, command, quick_flags, monkeypatch):
    arguments = ["frames", "style.png", "-o", "out", *quick_flags]
    show = Console.__call__

    def stop_after_two(console, event):
        show(console, event)
        if console.done == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Console, "__call__", stop_after_two)
        code, _, err = command(arguments)
    assert code == 130
    assert err.splitlines()[-1] == (
        "framestyle: stopped; 2 of 5 frames are kept, and the same command goes on"
    )
    code, _, err = command([*arguments, "--seed", "4"])
    assert code == 2
    assert "--seed: 0 before, 4 now" in err
    code, _, err = command(arguments)
    assert code == 0
    assert "going on after 2 of 5 frames" in err
    assert not Path("out.framestyle-job").exists()


INTERRUPTIBLE = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from framestyle.cli import main; sys.exit(main(sys.argv[1:]))"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_keeps_what_is_done(
    number, place, command, quick_flags, moving_clip, save_picture
):
    for i, pixels in enumerate(moving_clip(30, 48, 64, (1, 0))[0]):
        save_picture(Path(f"many/{i}.png"), pixels)
    arguments = ["many", "style.png", "-o", "out", *quick_flags]
    running = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *arguments], stderr=subprocess.PIPE, text=True
    )
    end = time.monotonic() + 60
    while len(list(Path().glob("out.framestyle-job/result/*.png"))) < 3:
        assert running.poll() is None
        assert time.monotonic() < end
        time.sleep(0.01)
    running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "Traceback" not in err
    last = err.splitlines()[-1]
    assert last.startswith("framestyle: stopped; ")
    assert last.endswith(" of 30 frames are kept, and the same command goes on")
    assert not Path("out").exists()
    kept = int(last.removeprefix("framestyle: stopped; ").split()[0])
    assert kept >= 3
    code, _, err = command(arguments)
    assert code == 0
    assert f"going on after {kept} of 30 frames" in err or (
        f"going on after {kept + 1} of 30 frames" in err  # it was between frame and telling
    )
    assert len(list(Path("out").iterdir())) == 30


@pytest.mark.parametrize("log", ["2>&-", "2>/dev/full"])
def test_a_log_that_cannot_be_written_stops_no_run(log, place, quick_flags):
    """A daemon has none; a disk fills."""
    if "full" in log and not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    arguments = ["frames", "style.png", "-o", "out", *quick_flags]
    command = [sys.executable, "-m", "framestyle", *map(str, arguments)]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {log}', "sh", *command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(list(Path("out").iterdir())) == 5


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("/nonexistent/ffmpeg", "is no program"),
        ("frames/shot_0003.png", "is no program"),
        ("./garbage", "Exec format error"),
        ("true", "is no ffmpeg"),
    ],
)
def test_an_ffmpeg_that_cannot_be_run(named, reason, place):
    Path("garbage").write_bytes(b"\0 this is no program")
    Path("garbage").chmod(0o755)
    arguments = ["clip.mp4", "style.png", "-o", "out.mp4"]
    done = subprocess.run(
        [sys.executable, "-m", "framestyle", *arguments],
        env={**os.environ, "IMAGEIO_FFMPEG_EXE": named},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == FramestyleError.exit_code
    (line,) = done.stderr.splitlines()
    assert named in line
    assert f"{reason}; reinstall imageio-ffmpeg, or name a binary" in line


def test_a_result_for_a_standard_output_that_is_closed(place):
    command = [sys.executable, "-m", "framestyle", "--print-config"]
    done = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "framestyle: standard output cannot be written: it is closed\n"


@pytest.mark.parametrize("how", [["-m", "framestyle"], [str(ROOT / "cli.py")]])
def test_starts_from_a_checkout(how, tmp_path):
    done = subprocess.run(
        [sys.executable, *how, "--version"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert (done.returncode, done.stdout) == (0, f"framestyle {framestyle.__version__}\n")
    assert done.stderr == ""


def test_the_command_says_errors_as_a_process(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "framestyle", "--nothing"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("framestyle: there is no --nothing")


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_what_needs_no_network_loads_none(flag):
    code = f"""
import sys
from framestyle.cli import main
try:
    main(["{flag}"])
finally:
    print("torch" in sys.modules, "cv2" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False False"


def test_version(command):
    assert command("--version") == (0, f"framestyle {framestyle.__version__}\n", "")

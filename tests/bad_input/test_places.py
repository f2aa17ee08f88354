"""Names that no file should have, and things where files or folders are expected."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import strategies as st

PLAIN = ["--no-dream", "--no-style", "--quiet"]
LITE = ["--quiet", "--networks", "lite", "--first-iterations", "1", "--iterations", "1",
        "--scales", "1", "--dream-steps", "1", "--dream-octaves", "1"]  # fmt: skip


def roles(thing):
    """The command lines in which something stands for a file or a folder, by what it stands for."""
    run = ["frames", "style.png", "-o", "out", *LITE]
    return {
        "input": [*PLAIN, "-o", "out", "--", thing],
        "input of a video": [*PLAIN, "-o", "out.mp4", "--", thing],
        "style": [*LITE, "-o", "out", "--", "frames", thing],
        "weighted style": [*LITE, "-o", "out", "--", "frames", f"{thing}:2"],
        "output": ["frames", f"--output={thing}", *PLAIN],
        "picture for an output": ["picture.png", f"--output={thing}.png", *PLAIN],
        "video for an output": ["frames", f"--output={thing}.mp4", *PLAIN],
        "pattern for an output": ["frames", f"--output={thing}%d.png", *PLAIN],
        "configuration": [f"--config={thing}", "--print-config"],
        "shots": [*run, f"--shots={thing}"],
        "flow": [*run, f"--flow={thing}"],
        "guide": [*run, f"--dream-guide={thing}"],
        "start": [*run, f"--init={thing}"],
        "weights": [*run, "--weights", f"lite={thing}"],
        "weights with a suffix": [*run, "--weights", f"lite={thing}.pth"],
        "job folder": ["frames", "-o", "out", *PLAIN, f"--job-dir={thing}"],
        "framestyle shots": ["shots", "--quiet", "--", thing],
        "framestyle metrics, input": ["metrics", "--quiet", "--", thing, "frames"],
        "framestyle metrics, output": ["metrics", "--quiet", "--", "frames", thing],
        "framestyle metrics, style": ["metrics", "--quiet", f"--style={thing}", "frames", "frames"],
        "framestyle metrics, JSON": ["metrics", "--quiet", f"--json={thing}", "frames", "frames"],
        "framestyle metrics, weights": ["metrics", f"--weights=lite={thing}", "frames", "frames"],
        "framestyle weights": ["weights", "--weights", f"lite={thing}"],
        "framestyle weights fetch": ["weights", "fetch", thing],
    }


ROLES = sorted(roles(""))
THINGS = ("missing", "folder", "empty", "text", "pipe", "pipe.png", "pipes", "loop", "loop.png",
          "dangling", "to itself", "socket", "binary", "/dev/null", "/dev/zero", "/dev/full",
          "/dev/stdin", "/proc", "/proc/self/mem", "/", ".", "..", "", "-", "--", "~", "~nobody",
          "a" * 300, "b/" * 3000, "picture.png/x", "frames/../frames", "*", "**", "[", "[!a",
          "?.png", "%d", "%%d", "%05d.png", "%0999999999d.png", "%s%n", "frames/f%d.png",
          "frames/*.png", "http://127.0.0.1:9/x.png", "file:picture.png", "concat:picture.png",
          "pipe:0",
          "$(touch x)", "`touch x`", ";touch x", "|touch x", "a\nb", "a\x1b[2Jb", "a\0b", "\udcff",
          "a:b", "a:1e9", "\u202ex", "C:\\x.png", "lite", "auto", "noise", "dis")  # fmt: skip


@pytest.fixture
def things(place):
    """The working folder with one of everything in it."""
    (place / "folder").mkdir()
    (place / "empty").touch()
    (place / "text").write_text("this is no picture\n" * 9)
    (place / "binary").write_bytes(bytes(range(256)) * 9)
    os.mkfifo(place / "pipe")
    os.mkfifo(place / "pipe.png")
    (place / "pipes").mkdir()
    for name in ("a.png", "forward_1_2.flo", "backward_2_1.png", "clip.mp4"):
        os.mkfifo(place / "pipes" / name)
    for link, target in (("loop", "loop"), ("loop.png", "loop.png"), ("dangling", "nowhere")):
        (place / link).symlink_to(target)
    (place / "to itself").mkdir()
    (place / "to itself" / "again").symlink_to(place / "to itself")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        yield place


def listed(folder):
    """What is in a folder, without what a link leads to."""
    return {str(path.relative_to(folder)) for path in folder.iterdir()}


def test_a_thing_in_every_role(things, command, over):
    before = listed(things)

    def body(example):
        role, thing = example
        code, said = command("thing in a place", roles(thing)[role])
        new = listed(things) - before
        assert "x" not in new, "a name has reached a shell"
        if code == 2:
            assert not new, (new, said.err)
        for name in new:
            path = things / name
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    every = [(role, thing) for role in ROLES for thing in THINGS]
    over(st.sampled_from(every), body, quick=60, slow=len(every))


# --- names ----------------------------------------------------------------------------------------


NASTY = ("-x", "--help", "-", "a b", " a", "a ", "a\nb", "a\tb", "a'b", 'a"b', "a;b", "a|b", "!",
         "=", "$HOME", "`x`", "[1]", "{a,b}", "*", "?", "%", "%d", "%%", "#", "&", "a\\b", "é",
         "\u202e", "\u0301", "日本", "😀", "\udcff\udcfe", "con", "a" * 200, "a:2", "~", "..a",
         "a\x1b[31m")  # fmt: skip


def test_odd_names_of_files_that_are_there(place, command, over):
    """Whatever a name has in it, the file of that name is read, and the result has its own."""

    def body(example):
        stem, kind = example
        folder = place / "odd"
        shutil.rmtree(folder, ignore_errors=True)
        try:
            folder.mkdir()
            source = folder / f"{stem}.png"
            shutil.copy("picture.png", source)
            out = folder / f"out {stem[:40]}.png"
            inner = folder / f"in {stem[:40]}"
            inner.mkdir()
            shutil.copy("picture.png", inner / f"{stem}.png")
        except (OSError, ValueError):
            return  # no file can have it here
        match kind:
            case "picture":
                arguments, made = ["-o", out, *PLAIN, "--", source], out
            case "folder":
                made = folder / f"to {stem[:40]}"
                arguments = ["-o", f"{made}/", *PLAIN, "--", inner]
            case "style":
                arguments, made = ["-o", out, *LITE, "--", "picture.png", source], out
            case "video":
                made = folder / f"{stem[:40]}.mkv"
                arguments = ["-o", made, *PLAIN, "--", inner]
        code, said = command("name", arguments)
        if "%" not in stem:  # which means a number in the name of an output
            assert code == 0, said.err
            assert made.exists()
        if kind == "video" and code == 0:
            assert command("name", ["shots", "--quiet", "--", made])[0] == 0

    letters = st.characters(exclude_characters="/\0", exclude_categories=())
    stems = st.sampled_from(NASTY) | st.text(letters, min_size=1, max_size=30)
    kinds = st.sampled_from(("picture", "folder", "style", "video"))
    over(st.tuples(stems, kinds), body, quick=8, slow=150)


@pytest.mark.parametrize("name", ["a\nb.png", "\udcff.png", "a\x1b[2J.png"])
def test_a_name_does_not_reach_the_terminal_as_it_is(name, place, command):
    _, said = command("name", [*PLAIN, "-o", "out.png", "--", name])
    assert "\x1b" not in said.err
    assert len(said.err.splitlines()) == 1
    command("name", ["--print-config", "-o", "out.png", "--", name])
    shutil.copy("picture.png", name)
    code, said = command("name", ["metrics", "--quiet", "--", name, name])
    assert code == 0


# --- who may not read -----------------------------------------------------------------------------


NOBODY = 65534


@contextlib.contextmanager
def as_nobody():
    """Be another user meanwhile, where this one may read everything."""
    may_all = os.geteuid() == 0
    if may_all:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if may_all:
            os.seteuid(0)


def test_what_may_not_be_read(things, command):
    for role in ROLES:  # what is imported late is read now, for nobody may not read it
        command("thing in a place", roles("text")[role])
    shutil.rmtree("out", ignore_errors=True)
    shutil.copy("picture.png", "secret.png")
    Path("secret.png").chmod(0)
    Path("folder").chmod(0)
    if os.geteuid() == 0:
        os.chown(".", NOBODY, NOBODY)
    try:
        for role in ROLES:
            for thing in ("secret.png", "folder", "folder/x.png", "frames"):
                command("unreadable", roles(thing)[role], around=as_nobody)
    finally:
        Path("folder").chmod(0o700)


# --- as the command itself ------------------------------------------------------------------------


def started(arguments, **how):
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "framestyle", *map(os.fsencode, map(str, arguments))],
        capture_output=True, timeout=120, env=os.environ | {"OMP_NUM_THREADS": "1"}, **how,
    )  # fmt: skip


REAL = [
    ["picture.png", *PLAIN, "-o", "out.png"],
    ["text", *PLAIN, "-o", "out.png"],
    ["picture.png", "style.png", *LITE, "-o", "out.png", "--weights", "lite=text"],
    ["picture.png", "style.png", *LITE, "-o", "out.png", "--weights", "lite=text.pth"],
    ["--config", "text"],
    ["--config", "/dev/zero"],
    ["--fps", "1e999999999", "frames", *PLAIN, "-o", "out"],
    ["shots", "binary"],
    ["shots", "pipes"],
    ["metrics", "frames", "text"],
    ["metrics", "frames", "\udcff"],
    ["weights", "--weights", "lite=\udcff"],
    ["frames", "style.png", *LITE, "-o", "out", "--flow", "pipes"],
    ["\udcff\n.png", "--print-config"],
    ["a\nb", *PLAIN, "-o", "out.png"],
]


QUICK = (2, 5)


@pytest.mark.parametrize(
    "at",
    [at if at in QUICK else pytest.param(at, marks=pytest.mark.slow) for at in range(len(REAL))],
)
def test_the_command_itself(at, things, count):
    ran = started(REAL[at])
    assert ran.returncode in (0, 2), ran.stderr
    assert b"Traceback" not in ran.stderr
    if ran.returncode == 2:
        assert len(ran.stderr.splitlines()) == 1, ran.stderr
        assert not Path("out.png").exists()
    count("as a process", ran.returncode == 2)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_what_is_written_where_nothing_can_be(things, count):
    with Path("/dev/full").open("wb") as full:
        for arguments in (["weights"], ["picture.png", "--print-config"], ["shots", "frames"]):
            ran = subprocess.run(
                [sys.executable, "-m", "framestyle", *arguments],
                stdout=full, stderr=subprocess.PIPE, timeout=120,
            )  # fmt: skip
            assert ran.returncode == 2
            assert b"framestyle: standard output cannot be written" in ran.stderr
            assert len(ran.stderr.splitlines()) == 1
            count("as a process", True)
    process = subprocess.Popen(
        [sys.executable, "-m", "framestyle", "weights"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    count("as a process", False)

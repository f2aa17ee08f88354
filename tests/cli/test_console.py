"""What is shown of a run: plain lines, or a bar on a terminal."""

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
import torch

from framestyle.cli.console import Console, _duration
from framestyle.progress import FrameDone, IterationDone, Notice, RunDone, RunStarted


def shown(*events, quiet=False):
    stream = io.StringIO()
    console = Console(quiet, stream)
    for event in events:
        console(event)
    console.close()
    return stream.getvalue(), console


def test_plain_lines():
    text, console = shown(
        Notice("networks: small"),
        RunStarted(3, 1),
        IterationDone(1, "style", 1, 9, {"style": torch.tensor(2.0)}),
        FrameDone(1, 0.5),
        FrameDone(2, 0.5),
        RunDone("out.mp4", 3, 75.2),
    )
    lines = text.splitlines()
    assert lines[:2] == ["networks: small", "going on after 1 of 3 frames"]
    assert re.fullmatch(r"frame 3/3, \d+\.\d\d s a frame, 0\.0 s left", lines[2])
    assert lines[3] == "out.mp4: 3 frames in 1:15"
    assert (console.done, console.frames) == (3, 3)


def test_lines_come_seldom(monkeypatch):
    events = [RunStarted(100), *(FrameDone(i, 0.01) for i in range(99))]
    assert shown(*events)[0] == ""
    monkeypatch.setattr("framestyle.cli.console.LINE_SECONDS", 0.0)
    assert len(shown(*events)[0].splitlines()) == 99


def test_quiet_says_nothing():
    events = RunStarted(1), Notice("x"), FrameDone(0, 1.0), RunDone("out", 1, 1.0)
    text, console = shown(*events, quiet=True)
    assert text == ""
    assert console.done == 1


def test_one_frame_is_not_frames():
    assert shown(RunDone("out.png", 1, 2.34))[0] == "out.png: 1 frame in 2.3 s\n"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.4, "59.4 s"), (59.6, "1:00"), (3725, "1:02:05")]
)
def test_durations(seconds, text):
    assert _duration(seconds) == text


def test_a_bar_on_a_terminal(place, quick_flags):
    flags = [*quick_flags, "--scales", "1", "--first-iterations", "60", "--iterations", "20"]
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 160, 0, 0))
    arguments = ["frames", "style.png", "-o", "out", *flags]
    with subprocess.Popen(
        [sys.executable, "-m", "framestyle", *arguments],
        stderr=follower,
        stdout=subprocess.PIPE,
    ) as running:
        os.close(follower)
        text = b""
        while True:
            try:
                part = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            text += part
        assert running.stdout.read() == b""
    os.close(leader)
    assert running.returncode == 0
    said = text.decode()
    assert "0/5" in said
    assert "5/5" in said
    found = re.findall(r"style (\d+)/(\d+) ([a-z0-9 .e+-]+)", said)
    assert found
    assert {total for _, total, _ in found} <= {"60", "20"}
    losses = found[0][2]
    assert re.search(r"content \d", losses)
    assert re.search(r"style \d", losses)
    assert re.search(r"variation \d", losses)
    assert "networks: dream squeezenet1_0" in said
    assert re.search(r"out: 5 frames in ", said)

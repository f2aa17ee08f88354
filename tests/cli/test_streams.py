"""What is written on the terminal: one line is one line, and nothing in a name steers it."""

import io
import os
import sys
from pathlib import Path

import pytest

from framestyle.cli.streams import is_text, on_one_line, put, say
from framestyle.errors import OutputError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain, é, 日本, 😀", "plain, é, 日本, 😀"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\udcff", r"\udcff"),
    ],
)
def test_on_one_line(text, expected):
    assert on_one_line(text) == expected
    assert len(expected.splitlines()) == 1


def test_say(capsys):
    say("a\nb")
    other = io.StringIO()
    say("c\x1b", other)
    assert capsys.readouterr().err == "a\\nb\n"
    assert other.getvalue() == "c\\x1b\n"


def test_a_result_keeps_its_lines_and_escapes_what_cannot_be_shown(monkeypatch):
    shown = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", shown)
    put("a\né\udcff\n")
    assert shown.buffer.getvalue() == b"a\n\\xe9\\udcff\n"


@pytest.fixture(params=[True, False], ids=["nobody reads", "the disk is full"])
def is_pipe(request):
    return request.param


@pytest.fixture
def out(is_pipe):
    """A stream that takes nothing: a pipe whose reader has ended, or a file on a full disk."""
    if is_pipe:
        reading, writing = os.pipe()
        os.close(reading)
    elif Path("/dev/full").exists():
        writing = os.open("/dev/full", os.O_WRONLY)
    else:
        pytest.skip("there is no /dev/full")
    return os.fdopen(writing, "w")


def test_a_result_that_nobody_takes(is_pipe, out, monkeypatch):
    """A pipe whose reader has ended has had enough; a full disk is an error."""
    with out:
        monkeypatch.setattr(sys, "stdout", out)
        if is_pipe:
            put("a" * 100_000)
        else:
            with pytest.raises(OutputError, match="standard output cannot be written: No space"):
                put("a")


def test_lines_that_cannot_be_written_are_not(out):
    with out:
        for _ in range(3):
            say("frame 1/9", out)


def test_is_text():
    assert is_text("日本\n")
    assert not is_text("\udcff")

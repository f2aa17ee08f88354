"""Names that no file can have, and reading no more of a file than it may hold."""

import os
import threading

import pytest

from framestyle.errors import InputError, OutputError
from framestyle.files import check_name, home_expanded, read_at_most


def test_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert str(home_expanded("~/x.png")) == "/home/ada/x.png"
    assert str(home_expanded("~nobody9/x.png")) == "~nobody9/x.png"  # there is no such user
    assert str(home_expanded("a~")) == "a~"


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "a/" * 3000, "loop"])
def test_names_that_cannot_be_looked_up(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError) as caught:
        check_name(name)
    assert len(str(caught.value)) < 200
    with pytest.raises(OutputError):
        check_name(name, OutputError)


@pytest.mark.parametrize("name", ["there", "missing", "there/below", "a b\n", "\udcff", ".", ""])
def test_names_that_can(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    check_name(name)


def test_a_file_is_read_up_to_its_bound(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_at_most(tmp_path / "a", 5) == b"12345"
    with pytest.raises(OSError, match="over 4 bytes"):
        read_at_most(tmp_path / "a", 4)
    with pytest.raises(IsADirectoryError):
        read_at_most(tmp_path, 5)


@pytest.mark.timeout(20)
def test_a_pipe_is_waited_for_only_where_somebody_writes(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert read_at_most(pipe, 10) == b""
    reading, writing = os.pipe()  # as a shell has it for <(command)
    writer = threading.Timer(0.2, lambda: (os.write(writing, b"late"), os.close(writing)))
    writer.start()
    assert read_at_most(f"/dev/fd/{reading}", 10) == b"late"
    writer.join()
    os.close(reading)

"""Files that are whole or not there, and told apart from damaged ones."""

import errno
import os
from pathlib import Path

import pytest

from framestyle.media.landing import move_whole, sealed, sync, unsealed, write_whole


def test_a_file_is_written_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    for name in ("a", "ü" * 100, "x" * 240):
        write_whole(tmp_path / name, b"first")
        write_whole(tmp_path / name, b"second")
        assert (tmp_path / name).read_bytes() == b"second"
        assert [path.name for path in tmp_path.iterdir()] == [name]
        (tmp_path / name).unlink()


def test_what_does_not_fit_on_the_disk_leaves_no_part(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    (tmp_path / ".a.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a", b"data")
    assert list(tmp_path.iterdir()) == []


def test_files_and_folders_are_synced(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"data")
    sync(tmp_path / "a")
    sync(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "none")


def test_a_file_that_cannot_be_synced_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_RDWR)  # or opening it would wait
    try:
        with pytest.raises(OSError) as caught:
            sync(tmp_path / "pipe")
    finally:
        os.close(writer)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("data", [b"", b"1 2\n3 4\n", bytes(range(256)), b"\n# \n"])
def test_what_is_sealed_is_given_back(data: bytes) -> None:
    assert unsealed(sealed(data)) == data


def test_any_bit_that_differs_breaks_the_seal() -> None:
    whole = sealed(b"1 48\n49 96\n")
    for place in range(len(whole)):
        for bit in range(8):
            damaged = bytearray(whole)
            damaged[place] ^= 1 << bit
            with pytest.raises(ValueError):
                unsealed(bytes(damaged))
    for length in range(len(whole)):
        with pytest.raises(ValueError):
            unsealed(whole[:length])
    for more in (b"\n", whole, b"# 1\n"):
        with pytest.raises(ValueError):
            unsealed(whole + more)


def test_a_folder_is_moved_with_all_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "made" / "deep").mkdir(parents=True)
    (tmp_path / "made" / "deep" / "a").write_bytes(b"data")
    move_whole(tmp_path / "made", tmp_path / "final")
    assert (tmp_path / "final" / "deep" / "a").read_bytes() == b"data"
    assert [path.name for path in tmp_path.iterdir()] == ["final"]

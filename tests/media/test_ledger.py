"""What a job may rely on: entered, unchanged, and told apart from everything else."""

from pathlib import Path

import pytest

from framestyle.media.ledger import NAME, Ledger


@pytest.fixture
def landed(tmp_path: Path) -> Path:
    """A folder with a ledger in which two of its three files are entered."""
    (tmp_path / "result").mkdir()
    ledger = Ledger(tmp_path)
    for name in ("a.png", "new\nline 'ü.png", "not entered.png"):
        path = tmp_path / "result" / name
        path.write_bytes(name.encode())
        if not name.startswith("not"):
            ledger.enter(path, name.encode() if name == "a.png" else None)
    ledger.secure()
    return tmp_path


def whole(folder: Path) -> set[str]:
    ledger = Ledger(folder)
    return {path.name for path in (folder / "result").iterdir() if ledger.has_whole(path)}


BOTH = {"a.png", "new\nline 'ü.png"}


def test_files_that_were_entered_are_whole(landed: Path) -> None:
    assert whole(landed) == BOTH


def test_a_file_that_is_changed_or_gone_is_not_whole(landed: Path) -> None:
    (landed / "result" / "a.png").write_bytes(b"A.png")
    assert whole(landed) == BOTH - {"a.png"}
    (landed / "result" / "a.png").unlink()
    assert not Ledger(landed).has_whole(landed / "result" / "a.png")
    (landed / "result" / "a.png").mkdir()
    assert not Ledger(landed).has_whole(landed / "result" / "a.png")


def test_a_file_that_was_moved_is_found_where_it_is(landed: Path, tmp_path: Path) -> None:
    path = landed / "result" / "a.png"
    moved = path.rename(tmp_path / "elsewhere.png")
    assert Ledger(landed).has_whole(path, moved)
    assert not Ledger(landed).has_whole(path)


def test_the_last_entry_of_a_file_counts(landed: Path) -> None:
    ledger, path = Ledger(landed), landed / "result" / "a.png"
    path.write_bytes(b"made again")
    ledger.enter(path)
    assert whole(landed) == BOTH


@pytest.mark.parametrize("left", range(1, 40, 3))
def test_an_entry_that_was_torn_off_is_none_and_swallows_none(landed: Path, left: int) -> None:
    file = landed / NAME
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join(lines[:-1]) + b"\n" + lines[-1][:left])
    assert whole(landed) == {"a.png"}
    ledger, path = Ledger(landed), landed / "result" / "not entered.png"
    ledger.enter(path)
    assert whole(landed) == {"a.png", path.name}


@pytest.mark.parametrize(
    "damage",
    [b"", b"\xff" * 99, b'["result/a.png"]', b'["result/a.png", 1]', b"[" * 100_000, b"{}"],
)
def test_what_is_damaged_is_no_entry(landed: Path, damage: bytes) -> None:
    (landed / NAME).write_bytes(damage)
    assert whole(landed) == set()


def test_the_output_is_known_again(landed: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"an output")
    assert not Ledger(landed).is_output(output)
    ledger = Ledger(landed)
    ledger.enter_output(output)
    assert Ledger(landed).is_output(output)
    output.write_bytes(b"an Output")
    assert not Ledger(landed).is_output(output)


def test_asking_makes_no_file(tmp_path: Path) -> None:
    assert not Ledger(tmp_path / "none").has_whole(tmp_path / "none" / "a")
    assert list(tmp_path.iterdir()) == []

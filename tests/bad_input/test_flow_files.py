"""Damaged and strange files of flow, alone and as the folder of a run."""

import struct
import zlib

import pytest
import torch
from hypothesis import strategies as st

from framestyle.motion import FlowFiles, read_flow, write_flo, write_kitti

NAMES = ("forward_1_2", "backward_2_1")


@pytest.fixture(scope="session")
def flows(tmp_path_factory):
    """Whole files of flow, 20x14, as bytes, by suffix."""
    folder, made = tmp_path_factory.mktemp("flows"), {}
    flow = torch.rand(1, 2, 14, 20, generator=torch.Generator().manual_seed(1)) * 8 - 4
    for suffix, write in ((".flo", write_flo), (".png", write_kitti)):
        write(folder / f"whole{suffix}", flow)
        made[suffix] = (folder / f"whole{suffix}").read_bytes()
    return made


def checked(field):
    assert field.flow.isfinite().all()
    assert field.flow.shape[2:] == field.known.shape[2:]
    return field


def test_damaged_files(flows, damage, damaged, attempt, over, tmp_path):
    def body(example):
        kind, suffix, changes = example
        path = tmp_path / f"flow{suffix}"
        path.write_bytes(damaged(flows[kind], changes))
        attempt("flow", lambda: checked(read_flow(path)))

    suffix = st.sampled_from((".flo", ".png"))
    over(st.tuples(suffix, suffix, damage), body, quick=10, slow=300)


def test_damaged_folders(flows, damage, damaged, attempt, over, tmp_path):
    def body(example):
        names, suffix, changes = example
        folder = tmp_path / "flow"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        for name in (*NAMES, *names):
            (folder / f"{name}{suffix}").write_bytes(flows[suffix])
        (folder / f"{NAMES[0]}{suffix}").write_bytes(damaged(flows[suffix], changes))
        attempt("flow folder", lambda: FlowFiles(folder).check(2, 20, 14))

    numbers = st.integers(0, 3).map(str) | st.sampled_from(("9" * 90, "٣", "01", "-1", "²"))
    names = st.builds("{}_{}_{}".format, st.sampled_from(("forward", "backward")), numbers, numbers)
    kinds = st.tuples(st.lists(names, max_size=2), st.sampled_from((".flo", ".png")), damage)
    over(kinds, body, quick=6, slow=120)


def png(header, *parts):
    whole = b"\x89PNG\r\n\x1a\n"
    for kind, data in ((b"IHDR", header), *parts, (b"IEND", b"")):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        whole += struct.pack(">I", len(data)) + kind + data + checksum
    return whole


def test_files_that_claim_to_be_huge(attempt, tmp_path):
    """By their headers, and by pixels of gigabytes that are packed into a file of a megabyte."""
    path = tmp_path / "flow.flo"
    sides = (100_000, 16_384, 2**31 - 1, -1, 0, -(2**31))
    for side in sides:
        path.write_bytes(b"PIEH" + struct.pack("<ii", side, side) + bytes(800))
        for size in (None, (64, 48)):
            message = attempt("huge", lambda path=path, size=size: read_flow(path, size))[1]
            assert "says" in message or "and the frames are" in message
    packing = zlib.compressobj(9)
    zeros = b"".join(packing.compress(bytes(1 << 20)) for _ in range(150)) + packing.flush()
    path = tmp_path / "flow.png"
    for side in (100_000, 16_384, 2**32 - 1, 64):
        header = struct.pack(">IIBBBBB", side, side, 16, 2, 0, 0, 0)
        path.write_bytes(png(header, (b"IDAT", zeros)))
        assert attempt("huge", lambda path=path: read_flow(path, (64, 48)))[1]


def test_a_file_with_a_hole_of_gigabytes(attempt, tmp_path):
    for name, head in (
        ("flow.flo", b"PIEH" + struct.pack("<ii", 64, 48)),
        ("flow.png", png(struct.pack(">IIBBBBB", 64, 48, 16, 2, 0, 0, 0))),
    ):
        with (tmp_path / name).open("wb") as file:
            file.write(head)
            file.truncate(1 << 40)
        message = attempt("huge", lambda path=tmp_path / name: read_flow(path))[1]
        assert "is damaged" in message

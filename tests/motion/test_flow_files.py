"""Flow made elsewhere: both file formats, the names, the direction, and every bad folder."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from framestyle.errors import InputError, OutputError
from framestyle.motion import FlowFiles, look_up, read_flow, write_flo, write_kitti

SIDE = st.integers(1, 9)


def fields(limit):
    """Flows (1, 2, h, w) float32 within a limit."""
    numbers = st.floats(-limit, limit, width=32)
    shapes = st.tuples(st.just(1), st.just(2), SIDE, SIDE)
    return shapes.flatmap(lambda shape: arrays(np.float32, shape, elements=numbers))


@settings(deadline=None, max_examples=60)
@given(values=fields(1e8))
def test_flo_is_exact(values, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "exact.flo"
    write_flo(path, torch.from_numpy(values))
    field = read_flow(path)
    assert torch.equal(field.flow, torch.from_numpy(values))
    assert field.known.all()
    assert field.known.shape == (1, 1, *values.shape[2:])


@settings(deadline=None, max_examples=60)
@given(values=fields(511), known=st.booleans())
def test_kitti_rounds_to_a_64th(values, known, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "rounded.png"
    flow = torch.from_numpy(values)
    mask = torch.full_like(flow[:, :1], known, dtype=torch.bool)
    mask[..., 0, 0] = True
    write_kitti(path, flow, mask)
    field = read_flow(path)
    assert torch.equal(field.known, mask)
    assert float(((field.flow - flow) * mask).abs().max()) <= 1 / 128
    assert not (field.flow * ~mask).any()


def test_flo_byte_by_byte(tmp_path):
    """The layout that Middlebury's README gives: tag, width, height, u and v in turn by rows."""
    flow = torch.arange(12.0).view(1, 2, 2, 3)
    path = tmp_path / "f.flo"
    write_flo(path, flow)
    data = path.read_bytes()
    assert struct.unpack("<f", data[:4]) == (202021.25,)
    assert struct.unpack("<ii", data[4:12]) == (3, 2)
    assert struct.unpack("<12f", data[12:]) == (0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11)


def test_kitti_value_by_value(tmp_path):
    """The formula of KITTI's development kit: u = (R - 2^15) / 64, v of G, B > 0 is valid."""
    rgb = np.zeros((2, 3, 3), np.uint16)
    rgb[0, 1] = 32768 + 64, 32768 - 32, 1
    rgb[1, 2] = 5, 6, 0
    path = tmp_path / "k.png"
    assert cv2.imwrite(str(path), rgb[:, :, ::-1])
    field = read_flow(path)
    assert field.flow[0, :, 0, 1].tolist() == [1.0, -0.5]
    assert field.known[0, 0].tolist() == [[False, True, False], [False, False, False]]
    assert not field.flow[0, :, 1, 2].any()
    write_kitti(tmp_path / "again.png", field.flow, field.known)
    again = cv2.imread(str(tmp_path / "again.png"), cv2.IMREAD_UNCHANGED)[:, :, ::-1]
    assert again.dtype == np.uint16
    assert again[0, 1].tolist() == [32832, 32736, 1]


def test_what_kitti_cannot_hold(tmp_path):
    flow = torch.zeros(1, 2, 4, 4)
    flow[0, 0, 0, 0] = 512
    with pytest.raises(OutputError, match="512 px or more"):
        write_kitti(tmp_path / "k.png", flow)
    known = torch.ones(1, 1, 4, 4, dtype=torch.bool)
    known[..., 0, 0] = False
    write_kitti(tmp_path / "k.png", flow, known)
    with pytest.raises(OutputError, match="cannot write"):
        write_flo(tmp_path / "no" / "f.flo", flow)


def test_places_that_middlebury_marks_are_unknown(tmp_path):
    flow = torch.ones(1, 2, 4, 5)
    flow[0, :, 1, 2] = 1.666666752e9
    write_flo(tmp_path / "f.flo", flow)
    field = read_flow(tmp_path / "f.flo")
    assert (~field.known).sum() == 1
    assert field.flow[0, :, 1, 2].tolist() == [0, 0]


BAD_FLO = {
    "empty": (lambda data: b"", "is no .flo file"),
    "another file": (lambda data: b"RIFF" + data[4:], r"starts with b'RIFF', not b'PIEH'"),
    "only the tag": (lambda data: data[:4], "is damaged"),
    "half of it": (lambda data: data[:126], r"says 6x5 and has 126 bytes, expected 252"),
    "too long": (lambda data: data + b"x", "has 253 bytes, expected 252"),
    "no size": (lambda data: data[:4] + bytes(8), "says 0x0 pixels, which cannot be"),
    "below zero": (lambda data: data[:4] + struct.pack("<ii", -6, -5) + data[12:], "says -6x-5"),
    "absurd": (lambda data: data[:4] + struct.pack("<ii", 60000, 5) + data[12:], "cannot be"),
    "not a number": (lambda data: data[:-4] + struct.pack("<f", np.nan), "not finite"),
    "infinite": (lambda data: data[:-4] + struct.pack("<f", np.inf), "not finite"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_FLO)
def test_damaged_flo(name, tmp_path):
    damage, said = BAD_FLO[name]
    path = tmp_path / "f.flo"
    write_flo(path, torch.ones(1, 2, 5, 6))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=said) as caught:
        read_flow(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def png_of(*chunks):
    """A PNG of these parts, each with the right sum."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_damaged_kitti(tmp_path, texture, capfd):
    path = tmp_path / "k.png"
    write_kitti(path, torch.rand(1, 2, 40, 50, generator=torch.Generator().manual_seed(1)))
    whole = path.read_bytes()
    for size in (0, 7, 20, 100, len(whole) // 2, len(whole) - 4):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"is damaged|is no PNG"):
            read_flow(path)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    path.write_bytes(flipped)
    with pytest.raises(InputError, match="is damaged"):
        read_flow(path)
    ihdr = struct.pack(">IIBBBBB", 50, 40, 16, 2, 0, 0, 0)
    for header, pixels, said in (
        (struct.pack(">IIBBBBB", 60000, 60000, 16, 2, 0, 0, 0), b"", "60000x60000 pixels, which"),
        (struct.pack(">IIBBBBB", 0, 0, 16, 2, 0, 0, 0), b"", "0x0 pixels, which cannot be"),
        (ihdr[:5], b"", "header has 5 bytes, expected 13"),
        (ihdr, zlib.compress(bytes(40)), "has 40 bytes of pixels, expected 12040 for 50x40"),
        (ihdr, b"no zlib", "cannot be unpacked"),
    ):
        path.write_bytes(png_of((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b"")))
        with pytest.raises(InputError, match=f"is damaged: .*{said}"):
            read_flow(path)
    assert cv2.imwrite(str(path), texture(40, 50))
    with pytest.raises(InputError, match="is no flow picture of KITTI: expected a PNG of 16 bits"):
        read_flow(path)
    assert cv2.imwrite(str(path), np.zeros((8, 8), np.uint16))
    with pytest.raises(InputError, match="in three channels"):
        read_flow(path)
    assert capfd.readouterr().err == ""  # OpenCV was asked nothing that it complains about


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone\.flo: No such file"):
        read_flow(tmp_path / "gone.flo")


@pytest.fixture
def folder(tmp_path):
    """Returns ``folder(pairs, suffix, size)``: flow files whose vectors are (from, to)."""

    def make(pairs=((1, 2), (2, 3), (3, 4)), suffix=".flo", size=(20, 30), digits=1):
        for pair in pairs:
            for start, end in (pair, pair[::-1]):
                flow = torch.tensor([start, end], dtype=torch.float32).view(1, 2, 1, 1)
                name = "forward" if start < end else "backward"
                path = tmp_path / f"{name}_{start:0{digits}}_{end:0{digits}}{suffix}"
                write = write_flo if suffix == ".flo" else write_kitti
                write(path, flow.expand(1, 2, *size).contiguous())
        return tmp_path

    return make


FRAME = np.zeros((20, 30, 3), np.uint8)


@pytest.mark.parametrize("suffix", [".flo", ".png"])
@pytest.mark.parametrize("digits", [1, 4])
def test_names_say_where_vectors_start_and_lead_to(folder, suffix, digits):
    files = FlowFiles(folder(suffix=suffix, digits=digits))
    files.check(4, 30, 20)
    forth, back = files.flows(FRAME, FRAME, (1, 2))
    assert forth[0, :, 0, 0].tolist() == [2, 3]
    assert back[0, :, 0, 0].tolist() == [3, 2]
    assert forth.shape == back.shape == (1, 2, 20, 30)
    assert forth.dtype == back.dtype == torch.float32
    forth, back = files.flows(FRAME, FRAME, (2, 1))
    assert forth[0, :, 0, 0].tolist() == [3, 2]
    assert back[0, :, 0, 0].tolist() == [2, 3]


def test_the_pairs_that_are_there(folder):
    files = FlowFiles(folder([(1, 2), (2, 3), (1, 5)]))
    assert files.has((0, 1))
    assert files.has((0, 4))
    assert files.has((4, 0))
    assert not files.has((1, 4))
    assert not files.has((0, 2))
    (files.folder / "backward_5_1.flo").unlink()
    assert not FlowFiles(files.folder).has((0, 4))
    with pytest.raises(InputError, match="forward_2_5 is missing"):
        files.flows(FRAME, FRAME, (1, 4))


def test_the_files_are_listed_in_order(folder):
    path = folder([(1, 2), (9, 10), (2, 3)])
    (path / "reliable_2_1.pgm").write_bytes(b"P5")
    (path / "forward_1_2.txt").write_text("notes")
    names = [file.name for file in FlowFiles(path).files]
    assert names == [
        f"{name}.flo"
        for name in ("forward_1_2", "backward_2_1", "forward_2_3", "backward_3_2",
                     "forward_9_10", "backward_10_9")
    ]  # fmt: skip


def test_the_true_flow_is_the_motion(true_flow, sample_frames, tmp_path):
    """From files of the sample's true flow comes a motion that carries one frame to the next."""
    for start, end in ((0, 1), (1, 0)):
        name = "forward" if start < end else "backward"
        write_flo(tmp_path / f"{name}_{start + 1}_{end + 1}.flo", true_flow(start, end)[0])
    files = FlowFiles(tmp_path)
    files.check(2, 320, 180)
    last, this = sample_frames[:2]
    motion = files.between(last, this, (0, 1))
    true, visible = true_flow(1, 0)
    seen = motion.seen[0, 0].numpy() > 0
    error = (motion.back - true).square().sum(1).sqrt()[0].numpy()
    assert np.median(error[visible & seen]) < 1e-3
    assert (visible & seen).mean() > 0.95 * visible.mean()
    images = [torch.from_numpy(f).permute(2, 0, 1)[None].float() for f in (last, this)]
    left = (look_up(images[0], motion.back) - images[1]).abs().mean(1)[0].numpy()
    plain = (images[0] - images[1]).abs().mean(1)[0].numpy()
    assert left[seen].mean() < 0.5 * plain[seen].mean()


def test_where_the_flow_is_not_known_nothing_is_trusted(tmp_path, texture):
    known = torch.ones(1, 1, 60, 80, dtype=torch.bool)
    known[..., 20:40, 30:60] = False
    flow = torch.zeros(1, 2, 60, 80)
    flow[:, 0] = 3.0
    write_kitti(tmp_path / "forward_1_2.png", flow)
    write_kitti(tmp_path / "backward_2_1.png", -flow, known)
    plane = texture(60, 83)
    last, this = plane[:, 3:], plane[:, :80]
    motion = FlowFiles(tmp_path).between(last, this, (0, 1))
    assert not motion.reliability[~known].any()
    assert not motion.seen[..., 22:38, 32:58].any()
    assert motion.back.isfinite().all()
    assert motion.reliability[..., 5:15, 10:70].all()


def test_where_it_is_not_known_and_the_clip_rests_the_last_result_stays(tmp_path, texture):
    known = torch.zeros(1, 1, 60, 80, dtype=torch.bool)
    for name in ("forward_1_2", "backward_2_1"):
        write_kitti(tmp_path / f"{name}.png", torch.zeros(1, 2, 60, 80), known)
    frame = texture(60, 80)
    motion = FlowFiles(tmp_path).between(frame, frame, (0, 1))
    assert not motion.back.any()
    assert bool((motion.seen == 1).all())


def test_folders_without_flow(tmp_path):
    with pytest.raises(InputError, match=r"the flow folder .*gone does not exist"):
        FlowFiles(tmp_path / "gone")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is no folder"):
        FlowFiles(tmp_path / "file")
    (tmp_path / "forward_1_2.txt").touch()
    with pytest.raises(InputError, match=r"has no flow in it; expected files as forward_1_2\.flo"):
        FlowFiles(tmp_path)


@pytest.mark.parametrize("name", ["forward_2_1", "backward_1_2", "forward_0_1", "forward_3_3"])
def test_names_that_contradict_themselves(name, tmp_path):
    write_flo(tmp_path / f"{name}.flo", torch.zeros(1, 2, 2, 2))
    with pytest.raises(InputError, match=rf"{name}\.flo: expected forward_A_B or backward_B_A"):
        FlowFiles(tmp_path)


def test_the_same_flow_twice(folder):
    folder([(1, 2)])
    path = folder([(1, 2)], suffix=".png")
    with pytest.raises(InputError, match=r"backward_2_1\.png are the same flow; remove one"):
        FlowFiles(path)


def test_missing_pairs_are_told_before_the_run(folder):
    path = folder([(1, 2), (2, 3), (4, 5)])
    (path / "backward_5_4.flo").unlink()
    FlowFiles(path).check(3, 30, 20)
    said = "forward_3_4 and 2 more are missing (.flo or .png) for the flow between 5 frames"
    with pytest.raises(InputError, match="forward_3_4") as caught:
        FlowFiles(path).check(5, 30, 20)
    assert said in str(caught.value)
    (path / "backward_3_2.flo").unlink()
    with pytest.raises(InputError, match=r"backward_3_2 is missing \(\.flo or \.png\)"):
        FlowFiles(path).check(3, 30, 20)


def test_flow_of_another_size_is_told_before_the_run(folder):
    path = folder([(1, 2)])
    folder([(2, 3)], size=(20, 29))
    with pytest.raises(InputError, match=r"forward_2_3\.flo is 29x20, and the frames are 30x20"):
        FlowFiles(path).check(3, 30, 20)
    FlowFiles(path).check(2, 30, 20)
    with pytest.raises(InputError, match="29x20"):
        FlowFiles(path).flows(FRAME, FRAME, (1, 2))


def test_damage_is_told_before_the_run(folder):
    path = folder([(1, 2), (2, 3), (1, 3)])
    (path / "backward_3_1.flo").write_bytes(b"PIEH")
    with pytest.raises(InputError, match=r"backward_3_1\.flo is damaged"):
        FlowFiles(path).check(3, 30, 20)
    FlowFiles(path).check(2, 30, 20)  # frame 3 is not in this run


def test_a_single_frame_needs_no_pair(folder):
    FlowFiles(folder([(3, 4)])).check(1, 30, 20)


@pytest.mark.parametrize("write", [write_flo, write_kitti])
def test_what_is_no_flow_is_refused(write, tmp_path):
    for wrong in (np.zeros((4, 5, 2), np.float32), torch.zeros(2, 4, 5), torch.zeros(1, 3, 4, 5)):
        with pytest.raises(OutputError, match=r"expected a tensor \(1, 2, height, width\)"):
            write(tmp_path / "flow.png", wrong)
    assert not list(tmp_path.iterdir())

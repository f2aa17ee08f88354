"""Damaged and strange pictures, alone, among frames, as styles; and absurd sizes in each format."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from framestyle.media import open_source, read_picture

SUFFIXES = (".png", ".jpg", ".tif", ".webp", ".bmp")


@pytest.fixture(scope="session")
def pictures(texture):
    """Whole pictures of all kinds as bytes, by name."""
    rgb = texture(40, 56, 3)
    alpha = np.dstack([rgb, rgb[:, :, 0]])
    deep = rgb.astype(np.uint16) * 257
    made = {
        "deep.png": bytes(cv2.imencode(".png", deep)[1]),
        "deep.tif": bytes(cv2.imencode(".tif", deep)[1]),
        "deep alpha.png": bytes(cv2.imencode(".png", alpha.astype(np.uint16) * 257)[1]),
    }
    image = Image.fromarray(rgb)
    exif = Image.Exif()
    exif[274] = 6
    for name, picture, how in (
        ("plain.png", image, {}),
        ("palette.png", image.quantize(16), {"transparency": 3}),
        ("grey.png", image.convert("L"), {}),
        ("bits.png", image.convert("1"), {}),
        ("alpha.png", Image.fromarray(alpha), {"exif": exif}),
        ("plain.jpg", image, {"exif": exif}),
        ("progressive.jpg", image, {"progressive": True}),
        ("cmyk.jpg", image.convert("CMYK"), {}),
        ("plain.tif", image, {"exif": exif}),
        ("packed.tif", image, {"compression": "tiff_lzw"}),
        ("pages.tif", image, {"save_all": True, "append_images": [image, image]}),
        ("plain.webp", image, {}),
        ("lossless.webp", Image.fromarray(alpha), {"lossless": True}),
        ("moving.webp", image, {"save_all": True, "append_images": [image.rotate(90)]}),
        ("plain.bmp", image, {}),
        ("palette.bmp", image.quantize(16), {}),
    ):
        file = io.BytesIO()
        kind = {"jpg": "JPEG", "tif": "TIFF"}.get(name.split(".")[1], name.split(".")[1].upper())
        picture.save(file, kind, **how)
        made[name] = file.getvalue()
    return made


def all_of(path):
    """Read an input to its end: as many frames as it has, of its size."""
    source = open_source(path)
    frames = [frame.pixels for frame in source.read()]
    info = source.info
    assert len(frames) == info.frame_count
    assert all(pixels.shape == (info.height_px, info.width_px, 3) for pixels in frames)
    return frames


def test_whole_pictures_are_read(pictures, attempt, tmp_path):
    for name, data in pictures.items():
        (tmp_path / name).write_bytes(data)
        frames, refused = attempt("picture", lambda path=tmp_path / name: all_of(path))
        assert frames, (name, refused)


def test_damaged_pictures(pictures, damage, damaged, attempt, over, tmp_path):
    def body(example):
        name, changes = example
        path = tmp_path / name
        path.write_bytes(damaged(pictures[name], changes))
        attempt("picture", lambda: all_of(path))
        attempt("picture as a style", lambda: read_picture(path, size_px=32))

    names = st.sampled_from(sorted(pictures))
    over(st.tuples(names, damage), body, quick=12, slow=400)


def test_damaged_pictures_among_frames(pictures, damage, damaged, attempt, over, tmp_path):
    def body(example):
        name, changes = example
        folder = tmp_path / "frames"
        folder.mkdir(exist_ok=True)
        for old in folder.iterdir():
            old.unlink()
        (folder / f"a_{name}").write_bytes(pictures[name])
        (folder / f"b_{name}").write_bytes(damaged(pictures[name], changes))
        for form in (folder, folder / f"*_{name}"):
            attempt("frames", lambda path=form: all_of(path))

    names = st.sampled_from(sorted(pictures))
    over(st.tuples(names, damage), body, quick=6, slow=150)


def test_noise_under_every_name(attempt, over, tmp_path):
    def body(example):
        suffix, magic, noise = example
        path = tmp_path / f"noise{suffix}"
        path.write_bytes(magic + noise)
        attempt("noise", lambda: read_picture(path))
        attempt("noise", lambda: all_of(path))

    magics = [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"II*\0", b"MM\0*", b"II+\0", b"BM",
              b"RIFF\x40\0\0\0WEBPVP8 ", b"RIFF\x40\0\0\0WEBPVP8X", b"GIF89a"]  # fmt: skip
    kinds = st.tuples(
        st.sampled_from((*SUFFIXES, "", ".gif")), st.sampled_from(magics), st.binary(max_size=600)
    )
    over(kinds, body, quick=6, slow=120)


def test_one_format_under_the_name_of_another(pictures, attempt, over, tmp_path):
    def body(example):
        name, suffix = example
        path = tmp_path / f"wrong{suffix}"
        path.write_bytes(pictures[name])
        frames, refused = attempt("wrong extension", lambda: all_of(path))
        assert frames, refused  # what a file is goes by its content

    kinds = st.tuples(st.sampled_from(sorted(pictures)), st.sampled_from((*SUFFIXES, "", ".txt")))
    over(kinds, body, quick=4, slow=80)


# --- sizes that no picture has --------------------------------------------------------------------


def chunk(kind, data):
    whole = kind + data
    return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))


def huge_png(width, height, depth=8):
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def huge_jpeg(pictures, width, height):
    data = pictures["plain.jpg"]
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def huge_tiff(width, height, bits, order, *, big):
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, 1), (262, 3, 1),
            (273, 4, 8), (277, 3, 1), (278, 4, height), (279, 4, 100)]  # fmt: skip
    mark = b"II" if order == "<" else b"MM"
    if big:
        data = mark + struct.pack(f"{order}HHHQQ", 43, 8, 0, 16, len(tags))
        for tag, kind, value in tags:
            small = struct.pack(f"{order}{'H' if kind == 3 else 'I'}", value)
            data += struct.pack(f"{order}HHQ", tag, kind, 1) + small.ljust(8, b"\0")
        return data + bytes(8)
    data = mark + struct.pack(f"{order}HIH", 42, 8, len(tags))
    for tag, kind, value in tags:
        small = struct.pack(f"{order}{'H' if kind == 3 else 'I'}", value)
        data += struct.pack(f"{order}HHI", tag, kind, 1) + small.ljust(4, b"\0")
    return data + bytes(4)


def huge_webp(pictures, width, height, *, moving):
    picture = pictures["plain.webp"][12:]
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<I", 10) + bytes([2 if moving else 0, 0, 0, 0]) + sides
    if moving:
        inner = bytes(6) + struct.pack("<I", 55)[:3] + struct.pack("<I", 39)[:3]
        inner += b"\x64\0\0\0" + picture
        body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
        picture = b"ANMF" + struct.pack("<I", len(inner)) + inner
    body += picture
    return b"RIFF" + struct.pack("<I", len(body)) + body


def huge_bmp(pictures, width, height):
    data = pictures["plain.bmp"]
    return data[:18] + struct.pack("<ii", width, height) + data[26:]


def test_pictures_that_claim_to_be_huge(pictures, attempt, tmp_path):
    """Refused by their headers: by what they say, in no time, without memory."""
    n = 100_000
    claims = {
        "a.png": huge_png(n, n),
        "b.png": huge_png(n, n, depth=16),
        "c.png": huge_png(2**31 - 1, 2**31 - 1),
        "d.png": huge_png(n, 1),
        "e.png": huge_png(20_000, 20_000),
        "a.jpg": huge_jpeg(pictures, 65_500, 65_500),
        "b.jpg": huge_jpeg(pictures, 20_000, 20_000),
        "a.bmp": huge_bmp(pictures, n, n),
        "b.bmp": huge_bmp(pictures, n, -n),
    }
    for bits in (8, 16):
        for order in "<>":
            claims[f"{bits}{order}.tif"] = huge_tiff(n, n, bits, order, big=False)
        claims[f"{bits} edge.tif"] = huge_tiff(20_000, 20_000, bits, "<", big=False)
    claims["big.tif"] = huge_tiff(n, n, 8, "<", big=True)
    for side in (n, 2**24, 20_000):
        for moving in (False, True):
            claims[f"{side}{moving}.webp"] = huge_webp(pictures, side, side, moving=moving)
    for name, data in claims.items():
        path = tmp_path / name
        path.write_bytes(data)
        for read in (open_source, read_picture):
            _, message = attempt("huge", lambda path=path, read=read: read(path))
            assert "expected at most 32768 a side" in message, (name, message)


def test_metadata_that_unpacks_to_much(attempt, tmp_path):
    """A text of a few kilobytes in the file, of a gigabyte out of it."""
    packed = zlib.compressobj(9)
    bomb = b"".join(packed.compress(bytes(1 << 20)) for _ in range(300)) + packed.flush()
    header = struct.pack(">IIBBBBB", 4, 4, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(bytes(4 * 13)))
    for kind in (b"zTXt", b"iCCP"):
        data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(kind, b"a\0\0" + bomb)
        path = tmp_path / "bomb.png"
        path.write_bytes(data + pixels + chunk(b"IEND", b""))
        attempt("huge", lambda path=path: all_of(path))


def test_pages_in_a_circle(pictures, attempt, tmp_path):
    """A TIFF whose last page leads to its first."""
    data = bytearray(pictures["plain.tif"])
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    end = first + 2 + 12 * count
    data[end : end + 4] = data[4:8]
    (tmp_path / "circle.tif").write_bytes(data)
    attempt("huge", lambda: all_of(tmp_path / "circle.tif"))

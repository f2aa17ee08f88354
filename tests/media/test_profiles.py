"""Colour profiles: pictures of other colours than sRGB's are converted, and others left alone."""

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from framestyle.media import open_source
from framestyle.media.picture_files import read_picture

P3 = np.array([[0.5151, 0.2920, 0.1571], [0.2412, 0.6922, 0.0666], [-0.0011, 0.0419, 0.7841]])
SRGB = np.array([[0.4361, 0.3851, 0.1431], [0.2225, 0.7169, 0.0606], [0.0139, 0.0971, 0.7141]])
"""From light to CIE XYZ under D50, as profiles have it (ICC.1:2001-04, section 6.3)."""


def profile_of(matrix: np.ndarray, name: str, gamma: float = 2.2) -> bytes:
    """A profile of three primaries and a power, by the specification."""

    def xyz(values: tuple[float, ...] | np.ndarray) -> bytes:
        return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in values))

    text = name.encode() + b"\0"
    described = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    curve = b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256))
    tags = {b"desc": described, b"cprt": b"text\0\0\0\0none\0", b"wtpt": xyz((0.9642, 1, 0.8249))}
    for channel, column in zip((b"r", b"g", b"b"), matrix.T, strict=True):
        tags |= {channel + b"XYZ": xyz(column), channel + b"TRC": curve}
    table, body, at = b"", b"", 128 + 4 + 12 * len(tags)
    for key, data in tags.items():
        data += bytes(-len(data) % 4)
        table += key + struct.pack(">II", at + len(body), len(data))
        body += data
    size = 128 + 4 + len(table) + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"none", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return head[:128] + struct.pack(">I", len(tags)) + table + body


def converted(pixels: np.ndarray) -> np.ndarray:
    """Display P3 of a power of 2.2 as sRGB, by its formula (IEC 61966-2-1)."""
    light = (pixels / 255.0) ** 2.2 @ (np.linalg.inv(SRGB) @ P3).T
    light = light.clip(0, 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray(255 * coded)


@pytest.fixture
def soft() -> np.ndarray:
    """Colours that sRGB has too, and that change slowly, as JPEG likes it; (32, 48, 3)."""
    y, x = np.mgrid[0:32, 0:48]
    return np.stack([90 + 2 * x, 110 + 2 * y, 140 - x + y], axis=2).astype(np.uint8)


@pytest.fixture
def saved(tmp_path: Path, soft: np.ndarray) -> Callable[..., Path]:
    """Returns ``saved(name, profile, image)``."""

    def save(name: str, profile: bytes, image: Image.Image | None = None) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        (image or Image.fromarray(soft)).save(path, icc_profile=profile, quality=100)
        return path

    return save


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.tif", "a.webp"])
def test_other_colours_become_srgb(name: str, saved: Callable[..., Path], soft: np.ndarray) -> None:
    notices: list[str] = []
    path = saved(name, profile_of(P3, "Display P3"))
    source = open_source(path, notice=notices.append)
    (frame,) = source.read()
    plain = read_picture(saved(f"plain-{name}", b""))
    apart = np.abs(frame.pixels - converted(plain.astype(float)))
    assert apart.mean() < 1
    assert apart.max() < 4
    assert np.abs(frame.pixels.astype(float) - plain).mean() > 3
    assert notices == [f"{path} has the colours of Display P3, which are converted to sRGB"]
    assert np.array_equal(read_picture(path), frame.pixels)  # a style picture, too


def test_a_profile_of_srgb_changes_nothing(saved: Callable[..., Path], soft: np.ndarray) -> None:
    usual = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile in (usual, b"this is no profile"):
        notices: list[str] = []
        path = saved("a.png", profile)
        assert np.array_equal(read_picture(path, notice=notices.append), soft)
        assert notices == []


def test_alpha_stays_as_it_is(saved: Callable[..., Path], soft: np.ndarray) -> None:
    alpha = np.arange(32 * 48).reshape(32, 48, 1).astype(np.uint8)
    image = Image.fromarray(np.dstack([soft, alpha]))
    (frame,) = open_source(saved("a.png", profile_of(P3, "Display P3"), image)).read()
    assert frame.alpha is not None
    assert np.array_equal(frame.alpha, alpha[..., 0])
    assert np.abs(frame.pixels - converted(soft.astype(float))).max() < 3


def test_a_profile_for_other_numbers_is_left_out(saved: Callable[..., Path]) -> None:
    """And nothing is said of it."""
    notices: list[str] = []
    cmyk = Image.new("CMYK", (40, 30), (10, 60, 90, 20))
    path = saved("press.tif", profile_of(P3, "Display P3"), cmyk)
    plain = read_picture(saved("plain.tif", b"", cmyk))
    assert np.array_equal(read_picture(path, notice=notices.append), plain)
    assert notices == []


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA"])
def test_every_kind_of_picture_is_converted_or_not_told(
    mode: str, saved: Callable[..., Path], soft: np.ndarray
) -> None:
    plain = Image.fromarray(soft).convert(mode)
    notices: list[str] = []
    path = saved("a.png", profile_of(P3, "dark", gamma=1.0), plain)
    light = read_picture(path, notice=[].append).astype(float)
    dark = read_picture(saved("b.png", b"", plain), notice=[].append).astype(float)
    assert light.mean() > dark.mean() + 20
    read_picture(path, notice=notices.append)
    assert any("the colours of dark, which are converted" in line for line in notices)


def test_a_name_is_no_proof(saved: Callable[..., Path], soft: np.ndarray) -> None:
    """Linear sRGB is not sRGB, and sRGB under another name is."""
    notices: list[str] = []
    light = read_picture(
        saved("a.png", profile_of(SRGB, "Linear sRGB", gamma=1.0)), notice=notices.append
    )
    assert light.mean() > soft.mean() + 20
    assert len(notices) == 1


def test_a_name_that_is_not_ascii(saved: Callable[..., Path], soft: np.ndarray) -> None:
    notices: list[str] = []
    made = profile_of(P3, "Ecran calibre").replace(b"Ecran", b"\xc9cran")
    changed = read_picture(saved("a.png", made), notice=notices.append)
    assert np.abs(changed - converted(soft.astype(float))).max() < 3
    assert "the colours of a profile without a name" in notices[0]


def test_sixteen_bits_stay_as_they_are(saved: Callable[..., Path]) -> None:
    notices: list[str] = []
    deep = Image.fromarray(np.full((30, 40), 30000, np.uint16))
    path = saved("deep.png", profile_of(P3, "Display P3"), deep)
    assert (read_picture(path, notice=notices.append) == 30000).all()
    assert len(notices) == 1
    assert "the colour profile Display P3, which is left out, for it has 16 bits" in notices[0]


def test_frames_are_said_once(saved: Callable[..., Path], tmp_path: Path) -> None:
    notices: list[str] = []
    for number in range(3):
        saved(f"in/{number}.jpg", profile_of(P3, "Display P3"))
    open_source(tmp_path / "in", notice=notices.append)
    assert [line.partition(" has ")[2] for line in notices] == [
        "the colours of Display P3, which are converted to sRGB"
    ]
    assert " and 2 more " in notices[0]


def test_the_profile_of_the_test_is_one() -> None:
    made = ImageCms.ImageCmsProfile(io.BytesIO(profile_of(P3, "Display P3")))
    assert ImageCms.getProfileDescription(made).strip() == "Display P3"

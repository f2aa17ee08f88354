"""Pictures and folders of them: order, names, depths, and all that a file may hold."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from framestyle.errors import InputError
from framestyle.media import open_source, read_picture
from framestyle.media.listing import fill_number, is_number_pattern, natural_key

Frames = Callable[..., np.ndarray]
Png = Callable[..., Path]


def test_natural_order_and_gaps(tmp_path: Path, frames: Frames, png: Png) -> None:
    for i in (100, 9, 10, 8):
        png(tmp_path / f"f{i}.png", frames(1)[0])
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".f11.png").write_bytes(b"x")
    notices: list[str] = []
    source = open_source(tmp_path, notice=notices.append)
    assert [f.name for f in source.read()] == ["f8", "f9", "f10", "f100"]
    assert len(notices) == 1
    assert "jump from 10 to 100" in notices[0]


def test_natural_keys_compare_whatever_the_names() -> None:
    names = ["b", "a10", "a9", "a", "10", "9", "a01", "a1", "é2", "A2", "²"]
    ordered = sorted(names, key=natural_key)
    assert ordered.index("9") < ordered.index("10") < ordered.index("a")
    assert ordered.index("a9") < ordered.index("a10")
    assert sorted(set(names), key=natural_key) == ordered


def test_patterns_take_only_their_own(tmp_path: Path, frames: Frames, png: Png) -> None:
    for name in ("f0001.png", "f0003.png", "f12345.png", "f2.png", "g0001.png", "f0004.jpg"):
        png(tmp_path / name, frames(1)[0])
    source = open_source(tmp_path / "f%04d.png")
    assert [f.stem for f in source.info.files] == ["f0001", "f0003", "f12345"]
    starred = open_source(tmp_path / "f*.png")
    assert [f.stem for f in starred.info.files] == ["f0001", "f2", "f0003", "f12345"]


def test_a_percent_sign_is_not_always_a_pattern(tmp_path: Path, frames: Frames, png: Png) -> None:
    assert not is_number_pattern("100%.png")
    assert not is_number_pattern("100%%d.png")
    assert fill_number("100%%_%03d.png", 7) == "100%_007.png"
    path = png(tmp_path / "50%d.png", frames(1)[0])
    assert open_source(path).info.kind == "picture"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp", ".bmp"])
def test_formats(tmp_path: Path, frames: Frames, suffix: str) -> None:
    pixels = frames(1)[0]
    path = tmp_path / f"a{suffix}"
    path.write_bytes(bytes(cv2.imencode(suffix, pixels[:, :, ::-1])[1]))
    got = read_picture(path)
    assert got.dtype == np.uint8
    assert np.abs(got.astype(int) - pixels).mean() < (4 if suffix in (".jpg", ".webp") else 1e-9)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits(tmp_path: Path, frames: Frames, suffix: str, channels: int) -> None:
    pixels = frames(1, depth=16)[0]
    stored = pixels[:, :, 0] if channels == 1 else pixels[:, :, ::-1]
    if channels == 4:
        stored = np.dstack([stored, np.full(stored.shape[:2], 65535, np.uint16)])
    path = tmp_path / f"a{suffix}"
    path.write_bytes(bytes(cv2.imencode(suffix, stored)[1]))
    source = open_source(path)
    assert source.info.bit_depth == 16
    expected = pixels[:, :, :1].repeat(3, axis=2) if channels == 1 else pixels
    frame = next(source.read())
    assert np.array_equal(frame.pixels, expected)
    assert (frame.alpha is not None) == (channels == 4)


def test_depths_may_mix_in_a_folder(tmp_path: Path, frames: Frames, png: Png) -> None:
    png(tmp_path / "a.png", frames(1)[0])
    png(tmp_path / "b.png", frames(1, depth=16)[0])
    first, second = open_source(tmp_path).read()
    assert first.pixels.dtype == second.pixels.dtype == np.uint16
    assert np.array_equal(first.pixels, frames(1)[0].astype(np.uint16) * 257)


@pytest.mark.parametrize("mode", ["L", "P", "1", "RGBA", "LA", "CMYK", "PA"])
def test_every_kind_of_colour_becomes_rgb(tmp_path: Path, frames: Frames, mode: str) -> None:
    image = Image.fromarray(frames(1)[0]).convert("P" if mode == "PA" else mode)
    suffix = ".jpg" if mode == "CMYK" else ".png"
    path = tmp_path / f"a{suffix}"
    if mode == "PA":
        image.save(path, transparency=0)
    else:
        image.save(path)
    source = open_source(path)
    frame = next(source.read())
    assert frame.pixels.shape == (48, 64, 3)
    assert (frame.alpha is not None) == source.info.has_alpha == (mode in ("RGBA", "LA", "PA"))


def test_a_style_picture_is_opaque(tmp_path: Path, frames: Frames) -> None:
    Image.fromarray(frames(1)[0]).convert("RGBA").save(tmp_path / "a.png")
    notices: list[str] = []
    assert read_picture(tmp_path / "a.png", notice=notices.append).shape == (48, 64, 3)
    assert notices == [f"the transparency of {tmp_path / 'a.png'} is dropped"]


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(tmp_path: Path, frames: Frames, suffix: str, orientation: int) -> None:
    image = Image.fromarray(frames(1)[0])
    exif = Image.Exif()
    exif[274] = orientation
    path = tmp_path / f"a{suffix}"
    image.save(path, exif=exif)
    with Image.open(path) as reopened:
        expected = np.asarray(ImageOps.exif_transpose(reopened).convert("RGB"))
    got = read_picture(path)
    assert np.array_equal(got, expected)
    info = open_source(path).info
    assert (info.height_px, info.width_px) == expected.shape[:2]


def test_pages_and_animated_style_pictures_give_their_first(tmp_path: Path, frames: Frames) -> None:
    images = [Image.fromarray(pixels) for pixels in frames(3)]
    notices: list[str] = []
    pages = tmp_path / "a.tif"
    images[0].save(pages, save_all=True, append_images=images[1:])
    source = open_source(pages, notice=notices.append)
    assert np.array_equal(next(source.read()).pixels, frames(1)[0])
    moving = tmp_path / "a.webp"
    images[0].save(moving, save_all=True, append_images=images[1:], lossless=True)
    assert np.array_equal(read_picture(moving, notice=notices.append), frames(1)[0])
    assert len(notices) == 2
    assert all("has 3 pictures in it" in notice for notice in notices)


def test_style_pictures_are_scaled_and_refused_alike(
    tmp_path: Path, frames: Frames, png: Png
) -> None:
    path = png(tmp_path / "a.png", frames(1)[0])
    assert read_picture(path, size_px=32).shape == (24, 32, 3)
    assert read_picture(path, size_px=1000).shape == (48, 64, 3)
    text = tmp_path / "b.jpg"
    text.write_text("no picture")
    with pytest.raises(InputError, match=r"b\.jpg is not a picture"):
        read_picture(text)
    with pytest.raises(InputError, match="does not exist"):
        read_picture(tmp_path / "c.jpg")
    with pytest.raises(InputError, match="is a folder"):
        read_picture(tmp_path)


def test_a_wrong_suffix_is_no_matter(tmp_path: Path, frames: Frames, png: Png) -> None:
    path = png(tmp_path / "a.mp4", frames(1)[0])
    assert open_source(path).info.kind == "picture"


def test_a_thin_picture_keeps_a_pixel(tmp_path: Path, frames: Frames, png: Png) -> None:
    assert read_picture(png(tmp_path / "a.png", frames(1, 400, 2)[0]), size_px=40).shape[0] == 1


def test_a_frame_that_changes_under_way_is_an_error(
    tmp_path: Path, frames: Frames, png: Png
) -> None:
    for i in range(3):
        png(tmp_path / f"{i}.png", frames(1)[0])
    source = open_source(tmp_path)
    png(tmp_path / "1.png", frames(1, 32, 32)[0])
    with pytest.raises(InputError, match=r"1\.png \(frame 2\) has become 32x32"):
        list(source.read())

"""Damaged and strange videos: each frame that comes is the one that should, or a line says why."""

import contextlib
import shutil
import subprocess

import pytest
from hypothesis import strategies as st
from imageio_ffmpeg import get_ffmpeg_exe

from framestyle.config import InputSettings
from framestyle.errors import InputError
from framestyle.media import open_source

FORMS = {
    "h264.mp4": ["-c:v", "libx264", "-g", "4"],
    "fast.mp4": ["-c:v", "libx264", "-g", "4", "-movflags", "+faststart"],
    "fragments.mp4": ["-c:v", "libx264", "-g", "4", "-movflags", "+frag_keyframe+empty_moov"],
    "png.mov": ["-c:v", "png"],
    "ffv1.mkv": ["-c:v", "ffv1", "-pix_fmt", "bgr0"],
    "h264.mkv": ["-c:v", "libx264", "-g", "4"],
    "vp9.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
    "moving.gif": [],
    "mpeg4.avi": ["-c:v", "mpeg4"],
    "h264.ts": ["-c:v", "libx264", "-g", "4"],
}
SIZE = (640, 360)
"""So that the header holds it in two bytes each, for which larger ones can be put."""


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """Whole clips of six frames as bytes, by name; those with ``large`` are of ``SIZE``."""
    folder = tmp_path_factory.mktemp("videos")
    made = {}
    for name, how in FORMS.items():
        for size, prefix in (("64x48", ""), ("{}x{}".format(*SIZE), "large ")):
            path = folder / f"{prefix}{name}"
            source = f"testsrc=size={size}:rate=10:duration=0.6"
            sound = [] if name.endswith(("gif", "ts")) or prefix else ["-f", "lavfi", "-i", "sine"]
            command = [get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source, *sound]
            pixels = ["-pix_fmt", "yuv420p"] if "libx264" in how else []
            command += [*how, *pixels, "-t", "0.6", "-threads", "1", path]
            subprocess.run(command, check=True)
            made[path.name] = path.read_bytes()
    return made


def all_of(path, settings=None):
    """Read a video to its end: as many frames as it has, in order, of its size."""
    source = open_source(path, settings)
    info, count = source.info, 0
    for frame in source.read():
        assert frame.index == count
        assert frame.pixels.shape == (info.height_px, info.width_px, 3)
        count += 1
    assert count == info.frame_count
    return count


def test_damaged_videos(videos, damage, damaged, attempt, over, tmp_path):
    def body(example):
        name, changes, settings = example
        path = tmp_path / name
        path.write_bytes(damaged(videos[name], changes))
        attempt("video", lambda: all_of(path, settings))

    parts = st.sampled_from((InputSettings(), InputSettings(frames=2), InputSettings(start=0.3)))
    over(st.tuples(st.sampled_from(sorted(FORMS)), damage, parts), body, quick=20, slow=600)


def test_runs_over_damaged_videos(videos, damage, damaged, command, over, place):
    """The output is whole or not there; what is measured of a damaged one is told in one line."""

    def body(example):
        name, changes, out = example
        for left in (*place.glob("out.*"), *place.glob("damaged*")):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        clip = place / f"damaged {name}"
        clip.write_bytes(damaged(videos[name], changes))
        flags = ["--no-dream", "--no-style", "--quiet", "-o", out]
        code, said = command("run over a video", [*flags, "--", clip], may_fail=True)
        assert (place / out).exists() == (code == 0), said.err
        if code == 0:
            written = all_of(place / out)
            with contextlib.suppress(InputError):  # of damage, decoders do not say the same twice
                assert written == all_of(clip)
            assert {path.name for path in place.glob("out*")} == {out}
        code, _ = command("measuring a video", ["metrics", "--quiet", "--", "frames", clip])
        # but where the damage leaves all of them, it has another number of frames, if any
        assert code == 2 or all_of(clip) == len(list((place / "frames").iterdir()))
        command("shots of a video", ["shots", "--quiet", "--", clip])

    outs = st.sampled_from(("out.mp4", "out.mkv", "out.gif"))
    names = st.sampled_from(("h264.mp4", "ffv1.mkv", "vp9.webm", "moving.gif", "h264.ts"))
    over(st.tuples(names, damage, outs), body, quick=2, slow=80)


def test_noise_in_a_container(attempt, over, tmp_path):
    def body(example):
        suffix, magic, noise = example
        path = tmp_path / f"noise{suffix}"
        path.write_bytes(magic + noise)
        attempt("video noise", lambda: all_of(path))

    magics = [b"", b"\0\0\0\x18ftypisom", b"\0\0\0\x08moov", b"\x1a\x45\xdf\xa3\x9f", b"GIF89a",
              b"RIFF\xff\xff\0\0AVI LIST", b"G@\0\x10", b"\0\0\1\xba", b"#EXTM3U\n",
              b"OggS"]  # fmt: skip
    suffixes = st.sampled_from((".mp4", ".mkv", ".webm", ".gif", ".avi", ".ts", ""))
    kinds = st.tuples(suffixes, st.sampled_from(magics), st.binary(max_size=500))
    over(kinds, body, quick=6, slow=150)


def test_one_container_under_the_name_of_another(videos, attempt, over, tmp_path):
    def body(example):
        name, suffix = example
        path = tmp_path / f"wrong{suffix}"
        path.write_bytes(videos[name])
        count, refused = attempt("wrong extension", lambda: all_of(path))
        assert count == 6 or (suffix in (".png", ".jpg") and refused)

    suffixes = st.sampled_from((".mp4", ".mkv", ".gif", ".avi", ".png", ".jpg", ".txt", ""))
    over(st.tuples(st.sampled_from(sorted(FORMS)), suffixes), body, quick=4, slow=60)


def sized(data, side):
    """Put another size wherever the header of a clip of ``SIZE`` holds it, for each container."""
    width, height = SIZE
    for old, new in (
        (bytes([0xB0, 0x82]) + width.to_bytes(2, "big"), bytes([0xB0, 0x82])),  # Matroska
        (bytes([0xBA, 0x82]) + height.to_bytes(2, "big"), bytes([0xBA, 0x82])),
    ):
        data = data.replace(old, new + side.to_bytes(4, "big")[2:])
    for order, many in (("big", 2), ("little", 2), ("little", 4), ("big", 4)):  # mp4, gif, avi
        old = width.to_bytes(many, order) + height.to_bytes(many, order)
        new = side if many == 4 else min(side, 65_535)
        data = data.replace(old, 2 * new.to_bytes(many, order))
    return data


@pytest.mark.parametrize("side", [100_000, 65_535, 16_000])
def test_videos_that_claim_to_be_huge(side, videos, attempt, tmp_path):
    """Refused, or read at the size that the frames themselves have; never made that large."""
    for name in FORMS:
        data = videos[f"large {name}"]
        changed = sized(data, min(side, 65_535) if name.endswith(("mkv", "webm")) else side)
        if changed == data:  # it has its size in the stream alone
            continue
        path = tmp_path / name
        path.write_bytes(changed)
        _, message = attempt("huge video", lambda path=path: all_of(path))
        assert not message or "expected at most 32768 a side" in message, message


def test_frames_that_grow(videos, attempt, tmp_path):
    """A stream whose later frames are of another size: all come at that of the first, or none."""
    path = tmp_path / "grows.ts"
    path.write_bytes(videos["h264.ts"] + videos["large h264.ts"])
    attempt("huge video", lambda: all_of(path))

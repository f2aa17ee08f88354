"""What HDR says of its mastering goes from the input into the output."""

from pathlib import Path
from typing import Any

import pytest

from framestyle.config import OutputSettings
from framestyle.media import open_source
from framestyle.media.mastering import Mastering, read_mastering

SAID = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
MASTERING = Mastering(
    (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329, 0.0001, 1000.0), (1000, 400)
)
HDR10 = [
    *("-vf", "format=yuv420p10le,setparams=range=tv:colorspace=bt2020nc:color_primaries=bt2020"
      ":color_trc=smpte2084"),
    *("-chroma_sample_location", "topleft"),
    *("-c:v", "libx265", "-crf", "10", "-x265-params",
      f"log-level=error:master-display={SAID}:max-cll=1000,400"),
]  # fmt: skip


@pytest.mark.parametrize("codec", ["hevc", "av1", "h264"])
def test_mastering_is_carried(
    tmp_path: Path, frames: Any, video: Any, copied: Any, codec: str
) -> None:
    source = open_source(video(tmp_path / "clip.mp4", frames(4, depth=16), HDR10))
    assert source.info.colour.mastering == MASTERING
    path = copied(source, tmp_path / "out.mkv", OutputSettings(codec=codec))
    carried = open_source(path).info.colour.mastering
    assert carried.content == (1000, 400)
    # AV1 counts light in parts of 1/16384.
    assert carried.display == pytest.approx(MASTERING.display, abs=1e-4)


def test_hdr_is_written_as_hdr(tmp_path: Path, frames: Any, video: Any, copied: Any) -> None:
    source = open_source(video(tmp_path / "clip.mp4", frames(4, depth=16), HDR10))
    assert source.info.bit_depth == 16
    path = copied(source, tmp_path / "out.mp4")
    assert open_source(path).info.colour == source.info.colour
    assert b"hvc1" in path.read_bytes()


def test_what_is_not_said_is_not_carried() -> None:
    assert read_mastering([]) is None
    only = read_mastering(["side data - Content light level metadata: MaxCLL=9, MaxFALL=4"])
    assert only == Mastering((), (9, 4))
    assert only.said_to("libx265") == "max-cll=9,4"
    assert MASTERING.said_to("libvpx-vp9") == ""
    assert MASTERING.said_to("libx265") == f"master-display={SAID}:max-cll=1000,400"

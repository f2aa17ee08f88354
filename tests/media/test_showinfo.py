from fractions import Fraction

from framestyle.media.showinfo import ShowinfoParser

LINE = (
    "n:  48 pts: 176400 pts_time:1.96    duration:   3600 duration_time:0.04    fmt:yuv420p "
    "cl:left sar:4/3 s:160x120 i:P iskey:0 type:B"
)
TAGS = "color_range:tv color_space:bt709 color_primaries:unknown color_trc:iec61966-2-1"


def test_reads_time_size_and_tags() -> None:
    parser = ShowinfoParser()
    assert parser.feed("info", "config in time_base: 1/90000, frame_rate: 30000/1001") == ""
    assert parser.feed("info", LINE) == ""
    assert parser.feed("info", TAGS) == ""
    (frame,) = parser.frames
    assert (frame.pts, frame.width_px, frame.height_px) == (176400, 160, 120)
    assert (frame.pixel_format, frame.pixel_aspect) == ("yuv420p", Fraction(4, 3))
    assert frame.tags["trc"] == "iec61966-2-1"
    assert (parser.tick, parser.rate) == (Fraction(1, 90000), Fraction(30000, 1001))


def test_finds_errors_that_other_threads_wrote_into_its_lines() -> None:
    parser = ShowinfoParser()
    error = "error while decoding MB 7 7, bytestream -8"
    assert parser.feed("info", f"{LINE} {error}") == error
    assert parser.feed("info", f"{TAGS} {error}") == error
    assert parser.feed("error", error) == error
    assert parser.feed("", f"[h264] partly {LINE}") == ""
    assert len(parser.frames) == 2


def test_frames_without_a_time() -> None:
    parser = ShowinfoParser()
    parser.feed("info", LINE.replace("176400", " NOPTS").replace("4/3", "0/1"))
    assert parser.frames[0].pts is None
    assert parser.frames[0].pixel_aspect == 1

"""What comes along with the frames: sound, subtitles, attachments, chapters, titles."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from framestyle.config import InputSettings, OutputSettings
from framestyle.errors import OutputError
from framestyle.media import Source, open_sink, open_source
from framestyle.media.ffmpeg import run
from framestyle.media.streams import Stream, list_streams

Frames = Callable[..., np.ndarray]
Video = Callable[..., Path]
Hashes = Callable[..., list[str]]

SUBTITLES = """1
00:00:00,100 --> 00:00:00,600
Hello <i>you</i>

2
00:00:01,200 --> 00:00:01,700
again
"""
CHAPTERS = """;FFMETADATA1
title=A day
comment=with = and ; in it
[CHAPTER]
TIMEBASE=1/1000
START=0
END=700
title=One \\= first
[CHAPTER]
TIMEBASE=1/1000
START=700
END=1500
title=Two
[CHAPTER]
TIMEBASE=1/1000
START=1500
END=2000
title=Three
"""


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory, frames: Frames, video: Video) -> Path:
    """50 frames at 25 a second, two sounds, subtitles, a font, three chapters, titles."""
    folder = tmp_path_factory.mktemp("rich")
    (folder / "s.srt").write_text(SUBTITLES)
    (folder / "c.txt").write_text(CHAPTERS)
    (folder / "font.ttf").write_bytes(bytes(range(256)))
    plain = video(folder / "plain.mp4", frames(50), ["-c:v", "libx264", "-g", "10"])
    path = folder / "rich.mkv"
    sounds = [["-f", "lavfi", "-i", f"sine={hertz}:duration=2"] for hertz in (440, 880)]
    made = run(
        [
            *("-i", f"file:{plain}", *sounds[0], *sounds[1], "-i", f"file:{folder / 's.srt'}"),
            *("-i", f"file:{folder / 'c.txt'}", "-map", "0", "-map", "1", "-map", "2", "-map", "3"),
            *("-map_metadata", "4", "-map_chapters", "4", "-attach", f"file:{folder / 'font.ttf'}"),
            *("-metadata:s:t", "mimetype=font/ttf", "-metadata:s:v", "title=Camera 2"),
            *("-metadata:s:v", "language=ces", "-metadata:s:a:0", "language=eng"),
            *("-metadata:s:a:1", "language=deu", "-metadata:s:a:1", "title=Kommentar"),
            *("-metadata:s:s", "language=fra", "-disposition:a:0", "0"),
            *("-disposition:a:1", "default", "-disposition:s:0", "forced"),
            *("-c:v", "copy", "-c:a:0", "aac", "-c:a:1", "libmp3lame", "-c:s", "srt"),
            f"file:{path}",
        ]
    )
    assert made.code == 0, made.log
    return path


def copied(source: Source, output: Path, settings: OutputSettings | None = None) -> list[str]:
    notices: list[str] = []
    work = output.parent / f"work_{output.suffix[1:]}"
    with open_sink(
        output, source.info, settings, work_dir=work, notice=notices.append, segment_frames=20
    ) as sink:
        for frame in source.read():
            sink.write(frame)
        sink.finish()
    return notices


def told(path: Path) -> list[tuple[str, str, str | None]]:
    streams = list_streams(path).streams
    return [(s.kind, s.codec, s.language) for s in streams if s.kind != "data"]


def metadata(path: Path) -> str:
    return run(["-i", f"file:{path}", "-f", "ffmetadata", "-"]).output.decode()


def chapters(path: Path) -> list[tuple[Fraction, Fraction, str]]:
    found = []
    for block in metadata(path).split("[CHAPTER]\n")[1:]:
        said = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        tick = Fraction(said["TIMEBASE"])
        found.append((int(said["START"]) * tick, int(said["END"]) * tick, said["title"]))
    return found


def text_of(path: Path) -> str:
    return run(["-i", f"file:{path}", "-map", "0:s:0", "-f", "srt", "-"]).output.decode()


def one(path: Path, kind: str, number: int = 0) -> Stream:
    return [s for s in list_streams(path).streams if s.kind == kind][number]


def test_matroska_keeps_everything(tmp_path: Path, rich: Path, hashes_of: Hashes) -> None:
    out = tmp_path / "out.mkv"
    assert copied(open_source(rich), out) == []
    assert told(out) == told(rich)
    for stream in ("0:a:0", "0:a:1", "0:s:0"):
        assert hashes_of(out, stream) == hashes_of(rich, stream) != []
    assert chapters(out) == chapters(rich)
    assert len(chapters(out)) == 3
    assert one(out, "video").title == "Camera 2"
    assert one(out, "audio", 1).title == "Kommentar"
    assert [one(out, "audio", n).is_for("default") for n in (0, 1)] == [False, True]
    assert one(out, "subtitle").is_for("forced")
    assert "title=A day\n" in metadata(out)
    assert "with \\= and \\; in it" in metadata(out)
    font = tmp_path / "font.ttf"
    run(["-dump_attachment:t:0", f"file:{font}", "-i", f"file:{out}"])
    assert font.read_bytes() == bytes(range(256))
    assert dict(one(out, "attachment").tags)["filename"] == "font.ttf"


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_mp4_says_what_it_changes(
    tmp_path: Path, rich: Path, hashes_of: Hashes, suffix: str
) -> None:
    out = tmp_path / f"out{suffix}"
    notices = copied(open_source(rich), out)
    assert len(notices) == 2
    assert "subtitle track (subrip, fra), so it becomes mov_text" in notices[0]
    assert "does not hold this attachment" in notices[1]
    german = "ger" if suffix == ".mov" else "deu"  # of its two codes QuickTime's files have one
    kinds = [("video", "h264", "ces"), ("audio", "aac", "eng"), ("audio", "mp3", german)]
    assert told(out) == [*kinds, ("subtitle", "mov_text", "fra")]
    for stream in ("0:a:0", "0:a:1"):
        assert hashes_of(out, stream) == hashes_of(rich, stream) != []
    assert text_of(out) == text_of(rich)
    assert "Hello <i>you</i>" in text_of(out)
    assert chapters(out) == chapters(rich)
    assert one(out, "audio", 1).title == "Kommentar"
    assert [one(out, "audio", n).is_for("default") for n in (0, 1)] == [False, True]
    assert "title=A day\n" in metadata(out)


def test_mp4_and_back_loses_no_subtitles(tmp_path: Path, rich: Path, hashes_of: Hashes) -> None:
    there, again, back = tmp_path / "there.mp4", tmp_path / "again.mp4", tmp_path / "back.mkv"
    copied(open_source(rich), there)
    assert copied(open_source(there), again) == []
    assert hashes_of(again, "0:s:0") == hashes_of(there, "0:s:0") != []
    notices = copied(open_source(there), back)
    assert len(notices) == 1
    assert "(mov_text, fra), so it becomes srt" in notices[0]
    assert text_of(back) == text_of(rich)
    assert one(back, "audio", 1).title == "Kommentar"
    assert chapters(back) == chapters(rich)


def test_each_sound_is_encoded_anew_only_where_it_must(
    tmp_path: Path, rich: Path, frames: Frames, hashes_of: Hashes
) -> None:
    mixed = tmp_path / "mixed.mkv"
    arguments = ["-i", f"file:{rich}", "-map", "0:v", "-map", "0:a", "-c", "copy"]
    assert run([*arguments, "-c:a:1", "libopus", f"file:{mixed}"]).code == 0
    out = tmp_path / "out.webm"
    notices = copied(open_source(mixed), out)
    assert len(notices) == 1
    assert "webm does not hold this sound (aac, eng), so it becomes libopus" in notices[0]
    assert hashes_of(out, "0:a:1") == hashes_of(mixed, "0:a:1") != []


def test_webm_and_avi_say_what_they_lose(tmp_path: Path, rich: Path, hashes_of: Hashes) -> None:
    notices = "\n".join(copied(open_source(rich), tmp_path / "out.webm"))
    for part in ("(aac, eng), so it becomes libopus", "(mp3, deu), so it becomes libopus",
                 "(subrip, fra), so it becomes webvtt", "attachment"):  # fmt: skip
        assert part in notices
    assert notices.count("\n") == 3
    assert chapters(tmp_path / "out.webm") == chapters(rich)
    notices = "\n".join(copied(open_source(rich), tmp_path / "out.avi"))
    for part in ("avi holds no chapters", "(subrip, fra), so it is left out", "attachment"):
        assert part in notices
    assert notices.count("\n") == 2
    for stream in ("0:a:0", "0:a:1"):
        assert hashes_of(tmp_path / "out.avi", stream) == hashes_of(rich, stream)


def test_styled_subtitles_are_no_plain_text(tmp_path: Path, rich: Path) -> None:
    styled = tmp_path / "styled.mkv"
    arguments = ["-i", f"file:{rich}", "-map", "0:v", "-map", "0:s", "-c", "copy", "-c:s", "ass"]
    assert run([*arguments, f"file:{styled}"]).code == 0
    notices = copied(open_source(styled), tmp_path / "out.mp4")
    assert len(notices) == 1
    assert "(ass, fra), so it is left out; .mkv may hold it" in notices[0]
    assert copied(open_source(styled), tmp_path / "out.mkv") == []
    assert one(tmp_path / "out.mkv", "subtitle").codec == "ass"


def test_a_part_takes_its_share_of_everything(tmp_path: Path, rich: Path) -> None:
    out = tmp_path / "out.mkv"
    assert copied(open_source(rich, InputSettings(start=0.4, end=1.6)), out) == []
    assert chapters(out) == [
        (Fraction(0), Fraction(3, 10), "One \\= first"),
        (Fraction(3, 10), Fraction(11, 10), "Two"),
        (Fraction(11, 10), Fraction(12, 10), "Three"),
    ]
    assert "again" in text_of(out)
    assert "00:00:00,800 --> 00:00:01,300" in text_of(out)
    assert "Hello" not in text_of(out)
    assert told(out) == told(rich)


@pytest.mark.parametrize(
    ("suffix", "into", "codec"), [(".mp4", ".mkv", "subrip"), (".webm", ".mp4", "mov_text")]
)
def test_a_part_has_its_share_of_subtitles_that_are_converted(
    tmp_path: Path, rich: Path, suffix: str, into: str, codec: str
) -> None:
    plain = tmp_path / f"plain{suffix}"
    maps = ["-map", "0:v", "-map", "0:s", "-c:s", "mov_text" if suffix == ".mp4" else "webvtt"]
    how = ["-c:v", "copy"] if suffix == ".mp4" else ["-c:v", "libvpx-vp9", "-deadline", "realtime"]
    assert run(["-i", f"file:{rich}", *maps, *how, f"file:{plain}"]).code == 0
    for settings, kept, others in (
        (InputSettings(start=1.0, end=1.6), "00:00:00,200 --> 00:00:00,600\nagain", "Hello"),
        (InputSettings(frames=10), "00:00:00,100 --> 00:00:00,400\nHello", "again"),
        (InputSettings(start=0.4), "00:00:00,800 --> 00:00:01,300\nagain", "Hello"),
    ):
        out = tmp_path / f"{settings.frames}-{settings.start}{into}"
        source = open_source(plain, settings)
        copied(source, out)
        assert kept in text_of(out)
        assert others not in text_of(out)
        assert _first_seconds(out, "0:v") == 0
        assert told(out)[1] == ("subtitle", codec, "fra")
        assert one(out, "subtitle").is_for("forced")
        listed = list_streams(out).duration_seconds
        assert listed is not None
        assert listed < source.info.duration_seconds + Fraction(1, 2)


def test_a_part_in_which_no_subtitle_begins(tmp_path: Path, rich: Path) -> None:
    out = tmp_path / "out.mp4"
    copied(open_source(rich, InputSettings(start=0.2, end=0.6)), out)
    assert "subtitle" not in [kind for kind, *_ in told(out)]
    assert [kind for kind, *_ in told(out)].count("audio") == 2


def test_sound_that_begins_late_in_a_stream_of_packets_still_does(
    tmp_path: Path, rich: Path, crash_skip: Callable[[str], None]
) -> None:
    """ffmpeg counts its time from the first moment of what is taken of it."""
    crash_skip(".ts")
    clip, out = tmp_path / "clip.ts", tmp_path / "out.mkv"
    inputs = ["-i", f"file:{rich}", "-itsoffset", "0.72", "-i", f"file:{rich}"]
    maps = ["-map", "0:v", "-map", "1:a:1", "-c:v", "copy", "-c:a", "mp2"]
    assert run([*inputs, *maps, f"file:{clip}"]).code == 0
    copied(open_source(clip), out)
    for path in (clip, out):
        apart = _first_seconds(path, "0:a") - _first_seconds(path, "0:v")
        assert abs(apart - Fraction(72, 100)) < Fraction(6, 100), path


def test_what_begins_late_as_a_whole_is_whole(tmp_path: Path, rich: Path) -> None:
    """Matroska counts its duration from 0 and not from the first frame."""
    clip = tmp_path / "clip.mkv"
    inputs = ["-itsoffset", "1.5", "-i", f"file:{rich}"]
    assert run([*inputs, "-map", "0:v", "-map", "0:a", "-c", "copy", f"file:{clip}"]).code == 0
    assert open_source(clip).info.frame_count == 50


def test_sound_that_avi_gives_other_times_is_encoded_anew(tmp_path: Path, rich: Path) -> None:
    clip, out = tmp_path / "clip.mkv", tmp_path / "out.avi"
    taken = ["-i", f"file:{rich}", "-map", "0:v", "-map", "0:a:0", "-c:v", "copy"]
    assert run([*taken, "-c:a", "libvorbis", f"file:{clip}"]).code == 0
    assert any("becomes libmp3lame" in line for line in copied(open_source(clip), out))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize("late", ["picture", "sound"])
def test_what_begins_late_still_does(
    tmp_path: Path, rich: Path, late: str, suffix: str, hashes_of: Hashes
) -> None:
    clip = tmp_path / f"clip{suffix}"
    wait = ["-itsoffset", "0.72"]
    first, second = (wait, []) if late == "picture" else ([], wait)
    inputs = [*first, "-i", f"file:{rich}", *second, "-i", f"file:{rich}"]
    maps = ["-map", "0:v", "-map", "1:a:1", "-c", "copy"]
    assert run([*inputs, *maps, f"file:{clip}"]).code == 0
    source = open_source(clip)
    out = tmp_path / f"out{suffix}"
    assert copied(source, out) == []
    picture, sound = (_first_seconds(out, stream) for stream in ("0:v", "0:a"))
    assert (picture, sound) == tuple(_first_seconds(clip, stream) for stream in ("0:v", "0:a"))
    assert abs(picture - sound) > Fraction(69, 100)
    assert hashes_of(out, "0:a") == hashes_of(clip, "0:a")


def test_a_part_of_a_late_picture_is_in_step(tmp_path: Path, rich: Path) -> None:
    clip = tmp_path / "clip.mkv"
    inputs = ["-itsoffset", "0.72", "-i", f"file:{rich}", "-i", f"file:{rich}"]
    assert run([*inputs, "-map", "0:v", "-map", "1:a:1", "-c", "copy", f"file:{clip}"]).code == 0
    source = open_source(clip, InputSettings(start=0.4))
    out = tmp_path / "out.mkv"
    copied(source, out)
    before = {_hash: pts for pts, _hash in _packets(clip, "0:a")}
    shifts = {before[_hash] - pts for pts, _hash in _packets(out, "0:a")}
    assert all(abs(shift - Fraction(112, 100)) <= Fraction(1, 1000) for shift in shifts)
    assert _first_seconds(out, "0:v") == 0
    assert 0 <= _first_seconds(out, "0:a") < Fraction(3, 100)


def test_sound_that_nothing_holds_is_refused(tmp_path: Path, rich: Path) -> None:
    source = open_source(rich)
    (tmp_path / "broken.mkv").write_bytes(rich.read_bytes())
    # A codec of sound that no encoder can stand in for, since it cannot be decoded either.
    data = (tmp_path / "broken.mkv").read_bytes().replace(b"A_AAC", b"A_XYZ")
    (tmp_path / "broken.mkv").write_bytes(data)
    notices: list[str] = []
    unknown = open_source(tmp_path / "broken.mkv", notice=notices.append)
    assert unknown.info.frame_count == source.info.frame_count
    with pytest.raises(OutputError, match=r"the sound .* cannot be put into mp4 .*--no-audio"):
        open_sink(tmp_path / "out.mp4", unknown.info, work_dir=tmp_path / "work")
    settings = OutputSettings(audio=False)
    copied(unknown, tmp_path / "out.mp4", settings)
    assert told(tmp_path / "out.mp4")[1:] == [("subtitle", "mov_text", "fra")]


def test_other_videos_are_told(tmp_path: Path, rich: Path) -> None:
    both = tmp_path / "both.mkv"
    arguments = ["-i", f"file:{rich}", "-map", "0:v", "-map", "0:v", "-c", "copy"]
    assert run([*arguments, f"file:{both}"]).code == 0
    notices = copied(open_source(both), tmp_path / "out.mkv")
    assert len(notices) == 1
    assert "1 more video" in notices[0]
    assert [kind for kind, _, _ in told(tmp_path / "out.mkv")] == ["video"]


def test_time_codes_and_dates_are_kept(tmp_path: Path, rich: Path) -> None:
    clip = tmp_path / "clip.mov"
    said = ["-timecode", "01:00:00:00", "-metadata", "creation_time=2020-01-02T03:04:05Z"]
    said += ["-metadata", "location=+52.0000+013.0000/"]
    assert run(["-i", f"file:{rich}", "-map", "0:v", "-c", "copy", *said, f"file:{clip}"]).code == 0
    for suffix in (".mov", ".mp4", ".mkv"):
        out = tmp_path / f"out{suffix}"
        assert copied(open_source(clip), out) == []
        tags = {key.lower(): value for key, value in one(out, "video").tags}
        assert tags["timecode"] == "01:00:00:00"
        assert "encoder" not in tags
        listing = [text for _, text in run(["-i", f"file:{out}"]).log.lines]
        assert any("creation_time   : 2020-01-02T03:04:05" in text for text in listing)
        assert "+52.0000+013.0000/" in metadata(out)


def test_covers_come_along(tmp_path: Path, rich: Path, frames: Frames, png: Callable) -> None:
    cover = png(tmp_path / "cover.png", frames(1)[0])
    clip = tmp_path / "clip.mp4"
    inputs = ["-i", f"file:{rich}", "-i", f"file:{cover}", "-map", "0:v", "-map", "1"]
    made = run([*inputs, "-c", "copy", "-disposition:v:1", "attached_pic", f"file:{clip}"])
    assert made.code == 0, made.log
    assert [s.kind for s in list_streams(clip).streams if s.kind != "data"] == ["video", "picture"]
    for suffix in (".mp4", ".mkv"):
        out = tmp_path / f"out{suffix}"
        assert copied(open_source(clip), out) == []
        found = [s.kind for s in list_streams(out).streams if s.kind != "data"]
        assert found == ["video", "picture"]
        assert _first_seconds(out, "0:v:0") == 0
        taken = ["-i", f"file:{out}", "-map", "0:v:1", "-c", "copy", "-f", "image2pipe", "-"]
        assert run(taken).output == cover.read_bytes()
    (notice,) = copied(open_source(clip), tmp_path / "out.mov")
    assert "mov does not hold this cover picture (png), so it is left out" in notice
    copied(open_source(tmp_path / "out.mkv"), tmp_path / "again.mkv")
    assert one(tmp_path / "again.mkv", "picture").codec == "png"


def _packets(path: Path, stream: str) -> list[tuple[Fraction, str]]:
    scan = run(
        ["-copyts", "-i", f"file:{path}", "-map", stream, "-c", "copy", "-f", "framecrc", "-"]
    )
    lines = scan.output.decode().splitlines()
    tick = next(Fraction(line.split()[2]) for line in lines if line.startswith("#tb"))
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    return [(int(row[2]) * tick, row[5]) for row in rows]


def _first_seconds(path: Path, stream: str) -> Fraction:
    return min(pts for pts, _ in _packets(path, stream))


@pytest.fixture
def wordy(tmp_path: Path, frames: Frames, video: Video) -> Path:
    """A second with sound, of which ffmpeg lists hundreds of lines, and turned on its side."""
    sounding = video(tmp_path / "sounding.mp4", frames(25), ["-c:v", "libx264"], sound_seconds=1)
    said = "\\\n".join(["Duration: 01:00:00.00, start: 5.000", *["more of it"] * 300])
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART={}\nEND={}\ntitle=one of many\n"
    marks = "".join(chapter.format(10 * n, 10 * n + 10) for n in range(90))
    (tmp_path / "said.txt").write_text(f";FFMETADATA1\ncomment={said}\n{marks}")
    path = tmp_path / "wordy.mp4"
    made = run(
        [
            *("-display_rotation", "90", "-i", f"file:{sounding}"),
            *("-i", f"file:{tmp_path / 'said.txt'}", "-map", "0", "-map_metadata", "1"),
            *("-map_chapters", "1", "-c", "copy", f"file:{path}"),
        ]
    )
    assert made.code == 0, made.log
    return path


def test_a_file_that_says_much_of_itself_is_read_to_its_end(tmp_path: Path, wordy: Path) -> None:
    listed = list_streams(wordy)
    assert [s.kind for s in listed.streams if s.kind != "data"] == ["video", "audio"]
    assert listed.chapters == 90
    assert (listed.start_seconds, listed.duration_seconds) == (0, 1)
    source = open_source(wordy)
    assert (source.info.width_px, source.info.height_px) == (48, 64)
    copied(source, tmp_path / "out.mkv")
    assert [kind for kind, *_ in told(tmp_path / "out.mkv")] == ["video", "audio"]
    assert len(chapters(tmp_path / "out.mkv")) == 90


def test_a_recording_that_begins_anywhere_is_a_video(
    tmp_path: Path, frames: Frames, video: Video, crash_skip: Callable[[str], None]
) -> None:
    """What a decoder says of slices without a beginning comes before the list of streams."""
    crash_skip(".ts")
    options = ["-c:v", "libx264", "-g", "50", "-x264-params", "slices=4"]
    whole = video(tmp_path / "whole.ts", frames(150, 320, 240), options).read_bytes()
    cut = tmp_path / "cut.ts"
    cut.write_bytes(whole[len(whole) // 188 // 50 * 188 :])
    assert open_source(cut).info.frame_count >= 100

"""Videos as sources: every frame at its own time, none doubled, none left out in silence."""

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path

from framestyle.config import InputSettings
from framestyle.errors import InputError, SettingsError
from framestyle.media.animation import gif_plays
from framestyle.media.clip import ClipInfo, Frame, Notices
from framestyle.media.colour import tagged_colour
from framestyle.media.decoder import Decoder, Decoding, decode_head, is_seen_through
from framestyle.media.mastering import read_mastering
from framestyle.media.pixel_formats import bit_depth_of, is_rgb
from framestyle.media.selection import Selection, select
from framestyle.media.showinfo import ShownFrame
from framestyle.media.source import Source, fitted_size, frame_of, too_small_notice
from framestyle.media.streams import Container, list_streams
from framestyle.media.timeline import Timeline, decode_timeline, read_timeline
from framestyle.media.timing import Timing, timing_of


class VideoSource(Source):
    """A video file."""

    def __init__(self, decoding: Decoding) -> None:
        self.info = decoding.info
        self._decoding = decoding

    @classmethod
    def open(cls, path: Path, settings: InputSettings, notice: Notices) -> "VideoSource":
        """Probe a video and return the source.

        Raises:
            InputError: Where the part selected cannot be read to its end.
            SettingsError: Where settings contradict the input.
        """
        if settings.fps is not None:
            raise SettingsError(
                f"--fps is given, but {path} is a video with a rate of its own; leave --fps out"
            )
        container = list_streams(path)
        head, rate = decode_head(container)
        timeline = read_timeline(container, head, rate)
        source = cls._made(container, timeline, head, settings)
        if not timeline.decoded and not source._ends_well():
            timeline = decode_timeline(container, rate)
            source = cls._made(container, timeline, head, settings)
        for line in _notices(source._decoding, settings):
            notice(line)
        return source

    @classmethod
    def _made(
        cls,
        container: Container,
        timeline: Timeline,
        head: list[ShownFrame],
        settings: InputSettings,
    ) -> "VideoSource":
        chosen = _select_whole(container.path, timeline, settings)
        info = _clip_info(container, timeline, chosen, head[0], settings)
        weave = _weave(head, settings.deinterlace)
        return cls(Decoding(container, timeline, chosen, head[0], info, weave))

    def read(self, first: int = 0) -> Generator[Frame, None, None]:
        """Yield the frames from position ``first`` on; see ``Source.read``."""
        if first >= self.info.frame_count:
            return
        decoder = Decoder(self._decoding, first, seek=True)
        try:
            samples = decoder.next_samples()
            if samples is None and decoder.sought:
                # Some files cannot be entered where they say; from the start they always can.
                decoder.close()
                decoder = Decoder(self._decoding, first, seek=False)
                samples = decoder.next_samples()
            for index in range(first, self.info.frame_count):
                if samples is None:
                    raise self._ended(index, decoder)
                yield frame_of(samples, index, self.info)
                if index + 1 < self.info.frame_count:
                    samples = decoder.next_samples()
        finally:
            decoder.close()

    def _ends_well(self) -> bool:
        """Return whether the last frame selected can be had."""
        try:
            frames = self.read(self.info.frame_count - 1)
            return sum(1 for _ in frames) == 1
        except InputError:
            return False

    def _ended(self, index: int, decoder: Decoder) -> InputError:
        reason = decoder.reason()
        if decoder.killed_by:
            return InputError(
                f"the ffmpeg that decodes {self.info.path} was killed by signal "
                f"{decoder.killed_by} at frame {index + 1} of {self.info.frame_count}; run it "
                "again to resume"
            )
        kept = f"; use --frames {index} to take the part before it" if index else ""
        return InputError(
            f"{self.info.path} ended at frame {index + 1} of {self.info.frame_count}"
            f"{f' ({reason})' if reason else ''}: the file is damaged there{kept}"
        )


def _weave(head: list[ShownFrame], deinterlace: str) -> str:
    """Return the filter that makes whole frames of two fields, one of each; ``""`` for none."""
    if deinterlace == "on":
        return "bwdif=mode=send_frame:deint=all"
    if deinterlace == "auto" and any(frame.interlaced for frame in head):
        return "bwdif=mode=send_frame:deint=interlaced"
    return ""


def _select_whole(path: Path, timeline: Timeline, settings: InputSettings) -> Selection:
    times = timeline.times()
    frame_seconds = 1 / timeline.frame_rate
    chosen = select(times, timeline.last_seconds(), settings, path)
    if timeline.damage is None:
        return chosen
    last = chosen.first + chosen.count
    bounded = chosen.count == settings.frames or (
        settings.end is not None
        and timeline.whole > 0
        and settings.end <= times[timeline.whole - 1] + frame_seconds
    )
    if bounded and last <= timeline.whole:
        return chosen
    usable = timeline.whole - chosen.first
    advice = f"use --frames {usable} to take the part that is whole, or " if usable > 0 else ""
    raise InputError(
        f"{path} is cut off or damaged after frame {timeline.whole} "
        f"({float(timeline.whole * frame_seconds):.2f} s): {timeline.damage}; "
        f"{advice}fetch the whole file again"
    )


def _clip_info(
    container: Container,
    timeline: Timeline,
    chosen: Selection,
    head: ShownFrame,
    settings: InputSettings,
) -> ClipInfo:
    width, height = fitted_size(head.width_px, head.height_px, settings.size)
    # The matrix goes by the lines of the picture as coded, not as scaled here.
    lines = min(head.width_px, head.height_px)
    colour = tagged_colour(
        head.tags,
        lines,
        is_rgb=is_rgb(head.pixel_format),
        mastering=read_mastering(head.remarks),
        name=str(container.path),
    )
    first_seconds = timeline.first_seconds()
    offset = Fraction(0) if first_seconds is None else first_seconds - container.start_seconds
    timing = _timing(timeline, chosen)
    even_seconds = chosen.count / timeline.frame_rate
    return ClipInfo(
        "video",
        container.path,
        width,
        height,
        chosen.count,
        timeline.frame_rate,
        16 if bit_depth_of(head.pixel_format) > 8 or (colour and colour.is_hdr) else 8,
        colour,
        head.pixel_aspect,
        chosen.start_seconds,
        even_seconds if timing is None else timing.end * timing.tick,
        offset,
        chosen.cut_start,
        chosen.cut_end,
        is_seen_through(container, head.pixel_format),
        timing,
        container.streams,
        container.video,
        container.chapters,
        gif_plays(container.path) if container.demuxer == "gif" else None,
        container.demuxer,
    )


def _timing(timeline: Timeline, chosen: Selection) -> Timing | None:
    """Return when the frames selected are shown; None where they are evenly spaced."""
    after = chosen.first + chosen.count
    times = [p for p in timeline.pts[chosen.first : after] if p is not None]
    if not timeline.is_variable or len(times) < chosen.count:
        return None
    last_ticks = round(timeline.last_seconds() / timeline.tick)
    if after < len(timeline.pts):
        last_ticks = (timeline.pts[after] or 0) - times[-1]
    return timing_of(times, last_ticks, timeline.tick)


def _notices(decoding: Decoding, settings: InputSettings) -> list[str]:
    path, head, timeline = decoding.info.path, decoding.head, decoding.timeline
    lines = []
    moved = decoding.info.timing.moved if decoding.info.timing is not None else 0
    if moved:
        frames = "1 frame" if moved == 1 else f"{moved} frames"
        lines.append(f"{frames} of {path} had no time after the one before, and got it")
    if decoding.weave and settings.deinterlace == "auto":
        lines.append(
            f"{path} is interlaced; each frame is made whole of its two fields (bwdif), and "
            "--deinterlace off takes frames as they are"
        )
    if timeline.damage:
        lines.append(f"{path} is damaged after the part taken ({timeline.damage})")
    if settings.size is not None and max(head.width_px, head.height_px) < settings.size:
        lines.append(too_small_notice(str(path), head.width_px, head.height_px, settings.size))
    return lines

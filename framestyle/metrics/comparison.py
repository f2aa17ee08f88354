"""Measures a result beside the clip that it was made of."""

import time
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from framestyle.config import InputSettings
from framestyle.errors import InputError
from framestyle.metrics.clips import Clips
from framestyle.metrics.distances import Distances
from framestyle.metrics.inputs import Inputs, Style, open_inputs
from framestyle.metrics.judge import choose_judge
from framestyle.metrics.report import Report
from framestyle.metrics.settings import MetricsSettings
from framestyle.metrics.sharpness import sharpness
from framestyle.metrics.stillness import StillMask, StillRegions
from framestyle.metrics.warping import FLOW, Warping
from framestyle.motion import find_shots
from framestyle.networks import load, parse_weights
from framestyle.progress import Event, FrameDone, Notice, Progress, RunStarted, ignore


def measure(
    source: str | Path,
    result: str | Path,
    styles: Sequence[str | Path | tuple[str | Path, float]] = (),
    settings: MetricsSettings | None = None,
    part: InputSettings | None = None,
    progress: Progress = ignore,
) -> Report:
    """Measure a result beside the clip that it was made of.

    The clips are read frame by frame, the source twice, so that memory does not grow with them.

    Example:
        >>> framestyle.metrics.measure("in.mp4", "out.mp4", ["style.jpg"])  # doctest: +SKIP

    Args:
        source: The input clip: a video, a folder of frames, a pattern or a picture.
        result: What was made of it, of as many frames; another size is scaled to the source's.
        styles: Style pictures that it was to look like, each with a weight if wanted.
        settings: How to measure; the defaults unless given.
        part: Which frames of the source the result was made of; all unless given. Its ``size`` is
            not looked at.
        progress: Hears notices once all is well, then of every frame.

    Returns:
        The figures; those that cannot be had are None.

    Raises:
        InputError: A clip or picture cannot be read, or the clips have different lengths.
        SettingsError: A weight of a style is not over 0, or ``part`` contradicts the source.
        ModelError: The network that judges, or its weights, cannot be had.
    """
    settings = settings or MetricsSettings()
    return compare(open_inputs(source, result, styles, settings, part), settings, progress)


def compare(inputs: Inputs, settings: MetricsSettings, progress: Progress = ignore) -> Report:
    """Do what ``measure`` does, after ``open_inputs``."""
    # told when all is well: an error stands alone
    notices: list[Event] = [Notice(line) for line in inputs.notices]
    distances, network = _judge(settings, inputs.styles, inputs.clips, notices, progress)
    for event in notices:
        progress(event)
    return _measured(inputs.clips, distances, network, inputs.styles, progress)


def _judge(
    settings: MetricsSettings,
    styles: Sequence[Style],
    clips: Clips,
    notices: list[Event],
    progress: Progress,
) -> tuple[Distances, str]:
    files = dict(parse_weights(text) for text in settings.weights)
    name, reason = choose_judge(settings.network, files)
    network = load(name, files=files, progress=progress)
    info = clips.source_info
    distances = Distances(network, bool(styles), info.frame_count)
    for picture, _, pixels in styles:
        if not distances.can_see(pixels.shape[1], pixels.shape[0]):
            raise InputError(
                f"the style {picture} is {pixels.shape[1]}x{pixels.shape[0]}, too narrow for "
                f"{name} at a longest side of 512; give a part of it that is less narrow"
            )
    if distances.can_see(info.width_px, info.height_px):
        distances.aim([(weight, pixels) for _, weight, pixels in styles])
    else:
        reason = f"no style and content distance: the frames are too narrow for {name}"
    notices.append(Notice(reason))
    return distances, name


def _measured(
    clips: Clips, distances: Distances, network: str, styles: Sequence[Style], progress: Progress
) -> Report:
    frames = clips.source_info.frame_count
    progress(RunStarted(frames))
    mask, cuts = _looked_through(clips)
    still, warping = StillRegions(mask, frames), Warping()
    sharp: list[tuple[float, float]] = []
    began = time.monotonic()
    for index, (before, after) in enumerate(clips.read()):
        warping.add(before, after, is_cut=index in cuts)
        still.add(after.grey_levels)
        distances.add(index, before.whole, after.whole)
        sharp.append((sharpness(before.grey_levels), sharpness(after.grey_levels)))
        now = time.monotonic()
        progress(FrameDone(index, now - began))
        began = now
    sharp_source, sharp_result = np.mean(sharp, axis=0)
    return Report(
        **_facts(clips),
        **_along_the_motion(warping),
        **_where_it_rests(still, clips.frame_rate if frames > 1 else None),
        sharpness_squared_levels=float(sharp_result),
        sharpness_squared_levels_source=float(sharp_source),
        network=network,
        styles=tuple((picture, weight) for picture, weight, _ in styles),
        style_distance=distances.style(),
        style_distance_source=distances.style_source(),
        content_distance=distances.content(),
    )


def _looked_through(clips: Clips) -> tuple[np.ndarray, set[int]]:
    """Return where the source rests, (h, w) bool, and the frames at which it cuts."""
    if clips.source_info.frame_count < 2:
        return np.zeros((1, 1), bool), set()
    still = StillMask()

    def frames() -> Iterator[np.ndarray]:
        for picture in clips.read_source():
            still.add(picture.grey)
            yield picture.whole

    shots = find_shots(frames())
    return still.mask, {shot.first for shot in shots if shot.first and not shot.dissolve}


def _facts(clips: Clips) -> dict[str, Any]:
    a, b, rate = clips.source_info, clips.result_info, clips.frame_rate
    return {
        "source": str(a.path),
        "result": str(b.path),
        "frames": a.frame_count,
        "frame_rate_hz": float(rate) if rate and a.frame_count > 1 else None,
        "source_size_px": (a.width_px, a.height_px),
        "result_size_px": (b.width_px, b.height_px),
        "compared_size_px": (clips.width_px, clips.height_px),
    }


def _along_the_motion(warping: Warping) -> dict[str, Any]:
    return {
        "flow": FLOW,
        "pairs": warping.pairs,
        "cuts": warping.cuts,
        "followed_share": warping.followed_share(),
        "warping_error": warping.error("result"),
        "warping_error_source": warping.error("source"),
        "moving_share": warping.moving_share(),
        "moving_warped_levels": warping.moving_levels("result", "warped"),
        "moving_warped_levels_source": warping.moving_levels("source", "warped"),
        "moving_unwarped_levels": warping.moving_levels("result", "unwarped"),
        "moving_unwarped_levels_source": warping.moving_levels("source", "unwarped"),
    }


def _where_it_rests(still: StillRegions, rate: Fraction | None) -> dict[str, Any]:
    slope, deviation = still.drift() or (None, None)
    return {
        "still_share": still.share if rate else None,
        "drift_levels_per_100_frames": slope,
        "drift_deviation_levels": deviation,
        "still_flicker_levels": still.flicker_levels(),
        "still_flicker_bands": still.bands(rate),
    }

"""The figures of a result, with their units in their names."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Band:
    """Flicker of still regions in one band of frequencies.

    Attributes:
        low_hz: Where the band begins; a wave of just this frequency is in it.
        high_hz: Where it ends; the last band ends at half of the frame rate, and has it too.
        levels: Standard deviation over time, in levels of 255, mean over pixels; None where the
            clip is too short to have a wave in the band.
    """

    low_hz: float
    high_hz: float
    levels: float | None


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured of a result beside its source.

    A figure that cannot be had (of one frame, of a clip in which nothing rests, without a style) is
    None. Names that end in ``_source`` are the same figures of the source itself. Levels are of
    255, squared levels of 255 squared; shares are of 1.

    Attributes:
        source: The input clip as it was named.
        result: The clip made of it, as it was named.
        frames: Number of frames of each.
        frame_rate_hz: Frames per second; None for pictures.
        source_size_px: Width and height of the source's frames.
        result_size_px: Width and height of the result's.
        compared_size_px: Width and height at which they were compared.
        flow: The optical flow that followed the source.
        network: The network that judged style and content.
        pairs: Neighbouring frames over which the warping error is the mean.
        cuts: Neighbouring frames left out, because next to nothing could be followed.
        followed_share: Part of the frame in which the flow was trusted, mean over the pairs.
        warping_error: Lai 2018: mean square change along the flow, of a range of 1.
        warping_error_source: Likewise.
        moving_share: Part of the frame that moved by over 1 px and was followed.
        moving_warped_levels: There: mean absolute change along the flow.
        moving_warped_levels_source: Likewise.
        moving_unwarped_levels: There: mean absolute change in place.
        moving_unwarped_levels_source: Likewise.
        still_share: Part of the frame in which the source changes by 4 levels at most.
        drift_levels_per_100_frames: There: slope of a line through the mean level of the result.
        drift_deviation_levels: Largest distance of that level from the line.
        still_flicker_levels: There: standard deviation of a pixel over time, mean over pixels.
        still_flicker_bands: The same by frequency, each pixel's own line taken off.
        sharpness_squared_levels: Variance of the Laplacian of the grey frame, mean over frames.
        sharpness_squared_levels_source: Likewise.
        styles: Style pictures with their weights.
        style_distance: Mean over layers of |G - A|^2 / |A|^2, mean over frames.
        style_distance_source: Likewise.
        content_distance: |F - P|^2 / |P|^2 at one deep layer, mean over frames.
    """

    source: str
    result: str
    frames: int
    frame_rate_hz: float | None
    source_size_px: tuple[int, int]
    result_size_px: tuple[int, int]
    compared_size_px: tuple[int, int]
    flow: str
    network: str
    pairs: int
    cuts: int
    followed_share: float | None
    warping_error: float | None
    warping_error_source: float | None
    moving_share: float | None
    moving_warped_levels: float | None
    moving_warped_levels_source: float | None
    moving_unwarped_levels: float | None
    moving_unwarped_levels_source: float | None
    still_share: float | None
    drift_levels_per_100_frames: float | None
    drift_deviation_levels: float | None
    still_flicker_levels: float | None
    still_flicker_bands: tuple[Band, ...] | None
    sharpness_squared_levels: float
    sharpness_squared_levels_source: float
    styles: tuple[tuple[str, float], ...]
    style_distance: float | None
    style_distance_source: float | None
    content_distance: float | None

    def as_plain(self) -> dict[str, Any]:
        """Return the figures as numbers, text, lists and tables, for files."""
        plain = dataclasses.asdict(self)
        plain["styles"] = [{"picture": path, "weight": weight} for path, weight in self.styles]
        return plain

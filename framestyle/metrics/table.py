"""A report as a table to read."""

from framestyle.metrics.judge import EMBEDDED
from framestyle.metrics.report import Report

NOTHING = "-"


def table(report: Report) -> str:
    """Return a report as lines of text: one figure a line, of the result and of the source."""
    blocks = [
        [_heading(report), f"{'':42}{'result':>12}{'source':>12}"],
        _steadiness(report),
        _stillness(report),
        _looks(report),
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _heading(report: Report) -> str:
    sizes = " and ".join(
        f"{width}x{height}" for width, height in (report.source_size_px, report.result_size_px)
    )
    rate = f", {report.frame_rate_hz:.4g} per second" if report.frame_rate_hz else ""
    width, height = report.compared_size_px
    return (
        f"{report.result}, made of {report.source}\n"
        f"{report.frames} frame{'s' * (report.frames != 1)}{rate}, {sizes}, compared at "
        f"{width}x{height}"
    )


def _steadiness(report: Report) -> list[str]:
    if report.frames < 2:
        return ["one frame: nothing to say of steadiness, drift and flicker"]
    if not report.pairs:
        return [f"nothing can be followed from frame to frame ({_cuts(report)} left out)"]
    lines = [
        f"along the motion ({report.flow} flow; {_share(report.followed_share)} of the frame "
        f"followed; {_cuts(report)} left out)",
        _line("warping error", report.warping_error, report.warping_error_source),
    ]
    if not report.moving_share:
        return [*lines, "  nothing moves by over 1 px a frame"]
    return [
        *lines,
        f"  change of what moves by over 1 px ({_share(report.moving_share)} of the frame), levels",
        _line("  along the flow", report.moving_warped_levels, report.moving_warped_levels_source),
        _line("  in place", report.moving_unwarped_levels, report.moving_unwarped_levels_source),
    ]


def _stillness(report: Report) -> list[str]:
    if report.still_share is None:
        return []
    where = f"where the source rests ({_share(report.still_share)} of the frame)"
    if report.drift_levels_per_100_frames is None:
        return [f"{where}: under 1 percent, too little to tell drift and flicker"]
    lines = [
        f"{where}, in levels",
        _line("drift per 100 frames", report.drift_levels_per_100_frames),
        _line("largest distance from that line", report.drift_deviation_levels),
        _line("flicker", report.still_flicker_levels),
    ]
    bands = report.still_flicker_bands
    if bands is None:
        return [*lines, "  too few frames for a spectrum of it"]
    return lines + [
        _line(f"  from {band.low_hz:g} to {band.high_hz:.4g} Hz", band.levels) for band in bands
    ]


def _looks(report: Report) -> list[str]:
    flatters = ", which flatters what it painted itself" if report.network == EMBEDDED else ""
    lines = [
        f"looks (judged by {report.network}{flatters})",
        _line(
            "sharpness, squared levels",
            report.sharpness_squared_levels,
            report.sharpness_squared_levels_source,
        ),
    ]
    if report.styles:
        lines.append(_line("style distance", report.style_distance, report.style_distance_source))
    return [*lines, _line("content distance", report.content_distance)]


def _line(name: str, *values: float | None) -> str:
    return f"{'  ' + name:42}" + "".join(f"{_number(value):>12}" for value in values)


def _number(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.4g}"


def _share(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.3g}%"


def _cuts(report: Report) -> str:
    return f"{report.cuts} cut{'s' * (report.cuts != 1)}"

"""The figures of the benchmarks as tables in Markdown."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]
GIB = 1 << 30


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; numbers as they are."""
    lines = [head, ["-"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def iteration(figures: Figures) -> str:
    """Cost of an iteration by stage, network, size and precision."""
    rows = [
        (
            case["stage"],
            case["network"],
            f"{case['side_px']}x{case['side_px']}",
            precision,
            _milliseconds(case["iteration_seconds"]),
            _milliseconds(case["bare_seconds"]),
            f"{case['ratio']:.2f}",
            f"{100 * case['share_of_product_rate']:.0f}%",
        )
        for precision in ("float32", "bfloat16")
        if precision in figures
        for case in figures[precision]["cases"]
    ]
    rates = ", ".join(
        f"{figures[precision]['product_gflops']:.0f} GFLOP/s in {precision}"
        for precision in ("float32", "bfloat16")
        if precision in figures
    )
    over = "; ".join(
        f"{ratios['ours']} at {side}x{side} in {precision} (bare {ratios['bare']})"
        for precision in ("float32", "bfloat16")
        if precision in figures
        for side, ratios in figures[precision]["vgg19_over_lite"].items()
    )
    head = ("stage", "network", "size", "precision", "ms", "bare ms", "ratio", "of products")
    compiled = "; ".join(
        f"{_milliseconds(case['compiled_seconds'])} ms with {case['network']} at "
        f"{case['side_px']}x{case['side_px']}"
        for case in figures.get("bfloat16", {}).get("cases", [])
        if "compiled_seconds" in case
    )
    if compiled:
        rates += f".\n\nWith `--compile`, the style in bfloat16: {compiled}"
    return (
        f"{table(head, rows)}\n\nA product of matrices runs at {rates}.\n\n"
        f"VGG19 over lite, an iteration of the style in turns: {over}."
    )


def _milliseconds(seconds: float) -> str:
    return f"{1000 * seconds:.{1 if seconds > 0.01 else 2}f}"


def job(figures: Figures) -> str:
    """Time of frames of whole runs and what takes it."""
    names = (
        "first_frame_seconds",
        "later_frame_seconds",
        "later_frames_a_second",
        "dream_seconds",
        "style_seconds",
        "between_seconds",
        "read_and_flow_seconds",
        "write_seconds",
    )
    rows = [
        (case["preset"], case["size"], *(case[name] for name in names)) for case in figures["cases"]
    ]
    head = ("preset", "size", "first frame, s", "later frame, s", "a second", "dream", "style")
    return table((*head, "between", "read, flow", "write"), rows)


def memory(figures: Figures) -> str:
    """Peaks by length and size, and what tiles cost."""
    lengths = figures["by_length"]["peak_bytes"]
    by_length = table(
        ("frames", *lengths), [("peak, GiB", *(f"{v / GIB:.3f}" for v in lengths.values()))]
    )
    by_size = table(
        ("network", "size", "`--memory`", "peak, GiB"),
        [
            (r["network"], r["size"], r["memory_gib"] or "", r["peak_gib"])
            for r in figures["by_size"]
        ],
    )
    tiled = table(
        ("network", "size", "stages in tiles", "tile, px", "time a pixel over whole"),
        [
            (r["network"], r["size"], r["stages_in_tiles"], r["side_px"], r["time_over_whole"])
            for r in figures["tiled"]
        ],
    )
    return f"{by_length}\n\n{by_size}\n\n{tiled}"


def convergence(figures: Figures) -> str:
    """Loss, its style and content, and time of later frames over those of frames alone."""
    names = ("loss_over_alone", "style_over_alone", "content_over_alone")
    rows = [
        (
            r["preset"],
            r["alone"],
            *(f"{r[name]:.3f}" for name in names),
            f"1/{1 / r['seconds_over_alone']:.1f}",
        )
        for r in figures["rows"]
    ]
    head = ("later frames", f"alone, {figures['iterations_alone']} iterations", "loss", "style")
    return table((*head, "content", "time"), rows)


def workers(figures: Figures) -> str:
    """Frames a second with one worker and with several."""

    def row(what: str, case: Figures) -> tuple[object, ...]:
        rates = case["one_a_second"], case["several_a_second"], case["gain"]
        return (case["preset"], case["size"], what, *rates)

    count, frames = figures["workers"], figures["frames_in_a_shot"]
    divided = figures["divided"]
    rows = [row(f"{count} shots of {frames} frames", case) for case in figures["cases"]]
    divisions = f"one of {divided['frames']}, `--longest-stretch {divided['longest']}`"
    head = ("preset", "size", "shots", "1 worker, frames a second", f"{count} workers", "gain")
    return table(head, [*rows, row(divisions, divided)])


def realtime(figures: Figures) -> str:
    """Frames a second from frames to frames."""
    names = ("flow", "frames_a_second", "milliseconds_apart", "milliseconds_made", "steps")
    rows = [
        (case["case"], *(case[name] for name in names), case["until_frame_seconds"])
        for case in figures["cases"]
    ]
    head = ("what", "flow", "frames a second", "ms apart", "ms made", "steps", "start, s")
    return table(head, rows)


def resolution(figures: Figures) -> str:
    """Distances to the draft."""
    return table(("what", "distance to the draft"), list(figures["distance_to_draft"].items()))


TABLES: Mapping[str, Callable[[Figures], str]] = {
    "iteration": iteration,
    "job": job,
    "workers": workers,
    "realtime": realtime,
    "memory": memory,
    "convergence": convergence,
    "resolution": resolution,
}


def place_of(name: str, kind: str) -> str:
    """Return the name of the place in a page for a table of a kind of machine."""
    return name if kind == "cpu" else f"{name} {kind}"


def marks(name: str) -> tuple[str, str]:
    """Return what stands before and after a table in a page."""
    return f"<!-- {name} -->", f"<!-- /{name} -->"


def put(text: str, name: str, made: str) -> str:
    """Return a page with the table between its marks replaced."""
    begin, end = marks(name)
    before, _, rest = text.partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError(f"the page has no place for {name}: {begin} ... {end}")
    return f"{before}{begin}\n{made}\n{end}{after}"

"""What is measured of every run, and how runs of one clip and style compare."""

import dataclasses
import importlib.util
import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.steadiness import truth
from benchmarks.steadiness.methods import ALONE, FLOOR
from benchmarks.steadiness.runs import PACKAGE, Clip, Run, digest, frames_of
from framestyle.metrics import MetricsSettings, measure

SAMPLE = "sample"
"""Name of the sample clip, whose flow is known from its first frame on."""
Figures = dict[str, float | None]
Judge = Callable[[str, str, str], Mapping[str, float]]
OWN = (
    "warping_error",
    "style_distance",
    "content_distance",
    "sharpness_squared_levels",
    "still_flicker_levels",
    "drift_levels_per_100_frames",
    "moving_warped_levels",
    "moving_unwarped_levels",
)
"""Of the report, what is compared."""
RATIOS = {
    "style_distance": "style_ratio",
    "content_distance": "content_ratio",
    "sharpness_squared_levels": "sharpness_ratio",
    "judge_style_distance": "judge_style_ratio",
    "judge_content_distance": "judge_content_ratio",
    "judge_sharpness": "judge_sharpness_ratio",
}
"""Figures that are looked at over those of painting frame by frame."""
EXCESSES = {
    "warping_error": "excess",
    "true_warping_error": "true_excess",
    "judge_warp_error": "judge_excess",
}
"""Warping errors, and the names of their place between carried (0) and frame by frame (1)."""


def load_judge(file: Path) -> Judge:
    """Return ``judge(source, result, style)`` of a script."""
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise SystemExit(f"--judge {file}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Judge = module.judge
    return found


def measured(
    clip: Clip, style: Path, run: Run, settings: MetricsSettings, judge_file: Path | None
) -> Figures:
    """Measure a run, unless that was done before.

    Args:
        clip: What was stylised.
        style: The style picture.
        run: What was made of it.
        settings: How the metrics measure.
        judge_file: A script that judges too.

    Returns:
        The figures of ``OWN``; those of the judge begin with ``judge_``; along the true flow, of
        the sample clip, with ``true_``.
    """
    code = [*sorted((PACKAGE / "metrics").glob("*.py")), Path(__file__), Path(truth.__file__)]
    judges = [judge_file] if judge_file else []
    key = digest(settings, *code, *judges)
    record = run.folder.with_name(f"{run.folder.name}.figures-{key}.json")
    if not record.exists():
        figures = _measured(clip, style, run, settings, judge_file)
        record.write_text(json.dumps(figures), encoding="utf-8")
    figures = json.loads(record.read_text(encoding="utf-8"))
    return {**figures, "seconds": run.seconds}


def _measured(
    clip: Clip, style: Path, run: Run, settings: MetricsSettings, judge_file: Path | None
) -> Figures:
    report = dataclasses.asdict(measure(clip.folder, run.folder, [style], settings))
    figures: Figures = {name: report[name] for name in OWN}
    figures["warping_error_source"] = report["warping_error_source"]
    if clip.name == SAMPLE and settings.size >= truth.WIDTH_PX:
        figures["true_warping_error"] = truth.true_warping_error(frames_of(run.folder))
    if judge_file:
        judged = load_judge(judge_file)(str(clip.folder), str(run.folder), str(style))
        figures |= {f"judge_{name}": float(value) for name, value in judged.items()}
    return figures


def compared(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add what is relative: to frame by frame, and to carried.

    Args:
        rows: Figures with ``clip``, ``style`` and ``method``; of every clip and style those of
            frame by frame and carried too.

    Returns:
        The rows with ratios and excesses.
    """
    groups: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for row in rows:
        groups[row["clip"], row["style"]][row["method"]] = row
    return [{**row, **_relative(row, groups[row["clip"], row["style"]])} for row in rows]


def _relative(row: Mapping[str, Any], group: Mapping[str, Mapping[str, Any]]) -> Figures:
    alone, floor = group[ALONE], group[FLOOR]
    figures: Figures = {}
    for name, short in RATIOS.items():
        figures[short] = ratio(row.get(name), alone.get(name))
    for name, short in EXCESSES.items():
        e, high, low = row.get(name), alone.get(name), floor.get(name)
        known = e is not None and high is not None and low is not None
        figures[short] = ratio(e - low, high - low) if known else None
    along, in_place = row.get("moving_warped_levels"), row.get("moving_unwarped_levels")
    figures["along_over_in_place"] = ratio(along, in_place)
    drift = row.get("drift_levels_per_100_frames")
    figures["drift"] = None if drift is None else abs(drift)
    return figures


def ratio(a: float | None, b: float | None) -> float | None:
    """Return a / b; None where one of them cannot be had."""
    return None if a is None or not b else a / b

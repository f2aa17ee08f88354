"""Tables of the figures, in Markdown, and their place in a page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.steadiness.methods import METHODS
from benchmarks.tables import marks, put

NAME = "table"
BEGIN, END = marks(NAME)
NOTHING = "-"


@dataclass(frozen=True)
class Column:
    """A figure in a table.

    Attributes:
        key: Its name in a row.
        title: At the head of the column.
        form: Of the number.
        times: What it is multiplied by.
        worst: Which of several values is the worst; None where that says nothing.
    """

    key: str
    title: str
    form: str = ".2f"
    times: float = 1.0
    worst: Callable[[Sequence[float]], float] | None = max

    def cell(self, rows: Sequence[Mapping[str, Any]]) -> str:
        """Return mean and worst over rows, or the value of one."""
        found = [row.get(self.key) for row in rows]
        values = [self.times * value for value in found if value is not None]
        if not values:
            return NOTHING
        mean = f"{fmean(values):{self.form}}"
        if len(values) == 1 or self.worst is None:
            return mean
        return f"{mean} / {self.worst(values):{self.form}}"


OWN = (
    Column("warping_error", "E, 10⁻⁴", ".1f", 1e4),
    Column("excess", "excess"),
    Column("style_ratio", "style"),
    Column("content_ratio", "content"),
    Column("sharpness_ratio", "sharpness", worst=min),
    Column("still_flicker_levels", "still flicker"),
    Column("drift", "drift"),
    Column("along_over_in_place", "along / in place"),
    Column("seconds", "s a frame", worst=None),
)
TRUE = (
    Column("true_warping_error", "E, 10⁻⁴", ".1f", 1e4),
    Column("true_excess", "excess"),
    Column("moving_warped_levels", "along the flow", ".1f"),
    Column("moving_unwarped_levels", "in place", ".1f"),
)
JUDGE = (
    Column("judge_warp_error", "E, 10⁻⁴", ".1f", 1e4),
    Column("judge_excess", "excess"),
    Column("judge_style_ratio", "style"),
    Column("judge_content_ratio", "content"),
    Column("judge_sharpness_ratio", "sharpness", worst=min),
    Column("judge_still_flicker", "still flicker"),
)


def tables(rows: Sequence[Mapping[str, Any]], facts: Sequence[str]) -> str:
    """Return the summary tables.

    Args:
        rows: Figures of every run, compared.
        facts: Lines on what was measured and on what.
    """
    clips = dict.fromkeys(row["clip"] for row in rows)
    styles = dict.fromkeys(row["style"] for row in rows)
    over = "Mean / worst over clips and styles" if len(clips) * len(styles) > 1 else "One clip"
    parts = ["\n".join(facts), f"{over}:", table(rows, OWN)]
    known = [row for row in rows if "true_warping_error" in row]
    if known:
        parts += ["The sample clip, along its true flow (mean / worst over styles):"]
        parts += [table(known, TRUE)]
    if any("judge_warp_error" in row for row in rows):
        parts += ["By a judge that shares no code with framestyle:", table(rows, JUDGE)]
    return "\n\n".join(parts) + "\n"


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> str:
    """Return a table with a line for each method."""
    lines = ["| method | " + " | ".join(column.title for column in columns) + " |"]
    lines += ["|-|" + "-|" * len(columns)]
    for method in METHODS:
        own = [row for row in rows if row["method"] == method.name]
        if own:
            cells = " | ".join(column.cell(own) for column in columns)
            lines.append(f"| {method.title} | {cells} |")
    return "\n".join(lines)


def details(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of every clip and style."""
    pairs = dict.fromkeys((row["clip"], row["style"]) for row in rows)
    parts = []
    for clip, style in pairs:
        own = [row for row in rows if (row["clip"], row["style"]) == (clip, style)]
        parts += [f"## {clip}, {style}", table(own, OWN)]
    return "\n\n".join(parts) + "\n"


def put_between(page: Path, text: str) -> None:
    """Replace what stands between the two marks in a page, and nothing else."""
    try:
        after = put(page.read_text(encoding="utf-8"), NAME, text.rstrip())
    except ValueError as error:
        raise SystemExit(f"{page}: {error}") from None
    page.write_text(after, encoding="utf-8")

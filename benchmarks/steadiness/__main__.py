"""Runs the benchmark of temporal consistency: ``python -m benchmarks.steadiness``."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.machine import machine
from benchmarks.steadiness import methods, still, table
from benchmarks.steadiness.arguments import DOCS, RESULTS, SAMPLES, parsed
from benchmarks.steadiness.figures import SAMPLE, compared, measured
from benchmarks.steadiness.runs import Clip, Run, clips_in, prepared, stylised
from benchmarks.steadiness.sheet import save_sheet
from framestyle.config import InputSettings
from framestyle.metrics import MetricsSettings

SHEET = (methods.ALONE, "short-term", "short-term-lbfgs", methods.OURS)
"""Methods in the sheet, under the source."""
Runs = dict[tuple[str, str, str], Run]


def main() -> None:
    """Run what the command line asks for."""
    chosen = parsed()
    chosen.out.mkdir(parents=True, exist_ok=True)
    clips, runs = clips_of(chosen), Runs()
    rows = compared(measured_all(chosen, clips, runs))
    found: dict[str, Any] = {"machine": machine(chosen.device), **setting_of(chosen)}
    text = table.tables(rows, facts_of(chosen, clips))
    if chosen.still:
        frame, style = SAMPLES / "frames" / "frame_0001.png", chosen.styles[0]
        found["still"] = still.measured_still(
            frame, style, common_of(chosen), chosen.iterations, chosen.still, chosen.out
        )
        text += f"\n{still.still_line(found['still'])}\n"
    found["rows"] = rows
    write(chosen, found, text, table.details(rows))
    if chosen.docs:
        picture(clips[0], chosen.styles[0], runs)
    print(f"\n{text}\nwritten to {chosen.out}")


def clips_of(chosen: argparse.Namespace) -> list[Clip]:
    """Return the sample clip and those named, as folders of frames."""
    whole = InputSettings(size=chosen.size, frames=chosen.sample_frames)
    sample = prepared(SAMPLES / "clip.mp4", chosen.out, whole, SAMPLE)
    part = InputSettings(size=chosen.size, frames=chosen.frames, start=chosen.start)
    paths = clips_in(chosen.clips) if chosen.clips else ()
    others = [prepared(path, chosen.out, part) for path in paths]
    return [clip for clip in (sample, *others) if clip]


def common_of(chosen: argparse.Namespace) -> methods.Changes:
    """Return the settings that are the same for all methods."""
    weights = [text for text in chosen.weights if text.startswith(f"{chosen.network}=")]
    return {
        "dream": {"enabled": chosen.dream},
        "style": {"network": chosen.network},
        "compute": {"networks": "lite", "device": chosen.device, "weights": weights},
    }


def setting_of(chosen: argparse.Namespace) -> dict[str, Any]:
    """Return what the figures were made with, as plain values: settings, and each method's own."""
    same = methods.Method("", "", "")
    config = asdict(methods.settings_of(same, common_of(chosen), chosen.iterations))
    settings = {group: config[group] for group in ("dream", "style", "motion", "compute")}
    del settings["compute"]["weights"]  # where a file lies says nothing
    return {
        "seed": settings["compute"]["seed"],
        "size_px": chosen.size,
        "settings": settings,
        "methods": {method.name: method.changes for method in methods.named(chosen.only)},
    }


def measured_all(chosen: argparse.Namespace, clips: list[Clip], runs: Runs) -> list[dict[str, Any]]:
    """Stylise and measure every clip with every style and method; fill in ``runs``."""
    settings = MetricsSettings(size=chosen.size, weights=judging_weights(chosen.weights))
    rows = []
    for clip in clips:
        for style in chosen.styles:
            for method in methods.named(chosen.only):
                config = methods.settings_of(method, common_of(chosen), chosen.iterations)
                run = stylised(clip, style, config, method.name, chosen.out)
                runs[clip.name, style.stem, method.name] = run
                names = {"clip": clip.name, "style": style.stem, "method": method.name}
                rows.append({**names, **measured(clip, style, run, settings, chosen.judge)})
                error, seconds = rows[-1]["warping_error"], rows[-1]["seconds"]
                print(*names.values(), f"E {error or 0:.6f}, {seconds:.2f} s a frame", flush=True)
    return rows


def judging_weights(weights: list[str]) -> tuple[str, ...]:
    """Return those weights that the metrics take."""
    return tuple(text for text in weights if text.startswith("squeezenet1_0="))


def facts_of(chosen: argparse.Namespace, clips: list[Clip]) -> list[str]:
    """Return lines on what was measured and on what."""
    lengths = ", ".join(f"{clip.name} ({clip.frames} frames)" for clip in clips)
    styles = ", ".join(style.stem for style in chosen.styles)
    on = machine(chosen.device)
    cpu = f"{on['processor']}, threads: {on['threads']}"
    where = on["device"] if chosen.device == "cuda" else cpu
    return [
        f"Clips: {lengths}, longest side {chosen.size} px. Styles: {styles}.",
        f"{chosen.iterations} iterations a frame with {chosen.network}, "
        f"{methods.FIRST_FRAME * chosen.iterations} of a first one; the dream is "
        f"{'on' if chosen.dream else 'off'}. {where}.",
    ]


def picture(sample: Clip, style: Path, runs: Runs) -> None:
    """Write the sheet, of those of its methods that ran."""
    rows = [("source", sample.folder)]
    for method in methods.METHODS:
        run = runs.get((sample.name, style.stem, method.name))
        if run and method.name in SHEET:
            rows.append((method.title, run.folder))
    save_sheet(DOCS / "pictures" / "steadiness.jpg", rows)


def write(chosen: argparse.Namespace, found: dict[str, Any], text: str, more: str) -> None:
    """Write figures and tables, into the documentation too where that is asked for."""
    plain = json.dumps(found, indent=1, default=str) + "\n"
    (chosen.out / "steadiness.json").write_text(plain, encoding="utf-8")
    (chosen.out / "steadiness.md").write_text(f"{text}\n{more}", encoding="utf-8")
    if chosen.docs:
        name = f"steadiness-{chosen.device}.json"
        (RESULTS / name).write_text(plain, encoding="utf-8")
        table.put_between(DOCS / "steadiness.md", text)


if __name__ == "__main__":
    main()

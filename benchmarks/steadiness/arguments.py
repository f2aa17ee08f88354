"""What can be said on the command line of the benchmark."""

import argparse
from pathlib import Path

from benchmarks.steadiness import methods, still

ROOT = Path(__file__).parents[2]
SAMPLES, DOCS, RESULTS = ROOT / "samples", ROOT / "docs", ROOT / "benchmarks" / "results"
ABOUT = """Stylise the sample clip, and those in --clips, with several methods at equal iterations a
frame, and measure how steady the results are. What is finished lies in --out and is not done again,
so that the command can be stopped and called again."""


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.steadiness", description=ABOUT)
    add = parser.add_argument
    add(
        "--clips",
        type=Path,
        metavar="DIR",
        help="folder of videos and folders of frames to take too",
    )
    add(
        "--styles",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="style pictures (the samples'); the sheet shows the first",
        default=sorted((SAMPLES / "styles").glob("*.jpg"), reverse=True),  # swirl, mosaic
    )
    add(
        "--only",
        nargs="+",
        choices=methods.NAMES,
        metavar="METHOD",
        help=f"any of {', '.join(methods.NAMES)}; the first two always run",
    )
    add("--out", type=Path, default=ROOT / "build" / "steadiness", help="where runs are kept")
    add(
        "--judge",
        type=Path,
        metavar="FILE",
        help="script with judge(source, result, style) -> dict",
    )
    add(
        "--still",
        type=int,
        nargs="?",
        const=still.FRAMES,
        metavar="N",
        help=f"also stylise one frame N times over ({still.FRAMES})",
    )
    add("--docs", action="store_true", help="put table and sheet into docs/ and results/")
    add("--dream", action="store_true", help="dream too, in every method")
    add("--iterations", type=int, default=20, help="of each frame after the first (20)")
    add("--frames", type=int, default=14, help="first frames taken of a video in --clips (14)")
    add("--sample-frames", type=int, help="of the sample clip (all 24)")
    add("--start", type=float, default=0.0, help="moment at which those begin, in seconds (0)")
    add("--size", type=int, default=320, help="longest side, in pixels (320)")
    add("--network", default="lite", help="what paints (lite)")
    add("--weights", nargs="+", default=[], metavar="NAME=FILE", help="weights of networks")
    add("--device", default="cpu", choices=("cpu", "cuda"))
    return parser.parse_args(arguments)

"""Runs the benchmarks of speed and memory: ``python -m benchmarks [NAME]... [--device cuda]``."""

import argparse
import json
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import convergence, iteration, job, memory, realtime, resolution, workers
from benchmarks.machine import kind_of, machine
from benchmarks.tables import TABLES, marks, place_of, put

ALL: Mapping[str, Callable[[str], dict[str, object]]] = {
    "iteration": iteration.measure,
    "job": job.measure,
    "workers": workers.measure,
    "realtime": realtime.measure,
    "memory": memory.measure,
    "convergence": convergence.measure,
    "resolution": resolution.measure,
}
FOR_GPUS = {"realtime"}
"""What says nothing on a CPU."""
OUT = Path(__file__).parent / "results"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def main() -> int:
    """Run the benchmarks named, all of them by default, and write their figures.

    Returns:
        The exit code: 1 where one of them failed; the others were run all the same.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of {', '.join(ALL)}")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the figures")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/ too")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    suited = [name for name in ALL if arguments.device != "cpu" or name not in FOR_GPUS]
    names = arguments.names or suited
    if len(names) == 1:
        return _run(names[0], arguments.device, arguments.out, docs=arguments.docs)
    how = ["--device", arguments.device, "--out", str(arguments.out)]
    how += ["--docs"] * arguments.docs
    # each in a process of its own: what one leaves in memory costs the next a tenth of its speed
    commands = [[sys.executable, "-m", "benchmarks", name, *how] for name in names]
    codes = [subprocess.run(command, check=False).returncode for command in commands]
    return int(any(codes))


def _run(name: str, device: str, out: Path, *, docs: bool) -> int:
    """Run one benchmark; return the exit code."""
    try:
        figures = ALL[name](device)
    except Exception:  # whatever it is, it spoils no other
        traceback.print_exc()
        return 1
    kind = kind_of(device)
    file = out / f"{name}-{kind}.json"
    text = json.dumps({"machine": machine(device), "figures": figures}, indent=1)
    file.write_text(text + "\n", encoding="utf-8")
    made = TABLES[name](json.loads(text)["figures"])
    if docs:
        page, place = PAGE.read_text(encoding="utf-8"), place_of(name, kind)
        if kind == "cpu" or marks(place)[0] in page:  # others have fewer tables
            PAGE.write_text(put(page, place, made), encoding="utf-8")
    print(f"{name}\n\n{made}\n\nwritten to {file}\n", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

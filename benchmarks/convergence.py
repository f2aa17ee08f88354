"""How soon a later frame has the loss of a frame that is painted alone for 500 iterations.

Alone is Gatys-style: from its own content, at one size, with Adam on the pixels, or with L-BFGS.
Both minimise the same sum of content, style and variation, with the same network and weights; the
temporal term of later frames is not counted, for a frame alone has none.
"""

import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

from benchmarks.inputs import CLIP, STYLE
from framestyle import Config
from framestyle.api import stylize_video
from framestyle.progress import Event, FrameDone, IterationDone

ITERATIONS = 500
FRAMES = 4
COUNTED = ("content", "style", "variation")
_ALONE = {
    "style": {"first_iterations": ITERATIONS, "scales": 1, "levels": 1, "averaging": 0.0},
    "motion": {"warm_start": "none", "temporal": False},
}
ALONE = {
    "Adam on pixels": _ALONE,
    "L-BFGS": {**_ALONE, "style": {**_ALONE["style"], "optimizer": "lbfgs"}},
}
OURS = ("standard", "fine")


def measure(device: str) -> dict[str, object]:
    """Return losses and seconds of later frames, alone and from the last result."""
    common = {
        "input": {"frames": FRAMES},
        "dream": {"enabled": False},
        "compute": {"device": device, "networks": "lite" if device == "cpu" else "full"},
    }
    alone = {name: _run(Config().changed(common).changed(how)) for name, how in ALONE.items()}
    rows = []
    for name in OURS:
        ours = _run(Config.preset(name).changed(common))
        for other, figures in alone.items():
            rows.append(
                {
                    "preset": name,
                    "alone": other,
                    "loss_over_alone": round(ours["loss"] / figures["loss"], 3),
                    "seconds_over_alone": round(ours["seconds"] / figures["seconds"], 4),
                }
            )
    return {"iterations_alone": ITERATIONS, "frames": FRAMES, "size": "320x180", "rows": rows}


def _run(config: Config) -> dict[str, Any]:
    """Return the mean last loss and the mean seconds of all frames after the first."""
    losses: dict[int, float] = {}
    seconds: dict[int, float] = defaultdict(float)

    def listen(event: Event) -> None:
        if isinstance(event, IterationDone):
            losses[event.frame] = sum(float(event.losses[name]) for name in COUNTED)
        elif isinstance(event, FrameDone):
            seconds[event.frame] = event.seconds

    with tempfile.TemporaryDirectory() as folder:
        stylize_video(CLIP, STYLE, Path(folder) / "out.mp4", config, listen)
    later = range(1, FRAMES)
    return {
        "loss": sum(losses[frame] for frame in later) / len(later),
        "seconds": sum(seconds[frame] for frame in later) / len(later),
    }

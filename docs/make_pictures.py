"""Makes the pictures of the documentation from the samples, with the embedded network."""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np
from sheets import joined, labelled

from framestyle.cli import main as framestyle

DOCS = Path(__file__).parent
SAMPLES = DOCS.parent / "samples"
SIZE = (480, 270)
SHOWN = (1, 12, 24)
DREAMS = {
    "relu3_2": "relu3_2: eyes",
    "relu4_3": "relu4_3: dogs, fur",
    "relu5_2": "relu5_2: beasts full of eyes",
    "relu5_2#10": "relu5_2#10: arches",
    "relu5_2#53": "relu5_2#53: scales",
    "relu5_2#11": "relu5_2#11: parrots",
    "relu5_2#17": "relu5_2#17: flowers",
    "relu5_2#28": "relu5_2#28: sheep",
    "relu5_2#47": "relu5_2#47: big cats",
}
"""Layers of lite, each dreamed alone, and what comes of them."""


def run(*arguments: object) -> None:
    """Run framestyle; leave with its exit code where it fails."""
    code = framestyle([*map(str, arguments), "--networks", "lite", "--overwrite"])
    if code:
        sys.exit(code)


def shown(path: Path) -> np.ndarray:
    """Return a picture at the size it is shown at, (270, 480, 3) BGR uint8."""
    return cv2.resize(cv2.imread(str(path)), SIZE, interpolation=cv2.INTER_CUBIC)


def frames(folder: Path, name: str, *arguments: object) -> list[np.ndarray]:
    """Run framestyle on the sample clip; return the frames shown."""
    run(SAMPLES / "clip.mp4", *arguments, "-o", f"{folder / name}/")
    return [shown(folder / name / f"frame_{number:06d}.png") for number in SHOWN]


def save_sheet(name: str, rows: list[list[np.ndarray]]) -> None:
    """Write rows of pictures, with gaps between them."""
    (DOCS / "pictures").mkdir(exist_ok=True)
    file = str(DOCS / "pictures" / name)
    cv2.imwrite(file, joined(rows), [cv2.IMWRITE_JPEG_QUALITY, 85])


def save_stages(folder: Path) -> None:
    """Write stages.jpg: source, dream and both styles, one row each, over the clip."""
    styles = [SAMPLES / "styles" / name for name in ("swirl.jpg", "mosaic.jpg")]
    rows = [
        frames(folder, "source", "--no-dream", "--no-style"),
        frames(folder, "dream", "--dream-only"),
        *(frames(folder, style.stem, style) for style in styles),
    ]
    save_sheet("stages.jpg", rows)


def save_dreams(folder: Path) -> None:
    """Write dreams.jpg: the first frame dreamed with one layer or channel at a time."""
    dreamed = []
    for number, (layer, text) in enumerate(DREAMS.items()):
        out = folder / f"dream_{number}.png"
        flags = ("--dream-only", "--dream-layers", layer, "--dream-steps", 15)
        run(SAMPLES / "frames" / "frame_0001.png", *flags, "-o", out)
        dreamed.append(labelled(shown(out), text))
    save_sheet("dreams.jpg", [dreamed[i : i + 3] for i in range(0, len(dreamed), 3)])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as work:
        save_stages(Path(work))
        save_dreams(Path(work))

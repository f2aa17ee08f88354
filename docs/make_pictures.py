"""Makes the pictures of the documentation from the samples.

    .venv/bin/python docs/make_pictures.py --weights squeezenet1_0=squeezenet1_0.safetensors

Any other flags of framestyle may follow, other networks too.
"""

import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

from framestyle.cli import main as framestyle

DOCS = Path(__file__).parent
SAMPLES = DOCS.parent / "samples"
SIZE = (480, 270)
NETWORKS = ["--dream-network", "squeezenet1_0", "--style-network", "squeezenet1_0"]
SHOWN = (1, 12, 24)


def make(folder: Path, name: str, arguments: list[str]) -> list[np.ndarray]:
    """Run framestyle on the sample clip; return the frames shown, each (270, 480, 3) BGR uint8."""
    frames = folder / name
    code = framestyle([str(SAMPLES / "clip.mp4"), *arguments, "-o", f"{frames}/"])
    if code:
        sys.exit(code)
    files = [frames / f"frame_{number:06d}.png" for number in SHOWN]
    return [cv2.resize(cv2.imread(str(f)), SIZE, interpolation=cv2.INTER_CUBIC) for f in files]


def main() -> None:
    """Write pictures/stages.jpg: source, dream and both styles, one row each, over the clip."""
    flags = [*NETWORKS, *sys.argv[1:]]
    styles = [str(SAMPLES / "styles" / name) for name in ("swirl.jpg", "mosaic.jpg")]
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            make(Path(folder), "source", ["--no-dream", "--no-style"]),
            make(Path(folder), "dream", ["--dream-only", *flags]),
            *(make(Path(folder), Path(style).stem, [style, *flags]) for style in styles),
        ]
    gap = np.full((SIZE[1], 6, 3), 255, np.uint8)
    joined = [np.hstack([rows[i][j] if k else gap for j in range(len(SHOWN)) for k in (1, 0)][:-1])
              for i in range(len(rows))]  # fmt: skip
    (DOCS / "pictures").mkdir(exist_ok=True)
    line = np.full((6, joined[0].shape[1], 3), 255, np.uint8)
    sheet = np.vstack([part for row in joined for part in (row, line)][:-1])
    cv2.imwrite(str(DOCS / "pictures" / "stages.jpg"), sheet, [cv2.IMWRITE_JPEG_QUALITY, 88])


if __name__ == "__main__":
    main()

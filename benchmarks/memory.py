"""Peak memory of runs over 30 and 300 frames (Linux): it must not grow with the clip."""

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.inputs import STYLE, looped_clip, random_weights

NETWORK = "squeezenet1_0"
LENGTHS = (30, 300)

_CHILD = """
import sys
from pathlib import Path
from framestyle.cli import main
code = main(sys.argv[1:])
# not ru_maxrss: a child begins with its parent's there
status = Path("/proc/self/status").read_text().split()
print(1024 * int(status[status.index("VmHWM:") + 1]))
sys.exit(code)
"""


def measure(device: str) -> dict[str, object]:
    """Return the peak resident bytes of each run, and the ratio of the longest to the shortest."""
    with tempfile.TemporaryDirectory() as folder:
        peaks = {frames: _peak(Path(folder), frames, device) for frames in LENGTHS}
    return {
        "network": NETWORK,
        "size": "320x180",
        "peak_bytes": peaks,
        "ratio": round(peaks[max(LENGTHS)] / peaks[min(LENGTHS)], 4),
    }


def _peak(folder: Path, frames: int, device: str) -> int:
    clip, weights = looped_clip(folder, frames), random_weights(folder, NETWORK)
    flags = ["--iterations", "2", "--first-iterations", "4", "--quiet", "--device", device]
    flags += ["--dream-network", NETWORK, "--style-network", NETWORK]
    flags += ["--weights", f"{NETWORK}={weights}", "-o", str(folder / f"out_{frames}.mp4")]
    command = [sys.executable, "-c", _CHILD, str(clip), str(STYLE), *flags]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(done.stdout)

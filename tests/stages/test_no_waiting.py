"""The steps of a frame mix no devices, and ask for no number that only the device knows."""

import subprocess
import sys
from pathlib import Path

import pytest
from torch.utils import backend_registration

pytestmark = pytest.mark.skipif(
    not hasattr(backend_registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch cannot be told of a device from Python",
)
SCRIPT = Path(__file__).parent / "other_device.py"
QUICK = ("lite", "channels", "other settings")
SLOW = (
    *("lite in float32", "vgg19", "inception_v3", "googlenet", "squeezenet1_0"),
    *("a guide", "tiles"),
)


@pytest.mark.parametrize("case", [*QUICK, *(pytest.param(c, marks=pytest.mark.slow) for c in SLOW)])
def test_frames_are_made_on_another_device(case):
    command = [sys.executable, "-W", "error", str(SCRIPT), case]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

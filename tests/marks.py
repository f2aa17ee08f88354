"""What tests of several packages need, and skip without."""

import pytest
import torch

from framestyle.onednn import can_pack

needs_onednn = pytest.mark.skipif(
    not can_pack("cpu", torch.float32), reason="torch has no oneDNN that takes reordered weights"
)

"""What the model card's figures are made of."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from framestyle.networks import load
from training.cost import multiply_adds
from training.following import followed
from training.pictures import read_pictures

ROOT = Path(__file__).parents[2]


def test_multiply_adds_are_counted_by_hand():
    side = 64
    by_hand = side**2 * 16 * 3 * 9 + (side // 2) ** 2 * (32 * 16 + 64 * 32) * 9
    assert multiply_adds(load("lite"), ["relu1_1", "relu2_2"], side) == by_hand


def test_following_tells_a_trained_network_from_another(folder, teacher):
    torch.set_num_threads(1)
    pictures = read_pictures(folder, 24)
    figures = followed(load("lite"), [teacher], pictures, heads=12, tests=2)
    assert set(figures) == {f"squeezenet1_0:{layer}" for layer in teacher.layers}
    assert all(0 <= value < 2 for value in figures["squeezenet1_0:relu1"])
    assert figures["squeezenet1_0:relu1"][0] < figures["squeezenet1_0:fire9"][0]


@pytest.mark.slow
def test_measures_a_pair(sample_frames, tmp_path):
    (tmp_path / "judge.py").write_text(
        "class Judge:\n"
        "    def style(self, result, style): return float(result.mean())\n"
        "    def content(self, result, content): return float(abs(result - content).mean())\n"
    )
    frame = tmp_path / "frame.png"
    cv2.imwrite(str(frame), np.ascontiguousarray(sample_frames[0][..., ::-1]))
    style = ROOT / "samples" / "styles" / "swirl.jpg"
    command = [sys.executable, "-m", "training.measure", "--no-cost", "--judge", "judge.py"]
    command += ["--contents", frame, "--styles", style, "--out", tmp_path / "out.json"]
    command[5] = str(tmp_path / "judge.py")
    done = subprocess.run(
        [*map(str, command), "--pictures", str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (pair,) = json.loads((tmp_path / "out.json").read_text())["painting"]
    assert (pair["content"], pair["style"]) == ("frame", "swirl")
    assert pair["content_distance"] > 0
    assert (tmp_path / "frame-swirl.png").is_file()

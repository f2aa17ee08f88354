"""A folder of small training pictures, and a teacher with random weights in a file."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from training.teachers import load_teacher


@pytest.fixture(scope="session")
def folder(tmp_path_factory, texture, save_picture):
    """Fifteen pictures of several sizes, one too small, one of them in a folder of its own."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(15):
        save_picture(folder / f"{number:02d}.png", texture(60 + number, 80 - number, number))
    save_picture(folder / "more" / "15.png", texture(300, 400, 15))
    save_picture(folder / "small.png", texture(8, 90))
    (folder / "notes.txt").write_text("no picture")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 no picture either")
    return folder


@pytest.fixture(scope="session")
def teacher_file(tmp_path_factory, random_weights):
    """SqueezeNet with random weights, its classes included."""
    generator = torch.Generator().manual_seed(3)
    weights = load_file(random_weights)
    weights["classifier.1.weight"] = 0.05 * torch.randn(1000, 512, 1, 1, generator=generator)
    weights["classifier.1.bias"] = torch.zeros(1000)
    path = tmp_path_factory.mktemp("teacher") / "squeezenet.safetensors"
    save_file(weights, path)
    return path


@pytest.fixture(scope="session")
def teacher(teacher_file):
    return load_teacher("squeezenet1_0", {"squeezenet1_0": teacher_file})

"""The network that ships computes what the student computes, with filters of mean activation 1."""

import hashlib

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from framestyle.networks import load, network_spec
from training.export import export
from training.student import Student, finished


@pytest.fixture(scope="module")
def batches():
    return [torch.rand(4, 3, 64, 64, generator=torch.Generator().manual_seed(s)) for s in (7, 8)]


@pytest.fixture(scope="module")
def student(batches):
    """Untrained but for its batch normalisation, which knows these pictures."""
    torch.manual_seed(0)
    student = Student().train()
    for module in student.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the mean over all batches
    with torch.no_grad():
        for images in batches:
            student(images)
    return student.eval()


def test_folding_leaves_the_function_as_it_is(student, batches):
    network = network_spec("lite").network(finished(student, batches))
    names = list(student.layers)
    image = torch.rand(1, 3, 96, 80, generator=torch.Generator().manual_seed(5))
    got = network.extractor(names)(image)
    with torch.no_grad():
        seen = [student(images) for images in batches]
        expected = student(image)
    for name in names:
        mean = torch.stack([features[name].mean(dim=(0, 2, 3)) for features in seen]).mean(dim=0)
        scaled = expected[name] / mean.clamp(min=1e-3).view(1, -1, 1, 1)
        torch.testing.assert_close(got[name], scaled, rtol=1e-3, atol=1e-4)


def test_each_filters_mean_activation_is_one(student, batches):
    network = network_spec("lite").network(finished(student, batches))
    extract = network.extractor(["relu1_1", "relu3_2", "relu5_2"])
    for name in ("relu1_1", "relu3_2", "relu5_2"):
        means = torch.stack([extract(b)[name].mean(dim=(0, 2, 3)) for b in batches]).mean(dim=0)
        fires = means > 0.5  # a filter that never fires stays at 0
        assert int(fires.sum()) > 0.8 * len(means)
        torch.testing.assert_close(means[fires], torch.ones(int(fires.sum())), rtol=1e-3, atol=1e-3)


def test_exports_a_file_that_the_tool_takes(student, batches, tmp_path):
    path = export(student, batches, tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert path.name == f"lite-{digest[:8]}.safetensors"
    assert path.stat().st_size <= 2.5e6
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}
    network = load("lite", files={"lite": path})
    expected = network_spec("lite").network(finished(student, batches))
    got, wanted = (n.extractor(["relu5_2"])(batches[0])["relu5_2"] for n in (network, expected))
    assert float((got - wanted).abs().mean()) < 0.01 * float(wanted.mean())

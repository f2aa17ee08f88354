"""The network that the package carries, as it ships."""

import hashlib
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from framestyle.errors import ModelError
from framestyle.networks import NETWORKS, load, locate
from training.cost import multiply_adds

FILE = NETWORKS["lite"].embedded
SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def lite():
    return load("lite")


def pictures():
    """The sample frames and styles, (N, 3, 180, 320) in [0, 1]."""
    for path in sorted((*SAMPLES.glob("frames/*.png"), *SAMPLES.glob("styles/*.jpg"))):
        pixels = cv2.resize(cv2.imread(str(path)), (320, 180))[..., ::-1]
        yield torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


def layers_of(name):
    spec = NETWORKS[name]
    return [layer for layer, _ in (*spec.default_style_layers, *spec.default_content_layers)]


def test_the_file_is_small_and_named_after_its_content():
    assert FILE.stat().st_size <= 2.5e6
    digest = hashlib.sha256(FILE.read_bytes()).hexdigest()
    assert FILE.stem == f"lite-{digest[:8]}"
    assert locate("lite").kind == "embedded"


def test_it_is_there_without_cache_or_internet(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "none"))
    heard = []
    assert load("lite", progress=heard.append).name == "lite"
    assert heard == []
    assert not (tmp_path / "none").exists()


def test_a_damaged_file_is_named(monkeypatch, tmp_path):
    content = bytearray(FILE.read_bytes())
    content[len(content) // 2] ^= 1
    damaged = tmp_path / FILE.name
    damaged.write_bytes(content)
    monkeypatch.setitem(NETWORKS, "lite", replace(NETWORKS["lite"], embedded=damaged))
    with pytest.raises(ModelError) as caught:
        load("lite")
    assert str(damaged) in str(caught.value)
    assert "damaged: its SHA-256 starts with" in str(caught.value)
    assert "install framestyle again" in str(caught.value)


def test_it_costs_a_twelfth_of_vgg19(lite):
    spec = NETWORKS["vgg19"]
    vgg19 = spec.network(spec.bare_model().to_empty(device="cpu"))
    side = 64  # both grow with the area alone
    ratio = multiply_adds(vgg19, layers_of("vgg19"), side) / multiply_adds(
        lite, layers_of("lite"), side
    )
    assert ratio >= 12


def test_filters_fire_alike(lite):
    """Normalised to a mean activation of 1 over the training pictures; these are others."""
    seen = [lite.extractor(layers_of("lite"))(image) for image in pictures()]
    for name in seen[0]:
        means = torch.stack([features[name].mean(dim=(0, 2, 3)) for features in seen]).mean(dim=0)
        assert 0.5 < float(means.mean()) < 2, name
        assert float((means > 0.05).float().mean()) > 0.9, name


def test_borders_make_nothing_of_their_own(lite):
    """Reflected borders: a flat picture gives flat features up to the edge."""
    for name, features in lite.extractor(layers_of("lite"))(
        torch.full((1, 3, 64, 64), 0.4)
    ).items():
        spread = features.amax(dim=(2, 3)) - features.amin(dim=(2, 3))
        assert float(spread.max()) < 1e-3 * float(features.max()) + 1e-4, name

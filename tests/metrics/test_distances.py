"""Style and content distance."""

import numpy as np
import pytest
import torch

from framestyle.metrics.distances import Distances, evenly_spaced, style_distance
from framestyle.networks import load
from framestyle.objectives.distances import gram


def test_frames_are_evenly_spaced():
    assert evenly_spaced(1) == {0}
    assert evenly_spaced(8) == set(range(8))
    assert evenly_spaced(15) == {0, 2, 4, 6, 8, 10, 12, 14}
    picks = evenly_spaced(1000)
    assert len(picks) == 8
    assert {0, 999} <= picks


def test_the_style_distance_is_the_formula():
    generator = np.random.default_rng(0)
    of_frame = {"a": generator.normal(size=(3, 4, 5)), "b": generator.normal(size=(6, 2, 3))}
    of_style = {"a": generator.normal(size=(3, 7, 2)), "b": generator.normal(size=(6, 3, 3))}
    shares = []
    for name, features in of_frame.items():
        f, s = features.reshape(len(features), -1), of_style[name].reshape(len(features), -1)
        g, a = f @ f.T / f.shape[1], s @ s.T / s.shape[1]
        shares.append(((g - a) ** 2).sum() / (a**2).sum())
    as_features = {n: torch.from_numpy(f)[None].float() for n, f in of_frame.items()}
    targets = {n: gram(torch.from_numpy(f)[None].float()) for n, f in of_style.items()}
    assert style_distance(as_features, targets) == pytest.approx(np.mean(shares), rel=1e-5)


@pytest.fixture(scope="module")
def lite():
    return load("lite")


def of_frame(network, frame, source, styles):
    distances = Distances(network, bool(styles), 1)
    distances.aim(styles)
    distances.add(0, source, frame)
    return distances


def test_a_picture_is_as_near_as_can_be_to_itself(lite, texture):
    one, other = texture(96, 128, 1), texture(90, 120, 2)
    itself = of_frame(lite, one, one, [(1.0, one)])
    assert itself.style() == pytest.approx(0, abs=1e-9)
    assert itself.style_source() == itself.style()
    assert itself.content() == 0
    apart = of_frame(lite, other, one, [(1.0, one)])
    assert apart.style() > 0.001
    assert apart.style_source() == pytest.approx(0, abs=1e-9)
    assert 0.1 < apart.content() < 3


def test_several_styles_are_blended_by_weight(lite, texture):
    one, other = texture(96, 128, 1), 255 - texture(96, 128, 2) // 2
    found = [
        of_frame(lite, one, one, [(1.0, one), (weight, other)]).style()
        for weight in (0.01, 1.0, 100.0)
    ]
    alone = of_frame(lite, one, one, [(1.0, other)]).style()
    assert 0 < found[0] < found[1] < found[2] < alone
    assert found[2] == pytest.approx(alone, rel=0.1)
    twice = of_frame(lite, one, one, [(2.0, one), (2.0, other)]).style()
    assert twice == pytest.approx(found[1], rel=1e-5)


def test_without_a_style_there_is_a_content_distance_alone(lite, texture):
    distances = of_frame(lite, texture(64, 64, 1), texture(64, 64, 2), [])
    assert distances.style() is None
    assert distances.style_source() is None
    assert distances.content() > 0.1


def test_only_the_frames_picked_are_looked_at(lite, texture):
    one, other = texture(64, 64, 1), texture(64, 64, 2)
    distances = Distances(lite, False, 15)
    distances.add(0, one, one)
    distances.add(1, one, other)
    assert distances.content() == 0


def test_strips_are_too_narrow(lite, texture):
    distances = Distances(lite, False, 1)
    assert distances.can_see(64, 64)
    assert not distances.can_see(512, 3)
    distances.add(0, texture(3, 512), texture(3, 512))
    assert distances.content() is None


def test_black_frames_have_finite_distances(lite, plain):
    found = of_frame(lite, plain(255), plain(0), [(1.0, plain(0))])
    assert np.isfinite([found.style(), found.content()]).all()

"""The pictures that the student optimises: painted downhill, dreamed uphill."""

import pytest
import torch

from training.distillation import grams
from training.optimised import DREAMING, PAINTING, Pool, _dreamed, _painted
from training.student import Student


@pytest.fixture(scope="module")
def student():
    torch.manual_seed(0)
    student = Student().train()
    with torch.no_grad():
        for seed in range(4):
            student(torch.rand(4, 3, 48, 48, generator=torch.Generator().manual_seed(seed)))
    return student.eval()


@pytest.fixture
def pictures():
    return torch.rand(2, 3, 48, 48, generator=torch.Generator().manual_seed(9))


def distance(student, pictures, styles):
    with torch.no_grad():
        seen, wanted = student(pictures), student(styles)
        parts = [(grams(seen[n]) - grams(wanted[n])).square().sum((1, 2)) for n in PAINTING]
        sizes = [grams(wanted[n]).square().sum((1, 2)) for n in PAINTING]
    return float(torch.stack([(p / s).mean() for p, s in zip(parts, sizes, strict=True)]).mean())


def test_a_painting_comes_nearer_to_its_style(student, pictures):
    styles = torch.zeros_like(pictures)
    styles[:, 0, ::4] = 1.0
    painted = _painted(student, pictures, styles, 16, torch.Generator().manual_seed(1))
    assert painted.shape == (6, 3, 48, 48)
    assert 0 <= float(painted.min()) <= float(painted.max()) <= 1
    far = distance(student, pictures, styles)
    assert distance(student, painted[-2:], styles) < 0.8 * far


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_dream_excites_what_it_draws(student, pictures, seed):
    drawn = torch.Generator().manual_seed(seed)
    name = DREAMING[int(torch.randint(len(DREAMING), (), generator=drawn))]
    some = torch.randperm(student.channels(name), generator=drawn)
    some = some[:4] if torch.rand((), generator=drawn) < 0.6 else some
    dreamed = _dreamed(student, pictures, 12, torch.Generator().manual_seed(seed))
    assert dreamed.shape == (6, 3, 48, 48)
    with torch.no_grad():
        before, *kept = (student(p)[name][:, some].square().mean() for p in
                         (pictures, dreamed[:2], dreamed[2:4], dreamed[4:]))  # fmt: skip
    assert float(before) < float(kept[0]) < float(kept[1]) < float(kept[2])


def test_the_pool_keeps_the_last():
    pool = Pool(3, 4)
    for shade in (0.0, 0.2, 0.4, 0.6):
        pool.add(torch.full((1, 3, 4, 4), shade))
    drawn = pool.batch(60, torch.Generator().manual_seed(0))
    assert sorted({round(float(p.mean()), 1) for p in drawn}) == [0.2, 0.4, 0.6]

"""The lesson against the prediction written out: heads, residues and Gram matrices."""

import pytest
import torch
from torch import nn

from training.distillation import Distillation, Lesson, Statistics, centred, grams, statistics


@pytest.fixture
def maps():
    """Features of a student (B, 6, 12, 12), and of a teacher that depends on them in part."""
    generator = torch.Generator().manual_seed(0)
    own = torch.randn(3, 6, 12, 12, generator=generator).relu()
    mixed = nn.functional.conv2d(own, torch.randn(9, 6, 1, 1, generator=generator))
    return own, mixed + 0.7 * torch.randn(mixed.shape, generator=generator) + 0.4


@pytest.fixture
def measured(maps):
    _, target = maps
    return Statistics(target.mean(dim=(0, 2, 3)), target.std(dim=(0, 2, 3)))


def inner(maps):
    """(B, C, H, W) -> (B * (H - 2) * (W - 2), C), without the border that a lesson leaves out."""
    return maps[..., 1:-1, 1:-1].permute(0, 2, 3, 1).flatten(0, 2)


def test_the_head_is_the_least_squares_solution(maps, measured):
    own, target = maps
    lesson = Lesson(6, measured).train()
    lesson(own, target)
    s = inner(own).double()
    s = torch.cat([s, torch.ones(len(s), 1)], dim=1)
    z = (inner(target).double() - measured.mean) / measured.std
    expected = torch.linalg.lstsq(s, z).solution.T
    torch.testing.assert_close(lesson.head.double(), expected, rtol=0.02, atol=0.01)


def test_values_are_those_of_the_prediction_written_out(maps, measured):
    own, target = maps
    lesson = Lesson(6, measured).train()
    plain, weighted, gram = lesson(own, target)
    s = inner(own)
    s = torch.cat([s, torch.ones(len(s), 1)], dim=1)
    predicted = s @ lesson.head.T
    missed = ((inner(target) - measured.mean) / measured.std - predicted).square().mean(dim=0)
    torch.testing.assert_close(plain, missed.mean(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(weighted, (missed * lesson.weights).sum(), rtol=1e-4, atol=1e-5)
    assert float(lesson.weights.sum()) == pytest.approx(1, abs=1e-5)
    raw = (predicted * measured.std + measured.mean).view(3, 10, 10, 9).permute(0, 3, 1, 2)
    order = lesson.loud
    truth = grams(target[..., 1:-1, 1:-1][:, order])
    error = (grams(raw[:, order]) - truth).square().sum(dim=(1, 2))
    energy = truth.square().sum(dim=(1, 2))
    expected = (error / (energy + 0.1 * energy.mean())).mean()
    torch.testing.assert_close(gram, expected, rtol=1e-3, atol=1e-5)


def test_what_is_linear_in_the_student_is_learnt_whole(measured):
    own = torch.randn(2, 6, 12, 12, generator=torch.Generator().manual_seed(1))
    target = nn.functional.conv2d(own, torch.randn(9, 6, 1, 1)) + 2
    of = Statistics(target.mean(dim=(0, 2, 3)), target.std(dim=(0, 2, 3)))
    plain, weighted, gram = Lesson(6, of).train()(own, target)
    assert max(map(float, (plain, weighted, gram))) < 1e-4


def test_a_lesson_that_is_not_trained_leaves_its_head_alone(maps, measured):
    own, target = maps
    lesson = Lesson(6, measured).train()
    lesson(own, target)
    head = lesson.head.clone()
    lesson.eval()(own * 2, target)
    assert torch.equal(lesson.head, head)


def test_the_gradient_reaches_the_student(maps, measured):
    own, target = maps
    own = own.clone().requires_grad_()
    lesson = Lesson(6, measured).train()
    lesson(own.detach(), target)
    before = lesson.eval()(own, target)[1]
    before.backward()
    after = lesson(own.detach() - 5 * own.grad, target)[1]
    assert float(after.detach()) < float(before.detach())


def test_larger_maps_are_cut_to_their_middle():
    maps = torch.arange(49.0).view(1, 1, 7, 7)
    assert torch.equal(centred(maps, 5, 5), maps[..., 1:6, 1:6])
    assert torch.equal(centred(maps, 4, 7), maps[..., 2:6, :])


def test_statistics_are_those_of_the_channels(teacher):
    batches = [torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(s)) for s in (1, 2)]
    measured = statistics(teacher, batches)
    assert set(measured) == set(teacher.layers)
    features = torch.cat([teacher.look(images)["fire4"] for images in batches])
    torch.testing.assert_close(measured["fire4"].mean, features.mean(dim=(0, 2, 3)))
    deviation = features.std(dim=(0, 2, 3), correction=0)
    loud = deviation > 0.1 * deviation.median()
    torch.testing.assert_close(measured["fire4"].std[loud], deviation[loud], rtol=1e-3, atol=1e-4)
    assert float(measured["fire4"].std.min()) > 0


def test_every_lesson_of_every_teacher_counts(teacher):
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    measured = {teacher.name: statistics(teacher, [images])}
    lessons = Distillation(lambda name: 5, [teacher], measured).train()
    sizes = {"1": 64, "2": 32, "3": 16, "4": 8, "5": 4}
    features = {
        own: torch.rand(2, 5, *2 * (sizes[own.removeprefix("relu")[0]],)) for own in teacher.lessons
    }
    loss, parts = lessons(images, features)
    assert set(parts) == {f"squeezenet1_0:{layer}" for layer in teacher.layers}
    weighted = [values[1] for values in parts.values()]
    assert float(loss) == pytest.approx(sum(weighted) / len(weighted), rel=1e-5)

"""One frame after the other: what is handed over, and what is not."""

import dataclasses
from itertools import pairwise
from statistics import median

import numpy as np
import pytest
import torch

from framestyle.config import Config
from framestyle.motion import DenseInverseSearch, Motion, carry, still
from framestyle.stages import (
    ClipState,
    DreamStage,
    FrameState,
    FrameStyler,
    Link,
    StyleStage,
    looked_back_to,
)
from framestyle.stages.colours import with_colours_of

CONTENT = (("fire3", 1.0),)
STYLE = (("relu1", 1.0), ("fire2", 1.0), ("fire3", 1.0))
DREAM = (("fire3", 1.0),)
SIZE = (48, 64)
QUICK = {
    "dream": {"steps": 2, "next_steps": 1, "octaves": 2, "carry": 0.9, "step_size": 0.006},
    "style": {
        "scales": 1,
        "first_iterations": 15,
        "iterations": 5,
        "style_weight": 10.0,
        "tv_weight": 0.03,
        "first_step_size": 0.02,
        "step_size": 0.005,
    },
    "motion": {"temporal_weight": 100.0},
}


def tensor(pixels):
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float() / 255


@pytest.fixture(scope="module")
def clip(moving_clip):
    """Six frames of a texture that the camera passes, and their exact motion."""
    frames, motion = moving_clip(6, *SIZE, (2, -1))
    return [tensor(f) for f in frames], motion


@pytest.fixture
def make(random_network, picture):
    def styler(dream=False, style=True, **style_settings):
        config = Config().changed(QUICK).changed({"style": style_settings})
        swirl = picture("swirl", 64, 64)
        return FrameStyler(
            config,
            DreamStage(random_network, config.dream, DREAM) if dream else None,
            StyleStage(random_network, config.style, CONTENT, STYLE, [(1.0, swirl)])
            if style
            else None,
        )

    return styler


def run(styler, frames, motion):
    """Results of a shot, and the state after each."""
    results, states, state = [], [], FrameState()
    for number, frame in enumerate(frames):
        result, state = styler.step(frame, [Link(motion, state)] if number else ())
        results.append(result)
        states.append(state)
    return results, states


def warping_error(last, this, motion):
    """Mean square difference to the last frame carried along, where that is trusted."""
    gap = (carry(last, motion.back) - this).square().mean(dim=1, keepdim=True)
    return float((gap * motion.reliability).sum() / motion.reliability.sum())


def correlation(a, b):
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / (a.norm() * b.norm()))


# --- one frame ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("dream", "style"), [(True, True), (True, False), (False, True)])
def test_a_frame_comes_out_as_it_went_in(make, clip, dream, style):
    (frame, *_), _ = clip
    before = frame.clone()
    result, state = make(dream, style).step(frame)
    assert result.shape == frame.shape
    assert result.dtype == torch.float32
    assert 0 <= result.min() < result.max() <= 1
    assert not result.requires_grad
    assert not torch.equal(result, frame)
    assert torch.equal(frame, before)
    assert (state.dream_delta is not None) == dream
    assert (state.result is not None) == style


def test_with_no_stage_the_frame_is_the_result(make, clip):
    (frame, *_), _ = clip
    result, state = make(dream=False, style=False).step(frame)
    assert torch.equal(result, frame)
    assert state == FrameState()


def test_the_style_paints_the_dream(make, clip):
    (frame, *_), _ = clip
    styler = make(dream=True)
    result, state = styler.step(frame)
    dreamed, _ = make(dream=True, style=False).step(frame)
    torch.testing.assert_close(frame + state.dream_delta, dreamed)
    painted, _ = make().step(dreamed)
    assert torch.equal(result, painted)


def test_it_tells_stage_and_steps(make, clip):
    (first, second, *_), motion = clip
    told = []

    def on_step(stage, iteration, planned, terms):
        told.append((stage, iteration, planned))

    styler = make(dream=True, style=True)
    _, state = styler.step(first, (), on_step)
    assert told == [("dream", n, 4) for n in range(1, 5)] + [("style", n, 15) for n in range(1, 16)]
    told.clear()
    styler.step(second, [Link(motion, state)], on_step)
    assert told == [("dream", n, 2) for n in (1, 2)] + [("style", n, 5) for n in range(1, 6)]


# --- shots ----------------------------------------------------------------------------------------


def test_nothing_crosses_into_a_shot(make, clip):
    """What a styler made before leaves no trace; within a shot the past does matter."""
    (first, second, *_), motion = clip
    styler = make(dream=True)
    _, old = styler.step(first)
    after_another, state = styler.step(second)
    alone, state_alone = make(dream=True).step(second)
    assert torch.equal(after_another, alone)
    assert torch.equal(state.dream_delta, state_alone.dream_delta)
    assert torch.equal(state.result, state_alone.result)
    assert not torch.equal(styler.step(second, [Link(motion, old)])[0], alone)


def test_a_run_that_goes_on_from_a_saved_state_gives_the_same_bits(make, clip, tmp_path):
    frames, motion = clip
    results, states = run(make(dream=True), frames[:4], motion)
    ClipState({1: states[1]}).save(tmp_path / "state", 1)
    loaded, number, _ = ClipState.load(tmp_path / "state", "cpu")
    state = loaded.frames[1]
    styler = make(dream=True)
    for n in range(number + 1, 4):
        result, state = styler.step(frames[n], [Link(motion, state)])
        assert torch.equal(result, results[n]), n


def test_a_run_repeats_bit_for_bit(make, clip):
    frames, motion = clip
    first, again = (run(make(dream=True), frames[:3], motion)[0] for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))


# --- the start ------------------------------------------------------------------------------------


def changed(styler, init_picture=None, **groups):
    """The same networks with other settings."""
    return FrameStyler(styler.config.changed(groups), styler.dream, styler.style, init_picture)


def first_start(make, frame, init_picture=None, seed=0, **style):
    """With no iterations the start itself is the result."""
    styler = changed(
        make(), init_picture, style={"first_iterations": 0, **style}, compute={"seed": seed}
    )
    return styler.step(frame)[0]


def test_a_shot_starts_from_content_noise_or_a_picture(make, clip, picture):
    (frame, *_), _ = clip
    assert torch.equal(first_start(make, frame), frame)
    noise, again = (first_start(make, frame, init="noise") for _ in range(2))
    assert torch.equal(noise, again)
    assert 0.05 < noise.std() < 0.2
    assert abs(correlation(noise, frame)) < 0.1
    assert not torch.equal(noise, first_start(make, frame, init="noise", seed=5))
    mosaic = picture("mosaic", 30, 50)
    started = first_start(make, frame, mosaic, init="mosaic.jpg")
    assert started.shape == frame.shape
    assert correlation(started, picture("mosaic", *SIZE)) > 0.8


def test_a_shot_can_be_painted_from_noise(make, clip):
    (frame, *_), _ = clip
    told = []

    def on_step(stage, iteration, planned, terms):
        told.append(float(terms["content"]))

    styler = make(init="noise", style_weight=0.0, tv_weight=0.0)
    styler.step(frame, (), on_step)
    assert told[-1] < 0.5 * told[0]


def test_a_first_frame_goes_from_coarse_to_fine(make, clip):
    (frame, *_), _ = clip
    told = []
    styler = make(scales=2, coarsest=1)
    styler.step(frame, (), lambda stage, n, planned, _: told.append((n, planned)))
    assert told == [(n, 30) for n in range(1, 31)]


def later_start(make, clip, **groups):
    """The result of a second frame with no iterations, and the first result."""
    (first, second, *_), motion = clip
    styler = make()
    result, state = styler.step(first)
    changes = {"style": {"iterations": 0}, **groups}
    return changed(styler, **changes).step(second, [Link(motion, state)])[0], result


def test_a_later_frame_starts_from_the_last_result_carried_along(make, clip):
    _, motion = clip
    start, last = later_start(make, clip)
    trusted = motion.reliability.expand_as(start) > 0
    torch.testing.assert_close(start[trusted], carry(last, motion.back).clamp(0, 1)[trusted])
    # by whole pixels: really moved, not only passed through the same function
    moved = last[..., : SIZE[0] - 1, 2:]
    torch.testing.assert_close(start[..., 3:-3, 3:-6], moved[..., 2:-3, 3:-4], atol=1e-3, rtol=0)


def test_what_comes_into_view_starts_from_the_content(make, clip):
    (_, second, *_), motion = clip
    start, _ = later_start(make, clip)
    hidden = motion.reliability.expand_as(start) == 0
    assert hidden.any()
    assert torch.equal(start[hidden], second[hidden])


def test_or_it_starts_from_the_last_result_in_place_or_from_the_content(make, clip):
    (_, second, *_), _ = clip
    start, last = later_start(make, clip, motion={"warm_start": "previous"})
    assert torch.equal(start, last)
    groups = {"motion": {"warm_start": "none"}, "style": {"first_iterations": 0}}
    start, _ = later_start(make, clip, **groups)
    assert torch.equal(start, second)


# --- over a clip ----------------------------------------------------------------------------------

LOOSE = {"style_weight": 20.0, "first_step_size": 0.03, "step_size": 0.02}


def make_with(make, motion):
    return changed(make(), motion=motion, style=LOOSE)


def steadiness(styler, clip, motion=None):
    frames, true = clip
    results, _ = run(styler, frames[:4], motion or true)
    errors = [warping_error(a, b, true) for a, b in pairwise(results)]
    return sum(errors) / len(errors)


def test_the_warm_start_and_the_temporal_term_make_it_steadier(make, clip):
    alone = {"warm_start": "none", "temporal": False}
    frame_by_frame = steadiness(make_with(make, alone), clip)
    warped = steadiness(make_with(make, {"temporal": False}), clip)
    held = steadiness(make_with(make, {}), clip)
    only_held = steadiness(make_with(make, {"warm_start": "none"}), clip)
    assert warped < 0.5 * frame_by_frame
    assert held < 0.9 * warped
    assert only_held < 0.5 * frame_by_frame


def test_it_is_steady_with_the_flow_that_is_found_too(make, moving_clip):
    frames, true = moving_clip(3, *SIZE, (2, -1))
    search = DenseInverseSearch()
    errors = {}
    for name, changes in (("found", {}), ("none", {"warm_start": "none", "temporal": False})):
        styler, state, results = make_with(make, changes), FrameState(), []
        for number, frame in enumerate(frames):
            links = []
            if number:
                links = [Link(search.between(frames[number - 1], frame), state)]
            result, state = styler.step(tensor(frame), links)
            results.append(result)
        errors[name] = warping_error(results[1], results[2], true)
    assert errors["found"] < 0.4 * errors["none"]


def test_a_still_clip_stays_still(make, clip):
    (frame, *_), _ = clip
    results, _ = run(make(), [frame] * 4, still(*SIZE))
    assert (results[1] - results[0]).abs().mean() < 0.02
    assert (results[3] - results[2]).abs().mean() < 0.02
    assert (results[0] - frame).abs().mean() > 3 * (results[1] - results[0]).abs().mean()


def test_where_the_flow_is_not_trusted_nothing_is_held(make, clip):
    (first, second, *_), _ = clip
    blind = Motion(torch.zeros(1, 2, *SIZE), *2 * (torch.zeros(1, 1, *SIZE),))
    styler = make()
    _, state = styler.step(first)
    other = dataclasses.replace(state, result=1 - state.result)
    of_one, of_other = (styler.step(second, [Link(blind, one)])[0] for one in (state, other))
    assert torch.equal(of_one, of_other)


def test_what_comes_into_view_is_painted_with_the_larger_step(make, clip):
    (first, *_), _ = clip
    second = (first - 10 / 255).clamp(0, 1)  # changed, and yet the same thing
    styler = make(averaging=0.0, levels=1)
    _, state = styler.step(first)
    trusted = torch.ones(1, 1, *SIZE)
    trusted[..., :32] = 0
    motion, steps = Motion(torch.zeros(1, 2, *SIZE), trusted, trusted), []
    styler = changed(styler, style={"iterations": 1}, motion={"temporal": False})
    start = changed(styler, style={"iterations": 0}).step(second, [Link(motion, state)])[0]
    result, _ = styler.step(second, [Link(motion, state)])
    inside = (start > 0.05) & (start < 0.95)
    for half in (slice(0, 32), slice(32, 64)):
        change = (result - start)[..., half][inside[..., half]]
        steps.append(float(change.abs().median()))
    # the first step of Adam is its step size
    assert steps == pytest.approx([0.02, 0.005], rel=0.01)


def test_what_has_not_changed_is_left_alone(make, clip):
    """Half of the frame gets lighter, and the other half keeps its pixels."""
    (first, *_), _ = clip
    styler = make(dream=True)
    result, state = styler.step(first)
    lighter = first.clone()
    lighter[..., :32] = (lighter[..., :32] + 12 / 255).clamp(0, 1)
    calls, unmoved = [], still(*SIZE)
    after, state = styler.step(lighter, [Link(unmoved, state)], lambda *call: calls.append(call))
    torch.testing.assert_close(after[..., 40:], result[..., 40:], atol=1e-6, rtol=0)
    assert float((after - result)[..., :24].abs().mean()) > 0.002
    assert calls
    # and nothing at all is done for a frame in which nothing changed
    calls.clear()
    for _ in range(400):  # what was changed gets finished first
        before, (after, state) = after, styler.step(lighter, [Link(unmoved, state)])
        if torch.equal(before, after):
            break
    again, _ = styler.step(lighter, [Link(unmoved, state)], lambda *call: calls.append(call))
    assert torch.equal(again, after)
    assert not calls


# --- the dream over a clip ------------------------------------------------------------------------


def test_the_dream_moves_with_what_it_is_dreamed_on(make, clip):
    frames, motion = clip
    styler = make(dream=True, style=False)
    _, states = run(styler, frames[:3], motion)
    for last, this in pairwise(states):
        inside = motion.reliability.expand_as(this.dream_delta) > 0
        with_flow = carry(last.dream_delta, motion.back)
        without = last.dream_delta
        along = correlation(with_flow[inside], this.dream_delta[inside])
        assert along > 0.6
        assert along > correlation(without[inside], this.dream_delta[inside]) + 0.2


def test_the_dream_of_what_comes_into_view_begins_anew(make, clip):
    """Where nothing is trusted, the dream starts from the frame itself."""
    (first, second, *_), _ = clip
    blind = Motion(torch.zeros(1, 2, *SIZE), *2 * (torch.zeros(1, 1, *SIZE),))
    styler = make(dream=True, style=False)
    _, state = styler.step(first)
    result, _ = styler.step(second, [Link(blind, state)])
    fresh = styler.dream.run(second, styler.config.dream.next_steps)
    assert torch.equal(result, fresh)


def test_with_a_carry_of_0_the_last_dream_is_forgotten(make, clip):
    (first, second, *_), motion = clip
    styler = make(dream=True, style=False)
    styler = changed(styler, dream={"carry": 0.0})
    _, state = styler.step(first)
    result, _ = styler.step(second, [Link(motion, state)])
    assert torch.equal(result, styler.dream.run(second, styler.config.dream.next_steps))


def test_the_dream_does_not_grow_without_bound(make, clip):
    (frame, *_), _ = clip
    _, states = run(make(dream=True, style=False), [frame] * 12, still(*SIZE))
    sizes = [float(state.dream_delta.abs().mean()) for state in states]
    assert max(sizes) < 0.3
    late, early = sizes[-1] - sizes[-3], sizes[2] - sizes[0]
    assert abs(late) < 0.5 * abs(early) + 0.002
    assert sizes[-1] > 0.5 * sizes[0]


# --- colours --------------------------------------------------------------------------------------


def chroma(image):
    """Differences of the channels, which brightness does not change."""
    return image[:, 1:] - image[:, :-1]


def test_the_frames_own_colours_are_kept(make, clip):
    (frame, *_), _ = clip
    plain, kept = make(), changed(make(), style={"original_colours": True})
    painted, state = plain.step(frame)
    result, state_kept = kept.step(frame)
    unclamped = ((result > 0) & (result < 1)).all(dim=1, keepdim=True).expand(1, 2, *SIZE)
    torch.testing.assert_close(
        chroma(result)[unclamped], chroma(frame)[unclamped], atol=1e-5, rtol=0
    )
    assert (chroma(painted) - chroma(frame)).abs().mean() > 0.02
    # what goes on to the next frame is the painting itself
    assert torch.equal(state.result, painted)
    assert torch.equal(state_kept.result, painted)


def test_brightness_is_the_results():
    source, result = (0.3 + 0.4 * torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(s))
                      for s in (0, 1))  # fmt: skip
    luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    mixed = with_colours_of(source, result)
    unclamped = ((mixed > 0) & (mixed < 1)).all(dim=1, keepdim=True)
    assert unclamped.float().mean() > 0.5
    brightness = [(x * luma).sum(dim=1, keepdim=True)[unclamped] for x in (mixed, result)]
    torch.testing.assert_close(*brightness, atol=1e-5, rtol=0)
    assert mixed.min() >= 0
    assert mixed.max() <= 1
    torch.testing.assert_close(with_colours_of(source, source), source)


def test_what_came_into_view_catches_up_with_its_surroundings(make, clip):
    """A new place has the larger step until it has had a first frame's iterations, 15, by fives."""
    (first, *_), _ = clip
    new = torch.ones(1, 1, *SIZE)
    new[..., :20] = 0.0
    everywhere = torch.ones(1, 1, *SIZE)
    still = torch.zeros(1, 2, *SIZE)
    styler = make()
    _, state = styler.step(first)
    assert torch.equal(state.settled, everywhere)
    shares, second = [], first.clone()
    second[..., :20] = 1 - first[..., :20].round()  # another thing altogether
    for seen in (new, everywhere, everywhere, everywhere):
        _, state = styler.step(second, [Link(Motion(still, everywhere, seen), state)])
        assert state.settled[..., 24:].min() > 0.999
        shares.append(float(state.settled[..., :20].mean()))
    assert shares == pytest.approx([1 / 3, 2 / 3, 1, 1], abs=1e-3)


def test_with_no_warm_start_every_frame_is_made_as_the_first_is(make, clip):
    (first, *_), motion = clip
    alone = {"motion": {"warm_start": "none", "temporal": False}}
    styler = changed(make(scales=2, scale_factor=1.3), None, **alone)
    _, state = styler.step(first)
    result, after = styler.step(first, [Link(motion, state)])
    assert torch.equal(result, state.result)
    assert torch.equal(after.settled, torch.ones(1, 1, *SIZE))


# --- what was hidden ------------------------------------------------------------------------------


@pytest.fixture
def passing(picture, texture):
    """A plate, 24 pixels wide, passes over a still picture by 8 pixels a frame.

    Returns frames and ``motion(earlier, this)``, which is exact.
    """
    background = (picture("frame", *SIZE)[0].permute(1, 2, 0).numpy() * 255).round()
    plate, columns = texture(48, 24, 9), torch.arange(SIZE[1])

    def covered(number):
        return (columns >= 8 * number - 24) & (columns < 8 * number)

    def motion(earlier, this):
        over = covered(this)
        from_px = columns - 8 * (this - earlier)
        back = torch.zeros(1, 2, *SIZE)
        back[0, 0, :, over] = -8.0 * (this - earlier)
        seen = torch.where(over, from_px >= 0, ~covered(earlier)).float()
        seen = seen.view(1, 1, 1, -1).expand(1, 1, *SIZE)
        return Motion(back, seen, seen)

    frames = []
    for number in range(12):
        frame = background.astype(np.uint8)
        over = covered(number).numpy()
        frame[:, over] = plate[:, np.arange(SIZE[1])[over] - (8 * number - 24)]
        frames.append(tensor(frame))
    return frames, motion


def long_run(styler, frames, motion, reach):
    """Results of a shot, each frame looking back as a run of it does."""
    results, state = [], ClipState()
    for number, frame in enumerate(frames):
        back = looked_back_to(number, 0, reach)
        links = [Link(motion(i, number), state.frames[i]) for i in back]
        result, left = styler.step(frame, links)
        state = state.after(number, left, range(number + 1 - reach, number))
        results.append(result)
    return results


def test_what_comes_back_looks_as_it_did(make, passing):
    """The plate hides each place for three frames; four frames back it was seen."""
    frames, motion = passing
    middle = (..., slice(16, 40))
    assert torch.equal(frames[0][middle], frames[11][middle])
    assert not torch.equal(frames[0][middle], frames[4][middle])
    gaps = {}
    for reach in (1, 2, 4):
        results = long_run(make(), frames, motion, reach)
        gaps[reach] = float((results[0][middle] - results[11][middle]).abs().mean())
    assert gaps[1] > 10 / 255
    assert gaps[2] > 10 / 255
    assert gaps[4] < 2 / 255


def test_also_along_a_flow_that_is_searched(make, picture, texture):
    """A plate lies over a still picture for three frames, and is taken away."""
    picture = picture("frame", *SIZE)
    hidden = picture.clone()
    hidden[..., 12:36, 20:44] = tensor(texture(24, 24, 9))
    frames = [hidden if number in (2, 3, 4) else picture for number in range(6)]
    pixels = [(f[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8) for f in frames]
    search, place, gaps = DenseInverseSearch(), (..., slice(14, 34), slice(22, 42)), {}
    for reach in (1, 4):
        results = long_run(
            make(), frames, lambda i, n: search.between(pixels[i], pixels[n], (i, n)), reach
        )
        gaps[reach] = float((results[1][place] - results[5][place]).abs().mean())
    assert gaps[1] > 10 / 255
    assert gaps[4] < 2 / 255


# --- settings of what is kept ---------------------------------------------------------------------


@pytest.mark.parametrize("selective", [True, False])
def test_without_selection_all_of_every_frame_is_repainted(make, clip, selective):
    (frame, *_), _ = clip
    styler, calls = changed(make(), motion={"selective": selective}), []
    first, state = styler.step(frame)
    links = [Link(still(*SIZE), state)]
    result, after = styler.step(frame, links, lambda *call: calls.append(call))
    moved = float(((result - first).abs().amax(dim=1) > 0).float().mean())
    assert (moved == 0) if selective else (moved > 0.9)
    assert len(calls) == (0 if selective else 5)
    assert torch.equal(after.painted_for, frame)


@pytest.mark.parametrize("blend", [0.0, 0.3, 1.0])
def test_the_start_of_a_later_frame_is_blended_with_its_content(make, clip, blend):
    (_, second, *_), _ = clip
    plain, _ = later_start(make, clip)
    start, _ = later_start(make, clip, motion={"blend": blend})
    torch.testing.assert_close(start, (1 - blend) * plain + blend * second)


# --- a later pass ---------------------------------------------------------------------------------


def made_before(make, frame, seed):
    """What an earlier pass might have made of a frame."""
    noise = torch.rand(frame.shape, generator=torch.Generator().manual_seed(seed))
    ones = torch.ones(1, 1, *SIZE)
    return FrameState(None, 0.2 + 0.6 * noise, ones, frame)


def test_a_later_pass_starts_half_from_its_own_and_half_from_its_neighbour(make, clip):
    """Where nothing is known of the neighbour there is nothing to mix; nor at a shot's end."""
    (frame, *_), _ = clip
    own, neighbour = made_before(make, frame, 1), made_before(make, frame, 2)
    seen = torch.ones(1, 1, *SIZE)
    seen[..., :16] = 0
    styler = changed(make(), style={"iterations": 0}, motion={"selective": False})
    link = Link(Motion(torch.zeros(1, 2, *SIZE), seen, seen), neighbour)
    result, state = styler.step(frame, [link], own=own)
    torch.testing.assert_close(
        result[..., 16:], 0.5 * (own.result + neighbour.result)[..., 16:], atol=1e-6, rtol=0
    )
    assert torch.equal(result[..., :16], own.result[..., :16])
    assert torch.equal(state.settled, own.settled)
    alone, same = styler.step(frame, (), own=own)
    assert torch.equal(alone, own.result)
    assert torch.equal(same.result, own.result)


def test_it_leaves_agreement_alone(make, clip):
    (frame, *_), _ = clip
    styler = make()
    result, own = styler.step(frame)
    calls = []
    again, state = styler.step(
        frame, [Link(still(*SIZE), own)], lambda *call: calls.append(call), own=own
    )
    assert torch.equal(again, result)
    assert torch.equal(state.result, result)
    assert not calls


def test_it_paints_where_they_disagree(make, clip):
    (frame, *_), _ = clip
    styler = make(averaging=0.0)
    _, own = styler.step(frame)
    other = own.result.clone()
    other[..., :24] = (other[..., :24] + 0.3).clamp(max=1)
    neighbour = dataclasses.replace(own, result=other)
    calls = []
    result, _ = styler.step(
        frame, [Link(still(*SIZE), neighbour)], lambda *call: calls.append(call), own=own
    )
    assert [(call[1], call[2]) for call in calls] == [(n, 5) for n in range(1, 6)]
    halves = 0.5 * (own.result + other)
    torch.testing.assert_close(result[..., 24:], own.result[..., 24:], atol=1e-6, rtol=0)
    assert float((result - halves)[..., :20].abs().mean()) > 0.001


def test_a_later_pass_leaves_a_dream_as_it_is(make, clip):
    (frame, second, *_), motion = clip
    styler = make(dream=True, style=False)
    _, before = styler.step(frame)
    result, own = styler.step(second, [Link(motion, before)])
    again, state = styler.step(second, [Link(motion, before)], own=own)
    torch.testing.assert_close(again, result, atol=1e-6, rtol=0)
    assert state is own


# --- when a frame has settled ---------------------------------------------------------------------


def iterations_of(styler, frame, links):
    calls = []
    styler.step(frame, links, lambda *call: calls.append(call))
    return len(calls)


def test_a_frame_that_hardly_changes_is_done_early_and_another_is_not(make, clip):
    (frame, *_), _ = clip
    styler = make(first_iterations=200, iterations=60)
    _, state = styler.step(frame)
    links = [Link(still(*SIZE), state)]
    # how many one of them takes hangs on rounding, from 10 to 35
    lighter = [(frame + levels / 255).clamp(0, 1) for levels in (3, 4, 5, 6, 7)]
    frames = [frame, *lighter, frame.flip(2)]
    made = {}
    for name, change in (("never", 0.0), ("default", 0.01)):
        chosen = changed(styler, style={"settle_change": change})
        made[name] = [iterations_of(chosen, each, links) for each in frames]
    assert made["never"] == [0, 60, 60, 60, 60, 60, 60]
    same, *early, other = made["default"]
    assert same == 0
    assert median(early) < 30
    assert other > 2 * median(early)


def test_a_frame_is_looked_at_every_five_iterations(make, clip):
    """However little its loss falls, it takes the first of them to see by how much."""
    (frame, *_), _ = clip
    styler = changed(make(), style={"iterations": 60, "settle_change": 1.0})
    _, state = styler.step(frame)
    assert iterations_of(styler, (frame + 5 / 255).clamp(0, 1), [Link(still(*SIZE), state)]) == 5


def test_a_plateau_that_the_settings_name_holds_for_later_frames_too(make, clip):
    (frame, *_), _ = clip
    styler = make(iterations=60, stop_change=1.0, stop_window=3)
    _, state = styler.step(frame)
    assert iterations_of(styler, frame.flip(2), [Link(still(*SIZE), state)]) == 3


def test_a_later_pass_knows_what_was_painted_for_another_light(make, clip):
    """A place that it leaves alone was made for what the earlier pass says, not for this frame."""
    (frame, *_), _ = clip
    styler = make()
    _, own = styler.step(frame)
    lighter = (frame + 1 / 255).clamp(max=1)
    _, state = styler.step(lighter, [Link(still(*SIZE), own)], own=own)
    torch.testing.assert_close(state.painted_for, own.painted_for)
    assert not torch.equal(state.painted_for, lighter)

"""Going over a stretch several times: which leg comes when, what it makes, and going on in it."""

from contextlib import contextmanager, suppress
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch

from framestyle.errors import UnfinishedJobError
from framestyle.jobs.passes import Done, KeptFrames, Leg, Work, counted, legs, remaining, written
from framestyle.jobs.places import folder_beside
from framestyle.jobs.run import run
from framestyle.jobs.shots import Cutting, Stretch
from framestyle.motion import Shot
from framestyle.progress import FrameDone, RunStarted
from framestyle.stages import FrameState, FrameStyler

# --- which leg comes when ------------------------------------------------------------------------

ONE, TWO = Stretch(0, 3), Stretch(3, 5)
CUTTING = Cutting([Shot(0, 1), Shot(1, 3, 1), Shot(3, 5)])  # stretches of 3 and of 2 frames


def test_one_pass_is_one_leg_over_all_cuts():
    assert legs(CUTTING, 1) == [Leg(Stretch(0, 5))]
    (leg,) = legs(CUTTING, 1)
    assert (leg.number, leg.is_backward, leg.is_last) == (0, False, True)
    assert leg.work is Work.OPTIMISE


def test_an_even_number_of_passes_is_put_in_order_at_the_end():
    assert legs(CUTTING, 2) == [
        leg
        for stretch in (ONE, TWO)
        for leg in (
            Leg(stretch, 0, is_backward=False, is_last=False),
            Leg(stretch, 1, is_backward=True, is_last=False),
            Leg(stretch, 2, is_backward=False, is_last=True, work=Work.ORDER),
        )
    ]


def test_an_odd_number_ends_with_its_time():
    assert legs(CUTTING, 3) == [
        leg
        for stretch in (ONE, TWO)
        for leg in (
            Leg(stretch, 0, is_backward=False, is_last=False),
            Leg(stretch, 1, is_backward=True, is_last=False),
            Leg(stretch, 2, is_backward=False, is_last=True),
        )
    ]


@pytest.mark.parametrize("passes", range(1, 8))
def test_every_frame_is_made_once_a_pass_and_written_once_in_order(passes):
    all_legs = legs(CUTTING, passes)
    made, shown = [0] * 5, []
    for leg in all_legs:
        index = leg.position_after(None)
        while index is not None:
            made[index] += leg.work is Work.OPTIMISE
            if leg.is_last:
                shown.append(index)
            index = leg.position_after(index)
    assert made == [passes] * 5
    assert shown == [0, 1, 2, 3, 4]


def test_positions_of_a_leg():
    forth, back = Leg(Stretch(3, 6)), Leg(Stretch(3, 6), 1, is_backward=True)
    assert [forth.position_after(i) for i in (None, 3, 4, 5)] == [3, 4, 5, None]
    assert [back.position_after(i) for i in (None, 5, 4, 3)] == [5, 4, 3, None]
    single = Leg(Stretch(3, 4), 1, is_backward=True)
    assert [single.position_after(i) for i in (None, 3)] == [3, None]


ORDER = {
    1: [(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)],
    2: [
        *[(0, 0), (1, 0), (2, 0), (2, 1), (1, 1), (0, 1), (0, 2), (1, 2), (2, 2)],
        *[(3, 0), (4, 0), (4, 1), (3, 1), (3, 2), (4, 2)],
    ],
    3: [
        *[(0, 0), (1, 0), (2, 0), (2, 1), (1, 1), (0, 1), (0, 2), (1, 2), (2, 2)],
        *[(3, 0), (4, 0), (4, 1), (3, 1), (3, 2), (4, 2)],
    ],
}
"""What is done in turn: frame and leg."""


def order_left(passes, done):
    """Frame and leg of all that is left, one after the other."""
    order = []
    for leg, begin in remaining(legs(CUTTING, passes), done):
        index = begin
        while index is not None:
            order.append((index, leg.number))
            index = leg.position_after(index)
    return order


@pytest.mark.parametrize("passes", ORDER)
def test_what_remains_after_every_frame(passes):
    order = ORDER[passes]
    assert order_left(passes, None) == order
    for position, (frame, leg) in enumerate(order):
        assert order_left(passes, Done(frame, leg)) == order[position + 1 :]


@pytest.mark.parametrize(
    ("passes", "expected"),
    [
        (1, [1, 2, 3, 4, 5]),
        (2, [0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 4, 5]),
        (3, [0, 0, 0, 0, 0, 0, 1, 2, 3, 3, 3, 3, 3, 4, 5]),
    ],
)
def test_how_many_frames_stand_after_every_frame(passes, expected):
    assert written(legs(CUTTING, passes), None) == 0
    assert [written(legs(CUTTING, passes), Done(*at)) for at in ORDER[passes]] == expected


@pytest.mark.parametrize(
    ("passes", "expected"),
    [
        (1, [1, 2, 3, 4, 5]),
        (2, [1, 2, 3, 4, 5, 6, 6, 6, 6, 7, 8, 9, 10, 10, 10]),  # putting in order is no work
        (3, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
    ],
)
def test_what_is_counted_after_every_frame(passes, expected):
    assert counted(legs(CUTTING, passes), None) == (5 * passes, 0)
    found = [counted(legs(CUTTING, passes), Done(*at)) for at in ORDER[passes]]
    assert found == [(5 * passes, done) for done in expected]


# --- what is kept between legs -------------------------------------------------------------------


def test_a_kept_frame_is_what_was_made_to_a_tenth_of_a_level(tmp_path):
    kept, drawn = KeptFrames(tmp_path / "passes"), torch.Generator().manual_seed(1)
    result, delta = (torch.rand(1, 3, 6, 8, generator=drawn) for _ in range(2))
    kept.write(4, 1, FrameState(dream_delta=delta - 0.5, result=result))
    again = kept.read(4, 1, torch.device("cpu"))
    assert again.settled is again.painted_for is None
    for one, other in ((again.result, result), (again.dream_delta, delta - 0.5)):
        assert one.dtype == torch.float32
        assert 0 < float((one - other).abs().max()) < 0.1 / 255
        assert torch.equal(one, other.half().float())


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "of another"])
def test_a_kept_frame_that_is_damaged_is_told(damage, tmp_path):
    kept = KeptFrames(tmp_path)
    kept.write(4, 1, FrameState(result=torch.rand(1, 3, 6, 8)))
    (path,) = tmp_path.iterdir()
    content = {
        "empty": b"",
        "cut": path.read_bytes()[:-9],
        "of another": path.read_bytes().replace(b"result", b"resalt"),
    }
    path.unlink() if damage == "missing" else path.write_bytes(content[damage])
    with pytest.raises(UnfinishedJobError, match=r"4\.1\..*missing or damaged.*--restart"):
        kept.read(4, 1, torch.device("cpu"))


@pytest.mark.parametrize("other", [(5, 1), (4, 0)])
def test_a_kept_frame_under_the_name_of_another_is_told(other, tmp_path):
    kept, state = KeptFrames(tmp_path), FrameState(result=torch.rand(1, 3, 6, 8))
    kept.write(4, 1, state)
    (path,) = tmp_path.iterdir()
    kept.write(*other, state)
    named = "{}.{}.safetensors".format(*other)
    path.replace(tmp_path / named)
    with pytest.raises(UnfinishedJobError, match=rf"{named}.*another frame"):
        kept.read(*other, torch.device("cpu"))


# --- runs ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cut_folder(tmp_path_factory, moving_clip, save_picture):
    """Frames 0-2 of one scene, and 3-4 of another."""
    folder = tmp_path_factory.mktemp("cut")
    frames = [*moving_clip(3, 48, 64, (2, 1), 1)[0], *moving_clip(2, 48, 64, (-1, 2), 40)[0]]
    for i, pixels in enumerate(frames):
        save_picture(folder / f"{i}.png", pixels)
    return folder


@pytest.fixture
def go(cut_folder, style_file, quick):
    """Returns ``go(output, passes, hear, ...)``: a run, of the folder with the cut or another."""

    def start(output, passes, hear=lambda event: None, source=None, painted=True, **changes):
        config = quick.changed({"motion": {"passes": passes}}).changed(changes)
        if not painted:
            config = config.changed({"style": {"enabled": False}})
        styles = [(style_file, 1.0)] if painted else []
        return run(source or cut_folder, styles, output, config, hear)

    return start


def frames_of(folder):
    names = sorted(folder.iterdir(), key=lambda path: int(path.stem))
    return [cv2.imread(str(path)).astype(float) for path in names]


class StopError(Exception):
    """Breaks a run off while a frame is made, in whatever leg that is."""


@pytest.fixture
def stopping(monkeypatch):
    """Returns ``stopping(n)``: a context in which the n-th frame, from 0, breaks the run off."""
    shown = FrameStyler.shown

    @contextmanager
    def at(number):
        left = [number]

        def stop(styler, source, state):
            if left[0] == 0:
                raise StopError
            left[0] -= 1
            return shown(styler, source, state)

        with monkeypatch.context() as patch:
            patch.setattr(FrameStyler, "shown", stop)
            yield

    return at


@pytest.fixture(scope="module")
def whole(cut_folder, style_file, quick, contents, tmp_path_factory):
    """Returns ``whole(passes, style)``: the files of a run that nothing disturbs."""
    made = {}

    def result(passes, style=True):
        if (passes, style) not in made:
            config = quick.changed({"motion": {"passes": passes}, "style": {"enabled": style}})
            out = tmp_path_factory.mktemp("whole") / "out"
            run(cut_folder, [(style_file, 1.0)] if style else [], out, config)
            made[passes, style] = contents(out)
        return made[passes, style]

    return result


@pytest.mark.parametrize("passes", [1, 2, 3, 4])
def test_frames_come_out_in_number_and_order(passes, go, cut_folder, tmp_path):
    heard = []
    out = go(tmp_path / "out", passes, heard.append)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}
    made, source = frames_of(out), frames_of(cut_folder)
    assert len(made) == 5
    for index, frame in enumerate(made):  # each is nearest to its own source
        gaps = [float(np.abs(frame - other).mean()) for other in source]
        assert gaps.index(min(gaps)) == index
    assert next(event for event in heard if isinstance(event, RunStarted)) == RunStarted(
        5 * passes, 0
    )
    forth, back = [0, 1, 2], [2, 1, 0]
    over_one = [frame for number in range(passes) for frame in (back if number % 2 else forth)]
    over_two = [frame for number in range(passes) for frame in ((4, 3) if number % 2 else (3, 4))]
    expected = [0, 1, 2, 3, 4] if passes == 1 else [*over_one, *over_two]
    assert [event.frame for event in heard if isinstance(event, FrameDone)] == expected


@pytest.mark.parametrize("passes", [2, 3])
def test_a_stop_anywhere_changes_no_byte(passes, go, stopping, whole, contents, tmp_path):
    """The run is broken off again and again, each time while its second frame is made."""
    output, stops = tmp_path / "out", 0
    order = ORDER[passes]
    while not output.exists():
        started = []
        with stopping(1), suppress(StopError):
            go(output, passes, started.append)
        stops += not output.exists()
        (event,) = (event for event in started if isinstance(event, RunStarted))
        made = [event.frame for event in started if isinstance(event, FrameDone)]
        at = stops if output.exists() else stops - 1
        before = None if at == 0 else Done(*order[at - 1])
        assert (event.frames, event.done) == counted(legs(CUTTING, passes), before)
        assert made in ([], [order[at][0]])
        assert stops < len(order)
    assert stops == len(order) - 1
    assert contents(output) == whole(passes)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


MORE = [pytest.param(*case, marks=pytest.mark.slow) for case in ((2, 5), (2, 8), (3, 4))]


@pytest.mark.parametrize(("passes", "at"), [(2, 2), (2, 13), (3, 10), *MORE])
def test_a_stop_in_each_leg_of_a_video(passes, at, go, stopping, encode, contents, tmp_path,
                                       cut_folder):  # fmt: skip
    pictures = [frame[:, :, ::-1].astype(np.uint8) for frame in frames_of(cut_folder)]
    clip = encode(tmp_path / "clip.mp4", pictures)
    once = go(tmp_path / "once.mkv", passes, source=clip)
    with stopping(at), pytest.raises(StopError):
        go(tmp_path / "out.mkv", passes, source=clip)
    out = go(tmp_path / "out.mkv", passes, source=clip)
    assert contents(out) == contents(once)


def test_a_stop_in_a_dream_changes_no_byte(go, stopping, whole, contents, tmp_path):
    for at in (1, 4, 1):
        with stopping(at), pytest.raises(StopError):
            go(tmp_path / "out", 2, painted=False)
    assert contents(go(tmp_path / "out", 2, painted=False)) == whole(2, False)


def test_a_dream_alone_is_only_put_in_order(go, tmp_path):
    """Nothing is painted, so further passes have nothing to bring nearer."""
    once = frames_of(go(tmp_path / "1", 1, painted=False))
    for passes in (2, 3):
        often = frames_of(go(tmp_path / str(passes), passes, painted=False))
        assert len(often) == 5
        for one, other in zip(once, often, strict=True):
            assert np.abs(one - other).max() <= 1  # kept in half precision


@pytest.mark.parametrize("passes", [2, 3])
def test_nothing_crosses_a_cut(passes, go, contents, whole, tmp_path):
    later = go(tmp_path / "later", passes, input={"start": 3 / 24})
    assert contents(later) == {name: whole(passes)[name] for name in ("3.png", "4.png")}


@pytest.mark.parametrize("passes", [2, 3])
def test_a_still_clip_stays_still_bit_for_bit(passes, go, texture, save_picture, tmp_path):
    for i in range(4):
        save_picture(tmp_path / "in" / f"{i}.png", texture(48, 64, 4))
    first, *others = frames_of(go(tmp_path / "out", passes, source=tmp_path / "in"))
    assert all(np.array_equal(first, frame) for frame in others)
    assert np.abs(first - frames_of(tmp_path / "in")[0]).mean() > 1


@pytest.mark.parametrize("count", [1, 2])
def test_very_short_clips(count, go, cut_folder, save_picture, tmp_path):
    for i, pixels in enumerate(frames_of(cut_folder)[:count]):
        save_picture(tmp_path / "in" / f"{i}.png", pixels[:, :, ::-1].astype(np.uint8))
    for passes in (2, 3):
        out = go(tmp_path / f"out{passes}", passes, source=tmp_path / "in")
        assert len(list(out.iterdir())) == count


def unsteadiness(frames, step):
    """Mean square difference from frame to frame, of a range of 1, where nothing came into view."""
    x, y = step
    pairs = [
        (b[8:-8, 8:-8] - a[8 + y : y - 8, 8 + x : x - 8]) ** 2
        for a, b in pairwise(frame / 255 for frame in frames)
    ]
    return float(np.mean(pairs))


# where most is left alone, one pass over a texture that only moves leaves nothing to bring in line:
# from frame to frame it differs by less than 2.5 of 255 levels, and so it is after more passes
@pytest.mark.parametrize("selective", [True, False])
def test_more_passes_are_steadier(selective, go, moving_clip, save_picture, tmp_path):
    step = (3, 1)
    frames, _ = moving_clip(5, 64, 96, step, seed=3)
    for i, pixels in enumerate(frames):
        save_picture(tmp_path / "in" / f"{i}.png", pixels)
    errors = []
    for passes in (1, 2, 3):
        changes = {
            "dream": {"enabled": False},
            "compute": {"networks": "lite"},
            "style": {"network": "lite", "first_iterations": 30, "iterations": 10},
            "motion": {"passes": passes, "selective": selective},
        }
        out = go(tmp_path / f"out{passes}", passes, source=tmp_path / "in", **changes)
        errors.append(unsteadiness(frames_of(out), step))
    limit = (2.5 / 255) ** 2 if selective else 0.8 * errors[0]
    assert errors[1] < limit
    assert errors[2] < limit


def test_what_was_uncovered_is_in_line_with_what_was_there(go, texture, save_picture, tmp_path):
    """An object uncovers a background, which later frames have worked on; going back tells it."""
    background, thing = texture(64, 96, 3), texture(24, 24, 9)
    for i in range(5):
        frame = background.copy()
        frame[20:44, 10 + 6 * i : 34 + 6 * i] = thing
        save_picture(tmp_path / "in" / f"{i}.png", frame)
    errors = []
    for passes in (1, 2, 3):
        changes = {"dream": {"enabled": False}, "style": {"first_iterations": 20, "iterations": 7}}
        made = frames_of(go(tmp_path / f"{passes}", passes, source=tmp_path / "in", **changes))
        uncovered = [
            (b[20:44, 8 : 8 + 6 * i] - a[20:44, 8 : 8 + 6 * i]) ** 2 / 255**2
            for i, (a, b) in enumerate(pairwise(made))
            if i > 0
        ]
        errors.append(float(np.mean([gap.mean() for gap in uncovered])))
    assert errors[1] < 0.5 * errors[0]
    assert errors[2] < 0.5 * errors[0]


# --- the disk ------------------------------------------------------------------------------------


class Watch:
    """Looks into the job's folder whenever a frame is done, and may break the run off."""

    def __init__(self, output, stop_after=None):
        self.job, self.left, self.seen = folder_beside(output), stop_after, []

    def __call__(self, event):
        if not isinstance(event, FrameDone):
            return
        kept = [path.name.split(".")[:2] for path in (self.job / "passes").glob("*.safetensors")]
        flows = [path.stem.split("_") for path in (self.job / "flow").glob("*.flow")]
        self.seen.append(
            (
                event.frame,
                {(int(index), int(leg)) for index, leg in kept},
                {(int(a), int(b)) for a, b in flows},
            )
        )
        if self.left is not None:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


def check_bounds(seen, order):
    for (frame, kept, flows), (expected, number) in zip(seen, order, strict=True):
        assert frame == expected
        stretch = CUTTING.stretch_of(frame)
        inside = range(stretch.first, stretch.end)
        assert all(index in inside for index, _ in kept), (frame, kept)
        assert {leg for _, leg in kept} <= {number, number - 1}, (frame, kept)
        assert all(a in inside and b in inside for a, b in flows), (frame, flows)


@pytest.mark.parametrize("passes", [2, 3])
def test_the_disk_holds_one_stretch_and_two_legs_of_it(passes, go, tmp_path):
    watch = Watch(tmp_path / "out")
    go(tmp_path / "out", passes, watch)
    made = [(frame, leg) for frame, leg in ORDER[passes] if leg < passes]
    check_bounds(watch.seen, made)
    assert any(flows for _, _, flows in watch.seen)
    assert any(len(kept) > 3 for _, kept, _ in watch.seen)
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


@pytest.mark.parametrize("passes", [2, 3])
@pytest.mark.parametrize("stop", [3, 6, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 9))])
def test_nor_more_after_a_break(passes, stop, go, tmp_path):
    """Also where the run was broken off between the end of a leg and clearing up."""
    made = [(frame, leg) for frame, leg in ORDER[passes] if leg < passes]
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path / "out", passes, Watch(tmp_path / "out", stop))
    watch = Watch(tmp_path / "out")
    go(tmp_path / "out", passes, watch)
    check_bounds(watch.seen, made[stop:])

"""Whole reports, of real files."""

import dataclasses
import importlib.util
import json
import sys
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from framestyle.errors import InputError, ModelError, SettingsError
from framestyle.metrics import MetricsSettings, measure
from framestyle.progress import FrameDone, Notice, RunStarted

SAMPLES = Path(__file__).parents[2] / "samples"
TEMPORAL = (
    "followed_share",
    "warping_error",
    "moving_share",
    "moving_warped_levels",
    "still_share",
    "drift_levels_per_100_frames",
    "drift_deviation_levels",
    "still_flicker_levels",
    "still_flicker_bands",
)


def negative(frames):
    return [255 - frame for frame in frames]


def test_a_clip_against_itself(clip_file, style_file, judged):
    report = measure(clip_file, clip_file, [style_file], judged())
    assert (report.source, report.result) == (str(clip_file), str(clip_file))
    assert report.frames == 5
    assert report.frame_rate_hz == pytest.approx(30000 / 1001)
    assert report.source_size_px == report.result_size_px == report.compared_size_px == (64, 48)
    assert (report.flow, report.network) == ("Farneback", "squeezenet1_0")
    assert (report.pairs, report.cuts) == (4, 0)
    assert report.warping_error == report.warping_error_source > 0
    assert report.moving_unwarped_levels == report.moving_unwarped_levels_source
    assert report.sharpness_squared_levels == report.sharpness_squared_levels_source > 0
    assert report.style_distance == report.style_distance_source > 0
    assert report.content_distance == 0
    assert report.styles == ((str(style_file), 1.0),)


def test_a_folder_against_a_larger_video(moving_clip, folder_of, encode, tmp_path, judged):
    """Noise and a lighter frame each time: every figure of the result is worse."""
    frames, _ = moving_clip(1, 48, 64, (0, 0))
    frames = [frames[0] // 2] * 30
    generator = np.random.default_rng(0)
    made = []
    for t, frame in enumerate(frames):
        noisy = cv2.resize(frame, (128, 96)) + 0.5 * t
        noisy += 8 * generator.standard_normal((96, 128, 1)) + 4
        made.append(np.rint(noisy).clip(0, 255).astype(np.uint8))
    source, result = folder_of("a", frames), encode(tmp_path / "out.mp4", made, rate="12")
    report = measure(source, result, settings=judged())
    assert report.frame_rate_hz == 12
    assert report.result_size_px == (128, 96)
    assert report.still_share == 1
    assert report.drift_levels_per_100_frames == pytest.approx(50, abs=3)
    assert report.drift_deviation_levels < 1
    assert report.still_flicker_levels > 2
    assert [band.high_hz for band in report.still_flicker_bands] == [1, 3, 6]
    assert report.warping_error > 10 * report.warping_error_source
    assert report.style_distance is None
    assert report.content_distance > 0.01


def test_a_picture_against_a_picture(sample_frames, save_picture, tmp_path, judged):
    a = save_picture(tmp_path / "a.png", sample_frames[0])
    b = save_picture(tmp_path / "b.png", cv2.GaussianBlur(sample_frames[0], (0, 0), 2))
    report = measure(a, b, [(a, 2)], judged())
    assert report.frames == 1
    assert (report.pairs, report.cuts, report.frame_rate_hz) == (0, 0, None)
    assert {name: getattr(report, name) for name in TEMPORAL} == dict.fromkeys(TEMPORAL)
    assert report.style_distance > report.style_distance_source
    assert report.style_distance_source == pytest.approx(0, abs=1e-9)
    assert report.content_distance > 0.01
    assert report.sharpness_squared_levels < 0.2 * report.sharpness_squared_levels_source


def test_a_clip_of_one_frame(folder_of, texture, judged):
    folder = folder_of("one", [texture(48, 64)])
    report = measure(folder, folder, settings=judged())
    assert {name: getattr(report, name) for name in TEMPORAL} == dict.fromkeys(TEMPORAL)
    assert report.frame_rate_hz is None


def test_nothing_rests(moving_clip, folder_of, judged):
    frames, _ = moving_clip(12, 48, 64, (2, 1))
    source, result = folder_of("a", frames), folder_of("b", negative(frames))
    report = measure(source, result, settings=judged())
    assert report.still_share < 0.01
    assert report.drift_levels_per_100_frames is None
    assert report.still_flicker_levels is None
    assert report.still_flicker_bands is None
    assert report.warping_error == pytest.approx(report.warping_error_source, rel=0.01)


def test_cuts_are_those_of_the_shots(sample_frames, folder_of, judged):
    """What comes in front of half the picture is no cut; a cut in the dark is one."""
    still = sample_frames[0]
    covered = still.copy()
    covered[:, :160] = np.random.default_rng(0).integers(0, 255, (180, 160, 3), np.uint8)
    swirl = cv2.cvtColor(cv2.imread(str(SAMPLES / "styles/swirl.jpg")), cv2.COLOR_BGR2RGB)
    other = cv2.resize(swirl, (320, 180), interpolation=cv2.INTER_AREA)
    one = folder_of("covered", [still, still, covered, covered])
    assert measure(one, one, settings=judged()).cuts == 0
    dark = [frame // 4 for frame in (still, still, other, other)]
    two = folder_of("dark", dark)
    report = measure(two, two, settings=judged())
    assert (report.pairs, report.cuts) == (2, 1)


def test_black_clips_have_finite_figures(plain, folder_of, judged, save_picture, tmp_path):
    black = folder_of("a", [plain(0)] * 20)
    style = save_picture(tmp_path / "black.png", plain(0))
    report = measure(black, black, [style], judged())
    assert report.still_share == 1
    assert report.still_flicker_levels == 0
    assert all(band.levels in (0, None) for band in report.still_flicker_bands)
    json.dumps(report.as_plain(), allow_nan=False)


def test_strips_are_judged_without_the_network(texture, folder_of, judged):
    strip = folder_of("a", [texture(2, 400)] * 2)
    said = []
    report = measure(strip, strip, settings=judged(), progress=said.append)
    assert report.content_distance is None
    assert any(isinstance(e, Notice) and "too narrow" in e.message for e in said)


def test_what_is_plain(clip_file, style_file, judged):
    report = measure(clip_file, clip_file, [(style_file, 3)], judged())
    plain = report.as_plain()
    assert plain["styles"] == [{"picture": str(style_file), "weight": 3.0}]
    assert list(plain) == [field.name for field in dataclasses.fields(report)]
    assert plain == json.loads(json.dumps(plain, default=list)) | {
        name: plain[name] for name in plain if name.endswith("_px")
    }


def test_events(clip_file, judged):
    said = []
    measure(clip_file, clip_file, settings=judged(), progress=said.append)
    kinds = [type(event) for event in said]
    assert kinds == [Notice, RunStarted, *[FrameDone] * 5]
    assert said[0].message == "judge: squeezenet1_0 (--network NAME takes another)"
    assert said[1].frames == 5
    assert [event.frame for event in said[2:]] == list(range(5))


def test_what_is_refused(
    clip_file, style_file, frames_folder, texture, save_picture, judged, tmp_path
):
    said = []
    for styles, settings, error, words in (
        (["no.jpg"], judged(), InputError, "no.jpg does not exist"),
        ([(style_file, 0)], judged(), SettingsError, "weight 0, expected one over 0"),
        ([(style_file, float("nan"))], judged(), SettingsError, "weight nan"),
        ([], judged(network="vgg91"), ModelError, "no network 'vgg91'"),
        ([], MetricsSettings(weights=("squeezenet1_0=no.pth",)), ModelError, "no such file"),
        ([], MetricsSettings(weights=("no.pth",)), ModelError, "expected NAME=PATH"),
    ):
        with pytest.raises(error, match=words):
            measure(clip_file, frames_folder, styles, settings, progress=said.append)
    strip = save_picture(tmp_path / "strip.png", texture(2, 400))
    with pytest.raises(InputError, match=r"strip\.png is 400x2, too narrow"):
        measure(clip_file, clip_file, [strip], judged(), progress=said.append)
    with pytest.raises(SettingsError, match="--size: got 8"):
        judged(size=8)
    assert said == []


def test_memory_does_not_grow_with_the_clip(moving_clip, encode, tmp_path, judged):
    frames, _ = moving_clip(4, 48, 64, (2, 1))
    peaks = []
    once = encode(tmp_path / "once.mp4", frames)
    measure(once, once, settings=judged())  # what is loaded once is loaded
    for times in (9, 18):  # of eight frames; the search for shots holds up to some 70
        clip = encode(tmp_path / f"{times}.mp4", (frames + frames[::-1]) * times)
        tracemalloc.start()
        measure(clip, clip, settings=judged())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    frame_bytes = 48 * 64 * 3 * 4
    assert peaks[1] < peaks[0] + 5 * frame_bytes


@pytest.mark.shared
@pytest.mark.parametrize(
    "kind",
    [
        "noisy",
        pytest.param("blurred", marks=pytest.mark.slow),
        pytest.param("stuck", marks=pytest.mark.slow),
    ],
)
def test_the_figures_agree_with_the_yardstick(kind, shared_dir, real_weights, folder_of):
    judge_file = shared_dir / "tools" / "judge.py"
    files = sorted((shared_dir / "media" / "sintel").glob("*.png"))
    if not files or not judge_file.is_file():
        pytest.skip(f"{judge_file} or media/sintel is not there")
    spec = importlib.util.spec_from_file_location("yardstick", judge_file)
    yardstick = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = yardstick
    spec.loader.exec_module(yardstick)
    frames = [cv2.imread(str(file))[:, :, ::-1] for file in files]
    generator = np.random.default_rng(0)
    grain = 25 * generator.standard_normal(frames[0].shape)
    made = {
        "blurred": lambda f: cv2.GaussianBlur(f, (0, 0), 3),
        "noisy": lambda f: f + 25 * generator.standard_normal(f.shape),
        "stuck": lambda f: f + grain,
    }[kind]
    result = folder_of("made", [made(f.astype(float)).clip(0, 255).astype("u1") for f in frames])
    style = shared_dir / "styles" / "starry_night.jpg"
    theirs = yardstick.judge(files[0].parent, result, style)
    weights = (f"squeezenet1_0={real_weights['squeezenet1_0']}",)
    ours = measure(files[0].parent, result, [style], MetricsSettings(weights=weights))
    assert ours.content_distance == pytest.approx(theirs["content_distance"], rel=0.03)
    # other layers of the same network
    assert ours.style_distance == pytest.approx(theirs["style_distance"], rel=0.35)
    assert ours.style_distance_source == pytest.approx(theirs["style_distance_source"], rel=0.35)
    # rounding to whole levels has a sharpness of its own
    assert ours.sharpness_squared_levels == pytest.approx(theirs["sharpness"], rel=0.05, abs=3)
    assert ours.still_share == pytest.approx(theirs["still_share"], abs=0.02)
    assert ours.still_flicker_levels == pytest.approx(theirs["still_flicker"], rel=0.1, abs=0.1)
    # another search: it finds a little more, and trusts a little less
    assert ours.warping_error_source < theirs["warp_error_source"]
    assert ours.followed_share == pytest.approx(theirs["mask_share"], abs=0.1)
    least, most = (0.2, 1.0) if kind == "blurred" else (0.8, 1.1)
    assert least < ours.warping_error / theirs["warp_error"] < most

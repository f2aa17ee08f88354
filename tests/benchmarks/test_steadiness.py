"""The benchmark of temporal consistency: its methods, its figures, its tables."""

from collections import Counter

import cv2
import numpy as np
import pytest

import framestyle
from benchmarks.steadiness import methods, table, truth
from benchmarks.steadiness.arguments import SAMPLES, parsed
from benchmarks.steadiness.figures import compared
from benchmarks.steadiness.runs import digest, prepared, stylised
from benchmarks.steadiness.sheet import TILE, over_time, save_sheet
from benchmarks.steadiness.still import still_figures
from framestyle.config import Config, InputSettings
from framestyle.progress import IterationDone

ALONE, FLOOR, OURS = methods.ALONE, methods.FLOOR, methods.OURS


@pytest.mark.parametrize("method", methods.METHODS, ids=methods.NAMES)
def test_every_method_has_its_settings_and_as_many_iterations(method):
    common = {"dream": {"enabled": False}}
    config = methods.settings_of(method, common, 10)
    assert config.style.first_iterations == 40
    assert config.style.iterations == (0 if method.name == FLOOR else 10)
    assert not config.dream.enabled
    assert method.title.isascii()  # the letters of the sheet are


@pytest.mark.parametrize("name", [n for n in methods.NAMES if n not in (ALONE, FLOOR, OURS)][:7])
def test_every_later_frame_of_the_others_takes_all_its_iterations(name, tmp_path):
    (method,) = (method for method in methods.METHODS if method.name == name)
    common = {"dream": {"enabled": False}, "compute": {"networks": "lite"},
              "input": {"frames": 3, "size": 96}}  # fmt: skip
    config, made = methods.settings_of(method, common, 8), Counter()

    def listen(event):
        if isinstance(event, IterationDone):
            made[event.frame] += 1

    style = SAMPLES / "styles" / "swirl.jpg"
    framestyle.stylize_video(SAMPLES / "clip.mp4", style, f"{tmp_path}/out/", config, listen)
    assert (made[1], made[2]) == (8, 8)


def test_framestyle_is_the_defaults():
    config = methods.settings_of(methods.named([OURS])[-1], {}, Config().style.iterations)
    assert config == Config()


def test_those_that_figures_are_relative_to_always_run():
    assert [method.name for method in methods.named(["short-term"])] == [ALONE, FLOOR, "short-term"]


def test_the_command_line_takes_what_it_says():
    chosen = parsed(["--only", OURS, "--still", "--size", "160"])
    assert (chosen.only, chosen.still, chosen.size) == ([OURS], 300, 160)
    assert parsed([]).still is None


def frames_of_sample(folder, change=lambda frame, index: frame):
    folder.mkdir()
    capture = cv2.VideoCapture(str(SAMPLES / "clip.mp4"))
    for index in range(4):
        frame = change(capture.read()[1], index)
        cv2.imwrite(str(folder / f"{index:02d}.png"), frame)
    return sorted(folder.iterdir())


def test_the_clip_itself_is_steady_along_its_true_flow_and_noise_is_not(tmp_path):
    rng = np.random.default_rng(0)

    def noisy(frame, _):
        return np.clip(frame + rng.normal(0, 20, frame.shape), 0, 255).astype(np.uint8)

    clean = truth.true_warping_error(frames_of_sample(tmp_path / "clean"))
    assert 0 < clean < 6e-4
    # of two draws, of which the look-up averages one here and there
    noise = truth.true_warping_error(frames_of_sample(tmp_path / "noisy", noisy))
    assert 1.0 < noise / (20 / 255) ** 2 < 2.1


def row(method, error, style=0.5, clip="a", **more):
    names = {"clip": clip, "style": "s", "method": method}
    return {**names, "warping_error": error, "style_distance": style, **more}


def test_excess_is_0_where_carried_and_1_frame_by_frame():
    rows = compared([row(ALONE, 0.005), row(FLOOR, 0.001, 0.6), row(OURS, 0.002, 0.4)])
    assert [each["excess"] for each in rows] == pytest.approx([1, 0, 0.25])
    assert [each["style_ratio"] for each in rows] == pytest.approx([1, 1.2, 0.8])
    assert rows[0]["sharpness_ratio"] is None  # not measured


def test_figures_are_relative_within_a_clip():
    rows = [row(ALONE, 0.005), row(FLOOR, 0.001)]
    rows += [row(ALONE, 0.5, clip="b"), row(FLOOR, 0.1, clip="b"), row(OURS, 0.3, clip="b")]
    assert compared(rows)[-1]["excess"] == pytest.approx(0.5)


def test_drift_counts_both_ways_and_sticking_shows():
    more = {"drift_levels_per_100_frames": -3.0}
    more |= {"moving_warped_levels": 20.0, "moving_unwarped_levels": 10.0}
    found = compared([row(ALONE, 0.005, **more), row(FLOOR, 0.001)])
    assert found[0]["drift"] == 3
    assert found[0]["along_over_in_place"] == 2
    assert found[1]["drift"] is None


def test_a_table_has_mean_and_worst_and_a_dash_where_nothing_is_known():
    rows = [row(m, e, clip=clip) for clip, e in (("a", 1e-3), ("b", 3e-3)) for m in (ALONE, FLOOR)]
    text = table.tables(compared(rows), ["facts"])
    assert "| frame by frame | 20.0 / 30.0 | - | 1.00 / 1.00 | - | - | - | - | - | - |" in text
    assert "true flow" not in text
    assert "judge" not in text


def test_a_page_changes_between_its_marks_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n", encoding="utf-8")
    for text in ("a \\1 new\n", "a \\1 new\n"):
        table.put_between(page, text)
        expected = f"before\n{table.BEGIN}\na \\1 new\n{table.END}\nafter\n"
        assert page.read_text(encoding="utf-8") == expected
    page.write_text("no place", encoding="utf-8")
    with pytest.raises(SystemExit, match="no place"):
        table.put_between(page, "text")


def test_still_figures_see_level_flicker_and_blur():
    rng = np.random.default_rng(0)
    frame = rng.uniform(0, 255, (20, 30))
    same = still_figures([frame] * 14)
    assert same["within_targets"]
    assert same["flicker_levels"] == 0
    brighter = still_figures([frame + 0.1 * number for number in range(20)])
    assert brighter["level_moves_levels"] == pytest.approx(1.0)
    assert not brighter["within_targets"]
    blurred = still_figures([frame] * 13 + [cv2.blur(frame, (3, 3))])
    assert blurred["sharpness_change_percent"] > 50
    noisy = still_figures([frame + rng.normal(0, 2, frame.shape) for _ in range(60)])
    assert noisy["flicker_levels"] == pytest.approx(2, rel=0.05)


def test_what_is_still_stands_upright_in_the_strip():
    frame = np.random.default_rng(0).integers(0, 255, (180, 320, 3), np.uint8)
    strip = over_time([frame] * 24)
    assert strip.shape == (TILE[1], TILE[0], 3)
    assert (strip == strip[:1]).all()


def test_a_run_is_made_once_for_the_same_settings(tmp_path):
    clip = prepared(SAMPLES / "clip.mp4", tmp_path, InputSettings(frames=2, size=64), "sample")
    assert clip is not None
    assert (clip.name, clip.frames) == ("sample", 2)
    common = {"dream": {"enabled": False}, "compute": {"networks": "lite", "device": "cpu"}}
    style = SAMPLES / "styles" / "swirl.jpg"
    config = methods.settings_of(methods.named([OURS])[-1], common, 1)
    first, again = (stylised(clip, style, config, OURS, tmp_path) for _ in range(2))
    assert first == again
    assert len(list(first.folder.glob("*.png"))) == 2
    other = stylised(clip, style, config.changed({"style": {"iterations": 2}}), OURS, tmp_path)
    assert other.key != first.key
    save_sheet(tmp_path / "sheet.jpg", [("framestyle", large(clip.folder, tmp_path / "large"))])
    assert cv2.imread(str(tmp_path / "sheet.jpg")).shape[0] == TILE[1]


def large(frames, folder):
    folder.mkdir()
    for path in frames.glob("*.png"):
        cv2.imwrite(str(folder / path.name), cv2.resize(cv2.imread(str(path)), (320, 180)))
    return folder


def test_a_digest_stands_for_bytes_and_values(tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"one")
    one = digest(file, {"a": 1})
    assert one == digest(file, {"a": 1})
    assert one != digest(file, {"a": 2})
    file.write_bytes(b"two")
    assert one != digest(file, {"a": 1})


def test_details_have_a_table_for_each_clip_and_style():
    rows = compared([row(m, 1e-3, clip=clip) for clip in "ab" for m in (ALONE, FLOOR)])
    text = table.details(rows)
    assert [line for line in text.splitlines() if line.startswith("##")] == ["## a, s", "## b, s"]
    assert text.count("| frame by frame |") == 2

"""Flags and settings are the same things."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from framestyle.cli.arguments import parse
from framestyle.config import GROUPS, PRESETS, Config
from framestyle.errors import SettingsError
from framestyle.settings import flag_name, meanings

GIVEN = {
    "input.start": ("1:05", 65.0),
    "input.end": ("1:02:03.5", 3723.5),
    "input.frames": ("48", 48),
    "input.fps": ("29.97", Fraction(30000, 1001)),
    "input.size": ("640", 640),
    "input.deinterlace": ("off", "off"),
    "output.codec": ("libx265", "libx265"),
    "output.crf": ("20.5", 20.5),
    "output.pixel_format": ("yuv444p", "yuv444p"),
    "dream.network": ("googlenet", "googlenet"),
    "dream.layers": ("Mixed_6b:1,Mixed_6d#3+7:2", (("Mixed_6b", 1.0), ("Mixed_6d#3+7", 2.0))),
    "dream.strength": ("1.5", 1.5),
    "dream.step_size": ("0.02", 0.02),
    "dream.steps": ("7", 7),
    "dream.next_steps": ("2", 2),
    "dream.octaves": ("4", 4),
    "dream.octave_scale": ("1.3", 1.3),
    "dream.jitter": ("0.1", 0.1),
    "dream.smoothing": ("0.01", 0.01),
    "dream.gradient": ("std", "std"),
    "dream.loss_ceiling": ("15", 15.0),
    "dream.guide": ("guide.png", Path("guide.png")),
    "dream.carry": ("0.5", 0.5),
    "style.network": ("vgg16", "vgg16"),
    "style.first_iterations": ("99", 99),
    "style.iterations": ("9", 9),
    "style.content_layers": ("relu4_2", (("relu4_2", 1.0),)),
    "style.style_layers": ("relu1_1:0.5,relu2_1:2", (("relu1_1", 0.5), ("relu2_1", 2.0))),
    "style.content_weight": ("2", 2.0),
    "style.style_weight": ("1e3", 1000.0),
    "style.coarsest": ("300", 300),
    "style.tv_weight": ("0", 0.0),
    "style.style_scale": ("0.5", 0.5),
    "style.optimizer": ("lbfgs", "lbfgs"),
    "style.first_step_size": ("0.03", 0.03),
    "style.step_size": ("0.01", 0.01),
    "style.beta1": ("0.8", 0.8),
    "style.beta2": ("0.95", 0.95),
    "style.levels": ("2", 2),
    "style.averaging": ("0", 0.0),
    "style.init": ("noise", "noise"),
    "style.normalisation": ("gatys", "gatys"),
    "style.pooling": ("average", "average"),
    "style.scales": ("5", 5),
    "style.scale_factor": ("2", 2.0),
    "style.stop_change": ("0.0001", 0.0001),
    "style.stop_window": ("10", 10),
    "style.settle_change": ("0", 0.0),
    "motion.warm_start": ("previous", "previous"),
    "motion.blend": ("0.5", 0.5),
    "motion.temporal_weight": ("50", 50.0),
    "motion.flow": ("dis", "dis"),
    "motion.flow_preset": ("fast", "fast"),
    "motion.flow_size": ("320", 320),
    "motion.long_term": ("8", 8),
    "motion.passes": ("3", 3),
    "motion.longest_stretch": ("90", 90),
    "motion.shots": ("shots.txt", Path("shots.txt")),
    "compute.device": ("cpu", "cpu"),
    "compute.precision": ("bf16", "bf16"),
    "compute.threads": ("2", 2),
    "compute.workers": ("3", 3),
    "compute.memory": ("1.5", 1.5),
    "compute.seed": ("7", 7),
    "compute.networks": ("full", "full"),
    "compute.weights": ("vgg19=a.pth", ("vgg19=a.pth",)),
    "job.job_dir": ("work", Path("work")),
}
"""A text and what it means, for every setting that takes one."""

ALL = [
    (f"{group}.{field.name}", field, meaning)
    for group in GROUPS
    for field, meaning in meanings(type(getattr(Config(), group)))
]


def config_of(*arguments):
    return Config().changed(parse(["in.mp4", *arguments]).changes)


@pytest.mark.parametrize(("name", "field", "meaning"), ALL, ids=[name for name, *_ in ALL])
def test_every_flag_sets_its_setting_and_no_other(name, field, meaning):
    group, key = name.split(".")
    flag = flag_name(field, meaning)
    if isinstance(field.default, bool):
        arguments, expected = [flag], not field.default
        assert flag.startswith("--no-") == field.default
    else:
        text, expected = GIVEN[name]
        arguments = [flag, text]
        assert config_of(f"{flag}={text}") == config_of(*arguments)
    config = config_of(*arguments)
    assert getattr(getattr(config, group), key) == expected
    assert config == Config().changed({group: {key: expected}})
    assert config != Config()


def test_every_setting_has_a_flag_of_its_own():
    flags = [flag_name(field, meaning) for _, field, meaning in ALL]
    assert len(set(flags)) == len(flags)
    assert set(GIVEN) == {n for n, field, _ in ALL if not isinstance(field.default, bool)}


def test_help_names_every_setting_with_its_default(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "1000")  # or a name may be parted at its hyphen
    code, out, err = command("--help")
    assert (code, err) == (0, "")
    text = " ".join(out.split())
    for name, field, meaning in ALL:
        assert re.search(rf"{flag_name(field, meaning)}[ ,]", text), name
        assert " ".join(meaning.help.split()) in text.replace("%%", "%"), name
        if not isinstance(field.default, bool) and field.default not in (None, ()):
            assert f"(default: {field.default})" in text, name
    for flag in ("--output", "--preset", "--config", "--print-config", "--quiet", "--dream-only"):
        assert flag in text
    assert max(map(len, out.splitlines())) <= 100


def test_no_flag_says_no_setting():
    arguments = parse(["in.mp4", "a.jpg:2", "b.jpg", "-o", "out.mp4"])
    assert arguments.changes == {}
    assert arguments.source == "in.mp4"
    assert arguments.styles == ("a.jpg:2", "b.jpg")
    assert arguments.output == "out.mp4"


def test_dream_only():
    config = config_of("--dream-only")
    assert config.dream.enabled
    assert not config.style.enabled


def test_weights_may_be_given_more_than_once():
    config = config_of("--weights", "vgg19=a.pth", "--weights", "vgg16=b.pth")
    assert config.compute.weights == ("vgg19=a.pth", "vgg16=b.pth")


@pytest.mark.parametrize("name", PRESETS)
def test_the_guide_shows_all_that_a_preset_sets(name):
    guide = (Path(__file__).parents[2] / "docs" / "guide.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| `{name}`[^|]*\|(.*)\|$", guide, re.MULTILINE)
    config = Config.preset(name)
    size = "the input's" if config.input.size is None else str(config.input.size)
    counts = config.style.first_iterations, config.style.iterations, config.dream.steps
    assert [cell.strip() for cell in row.split("|")] == [size, *map(str, counts)]
    shown = {"input": {"size"}, "style": {"first_iterations", "iterations"}, "dream": {"steps"}}
    assert all(some.keys() <= shown[group] for group, some in PRESETS[name].items())


@pytest.mark.parametrize("name", PRESETS)
def test_presets_parse(name):
    assert parse(["in.mp4", "--preset", name]).preset == name
    assert Config.preset(name) == Config().changed(PRESETS[name])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--iteration", "3"], "there is no --iteration; did you mean --iterations"),
        (["--style-wieght=3"], "there is no --style-wieght=3; did you mean --style-weight"),
        (["--xyzzy"], "there is no --xyzzy"),
        (["--iterations", "x"], "--iterations: got 'x', expected a whole number"),
        (["--fps", "fast"], "--fps: got 'fast', expected frames per second"),
        (["--dream-layers", ":1"], "--dream-layers: got ':1', expected LAYER"),
        (["--dream-layers", "a,a"], "named twice"),
        (["--seed"], "--seed: expected one argument"),
    ],
)
def test_bad_flags_are_told(arguments, expected):
    with pytest.raises(SettingsError) as caught:
        parse(["in.mp4", *arguments])
    assert expected in str(caught.value)
    assert "framestyle --help" in str(caught.value)

"""The settings themselves: whole, documented, free of contradiction; presets."""

import argparse
import dataclasses
from fractions import Fraction
from pathlib import Path

import pytest

from framestyle.config import GROUPS, PRESETS, Config, DreamSettings, StyleSettings
from framestyle.errors import SettingsError
from framestyle.settings import as_plain, flag_name, meanings

ALL = [
    pytest.param(group, field, meaning, id=f"{group}.{field.name}")
    for group in GROUPS
    for field, meaning in meanings(type(getattr(Config(), group)))
]


def test_the_groups_are_those_of_the_parts():
    assert GROUPS == ("input", "output", "dream", "style", "motion", "compute", "job")


@pytest.mark.parametrize(("group", "field", "meaning"), ALL)
def test_every_setting_is_documented_and_its_default_allowed(group, field, meaning):
    assert meaning.help
    assert meaning.help[0].islower()
    assert not meaning.help.endswith(".")
    assert "%" not in meaning.help.replace("%%", "")  # argparse would trip over it
    assert getattr(Config(), group).replaced(**{field.name: field.default})
    if isinstance(field.default, int | float) and not isinstance(field.default, bool):
        assert meaning.metavar
        assert meaning.low is not None


@pytest.mark.parametrize(("group", "field", "meaning"), ALL)
def test_every_bound_is_part_of_the_range(group, field, meaning):
    for bound, beyond in ((meaning.low, -1), (meaning.high, 1)):
        if bound is None:
            continue
        chosen = getattr(Config(), group)
        assert getattr(chosen.replaced(**{field.name: bound}), field.name) == bound
        step = 1 if isinstance(bound, int) else abs(bound) / 100
        with pytest.raises(SettingsError, match=flag_name(field, meaning)):
            chosen.replaced(**{field.name: bound + beyond * step})


def test_every_flag_is_there_once():
    flags = [flag_name(field, meaning) for _, field, meaning in (p.values for p in ALL)]
    assert len(flags) == len(set(flags))
    assert all(flag == flag.lower() and "_" not in flag for flag in flags)


@pytest.mark.parametrize(("group", "field", "meaning"), ALL)
def test_a_default_written_out_is_parsed_to_itself(group, field, meaning):
    """As argparse would: no default needs a form that the command line does not take."""
    if field.default is None or isinstance(field.default, bool | tuple):
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("--x", type=meaning.parse)
    assert parser.parse_args([f"--x={field.default}"]).x == field.default


def test_the_configuration_cannot_be_changed_but_copied_with_changes():
    config = Config()
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.style = StyleSettings()
    changed = config.changed({"style": {"iterations": 3}, "dream": {"strength": 2}})
    assert changed.style.iterations == 3
    assert changed.dream.strength == 2
    assert changed.motion == config.motion
    assert config == Config()
    assert config.changed({}) == config


def test_changes_are_parsed_as_on_the_command_line():
    changed = Config().changed(
        {"dream": {"layers": "Mixed_6b:1,Mixed_6c#3:2"}, "input": {"fps": "29.97", "start": "1:00"}}
    )
    assert changed.dream.layers == (("Mixed_6b", 1.0), ("Mixed_6c#3", 2.0))
    assert changed.input.fps == Fraction(30000, 1001)
    assert changed.input.start == 60


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stile": {}}, "no group of settings 'stile'; there are: input, output"),
        ({"style": {"iteration": 3}}, "unknown setting 'iteration'"),
        ({"style": {"iterations": -1}}, "--iterations: got -1"),
        ({"style": 3}, "style: got 3, expected a table"),
        ({"input": {"start": 5, "end": 5}}, "--end 5 s is not after --start 5 s"),
        ({"input": {"start": "0:09", "end": "0:08"}}, "--end 8 s is not after --start 9 s"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(SettingsError, match=message):
        Config().changed(changes)


def test_start_and_end_may_stand_alone_and_come_in_either_change():
    Config().changed({"input": {"start": 5}})
    Config().changed({"input": {"end": 5}})
    later = Config().changed({"input": {"start": 5}}).changed({"input": {"end": 6}})
    assert (later.input.start, later.input.end) == (5, 6)


def test_presets_go_from_quick_to_thorough():
    assert Config.preset("standard") == Config()
    draft, standard, fine = (Config.preset(name) for name in ("draft", "standard", "fine"))
    for work in (
        lambda c: c.style.first_iterations,
        lambda c: c.style.iterations,
    ):
        assert work(draft) < work(standard) < work(fine)
    assert draft.dream.steps == standard.dream.steps < fine.dream.steps
    assert draft.input.size is not None


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_can_be_changed_further(name):
    preset = Config.preset(name)
    changed = preset.changed({"style": {"iterations": 7}})
    assert changed.style.iterations == 7
    assert changed.dream == preset.dream


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(SettingsError, match="no preset 'best'; there are: draft, standard, fine"):
        Config.preset("best")


def test_the_whole_configuration_comes_back_from_plain_values():
    config = Config().changed(
        {
            "dream": {"layers": "a:0.1", "guide": "g.png"},
            "input": {"fps": "24000/1001", "end": 3},
            "compute": {"weights": ["vgg19=v.pth"]},
        }
    )
    plain = {group: as_plain(getattr(config, group)) for group in GROUPS}
    assert Config().changed(plain) == config
    assert config.dream == DreamSettings(layers=(("a", 0.1),), guide=Path("g.png"))

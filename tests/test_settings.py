"""Declaring, checking and parsing settings."""

import dataclasses
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from framestyle.config import GROUPS, Config
from framestyle.errors import FramestyleError, SettingsError
from framestyle.settings import (
    Layers,
    Settings,
    as_plain,
    flag_name,
    fraction,
    from_plain,
    layers,
    meanings,
    number,
    path,
    seconds,
    setting,
    whole,
)


@dataclass(frozen=True)
class Paint(Settings):
    """One setting of each kind."""

    coats: int = setting(2, "coats of paint", whole, metavar="N", low=1, high=9)
    drying_time: float = setting(1.5, "hours between them", number, low=0, flag="wait")
    brush: str = setting("flat", "kind of brush", choices=("flat", "round"))
    name: str = setting("blue", "name of the colour")
    glossy: bool = setting(False, "shine")
    pigments: Layers | None = setting(None, "pigments with shares", layers)
    tins: tuple[str, ...] = setting((), "tins used")
    rate: Fraction | None = setting(None, "walls an hour", fraction, low=0.01, high=1000)
    sample: Path | None = setting(None, "picture of the colour", path)
    first: int | None = setting(None, "first wall", whole, low=1)
    note: str = "not a setting"


# --- declaring ------------------------------------------------------------------------------------


def test_meanings_are_of_the_fields_that_are_settings():
    found = {field.name: meaning for field, meaning in meanings(Paint)}
    assert "note" not in found
    assert len(found) == 10
    coats = found["coats"]
    assert (coats.help, coats.metavar, coats.low, coats.high) == ("coats of paint", "N", 1, 9)
    assert found["brush"].choices == ("flat", "round")
    assert found["coats"].parse("3") == 3


def test_the_flag_is_the_fields_name_unless_another_is_given():
    flags = {field.name: flag_name(field, meaning) for field, meaning in meanings(Paint)}
    assert flags["coats"] == "--coats"
    assert flags["drying_time"] == "--wait"


def test_settings_cannot_be_changed_but_copied_with_changes():
    paint = Paint()
    with pytest.raises(dataclasses.FrozenInstanceError):
        paint.coats = 3
    assert paint.replaced(coats=3) == Paint(coats=3)
    assert paint == Paint()
    with pytest.raises(SettingsError, match="unknown setting 'colour'; there are: brush, coats"):
        paint.replaced(colour="red")


# --- checking -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"coats": 1},
        {"coats": 9},
        {"drying_time": 0},
        {"drying_time": Fraction(1, 3)},
        {"drying_time": 1e12},
        {"brush": "round"},
        {"name": ""},
        {"glossy": True},
        {"pigments": (("ochre", 1.0), ("lead", -2))},
        {"tins": ("a", "b")},
        {"rate": Fraction(24000, 1001)},
        {"rate": 25},
        {"sample": Path("x.png")},
        {"first": None},
    ],
)
def test_values_of_their_kind_and_range_are_taken(values):
    paint = Paint(**values)
    for name, value in values.items():
        assert getattr(paint, name) == value


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"coats": 0}, "--coats: got 0, expected from 1 to 9"),
        ({"coats": 10}, "--coats: got 10, expected from 1 to 9"),
        ({"drying_time": -0.1}, "--wait: got -0.1, expected at least 0"),
        ({"drying_time": math.nan}, "--wait: got nan, expected at least 0"),
        ({"drying_time": math.inf}, "--wait: got inf, expected at least 0"),
        ({"coats": 2.5}, "--coats: got 2.5, expected a whole number"),
        ({"coats": "2"}, "--coats: got '2', expected a whole number"),
        ({"coats": True}, "--coats: got True, expected a whole number"),
        ({"coats": None}, "--coats: got None, expected a whole number"),
        ({"drying_time": "long"}, "--wait: got 'long', expected a number"),
        ({"drying_time": None}, "--wait: got None, expected a number"),
        ({"brush": "wide"}, "--brush: got 'wide', expected one of flat, round"),
        ({"brush": None}, "--brush: got None, expected one of flat, round"),
        ({"name": 7}, "--name: got 7, expected text"),
        ({"name": None}, "--name: got None, expected text"),
        ({"glossy": 1}, "--glossy: got 1, expected true or false"),
        ({"glossy": "yes"}, "--glossy: got 'yes', expected true or false"),
        ({"glossy": None}, "--glossy: got None, expected true or false"),
        ({"pigments": "ochre:1"}, "--pigments: got 'ochre:1', expected pairs of a layer"),
        ({"tins": "a"}, "--tins: got 'a', expected text"),
        ({"tins": (1,)}, r"--tins: got \(1,\), expected text"),
        ({"rate": 0}, "--rate: got 0, expected from 0.01 to 1000"),
        ({"rate": "25"}, "--rate: got '25', expected a number"),
        ({"sample": 7}, "--sample: got 7, expected a file name"),
        ({"first": 0}, "--first: got 0, expected at least 1"),
        ({"first": -(10**400)}, "--first: got -1000"),
        ({"first": 1.5}, "--first: got 1.5, expected a whole number"),
    ],
)
def test_other_values_are_refused_in_one_line(values, message):
    with pytest.raises(SettingsError, match=message) as caught:
        Paint(**values)
    assert isinstance(caught.value, FramestyleError)
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    with pytest.raises(SettingsError, match=message):
        Paint().replaced(**values)


# --- parsing --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relu1_1", (("relu1_1", 1.0),)),
        ("relu1_1:0.5", (("relu1_1", 0.5),)),
        ("a:1,b:-2,c", (("a", 1.0), ("b", -2.0), ("c", 1.0))),
        (" a:1 , b:1e-3 ,", (("a", 1.0), ("b", 0.001))),
        ("Mixed_6c#3+7:1.5", (("Mixed_6c#3+7", 1.5),)),
    ],
)
def test_layers(text, expected):
    assert layers(text) == expected


@pytest.mark.parametrize(
    "text", ["", ",", "a:", "a:x", ":1", "a:nan", "a:inf", "a:1:2", "a,a", "a:1,a:2"]
)
def test_layers_that_are_none(text):
    with pytest.raises(ValueError):
        layers(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("12.5", 12.5),
        (".5", 0.5),
        ("90", 90),
        ("1:02.5", 62.5),
        ("01:02:03", 3723),
        ("00:00:00.040", 0.04),
        ("100:00:00", 360000),
    ],
)
def test_seconds(text, expected):
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "1:2:3:4",
        "a",
        "1:",
        ":1",
        "1e3",
        "inf",
        "1:-2",
        "1:60",
        "1:60:00",
        "0:99.5",
        "1,5",
        "9" * 400,
        "9" * 5000 + ":00:00",
    ],
)
def test_seconds_that_are_none(text):
    with pytest.raises(ValueError, match="expected seconds, MM:SS or HH:MM:SS"):
        seconds(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("25", Fraction(25)),
        ("30000/1001", Fraction(30000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("12.5", Fraction(25, 2)),
        ("0.5", Fraction(1, 2)),
        (" 24 ", Fraction(24)),
    ],
)
def test_fraction(text, expected):
    assert fraction(text) == expected


# the fraction of a large exponent would have as many digits
LARGE = ["1e999999999", "1E-999999999", "9" * 41]


@pytest.mark.parametrize("text", ["", "fast", "1/0", "nan", "inf", "25 fps", *LARGE])
def test_fractions_that_are_none(text):
    with pytest.raises(ValueError, match="expected frames per second"):
        fraction(text)


def test_numbers():
    assert whole("-3") == -3
    assert number("1e-3") == 0.001
    for text in ("", "1.5", "x"):
        with pytest.raises(ValueError, match="expected a whole number"):
            whole(text)
    for text in ("", "x", "nan", "inf", "-inf"):
        with pytest.raises(ValueError, match="expected a number"):
            number(text)


def test_a_path_knows_the_home_folder(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert path("~/x.png") == Path("/home/ada/x.png")
    assert path("x y.png") == Path("x y.png")
    assert path("~nobody9/x.png") == Path("~nobody9/x.png")


@pytest.mark.parametrize("name", ["a\0b", "a" * 300])
@pytest.mark.parametrize("kind", [str, Path])
def test_names_that_no_file_can_have(name, kind):
    with pytest.raises(SettingsError, match=r"check the name|no file can have"):
        Config().changed({"dream": {"guide": kind(name)}})


@pytest.mark.parametrize(
    "value",
    [5e-324, (), (("relu1_1", math.nan),), (("relu1_1", math.inf),), (("relu1_1", 10**400),),
     (("relu1_1", 1), ("relu1_1", 2)), (("a,b", 1),), (("", 1),)],
)  # fmt: skip
def test_layers_that_the_command_line_could_not_name(value):
    with pytest.raises(SettingsError, match="--style-layers: got"):
        Config().changed({"style": {"style_layers": value}})


@pytest.mark.parametrize("value", [10**400, -(10**400), 10**5, Fraction(10**400)])
def test_numbers_that_no_float_holds(value):
    with pytest.raises(SettingsError, match=r"--crf: got .*, expected from 0 to 63"):
        Config().changed({"output": {"crf": value}})
    if abs(value) > 10**300:
        with pytest.raises(SettingsError, match=r"--tv-weight: got .*, expected from 0 to 1e\+12"):
            Config().changed({"style": {"tv_weight": value}})


# --- to files and back ----------------------------------------------------------------------------


def test_plain_settings_are_what_a_file_can_hold():
    paint = Paint(
        pigments=(("ochre", 0.1), ("lead", 2.0)),
        tins=("a", "b"),
        rate=Fraction(30000, 1001),
        sample=Path("x.png"),
    )
    assert as_plain(paint) == {
        "coats": 2,
        "drying_time": 1.5,
        "brush": "flat",
        "name": "blue",
        "glossy": False,
        "pigments": "ochre:0.1,lead:2.0",
        "tins": ["a", "b"],
        "rate": "30000/1001",
        "sample": "x.png",
    }


names = st.text("abcdefgXYZ_#+019", min_size=1, max_size=9)
numbers = st.floats(-1e6, 1e6)
paints = st.builds(
    Paint,
    coats=st.integers(1, 9),
    drying_time=st.floats(0, 1e9),
    brush=st.sampled_from(("flat", "round")),
    name=st.text(),
    glossy=st.booleans(),
    pigments=st.none()
    | st.dictionaries(names, numbers, min_size=1).map(lambda d: tuple(d.items())),
    tins=st.lists(st.text()).map(tuple),
    rate=st.none() | st.integers(1, 999).map(Fraction) | st.just(Fraction(24000, 1001)),
    sample=st.none() | names.map(Path),
    first=st.none() | st.integers(1, 10**12),
)


@hypothesis_settings(derandomize=True, max_examples=60, deadline=None, database=None)
@given(paints)
def test_plain_settings_come_back_the_same(paint):
    assert from_plain(Paint(), as_plain(paint)) == paint


def test_text_in_a_file_is_parsed_as_on_the_command_line():
    found = from_plain(
        Paint(), {"coats": "3", "pigments": "a:1,b", "rate": "29.97", "sample": "~/x", "name": "9"}
    )
    assert found.coats == 3
    assert found.pigments == (("a", 1.0), ("b", 1.0))
    assert found.rate == Fraction(30000, 1001)
    assert found.sample == Path("~/x").expanduser()
    assert found.name == "9"


def test_a_file_may_write_dashes_and_lists():
    assert from_plain(Paint(), {"drying-time": 2}) == Paint(drying_time=2)
    assert from_plain(Paint(), {"tins": ["a"]}) == Paint(tins=("a",))


@pytest.mark.parametrize(
    ("plain", "message"),
    [
        ({"coats": "many"}, "--coats: got 'many', expected a whole number"),
        ({"coats": 99}, "--coats: got 99"),
        ({"pigments": "a:b"}, "--pigments: got 'a:b', expected LAYER"),
        ({"glossy": "false"}, "--glossy: got 'false', expected true or false"),
        ({"colour": 1}, "unknown setting 'colour'"),
        ({"tins": "a"}, "--tins: got 'a'"),
    ],
)
def test_what_a_file_gets_wrong_is_named(plain, message):
    with pytest.raises(SettingsError, match=message):
        from_plain(Paint(), plain)


@pytest.mark.parametrize("group", GROUPS)
def test_the_settings_of_the_package_come_back_the_same(group):
    chosen = getattr(Config(), group)
    assert from_plain(type(chosen)(), as_plain(chosen)) == chosen

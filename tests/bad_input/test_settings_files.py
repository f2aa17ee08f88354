"""Configuration files and files of shots: any bytes, any value for any setting."""

import json
import shutil

import pytest
from hypothesis import strategies as st

from framestyle.config import GROUPS, Config
from framestyle.motion import read_shots
from framestyle.settings import meanings

SETTINGS = [
    (group, field.name) for group in GROUPS for field, _ in meanings(type(getattr(Config(), group)))
]
ODD = [
    "nan", "inf", "-inf", "1e999", "-1", "0", "1e308", "5e-324", "0x10", "9" * 400, "9" * 5000,
    "1e99999999999", "true", "false", "''", '"\\u0000"', '"\\n"', '"\\u001b[2J"', '"nan"', '"inf"',
    '"1e999"', '"1e999999999"', '"9/0"', '"-1/3"', '"' + "9" * 300 + '"', "'" + "a" * 5000 + "'",
    '"~nobody/x"', "'~'", "'/'", "'.'", "'..'", "'/dev/null'", "'/dev/zero'", "'%s%n'", "'{0}'",
    "'$(touch x)'", "'; touch x'", "'a,b:c'", "':'", "','", "'x:nan'", "'x:1e999'", "'relu1_1'",
    "'relu1_1#999999999'", "'relu1_1#-1:2'", "[]", "{}", "[[]]", "[1]", "['a']", "[['a', nan]]",
    "[['relu1_1', inf]]", "[['relu1_1', 1], ['relu1_1', 2]]", "[[['a']]]", "{a = 1}",
    "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "'lite'", "'cuda'", "'auto'", "'\U0001f600'",
    "'01:99:99'", "'" + "9" * 400 + ":00:00'", "[" * 3000 + "]" * 3000,
]  # fmt: skip


def test_any_value_of_any_setting(command, over, place):
    def body(example):
        (group, name), value = example
        (place / "run.toml").write_text(f"[{group}]\n{name} = {value}\n", encoding="utf-8")
        code, said = command("setting", ["--config", "run.toml", "--print-config"])
        if code == 0:
            (place / "again.toml").write_text(said.out, encoding="utf-8")
            _, again = command("setting", ["--config", "again.toml", "--print-config"])
            assert again.out == said.out

    kinds = st.tuples(st.sampled_from(SETTINGS), st.sampled_from(ODD))
    over(kinds, body, quick=25, slow=1500)


def _edges():
    """Values at the edges of every setting's range, and within."""
    for group in GROUPS:
        for field, meaning in meanings(type(getattr(Config(), group))):
            if field.name not in TAKES_LONG:
                values = [*NUMBERS, *map(repr, meaning.choices), repr(meaning.low)]
                values += [repr(meaning.high), "true", "false"]
                values += ["'relu1_1:1e308'", "'relu1_1:-1'", "'relu1_1#0+15:1e-300'"]
                yield from ((group, field.name, value) for value in dict.fromkeys(values))


NUMBERS = ["0", "1", "1.0", "0.5", "1e-30", "5e-324", "1e308", "1e30", "2", "16"]
TAKES_LONG = {"first_iterations", "iterations", "steps", "next_steps", "octaves", "passes",
              "scales", "threads", "network", "networks", "device", "style_scale"}  # fmt: skip


@pytest.mark.slow
def test_runs_with_odd_values(command, over, place):
    """What the checks let through is computed with: a number in the numbers' range, or a line."""
    base = {"style.first_iterations": 1, "style.iterations": 1, "dream.steps": 1,
            "dream.octaves": 1, "compute.networks": '"lite"', "style.scales": 1}  # fmt: skip

    def body(example):
        group, name, value = example
        chosen = {**base, f"{group}.{name}": value}
        lines = [f"{key} = {value}" for key, value in chosen.items()]
        run = "run = {source = 'frames', styles = ['style.png'], output = 'out'}\n"
        (place / "run.toml").write_text(run + "\n".join(lines), encoding="utf-8")
        before = {path.name for path in place.iterdir()}
        arguments = ["--config", "run.toml", "--overwrite", "--quiet", "--restart"]
        code, said = command("run with a setting", arguments, may_fail=True)
        after = {path.name for path in place.iterdir()}
        left = {0: {"out"}, 1: {"out.framestyle-job"}, 2: set()}[code]
        assert after - before <= left, said.err
        for folder in left & after:
            shutil.rmtree(place / folder)

    over(st.sampled_from(list(_edges())), body, quick=5, slow=250)


WHOLE = b"""# a run
[run]
source = "frames"
styles = ["style.png:2"]
output = "out"
preset = "draft"
[style]
iterations = 3
style_layers = "relu1_1:1,relu2_1:0.5"
[input]
fps = "30000/1001"
"""


def test_damaged_configurations(damage, damaged, command, over, place):
    def body(example):
        changes, tail = example
        (place / "run.toml").write_bytes(damaged(WHOLE, changes) + tail)
        command("configuration", ["--config", "run.toml", "--print-config"])

    tails = st.binary(max_size=40) | st.text(max_size=40).map(
        lambda text: text.encode("utf-8", "surrogatepass")
    )
    over(st.tuples(damage, tails), body, quick=15, slow=500)


NESTED = [
    b"a = " + b"[" * 50_000 + b"]" * 50_000,
    b"a = " + b"{a = " * 50_000,
    b"[" + b"a." * 50_000 + b"a]",
    b"[[" + b"a." * 50_000 + b"a]]",
    b"a." * 50_000 + b"a = 1",
    b"a = '''" + b"\n" * 500_000,
    b"a = " + b"1" * 500_000,
    b"a = 1e" + b"1" * 500_000,
    b"#" * (1 << 21),
    b"\xef\xbb\xbf[run]\n",
    "[run]\n".encode("utf-16"),
    b"[run]\nsource = 3\nsource = 4",
    b"run = [1]",
    b"[run]\nstyles = [[['a']]]",
    b"[run]\nstyles = [1, nan]",
    b'[run]\nsource = "a\\u0000b"',
    b"[__class__]\na = 1",
    b"[style]\n__class__ = 1",
]


@pytest.mark.parametrize("text", NESTED, ids=range(len(NESTED)))
def test_configurations_that_nest_or_go_on(text, command, place):
    (place / "run.toml").write_bytes(text)
    command("configuration", ["--config", "run.toml", "--print-config"])


def test_shots(damage, damaged, attempt, over, tmp_path):
    whole = b"# shots\n1 48\n49 90 dissolve 12  # late\n91 100\n"

    def body(example):
        changes, tail = example
        (tmp_path / "shots.txt").write_bytes(damaged(whole, changes) + tail)
        shots, _ = attempt("shots", lambda: read_shots(tmp_path / "shots.txt", 100))
        if shots is not None:
            assert [shot.first for shot in shots] == [0, *(shot.end for shot in shots[:-1])]
            assert shots[-1].end == 100

    lines = st.text(alphabet="0123456789 -#dislove\t\n.\u0663\x00\x1b", max_size=60)
    tails = st.binary(max_size=40) | lines.map(lambda text: text.encode())
    over(st.tuples(damage, tails), body, quick=10, slow=300)


def test_shots_of_gigabytes(attempt, tmp_path):
    with (tmp_path / "shots.txt").open("wb") as file:
        file.truncate(1 << 40)
    assert attempt("huge", lambda: read_shots(tmp_path / "shots.txt", 100))[1]
    (tmp_path / "shots.txt").write_text("1 1\n" * 1_000_000)
    assert attempt("huge", lambda: read_shots(tmp_path / "shots.txt", 100))[1]


def test_odd_values_are_one_value_each():
    """So that a misprint in the list above does not make every example the same refusal."""
    assert len(set(ODD)) == len(ODD)
    assert json.dumps(len(SETTINGS)) > "5"

"""Flags that do not go together are refused; what goes together is not."""

import pytest

from framestyle.cli.arguments import parse
from framestyle.cli.contradictions import unused
from framestyle.errors import SettingsError

USELESS = {
    "--no-dream --dream-strength 2": "--dream-strength does nothing with --no-dream",
    "--no-style --init noise": "--init does nothing with --no-style",
    "--no-style --settle-change 0": "--settle-change does nothing with --no-style",
    "--dream-only --passes 3": "--passes does nothing with --no-style",
    "--no-temporal --temporal-weight 3": "--temporal-weight does nothing with --no-temporal",
    "--optimizer lbfgs --adam-levels 2": "--adam-levels does nothing with --optimizer lbfgs",
    "--warm-start none --iterations 9": "--iterations does nothing with --warm-start none",
    "--no-style --temporal-weight 5": "--temporal-weight does nothing with --no-style",
    "--warm-start none --blend 0.5": "--blend does nothing with --warm-start none",
    "--warm-start none --settle-change 0.1": "--settle-change does nothing with --warm-start none",
    **{
        f"--no-dream --no-style {flag}": f"{flag.split()[0]} does nothing with --no-dream and --no"
        for flag in (
            "--flow dis",
            "--flow-preset fast",
            "--flow-size 320",
            "--passes 2",
            "--long-term 8",
            "--shots shots.txt",
        )
    },
}
AGAINST = {
    "--shots shots.txt --no-cuts": "--shots contradicts --no-cuts",
    "--warm-start none --passes 2": "--passes contradicts --warm-start none",
    "--warm-start previous --passes 3": "--passes contradicts --warm-start previous",
    "--warm-start none --long-term 2": "--long-term contradicts --warm-start none",
    "--warm-start previous --long-term 8": "--long-term contradicts --warm-start previous",
}


@pytest.mark.parametrize(("flags", "said"), [*USELESS.items(), *AGAINST.items()])
def test_flags_that_do_not_go_together(flags, said):
    given = flags.split()
    with pytest.raises(SettingsError) as caught:
        parse(["in.mp4", *given])
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith("; give one of them up")


@pytest.mark.parametrize(
    "flags",
    [
        "--no-dream --no-style --no-cuts",
        "--no-dream --passes 2 --long-term 8 --shots shots.txt --flow dis",
        "--dream-only --long-term 8 --shots shots.txt --flow-preset fast",
        "--dream-only --passes 1",
        "--warm-start none --passes 1 --long-term 1",
        "--warm-start previous --iterations 9 --settle-change 0",
        "--warm-start warped --passes 3 --long-term 8 --settle-change 0",
        "--optimizer adam --adam-levels 1",
        "--no-temporal --blend 0.5",
        "--no-cuts --long-term 8",
    ],
)
def test_flags_that_go_together(flags):
    assert parse(["in.mp4", *flags.split()]).changes


def test_amounts_of_a_stage_that_is_left_out_are_told():
    def told(flags):
        return unused(parse(["in.mp4", *flags.split()]).changes)

    assert told("--no-dream --dream-steps 9 --dream-octaves 2 --iterations 3") == [
        "not used with --no-dream: --dream-steps, --dream-octaves"
    ]
    assert told("--dream-only --iterations 3") == ["not used with --no-style: --iterations"]
    assert told("--no-dream --iterations 3") == []

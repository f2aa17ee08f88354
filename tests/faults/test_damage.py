"""Damaged files in a job's folder: gone around, or told in one line. Never wrong bytes."""

import random
import shutil
import signal
import sys

import pytest

DIVIDED = ("--workers", "2", "--longest-stretch", "60")
CASES = {
    "out.mp4": ("out.mp4", ()),
    "out": ("out", ()),
    "passes": ("out", ("--passes", "3")),
    "divided": ("out", DIVIDED),
    "divided passes": ("out.mp4", (*DIVIDED, "--passes", "2")),
}
DIVIDED_CASES = ("divided", "divided passes")
SAVES = {"passes": 40, "divided": 110, "divided passes": 250}
"""When a run is killed; else after 20. Two pieces are being joined then."""
WHOLE_FILE = ("emptied", "halved", "deleted", "garbage", "doubled", "a folder")


@pytest.fixture(scope="module")
def unfinished(server, argv, tmp_path_factory):
    """Returns ``unfinished(case)``: a folder in which a run was killed, two thirds through."""
    made = {}

    def folder(case):
        if case not in made:
            name, more = CASES[case]
            made[case] = tmp_path_factory.mktemp("unfinished")
            run = server.start(
                argv(name, *more),
                made[case],
                signal_at_save=[SAVES.get(case, 20), signal.SIGKILL],
            )
            assert run.wait() == -signal.SIGKILL, run.said()
        return made[case]

    return folder


@pytest.fixture
def survives(unfinished, go, whole, contents, place, tmp_path):
    """Returns ``survives(case, damage)``: True where the run went around the damage."""

    def check(case, damage):
        name, more = CASES[case]
        shutil.rmtree(place)
        shutil.copytree(unfinished(case), place)
        job = place / f"{name}.framestyle-job"
        what = damage(job)
        run = go(name, *more)
        ended, said = run.wait(), run.said()
        if ended == 0:
            assert contents(place) == whole(name, *more)[0], what
            return True
        assert ended == 2, (what, ended, said)
        assert "Traceback" not in said
        last = said.splitlines()[-1]
        assert last.startswith("framestyle: "), (what, said)
        assert str(job.name) in last, (what, said)
        assert "--restart" in last or "--job-dir" in last, (what, said)
        assert not (place / name).exists()
        return False

    return check


def files_of(job):
    found = [path for path in sorted(job.rglob("*")) if path.is_file()]
    return [path.relative_to(job) for path in found if path.name != "framestyle-job"]


def flip(name, start, end, drawn):
    """Change a bit of a byte in a region of a file."""

    def damage(job):
        data = bytearray((job / name).read_bytes())
        place = drawn.randrange(int(start * len(data)), max(1, int(end * len(data))))
        data[place] ^= 1 << drawn.randrange(8)
        (job / name).write_bytes(data)
        return name, place

    return damage


def spoil(name, how):
    def damage(job):
        path = job / name
        data = path.read_bytes()
        path.unlink()
        match how:
            case "emptied":
                path.touch()
            case "halved":
                path.write_bytes(data[: len(data) // 2])
            case "garbage":
                path.write_bytes(b"\xff\x00garbage\n" * 20)
            case "doubled":
                path.write_bytes(data * 2)
            case "a folder":
                path.mkdir()
        return name, how

    return damage


def one_of_a_kind(files):
    """One file of each folder and form, of states one of each part."""
    return list({(path.parent, path.suffix, part_of(path)): path for path in files}.values())


def part_of(path):
    return path.name.rsplit("-", 2)[0] if "-" in path.name else ""


SLOW = pytest.mark.slow
SLOW_CASES = [pytest.param(case, marks=SLOW) for case in ("out.mp4", *DIVIDED_CASES)]


@pytest.mark.parametrize("case", ["out", *SLOW_CASES])
def test_one_bit_of_each_kind_of_file(case, unfinished, survives):
    (job,) = unfinished(case).iterdir()
    drawn = random.Random(case)
    for name in one_of_a_kind(files_of(job)):
        survives(case, flip(name, 0, 1, drawn))


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("case", ["out.mp4", "out", "passes"])
def test_each_region_of_each_file(case, unfinished, survives):
    (job,) = unfinished(case).iterdir()
    drawn, ways = random.Random(case), []
    files = files_of(job)
    kinds = one_of_a_kind(files)
    for name in files:
        regions = 16 if name in kinds else 2
        ways += [flip(name, i / regions, (i + 1) / regions, drawn) for i in range(regions)]
        ways += [spoil(name, how) for how in (WHOLE_FILE if name in kinds else WHOLE_FILE[:2])]
    around = sum(survives(case, damage) for damage in ways)
    told = f"{case}: {len(files)} files damaged in {len(ways)} ways, {around} runs went on"
    sys.stderr.write(told + "\n")  # pytest -s shows it; docs/reliability.md has the counts
    assert around > 0


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("case", DIVIDED_CASES)
def test_each_kind_of_file_of_several_workers(case, unfinished, survives):
    (job,) = unfinished(case).iterdir()
    kinds = one_of_a_kind(files_of(job))
    made_again = {name: [survives(case, spoil(name, how)) for how in WHOLE_FILE] for name in kinds}
    sys.stderr.write(f"{case}: {made_again}\n")
    for name, went_on in made_again.items():
        if name.parent.name == "ahead" and name.suffix != ".part":
            assert went_on == [how != "a folder" for how in WHOLE_FILE], name


def test_the_newest_state_is_damaged(unfinished, survives):
    def damage(job):
        newest = max(job.glob("state-*"), key=lambda path: int(path.name.split("-")[1]))
        newest.write_bytes(b"")
        return newest

    assert survives("out.mp4", damage)


def test_the_last_frame_is_damaged(unfinished, survives):
    def damage(job):
        newest = max((job / "frames").glob("*.png"))
        newest.write_bytes(newest.read_bytes()[:-9])
        return newest

    assert survives("out.mp4", damage)


def test_a_path_in_a_ledger_leads_nowhere(unfinished, survives, tmp_path):
    outside = tmp_path / "outside"
    outside.write_bytes(b"mine")

    def damage(job):
        with (job / "ledger.txt").open("a") as file:
            file.write(f'\n["../../{outside.name}", "{"0" * 32}"]\n["{outside}", "1"]')

    assert survives("out.mp4", damage)
    assert outside.read_bytes() == b"mine"

"""What makes two runs the same job."""

import json
import os

import pytest

from framestyle.config import GROUPS, Config
from framestyle.errors import InputError, JobError
from framestyle.jobs.manifest import Manifest, fingerprint, library_versions
from framestyle.settings import meanings

ABOUT = {"device": "cpu", "output": "out.mp4", "style 1": "a.jpg:1.0"}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"a clip")
    return path


def manifest(source, config=None, about=ABOUT):
    return Manifest.of(config or Config(), {"clip": source}, about)


def test_equals_itself_after_saving(source, tmp_path):
    config = Config().changed(
        {
            "input": {"fps": "30000/1001", "start": 0.1},
            "style": {"style_layers": "relu1_1:0.1", "init": "noise"},
            "compute": {"weights": ("vgg19=w.pth",)},
            "dream": {"guide": "g.png"},
        }
    )
    made = manifest(source, config)
    made.save(tmp_path / "m.json")
    loaded = Manifest.load(tmp_path / "m.json")
    assert loaded == made
    assert made.differences(loaded) == []
    assert not (tmp_path / "m.part").exists()


def test_says_what_differs(source):
    one = manifest(source)
    changes = {
        "style": {"iterations": 5},
        "input": {"start": 2.0},
        "motion": {"selective": False},
    }
    other = manifest(source, Config().changed(changes), {**ABOUT, "output": "out.webm"})
    assert other.differences(one) == [
        "run.output: out.mp4 before, out.webm now",
        "--start: not set before, 2.0 now",
        "--no-selective: not given before, given now",
        "--iterations: 20 before, 5 now",
    ]


def test_every_setting_counts_but_those_without_effect(source):
    one = manifest(source)
    without_effect = {"output.overwrite", "job.job_dir", "job.restart"}
    without_effect |= {"compute.weights", "motion.shots", "dream.guide"}  # what is in them counts
    there = {f"{group}.{name}" for group, names in one.settings.items() for name in names}
    for group in GROUPS:
        for field, _ in meanings(type(getattr(Config(), group))):
            name = f"{group}.{field.name}"
            if name in without_effect:
                assert name not in there
            elif field.default is not None:
                assert name in there


def test_other_content_differs(source):
    one = manifest(source)
    source.write_bytes(b"A clip")
    assert any("clip.mp4" in line for line in manifest(source).differences(one))


def test_a_file_of_another_name_is_the_same(source, tmp_path):
    one = manifest(source)
    one.save(tmp_path / "m.json")
    other = manifest(source.rename(tmp_path / "moved.mp4"))
    assert other == one
    assert other.is_at(tmp_path / "m.json")
    (tmp_path / "moved.mp4").write_bytes(b"another clip")
    changed = manifest(tmp_path / "moved.mp4")
    assert not changed.is_at(tmp_path / "m.json")
    (line,) = changed.differences(one)
    assert line == f"inputs.clip ({tmp_path / 'moved.mp4'}): another content now"


def test_nothing_is_at_a_path_without_a_file(source, tmp_path):
    assert not manifest(source).is_at(tmp_path / "none.json")


def test_fingerprints_see_every_place_that_matters(tmp_path):
    path = tmp_path / "large"
    size = 5 << 20
    path.write_bytes(bytes(size))
    seen = {fingerprint(path)}
    places = 0, size // 3, size // 2, size - 1
    for place in places:
        data = bytearray(size)
        data[place] = 1
        path.write_bytes(data)
        seen.add(fingerprint(path))
    path.write_bytes(bytes(size + 1))
    seen.add(fingerprint(path))
    assert len(seen) == len(places) + 2


def test_fingerprints_of_large_files_see_pieces_all_over_them(tmp_path):
    """Gigabytes are not read as a whole; what takes a sixtieth of them cannot hide."""
    path, size = tmp_path / "large", 300 << 20
    seen = set()
    for place in (None, 0, size // 7, size // 3, size * 5 // 6, size - (5 << 20)):
        with path.open("wb") as file:
            file.truncate(size)
            if place is not None:
                file.seek(place)
                file.write(b"\1" * (5 << 20))
        seen.add(fingerprint(path))
    assert len(seen) == 6


def test_fingerprints_do_not_go_by_name_or_date(tmp_path):
    for name, date in (("a", 1), ("b", 2)):
        (tmp_path / name).write_bytes(b"same")
        os.utime(tmp_path / name, (date, date))
    assert fingerprint(tmp_path / "a") == fingerprint(tmp_path / "b")


def test_an_input_that_is_gone(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*gone"):
        fingerprint(tmp_path / "gone")


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", "null", '{"settings": 1, "inputs": {}, "versions": {}, "run": {}}',
     '{"settings": {}, "inputs": {}, "versions": {}}', "\udcff", "[" * 100_000],
)  # fmt: skip
def test_a_damaged_file_is_told(text, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(JobError, match=r"manifest\.json is damaged.*--restart"):
        Manifest.load(path)


def test_versions_are_in_it(source, tmp_path):
    made = manifest(source)
    assert {"framestyle", "torch", "torchvision", "opencv", "numpy"} <= made.versions.keys()
    assert made.versions == library_versions()
    made.save(tmp_path / "m.json")
    plain = json.loads((tmp_path / "m.json").read_text())
    plain["versions"]["torch"] = "1.0"
    (tmp_path / "m.json").write_text(json.dumps(plain))
    (line,) = made.differences(Manifest.load(tmp_path / "m.json"))
    assert line.startswith("versions.torch: 1.0 before, ")

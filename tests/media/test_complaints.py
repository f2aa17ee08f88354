"""What C libraries write on standard error: dropped where an exception tells it, else passed on."""

import os

import pytest

from framestyle.media.complaints import complaints_dropped


def test_it_is_passed_on_where_all_is_well(capfd):
    with complaints_dropped():
        os.write(2, b"said meanwhile\n")
    os.write(2, b"and after\n")
    assert capfd.readouterr().err == "said meanwhile\nand after\n"


def test_it_is_dropped_where_an_exception_tells_it(capfd):
    def fail():
        os.write(2, b"a library's own words\n")
        raise ValueError

    with pytest.raises(ValueError), complaints_dropped():
        fail()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"

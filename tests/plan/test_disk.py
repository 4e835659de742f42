"""What Numba has compiled, on disk: read again, bounded, and nothing that somebody else could have written."""

import importlib.util
import os
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan.numba import disk

pytestmark = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="Numba is not installed")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of the user for what is compiled."""
    monkeypatch.setenv("FLOWGRAPH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def value():
    """What a small plan gives."""
    x = fg.Input("x", shape=(2,))
    return fg.compile(np.expm1(x), backend="numba")(x=np.zeros(2))


def test_what_was_compiled_is_read_from_the_disk(folder, monkeypatch):
    np.testing.assert_array_equal(value(), 0.0)
    (source,) = folder.glob("*/step.py")
    (compiled,) = source.parent.glob("__pycache__/*.nbc")
    before = compiled.stat().st_mtime_ns
    np.testing.assert_array_equal(value(), 0.0)
    assert compiled.stat().st_mtime_ns == before
    compiled.write_bytes(b"spoilt")
    np.testing.assert_array_equal(value(), 0.0)
    monkeypatch.setenv("FLOWGRAPH_CACHE", str(source))  # no folder
    np.testing.assert_array_equal(value(), 0.0)


def test_the_cache_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(disk, "LARGEST", 3)
    places = [disk.file_of(f"# {number}") for number in range(5)]
    assert places[-1].exists()
    assert len(list(folder.iterdir())) == 3


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.delenv("FLOWGRAPH_CACHE")
    for platform, variable in (("linux", "XDG_CACHE_HOME"), ("win32", "LOCALAPPDATA")):
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setenv(variable, str(tmp_path))
        assert disk.cache_folder() == tmp_path / "flowgraph"
    for variable in ("XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(variable)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert disk.cache_folder() is None, "of a user without a home"


def test_off_keeps_nothing(folder, monkeypatch):
    monkeypatch.setenv("FLOWGRAPH_CACHE", "off")
    monkeypatch.chdir(folder.parent)
    value()
    assert disk.file_of("# a kernel") is None
    assert list(folder.parent.rglob("*")) == []


def of_another(patch, place):
    """All files belong to another user."""
    patch.setattr(os, "geteuid", lambda: 12345)


def writable(patch, place):
    """A folder into which others may write."""
    place.chmod(0o777)


def linked(patch, place):
    """A link to a folder."""
    place.rename(place.with_name("elsewhere"))
    place.symlink_to(place.with_name("elsewhere"))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other owners of files")
@pytest.mark.parametrize("foreign", [of_another, writable, linked])
def test_what_somebody_else_could_have_written_is_not_read(foreign, folder, monkeypatch):
    text = "# a kernel"
    place = disk.file_of(text).parent
    assert disk.file_of(text) is not None
    foreign(monkeypatch, place)
    assert disk.file_of(text) is None

"""Where files are put: rights, links, strange names, places where no file can be."""

import errno
import os
import stat
import threading

import pytest

from flowgraph.errors import FileWriteError
from flowgraph.saving.replacing import create_file, make_folder, remove_leftovers, replace_file, replace_text
from tests.saving.test_replacing import leftovers


def test_places_where_no_file_can_be(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    for path, text in (
        (tmp_path / "none" / "a.svg", "No such file or directory; make its folder first"),
        (tmp_path / "file" / "a.svg", "; "),
        (tmp_path / "folder", "a folder of that name is there"),
        (tmp_path / ("x" * 300), "File name too long; choose a shorter name"),
    ):
        with pytest.raises(FileWriteError, match="could not be written: ") as caught:
            replace_file(path, b"new")
        assert text in str(caught.value)
        assert str(path) in str(caught.value)
    for path in (tmp_path / "file", tmp_path / "file" / "inner"):
        with pytest.raises(FileWriteError, match=r"file.*: could not be written: .*choose another"):
            make_folder(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]


def test_the_rights_of_a_file_stay(tmp_path):
    path = replace_text(tmp_path / "private", "old")
    usual = stat.S_IMODE(path.stat().st_mode)
    path.chmod(0o600)
    replace_text(path, "new")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(replace_text(tmp_path / "other", "new").stat().st_mode) == usual


def test_what_is_no_file_is_written_to(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    replace_text(pipe, "text")
    reader.join()
    assert found == [b"text"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_names_with_signs_of_patterns_and_long_ones(tmp_path):
    for name in ("a[b]*?.csv", "x" * 250, "é" * 120):
        path = replace_text(tmp_path / name, "new")
        (tmp_path / f".{name.encode()[:150].decode(errors='ignore')}.1-2.part").write_text("left")
        (tmp_path / ".ab.csv.1-2.part").write_text("of another")
        remove_leftovers(path)
        assert leftovers(tmp_path) == [".ab.csv.1-2.part"]


def test_a_part_that_a_killed_process_of_the_same_number_left_is_no_obstacle(tmp_path, monkeypatch):
    monkeypatch.setattr("flowgraph.saving.replacing._counter", iter(range(100)))
    for number in range(3):
        (tmp_path / f".a.{os.getpid()}-{number}.part").write_text("left")
    assert replace_text(tmp_path / "a", "new").read_text() == "new"
    assert len(leftovers(tmp_path)) == 3


def test_half_of_a_pair_of_surrogates_is_written_out(tmp_path):
    assert replace_text(tmp_path / "a", "x\ud800y").read_text() == "x\\ud800y"


@pytest.mark.parametrize("links", [True, False])
def test_of_many_that_create_a_file_one_is_first(tmp_path, links, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", lambda one, other: (_ for _ in ()).throw(OSError(errno.EPERM, "no links")))
    path = tmp_path / "record"
    contents = [f"{number}".encode() * 1000 for number in range(8)]
    won = []
    threads = [threading.Thread(target=lambda c=c: won.append((create_file(path, c), c))) for c in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (first,) = (content for is_first, content in won if is_first)
    assert path.read_bytes() == first
    assert not create_file(path, b"later")
    assert leftovers(tmp_path) == []

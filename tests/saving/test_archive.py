"""The file itself: whatever is not whole is refused with its reason, and a killed writer leaves the old one."""

import json
import pickle
import signal
import struct
import subprocess
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import SavedFileError
from flowgraph.saving import FORMAT
from flowgraph.saving.archive import archive_bytes, read_archive, write_archive
from flowgraph.saving.replacing import remove_leftovers, replace_file

CONTENT = {"text": "weights", "numbers": [1, 2.5, None]}, {"W": np.arange(6.0).reshape(2, 3), "b": np.zeros(2, "f4")}


@pytest.fixture
def path(tmp_path):
    return write_archive(tmp_path / "file.safetensors", "test", *CONTENT)


def test_what_is_written_is_read(path):
    document, arrays = read_archive(path, "test")
    assert document == CONTENT[0]
    assert {name: array.tolist() for name, array in arrays.items()} == {"W": [[0, 1, 2], [3, 4, 5]], "b": [0, 0]}


def test_the_same_content_gives_the_same_bytes():
    reordered = dict(reversed(CONTENT[1].items()))
    assert len({archive_bytes("test", CONTENT[0], arrays) for arrays in (CONTENT[1], reordered) for _ in range(5)}) == 1


def test_every_truncation_is_refused(path):
    content = path.read_bytes()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(SavedFileError, match=r"truncated"):
            read_archive(path, "test")


def test_every_damaged_byte_is_refused_or_changes_nothing(path):
    content = path.read_bytes()
    for place in range(len(content)):
        for flip in (1, 255):
            path.write_bytes(content[:place] + bytes([content[place] ^ flip]) + content[place + 1 :])
            try:
                document, arrays = read_archive(path, "test")
            except SavedFileError:
                continue
            assert document == CONTENT[0]
            assert all(np.array_equal(arrays[name], array) for name, array in CONTENT[1].items())


def test_a_changed_number_is_named_as_damage(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    with pytest.raises(SavedFileError, match=r"file.safetensors: damaged, the checksum .* take another copy"):
        read_archive(path, "test")


def test_bytes_too_many(path):
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(SavedFileError, match=r"damaged, its header promises 56 bytes of arrays and 57 are there"):
        read_archive(path, "test")


def test_a_newer_file(path, monkeypatch):
    monkeypatch.setattr("flowgraph.saving.archive.FORMAT", FORMAT + 1)
    write_archive(path, "test", *CONTENT)
    monkeypatch.undo()
    with pytest.raises(SavedFileError, match=r"newer flowgraph in format 2, and this one reads up to 1; install"):
        read_archive(path, "test")


def test_a_file_of_another_kind(path):
    with pytest.raises(SavedFileError, match=r"found a test, needs a graph"):
        fg.load(path)


class Trap:
    """What pickle would run."""

    def __reduce__(self):
        return print, ("code was run",)


def test_foreign_files(tmp_path, capsys):
    safetensors = pytest.importorskip("safetensors.numpy")
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    for content in (pickle.dumps(Trap()), png, b"{" * 100, json.dumps([1] * 30).encode()):
        (tmp_path / "foreign").write_bytes(content)
        with pytest.raises(
            SavedFileError, match=r"not a file of flowgraph|truncated or of another program|truncated, its header"
        ):
            fg.load(tmp_path / "foreign")
    (tmp_path / "foreign").write_bytes(safetensors.save({"a": np.ones(2)}, metadata={"format": "pt"}))
    with pytest.raises(SavedFileError, match=r"a safetensors file without the metadata that flowgraph writes"):
        fg.load(tmp_path / "foreign")
    assert capsys.readouterr().out == ""


def test_a_deep_header_is_refused_not_a_crash(tmp_path):
    header = b'{"a":' * 100_000
    (tmp_path / "deep").write_bytes(struct.pack("<Q", len(header)) + header)
    with pytest.raises(SavedFileError, match=r"not a file of flowgraph"):
        fg.load(tmp_path / "deep")


def test_a_file_that_is_not_there_and_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        fg.load(tmp_path / "nowhere")
    with pytest.raises(SavedFileError, match=r"found a folder"):
        fg.load(tmp_path)


def test_a_link_stays_a_link(path):
    link = path.parent / "link"
    link.symlink_to(path)
    replace_file(link, b"new")
    assert link.is_symlink()
    assert path.read_bytes() == b"new"


KILLED = """
import os, signal, sys
from flowgraph.saving.replacing import replace_file
real = getattr(os, {call!r})
def killed(*args):
    if {after}:
        real(*args)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(os, {call!r}, killed)
replace_file(sys.argv[1], b"new" * 100_000)
"""


@pytest.mark.parametrize(
    ("call", "after", "left"), [("fsync", False, "old"), ("replace", False, "old"), ("replace", True, "new")]
)
def test_kill_9_in_the_middle_of_a_write(tmp_path, call, after, left):
    path = tmp_path / "file"
    replace_file(path, b"old" * 100_000)
    code = KILLED.format(call=call, after=after)
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -signal.SIGKILL
    assert path.read_bytes() == left.encode() * 100_000
    remove_leftovers(path)
    assert list(tmp_path.iterdir()) == [path]

"""Named pipes where files are expected: read and written, or refused in one line; nothing waits for ever."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.checking.examples import load
from flowgraph.data import load_npz
from flowgraph.data.preparation import read_table
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.saving import pipes
from flowgraph.saving.replacing import replace_text

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")


@pytest.fixture
def pipe(tmp_path, monkeypatch):
    monkeypatch.setattr(pipes, "WAIT", 0.2)

    def made(name):
        os.mkfifo(tmp_path / name)
        return tmp_path / name

    return made


def graph():
    return fg.Graph(np.tanh(fg.Input("x", shape=("N", 2)) @ fg.Parameter(np.eye(2), name="W")))


READERS = {
    "a.csv": read_table,
    "a.npz": lambda path: load_npz(path, "y"),
    "a.parquet": read_table,
    "a.safetensors": fg.load,
    "a.onnx": fg.load,
    "a.py": lambda path: load(str(path)),
}


@pytest.mark.parametrize("name", READERS)
def test_a_pipe_that_nobody_writes_into_is_refused(name, pipe):
    with pytest.raises(FlowgraphError, match="named pipe"):
        READERS[name](pipe(name))


WRITERS = {
    "a.svg": lambda path: graph().render(path), "a.safetensors": lambda path: fg.save(path, graph()),
    "a.csv": lambda path: replace_text(path, "a"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_a_pipe_that_nobody_reads_from_is_refused(name, pipe):
    with pytest.raises(OSError, match=r"could not be written: .*; a named pipe .* no process reads from it"):
        WRITERS[name](pipe(name))


@pytest.mark.parametrize("size", [1, 70_000, 3_000_000])
@pytest.mark.parametrize("cut", [0, 1, 0.5])
def test_what_another_process_writes_later_is_read(size, cut, pipe, monkeypatch):
    monkeypatch.setattr(pipes, "WAIT", 20.0)
    path, content = pipe("a"), os.urandom(size)
    code = "import sys, time; time.sleep(0.1); file = open(sys.argv[1], 'wb')\n"
    code += "for part in range(2): time.sleep(0.1); file.write(bytes.fromhex(sys.stdin.readline())); file.flush()"
    place = int(cut * size)
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, text=True) as writer:
        text = f"{content[:place].hex()}\n{content[place:].hex()}\n"
        threading.Thread(target=writer.communicate, args=(text,)).start()
        assert pipes.read_pipe(path, 1 << 30, UsageError) == content


def test_more_than_is_allowed_is_not_read(pipe):
    path = pipe("a")
    writer = subprocess.Popen([sys.executable, "-c", "while True: print('y' * 4000)"], stdout=os.open(path, os.O_RDWR))
    with writer:
        assert 10 < len(pipes.read_pipe(path, 10, UsageError)) < 1 << 21
        writer.kill()


def test_a_table_from_a_pipe_is_the_table_of_the_file(pipe, tmp_path):
    text = "a,b\n" + "".join(f"{n},{n * n}\n" for n in range(20_000))
    (tmp_path / "file.csv").write_text(text)
    path = pipe("pipe.csv")
    threading.Thread(target=lambda: replace_text(path, text)).start()
    assert read_table(path).cells == read_table(tmp_path / "file.csv").cells

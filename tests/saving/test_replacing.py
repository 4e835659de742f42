"""Every file that the package writes is written whole: a reader meets the old one or the new one, never a half."""

import ast
import dataclasses
import errno
import os
import pickle
import signal
import threading
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.data import Examples, TestSet
from flowgraph.errors import FileWriteError
from flowgraph.experiment import RunFolder
from flowgraph.rendering.gallery import gallery
from flowgraph.saving.replacing import replace_file, replace_text
from flowgraph.search import Choice, SearchResult
from flowgraph.search.result import Trial
from flowgraph.training import Epoch, History, bias_variance
from flowgraph.training.checkpoint import Checkpoint

PACKAGE = Path(fg.__file__).parent


ELSEWHERE = {
    "saving/replacing.py",  # where it is done
    "saving/pipes.py",  # a pipe, in which nothing is replaced
    "plan/numba/disk.py",  # whole too: written under another name, then renamed, for nobody but the user to read
    "mutation/processes.py",  # into a folder of its own, for processes that it starts later
    "mutation/forking.py",  # a journal in that folder, to which each process adds a line
    "checking/point.py",  # the same
}


HISTORY = History([Epoch(1, 1, 0.1, 0.5, 2.0, None, 1.5), Epoch(2, 2, 0.1, 0.5, 1.0, None, 0.5)], best_epoch=2)


GRAPH = fg.Graph(fg.mean(np.tanh(fg.Input("x", shape=("N", 2)) @ fg.Parameter(np.ones((2, 1)), name="w"))))


FOUND = SearchResult(
    [Trial(0, {"a": 1}, "complete", 0.5, 0), Trial(1, {"a": 2}, "complete", 0.4, 0)], [{"a": Choice((1, 2))}]
)


def run():
    return GRAPH.fprop(x=np.ones((3, 2)))


def decomposition():
    def fit(x, y, degree, seed):
        return np.polynomial.Polynomial.fit(x, y, degree)

    x = np.linspace(-1, 1, 9)
    return bias_variance(fit, (0, 1), lambda rng: (x, x + rng.normal(size=9)), x, x, training_sets=3)


def checkpoint(path):
    fg.fit(fg.MLP([2, 2], rng=0), (np.eye(2), np.arange(2)), epochs=1, checks=False, progress=False,
           callbacks=[Checkpoint(path)])  # fmt: skip
    return path


WRITERS = {
    "graph.safetensors": lambda path: fg.save(path, GRAPH),
    "checkpoint.safetensors": checkpoint,
    "history.csv": HISTORY.to_csv,
    "history.svg": HISTORY.plot,
    "history.png": HISTORY.plot,
    "history.pdf": HISTORY.plot,
    "search.csv": FOUND.to_csv,
    "search.svg": FOUND.plot,
    "parts.csv": lambda path: decomposition().to_csv(path),
    "parts.svg": lambda path: decomposition().plot(path),
    "graph.svg": lambda path: GRAPH.render(path, engine="builtin"),
    "graph.png": lambda path: GRAPH.render(path),
    "graph.pdf": lambda path: GRAPH.render(path),
    "graph.dot": lambda path: GRAPH.render(path),
    "graph.html": lambda path: GRAPH.render(path),
    "steps.html": lambda path: GRAPH.animate(path, run()),
    "steps.svg": lambda path: GRAPH.animate(path, run()),
    "derivation.html": lambda path: GRAPH.explain(path),
    "derivation.md": lambda path: GRAPH.explain(path),
    "derivation.tex": lambda path: GRAPH.explain(path),
    "gallery.html": gallery,
    "config.json": lambda path: RunFolder(path.parent).write_json(path, {"a": 1}),
    "notes.txt": lambda path: replace_text(path, "new"),
}


@pytest.fixture(scope="module", autouse=True)
def few_boxes():
    """The gallery has every box; three are enough here."""
    patch = pytest.MonkeyPatch()
    from flowgraph.rendering import gallery as module

    first = module.topics()[0]
    few = [dataclasses.replace(first, boxes=first.boxes[:3])]
    patch.setattr(module, "topics", lambda: few)
    yield
    patch.undo()


def leftovers(folder):
    return [one.name for one in folder.iterdir() if one.name.startswith(".")]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_is_written_under_another_name_and_then_put_in_place(name, tmp_path, monkeypatch):
    moved = []
    real = os.replace
    monkeypatch.setattr(os, "replace", lambda one, other: (moved.append(Path(other).name), real(one, other)))
    written = WRITERS[name](tmp_path / name)
    assert Path(written).name in moved
    assert Path(written).read_bytes()
    assert leftovers(tmp_path) == []


FAILURES = {
    "fsync": OSError(errno.ENOSPC, "No space left on device"),
    "replace": OSError(errno.EACCES, "Permission denied"),
    "an interrupt before": KeyboardInterrupt(),
    "an interrupt after": KeyboardInterrupt(),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("how", FAILURES)
@pytest.mark.parametrize("name", WRITERS)
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(name, how, tmp_path, monkeypatch):
    path = tmp_path / name
    path.write_bytes(b"old")
    (tmp_path / path.with_suffix(".svg").name).write_bytes(b"old")
    error = FAILURES[how]

    def fails(*args):
        raise error

    monkeypatch.setattr(os, "fsync" if how in ("fsync", "an interrupt before") else "replace", fails)
    with pytest.raises(KeyboardInterrupt if isinstance(error, KeyboardInterrupt) else FileWriteError) as caught:
        WRITERS[name](path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert leftovers(tmp_path) == []
    if isinstance(error, OSError):
        assert caught.value.errno == error.errno
        assert f"{path.stem}." in str(caught.value)
        assert "could not be written: " in str(caught.value)
        assert "; free space there" in str(caught.value) or "; choose a folder" in str(caught.value)
        assert "\n" not in str(caught.value)


def writes(tree):
    """The calls of a module by which a file could be written in pieces."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        modes = [one.value for one in [*node.args, *(k.value for k in node.keywords)] if isinstance(one, ast.Constant)]
        opens = name == "open" and any(
            isinstance(mode, str) and set(mode) & set("wxa") - {"utf-8"} and len(mode) < 4 for mode in modes
        )
        if (
            name in ("write_text", "write_bytes", "tofile", "savez", "savetxt", "save_file", "savez_compressed")
            or opens
        ):
            yield node.lineno, name
        if name == "savefig" and not (isinstance(node.args[0], ast.Name) and node.args[0].id in ("content", "pages")):
            yield node.lineno, name
        if name == "save" and isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "np":
            yield node.lineno, name


def test_the_package_writes_files_in_one_place():
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if name not in ELSEWHERE:
            found += [f"{name}:{line} {call}" for line, call in writes(ast.parse(path.read_text(encoding="utf-8")))]
    assert found == []


def test_what_would_be_found():
    lines = ["p.write_text(t)", "open(p, 'w')", "p.open(mode='xb')", "f.savefig(p)", "np.save(p, a)"]
    harmless = ["f.savefig(content)", "open(p)", "open(p, 'rb')", "open(p, encoding='utf-8')"]
    assert [line for line, _ in writes(ast.parse("\n".join(lines + harmless)))] == [1, 2, 3, 4, 5]


def test_a_reader_never_meets_a_half(tmp_path):
    path = tmp_path / "picture.svg"
    contents = {b"<svg>" + bytes([letter]) * 200_000 + b"</svg>" for letter in b"ab"}
    one, other = sorted(contents)
    replace_file(path, one)
    seen, ended = [], threading.Event()

    def read():
        while not ended.is_set():
            seen.append(path.read_bytes() in contents)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for number in range(60):
        replace_file(path, other if number % 2 else one)
    ended.set()
    for reader in readers:
        reader.join()
    assert len(seen) > 2
    assert all(seen)


@pytest.mark.parametrize(("number", "text"), [
    (errno.ENOSPC, "No space left on device; free space there"),
    (errno.EFBIG, "File too large; raise the limit on the size of files"),
    (errno.EROFS, "Read-only file system; choose a folder"), (errno.EIO, "Input/output error"),
])  # fmt: skip
def test_the_error_says_which_file_why_and_the_way_out(number, text, tmp_path, monkeypatch):
    def fails(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(FileWriteError) as caught:
        replace_file(tmp_path / "a.csv", b"new")
    assert str(caught.value).startswith(f"{tmp_path / 'a.csv'}: could not be written: {text}")
    assert isinstance(caught.value, OSError)
    assert isinstance(caught.value, fg.FlowgraphError)
    assert caught.value.errno == number
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_record_of_an_opened_test_set_is_whole(tmp_path, monkeypatch):
    test = TestSet(Examples([[0.0], [1.0]], [0, 1], classes=("a", "b")), tmp_path / "record.json")
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")))
    with pytest.raises(FileWriteError, match=r"record.json: could not be written: .*free space"):
        test.open()
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []
    assert len(test.open()) == 2
    with pytest.raises(fg.FlowgraphError, match="opened before"):
        TestSet(Examples([[0.0]], [0.0]), tmp_path / "record.json").open()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_what_a_killed_writer_left_is_removed_by_the_next_one_of_a_checkpoint(tmp_path):
    """A process killed between writing and renaming leaves the old file and a .part, which does not stay forever."""
    path = tmp_path / "checkpoint.safetensors"
    checkpoint(path)
    old = path.read_bytes()
    child = os.fork()
    if child == 0:  # killed in the moment before the new file takes its place
        os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        replace_file(path, b"new")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert path.read_bytes() == old
    assert [one.suffix for one in tmp_path.iterdir() if one != path] == [".part"]
    checkpoint(path)
    assert list(tmp_path.iterdir()) == [path]

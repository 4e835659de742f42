"""Every file that the package writes is written whole: a reader meets the old one or the new one, never a half."""

import ast
import errno
import os
import pickle
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.data import Examples, TestSet
from flowgraph.errors import FileWriteError
from flowgraph.experiment import RunFolder
from flowgraph.rendering.gallery import gallery
from flowgraph.saving.replacing import create_file, make_folder, remove_leftovers, replace_file, replace_text
from flowgraph.search import Choice, SearchResult
from flowgraph.search.result import Trial
from flowgraph.training import Epoch, History, bias_variance
from flowgraph.training.checkpoint import Checkpoint

PACKAGE = Path(fg.__file__).parent

ELSEWHERE = {
    "saving/replacing.py",  # where it is done
    "plan/numba/cache.py",  # whole too: written under another name, then renamed
    "mutation/court.py",  # into a folder of its own, for processes that it starts later
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

    drawn = list(module._drawn())[:3]
    patch.setattr(module, "_drawn", lambda: iter(drawn))
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
        if name == "savefig" and not (isinstance(node.args[0], ast.Name) and node.args[0].id == "content"):
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

"""Folders and files that somebody else made, full disks, limits: taken up whole or refused in one line."""

import errno
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tracemalloc
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

import flowgraph as fg
from flowgraph.cli import main
from flowgraph.data import load_csv
from flowgraph.data.preparation import read_npz
from flowgraph.errors import DataError, SavedFileError, UsageError
from flowgraph.experiment import Experiment, RunFolder, TrainSettings, resume_training, train
from flowgraph.search import Choice, LogUniform, Uniform, Whole
from flowgraph.search.space import space_of_record, space_record
from flowgraph.training.mlp import MLP
from tests.saving.documents import mutated

pytestmark = pytest.mark.sampled(one_in=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    train(TrainSettings("moons", hidden=(2,), epochs=1), folder / "run", checks=False)
    return folder / "run"


@pytest.fixture
def run(trained, tmp_path):
    return RunFolder(shutil.copytree(trained, tmp_path / "run"))


def changed(path, change):
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


@pytest.mark.parametrize("hidden", [[10**6, 10**6], [10**9], [10**18, 10**18]])
def test_a_network_that_fits_into_no_memory_is_refused_before_it_is_made(run, hidden, monkeypatch):
    monkeypatch.setattr("flowgraph.saving.limits.memory", lambda: 8e9)
    changed(run.config, lambda record: record["settings"].update(hidden=hidden))
    with pytest.raises(UsageError, match=r"a network of .* parameters: needs .* GB of memory, and this machine has 8"):
        resume_training(run.path)


@pytest.mark.parametrize(("name", "value"), [
    ("columns", "abc"), ("columns", [1]), ("classes", {"a": 1}), ("classes", None), ("columns", [["a"]]),
])  # fmt: skip
def test_a_changed_result_is_refused(run, name, value):
    changed(run.result, lambda record: record.update({name: value}))
    with pytest.raises(SavedFileError, match=r"result.json: no result of a run"):
        run.read_result()


SPACE = {"a": LogUniform(1e-3, 1.0), "b": Whole(1, 9), "c": Choice((1, (2, 3))), "d": Uniform(0.0, 1.0, points=3)}


def test_the_space_of_a_study_is_a_part_of_the_first():
    inner = SPACE | {"a": LogUniform(0.01, 0.1), "b": Whole(2, 5)}
    assert space_of_record(space_record(inner), SPACE) == inner
    rng = random.Random(0)
    for _ in range(300):
        record = mutated(rng, space_record(inner))
        try:
            found = space_of_record(record, SPACE)
        except SavedFileError:
            continue
        assert found.keys() == SPACE.keys()
        assert all(SPACE[name].low <= found[name].low <= found[name].high <= SPACE[name].high for name in "abd")
        assert all(len(found[name].grid()) <= 9 for name in found)


def test_a_value_of_a_study_is_one_of_the_space():
    for part, value in ((SPACE["c"], '"other"'), (SPACE["a"], 7.0), (SPACE["b"], "3"), (SPACE["b"], True)):
        with pytest.raises(SavedFileError, match="study: found the value"):
            part.value_of(value)


def packed(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def header(shape, descr="<f8"):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (63 - (len(text) + 10) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def test_an_npz_that_unpacks_to_more_than_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("flowgraph.saving.limits.memory", lambda: 5e6)
    path = packed(tmp_path / "file.npz", {"x.npy": header((10**6,)) + bytes(8 * 10**6)})
    assert path.stat().st_size < 10**5
    with pytest.raises(
        DataError, match=r"file.npz: asks for 8 MB of memory with [\d,]+ bytes, and at most 5 MB are made"
    ):
        read_npz(path)


def test_one_long_word_does_not_make_every_cell_as_long(tmp_path):
    """NumPy gives each text of an array the room of the longest."""
    path = tmp_path / "table.csv"
    path.write_text("x,kind\n0," + "a" * 5000 + "\n" + "".join(f"{i}.5,b\n" for i in range(5000)))
    tracemalloc.start()
    try:
        examples = load_csv(path, "kind")
        path.write_text(",".join(f"x{i}" for i in range(5000)) + ",kind\n" + "1" * 5000 + ",0" * 4999 + ",a\n")
        with pytest.raises(DataError, match="line 2, column 'x0'"):
            load_csv(path, "kind")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(name) for name in examples.classes] == [5000, 1]
    assert peak < 20e6


def test_an_experiment_of_usual_size_is_not_refused():
    assert isinstance(Experiment(TrainSettings("moons", hidden=(512, 512))).mlp, MLP)
    assert np.isfinite(fg.saving.limits.memory())


SHORT = ["moons", "--epochs", "2", "--hidden", "4"]


def limited(size, *arguments):
    """The command in a process that writes no file larger than so many bytes.

    Python 3.11 does not see that a file of bytecode was cut by the limit, and puts it where every later process reads
    it: `-B`, so that none is written.
    """
    command = [sys.executable, "-B", "-m", "flowgraph", *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip


def test_a_limit_on_the_size_of_files_before_anything_is_kept(tmp_path):
    done = limited(2000, "train", *SHORT, "-o", tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.safetensors"
    assert done.returncode == 3
    assert done.stderr == (
        f"Error: {path}: could not be written: File too large; raise the limit on the size of files (ulimit -f), "
        f"then try again\n"
    )
    assert [one.name for one in path.parent.iterdir()] == ["config.json"]
    assert CliRunner().invoke(main, ["train", *SHORT, "-o", str(tmp_path / "run")]).exit_code == 0


def test_a_training_whose_report_does_not_fit_goes_on_later(tmp_path):
    folder = tmp_path / "run"
    done = limited(20_000, "train", *SHORT, "-o", folder)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("Error: ")
    assert "curve.svg: could not be written: File too large; " in done.stderr  # of a long folder not all
    assert done.stderr.endswith(f"(ulimit -f), then go on with: flowgraph train --resume -o {folder}\n")
    assert not [one.name for one in folder.iterdir() if one.name.startswith(".") or one.name.endswith(".lock")]
    result = CliRunner().invoke(main, ["train", "--resume", "-o", str(folder)])
    assert result.exit_code == 0, result.output
    assert (folder / "report.html").exists()


@pytest.mark.parametrize("number", range(1, 8))
def test_a_disk_that_is_full_after_some_files(number, tmp_path, monkeypatch):
    real, left = os.fsync, [2 * number]

    def fsync(handle):  # of each file, and of the folder when it is in place
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    folder = tmp_path / "run"
    monkeypatch.setattr(os, "fsync", fsync)
    result = CliRunner().invoke(main, ["train", *SHORT, "--checkpoint-every", "1000", "-o", str(folder)])
    monkeypatch.undo()
    assert result.exit_code == 3
    assert result.output.count("\n") == 1, result.output
    assert ": could not be written: No space left on device; free space there, then " in result.output
    assert not [one.name for one in folder.glob("*") if one.name.startswith(".") or one.name.endswith(".lock")]
    ways = {True: ["train", "--resume", "-o", str(folder)], False: ["train", *SHORT, "-o", str(folder)]}
    resumed = "--resume" in result.output
    assert CliRunner().invoke(main, ways[resumed]).exit_code == 0


def test_folders_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    for command in (["train", *SHORT], ["search", *SHORT, "-s", "l2=0.0|0.1"], ["demo", "--epochs", "1"],
                    ["bias-variance", *SHORT, "--vary", "hidden=1|2"]):  # fmt: skip
        result = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "file" / "run")])
        assert result.exit_code == 3, result.output
        assert result.stderr.count("\n") == 1, result.output
        assert f"Error: {tmp_path / 'file' / 'run'}: could not be written: " in result.stderr
        assert "what should be its folder is none; choose another" in result.output


@pytest.mark.parametrize(("place", "remedy"), [
    ("none/a.svg", "make its folder first, or choose another"), ("file/a.svg", "choose another"),
    ("x" * 300 + ".svg", "shorter name"),
])  # fmt: skip
def test_pictures_that_cannot_be_written(place, remedy, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "net.py").write_text(
        "import flowgraph as fg\ngraph = fg.Graph(fg.mean(fg.Parameter([1.0], name='w')))\n"
    )
    target = str(tmp_path / "net.py") + ":graph"
    for command in (["render", target], ["animate", target], ["explain", target]):
        path = place.replace(".svg", ".html") if command[0] != "render" else place
        result = CliRunner().invoke(main, [*command, "-o", str(tmp_path / path)])
        assert result.exit_code == 3, result.output
        assert result.output.count("\n") == 1, result.output
        assert "could not be written: " in result.output
        assert remedy in result.output
    result = CliRunner().invoke(main, ["gallery", str(tmp_path / "none" / "a.html")])
    assert (result.exit_code, "make its folder first" in result.output) == (3, True)

"""Two processes in one folder: the second is refused, or waits, and the record is that of the model beside it."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import flowgraph as fg
from flowgraph.experiment import RunFolder, TrainSettings, train
from flowgraph.search import Choice, select


def start(*arguments):
    command = [sys.executable, "-m", "flowgraph", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(there, process):
    """Wait for a file that a process makes."""
    for _ in range(6000):
        if there.exists():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError(f"{there} did not appear")


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


LONG = ["moons", "--epochs", "100000", "--patience", "0", "--hidden", "4"]


def test_two_trainings_in_one_folder(tmp_path):
    """One wrote the settings, the other the model, and one fell over a picture that the other had half written."""
    folder = tmp_path / "two"
    first = start("train", *LONG, "--seed", "0", "-o", folder)
    until(folder / "checkpoint.safetensors", first)
    second = start("train", *LONG, "--seed", "1", "--learning-rate", "0.01", "-o", folder)
    code, out, err = finish(second)
    assert (code, out) == (3, "")
    assert err.count("\n") == 1
    assert err.startswith(f"Error: {folder}: process {first.pid} writes it since ")
    resumed = finish(start("train", "--resume", "-o", folder))
    assert (resumed[0], f"process {first.pid} writes it" in resumed[2]) == (3, True)
    first.send_signal(signal.SIGINT)
    code, out, err = finish(first)
    assert code == 130, err
    assert not (folder / "running.lock").exists()
    assert json.loads((folder / "config.json").read_text())["settings"]["seed"] == 0
    code, out, err = finish(start("train", "--resume", "--epochs", "1", "-o", folder))
    assert code == 0, err
    assert fg.load(folder / "model.safetensors").outputs[0].shape == ("N", 2)


def test_a_killed_training_leaves_no_hindrance(tmp_path):
    folder = tmp_path / "run"
    first = start("train", *LONG, "-o", folder)
    until(folder / "checkpoint.safetensors", first)
    first.kill()
    finish(first)
    assert (folder / "running.lock").exists()
    code, _, err = finish(start("train", "--resume", "--epochs", "1", "-o", folder))
    assert code == 0, err
    assert f"note: {folder}: process {first.pid}, which wrote it, was killed; its lock was removed" in err
    assert not (folder / "running.lock").exists()


def test_whatever_a_training_ends_with_the_folder_is_free(tmp_path):
    run = RunFolder(tmp_path / "run")
    settings = TrainSettings("moons", hidden=(2,), epochs=1)

    def fails(trainer, epoch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(settings, run, checks=False, callbacks=[fails])
    assert not run.lock.exists()
    run.clear()
    train(settings, run, checks=False)
    assert not run.lock.exists()
    with pytest.raises(fg.FlowgraphError, match="found a run in it"):
        train(settings, run)
    assert not run.lock.exists()


def test_a_search_waits_for_the_process_that_trains_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr("flowgraph.saving.lock.WAIT", 0.01)
    best = RunFolder(tmp_path / "best")
    best.path.mkdir()
    told = []
    with best.lock_for_writing():
        record = json.loads(best.lock.read_text())
    best.lock.write_text(json.dumps(record | {"host": "another"}))

    def on_wait(text):
        told.append(text)
        os.unlink(best.lock)

    base = TrainSettings("moons", hidden=(4,), epochs=1, patience=None)
    found = select(base, {"l2": Choice([0.0])}, tmp_path, sampler="grid", on_wait=on_wait)
    assert found.outcome.test_error is not None
    assert len(told) == 1
    assert f"{best.path}: process {record['pid']} on another writes it" in told[0]
    assert not best.lock.exists()


def test_another_search_empties_the_folder_that_it_holds(tmp_path):
    base = TrainSettings("moons", hidden=(4,), epochs=1, patience=None)
    select(base, {"l2": Choice([0.0])}, tmp_path, name="one", sampler="grid")
    (tmp_path / "best" / "old").mkdir()
    (tmp_path / "best" / "old" / "file").write_text("")
    select(base, {"l2": Choice([0.5])}, tmp_path, name="two", sampler="grid")
    assert not (tmp_path / "best" / "old").exists()
    assert json.loads((tmp_path / "best" / "config.json").read_text())["settings"]["l2"] == 0.5


@pytest.mark.parametrize("command", [["demo"], ["bias-variance", "moons", "--vary", "hidden=1|2"]])
def test_other_commands_that_write_a_folder(command, tmp_path):
    run = RunFolder(tmp_path)
    with run.lock_for_writing():
        code, _, err = finish(start(*command, "--epochs", "1", *(["-o"] if len(command) > 1 else ["--out"]), tmp_path))
    assert code == 3
    assert f"Error: {tmp_path}: process {os.getpid()} writes it since" in err
    assert [path.name for path in tmp_path.iterdir()] == []

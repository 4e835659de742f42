"""Checkpoints: a training killed at any instant ends with the bits of one that was never interrupted."""

import signal
import subprocess
import sys

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import SavedFileError, UsageError
from flowgraph.saving import write_archive
from flowgraph.training import (
    Adam,
    Checkpoint,
    EarlyStopping,
    Problem,
    Trainer,
    load_checkpoint,
    resume,
    save_checkpoint,
)
from flowgraph.training.state import structure_fingerprint

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 3)), RNG.integers(0, 2, 50)


def trainer(l2=1e-3, x=X, **settings):
    """A network with everything that has a memory: dropout, Adam, a schedule, early stopping, an uneven batch."""
    mlp = fg.MLP([3, 6, 2], rng=0, dropout=0.2)
    a, y = mlp.logits(fg.Input("x", shape=("N", 3)), training=True), fg.Input("y", shape=("N",), dtype=int)
    problem = Problem(fg.mean(fg.SoftmaxCrossEntropy(a, y)) + l2 * fg.L2(*mlp.weights))
    settings = {"rule": Adam(), "learning_rate": fg.training.schedules.InverseTime(0.05, 0.01), "batch_size": 16,
                "early_stopping": EarlyStopping(6), "seed": 3} | settings  # fmt: skip
    return Trainer(problem, (x[:35], Y[:35]), (X[35:], Y[35:]), **settings)


def same_bits(one, other):
    return all(np.array_equal(one.values()[name], other.values()[name]) for name in one.values())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.safetensors"


@pytest.mark.parametrize("updates", range(8))
def test_resumed_after_any_update(path, updates):
    whole, first = trainer(), trainer()
    history = whole.run(12)

    def stop(one):
        if one.updates == updates:
            one.stop("enough")

    listener = fg.training.Callback()
    listener.on_step = stop
    first.run(12, [listener, Checkpoint(path, seconds=1000)]) if updates else save_checkpoint(path, first)
    second = resume(path, trainer())
    assert second.updates == updates
    resumed = second.run(12)
    assert same_bits(whole, second)
    assert resumed["train_loss"] == history["train_loss"]
    assert (resumed.best_epoch, resumed.ended) == (history.best_epoch, history.ended)


def test_stopped_early_stays_stopped(path):
    settings = {"early_stopping": EarlyStopping(1, minimum_improvement=10), "learning_rate": 0.01}
    first = trainer(**settings)
    first.run(50, [Checkpoint(path)])
    second = resume(path, trainer(**settings))
    second.run(50)
    assert (second.epoch, second.updates) == (first.epoch, first.updates)
    assert same_bits(first, second)


KILLED = """
import os, signal, sys
from tests.training.test_checkpoint import Checkpoint, resume, trainer
from pathlib import Path
path, calls, when = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
real = os.replace
def counting(*names):
    global calls
    calls -= 1
    if calls == 0 and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*names)
    if calls == 0 and when == "after":
        os.kill(os.getpid(), signal.SIGKILL)
os.replace = counting
if when == "writing":
    os.fsync = lambda handle: counting_writes()
def counting_writes():
    global calls
    calls -= 1
    for part in path.parent.glob(".*.part") if calls < 0 else ():
        os.truncate(part, part.stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
one = trainer()
if path.exists():
    resume(path, one)
one.run(12, [Checkpoint(path, seconds=0)])
print(one.updates)
"""


@pytest.mark.sampled(one_in=3)
def test_killed_again_and_again(path):
    """kill -9 before, in the middle of and after writes, a training carried on by one process after the other."""
    ended = None
    for round_, when in enumerate(["writing", "after", "before", "never"]):
        command = [sys.executable, "-W", "ignore", "-c", KILLED, path, str(3 + round_), when]
        ended = subprocess.run(command, check=False, capture_output=True, text=True)
        if when == "never":
            break
        assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert ended.returncode == 0, ended.stderr
    whole = trainer()
    whole.run(12)
    assert int(ended.stdout) == whole.updates
    last = trainer()
    resume(path, last).put_back_best()
    assert same_bits(whole, last)


def test_other_data_objective_or_settings_are_refused(path):
    save_checkpoint(path, trainer())
    for what, other in {
        "training data": trainer(x=X + 1e-9),
        "objective": trainer(l2=1e-4),
        "seed 3": trainer(seed=4),
        "rule": trainer(rule="sgd"),
        "batch_size 16": trainer(batch_size=8),
    }.items():
        with pytest.raises(UsageError, match=what):
            resume(path, other)
    trained = trainer()
    trained.run(1)
    save_checkpoint(path, trained)
    resume(path, trainer())


def test_a_structure_has_a_fingerprint_without_its_parameters():
    def graph(value, power=2.0, draw=np.zeros):
        w = fg.Parameter(value, name="w")
        return fg.Graph(w**power + fg.Random(draw, shape=(1,)))

    assert structure_fingerprint(graph([1.0])) == structure_fingerprint(graph([2.0]))
    assert structure_fingerprint(graph([1.0])) != structure_fingerprint(graph([1.0], power=3.0))
    assert structure_fingerprint(graph([1.0])) != structure_fingerprint(graph([1.0, 2.0]))


def test_a_checkpoint_is_no_graph_and_a_graph_no_checkpoint(path):
    save_checkpoint(path, trainer())
    with pytest.raises(SavedFileError, match="found a checkpoint, needs a graph"):
        fg.load(path)
    fg.save(path, fg.Graph(fg.Parameter([1.0])))
    with pytest.raises(SavedFileError, match="found a graph, needs a checkpoint"):
        load_checkpoint(path)


def test_a_checkpoint_of_another_shape_is_refused(path):
    write_archive(path, "checkpoint", {"record": {"tuple": 3}}, {})
    with pytest.raises(SavedFileError, match="no checkpoint that this flowgraph reads"):
        load_checkpoint(path)


def test_the_record_comes_back(path):
    first = trainer()
    first.run(2)
    save_checkpoint(path, first)
    record = dict(load_checkpoint(path).record)
    assert set(record.pop("fingerprints")) == {
        "objective", "evaluate=", "updates=", "training data", "validation data",
    }  # fmt: skip
    assert record == first.state().record


def test_a_checkpoint_after_other_examples_are_fed_is_one_of_these(path):
    first = trainer()
    save_checkpoint(path, first)
    first.feed((X[:35] + 1.0, Y[:35]), (X[35:], Y[35:]), batch_size=16)
    save_checkpoint(path, first)
    resume(path, trainer(x=X + 1.0))
    with pytest.raises(UsageError, match="another training data"):
        resume(path, trainer())


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"X": 1.0}, "training data"), ({"y": 1}, "training data"), ({"l2": 0.1}, "objective"),
        ({"valid": True}, "validation data"), ({"dropout": 0.5}, "objective"),
    ],
)  # fmt: skip
def test_fit_goes_on_with_the_same_objective_and_data_alone(path, change, what):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 3)), rng.integers(0, 2, 20)

    def fit(X=0.0, y_of=0, valid=False, dropout=0.0, **settings):
        data = X_of + X, (labels + y_of) % 2
        mlp = fg.MLP([3, 4, 2], rng=0, dropout=dropout)
        held_out = data if valid else (X_of[:5], labels[:5])
        return fg.fit(mlp, data, held_out, progress=False, seed=0, **settings)

    X_of, labels = X, y
    fit(epochs=1, callbacks=[Checkpoint(path)])
    assert len(fit(epochs=2, resume=load_checkpoint(path))) == 2
    changed = {"y_of" if name == "y" else name: value for name, value in change.items()}
    with pytest.raises(UsageError, match=f"the checkpoint was written in a training with another {what}"):
        fit(epochs=2, resume=load_checkpoint(path), **changed)


def test_at_most_every_so_many_seconds(path, monkeypatch):
    written = []
    monkeypatch.setattr("flowgraph.training.checkpoint.save_checkpoint", lambda *_: written.append(1))
    trainer().run(3, [Checkpoint(path, seconds=3600)])
    assert len(written) == 2, "the first step and the end"
    with pytest.raises(UsageError, match="Checkpoint: found seconds=-1, needs a number from 0"):
        Checkpoint(path, seconds=-1)

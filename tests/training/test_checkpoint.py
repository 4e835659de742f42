"""Checkpoints: a training killed at any instant ends with the bits of one that was never interrupted."""

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


def trainer(l2=1e-3, x=X, valid=X, **settings):
    """A network with everything that has a memory: dropout, Adam, a schedule, early stopping, an uneven batch."""
    mlp = fg.MLP([3, 6, 2], rng=0, dropout=0.2)
    a, y = mlp.logits(fg.Input("x", shape=("N", 3)), training=True), fg.Input("y", shape=("N",), dtype=int)
    problem = Problem(fg.mean(fg.SoftmaxCrossEntropy(a, y)) + l2 * fg.L2(*mlp.weights))
    settings = {"rule": Adam(), "learning_rate": fg.training.schedules.InverseTime(0.05, 0.01), "batch_size": 16,
                "early_stopping": EarlyStopping(6), "seed": 3} | settings  # fmt: skip
    return Trainer(problem, (x[:35], Y[:35]), (valid[35:], Y[35:]), **settings)


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


def test_other_data_objective_or_settings_are_refused(path):
    save_checkpoint(path, trainer())
    for what, other in {
        "training data": trainer(x=X + 1e-9),
        "validation data": trainer(valid=X + 1e-9),
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


def test_at_most_every_so_many_seconds(path, monkeypatch):
    written = []
    monkeypatch.setattr("flowgraph.training.checkpoint.save_checkpoint", lambda *_: written.append(1))
    trainer().run(3, [Checkpoint(path, seconds=3600)])
    assert len(written) == 2, "the first step and the end"

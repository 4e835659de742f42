"""flowgraph search: trials by the validation examples, the best trained into a run folder, the test set opened once."""

import csv
import json
import multiprocessing

import pytest
from click.testing import CliRunner

import flowgraph as fg
from flowgraph.cli import main
from flowgraph.data import moons
from flowgraph.errors import UsageError
from flowgraph.experiment import TrainSettings
from flowgraph.search import Choice, select
from flowgraph.search.selection import compared_by, trainer_of
from flowgraph.training import Callback, Trainer

SPACE = ["-s", "l2=0.0|0.1", "--sampler", "grid", "--hidden", "4", "--epochs", "2", "--patience", "0"]


def run(*arguments):
    return CliRunner().invoke(main, ["search", *map(str, arguments)])


def test_a_search_from_the_command_line(tmp_path):
    folder = tmp_path / "search"
    first = run("moons", *SPACE, "-o", folder)
    assert first.exit_code == 0, first.output
    rows = list(csv.DictReader((folder / "trials.csv").read_text().splitlines()))
    best = json.loads((folder / "best" / "config.json").read_text())["settings"]
    result = json.loads((folder / "best" / "result.json").read_text())
    assert len(rows) == 2
    assert float(rows[0]["l2"]) == best["l2"]
    assert f"test error: {result['test_error']:.2%}" in first.output
    epochs = list(csv.DictReader((folder / "best" / "history.csv").read_text().splitlines()))
    chosen = epochs[result["best_epoch"] - 1]
    assert float(chosen["valid_loss"]) == float(rows[0]["loss"]), (
        "the best training, done again, is the same to the bit"
    )
    assert float(chosen["valid_objective"]) == min(float(epoch["valid_objective"]) for epoch in epochs)
    assert fg.load(folder / "best" / "model.safetensors").outputs[0].shape == ("N", 2)

    again = run("moons", *SPACE, "-o", folder)
    assert again.exit_code == 0, again.output
    assert "test error: " in again.output, "the same model may be tested again"
    assert (folder / "trials.csv").read_text().count("\n") == 3

    other = run("moons", *SPACE, "--seed", "1", "-o", folder)
    assert (other.exit_code, "was begun with seed = 0" in other.output) == (3, True)


@pytest.mark.parametrize(("watch", "measure"), [("objective", "loss"), ("loss", "loss"), ("error", "error")])
def test_trials_are_compared_without_the_regularizer_that_differs_between_them(watch, measure, monkeypatch):
    """Their objectives would make the weakest regularizer the best; the epoch in each is chosen by what is watched."""
    examples = moons()
    seen = []
    run = Trainer.run
    monkeypatch.setattr(Trainer, "run", lambda *arguments: seen.append(run(*arguments)) or seen[-1])
    base = TrainSettings("moons", hidden=(4,), epochs=3, learning_rate=0.1, patience=None, watch=watch)
    assert compared_by(base) == measure
    train = trainer_of(base, examples)
    for l2 in (0.0, 1.0):
        value = train({"l2": l2}, Callback())
        best = seen[-1].best
        assert value == getattr(best, f"valid_{measure}")
        assert best.valid(watch) == min(epoch.valid(watch) for epoch in seen[-1])
        assert (best.valid_objective > best.valid_loss) == (l2 > 0)


def test_processes_share_the_trials(tmp_path):
    space = ["-s", "l2=0.0|0.01|0.1|1.0", *SPACE[2:]]
    result = run("moons", *space, "--jobs", "2", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert {float(row["l2"]) for row in rows if row["state"] in ("complete", "pruned")} == {0.0, 0.01, 0.1, 1.0}


def test_helpers_end_with_the_first_process(tmp_path, monkeypatch):
    monkeypatch.setattr("flowgraph.search.selection.PATIENCE", 0.0)

    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("flowgraph.search.selection._search", interrupted)
    base = TrainSettings("moons", hidden=(4,), epochs=2)
    before = set(multiprocessing.active_children())  # such as those that joblib keeps
    with pytest.raises(KeyboardInterrupt):
        select(base, {"l2": Choice([0.0, 1.0])}, tmp_path, jobs=2, sampler="grid")
    assert not set(multiprocessing.active_children()) - before


def test_another_best_is_not_tested_again(tmp_path):
    base = TrainSettings("moons", hidden=(4,), epochs=2, patience=None)
    first = select(base, {"l2": Choice([0.0])}, tmp_path, name="one", sampler="grid")
    assert first.outcome.test_error is not None
    second = select(base, {"l2": Choice([0.5])}, tmp_path, name="two", sampler="grid")
    assert second.outcome.test_error is None
    assert "opened for an earlier model" in second.outcome.note


def test_settings_that_say_which_examples_are_compared_are_not_searched(tmp_path):
    for name in ("seed", "valid", "source"):
        with pytest.raises(UsageError, match=f"found '{name}' in the space, but trials that differ"):
            select(TrainSettings("moons"), {name: Choice([1])}, tmp_path)
    with pytest.raises(UsageError, match=r"found 'layers', needs one of source"):
        select(TrainSettings("moons"), {"layers": Choice([1])}, tmp_path)


def test_ctrl_c_ends_with_130(tmp_path, monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("flowgraph.cli.train.select", interrupted)
    result = run("moons", "-s", "l2=0.0|0.1", "-o", tmp_path / "new")
    assert (result.exit_code, "the same command goes on" in result.output) == (130, True)

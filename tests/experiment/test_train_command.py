"""flowgraph train: the run folder, exit codes, the same bytes whether interrupted or not."""

import csv
import json
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner

import flowgraph as fg
from flowgraph.cli import main
from flowgraph.data import iris, moons
from flowgraph.experiment import Experiment, RunFolder, TrainSettings
from flowgraph.experiment.experiment import error_of
from flowgraph.training import load_checkpoint
from flowgraph.training.evaluation import predict

SHORT = [
    "--target",
    "kind",
    "--hidden",
    "6,5",
    "--epochs",
    "8",
    "--dropout",
    "0.1",
    "--l2",
    "1e-4",
    "--batch-size",
    "16",
]


@pytest.fixture(scope="module")
def flowers(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "flowers.csv"
    examples = iris()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*examples.columns, "kind"])
        writer.writerows([*row, examples.classes[label]] for row, label in zip(*examples, strict=True))
    return path


def run(*arguments):
    return CliRunner().invoke(main, ["train", *map(str, arguments)])


@pytest.fixture(scope="module")
def whole(flowers, tmp_path_factory):
    """A run without interruption."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    result = run(flowers, *SHORT, "-o", folder)
    assert result.exit_code == 0, result.output
    return folder, result.output


def test_the_run_folder(whole, flowers):
    folder, output = whole
    assert {path.name for path in folder.iterdir()} == {
        "config.json", "history.csv", "model.safetensors", "checkpoint.safetensors", "result.json", "test_opened.json",
        "graph.svg", "learning_curve.svg", "report.html",
    }  # fmt: skip
    result = json.loads((folder / "result.json").read_text())
    assert f"test error: {result['test_error']:.2%}" in output
    assert json.loads((folder / "config.json").read_text())["settings"]["hidden"] == [6, 5]
    history = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    objectives = [float(row["valid_objective"]) for row in history]
    assert len(objectives) == 8
    assert result["best_epoch"] == int(np.argmin(objectives)) + 1
    assert all(float(row["valid_loss"]) < float(row["valid_objective"]) for row in history), "there is an L2"
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 3
    assert all(word in page for word in ("virginica", "Learning curve", "flowers.csv"))
    assert "the best by the\nobjective of the validation examples" in page
    assert "best objective: epoch" in page
    assert not re.search(r'(src|href)="http', page)


def test_the_saved_model_reads_what_the_file_has(whole, flowers):
    folder, _ = whole
    model = fg.load(folder / "model.safetensors")
    result = json.loads((folder / "result.json").read_text())
    settings, _ = RunFolder(folder).read_config()
    test = Experiment(settings).raw.test.open()
    assert error_of(predict(model, test.x), test) == result["test_error"]
    np.testing.assert_allclose(predict(model, test.x).sum(axis=1), 1)


def test_another_seed_gives_another_network(whole, flowers, tmp_path):
    run(flowers, *SHORT, "--seed", "1", "-o", tmp_path / "other")
    assert (tmp_path / "other" / "model.safetensors").read_bytes() != (whole[0] / "model.safetensors").read_bytes()


KILLED = """
import os, signal, sys
calls = int(sys.argv[1])
real = os.replace
def counting(*names):
    global calls
    calls -= 1
    if calls == 0:
        os.kill(os.getpid(), getattr(signal, sys.argv[2]))
    real(*names)
os.replace = counting
from flowgraph.cli import main
main(sys.argv[3:])
"""


def interrupted(calls, how, *arguments):
    command = [sys.executable, "-W", "ignore", "-c", KILLED, calls, how, "train", *arguments, "--checkpoint-every", "0"]
    return subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)


def test_killed_and_resumed_gives_the_same_bytes(whole, flowers, tmp_path):
    """Killed while a checkpoint is written, ended by Ctrl-C, killed while the model is written, then left alone."""
    folder = tmp_path / "run"
    model, result = folder / "model.safetensors", folder / "result.json"
    first = interrupted(10, "SIGKILL", flowers, *SHORT, "-o", folder)
    assert first.returncode == -signal.SIGKILL
    assert not model.exists()
    second = interrupted(12, "SIGINT", "--resume", "-o", folder)
    assert second.returncode == 130, second.stderr
    assert f"go on with: flowgraph train --resume -o {folder}" in second.stdout
    assert not (folder / "test_opened.json").exists()
    done = load_checkpoint(folder / "checkpoint.safetensors").record["updates"]
    left = json.loads((whole[0] / "result.json").read_text())["updates"] - done
    before = model.read_bytes()
    third = interrupted(left + 3, "SIGKILL", "--resume", "-o", folder)
    assert third.returncode == -signal.SIGKILL
    assert model.read_bytes() == before
    assert [path.name.split(".")[1] for path in folder.glob("*.part")] == ["model"]
    last = run("--resume", "-o", folder)
    assert last.exit_code == 0, last.output
    assert model.read_bytes() == (whole[0] / "model.safetensors").read_bytes()
    assert json.loads(result.read_text()) == json.loads((whole[0] / "result.json").read_text())
    assert not list(folder.glob("*.part"))


def test_more_epochs_go_on_but_do_not_test_again(whole, tmp_path):
    folder = shutil.copytree(whole[0], tmp_path / "run")
    more = run("--resume", "--epochs", "20", "-o", folder)
    assert more.exit_code == 0
    assert "after 20 epochs" in more.output
    assert "note: the test examples were opened for an earlier model of this run" in more.output
    assert "test error:" not in more.output
    assert json.loads((folder / "result.json").read_text())["test_error"] is None


def test_what_is_wrong_is_said_with_its_exit_code(whole, flowers, tmp_path):
    for arguments, code, text in [
        ([flowers, *SHORT, "-o", whole[0]], 3, "found a run in it; --resume goes on with it"),
        (["--resume", "-o", tmp_path], 3, "found no config.json, so there is no run to resume"),
        (["--resume", "--l2", "1", "-o", whole[0]], 64, "so --l2 cannot be given"),
        (["--resume", flowers, "-o", whole[0]], 64, "so DATA cannot be given"),
        ([], 64, "DATA is missing"),
        ([flowers, "--target", "colour"], 3, "found no column 'colour'; its columns are sepal length"),
        ([flowers], 3, "found no target"),
        ([flowers, "--target", "kind", "--hidden", "a"], 64, "'a' is no list of sizes such as 64,32"),
        ([flowers, "--target", "kind", "--valid", "1.5"], 64, "'1.5' is no share such as 0.2"),
        ([flowers, "--target", "kind", "--test", "0"], 64, "'0' is no share such as 0.2"),
        ([flowers, "--target", "kind", "--l2", "-1"], 64, "found l2=-1.0, needs a number from 0"),
        (["nothing"], 3, "the sets that have a name are"),
    ]:
        result = run(*arguments, *([] if "-o" in arguments else ["-o", tmp_path / "new"]))
        assert (result.exit_code, text in result.output) == (code, True), (arguments, result.output)
    assert not (tmp_path / "new").exists()


def test_other_data_than_the_run_began_with(whole, flowers, tmp_path):
    folder, path = shutil.copytree(whole[0], tmp_path / "run"), tmp_path / "copy.csv"
    path.write_text(flowers.read_text().replace("5.1", "5.2", 1))
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace(json.dumps(str(flowers)), json.dumps(str(path))))
    result = run("--resume", "-o", folder)
    assert (result.exit_code, "its examples are not those that the run" in result.output) == (3, True)


def test_a_configuration_that_is_damaged_or_newer(whole, tmp_path):
    for text, found in [
        ("{", "no configuration of a run"),
        ('{"format": 2, "settings": {}, "data": ""}', "install the n"),
    ]:
        (tmp_path / "config.json").write_text(text)
        result = run("--resume", "-o", tmp_path)
        assert (result.exit_code, found in result.output) == (3, True)


def test_a_training_that_diverges_ends_with_1(tmp_path):
    with np.errstate(all="ignore"):
        result = run("moons", "--rule", "sgd", "--learning-rate", "1e200", "--no-checks", "-o", tmp_path / "run")
    assert result.exit_code == 1
    assert "try a smaller learning rate" in result.output


def test_a_run_that_never_began_is_begun_anew(tmp_path):
    RunFolder(tmp_path / "run").start(TrainSettings("moons"), "as if it had been killed here")
    assert run("moons", "--epochs", "2", "-o", tmp_path / "run").exit_code == 0


def test_numbers_are_predicted_in_their_own_unit(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    np.savez(tmp_path / "line.npz", x=x, y=1000 + 50 * x[:, 0] + rng.normal(size=200))
    settings = ["--target", "y", "--hidden", "0", "--rule", "adam", "--learning-rate", "0.05"]
    result = run(tmp_path / "line.npz", *settings, "-o", tmp_path / "run")
    assert result.exit_code == 0, result.output
    error = json.loads((tmp_path / "run" / "result.json").read_text())["test_error"]
    assert 0.5 < error < 1.5, "the noise has a standard deviation of 1"
    output = predict(fg.load(tmp_path / "run" / "model.safetensors"), x)
    (tmp_path / "new.csv").write_text("x1,x0\n0,1\n")
    assert abs(float(predicted(tmp_path / "run", tmp_path / "new.csv").output.split()[1]) - 1050) < 5
    assert np.corrcoef(output, 1000 + 50 * x[:, 0])[0, 1] > 0.999


def test_float32_and_no_standardisation(tmp_path):
    result = run("moons", "--dtype", "float32", "--no-standardise", "--epochs", "3", "-o", tmp_path / "run")
    assert result.exit_code == 0, result.output
    model = fg.load(tmp_path / "run" / "model.safetensors")
    assert {parameter.dtype for parameter in model.parameters} == {np.dtype("float32")}
    assert predict(model, moons().x).dtype == np.float32


def predicted(folder, path, *more):
    return CliRunner().invoke(main, ["predict", str(folder), str(path), *map(str, more)])


def test_rows_that_cannot_be_predicted(whole, tmp_path):
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    for folder, text in [(whole[0], "found no column 'sepal length"), (tmp_path, "so no network was trained here")]:
        result = predicted(folder, bad)
        assert (result.exit_code, text in result.output) == (3, True), result.output
    (tmp_path / "result.json").write_text("{}")
    result = predicted(tmp_path, bad)
    assert (result.exit_code, "no result of a run" in result.output) == (3, True)


@pytest.mark.parametrize("record", [None, [], {}, {"source": "moons", "colour": 1}, {"source": "moons", "hidden": [0]}])
def test_settings_of_a_file_have_a_source_known_names_and_sizes_of_layers(record):
    with pytest.raises(fg.FlowgraphError, match="settings: found"):
        TrainSettings.from_dict(record)

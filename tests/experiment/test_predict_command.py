"""flowgraph predict, and tables of words, dates and gaps by one preparation."""

import csv
import io
import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

import flowgraph as fg
from flowgraph.cli import main
from flowgraph.cli.train import as_text, predict, predictions
from flowgraph.data.preparation import read_table
from flowgraph.experiment import Experiment, TrainSettings

FORMULAS = (
    "=1+1", "@SUM(1)", "+cmd|' /C calc'!A0", "-2+3", "\t=1", "\r=1", "\n=1", "＝1", "-", "+", "-inf", "-1_0", "--1",
)  # fmt: skip
PLAIN = ("-1", "+1", "-1.5e-3", "+.5", "-1.", "a=1", "'=1", "p(=1)", "", "é", "1-2", " =1")


def invoke(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def test_a_class_that_a_spreadsheet_would_compute_stays_text():
    assert [as_text(name) for name in FORMULAS] == [f"'{name}" for name in FORMULAS]
    assert [as_text(name) for name in PLAIN] == list(PLAIN)


def test_no_cell_begins_like_a_formula():
    names = [*FORMULAS, *PLAIN]
    output = np.eye(len(names))
    rows = list(
        csv.reader(io.StringIO(predictions(output, names, "=t", probabilities=True, kept={"=k": names}), newline=""))
    )
    assert not [cell for row in rows for cell in row if cell[:1] in tuple("=@\t\r\n＝＋－＠")]
    signed = [cell for row in rows for cell in row if cell[:1] in ("+", "-")]
    assert all(re.fullmatch(r"[+-][\d.]+(e[+-]\d+)?", cell) for cell in signed)
    raw = list(csv.reader(io.StringIO(predictions(output, names, "=t", kept={"=k": names}, raw=True), newline="")))
    assert raw == [["=k", "=t"], *([name, name] for name in names)]
    assert rows[0] == ["'=k", "'=t", *(f"p({name})" for name in names)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder whose classes are a formula and a command of a terminal, and rows to predict."""
    folder = tmp_path_factory.mktemp("predict")
    table, rows = folder / "table.csv", folder / "rows.csv"
    kinds = ("=1+1", "b\x1b[2J")
    table.write_text("x,kind\n" + "".join(f"{i},{kinds[i >= 20]}\n" for i in range(40)))
    done = invoke("train", table, "--target", "kind", "--hidden", "0", "--learning-rate", "0.1", "-o", folder / "run")
    assert done.exit_code == 0, done.output
    rows.write_text("x\n0\n39\n")
    return folder / "run", rows


def test_formulas_from_the_command_line(run, tmp_path):
    out = tmp_path / "out.csv"
    result = invoke("predict", *run, "-o", out)
    assert result.exit_code == 0, result.output
    assert "note: '=1+1' would be a formula of a spreadsheet, and is written with ' in front; --raw" in result.stderr
    assert [row["kind"] for row in csv.DictReader(out.read_text().splitlines())] == ["'=1+1", "b\x1b[2J"]
    result = invoke("predict", *run, "--raw", "-o", out)
    assert result.stderr == ""
    assert [row["kind"] for row in csv.DictReader(out.read_text().splitlines())] == ["=1+1", "b\x1b[2J"]
    assert "\x1b" in invoke("predict", *run).stdout  # another program gets the names as they are


def test_a_terminal_gets_no_commands(run, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", terminal)
    predict.callback(*run, None, False, (), False)
    assert "\x1b" not in terminal.getvalue()
    assert "b\\x1b[2J" in terminal.getvalue()


def test_a_model_that_is_not_of_this_run(run):
    folder, rows = run
    x = fg.Input("x", shape=("N", 1))
    kept = (folder / "model.safetensors").read_bytes()
    w = fg.Parameter(np.ones((2, 2)), name="w")
    two = np.concatenate([x, x], axis=1)
    for graph in (fg.Graph(np.tanh(x)), fg.Graph(two, x), fg.Graph(fg.Input("z", shape=("N", 2))), fg.Graph(w * 1.0),
                  fg.Graph(fg.sum(x, axis=1)), fg.Graph(two + fg.Input("z"))):  # fmt: skip
        fg.save(folder / "model.safetensors", graph)
        result = invoke("predict", folder, rows)
        assert result.exit_code == 3
        assert "found a graph that does not take 1 columns to 2 classes" in result.output
    (folder / "model.safetensors").write_bytes(kept)


RNG = np.random.default_rng(0)
COUNT = 60
COLORS = RNG.choice(["red", "green"], COUNT)
SIZES = RNG.normal(size=COUNT)


@pytest.fixture
def path(tmp_path):
    """A class that the color decides; sizes with gaps, one of them huge."""
    path = tmp_path / "table.csv"
    rows = [
        f"{'' if i % 7 == 3 else SIZES[i]},{COLORS[i]},2020-01-{i % 28 + 1:02},{'yes' if COLORS[i] == 'red' else 'no'}"
        for i in range(COUNT)
    ]
    path.write_text("\n".join(["size,color,day,kind", *rows]) + "\n")
    return path


OPTIONS = ("--target", "kind", "--hidden", "0", "--learning-rate", "0.1", "--epochs", "60")


def test_a_trained_network_predicts_tables_as_it_was_trained_on(path, tmp_path):
    run, new, out = tmp_path / "run", tmp_path / "new.csv", tmp_path / "out.csv"
    done = invoke("train", path, *OPTIONS, "--one-hot", "--impute", "median", "-o", run)
    assert done.exit_code == 0, done.output
    result = json.loads((run / "result.json").read_text())
    assert result["columns"] == ["size", "color=green", "color=red", "day"]
    assert result["test_error"] == 0
    new.write_text("day,extra,color,size\n2020-01-05,007,red,\n2020-01-05,=1,green,0.5\n")
    done = invoke("predict", run, new, "-o", out)
    assert done.exit_code == 0, done.output
    assert out.read_text() == "kind\nyes\nno\n"
    done = invoke("predict", run, new, "--keep", "extra", "--probabilities", "-o", out)
    first, second = csv.DictReader(out.read_text().splitlines())
    assert list(first) == ["extra", "kind", "p(no)", "p(yes)"]
    assert (first["extra"], first["kind"], second["extra"], second["kind"]) == ("007", "yes", "'=1", "no")
    assert float(first["p(yes)"]) == pytest.approx(1 - float(first["p(no)"]), abs=1e-5)
    assert "note: '=1' would be a formula" in done.stderr
    for wrong, code, text in (("kind", 64, "the predictions have this name"), ("z", 3, "found no column 'z'")):
        done = invoke("predict", run, new, "--keep", wrong)
        assert (done.exit_code, text in done.output) == (code, True), done.output
    new.write_text("day,color,size\n2020-01-05,blue,1\n")
    done = invoke("predict", run, new)
    assert done.exit_code == 3
    assert (
        "line 2, column 'color': found 'blue', needs one of the words of the training table, green, red" in done.output
    )


def test_what_fills_gaps_is_taken_of_the_training_rows_alone(path):
    """Whatever the validation and test examples hold."""
    settings = TrainSettings(str(path), "kind", one_hot=True, impute="mean", epochs=1)
    experiment = Experiment(settings)
    (size,) = [column for column in experiment.preparation.columns if column.name == "size"]
    training = {tuple(row) for row in experiment.raw.train.x.tolist()}
    x = experiment.preparation.numbers_of(read_table(path))
    known = [SIZES[i] for i in range(COUNT) if i % 7 != 3 and tuple(x[i].tolist()) in training]
    assert size.fill == pytest.approx(np.mean(known))
    assert size.fill != pytest.approx(np.mean([SIZES[i] for i in range(COUNT) if i % 7 != 3]))


def test_rows_with_gaps_are_left_out_on_request(path, tmp_path):
    done = invoke("train", path, *OPTIONS, "--one-hot", "--drop-missing", "-o", tmp_path / "run")
    assert done.exit_code == 0, done.output
    settings = TrainSettings(str(path), "kind", one_hot=True, drop_missing=True)
    assert len(Experiment(settings).examples) == sum(i % 7 != 3 for i in range(COUNT))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--impute", "mean"), "line 2, column 'color': found '"),
        (("--one-hot",), "line 5, column 'size': found no value, needs a finite number; --drop-missing"),
    ],
)
def test_what_is_left_over_is_refused(options, text, path, tmp_path):
    done = invoke("train", path, *OPTIONS, *options, "-o", tmp_path / "run")
    assert done.exit_code == 3
    assert text in done.output


def test_options_of_tables_are_refused_for_what_is_none(tmp_path):
    done = invoke("train", "iris", "--one-hot", "-o", tmp_path / "run")
    assert done.exit_code == 3
    assert "found --one-hot for what is no table" in done.output


def test_parquet_in_and_out(path, tmp_path):
    polars = pytest.importorskip("polars")
    frame = polars.read_csv(path, try_parse_dates=True)
    frame.write_parquet(tmp_path / "table.parquet")
    done = invoke(
        "train", tmp_path / "table.parquet", *OPTIONS, "--one-hot", "--impute", "median", "-o", tmp_path / "a"
    )
    assert done.exit_code == 0, done.output
    assert invoke("train", path, *OPTIONS, "--one-hot", "--impute", "median", "-o", tmp_path / "b").exit_code == 0
    both = [json.loads((tmp_path / one / "result.json").read_text()) for one in "ab"]
    assert both[0]["preparation"] == both[1]["preparation"]
    predicted = [invoke("predict", tmp_path / "a", one) for one in (tmp_path / "table.parquet", path)]
    assert predicted[0].exit_code == 0, predicted[0].output
    assert predicted[0].stdout == predicted[1].stdout

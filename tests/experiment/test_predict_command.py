"""flowgraph predict: class names that are text in a spreadsheet and in a terminal, models that are none of the run."""

import csv
import io
import re

import numpy as np
import pytest
from click.testing import CliRunner

import flowgraph as fg
from flowgraph.cli import main
from flowgraph.cli.train import as_text, predict, predictions

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
    rows = list(csv.reader(io.StringIO(predictions(output, names), newline="")))
    assert not [cell for row in rows for cell in row if cell[:1] in tuple("=@\t\r\n＝＋－＠")]
    signed = [cell for row in rows for cell in row if cell[:1] in ("+", "-")]
    assert all(re.fullmatch(r"[+-][\d.]+(e[+-]\d+)?", cell) for cell in signed)
    raw = list(csv.reader(io.StringIO(predictions(output, names, raw=True), newline="")))
    assert [row[0] for row in raw[1:]] == names
    assert raw[0] == rows[0] == ["class", *(f"p({name})" for name in names)]


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
    assert [row["class"] for row in csv.DictReader(out.read_text().splitlines())] == ["'=1+1", "b\x1b[2J"]
    result = invoke("predict", *run, "--raw", "-o", out)
    assert result.stderr == ""
    assert [row["class"] for row in csv.DictReader(out.read_text().splitlines())] == ["=1+1", "b\x1b[2J"]
    assert "\x1b" in invoke("predict", *run).stdout  # another program gets the names as they are


def test_a_terminal_gets_no_commands(run, monkeypatch):
    terminal = io.StringIO()
    terminal.isatty = lambda: True
    monkeypatch.setattr("sys.stdout", terminal)
    predict.callback(*run, None, False)
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

"""What is shown of a training: the history as table, file and picture, what its curves say, the progress bar."""

import csv
import io
import logging
import math
import re
import sys
from xml.etree import ElementTree

import numpy as np
import pytest
from rich.console import Console

import flowgraph as fg
from flowgraph.errors import UsageError, install_hint
from flowgraph.training import Epoch, History
from flowgraph.training.callbacks import Bar, Cell, Lines, progress_callback
from tests.training.wellformed import read


def history(count=3, **settings):
    """A history with everything measured."""
    measured = [(1.5 / n, 1 / n, 0.5 / n, 1.6 / n, 1.1 / n, 0.6 / n) for n in range(1, count + 1)]
    norms = [{"layer1": 2.0, "layer2": 3.0 / n} for n in range(1, count + 1)]
    epochs = [Epoch(n, 10 * n, 0.1, 0.5, *measured[n - 1], norms[n - 1]) for n in range(1, count + 1)]
    return History(epochs, **{"best_epoch": count, "ended": "ended after all", **settings})


MEASURES = ["objective", "loss", "error"]
HEAD = ["epoch", *(f"{part} {what}" for part in ("train", "valid") for what in MEASURES), "learning rate", "seconds"]
NUMBERS = History([Epoch(1, 1, 0.1, 0.5, 2.0, 2.0)])


def test_the_table():
    lines = str(history()).splitlines()
    assert re.split(r"\s{2,}", lines[0]) == HEAD
    assert lines[1].split() == ["1", "1.5", "1", "50.00%", "1.6", "1.1", "60.00%", "0.1", "0.50"]
    assert lines[3].endswith("* best")
    assert lines[4] == "ended after all"


def test_what_was_not_measured_has_no_column():
    assert re.split(r"\s{2,}", str(NUMBERS).splitlines()[0]) == [*HEAD[:2], *HEAD[-2:]]
    assert NUMBERS["valid_objective"] == NUMBERS["valid_loss"] == [None]


def test_a_loss_that_is_the_objective_is_shown_once_and_kept_in_the_record():
    assert NUMBERS["train_loss"] == NUMBERS["train_objective"] == [2.0]
    assert NUMBERS.shown("loss") == {}
    differs = History([Epoch(1, 1, 0.1, 0.5, 2.0, 2.0, None, 3.0, 2.5)])
    assert differs.shown("loss") == {"train": [2.0], "valid": [2.5]}
    diverged = History([Epoch(1, 1, 0.1, 0.5, float("nan"), float("nan"))])
    assert diverged.shown("loss") == {}


def test_a_long_table_is_cut_in_the_middle():
    lines = str(history(100)).splitlines()
    assert len(lines) == 23
    assert lines[11].strip() == "..."
    assert lines[12].split()[0] == "91"


def test_measures_by_name():
    found = history()
    assert found["train_loss"] == [1, 1 / 2, 1 / 3]
    assert found["gradient_norm layer2"] == [3, 1.5, 1]
    assert len(found) == len(list(found)) == 3
    assert found.best.number == 3
    assert NUMBERS.best.number == 1
    assert repr(found) == "<History of 3 epochs: ended after all>"
    with pytest.raises(UsageError, match=r"History: found 'loss', needs one of number, updates, learning_rate, sec"):
        found["loss"]


def test_the_file_holds_every_number(tmp_path):
    path = history().to_csv(tmp_path / "history.csv")
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [float(row["valid_error"]) for row in rows] == history()["valid_error"]
    assert list(rows[0]) == history().columns
    path = NUMBERS.to_csv(tmp_path / "numbers.csv")
    assert next(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))["valid_loss"] == ""
    assert b"\r" not in path.read_bytes()


def test_the_frame():
    pytest.importorskip("pandas")
    frame = history().to_frame()
    assert list(frame.index) == [1, 2, 3]
    assert frame["train_loss"].tolist() == history()["train_loss"]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_the_picture(tmp_path, suffix):
    path = history().plot(tmp_path / f"curve{suffix}")
    assert path.stat().st_size > 1000
    if suffix == ".svg":
        text = "".join(ElementTree.parse(path).getroot().itertext())
        for word in ("objective", "loss", "error in %", "gradient norm", "layer2", "train", "valid", "epoch"):
            assert word in text
        assert "best objective: epoch 3" in text
        by_error = history(watch="error").plot(tmp_path / "error.svg")
        assert "best error: epoch 3" in "".join(ElementTree.parse(by_error).getroot().itertext())
        assert path.read_bytes() == history().plot(tmp_path / "again.svg").read_bytes()


def test_the_picture_of_one_epoch_of_numbers(tmp_path):
    text = NUMBERS.plot(tmp_path / "curve.svg").read_text()
    assert ">objective<" in text
    assert ">loss<" not in text
    assert "error in" not in text


def test_what_it_refuses(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"plot: found 'curve.gif', needs a name that ends in .svg"):
        history().plot(tmp_path / "curve.gif")
    with pytest.raises(UsageError, match=r"plot: found a history without an epoch"):
        History().plot(tmp_path / "curve.svg")
    with pytest.raises(UsageError, match=r"History: found no epoch"):
        _ = History().best
    plot = ("matplotlib", "training", lambda: history().plot(tmp_path / "a.svg"))
    for module, extra, call in (plot, ("pandas", "pandas", history().to_frame)):
        monkeypatch.setitem(sys.modules, module, None)
        with pytest.raises(ImportError, match=re.escape(f"needs {module}; run: {install_hint(extra)}")):
            call()


def test_epochs_are_whole_and_an_axis_is_logarithmic_only_over_a_factor_of_ten(tmp_path):
    for last, logarithmic in ((0.5, False), (0.01, True)):
        losses = [last ** ((n - 1) / 19) for n in range(1, 21)]
        epochs = [Epoch(n, n, 0.1, 0.0, loss, loss) for n, loss in enumerate(losses, 1)]
        text = History(epochs).plot(tmp_path / "curve.svg").read_text()
        assert not any(f">{place}<" in text for place in (2.5, 7.5, 12.5, 17.5))
        assert all(f">{tick}<" in text for tick in ("0.01", "0.1", "1")) is logarithmic


def curves(train, valid=None, ended="ended after all", **settings):
    """A history of these losses."""
    valid = [None] * len(train) if valid is None else valid
    epochs = [
        Epoch(n, n, 0.1, 0.0, t, t, valid_objective=v, valid_loss=v, gradient_norms=settings.get("norms", {}))
        for n, (t, v) in enumerate(zip(train, valid, strict=True), 1)
    ]
    best = None if valid[0] is None else int(np.argmin(valid)) + 1
    return History(epochs, best_epoch=best, ended=ended)


def answers(found):
    return {finding.question: finding.answer for finding in found.diagnosis}


N = np.arange(60)
FALLING = 2 * 0.97**N
FLAT = 0.5 + 2 * 0.7**N
NOISE = np.random.default_rng(0).normal(size=60)


@pytest.mark.parametrize(
    ("made", "converged", "overfits"),
    [
        (curves(FALLING, FALLING * 1.1), "Not yet.", "No."),
        (curves(FLAT, FLAT * 1.1), "Yes.", "No."),
        (curves(FLAT, FLAT * 1.4), "Yes.", "A little."),
        (curves(FLAT, FLAT * 2), "Yes.", "Somewhat."),
        (curves(FALLING, FLAT + 0.02 * np.maximum(N - 20, 0)), "Yes.", "Yes, after epoch 21."),
        (curves(FALLING, FLAT, ended="ended: no better validation objective for 10 epochs"),
         "Yes, early stopping ended it.", "Somewhat."),
        (curves(FALLING), "Not yet.", "It cannot be said."),
        (curves(FLAT - 5, FLAT - 4.9), "Yes.", "No."),
        (curves(FALLING - 5, FALLING - 4.9), "Not yet.", "No."),
        (curves(FALLING[:4], FALLING[:4]), "It cannot be said yet.", "No."),
    ],
)  # fmt: skip
def test_what_curves_of_a_shape_say(made, converged, overfits):
    found = answers(made)
    assert found["Did it converge?"] == converged
    assert found["Does it over-fit?"] == overfits
    assert "Is the learning rate right?" not in found


@pytest.mark.parametrize(
    "train",
    [[1.0, 2.0, math.nan], [1.0, math.inf, 0.5], FLAT[::-1], np.full(20, 0.7)],
    ids=["nan", "inf", "up", "flat"],
)
def test_what_did_not_learn_is_told_to_step_less(train):
    found = curves(train, train).diagnosis
    assert [finding.good for finding in found] == [False]
    assert found.advice[0].setting == "learning_rate"
    assert found.advice[0].factor < 1


def test_a_learning_rate_that_is_too_large_is_seen():
    found = curves(FLAT * np.exp(0.3 * NOISE), FLAT)
    assert answers(found)["Is the learning rate right?"] == "It looks too large."
    quiet = curves(FLAT * np.exp(0.003 * NOISE), FLAT)
    assert "Is the learning rate right?" not in answers(quiet)


def test_errors_that_differ_are_a_gap_where_losses_are_close():
    made = curves(FLAT, FLAT * 1.1)
    for valid, said in ((0.11, "Somewhat."), (0.03, "No.")):
        epochs = [Epoch(**{**vars(e), "train_error": 0.02, "valid_error": valid}) for e in made]
        assert answers(History(epochs, best_epoch=60))["Does it over-fit?"] == said


def test_layers_that_hardly_learn_are_named():
    found = curves(FLAT, FLAT, norms={"layer1": 1e-6, "layer2": 0.5})
    assert answers(found)["Do all layers learn?"] == "layer1 hardly does."
    assert "Do all layers learn?" not in answers(curves(FLAT, FLAT, norms={"layer1": 0.1, "layer2": 0.5}))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_of_the_loss_does_not_matter(scale):
    for train, valid in ((FALLING, FALLING * 1.1), (FLAT, FLAT * 2), (FLAT * np.exp(0.3 * NOISE), FLAT)):
        assert answers(curves(train * scale, valid * scale)) == answers(curves(train, valid))


def test_it_is_text_and_html():
    found = curves(FALLING, FALLING * 2).diagnosis
    assert str(found).startswith("Did it converge? Not yet. Over the last 6 epochs")
    assert "\nTry: more epochs." in str(found)
    html = found._repr_html_()
    assert not read(html).wrong
    assert "Not yet." in html
    assert str(History().diagnosis) == "Did it converge? It cannot be said. No epoch was trained."


X, Y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40) % 2


def train(progress, **settings):
    fg.fit(fg.MLP([3, 2], rng=0), (X, Y), epochs=20, checks=False, progress=progress, **settings)


def test_a_terminal_gets_a_bar():
    out = io.StringIO()
    bar = progress_callback(None, Console(file=out, force_terminal=True, width=100))
    assert isinstance(bar, Bar)
    train(False, callbacks=[bar])
    assert "20/20" in out.getvalue()
    assert "objective" in out.getvalue()


class Notebook:
    """What IPython.display has: cells that are shown, and renewed by their handles."""

    def __init__(self):
        self.shown = []

    def display(self, what, display_id):
        assert display_id
        self.update(what)
        return self

    def update(self, what):
        self.shown.append(what._repr_html_())


def test_a_notebook_gets_a_bar_without_widgets(monkeypatch):
    notebook = Notebook()
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    bar = progress_callback(None, Console(file=io.StringIO(), force_jupyter=True))
    assert isinstance(bar, Cell)
    train(False, callbacks=[bar])
    assert '<progress value="0" max="20">' in notebook.shown[0]
    assert '<progress value="20" max="20">' in notebook.shown[-1]
    assert "epoch 20/20: objective 0." in notebook.shown[-1]
    assert not any(read(page).wrong for page in notebook.shown)
    assert len(notebook.shown) <= 22


def test_a_notebook_without_handles_goes_on(monkeypatch):
    silent = Notebook()
    silent.display = lambda what, display_id: None
    monkeypatch.setitem(sys.modules, "IPython.display", silent)
    train(False, callbacks=[Cell()])


def test_a_log_gets_a_line_for_every_tenth(caplog):
    with caplog.at_level(logging.INFO, "flowgraph.training"):
        train(None)
    assert len(caplog.messages) == 10
    assert caplog.messages[-1].startswith("epoch 20/20: objective 0.")


def test_lines_are_printed_where_they_are_asked_for(capsys):
    train(True, valid=(X, Y))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    assert "valid" in lines[0]
    assert "error" in lines[0]
    train(False)
    train(None)
    assert not capsys.readouterr().out


def test_without_rich_training_goes_on(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert isinstance(progress_callback(None), Lines)
    train(None)
    train(True)
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_the_bar_is_closed_after_an_error():
    bar = progress_callback(None, Console(file=io.StringIO(), force_terminal=True))

    def fail(trainer, epoch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(False, callbacks=[bar, fail])
    assert bar.progress.finished or not bar.progress.live.is_started

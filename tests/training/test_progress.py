"""The progress bar: in a terminal, in a log, without rich."""

import io
import logging
import sys

import numpy as np
import pytest
from rich.console import Console

import flowgraph as fg
from flowgraph.training.callbacks import Bar, Cell, Lines, progress_callback
from tests.training.wellformed import read

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

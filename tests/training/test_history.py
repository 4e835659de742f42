"""The history: table, columns, file, frame, picture."""

import csv
import re
import sys
from xml.etree import ElementTree

import pytest

from flowgraph.errors import UsageError, install_hint
from flowgraph.training import Epoch, History


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

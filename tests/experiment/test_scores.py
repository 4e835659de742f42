"""Scores of a network: against scikit-learn, and in a terminal, a page and result.json alike."""

import json
import re

import numpy as np
import pytest
import sklearn.metrics
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from flowgraph.cli import main
from flowgraph.data import Examples
from flowgraph.experiment.scores import scores_of
from tests.training.wellformed import check_page


def measures(scores):
    return {name: (m.network, m.baseline) for m in scores.measures for name in [m.name]}


@given(st.integers(0, 2**32 - 1), st.integers(2, 5), st.integers(1, 60), st.sampled_from([1, 30]))
def test_measures_of_classes_are_those_of_scikit_learn(seed, classes, count, sure):
    rng = np.random.default_rng(seed)
    output = np.exp(sure * rng.normal(size=(count, classes)))
    output /= output.sum(axis=1, keepdims=True)
    y, training = rng.integers(0, classes, count), np.repeat(np.arange(classes), rng.integers(1, 9, classes))
    examples = Examples(np.zeros((count, 1)), y, classes=tuple("abcde"[:classes]))
    scores = scores_of(output, examples, training)
    shares = np.bincount(training) / len(training)
    baseline = np.full(count, shares.argmax())
    of = measures(scores)
    metrics = sklearn.metrics
    recalls = [metrics.recall_score(y, g, labels=np.unique(y), average="macro") for g in (output.argmax(1), baseline)]
    losses = [metrics.log_loss(y, p, labels=range(classes)) for p in (output, np.tile(shares, (count, 1)))]
    assert of["error, share of wrong classes"] == pytest.approx(
        (np.mean(output.argmax(1) != y), np.mean(y != baseline))
    )
    assert of["balanced accuracy"] == pytest.approx(recalls)
    assert of["cross entropy, nats"] == pytest.approx(losses)
    parts = scores.calibration
    assert sum(part.count for part in parts) == count
    assert sum(part.count * part.right for part in parts) == pytest.approx(np.sum(output.argmax(1) == y))
    assert sum(part.count * part.probability for part in parts) == pytest.approx(output.max(axis=1).sum())
    assert min(part.count for part in parts) >= min(count, 20)
    assert [p.probability for p in parts] == sorted(p.probability for p in parts)


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.sampled_from([1e-3, 1, 1e6]))
def test_measures_of_numbers_are_those_of_scikit_learn(seed, count, scale):
    rng = np.random.default_rng(seed)
    y, output, training = scale * rng.normal(size=count), scale * rng.normal(size=count), scale * rng.normal(size=9)
    scores = scores_of(output, Examples(np.zeros((count, 1)), y), training)
    metrics = sklearn.metrics
    functions = {
        "root mean squared error": metrics.root_mean_squared_error,
        "mean absolute error": metrics.mean_absolute_error,
        "R²": metrics.r2_score,
    }
    for name, function in functions.items():
        needed = [function(y, given) for given in (output, np.full(count, training.mean()))]
        assert measures(scores)[name] == pytest.approx(needed), name


def test_numbers_that_are_all_alike_have_no_share_explained():
    scores = scores_of(np.array([1.0, 3.0]), Examples([[0.0], [1.0]], [2.0, 2.0]), np.array([2.0]))
    assert measures(scores)["R²"] == (None, None)
    assert next(line for line in scores.lines() if line.startswith("R²")).split() == ["R²", "none", "none"]


@pytest.mark.parametrize(
    ("target", "baseline", "needed"),
    [
        ("rare", "always 'no'", ("error, share of wrong classes", "balanced accuracy", "calibration", "true class")),
        ("size", "the mean of training", ("root mean squared error", "mean absolute error", "R²")),
    ],
)
def test_terminal_page_and_file_tell_the_measures_beside_a_baseline(target, baseline, needed, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    rows = [f"{a},{'yes' if i % 20 == 3 else 'no'},{a + b}" for i, (a, b) in enumerate(x)]
    (tmp_path / "t.csv").write_text("\n".join(["a,rare,size", *rows]))
    arguments = [str(tmp_path / "t.csv"), "--target", target, "--one-hot", "--epochs", "2", "-o", str(tmp_path / "r")]
    done = CliRunner().invoke(main, ["train", *arguments, *["--stratify"] * (target == "rare")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    check_page(page, tmp_path / "r")
    record = json.loads((tmp_path / "r" / "result.json").read_text())["test"]
    for text in (done.output, page.replace("&#x27;", "'"), record["baseline"]):
        assert baseline in text
    for name in needed:
        assert name in done.output
        assert name in page or name == "calibration"
    for name in record.keys() & set(needed):
        shown = re.search(rf"{re.escape(name)} +(\S+)", done.output)[1]
        value = float(shown.rstrip("%")) / (100 if "%" in shown else 1)
        assert value == pytest.approx(record[name]["network"], rel=1e-3, abs=1e-4)

"""What the curves of a training say: histories that are made so, and trainings that do so."""

import math

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.training import Epoch, History
from tests.training.wellformed import read


def history(train, valid=None, ended="ended after all", **settings):
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
        (history(FALLING, FALLING * 1.1), "Not yet.", "No."),
        (history(FLAT, FLAT * 1.1), "Yes.", "No."),
        (history(FLAT, FLAT * 1.4), "Yes.", "A little."),
        (history(FLAT, FLAT * 2), "Yes.", "Somewhat."),
        (history(FALLING, FLAT + 0.02 * np.maximum(N - 20, 0)), "Yes.", "Yes, after epoch 21."),
        (history(FALLING, FLAT, ended="ended: no better validation objective for 10 epochs"),
         "Yes, early stopping ended it.", "Somewhat."),
        (history(FALLING), "Not yet.", "It cannot be said."),
        (history(FLAT - 5, FLAT - 4.9), "Yes.", "No."),
        (history(FALLING - 5, FALLING - 4.9), "Not yet.", "No."),
        (history(FALLING[:4], FALLING[:4]), "It cannot be said yet.", "No."),
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
    found = history(train, train).diagnosis
    assert [finding.good for finding in found] == [False]
    assert found.advice[0].setting == "learning_rate"
    assert found.advice[0].factor < 1


def test_a_learning_rate_that_is_too_large_is_seen():
    found = history(FLAT * np.exp(0.3 * NOISE), FLAT)
    assert answers(found)["Is the learning rate right?"] == "It looks too large."
    quiet = history(FLAT * np.exp(0.003 * NOISE), FLAT)
    assert "Is the learning rate right?" not in answers(quiet)


def test_errors_that_differ_are_a_gap_where_losses_are_close():
    made = history(FLAT, FLAT * 1.1)
    for valid, said in ((0.11, "Somewhat."), (0.03, "No.")):
        epochs = [Epoch(**{**vars(e), "train_error": 0.02, "valid_error": valid}) for e in made]
        assert answers(History(epochs, best_epoch=60))["Does it over-fit?"] == said


def test_layers_that_hardly_learn_are_named():
    found = history(FLAT, FLAT, norms={"layer1": 1e-6, "layer2": 0.5})
    assert answers(found)["Do all layers learn?"] == "layer1 hardly does."
    assert "Do all layers learn?" not in answers(history(FLAT, FLAT, norms={"layer1": 0.1, "layer2": 0.5}))


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_of_the_loss_does_not_matter(scale):
    for train, valid in ((FALLING, FALLING * 1.1), (FLAT, FLAT * 2), (FLAT * np.exp(0.3 * NOISE), FLAT)):
        assert answers(history(train * scale, valid * scale)) == answers(history(train, valid))


def test_trainings_say_what_was_done_to_them():
    """Of noise nothing can be learnt, so a network that fits it over-fits; one that is stopped early is not done."""
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(200, 10)), rng.integers(0, 2, 200)
    parts = (x[:100], noise[:100]), (x[100:], noise[100:])
    over = fg.fit(fg.MLP([10, 64, 2], rng=0), *parts, epochs=80, rule="adam", learning_rate=0.02, progress=False)
    assert answers(over)["Does it over-fit?"].startswith("Yes")
    simple = (x[:100], (x[:100, 0] > 0).astype(int)), (x[100:], (x[100:, 0] > 0).astype(int))
    early = fg.fit(fg.MLP([10, 8, 2], rng=0), *simple, epochs=20, learning_rate=0.01, progress=False)
    assert answers(early)["Did it converge?"] == "Not yet."
    assert early.diagnosis.advice[0].setting == "epochs"


def test_a_training_that_early_stopping_ended_has_converged():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 4)), rng.integers(0, 2, 60)
    found = fg.fit(fg.MLP([4, 8, 2], rng=0), (x[:30], y[:30]), (x[30:], y[30:]), epochs=200, learning_rate=0.05,
                   early_stopping=4, progress=False)  # fmt: skip
    assert len(found) < 200
    assert answers(found)["Did it converge?"] == "Yes, early stopping ended it."


def test_it_is_text_and_html():
    found = history(FALLING, FALLING * 2).diagnosis
    assert str(found).startswith("Did it converge? Not yet. Over the last 6 epochs")
    assert "\nTry: more epochs." in str(found)
    html = found._repr_html_()
    assert not read(html).wrong
    assert "Not yet." in html
    assert str(History().diagnosis) == "Did it converge? It cannot be said. No epoch was trained."

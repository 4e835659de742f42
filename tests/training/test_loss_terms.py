"""Which terms of an objective are the loss, and which the regularisation."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.training.problem import measures_of
from tests.training.test_watching import RNG

X = fg.Input("X", shape=("N", 4))


NUMBER = fg.Input("number", shape=("N",))


W = fg.Parameter(np.ones(4), name="W")


S = fg.Parameter(0.3, name="s")


RISK = fg.mean(fg.SquaredError(X @ W, NUMBER))


OMEGA = 0.7 * fg.L2(W)


@pytest.mark.parametrize(
    ("objective", "loss"),
    [
        (RISK, RISK),
        (RISK + OMEGA, RISK),
        (OMEGA + RISK, RISK),
        (RISK - (-OMEGA), RISK),
        (OMEGA - (-RISK), RISK),
        (0.5 * (RISK + OMEGA) / 3, RISK / 6),
        (RISK * 2 + OMEGA + 0.1 * fg.L1(W) + np.sum(W**2), RISK * 2),
        (np.exp(-S) * (RISK + OMEGA) + S, np.exp(-S) * RISK),
        (RISK + fg.mean(X) * fg.L2(W), RISK + fg.mean(X) * fg.L2(W)),
        ((RISK + OMEGA) * (RISK + OMEGA), (RISK + OMEGA) * (RISK + OMEGA)),
        (OMEGA / (RISK + 1), OMEGA / (RISK + 1)),
        (OMEGA, OMEGA),
    ],
    ids=range(12),
)
def test_the_loss_is_the_objective_without_the_terms_that_no_input_enters(objective, loss):
    found = measures_of(objective).loss
    data = {X: RNG.normal(size=(5, 4)), NUMBER: RNG.normal(size=5)}
    values = [float(fg.Graph(box, 0 * RISK).fprop(data)[box]) for box in (found, loss)]
    assert values[0] == pytest.approx(values[1], rel=1e-12)


def test_a_sum_of_many_terms_is_taken_apart_without_recursion():
    whole = RISK
    for _ in range(5000):
        whole = whole + OMEGA
    assert measures_of(whole).loss is RISK

"""The step in scikit-learn: partial_fit of an MLPClassifier of the same widths, one batch a call."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks.peers.mlp.case import DECAY, RATE, Case


class Step:
    """A classifier whose parameters are those of the case; its alpha is divided by the batch, and halved."""

    def __init__(self, case: Case) -> None:
        self.model = MLPClassifier(
            case.widths[1:-1],
            activation="tanh",
            solver="sgd",
            alpha=2 * DECAY * case.batch,
            batch_size=case.batch,
            learning_rate_init=RATE,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
        )
        x, y = case.data()
        self.model.partial_fit(x, y, classes=np.arange(case.widths[-1]))
        weights, biases = case.parameters()
        for mine, given in zip(self.model.coefs_ + self.model.intercepts_, weights + biases, strict=True):
            mine[...] = given

    def __call__(self, x: Any, y: Any, rate: float) -> Any:
        """One step; the loss before it."""
        self.model.partial_fit(x, y)
        return self.model.loss_

    def parameters(self) -> list[Any]:
        """Weights, then biases, as they are now."""
        return [*self.model.coefs_, *self.model.intercepts_]

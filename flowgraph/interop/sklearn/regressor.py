"""The regressor."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import RegressorMixin
from sklearn.utils.validation import validate_data

from flowgraph.box import Array
from flowgraph.interop.sklearn.estimator import DTYPES, NetworkEstimator, one_set


class FlowgraphRegressor(RegressorMixin, NetworkEstimator):  # type: ignore[misc]
    """A multilayer perceptron for numbers, one or several per example, trained by the squared error or by `loss`.

    `loss` is a function of a box of predictions and one of targets, both of the shape of y, that returns a box of
    losses. All else is as in `FlowgraphClassifier`.

    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.interop.sklearn import FlowgraphRegressor
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> model = FlowgraphRegressor((16, 16), ["tanh", "relu"], loss=fg.Huber, learning_rate=0.01, random_state=0)
    >>> model.fit(X, X[:, 0] ** 2).score(X, X[:, 0] ** 2) > 0.9
    True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, eval_set: Any = None
    ) -> FlowgraphRegressor:
        """Train on examples; `eval_set` is (X, y) or (X, y, sample_weight) to validate on, or a list with it."""
        x, y = self._checked(X, y, reset=True)
        valid, others, *weights = one_set(eval_set)
        held = None if valid is None else (*self._checked(valid, others, reset=False), *weights)
        self._fit(x, y, self._weights(sample_weight, x), held)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> FlowgraphRegressor:
        """One epoch on these examples, going on where the last call left off."""
        x, y = self._checked(X, y, reset=not self.__sklearn_is_fitted__())
        self._partial_fit(x, y, self._weights(sample_weight, x))
        return self

    def predict(self, X: ArrayLike) -> Array:
        """The output of the network, of the shape of y."""
        return self._outputs(X)

    def _checked(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[Array, Array]:
        x, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True, y_numeric=True, reset=reset)
        return x, np.asarray(y, x.dtype)

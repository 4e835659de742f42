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
        """Train on examples.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The inputs.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array_like, shape (n_samples,), optional
            A weight for each example; by default 1.
        eval_set : tuple or list of one tuple, optional
            Validation examples, (X, y) or (X, y, sample_weight).

        Returns
        -------
        FlowgraphRegressor
            The estimator itself.
        """
        x, y = self._checked(X, y, reset=True)
        valid, others, *weights = one_set(eval_set)
        held = None if valid is None else (*self._checked(valid, others, reset=False), *weights)
        self._fit(x, y, self._weights(sample_weight, x), held)
        return self

    def partial_fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> FlowgraphRegressor:
        """Train for one epoch, from where the last call ended.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The inputs.
        y : array_like, shape (n_samples,) or (n_samples, n_outputs)
            The targets.
        sample_weight : array_like, shape (n_samples,), optional
            A weight for each example; by default 1.

        Returns
        -------
        FlowgraphRegressor
            The estimator itself.
        """
        x, y = self._checked(X, y, reset=not self.__sklearn_is_fitted__())
        self._partial_fit(x, y, self._weights(sample_weight, x))
        return self

    def predict(self, X: ArrayLike) -> Array:
        """The output of the network.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        array, shape (n_samples,) or (n_samples, n_outputs)
            Of the shape that `y` had in `fit`, in its unit.
        """
        return self._outputs(X)

    def _checked(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[Array, Array]:
        x, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True, y_numeric=True, reset=reset)
        return x, np.asarray(y, x.dtype)

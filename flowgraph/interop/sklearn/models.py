"""A classifier and a regressor with scikit-learn's API."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from flowgraph.box import Array
from flowgraph.interop.sklearn.estimator import DTYPES, NetworkEstimator, one_set


@dataclass(eq=False, repr=False)
class FlowgraphClassifier(ClassifierMixin, NetworkEstimator):  # type: ignore[misc]
    """A multilayer perceptron for classes of any names, trained by the cross entropy of its softmax or by `loss`.

    `hidden_layer_sizes`, `activation`, `warm_start`, `random_state` mean what they do in scikit-learn's MLPClassifier,
    but `activation` may also be a list, one for each hidden layer, of names or functions of a box. `loss` is a function
    of a box of scores (N, C) and one of classes 0 .. C-1 (N,) that returns a box of losses, one per example.
    `class_weight` is "balanced" or a dict of classes to weights.

    `early_stopping` is a patience, an `fg.EarlyStopping`, or True for a patience of 10; it looks at `eval_set`, or else
    at the share `validation_fraction` of the examples, which is held out. All else is as in `fg.fit`.

    Parameters
    ----------
    hidden_layer_sizes : sequence of int, default (100,)
        Units of each hidden layer.
    activation : str, function, or sequence of such, default 'relu'
        Activation of the hidden layers.
    dropout : float or sequence of float, default 0.0
        Probability with which a hidden unit is dropped in training.
    loss : function, optional
        Losses of a box of scores and one of classes; by default the cross entropy, in nats per example.
    rule : str or Rule, default 'adam'
        The update rule.
    learning_rate : float or Schedule, optional
        The rate per step.
    batch_size : int, 'auto' or None, default 'auto'
        Examples of a step; 'auto' for scikit-learn's min(200, N), None for all.
    epochs : int, default 200
        Largest number of epochs.
    l1, l2 : float, default 0.0
        Strengths of the penalties on the weights.
    clip_norm : float, optional
        Largest norm of the gradient.
    average : float, optional
        Decay of an exponential moving average of the parameters.
    early_stopping : bool, int or EarlyStopping, default False
        When to stop.
    validation_fraction : float, default 0.1
        Share of the examples that is held out for early stopping.
    metrics, callbacks : sequence, default ()
        As in `fg.fit`.
    warm_start : bool, default False
        Whether `fit` goes on from the parameters of the last call, with all other settings as they are now. Another
        `rule` begins without memory; other `hidden_layer_sizes` are refused.
    random_state : int, RandomState or None, default None
        What fixes weights, order and draws.
    backend : {'numpy', 'numba', 'jax'}, default 'numpy'
        What runs the step.
    class_weight : 'balanced', dict or None, default None
        Weights of the classes.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from flowgraph.interop.sklearn import FlowgraphClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> FlowgraphClassifier((16,), learning_rate=0.01, random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    _: KW_ONLY
    class_weight: Any = None
    classes_: Array = field(init=False)

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None, eval_set: Any = None
    ) -> FlowgraphClassifier:
        """Train on examples.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The inputs.
        y : array_like, shape (n_samples,)
            The classes, numbers or strings.
        sample_weight : array_like, shape (n_samples,), optional
            A weight for each example; by default 1.
        eval_set : tuple or list of one tuple, optional
            Validation examples, (X, y) or (X, y, sample_weight).

        Returns
        -------
        FlowgraphClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If the data is invalid, or `warm_start` is given other classes, features or layers than before.
        """
        x, y = validate_data(self, X, y, dtype=DTYPES)
        check_classification_targets(y)
        classes = np.unique(y)
        if self.warm_start and self.__sklearn_is_fitted__() and not np.array_equal(classes, self.classes_):
            raise ValueError(f"warm_start: found the classes {classes}, but the network has {self.classes_}")
        self.classes_ = classes
        self._fit(x, self._labels(y), self._class_weights(sample_weight, x, y), self._valid(eval_set))
        return self

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: Sequence[Any] | Array | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> FlowgraphClassifier:
        """Train for one epoch, from where the last call ended.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The inputs.
        y : array_like, shape (n_samples,)
            The classes.
        classes : array_like, shape (n_classes,), optional
            All classes; needed in the first call.
        sample_weight : array_like, shape (n_samples,), optional
            A weight for each example; by default 1.

        Returns
        -------
        FlowgraphClassifier
            The estimator itself.

        Raises
        ------
        ValueError
            If the first call has no `classes`, a later one has others, or `class_weight` is "balanced".
        """
        first = not self.__sklearn_is_fitted__()
        x, y = validate_data(self, X, y, dtype=DTYPES, reset=first)
        check_classification_targets(y)
        if first and classes is None:
            raise ValueError("classes must be passed on the first call to partial_fit.")
        if classes is not None and not first and not np.array_equal(self.classes_, np.unique(classes)):
            raise ValueError(
                f"partial_fit: found classes={classes!r}, but those of the first call were {self.classes_}"
            )
        if self.class_weight == "balanced":
            raise ValueError("partial_fit: found class_weight='balanced', which needs all examples; give numbers")
        if classes is not None and first:
            self.classes_ = np.unique(classes)
        self._partial_fit(x, self._labels(y), self._class_weights(sample_weight, x, y))
        return self

    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class: the softmax of the outputs.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        array, shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        return self._outputs(X)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """The natural logarithm of the probability of each class.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        array, shape (n_samples, n_classes)
            Columns in the order of `classes_`; -inf for a probability that underflowed to 0.
        """
        with np.errstate(divide="ignore"):
            logarithms: Array = np.log(self._outputs(X))
        return logarithms

    def predict(self, X: ArrayLike) -> Array:
        """The most probable class.

        Parameters
        ----------
        X : array_like, shape (n_samples, n_features)
            The inputs.

        Returns
        -------
        array, shape (n_samples,)
            Elements of `classes_`.
        """
        numbers = self._outputs(X).argmax(axis=1)
        classes: Array = self.classes_[numbers]
        return classes

    def _labels(self, y: ArrayLike) -> Array:
        """The numbers of classes."""
        places = np.minimum(np.searchsorted(self.classes_, y), len(self.classes_) - 1)
        labels = np.asarray(y)
        strange = self.classes_[places] != labels
        if strange.any():
            raise ValueError(f"found the class {labels[strange][0]!r}, which is none of {self.classes_}")
        return np.asarray(places, np.int64)

    def _class_weights(self, sample_weight: ArrayLike | None, x: Array, y: ArrayLike) -> Any:
        weights = self._weights(sample_weight, x)
        if self.class_weight is None:
            return weights
        by_class = compute_sample_weight(self.class_weight, y)
        return by_class if weights is None else weights * by_class

    def _valid(self, eval_set: object) -> Any:
        x, y, *weights = one_set(eval_set)
        if x is None:
            return None
        x, y = validate_data(self, x, y, dtype=DTYPES, reset=False)
        return (x, self._labels(y), *weights)


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
        x, y = self._validate_examples(X, y, reset=True)
        valid, others, *weights = one_set(eval_set)
        held = None if valid is None else (*self._validate_examples(valid, others, reset=False), *weights)
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
        x, y = self._validate_examples(X, y, reset=not self.__sklearn_is_fitted__())
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

    def _validate_examples(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[Array, Array]:
        x, y = validate_data(self, X, y, dtype=DTYPES, multi_output=True, y_numeric=True, reset=reset)
        return x, np.asarray(y, x.dtype)

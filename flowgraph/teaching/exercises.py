"""Exercises: a given fprop, the bprop to be written, the mistakes that are often made in it, and solutions."""

from __future__ import annotations

import difflib
import inspect
import textwrap
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from flowgraph.box import Array
from flowgraph.errors import UsageError


class Mistake(NamedTuple):
    """A wrong bprop that students often write, and what to tell them.

    Parameters
    ----------
    hint : str
        What a student is told.
    bprop : function
        The wrong bprop.

    Examples
    --------
    >>> from flowgraph.teaching import Mistake
    >>> Mistake("h is not squared", lambda grad, h, a: (grad * (1 - h),)).hint
    'h is not squared'
    """

    hint: str
    bprop: Callable[..., tuple[Any, ...]]


class Exercise:
    """An exercise; a subclass that says its `name` is found by `grade`.

    Attributes
    ----------
    name : str
        What `grade` is given.
    task : str
        The formula of fprop, and what bprop is given.
    inputs : tuple of str
        Names of the inputs of fprop.

    Examples
    --------
    >>> from flowgraph import teaching
    >>> teaching.exercise("affine").inputs
    ('x', 'W', 'b')
    """

    name: ClassVar[str] = ""
    task: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ()
    known: ClassVar[dict[str, type[Exercise]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "name" in vars(cls):
            Exercise.known[cls.name] = cls

    @staticmethod
    def example(rng: np.random.Generator) -> tuple[Array, ...]:
        """Draw inputs for `fprop`; a subclass overrides it.

        Parameters
        ----------
        rng : numpy.random.Generator
            The source of random numbers.

        Returns
        -------
        tuple of array
            One per input, with sizes that differ, so that a transposed gradient has a wrong shape.
        """
        raise NotImplementedError

    @staticmethod
    def fprop(*inputs: Any) -> Any:
        """The value of the box; a subclass overrides it.

        Parameters
        ----------
        *inputs : array
            The values of the children.

        Returns
        -------
        array
            The value.
        """
        raise NotImplementedError

    @staticmethod
    def solution(grad: Any, output: Any, *inputs: Any) -> tuple[Any, ...]:
        """The bprop that the exercise asks for; a subclass overrides it.

        Parameters
        ----------
        grad : array
            The gradient at the output, of the shape of `output`.
        output : array
            The value of `fprop`.
        *inputs : array
            The values of the children.

        Returns
        -------
        tuple of array
            One gradient per input, of its shape.
        """
        raise NotImplementedError

    @classmethod
    def mistakes(cls) -> tuple[Mistake, ...]:
        """The wrong answers that are recognised by their numbers, each with a hint.

        Returns
        -------
        tuple of Mistake
            Empty unless a subclass overrides it.
        """
        return ()

    def __str__(self) -> str:
        return f"{self.name}: {self.task}"

    __repr__ = __str__


SIGN = "the sign is wrong: it points downhill, and the gradient points uphill"
DROPPED = "the incoming gradient grad is missing: multiply the slope of the box by it (chain rule)"


class Affine(Exercise):
    """A layer, for a batch with one example per row."""

    name = "affine"
    task = "a = x W + b for x (N, D), W (D, H), b (H,); write bprop(grad, a, x, W, b) with grad (N, H)"
    inputs = ("x", "W", "b")

    @staticmethod
    def example(rng: np.random.Generator) -> tuple[Array, ...]:
        """Draw x, W and b."""
        return rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)

    @staticmethod
    def fprop(x: Any, W: Any, b: Any) -> Any:
        """x W + b."""
        return x @ W + b

    @staticmethod
    def solution(grad: Any, a: Any, x: Any, W: Any, b: Any) -> tuple[Any, ...]:
        """Wᵀ for x, xᵀ for W, the sum over the batch for b."""
        return grad @ W.T, x.T @ grad, grad.sum(axis=0)

    @classmethod
    def mistakes(cls) -> tuple[Mistake, ...]:
        """Wrong sign, a mean for a sum."""
        mean = "the gradient of b is a mean over the batch and must be a sum: fprop adds b to every example"
        return (
            Mistake(SIGN, lambda grad, a, x, W, b: (-grad @ W.T, -x.T @ grad, -grad.sum(axis=0))),
            Mistake(mean, lambda grad, a, x, W, b: (grad @ W.T, x.T @ grad, grad.mean(axis=0))),
        )


class _Activation(Exercise):
    """A function of each element."""

    inputs = ("a",)

    @staticmethod
    def example(rng: np.random.Generator) -> tuple[Array, ...]:
        """Draw a."""
        return (rng.normal(size=(4, 3)),)


class Tanh(_Activation):
    """The hyperbolic tangent of each element."""

    name = "tanh"
    task = "h = tanh(a), element by element; write bprop(grad, h, a)"

    @staticmethod
    def fprop(a: Any) -> Any:
        """tanh(a)."""
        return np.tanh(a)

    @staticmethod
    def solution(grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        """1 - h²."""
        return (grad * (1 - h**2),)

    @classmethod
    def mistakes(cls) -> tuple[Mistake, ...]:
        """Wrong sign, wrong variable, wrong function, no incoming gradient."""
        variable = "the slope is taken of the wrong variable: 1 - h² needs the value h = tanh(a), not a"
        return (
            Mistake(SIGN, lambda grad, h, a: (-grad * (1 - h**2),)),
            Mistake(variable, lambda grad, h, a: (grad * (1 - a**2),)),
            Mistake("this is the slope of the sigmoid, h (1 - h)", lambda grad, h, a: (grad * h * (1 - h),)),
            Mistake(DROPPED, lambda grad, h, a: (1 - h**2,)),
        )


class Sigmoid(_Activation):
    """The logistic sigmoid of each element."""

    name = "sigmoid"
    task = "h = 1 / (1 + exp(-a)), element by element; write bprop(grad, h, a)"

    @staticmethod
    def fprop(a: Any) -> Any:
        """1 / (1 + exp(-a))."""
        return 1 / (1 + np.exp(-a))

    @staticmethod
    def solution(grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        """h (1 - h)."""
        return (grad * h * (1 - h),)

    @classmethod
    def mistakes(cls) -> tuple[Mistake, ...]:
        """Wrong sign, wrong variable, wrong function, no incoming gradient."""
        variable = "the slope is taken of the wrong variable: h (1 - h) needs the value h = sigm(a), not a"
        return (
            Mistake(SIGN, lambda grad, h, a: (-grad * h * (1 - h),)),
            Mistake(variable, lambda grad, h, a: (grad * a * (1 - a),)),
            Mistake("this is the slope of tanh, 1 - h²", lambda grad, h, a: (grad * (1 - h**2),)),
            Mistake(DROPPED, lambda grad, h, a: (h * (1 - h),)),
        )


class ReLU(_Activation):
    """The positive part of each element."""

    name = "ReLU"
    task = "h = max(0, a), element by element; write bprop(grad, h, a)"

    @staticmethod
    def fprop(a: Any) -> Any:
        """max(0, a)."""
        return np.maximum(a, 0)

    @staticmethod
    def solution(grad: Any, h: Any, a: Any) -> tuple[Any, ...]:
        """1 where a > 0."""
        return (grad * (a > 0),)

    @classmethod
    def mistakes(cls) -> tuple[Mistake, ...]:
        """Wrong sign, wrong variable, no incoming gradient."""
        own = "grad is multiplied by the value h; the slope is 1 where a > 0 and 0 elsewhere"
        variable = "the condition is on the wrong variable: it must ask where a > 0, not where grad > 0"
        return (
            Mistake(SIGN, lambda grad, h, a: (-grad * (a > 0),)),
            Mistake(own, lambda grad, h, a: (grad * h,)),
            Mistake(variable, lambda grad, h, a: (np.maximum(grad, 0),)),
            Mistake(DROPPED, lambda grad, h, a: (1.0 * (a > 0),)),
        )


def _softmax(a: Any) -> Any:
    """A row of probabilities from each row of scores."""
    e = np.exp(a - a.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _one_hot(y: Any, classes: int) -> Any:
    """e(y), a row for each label."""
    return (np.arange(classes) == np.asarray(y)[:, None]).astype(float)


class SoftmaxCrossEntropy(Exercise):
    """The negative log-likelihood of labels, from scores."""

    name = "softmax cross-entropy"
    task = "l = -log f_y with f = softmax(a), for a (N, C) and labels y (N,); write bprop(grad, l, a, y), None for y"
    inputs = ("a", "y")

    @staticmethod
    def example(rng: np.random.Generator) -> tuple[Array, ...]:
        """Draw scores and labels."""
        return rng.normal(size=(4, 3)), rng.permutation(np.array([0, 2, 1, 2]))

    @staticmethod
    def fprop(a: Any, y: Any) -> Any:
        """log Σ exp(a) - a_y, of scores moved by their largest."""
        moved = a - a.max(axis=1, keepdims=True)
        return np.log(np.exp(moved).sum(axis=1)) - moved[np.arange(len(y)), y]

    @staticmethod
    def solution(grad: Any, loss: Any, a: Any, y: Any) -> tuple[Any, ...]:
        """-(e(y) - f) for each example."""
        e = np.exp(a - a.max(axis=1, keepdims=True))
        f = e / e.sum(axis=1, keepdims=True)
        f[np.arange(len(y)), y] -= 1
        return grad[:, None] * f, None

    @classmethod
    def mistakes(cls) -> tuple[Mistake, ...]:
        """Wrong sign, no label, wrong variable, no incoming gradient, the gradient one box too high."""
        sign = "the sign is wrong: e(y) - f is minus the gradient of the scores"
        label = "e(y) is missing: the label has to enter, -(e(y) - f)"
        variable = "the scores a stand where the probabilities f = softmax(a) belong"
        high = "this is the gradient by the probabilities f; the box is given scores a, so it goes through softmax too"
        return (
            Mistake(sign, lambda g, _, a, y: (g[:, None] * (_one_hot(y, a.shape[1]) - _softmax(a)), None)),
            Mistake(label, lambda g, _, a, y: (g[:, None] * _softmax(a), None)),
            Mistake(variable, lambda g, _, a, y: (g[:, None] * (a - _one_hot(y, a.shape[1])), None)),
            Mistake(high, lambda g, _, a, y: (-g[:, None] * _one_hot(y, a.shape[1]) / _softmax(a), None)),
            Mistake(DROPPED, lambda g, _, a, y: (_softmax(a) - _one_hot(y, a.shape[1]), None)),
        )


class L2(Exercise):
    """The regularizer of a matrix of weights."""

    name = "L2"
    task = "o = Σ W², one number for a matrix of weights; write bprop(grad, o, W) with grad one number"
    inputs = ("W",)

    @staticmethod
    def example(rng: np.random.Generator) -> tuple[Array, ...]:
        """Draw W."""
        return (rng.normal(size=(3, 2)),)

    @staticmethod
    def fprop(W: Any) -> Any:
        """Σ W²."""
        return (W**2).sum()

    @staticmethod
    def solution(grad: Any, o: Any, W: Any) -> tuple[Any, ...]:
        """2 W."""
        return (grad * 2 * W,)

    @classmethod
    def mistakes(cls) -> tuple[Mistake, ...]:
        """Wrong sign, no 2, the value for the slope, L1, no incoming gradient."""
        return (
            Mistake(SIGN, lambda grad, o, W: (-grad * 2 * W,)),
            Mistake("the factor 2 of the slope of W² is missing", lambda grad, o, W: (grad * W,)),
            Mistake("this is W² itself; its slope is 2 W", lambda grad, o, W: (grad * W**2,)),
            Mistake("this is the gradient of L1, sign(W)", lambda grad, o, W: (grad * np.sign(W),)),
            Mistake(DROPPED, lambda grad, o, W: (2 * W,)),
        )


def names() -> tuple[str, ...]:
    """The names of all exercises.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from flowgraph import teaching
    >>> teaching.names()
    ('affine', 'tanh', 'sigmoid', 'ReLU', 'softmax cross-entropy', 'L2')
    """
    return tuple(Exercise.known)


def exercise(name: str) -> Exercise:
    """The exercise of a name, which shows its task.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    Exercise
        Printed, it shows its task.

    Raises
    ------
    UsageError
        If there is no such exercise.

    Examples
    --------
    >>> from flowgraph import teaching
    >>> teaching.exercise("tanh")
    tanh: h = tanh(a), element by element; write bprop(grad, h, a)
    """
    if name not in Exercise.known:
        near = difflib.get_close_matches(str(name), Exercise.known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise UsageError(f"teaching: found exercise={name!r}, needs one of {', '.join(Exercise.known)}{hint}")
    return Exercise.known[name]()


def solution(name: str) -> str:
    """The text of the solution of an exercise.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    str

    Examples
    --------
    >>> from flowgraph import teaching
    >>> print(teaching.solution("tanh").splitlines()[-1].strip())
    return (grad * (1 - h**2),)
    """
    return textwrap.dedent(inspect.getsource(exercise(name).solution)).removeprefix("@staticmethod\n")

"""MyGrad's own tests, with boxes in the place of its operations: what MyGrad's authors expect of values and gradients.

The tests are read from a clone of https://github.com/rsokl/MyGrad that the caller has, and run as they stand, against
the installed package mygrad. Only its operations are others: each computes its value by a graph of boxes, and its
gradients by `bprop` of that graph. Tensors, views of memory and `where=` of ufuncs stay MyGrad's own. A test counts as
one of boxes where an operation made of boxes was called in it.

    git clone https://github.com/rsokl/MyGrad
    python -m benchmarks mygrad_suite MyGrad
    python -m benchmarks mygrad_suite MyGrad tests/linalg -k einsum
"""

from __future__ import annotations

import argparse
import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import flowgraph as fg
import flowgraph.numpy as fnp

HERE = Path(__file__).parent.parent


def main() -> None:
    """Run the tests of a clone in a process of its own, with the operations exchanged."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks mygrad_suite")
    parser.add_argument("clone", nargs="?", type=Path, help="a clone of rsokl/MyGrad")
    options, more = parser.parse_known_args(sys.argv[2:])
    if options.clone is None:
        print("needs a clone of https://github.com/rsokl/MyGrad")
        return
    here = {"PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])}
    chosen = more if any(not word.startswith("-") for word in more) else ["tests", *more]
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "benchmarks.mygrad_suite", *chosen],
        cwd=options.clone,
        env={**os.environ, **here},
        check=False,
    )


def _inverse(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda a: function(1 / a)


def _reciprocal(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda a: 1 / function(a)


def _norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:
    return np.linalg.norm(a, ord=ord, axis=axis, keepdims=keepdims)


def _einsum(*arrays: Any, in_lbls: list[str], out_lbls: str, **_: Any) -> Any:
    return np.einsum(f"{in_lbls if isinstance(in_lbls, str) else ','.join(in_lbls)}->{out_lbls}", *arrays)


def _batch_norm(x: Any, gamma: Any, beta: Any, eps: float) -> Any:
    axes = (0, *range(2, x.ndim))
    h = (x - np.mean(x, axes, keepdims=True)) / np.sqrt(np.var(x, axes, keepdims=True) + eps)
    along = (1, -1, *(1 for _ in axes[1:]))
    h = h if gamma is None or not np.size(gamma) else h * np.reshape(gamma, along)
    return h if beta is None or not np.size(beta) else h + np.reshape(beta, along)


def _numbers(labels: Any) -> Any:
    return labels.value if isinstance(labels, fg.Box) else np.asarray(getattr(labels, "data", labels))


def _cross_entropy(x: Any, y_true: Any) -> Any:
    labels = _numbers(y_true)
    return -np.mean(fg.log_softmax(x, axis=-1)[np.arange(len(labels)), labels])


def _hinge(a: Any, y: Any, hinge: float = 1.0) -> Any:
    labels = _numbers(y)
    places = np.arange(len(labels))
    margins = np.maximum(0, a - a[places, labels][:, None] + hinge)
    return (np.sum(margins) - hinge * len(labels)) / len(labels)


def _extreme(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, axis=None, keepdims=False, dtype=None: function(a, axis=axis, keepdims=keepdims)


def _selu(x: Any) -> Any:
    return 1.0507009873554805 * fg.elu(x, alpha=1.6732632423543772)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "AddSequence": lambda *a: functools.reduce(np.add, a),
    "MultiplySequence": lambda *a: functools.reduce(np.multiply, a),
    "Arccoth": _inverse(np.arctanh), "Arccsch": _inverse(np.arcsinh), "Arccot": lambda a: np.arctan2(1.0, a),
    "Arccsc": _inverse(np.arcsin), "Arcsec": _inverse(np.arccos),
    "Coth": _reciprocal(np.tanh), "Csch": _reciprocal(np.sinh), "Sech": _reciprocal(np.cosh),
    "Cot": _reciprocal(np.tan), "Csc": _reciprocal(np.sin), "Sec": _reciprocal(np.cos),
    "Sinc": np.sinc, "CumProd": fnp.cumprod, "CumSum": fnp.cumsum, "Mean": fnp.mean,
    "Max": _extreme(fnp.max), "Min": _extreme(fnp.min),
    "Prod": fnp.prod, "StdDev": fnp.std, "Sum": fnp.sum, "Variance": fnp.var,
    "Where": lambda a, b, condition: np.where(condition, a, b), "EinSum": _einsum, "Norm": _norm,
    "ReLu": fg.relu, "Sigmoid": fg.sigmoid, "SELU": _selu, "ELU": lambda x, alpha: fg.elu(x, alpha=alpha),
    "LogSoftmax": fg.log_softmax, "Softmax": fg.softmax, "BatchNorm": _batch_norm,
    "SoftmaxCrossEntropy": _cross_entropy, "MulticlassHinge": _hinge,
    "GetItem": lambda a, index: a[index], "Repeat": np.repeat, "Roll": np.roll, "Flatten": np.ravel,
    "AtLeast1D": np.atleast_1d, "AtLeast2D": np.atleast_2d, "AtLeast3D": np.atleast_3d, "BroadcastTo": np.broadcast_to,
    "ExpandDims": np.expand_dims, "Ravel": np.ravel, "Reshape": np.reshape, "Squeeze": np.squeeze,
    "MoveAxis": np.moveaxis, "SwapAxes": np.swapaxes, "Transpose": np.transpose,
    "Tensor_Transpose_Property": np.transpose,
    "Concatenate": lambda *a, axis=0, **_: np.concatenate(a, axis=axis),
    "Stack": lambda *a, axis=0, **_: np.stack(a, axis=axis),
}  # fmt: skip
"""What the operations of MyGrad that are no ufuncs are, written with boxes."""


class Counts:
    """Which tests called operations made of boxes, how often, and what became of them."""

    calls = 0
    outcomes: dict[str, int] = {}
    names: set[str] = set()


def _leaf(operand: Any) -> Any:
    """A parameter or constant for a tensor; other operands are what they are."""
    if not hasattr(operand, "creator"):
        return operand
    return fg.Parameter(operand.data) if operand.data.dtype.kind == "f" else fg.Constant(operand.data)


def exchange(cls: type, function: Callable[..., Any]) -> None:
    """Let an operation of MyGrad compute with boxes; its own value is made too, for the memory that it shares."""
    own_call, own_backward = cls.__call__, cls.backward_var  # type: ignore[attr-defined]

    def call(self: Any, *tensors: Any, **keywords: Any) -> Any:
        value = own_call(self, *tensors, **keywords)
        self.of_boxes = None
        in_place = keywords.get("out") is not None and (keywords["out"].shape, keywords["out"].dtype)
        if keywords.pop("where", True) is not True or in_place not in (False, (np.shape(value), np.float64)):
            return value
        keywords = {
            name: v for name, v in keywords.items() if v is not np._NoValue and name not in ("out", "nan_to_num")
        }
        leaves = [_leaf(one) for one in tensors]
        box = function(*leaves, **keywords)
        if not isinstance(box, fg.Box):
            return value
        run = fg.Graph(box).fprop()
        Counts.calls += 1
        Counts.names.add(cls.__name__)
        found = np.asarray(run[box])
        assert (found.shape, found.dtype) == (np.shape(value), np.asarray(value).dtype.newbyteorder("=")), (
            f"{cls.__name__}: {found.dtype}"
        )
        self.of_boxes = run, box, leaves
        if cls.can_return_view or not isinstance(value, np.ndarray):  # type: ignore[attr-defined]
            np.testing.assert_allclose(found, value, rtol=1e-7, atol=1e-12, err_msg=cls.__name__)
            return value
        value[...] = found
        return value

    def backward_var(self: Any, grad: Any, index: int, **keywords: Any) -> Any:
        if self.of_boxes is None:
            return own_backward(self, grad, index, **keywords)
        run, box, leaves = self.of_boxes
        return np.array(run.bprop({box: np.broadcast_to(grad, box.shape).astype(box.dtype)})[leaves[index]])

    changed: Any = cls
    changed.__call__, changed.backward_var = call, backward_var


def pytest_configure(config: Any) -> None:
    """Exchange the operations before a test is collected."""
    import mygrad
    import mygrad.nnet  # noqa: F401
    from mygrad.operation_base import Operation

    def below(cls: Any) -> Any:
        for child in cls.__subclasses__():
            yield child
            yield from below(child)

    exchanged, kept = [], []
    operations: set[type] = set(below(Operation))
    for cls in sorted(operations, key=lambda cls: cls.__name__):
        ufunc = getattr(cls, "numpy_ufunc", None)
        function = OPERATIONS.get(cls.__name__, ufunc if isinstance(ufunc, np.ufunc) else None)
        if function is None or not cls.__module__.startswith("mygrad"):
            kept.append(cls.__name__)
        else:
            exchange(cls, function)
            exchanged.append(cls.__name__)
    print(f"{len(exchanged)} operations are made of boxes; MyGrad's own stay: {', '.join(kept)}")


def pytest_runtest_call(item: Any) -> None:
    """Count the operations of each test by itself."""
    Counts.calls = 0


def pytest_runtest_logreport(report: Any) -> None:
    """Note what became of a test in which operations were made of boxes."""
    if report.when == "call" and Counts.calls:
        Counts.outcomes[report.outcome] = Counts.outcomes.get(report.outcome, 0) + 1


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the counts."""
    terminalreporter.write_line(
        f"tests with operations made of boxes: {Counts.outcomes}; {len(Counts.names)} operations"
    )

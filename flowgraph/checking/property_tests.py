"""`fg.property_test`: a test whose cases Hypothesis draws, of a box class or of a function of any framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.interval import Interval
from flowgraph.checking import strategies
from flowgraph.checking.frameworks.check_framework import in_words_of
from flowgraph.checking.frameworks.target import KNOWN, framework_code
from flowgraph.checking.property import Drawn, make_property_test, st
from flowgraph.checking.regimes_values import structure_of
from flowgraph.checking.report import Report
from flowgraph.checking.target import Target
from flowgraph.errors import UsageError

if TYPE_CHECKING:
    from flowgraph.checking.frameworks.target import FrameworkName


def property_test(
    target: Any,
    *inputs: Any,
    bprop: Callable[..., Any] | None = None,
    order: int = 1,
    dtypes: Sequence[Any] = (np.float64, np.float32),
    valid: Callable[..., Any] | None = None,
    names: Sequence[str] | None = None,
    framework: FrameworkName | None = None,
    **keywords: Any,
) -> Callable[[Callable[..., Any]], Any]:
    """Make a test of a function: the gradients of the target are checked on cases that Hypothesis draws.

    The target is what `fg.check` takes: a box class, whose children, settings and `dtypes` are drawn; a function with
    `bprop=`, an autograd.Function or a module of torch, a function of JAX, autograd or MyGrad, each with one example of
    its arguments, of whose float arrays the values are drawn. These keep their shapes, their signs where all have one,
    the interval (0, 1) where all lie in it, and a structure such as symmetry; what `valid` refuses, and where the value
    is not finite, is not used.

    The decorated function gets the case, and holds whatever else must be true of it; it may be empty, and take no
    argument. Settings of Hypothesis (`@settings(max_examples=500, deadline=None)`) and `@example(case)` go above.

    Parameters
    ----------
    target
        What is checked.
    *inputs, **keywords
        The example of its arguments, where it is a function.
    bprop
        The backward function of a pair in NumPy, `bprop(grad, output, *inputs)`.
    order
        2 checks second derivatives too.
    dtypes
        Of the children of a box class.
    valid, names, framework
        As in `fg.check`.

    Returns
    -------
    A decorator that makes a test of Hypothesis.

    Raises
    ------
    UsageError
        For what cannot be checked, and for arguments that a target does not have.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> @fg.property_test(np.sinh, np.array([0.5, 2.0]), bprop=lambda grad, output, x: (grad * np.cosh(x),))
    ... def test_sinh(case):
    ...     assert np.all(case.value >= case.inputs["x0"])
    >>> fg.property_test(fg.Softmax)(lambda case: None).__name__
    '<lambda>'
    """
    if isinstance(target, type) and issubclass(target, Box):
        given = [bprop, valid, names, framework, *inputs, *keywords]
        if any(one is not None for one in given):
            raise UsageError(
                f"property_test: {target.__name__} is a box class, whose cases are drawn from its declarations; it "
                "takes order= and dtypes= alone"
            )
        return make_property_test(target.__name__, strategies.cases(target, dtypes), order)
    if not callable(target):
        raise UsageError(
            f"property_test: found {type(target).__name__}, needs a box class, or a function with its arguments"
        )
    found, say = _target(target, inputs, keywords, bprop, valid, names, framework)
    return make_property_test(found.name, drawn(found, say), order)


def drawn(target: Target, say: Callable[[Report], Report]) -> Any:
    """A strategy for cases of a target: its example with other values of the differentiated inputs."""
    parts = [_values(x) if i in target.differentiated else st().just(x) for i, x in enumerate(target.inputs)]
    return st().tuples(*parts).map(lambda inputs: Drawn(replace(target, inputs=inputs), say))


def _values(example: Any) -> Any:
    """Values as those of the example: of its shape and sign."""
    x = np.asarray(example)
    low, high = (x.min(), x.max()) if x.size else (-1.0, 1.0)
    domain = Interval(0.0, 1.0 if high < 1 else np.inf, open=True) if low > 0 else Interval()
    if high < 0:
        domain = Interval(-np.inf, 0.0, open=True)
    if type(example) is float:
        return strategies.floats(domain)
    found = strategies.arrays(x.shape, np.float64, domain)
    structure = structure_of(example)
    return found if structure is None else found.map(structure.made)


def _target(
    function: Callable[..., Any], inputs: tuple[Any, ...], keywords: Mapping[str, Any],
    bprop: Callable[..., Any] | None, valid: Callable[..., Any] | None, names: Sequence[str] | None,
    framework: str | None,
) -> tuple[Target, Callable[[Report], Report]]:  # fmt: skip
    """The target, and what says its report in the words of its framework."""
    if bprop is not None:
        if framework is not None:
            raise UsageError(
                f"property_test: found bprop= and framework={framework!r}; needs bprop= alone, for a pair in NumPy, or "
                f"framework= alone, one of {', '.join(KNOWN)}"
            )
        if keywords:
            raise UsageError(f"property_test: found {next(iter(keywords))}=; with bprop= arguments go by place")
        return Target.of_functions(function, bprop, inputs, names, valid), lambda report: report
    found = framework_code(function, inputs, keywords, framework, names, valid)
    if found is None:
        raise UsageError(
            "property_test: needs bprop= for a function of NumPy arrays; without it the function belongs to torch, "
            "JAX, autograd or MyGrad, as its arguments say"
        )
    target, adapter = found
    return target, lambda report: in_words_of(adapter.framework, report)

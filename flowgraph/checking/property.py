"""The test function that `fg.property_test` makes, and the check of one drawn case."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.checking.box_target import BoxCalls, differentiable, target_of
from flowgraph.checking.cases import Case
from flowgraph.checking.check_box import with_findings
from flowgraph.checking.check_target import examined, shielded
from flowgraph.checking.examination import Examination
from flowgraph.checking.gradient_target import gradient_target
from flowgraph.checking.report import GradientError, Report, nothing, report_of
from flowgraph.checking.second_order import second_order
from flowgraph.checking.target import Target
from flowgraph.errors import UsageError, install_hint


def hypothesis() -> Any:
    """The package."""
    return _imported("hypothesis")


def st() -> Any:
    """Its strategies."""
    return _imported("hypothesis.strategies")


def hypothesis_numpy() -> Any:
    """Its strategies for NumPy."""
    return _imported("hypothesis.extra.numpy")


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(
            f"flowgraph.checking.strategies: needs hypothesis, which is not installed; {install_hint('hypothesis')}"
        ) from error


@dataclass(frozen=True)
class Drawn:
    """One case of a function: the arguments as NumPy arrays, flat, and settings; `target` has them as its example.

    `say` puts a report in the words of the function's framework.
    """

    target: Target
    say: Callable[[Report], Report] = field(repr=False)

    @property
    def inputs(self) -> dict[str, Any]:
        """The arguments by name."""
        return dict(zip(self.target.names, self.target.inputs, strict=True))

    @property
    def value(self) -> Any:
        """The value of the function for the inputs."""
        return self.target.fprop(*self.target.inputs)

    def __repr__(self) -> str:
        return f"{self.target.name}({', '.join(f'{name}={x!r}' for name, x in self.inputs.items())})"


def make_property_test(name: str, cases: Any, order: int) -> Callable[[Callable[..., Any]], Any]:
    """A decorator for a function of a case, or of nothing."""

    def decorate(function: Callable[..., Any]) -> Any:
        parameters = list(inspect.signature(function).parameters)
        if len(parameters) > 1:
            raise UsageError(
                f"property_test({name}): found the arguments {', '.join(parameters)} of {function.__name__}, "
                f"needs one, which gets the case (of a box .cls, .children, .settings, .box, .value, of a function "
                f".inputs, .value), or none"
            )

        def test(case: Case | Drawn) -> None:
            with shielded():
                if isinstance(case, Drawn):
                    check_function_at(case, order)
                else:
                    check_drawn(case, order)
            function(*((case,) if parameters else ()))

        test.__name__, test.__qualname__ = function.__name__, function.__qualname__
        test.__module__, test.__doc__ = function.__module__, function.__doc__
        made = hypothesis().given(cases)(test)
        # Some cases take many times longer than others, which is no flaw of the box. `@settings` above replaces this;
        # given as a decorator here, it would refuse another one.
        made._hypothesis_internal_use_settings = hypothesis().settings(deadline=None)
        return made

    return decorate


class DrawnError(GradientError):
    """A case drawn by Hypothesis is wrong. The report is made when it is read: of the smallest case, not of each."""

    def __init__(self, examination: Examination, say: Callable[[Report], Report]) -> None:
        super().__init__()
        self.examination = examination
        self.say = say
        self._text = ""

    def __str__(self) -> str:
        if not self._text:
            with shielded():
                self._text = str(self.say(report_of(self.examination, 0)))
        return self._text


def check_drawn(case: Case, order: int) -> None:
    """A case at its own values: raises where a gradient is wrong; a case that says nothing is rejected."""
    target, calls = target_of(case, vary=False)
    if not differentiable(case):
        calls.fprop(*target.inputs)
    else:
        _examine(target)
        _right_form(target, case, calls)
    if order > 1 and differentiable(case):
        second = gradient_target(target, calls)
        if isinstance(second, Target):
            _examine(second)
    if calls.findings:
        raise GradientError(str(with_findings(nothing(target.name, f"on {case}", 0), calls)))


def check_function_at(case: Drawn, order: int) -> None:
    """A function at its own arguments: raises where a gradient is wrong; a case that says nothing is rejected."""
    _examine(case.target, case.say, order)


def _examine(target: Target, say: Callable[[Report], Report] = lambda report: report, order: int = 1) -> None:
    try:
        examination = examined(target, 1, 0, regimes=False)
        if order > 1 and not examination.wrong:
            second_order(examination)
    except ValueError:  # not finite in float64
        hypothesis().reject()
    if examination.wrong or (examination.inner is not None and examination.inner.wrong):
        raise DrawnError(examination, say)


def _right_form(target: Target, case: Case, calls: BoxCalls) -> None:
    """In the dtypes of the case itself, float32 too: a gradient of the shape and dtype of each child."""
    with shielded():
        value = calls.fprop(*target.inputs)
        ones = tuple(np.ones_like(part) for part in (value if isinstance(value, tuple) else (value,)))
        grads = calls.bprop(ones if isinstance(value, tuple) else ones[0], value, *target.inputs)
    for i in case.floats:
        found, child = grads[i], case.children[i]
        if found is not None and (np.shape(found), found.dtype) != (child.shape, child.dtype):
            form = f"{np.shape(found)} {found.dtype}"
            message = f"the gradient of {target.names[i]} is {form}, needs {child.shape} {child.dtype}"
            calls.finding("dtype", message, target.names[i])

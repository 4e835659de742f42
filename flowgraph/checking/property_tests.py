"""`fg.property_test`: a test whose cases Hypothesis draws, of a box class or of a function of any framework."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any

import numpy as np

from flowgraph.box import Box
from flowgraph.box.vocabulary import Interval
from flowgraph.checking import strategies
from flowgraph.checking.cases import Case
from flowgraph.checking.check_target import examine_target, shield_state
from flowgraph.checking.contract import second_order
from flowgraph.checking.describe import report_of
from flowgraph.checking.examination import Examination
from flowgraph.checking.frameworks.check_framework import ADAPTERS, FrameworkName, framework_code, in_words_of
from flowgraph.checking.properties import property_of
from flowgraph.checking.report import Allowed, GradientError, Report, doubts_of, nothing, with_failures
from flowgraph.checking.strategies import hypothesis, st
from flowgraph.checking.target import Target
from flowgraph.checking.targets import BoxCalls, box_target, differentiable, gradient_target
from flowgraph.errors import UsageError


def property_test(
    target: Any,
    *inputs: Any,
    bprop: Callable[..., Any] | None = None,
    order: int = 1,
    dtypes: Sequence[Any] = (np.float64, np.float32),
    valid: Callable[..., Any] | None = None,
    names: Sequence[str] | None = None,
    framework: FrameworkName | None = None,
    allow: Allowed = (),
    **keywords: Any,
) -> Callable[[Callable[..., Any]], Any]:
    """Make a test of a function: the gradients of the target are checked on cases that Hypothesis draws.

    The target is what `fg.check` takes: a box class, whose children, settings and `dtypes` are drawn; a function with
    `bprop=`, an autograd.Function or a module of torch, a function of JAX, autograd or MyGrad, each with one example of
    its arguments, of whose float arrays the values are drawn. These keep their shapes, the interval (0, 1) where all
    lie in it, and what they have in common with others, such as a sign or symmetry; what `valid` refuses, and where
    the value is not finite, is not used.

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
    allow
        Doubts that are taken as they are, as in `Report.raise_for_failure`. A case at which nothing can be compared is
        undecided, and rejected, so that Hypothesis fails a test that has hardly any other; ("undecided",) counts it.

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
    doubts = doubts_of(allow)
    if isinstance(target, type) and issubclass(target, Box):
        given = [bprop, valid, names, framework, *inputs, *keywords]
        if any(option is not None for option in given):
            raise UsageError(
                f"property_test: {target.__name__} is a box class, whose cases are drawn from its declarations; it "
                "takes order=, dtypes= and allow= alone"
            )
        return make_property_test(target.__name__, strategies.cases(target, dtypes), order, doubts)
    if not callable(target):
        raise UsageError(
            f"property_test: found {type(target).__name__}, needs a box class, or a function with its arguments"
        )
    made, say = _target(target, inputs, keywords, bprop, valid, names, framework)
    return make_property_test(made.name, draw_cases(made, say), order, doubts)


def draw_cases(target: Target, say: Callable[[Report], Report]) -> Any:
    """A strategy for cases of a target: its example with other values of the differentiated inputs."""
    parts = [_values(x) if i in target.differentiated else st().just(x) for i, x in enumerate(target.inputs)]
    return st().tuples(*parts).map(lambda inputs: Drawn(replace(target, inputs=inputs), say))


def _values(example: Any) -> Any:
    """Values as those of the example: of its shape, with what it has in common with others."""
    x = np.asarray(example)
    domain = Interval(0.0, 1.0, open=True) if x.size and x.min() > 0 and x.max() < 1 else Interval()
    numbers = strategies.floats(domain) if type(example) is float else strategies.arrays(x.shape, np.float64, domain)
    kept = property_of(example, signed=True)
    return numbers if kept is None else numbers.map(kept.impose_on)


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
                f"framework= alone, one of {', '.join(ADAPTERS)}"
            )
        if keywords:
            raise UsageError(f"property_test: found {next(iter(keywords))}=; with bprop= arguments go by place")
        return Target.of_functions(function, bprop, inputs, names, valid), lambda report: report
    made = framework_code(function, inputs, keywords, framework, names, valid)
    if made is None:
        raise UsageError(
            "property_test: needs bprop= for a function of NumPy arrays; without it the function belongs to torch, "
            "JAX, autograd or MyGrad, as its arguments say"
        )
    target, adapter = made
    return target, lambda report: in_words_of(adapter, report)


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


def make_property_test(
    name: str, cases: Any, order: int, doubts: frozenset[str] = frozenset()
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator for a function of a case, or of nothing; `doubts` are verdicts that count as a pass."""

    def decorate(function: Callable[..., Any]) -> Any:
        parameters = list(inspect.signature(function).parameters)
        if len(parameters) > 1:
            raise UsageError(
                f"property_test({name}): found the arguments {', '.join(parameters)} of {function.__name__}, "
                f"needs one, which gets the case (of a box .cls, .children, .settings, .box, .value, of a function "
                f".inputs, .value), or none"
            )

        def check_case(case: Case | Drawn) -> None:
            __tracebackhide__ = True  # pytest then shows the test of the user and the error alone, as in those below
            with shield_state():
                if isinstance(case, Drawn):
                    _examine(case.target, case.say, order, "undecided" in doubts)
                else:
                    check_drawn(case, order, "undecided" in doubts)
            function(*((case,) if parameters else ()))

        with _settings_of_tests():
            test = hypothesis().given(cases)(function if parameters else _with_parameter(function))
        test.hypothesis.inner_test = _called_as(function, check_case)
        return test

    return decorate


def _with_parameter(function: Callable[..., Any]) -> Any:
    """A function of a case in place of one of nothing, for Hypothesis to read its name and where it is written."""
    shown: Any = FunctionType(function.__code__, function.__globals__, function.__name__, None, function.__closure__)
    shown.__signature__ = inspect.Signature([inspect.Parameter("case", inspect.Parameter.POSITIONAL_OR_KEYWORD)])
    return _called_as(function, shown)


def _called_as(function: Callable[..., Any], shown: Any) -> Any:
    """The second function under the name of the first."""
    shown.__name__, shown.__qualname__ = function.__name__, function.__qualname__
    shown.__module__, shown.__doc__ = function.__module__, function.__doc__
    return shown


@contextmanager
def _settings_of_tests() -> Iterator[None]:
    """What the tests that are made meanwhile have as their settings, unless `@settings` above them says another thing.

    They are those of the user's profile, without a deadline, since some cases take many times longer than others, which
    is no flaw of the box, and without the phase "explain": it tries further cases to say which parts of a failing one
    may vary, which the report says in other words.
    """
    settings = hypothesis().settings
    if hypothesis().currently_in_test_context():  # whose settings are not those of the profile
        yield
        return
    profile = settings.get_current_profile_name()
    phases = [phase for phase in settings.default.phases if phase is not hypothesis().Phase.explain]
    settings.register_profile(_PROFILE, settings.default, deadline=None, phases=phases)
    settings.load_profile(_PROFILE)
    try:
        yield
    finally:
        settings.load_profile(profile)


_PROFILE = "flowgraph"


class DrawnError(GradientError):
    """A case drawn by Hypothesis is wrong. The report is made when it is read: of the smallest case, not of each."""

    def __init__(self, examination: Examination, say: Callable[[Report], Report]) -> None:
        super().__init__()
        self.examination = examination
        self.say = say
        self._text = ""

    def __str__(self) -> str:
        if not self._text:
            with shield_state():
                self._text = str(self.say(report_of(self.examination, 0)))
        return self._text


def check_drawn(case: Case, order: int, undecided: bool = False) -> None:
    """A case at its own values: raises where a gradient is wrong; a case that says nothing is rejected."""
    __tracebackhide__ = True
    target, calls = box_target(case, vary=False)
    if not differentiable(case):
        calls.fprop(*target.inputs)
    else:
        _examine(target, undecided=undecided)
        _right_form(target, case, calls)
    if order > 1 and differentiable(case):
        second = gradient_target(target, calls)
        if isinstance(second, Target):
            _examine(second, undecided=True)  # which is known of the first order
    if calls.findings:
        raise GradientError(str(with_failures(nothing(target.name, f"on {case}", 0), calls.findings.values())))


def _examine(
    target: Target,
    say: Callable[[Report], Report] = lambda report: report,
    order: int = 1,
    undecided: bool = False,
) -> None:
    """A target at its own arguments: raises where a gradient is wrong; a case that says nothing is rejected.

    Such is one whose value is not finite, or at which nothing can be compared, unless that may be `undecided`.
    """
    __tracebackhide__ = True
    try:
        examination = examine_target(target, 1, 0, test_cases=False)
        if order > 1 and not examination.wrong:
            second_order(examination)
    except ValueError:  # not finite in float64
        hypothesis().reject()
    if examination.wrong or (examination.inner is not None and examination.inner.wrong):
        raise DrawnError(examination, say)
    if not undecided and not examination.tally.comparisons and any(map(np.size, target.inputs)):
        hypothesis().reject()


def _right_form(target: Target, case: Case, calls: BoxCalls) -> None:
    """In the dtypes of the case itself, float32 too: a gradient of the shape and dtype of each child."""
    with shield_state():
        value = calls.fprop(*target.inputs)
        ones = tuple(np.ones_like(part) for part in (value if isinstance(value, tuple) else (value,)))
        grads = calls.bprop(ones if isinstance(value, tuple) else ones[0], value, *target.inputs)
    for i in case.floats:
        gradient, child = grads[i], case.children[i]
        if gradient is not None and (np.shape(gradient), gradient.dtype) != (child.shape, child.dtype):
            form = f"{np.shape(gradient)} {gradient.dtype}"
            message = f"the gradient of {target.names[i]} is {form}, needs {child.shape} {child.dtype}"
            calls.finding("dtype", message, target.names[i])

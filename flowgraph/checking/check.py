"""fg.check: whether the gradients are right, of boxes, of graphs, of functions written in NumPy or for a framework."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from flowgraph.box import Box, Constant, Leaf
from flowgraph.box.leaves import Input, Parameter, Random
from flowgraph.boxes import sum as sum_of
from flowgraph.checking.cases import Case, case_of, cases
from flowgraph.checking.check_target import check_target, shield_state
from flowgraph.checking.complex_parts import in_parts, leaves_in_parts, with_leaves
from flowgraph.checking.describe import combine_reports
from flowgraph.checking.frameworks.check_framework import FrameworkName, check_framework
from flowgraph.checking.point import Stopwatch, parts
from flowgraph.checking.properties import made_positive_definite
from flowgraph.checking.report import Failure, Report, failure_of_form, nothing, with_failures
from flowgraph.checking.reproduce import definition_of
from flowgraph.checking.scope import EFFORTS, NORMAL, Asked, Scope, Words, given_by_name, with_settings
from flowgraph.checking.surrogates import with_surrogate
from flowgraph.checking.target import Array, Target, attribute
from flowgraph.checking.targets import (
    box_target,
    complex_not_checked,
    conditions_of,
    differentiable,
    function_target,
    gradient_target,
    graph_target,
)
from flowgraph.derivatives import gradient
from flowgraph.derivatives.backward_graph import gradients
from flowgraph.errors import OpenChoiceError, UsageError
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run
from flowgraph.plan import compile as compiled

ROUNDING = 1e-6  # of a second derivative: what bprop cancels, of which the values of fprop show nothing
IN_PLACE = 2 / 3  # of the seconds of a graph, for its boxes; the rest is for it as a whole
BUDGET_OF_A_BOX = 6_000  # a tenth of that of a target: ten boxes of a graph take as long as one function
TELLS = 2.0  # seconds by the clock on the wall
IN_PLACE_OF_FUNCTION = 2  # times the seconds of a function, for the boxes of its graph
DTYPES = (np.float64, np.float32)
"""Those in which a box may be built; it claims one whose fprop runs in it, since a refusal there is loud."""
REDRAWS: tuple[Callable[[Array], Array], ...] = (
    lambda x: x,
    np.abs,
    lambda x: x / (1 + np.abs(x)) / 2 + 0.5,  # between 0 and 1
    lambda x: -np.abs(x),
    made_positive_definite,
    lambda x: made_positive_definite(np.abs(x)),
)


def check_class(cls: type[Box], asked: Asked) -> Report:
    """The class on each of its examples, with all its settings varied."""
    if issubclass(cls, Leaf) or cls.examples is None:
        return nothing(cls.__name__, "is no operation of its own: nothing was compared", asked.seed)
    return _check_cases(cls.__name__, cases(cls), asked)


def check_built(box: Box, asked: Asked) -> Report:
    """A built box with its settings, on values drawn from its declarations and in the shapes of its children."""
    if not box.children:
        return nothing(box.title, "is a leaf: nothing was compared", asked.seed)
    return _check_cases(box.title, [case_of(box, asked.seed)], asked, vary=False)


def _check_cases(name: str, cases: Sequence[Case], asked: Asked, vary: bool = True) -> Report:
    asked.refuse("the children of a box have the names of its fprop", "names")
    asked.refuse("a box class declares its surrogate itself, as a method", "surrogate")
    usable = [legal for case in cases if (legal := _usable(case, asked.valid, vary)) is not None]
    if not usable:
        raise UsageError(f"check: valid= refuses every example of {name}; declare one that it accepts, or a domain")
    refused = [failure for case in usable if vary and (failure := _not_taken(name, case)) is not None]
    if refused:
        return with_failures(nothing(name, "nothing was compared", asked.seed), refused)
    share_of = len(usable) * asked.order
    share = replace(asked, budget=asked.calls // share_of)
    reports = [check_case(case, share, asked.effort.box / share_of, vary=vary, title=name) for case in usable]
    if len(usable) < len(cases):
        reports[0].warnings.append(f"valid= refuses {len(cases) - len(usable)} of {len(cases)} examples")
    return replace(combine_reports(name, reports, asked.seed), not_checked=complex_not_checked(usable, built=not vary))


def _not_taken(name: str, case: Case) -> Failure | None:
    """The failure of a class that refuses an example which it declares itself."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            case.value  # noqa: B018  whether it can be computed is what is asked
    except Exception as error:  # whatever building the box, or its fprop, raises
        said = f"its own example is refused, {type(error).__name__}: {error}"
        return failure_of_form(name, "spec", said, test_case=str(case))
    return None


def _usable(case: Case, valid: Callable[..., Any] | None, vary: bool) -> Case | None:
    """The case, with other values where fprop does not take those that were drawn, or `valid` refuses them."""
    for redraw in REDRAWS:
        tried = case.replace(*(redraw(a) if a.dtype.kind == "f" else a for a in case.children))
        if _is_legal(tried, valid, vary):
            return tried
    return case if valid is None else None


def _is_legal(case: Case, valid: Callable[..., Any] | None, vary: bool) -> bool:
    try:
        plain = in_parts(case)
        target, calls = box_target(plain, vary=vary and plain is case)
        accepts = conditions_of(calls, valid)
        finite = all(np.all(np.isfinite(part)) for part in parts(target.fprop(*target.inputs)))
        return finite and (accepts is None or bool(np.all(accepts(*target.inputs))))
    except Exception:  # whatever a fprop raises that does not take these values
        return False


def check_case(
    case: Case,
    asked: Asked,
    seconds: float = NORMAL.box,
    *,
    vary: bool = True,
    test_cases: bool = True,
    title: str = "",
) -> Report:
    """One example; at order 2 its gradient graph too. Without `test_cases` at its own values only."""
    plain, seed, scope = in_parts(case), asked.seed, asked.scope(strict=True)
    target, calls = box_target(plain, vary=vary and plain is case, title=title)
    calls.keep_promise_of_signature(case)
    calls.keep_promise_of_rows(case)
    calls.keep_promise_of_parts(case)
    target = replace(target, valid=conditions_of(calls, asked.valid))
    if not differentiable(plain):
        calls.fprop(*target.inputs)
        report = nothing(target.name, "has no gradient here: only the form was looked at", seed)
        return with_failures(report, calls.findings.values())
    report = check_target(target, 1, seed, asked.budget, seconds, test_cases, scope)
    if report.verdict == "pass" and any(child.dtype.kind == "c" for child in plain.children):
        report = replace(report, verdict="undecided")  # its real children are right, which says nothing of the others
    report = with_failures(report, calls.findings.values())
    if report.verdict != "fail" and (refused := refusal_of_case(case, target.name)) is not None:
        report = with_failures(report, [refused])
    if asked.order < 2 or report.verdict == "fail":
        return report
    second = gradient_target(target, calls)
    if isinstance(second, Report):
        both = combine_reports(target.name, [report, second], seed)
        return both if both.verdict == "fail" else replace(both, verdict="undecided")
    inner = without_rounding(check_target(second, 1, seed, asked.budget, seconds, test_cases, scope))
    return replace(combine_reports(target.name, [report, inner], seed), checked=report.checked)


def without_rounding(report: Report) -> Report:
    """Second derivatives are compared with differences of bprop, whose own cancellation the values do not show."""
    kept: list[Failure] = []
    small: list[Failure] = []
    for failure in report.failures:
        size = max(abs(failure.analytic), abs(failure.numeric))
        close = failure.kind == "value" and abs(failure.analytic - failure.numeric) <= ROUNDING * size
        (small if close else kept).append(failure)
    if not small:
        return report
    warnings = [f"{failure.box}: the second derivative by {failure.child} loses digits" for failure in small]
    verdict = report.verdict if kept else "pass"
    return replace(report, failures=kept, warnings=[*report.warnings, *warnings], verdict=verdict)


def check_graph(graph: Graph, feeds: Mapping[Any, Any], asked: Asked) -> Report:
    """At these inputs, in float64; a float32 graph is checked through its float64 twin."""
    asked.refuse("a graph is checked at the values of one run, which are not varied", "valid", "vary", "fixed")
    asked.refuse("the boxes of a graph have names", "names")
    asked.refuse("a box class declares its surrogate itself, as a method", "surrogate")
    twin, leaves = in_double(graph)
    fed = {leaves.get(key, key) if isinstance(key, Box) else key: value for key, value in feeds.items()}
    report = _check(*leaves_in_parts(twin, fed), "graph", asked)
    run = graph.fprop(feeds, seed=asked.seed)
    refused = None if report.verdict == "fail" else refusal_of_run(run, differentiated_of(graph), "graph")
    return report if refused is None else with_failures(report, [refused])


def refusal_of_case(case: Case, title: str) -> Failure | None:
    """The failure of a box that runs forward on its example, in float64 or float32, and the engine then refuses."""
    free = case.box.differentiable_wrt
    for dtype in DTYPES:
        cast = case.cast(dtype)
        try:
            children = [
                Parameter(x, name=f"child{i}") if free[i] and x.dtype.kind in "fc" else Constant(x)
                for i, x in enumerate(cast.children)
            ]
            box = case.cls(*children, **case.settings)
            run = Graph(*([box] if len(box.outputs) == 1 else list(box))).fprop()
        except Exception:  # whatever a fprop raises that does not take this dtype
            continue
        wrt = [child for child in children if isinstance(child, Parameter)]
        refused = refusal_of_run(run, wrt, title)
        if refused is not None:
            return refused
    return None


def refusal_of_run(run: Run, wrt: Sequence[Box], title: str) -> Failure | None:
    """The failure of what has a value and is refused on the way back: by bprop, as a gradient graph, or in a plan."""
    outputs = run.graph.outputs
    if not wrt or any(spec.dtype.kind not in "fc" for output in outputs for spec in output.outputs):
        return None
    stage = "bprop"
    try:
        arriving = [np.ones_like(run[output]) for output in outputs]
        run.bprop(arriving if len(arriving) > 1 else arriving[0], wrt=wrt, unused="zeros")
        stage = "the gradient graph"
        grads = gradients(outputs, wrt, [np.ones_like(output) for output in outputs], unused="zeros")
        backward = Graph(*grads)
        backward.fprop({leaf: run[leaf] for leaf in run.graph.inputs if leaf in backward}, seed=run.seed)
        stage = "the plan"
        leaves = list(run.graph.inputs)
        compiled([*outputs, *grads], inputs=leaves)(*(run[leaf] for leaf in leaves))
    except OpenChoiceError:  # the example has no gradient there, and bprop says so
        return None
    except Exception as error:  # whatever a bprop raises
        dtypes = " and ".join(dict.fromkeys(str(leaf.dtype) for leaf in wrt))
        why = f"{type(error).__name__}: {error}".partition("\n")[0]
        said = f"the engine refuses {stage} in {dtypes}: {why}"
        return failure_of_form(title, "engine", said, test_case=f"the example in {dtypes}")
    return None


def differentiated_of(graph: Graph) -> tuple[Box, ...]:
    """The leaves that a graph is differentiated by: its parameters, or else its inputs of floats."""
    return tuple(graph.parameters) or tuple(box for box in graph.inputs if box.dtype.kind in "fc")


def _check(graph: Graph, feeds: Mapping[Any, Any], name: str, asked: Asked) -> Report:
    order, seed = asked.order, asked.seed
    run = graph.fprop(feeds, seed=seed)
    wrt = differentiated_of(graph)
    if not wrt:
        raise UsageError("check: the graph has no parameters and no float inputs; there is nothing to differentiate")
    seconds = asked.effort.graph / order * asked.calls / asked.effort.budget
    scope = replace(asked.scope(strict=True), strict=True)
    reports = boxes_in_place(run, wrt, seed, seconds * IN_PLACE)
    held = next((box for box in graph if box.surrogate is not None), None)
    if held is not None:  # the chain rule through a surrogate is the gradient of nothing
        report = combine_reports(name, reports, seed)
        report.warnings.append(f"end to end nothing was compared: {held.title} has the gradient of a surrogate")
        return report
    target = graph_target(run, wrt, name)
    whole = check_target(target, 1, seed, asked.calls, seconds * (1 - IN_PLACE), test_cases=False, scope=scope)
    report = join_reports(name, reports, whole, seed)
    if order < 2 or report.verdict == "fail":
        return report
    gradients = gradient(_total(graph), wrt)
    inner = Graph(*gradients)
    left = {key: value for key, value in feeds.items() if key in inner}
    second = _check(inner, left, f"the gradient graph of {name}", replace(asked, order=order - 1))
    return combine_reports(name, [report, second], seed)


def join_reports(name: str, boxes: Sequence[Report], whole: Report, seed: int) -> Report:
    """The reports joined: end-to-end failures are reported only if no box explains them."""
    if any(report.failures for report in boxes) and whole.verdict == "fail":
        whole.failures.clear()
    report = combine_reports(name, [*boxes, whole], seed)
    return replace(report, checked=whole.checked, role=whole.role, not_differentiated=whole.not_differentiated)


def check_function(
    function: Callable[..., Any], inputs: tuple[Any, ...], keywords: Mapping[str, Any], asked: Asked
) -> Report:
    """Box by box at the example, then end to end in many test cases, the function on arrays against its graph."""
    asked.refuse("without bprop= the gradient is that of the boxes that the function is made of", "surrogate")
    plain = Target.of_functions(function, lambda *_: None, inputs, asked.names, asked.valid)  # bprop comes below
    target, traced = function_target(plain, keywords)
    run, leaves = traced.run(*target.inputs)
    read = [leaf for leaf in leaves if leaf is not None and leaf in run.graph]
    seed, seconds = asked.seed, IN_PLACE_OF_FUNCTION * asked.effort.function
    boxes = boxes_in_place(run, read, seed, seconds)
    whole = check_target(target, 1, seed, asked.calls, asked.effort.function, scope=asked.scope(strict=False))
    if whole.verdict == "fail" and not any(report.failures for report in boxes):
        boxes = boxes_in_place(run, read, seed, seconds, test_cases=True)
    report = join_reports(target.name, boxes, whole, seed)
    if asked.order < 2 or report.verdict == "fail":
        return report
    fed = {leaf: run[leaf] for leaf in read}
    second = check_graph(run.graph, fed, Asked(asked.order, seed, asked.budget, effort=asked.effort))
    return combine_reports(target.name, [report, second], seed)


def in_double(graph: Graph) -> tuple[Graph, dict[Box, Box]]:
    """The graph with float64 leaves, and its leaf for each old one; the graph itself where it is in float64."""
    narrow = (box for box in graph if not box.children and box.dtype.kind == "f" and box.dtype != np.float64)
    twins: dict[Box, Any] = {box: _leaf_in_double(box) for box in narrow}
    return (with_leaves(graph, twins), twins) if twins else (graph, {})


def _leaf_in_double(leaf: Box) -> Box:
    if isinstance(leaf, Parameter | Constant):
        kind = Parameter if isinstance(leaf, Parameter) else Constant
        twin: Box = kind(leaf.value.astype(np.float64))
    elif isinstance(leaf, Random):
        twin = Random(leaf.draw, shape=leaf.shape)
    elif isinstance(leaf, Input):
        twin = Input("x", shape=leaf.shape)
    else:
        return leaf
    twin._place(leaf.name, leaf.scope, leaf.built_at)
    return twin


def _total(graph: Graph) -> Any:
    """One number that depends on every element of every output; its gradients make the gradient graph."""
    if len(graph.outputs) == 1 and graph.outputs[0].shape == ():
        return graph.outputs[0]
    total: Any = 0.0
    for output in graph.outputs:
        total = total + sum_of(output * np.cos(output))
    return total


def boxes_in_place(run: Run, wrt: Sequence[Box], seed: int, seconds: float, test_cases: bool = False) -> list[Report]:
    """One report per box that leads to `wrt`, in topological order; with `test_cases` also near these values."""
    watch = Stopwatch()
    boxes = [step.box for step in reversed(run.graph.bsteps(tuple(wrt)))]
    reports: dict[Box, Report] = {}
    left = 0
    for box in _new_kinds_first(boxes):
        if watch.seconds() > seconds:
            left += 1
            continue
        report = _box_in_place(run, box, seed, test_cases, min(2.0, max(seconds - watch.seconds(), 0.1)))
        if report is not None:
            reports[box] = report
    checked = [reports[box] for box in boxes if box in reports]
    if left and checked:
        text = (
            f"the time was used up before {left} of {len(boxes)} boxes were looked at in place; give effort='thorough'"
        )
        last = checked[-1]
        verdict = last.verdict if last.failures else "undecided"
        checked[-1] = replace(last, verdict=verdict, warnings=[*last.warnings, text])
    return checked


def _box_in_place(run: Run, box: Box, seed: int, test_cases: bool, seconds: float) -> Report | None:
    """None for a box that has no gradient or reads several outputs; a tuple has no perturbation of its own."""
    values = [run[child] for child in box.children]
    if any(isinstance(value, tuple) for value in values):
        return None
    case = Case(type(box), tuple(np.array(value) for value in values), box.setting_values())
    title = f"{type(box).__name__} {run.graph.names[box]!r}"
    if not differentiable(case):
        return None
    target, calls = box_target(case, vary=False, title=title)
    try:
        report = check_target(target, 1, seed, BUDGET_OF_A_BOX, seconds, test_cases, Scope(strict=True))
    except ValueError as reason:
        if "cannot be run" not in str(reason):
            raise
        empty = combine_reports(title, [], seed)
        empty.warnings[:] = [f"{title} was not looked at: its value is not finite in this run"]
        return empty
    return with_failures(report, calls.findings.values())


def _new_kinds_first(boxes: Sequence[Box]) -> Iterator[Box]:
    """One box of each class, settings and number of axes before the many that are like it."""
    seen: set[Hashable] = set()
    later = []
    for box in boxes:
        kind = (type(box), repr(box.setting_values()), tuple(len(child.outputs[0].shape) for child in box.children))
        if kind in seen:
            later.append(box)
        else:
            seen.add(kind)
            yield box
    yield from later


def check(  # noqa: PLR0913  a keyword for each thing that a user may declare
    target: Any,
    *inputs: Any,
    bprop: Callable[..., Any] | None = None,
    order: int = 1,
    seed: int = 0,
    budget: int | None = None,
    valid: Callable[..., Any] | None = None,
    names: Sequence[str] | None = None,
    second: Callable[..., Any] | None = None,
    framework: FrameworkName | None = None,
    strict: bool | None = None,
    vary: Words = None,
    fixed: Words = None,
    effort: Literal["fast", "normal", "thorough"] = "normal",
    surrogate: Callable[..., Any] | None = None,
    **feeds: Any,
) -> Report:
    """Check the gradients of a box class, a box, a graph or functions, wherever the value is defined.

    - `check(Softmax)`: a box class, on every example that it declares; all its settings are varied
    - `check(box)`: a built box with its settings, on values drawn from its declarations
    - `check(graph, x=..., y=...)`: every box in place at the values of that run, then end to end on the parameters
    - `check(function, *arrays)`: a function written in NumPy, through the graph that it builds
    - `check(function, *arguments)` of torch, JAX, autograd, MyGrad or PyTensor: a function of their arrays, a torch
      module with its parameters, an autograd.Function, an Op with its L_op; recognised by its arguments or by itself,
      or named by `framework=`
    - `check(fprop, *inputs, bprop=bprop)`: is `bprop(grad, output, *inputs)` the gradient of `fprop(*inputs)`?

    Float arrays and floats are differentiated, everything else is a setting that is varied too, and so are
    defaults (`slope=0.1`, `mode="sum"`, `keep=True`) that fprop and bprop have in common. In place of a string those
    are tried that the code compares with, and the members of `Literal` in its annotation.

    A failure is a number, a NaN or a shape that is silently wrong at the example or at inputs like it: of the same
    types and ranks, in which axes that are equal stay equal, none is empty, and every property of the example holds,
    such as being positive, sorted, or a permutation. A refusal of any kind at any input but the example, and what is
    wrong beyond inputs like it, is a note of the report, and with `strict=True`, the default for box classes, boxes and
    graphs, a failure.

    `valid(*inputs)` says which derived inputs are within the contract, where fprop does not raise outside of it; of a
    box it is called with the children, and with the settings that it names. `vary=` and `fixed=` choose what is varied:
    any of "values", "shapes", "settings", "dtypes", and names of inputs; properties of an input that `vary=` names are
    not kept. What is given by name, `axis=1`, is an argument of the function; of one written in NumPy it is a setting,
    which its bprop is given too if it takes it.

    `order=2` also checks the second derivative: of boxes by their gradient graph, of functions through `second`, the
    bprop of bprop, if it is given. `effort` says how many test cases a function has where strict=False, "normal" at
    most 100, "fast" half and "thorough" five times as many. It also bounds the seconds of the processor, and twenty
    times as many by the clock on the wall, counted from the first call of fprop: "fast" (1 s for a function or a class
    of boxes, 4 s for a graph), "normal" (3 s, 6 s, 30 s), "thorough" (five times these); what is wrong takes up to
    0.5 s, 1.5 s or 3 s more to explain. `budget` bounds the calls of fprop.

    `surrogate(*inputs)` is a smooth function that bprop is the gradient of in place of its own, as of a rounding that
    passes its gradient straight through; a class says so itself, by `surrogate`. Without it that is a failure.

    Parameters
    ----------
    target : type of Box, Box, Graph or function
        What is checked.
    *inputs : array_like
        The example: arguments of a function.
    bprop : function, optional
        `bprop(grad, output, *inputs)` returns one gradient per input; without it `target` is differentiated by its
        framework.
    order : {1, 2}, default 1
        Whether the second derivative is checked too.
    seed : int, default 0
        What fixes the draws.
    budget : int, optional
        Largest number of calls of fprop.
    valid : function, optional
        Says which derived inputs are within the contract.
    names : sequence of str, optional
        Names of the inputs, in messages.
    second : function, optional
        The bprop of bprop.
    framework : {'numpy', 'torch', 'jax', 'autograd', 'mygrad', 'pytensor'}, optional
        Whose function it is; by default it is recognised.
    strict : bool, optional
        Whether refusals, and what fails beyond the example, are failures, and not notes.
    vary, fixed : str or sequence of str, optional
        What is varied, and what is not: "values", "shapes", "settings", "dtypes", names of inputs.
    effort : {'fast', 'normal', 'thorough'}, default 'normal'
        How long it may take.
    surrogate : function, optional
        What bprop is the gradient of, where the value is piecewise constant.
    **feeds
        Inputs of a graph, or settings of a function, by name.

    Returns
    -------
    Report
        `passed`, `verdict`, `failures`; `print` shows it.

    Raises
    ------
    UsageError
        For what cannot be checked, and for options that a target does not have.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> fg.check(np.sin, np.array([0.5, 2.0]), bprop=lambda grad, output, x: (grad * np.cos(x),)).verdict
    'pass'
    """
    if not isinstance(effort, str) or effort not in EFFORTS:
        raise UsageError(f"check: found effort={effort!r}, needs one of {', '.join(EFFORTS)}")
    asked = Asked(order, seed, budget, valid, names, strict, vary, fixed, EFFORTS[effort], surrogate)
    with shield_state(), _told_if_slow(target, effort):
        if bprop is None:
            return _of_its_own_kind(target, inputs, feeds, asked, framework)
        pair = with_settings(Target.of_functions(target, bprop, inputs, names, valid, second), feeds, defaults=True)
        if surrogate is not None:
            if second is not None:
                raise UsageError(
                    "check: found second= beside surrogate=, of which bprop is checked alone; leave it out"
                )
            settings = pair.names[len(pair.names) - pair.defaulted :]
            pair = with_surrogate(pair, given_by_name(surrogate, settings), definition_of("fprop", surrogate))
        return check_target(pair, order, seed, asked.calls, asked.effort.function, scope=asked.scope(strict=False))


@contextmanager
def _told_if_slow(target: Any, effort: str) -> Iterator[None]:
    """A line on a terminal where a check takes longer than a person waits for without a word."""
    name = attribute(target, "__name__") or type(target).__name__
    less = "" if effort == "fast" else "; effort='fast' takes less"
    line = f"fg.check: {name} is still being checked after {TELLS:g} s (effort={effort!r}{less})"
    timer = threading.Timer(TELLS, lambda: print(line, file=sys.stderr, flush=True))
    timer.daemon = True
    if sys.stderr.isatty():
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _of_its_own_kind(
    target: object, inputs: tuple[Any, ...], feeds: Mapping[str, Any], asked: Asked, framework: str | None
) -> Report:
    """Without a bprop: the target knows its own."""
    if isinstance(target, Graph):
        return check_graph(target, _feeds(inputs, feeds), asked)
    is_class = isinstance(target, type) and issubclass(target, Box)
    if callable(target) and not is_class and not isinstance(target, Box | Case):
        foreign = check_framework(target, inputs, feeds, asked, framework)
        return check_function(target, inputs, feeds, asked) if foreign is None else foreign
    if feeds:
        raise UsageError(
            f"check: found {next(iter(feeds))}=, but only the inputs of a graph and the arguments of a function are "
            "given by name"
        )
    if isinstance(target, type) and issubclass(target, Box):
        _alone(target.__name__, inputs)
        return check_class(target, asked)
    if isinstance(target, Box):
        _alone(target.title, inputs)
        return check_built(target, asked)
    if isinstance(target, Case):
        asked.refuse("a case is checked at its own values", "valid", "vary", "fixed", "names")
        return check_case(target, asked, vary=False, test_cases=False)
    raise UsageError(f"check: found {type(target).__name__}, needs a box class, a box, a Graph, or a function")


def _feeds(inputs: tuple[Any, ...], feeds: Mapping[str, Any]) -> dict[Any, Any]:
    if len(inputs) > 1 or not all(isinstance(feed, Mapping) for feed in inputs):
        raise UsageError("check: a graph is given its inputs by name, x=..., or as one dict of boxes")
    return {**(inputs[0] if inputs else {}), **feeds}


def _alone(name: str, inputs: tuple[Any, ...]) -> None:
    if inputs:
        raise UsageError(
            f"check: found {len(inputs)} values beside {name}, which draws its own from its declarations; "
            f"add an example to the class for values of yours"
        )

"""Boxes, functions on boxes, bprop on boxes and graphs as targets."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Input
from flowgraph.box.results import as_values, contradiction
from flowgraph.box.vocabulary import Interval
from flowgraph.boxes import sum as sum_of
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex, real_part
from flowgraph.checking.cases import Case, child_labels, rows_of
from flowgraph.checking.complex_parts import OfParts, in_parts
from flowgraph.checking.point import generator, parts
from flowgraph.checking.report import Failure, Report, failure_of_form, nothing, with_failures
from flowgraph.checking.reproduce import (
    box_definition,
    function_definition,
    function_lines,
    gradient_definition,
    graph_definition,
)
from flowgraph.checking.scope import with_settings
from flowgraph.checking.surrogates import with_surrogate
from flowgraph.checking.target import Array, Inputs, Target, annotations_of, by_form, without_first
from flowgraph.derivatives import gradient
from flowgraph.derivatives.opaque import BpropOf
from flowgraph.errors import BpropError, ShapeError, UsageError
from flowgraph.functional.mapping import on_boxes
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run
from flowgraph.graph.passes import Edge
from flowgraph.graph.steps import derived_bprop

_PROMISE = "Elementwise, signature or core say so"
SAME_ROW = 1e-9  # a stack may be summed up in another order than one array


@dataclass
class BoxCalls:
    """fprop and bprop of a box class as functions of children and settings, just as a run calls them.

    What cannot be seen in the numbers (a value that is not as built, another gradient with `needs`) is kept in
    `findings`.
    """

    cls: type[Box]
    count: int
    setting_names: tuple[str, ...]
    fixed: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""
    findings: dict[str, Failure] = field(default_factory=dict)
    _boxes: dict[Hashable, Box] = field(default_factory=dict)

    @property
    def keywords(self) -> str:
        """The settings as they are written after the children."""
        varied = (f", {name}={name}" for name in self.setting_names)
        return "".join([*varied, *(f", {name}={value!r}" for name, value in self.fixed.items())])

    def split(self, inputs: tuple[Any, ...]) -> tuple[list[Any], dict[str, Any]]:
        """The values of the children, as a run holds them, and the settings by name."""
        children = [np.asarray(x)[()] for x in inputs[: self.count]]
        return children, {**self.fixed, **dict(zip(self.setting_names, inputs[self.count :], strict=True))}

    def box(self, children: list[Any], settings: dict[str, Any]) -> Box:
        """The box on inputs of these shapes and dtypes."""

        def build_box() -> Box:
            names = child_labels(self.cls, self.count)
            leaves = [Input(name, shape=x.shape, dtype=x.dtype) for name, x in zip(names, children, strict=True)]
            return self.cls(*leaves, **settings)

        return by_form(self._boxes, [*children, *settings.values()], range(self.count), build_box)

    def fprop(self, *inputs: Value) -> Value:
        """The value; raises where the box cannot be built on these children with these settings."""
        children, settings = self.split(inputs)
        box = self.box(children, settings)
        value = as_values(box.fprop(*children))
        self._as_built(box, value)
        return value

    def surrogate(self, *inputs: Value) -> Value:
        """The value of the smooth function that the class declares in place of its own."""
        children, settings = self.split(inputs)
        box: Any = self.box(children, settings)
        return as_values(box.surrogate(*children))

    def bprop(self, grad: Value, output: Value, *inputs: Value) -> tuple[Value, ...]:
        """The gradients that the engine takes from bprop: counted, of the right form, broadcasting undone."""
        children, settings = self.split(inputs)
        box = self.box(children, settings)
        grad = conjugate_if_complex(
            tuple(map(np.asarray, grad)) if isinstance(grad, tuple | list) else np.asarray(grad)[()]
        )
        output = tuple(output) if isinstance(output, tuple | list) else np.asarray(output)[()]
        call = box.bprop if box.has_bprop else derived_bprop(box)
        grads = self._settle_gradients(box, call(grad, output, *children), children, output)
        if box.takes_needs and len(children) > 1:
            self._same_with_needs(box, grads, (grad, output, *children))
        return (*map(conjugate_if_complex, grads), *(None for _ in self.setting_names))

    def _settle_gradients(self, box: Box, parts: Value, children: list[Any], output: Value) -> tuple[Any, ...]:
        if type(parts) is not tuple or len(parts) != len(children):
            returned = f"{len(parts)} gradients" if isinstance(parts, tuple) else f"a {type(parts).__name__}"
            raise BpropError(
                f"returned {returned}, needs a tuple of {len(children)}, "
                f"one per child ({', '.join(box.names_of_children())})"
            )
        constant = box.constant
        return tuple(
            part if constant[i] else _settled_or_as_it_is(part, child, box, i) if free else None
            for i, (part, child, free) in enumerate(zip(parts, children, box.differentiable_wrt, strict=True))
        )

    def _as_built(self, box: Box, value: Value) -> None:
        """Shape and dtype are those that the box was built with."""
        differs = None if "spec" in self.findings else contradiction(box, value, {})
        if differs is not None:
            got, needed = differs
            children = ", ".join(str(child.spec) for child in box.children)
            of = f"of children {children}" + "".join(f", {k}={v!r}" for k, v in box.setting_values().items())
            self.finding("spec", f"fprop gave {got} {of}, but the box was built with {needed}")

    def keep_promise_of_signature(self, case: Case) -> None:
        """That the box takes one more axis in front of its children, where a signature alone says its shapes.

        Where a core axis may be missing, an axis in front may be that one.
        """
        signature = self.cls.signature
        if signature is None or "?" in signature.text or self.cls.infer is not Box.infer:
            return
        longer = [np.broadcast_to(child, (2, *child.shape)) for child in case.children]
        try:
            self.cls(*longer, **case.box.setting_values())
        except ShapeError as error:
            self.finding("spec", str(error).partition("\n")[0].partition(": ")[2])

    def keep_promise_of_rows(self, case: Case) -> None:
        """That over rows of its children the box gives each row's value, as Elementwise, signature and core say."""
        for names, alone, over in rows_of(case):
            with suppress(Exception):  # whatever fprop raises that does not take the values of a row
                needed = alone()
                try:
                    same = all(map(_is_same, over(), needed))
                except Exception as error:
                    self.finding("spec", f"over rows of {names} fprop raises {type(error).__name__}: {error}")
                    return
                if not same:
                    self.finding("spec", f"over rows of {names} the value is not that of each row, though {_PROMISE}")
                    return

    @np.errstate(all="ignore")
    def keep_promise_of_parts(self, case: Case) -> None:
        """That bprop takes None for each output that nobody reads, as it takes zeros."""
        box, children, outputs = case.box, list(case.children), case.box.outputs
        if len(outputs) < 2 or not box.has_bprop or any(spec.dtype.kind not in "fc" for spec in outputs):
            return
        value = as_values(box.fprop(*children))

        def send_parts(read: int, unread: Callable[[Array], Any]) -> list[Array]:
            grad = tuple(np.ones_like(part) if i == read else unread(part) for i, part in enumerate(value))
            parts = self._settle_gradients(box, box.bprop(grad, value, *children), children, value)
            return [np.zeros(c.shape) if g is None else np.asarray(g) for g, c in zip(parts, children, strict=True)]

        for i in range(len(value)):
            with suppress(Exception):  # whatever a bprop raises that takes no zeros either
                needed = send_parts(i, np.zeros_like)
                try:
                    same = map(_is_same, send_parts(i, lambda _: None), needed)
                    wrong = [name for name, fits in zip(box.names_of_children(), same, strict=True) if not fits]
                except Exception as error:
                    raised = f"bprop raises {type(error).__name__} where output {i} alone is read ({error})"
                    self.finding("parts", f"{raised}: the gradient of an output that nobody reads is None")
                    return
                if wrong:
                    note = f"bprop gives another gradient for None than for zeros, output {i} read"
                    self.finding("parts", note, wrong[0])
                    return

    def _same_with_needs(self, box: Box, grads: tuple[Any, ...], arguments: tuple[Any, ...]) -> None:
        """What bprop returns for a child does not depend on which others are asked for."""
        if "needs" in self.findings:
            return
        children = list(arguments[2:])
        for i, grad in enumerate(grads):
            if grad is None or not box.differentiable_wrt[i]:
                continue
            needs = tuple(j == i for j in range(len(grads)))
            part = box.bprop(*arguments, needs=needs)[i]
            alone = np.asarray(Edge(box, i).settle_gradient(part, children[i]))
            size = 1e-6 * float(np.abs(grad).max(initial=0.0)) + 1e-290
            if alone.shape != np.shape(grad) or np.any(np.abs(alone - grad) > size):
                name = box.names_of_children()[i]
                self.finding("needs", f"bprop gives another gradient when needs={needs} asks for {name} alone", name)
                return

    def finding(self, kind: str, message: str, child: str | None = None) -> None:
        """Keep a failure that the comparison of numbers does not show; the first of its kind."""
        self.findings.setdefault(kind, failure_of_form(self.title or self.cls.__name__, kind, message, child))


def _is_same(value: Array, needed: Array) -> bool:
    close = partial(np.allclose, rtol=SAME_ROW, atol=SAME_ROW, equal_nan=True)
    return value.shape == needed.shape and close(value, needed)


def box_target(case: Case, *, vary: bool = True, title: str = "") -> tuple[Target, BoxCalls]:
    """The target of a box on the arrays of a case; `vary` says whether its settings are varied."""
    cls, box = case.cls, case.box
    settings = box.setting_values()
    calls = BoxCalls(cls, len(case.children), tuple(settings) if vary else (), {} if vary else settings, title)
    names = tuple(name.replace("[", "").replace("]", "") for name in box.names_of_children())
    floats = tuple(i for i, a in enumerate(case.children) if a.dtype.kind == "f")
    code = tuple(getattr(cls, name) for name in ("fprop", "bprop") if hasattr(cls, name))
    labels = child_labels(cls, len(case.children))
    target = Target(
        calls.fprop,
        calls.bprop,
        (*case.children, *(settings.values() if vary else ())),
        (*names, *(settings if vary else ())),
        title or cls.__name__,
        floats,
        constant=frozenset(i for i in floats if box.constant[i]),
        domain={i: _ends(cls.domain[name]) for i, name in enumerate(labels) if name in cls.domain},
        kinks=cls.kinks,
        code=code,
        strict_types=True,
        may_share=True,
        annotations=annotations_of(cls),
        has_more_examples=True,
        definition=box_definition(cls, calls.keywords, names, calls.setting_names, box.outputs),
    )
    if cls.surrogate is not None:
        arguments = ", ".join((*names, *calls.setting_names))
        body = f"return {cls.__name__}({', '.join(names)}{calls.keywords}).surrogate({', '.join(names)})"
        target = with_surrogate(target, calls.surrogate, function_lines("fprop", arguments, [body]))
    return target, calls


def conditions_of(calls: BoxCalls, valid: Callable[..., Any] | None) -> Callable[..., Any] | None:
    """`valid` as a function of all inputs of the target: it gets the children, and by name the settings it has."""
    if valid is None:
        return None
    names = set(inspect.signature(valid).parameters)

    def accepts(*inputs: Any) -> Any:
        children, settings = calls.split(inputs)
        if calls.cls is OfParts:
            children, settings = calls.box(children, settings).whole(children), settings["given"]
        return valid(*children, **{name: value for name, value in settings.items() if name in names})

    return accepts


def differentiable(case: Case) -> bool:
    """Whether there is a gradient to compare: a real child that is no constant, and real or complex values."""
    box = case.box
    real = [i for i in case.floats if case.children[i].dtype.kind == "f"]
    return any(box.differentiable_wrt) and bool(real) and all(spec.dtype.kind in "fc" for spec in box.outputs)


def _settled_or_as_it_is(part: Value, child: Box, box: Box, position: int) -> Any:
    """A gradient of a wrong shape or dtype is handed on, so that the report says whose it is."""
    try:
        return Edge(box, position).settle_gradient(part, child)
    except BpropError:
        return part


def _ends(interval: Interval) -> tuple[float, float]:
    """Both ends as numbers that belong to the domain."""
    if not interval.open:
        return interval.low, interval.high
    return math.nextafter(interval.low, math.inf), math.nextafter(interval.high, -math.inf)


def complex_not_checked(cases: Sequence[Case], built: bool) -> list[str]:
    """The children that may be complex, and in none of these examples are so in a way to compare.

    They may where an example says so, and those of a class where fprop takes them, as a trial shows.
    """
    may, compared = dict[str, None](), set()
    for case in cases:
        labels = child_labels(case.cls, len(case.children))
        whole = {labels[i] for i in case.floats if case.children[i].dtype.kind == "c"}
        taken = whole if built else {labels[i] for i in case.floats if labels[i] in whole or _takes_complex(case, i)}
        may |= dict.fromkeys(name for name in labels if name in taken)
        compared |= whole if in_parts(case) is not case else set()
    return [f"complex {name}" for name in may if name not in compared]


def _takes_complex(case: Case, i: int) -> bool:
    """Whether a trial returns; what fprop raises that takes real numbers alone is of any kind."""
    try:
        turned = case.replace(*(x * (1 + 0.5j) if k == i else x for k, x in enumerate(case.children)))
        return turned.value is not None and turned.box.differentiable_wrt[i]
    except Exception:
        return False


_OBLIQUE = 0.8 + 0.6j  # of modulus 1, and on no axis of the complex plane
Built: TypeAlias = tuple[Run, Sequence[Box | None]]
"""A run of a graph, and for each input its leaf, or None for a setting."""


@dataclass
class Traced:
    """What builds a graph of its inputs, with one graph for each form of them.

    `build(*inputs)` gives a run on these inputs and their leaves. `differentiated` inputs may change their values
    within one graph; `defaulted` last ones get no gradient, not even None.
    """

    build: Callable[..., Built]
    differentiated: Collection[int]
    defaulted: int = 0
    _built: dict[Hashable, Built] = field(default_factory=dict)

    def run(self, *inputs: Value) -> Built:
        """The run on these inputs; only what descends from a changed leaf is computed again."""
        run, leaves = by_form(self._built, inputs, self.differentiated, lambda: self.build(*inputs))
        pairs = [(leaf, np.asarray(x)) for leaf, x in zip(leaves, inputs, strict=True) if leaf is not None]
        read = [(leaf, x) for leaf, x in pairs if leaf in run.graph and not isinstance(leaf, Constant)]
        moved = {leaf: x for leaf, x in read if not np.array_equal(x, run[leaf])}
        return (run.update(moved) if moved else run), leaves

    def fprop(self, *inputs: Value) -> Value:
        """The outputs of the graph."""
        return _unwrap_single(self.run(*inputs)[0].outputs)

    def bprop(self, grad: Value, output: Value, *inputs: Value) -> tuple[Value, ...]:
        """The gradients of the differentiated inputs, by the bprop of the graph; None for the others."""
        run, leaves = self.run(*inputs)
        wanted = {i: leaf for i, leaf in enumerate(leaves) if i in self.differentiated and leaf is not None}
        reached = [leaf for leaf in wanted.values() if leaf in run.graph and leaf.dtype.kind == "f"]
        arriving = grad[0] if isinstance(grad, tuple | list) and len(run.graph.outputs) == 1 else grad
        gradients: Any = run.bprop(arriving, wrt=reached, unused="zeros") if reached else {}
        own = inputs[: len(inputs) - self.defaulted]
        return tuple(_gradient(gradients, wanted[i], x) if i in wanted else None for i, x in enumerate(own))


def _unwrap_single(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else tuple(values)


def _gradient(gradients: Any, leaf: Box, x: Value) -> Any:
    """In the type of the input, also of a float32 graph in which a box widens."""
    gradient = gradients[leaf].astype(np.asarray(x).dtype, copy=False) if leaf in gradients else np.zeros_like(x)
    return float(gradient) if type(x) is float else gradient


def function_target(target: Target, keywords: Any) -> tuple[Target, Traced]:
    """A function written in NumPy, whose bprop is that of the graph that it builds on boxes."""
    function, differentiated = target.fprop, target.differentiated
    definition = function_definition(function, differentiated)
    target = replace(with_settings(target, keywords), code=(function,), may_share=True, definition=definition)
    names = [name if name.strip() else "x" for name in target.names]

    def build(*inputs: Value) -> Built:
        leaves = [
            Input(name, shape=np.shape(x), dtype=np.asarray(x).dtype) if i in differentiated else None
            for i, (name, x) in enumerate(zip(names, inputs, strict=True))
        ]
        graph = _graph_of(target, [x if leaf is None else leaf for leaf, x in zip(leaves, inputs, strict=True)])
        fed = {leaf: np.asarray(x) for leaf, x in zip(leaves, inputs, strict=True) if leaf is not None}
        return graph.fprop({leaf: x for leaf, x in fed.items() if leaf in graph}), leaves

    traced = Traced(build, differentiated, target.defaulted)
    return replace(target, bprop=traced.bprop), traced


def _graph_of(target: Target, arguments: Sequence[Any]) -> Graph:
    outputs = parts(on_boxes("check", target.name, lambda: target.fprop(*arguments)))
    for part in outputs:
        if not isinstance(part, Box):
            raise UsageError(
                f"check: {target.name} run on boxes returned {type(part).__name__}: it leaves the graph "
                f"on the way; use NumPy functions that boxes understand, or give its gradient, bprop="
            )
    return Graph(*outputs)


def graph_target(run: Run, wrt: Sequence[Box], name: str) -> Target:
    """The outputs as a function of the leaves in `wrt`, beside the other values of this run."""
    graph, traced = run.graph, Traced(lambda *_: (run, wrt), range(len(wrt)))
    names = tuple(graph.names[leaf] for leaf in wrt)
    beside = tuple(graph.names[leaf] for leaf in graph.inputs if leaf not in set(wrt))
    forward = f"graph.fprop({{**feeds, **dict(zip(names, values))}}{f', seed={run.seed!r}' if graph.randoms else ''})"
    return Target(
        traced.fprop,
        traced.bprop,
        tuple(np.array(run[leaf]) for leaf in wrt),
        names,
        name,
        tuple(range(len(wrt))),
        definition=graph_definition(forward, names, beside, len(graph.outputs) == 1),
        may_share=True,
        role="parameters" if graph.parameters else "inputs",
        beside=beside,
    )


def gradient_target(target: Target, calls: BoxCalls) -> Target | Report:
    """The bprop of a box as an operation, whose bprop is that of its gradient graph.

    A report where that graph cannot be built or gives other numbers.
    """
    values = parts(target.fprop(*target.inputs))
    rng, shift = generator(0), len(values)
    inputs = (*(np.asarray(rng.normal(size=np.shape(part))) for part in values), *target.inputs)
    active = [i for i in target.differentiated if i not in target.constant]
    traced = Traced(_builder(calls, active, shift), {*range(shift), *(i + shift for i in active)})

    def fprop(*inputs: Value) -> Value:
        return _first_order(target, active, inputs[:shift], inputs[shift:])

    name = f"the gradient graph of {target.name}"
    wrong = _other_numbers(traced, fprop, inputs, [target.names[i] for i in active])
    opaque = None if wrong else next((box for box in traced.run(*inputs)[0].graph if isinstance(box, BpropOf)), None)
    if opaque is not None:
        if len(opaque.box.outputs) > 1 or not _runs(opaque.box):
            why = f"the second derivative of {target.name} was not checked: its bprop does not run on boxes"
            return nothing(name, f"{why} ({opaque.why})", 0)
        wrong = f"bprop does not run on boxes as on arrays: {opaque.why}"
    if wrong:
        calls.finding("second", wrong)
        return with_failures(nothing(name, "the gradient graph is not that of bprop", 0), [calls.findings["second"]])
    kinds = ["Parameter" if np.asarray(x).dtype.kind == "f" else "Constant" for x in inputs[: shift + calls.count]]
    names = (*(["grad_"] if shift == 1 else [f"grad{i}" for i in range(shift)]), *target.names)
    return replace(
        target,
        fprop=fprop,
        bprop=traced.bprop,
        inputs=inputs,
        names=names,
        name=name,
        differentiated=(*range(shift), *(i + shift for i in target.differentiated)),
        valid=without_first(target.valid, shift),
        constant=frozenset(i + shift for i in target.constant),
        domain={i + shift: ends for i, ends in target.domain.items()},
        annotations={},
        definition=gradient_definition(calls.cls, calls.keywords, names, kinds, active, shift),
        arriving=shift,
    )


def _first_order(target: Target, active: Sequence[int], grads: Inputs, own: Inputs) -> Value:
    """The gradients of the children, as the first-order bprop gives them."""
    value = target.fprop(*own)
    values = parts(value)
    if [np.shape(g) for g in grads] != [np.shape(v) for v in values]:
        raise ValueError("the incoming gradient has another shape than the value")
    if not all(np.all(np.isfinite(v)) for v in values):
        raise ValueError("the value is not finite")
    arriving = tuple(_in_plane(np.asarray(g), v.dtype) for g, v in zip(grads, values, strict=True))
    gradients = target.bprop(arriving if isinstance(value, tuple) else arriving[0], value, *own)
    return _unwrap_single([gradients[i] for i in active])


def _builder(calls: BoxCalls, active: Sequence[int], shift: int) -> Callable[..., Built]:
    """The gradients of a box as boxes, of one incoming gradient per output and the children; integers are constants."""

    def build(*inputs: Value) -> Built:
        children, settings = calls.split(inputs[shift:])
        leaves: list[Any] = [
            Input(f"child{i}", shape=x.shape, dtype=x.dtype) if x.dtype.kind == "f" else Constant(x)
            for i, x in enumerate(children)
        ]
        box = calls.cls(*leaves, **settings)
        outputs = [box] if len(box.outputs) == 1 else list(box)
        arriving: list[Any] = [
            Input(f"grad{i}", shape=np.shape(g), dtype=part.dtype.type(0).real.dtype)
            for i, (g, part) in enumerate(zip(inputs[:shift], outputs, strict=True))
        ]
        turned = [_in_plane(grad, part.dtype) for grad, part in zip(arriving, outputs, strict=True)]
        wrt = [leaves[i] for i in active]
        if shift == 1:
            graph = Graph(*gradient(box, wrt, turned[0]))
        else:
            products = [real_part(conjugate_if_complex(g) * part) for g, part in zip(turned, outputs, strict=True)]
            total: Any = sum(map(sum_of, products))
            graph = Graph(*gradient(total, wrt))
        own = [*arriving, *leaves]
        fed = {leaf: np.asarray(x) for leaf, x in zip(own, inputs, strict=False) if isinstance(leaf, Input)}
        run = graph.fprop({leaf: x for leaf, x in fed.items() if leaf in graph})
        return run, [*own, *(None for _ in inputs[len(own) :])]

    return build


def _in_plane(grad: Value, dtype: np.dtype[Any]) -> Any:
    """A real gradient rotated in the complex plane, away from both axes."""
    return np.astype(grad * (_OBLIQUE if dtype.kind == "c" else 1), dtype)


def _runs(box: Box) -> bool:
    """Whether bprop returns when it is given boxes."""
    leaves = [
        child if isinstance(child, Constant) else Input(f"child{i}", shape=child.shape, dtype=child.dtype)
        for i, child in enumerate(box.children)
    ]
    try:
        box.bprop(Input("grad", shape=box.shape, dtype=box.dtype), box.with_children(*leaves), *leaves)
    except Exception:
        return False
    return True


def _other_numbers(traced: Traced, fprop: Callable[..., Any], inputs: Inputs, names: Sequence[str]) -> str:
    """The fault of the gradient graph; nothing if its values are those of bprop."""
    try:
        on_boxes = parts(traced.fprop(*inputs))
    except Exception as error:
        return f"bprop does not run on boxes, so there is no gradient graph: {type(error).__name__}: {error}"
    for name, of_boxes, other in zip(names, on_boxes, parts(fprop(*inputs)), strict=True):
        if np.shape(of_boxes) != np.shape(other):
            return f"bprop on boxes gives {np.shape(of_boxes)} for {name}, on arrays {np.shape(other)}"
        gap = float(np.abs(np.asarray(of_boxes) - other).max(initial=0.0))
        if not gap <= 1e-8 * (1.0 + float(np.abs(other).max(initial=0.0))):
            return f"bprop on boxes gives other numbers for {name} than on arrays: they differ by {gap:.2g}"
    return ""

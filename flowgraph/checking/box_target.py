"""A box as a target: its children are differentiated, its settings varied, and bprop is read as the engine reads it."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flowgraph.box import Box, Value
from flowgraph.box.leaves import Input
from flowgraph.box.vocabulary import Interval
from flowgraph.boxes.elementwise.complex_numbers import conjugate_if_complex
from flowgraph.checking.cases import Case, child_labels
from flowgraph.checking.complex_parts import OfParts, in_parts
from flowgraph.checking.report import Failure
from flowgraph.checking.reproduce import box_definition
from flowgraph.checking.target import Target, annotations_of, by_form
from flowgraph.errors import BpropError
from flowgraph.graph.passes import Edge, as_values
from flowgraph.graph.steps import derived_bprop


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

        def built() -> Box:
            names = child_labels(self.cls, self.count)
            leaves = [Input(name, shape=x.shape, dtype=x.dtype) for name, x in zip(names, children, strict=True)]
            return self.cls(*leaves, **settings)

        return by_form(self._boxes, [*children, *settings.values()], range(self.count), built)

    def fprop(self, *inputs: Value) -> Value:
        """The value; raises where the box cannot be built on these children with these settings."""
        children, settings = self.split(inputs)
        box = self.box(children, settings)
        value = as_values(box.fprop(*children))
        self._as_built(box, value)
        return value

    def bprop(self, grad: Value, output: Value, *inputs: Value) -> tuple[Value, ...]:
        """The gradients that the engine takes from bprop: counted, of the right form, broadcasting undone."""
        children, settings = self.split(inputs)
        box = self.box(children, settings)
        grad = conjugate_if_complex(
            tuple(map(np.asarray, grad)) if isinstance(grad, tuple | list) else np.asarray(grad)[()]
        )
        output = tuple(output) if isinstance(output, tuple | list) else np.asarray(output)[()]
        call = box.bprop if box.has_bprop else derived_bprop(box)
        grads = self._settled(box, call(grad, output, *children), children, output)
        if box.takes_needs and len(children) > 1:
            self._same_with_needs(box, grads, (grad, output, *children))
        return (*map(conjugate_if_complex, grads), *(None for _ in self.setting_names))

    def _settled(self, box: Box, parts: Value, children: list[Any], output: Value) -> tuple[Any, ...]:
        if type(parts) is not tuple or len(parts) != len(children):
            found = f"{len(parts)} gradients" if isinstance(parts, tuple) else f"a {type(parts).__name__}"
            raise BpropError(
                f"returned {found}, needs a tuple of {len(children)}, "
                f"one per child ({', '.join(box.names_of_children())})"
            )
        constant = box.constant
        return tuple(
            part if constant[i] else _settled_or_as_it_is(part, child, box, i) if free else None
            for i, (part, child, free) in enumerate(zip(parts, children, box.differentiable_wrt, strict=True))
        )

    def _as_built(self, box: Box, value: Value) -> None:
        """Shape and dtype are those that the box was built with."""
        parts = value if isinstance(value, tuple) else (value,)
        if "spec" in self.findings:
            return
        for spec, part in zip(box.outputs, parts, strict=False):
            sizes = [s if isinstance(s, int) else n for s, n in zip(spec.shape, part.shape, strict=False)]
            if len(parts) != len(box.outputs) or spec.dtype != part.dtype or tuple(sizes) != part.shape:
                found, needed = f"{part.shape} {part.dtype}", str(spec)
                children = ", ".join(str(child.spec) for child in box.children)
                of = f"of children {children}" + "".join(f", {k}={v!r}" for k, v in box.setting_values().items())
                self.finding("spec", f"fprop gave {found} {of}, but the box was built as {needed}")
                return

    def _same_with_needs(self, box: Box, grads: tuple[Any, ...], arguments: tuple[Any, ...]) -> None:
        """What bprop returns for a child does not depend on which others are asked for."""
        if "needs" in self.findings:
            return
        children = list(arguments[2:])
        for i, one in enumerate(grads):
            if one is None or not box.differentiable_wrt[i]:
                continue
            needs = tuple(j == i for j in range(len(grads)))
            part = box.bprop(*arguments, needs=needs)[i]
            alone = np.asarray(Edge(box, i).settled(part, children[i]))
            size = 1e-6 * float(np.abs(one).max(initial=0.0)) + 1e-290
            if alone.shape != np.shape(one) or np.any(np.abs(alone - one) > size):
                name = box.names_of_children()[i]
                self.finding("needs", f"bprop gives another gradient when needs={needs} asks for {name} alone", name)
                return

    def finding(self, kind: str, message: str, child: str | None = None) -> None:
        """Keep a failure that the comparison of numbers does not show; the first of its kind."""
        nan = float("nan")
        name = self.title or self.cls.__name__
        found = Failure(name, child, None, kind, nan, nan, nan, "", "", message, "")
        self.findings.setdefault(kind, found)


def target_of(case: Case, *, vary: bool = True, title: str = "") -> tuple[Target, BoxCalls]:
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
        definition=box_definition(cls, calls.keywords, names, calls.setting_names),
    )
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
        return Edge(box, position).settled(part, child)
    except BpropError:
        return part


def _ends(interval: Interval) -> tuple[float, float]:
    """Both ends as numbers that belong to the domain."""
    if not interval.open:
        return interval.low, interval.high
    return math.nextafter(interval.low, math.inf), math.nextafter(interval.high, -math.inf)


def complex_not_checked(found: Sequence[Case], built: bool) -> list[str]:
    """The children that may be complex, and in none of these examples are so in a way to compare.

    They may where an example says so, and those of a class where fprop takes them, as a trial shows.
    """
    may, compared = dict[str, None](), set()
    for case in found:
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

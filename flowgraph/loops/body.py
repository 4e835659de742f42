"""Bodies of loops: a graph on leaves of their own, made by calling a function of the user on boxes."""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Input
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.graph import Graph
from flowgraph.graph.topology import topological_order
from flowgraph.loops.containers import paths
from flowgraph.plan.passes.inlining import specialise
from flowgraph.shapes.size import Size
from flowgraph.shapes.spec import Spec, same

# The body of a loop: the graph of one step, from carries, elements of the inputs and what it reads from outside.

T = TypeVar("T")

LARGEST = 64
"""Elements of all slots and outputs together up to which a body is written as numbers."""


class CarryInput(Input):
    """What one step of a loop hands to the next."""

    symbol = "carry"
    public = False

    def __init__(self, name: str | None = None, *, shape: Any = (), dtype: Any = float) -> None:
        super().__init__("step", shape=shape, dtype=dtype)
        self._place(None, "")  # a loop may stand in a graph whose own inputs have any names


class ElementInput(CarryInput):
    """What one step of a loop takes from an input that is scanned."""

    symbol = "element"
    public = False


class OuterInput(CarryInput):
    """What every step of a loop reads from outside of it, such as a parameter."""

    symbol = "outer"
    public = False


class Body(Box):
    """The graph of one step, as one box: its children are the slots, which are leaves, and after them the outputs.

    The slots are the carries, the elements and what is read from outside; the outputs are the new carries, and what
    the loop stacks.
    """

    slots: int
    carries: int
    elements: int

    symbol = "body"
    public = False
    examples = None  # it stands in the setting of a Scan and is never run itself
    arithmetic = False

    def fprop(self, *parts: Value) -> Value:
        """The outputs."""
        return parts[self.slots :]

    def infer_from_children(self) -> Sequence[Spec]:
        """Those of the outputs; what no loop could run is refused, whoever builds it."""
        if min(self.carries, self.elements) < 0 or not self.carries + self.elements <= self.slots < len(self.children):
            raise UsageError(
                f"{self.title}: found {len(self.children)} children, {self.slots} slots, {self.carries} carries and "
                f"{self.elements} elements, needs the slots, carries and elements first, and outputs behind them"
            )
        slots = set(self.leaves)
        if len(slots) < self.slots or not all(isinstance(slot, CarryInput) for slot in slots):
            raise UsageError(
                f"{self.title}: found the slots {', '.join(slot.title for slot in self.leaves)}, needs different "
                f"leaves that each stand for a carry, an element or what is read from outside"
            )
        for box in topological_order(self.results):
            if not (box.children or box in slots or isinstance(box, Constant)):
                raise UsageError(
                    f"{self.title}: found {box.title} in the body of a loop, needs slots and constants as its only "
                    f"leaves; give the loop what is read from outside as a child, for which a slot stands"
                )
        return [child.spec for child in self.results]

    @property
    def leaves(self) -> tuple[Box, ...]:
        """The slots: carries, elements, what is read from outside."""
        return self.children[: self.slots]

    @property
    def results(self) -> tuple[Box, ...]:
        """The outputs: new carries, what is stacked."""
        return self.children[self.slots :]


def body_of(carries: Sequence[Box], elements: Sequence[Box], outers: Sequence[Box], results: Iterable[Box]) -> Body:
    """The body of these slots and outputs."""
    slots = (*carries, *elements, *outers)
    return Body(*slots, *results, slots=len(slots), carries=len(carries), elements=len(elements))


def fit_body(body: Body, specs: Sequence[Spec]) -> Body:
    """The body for slots of these shapes and dtypes: what followed a named size follows its number."""
    if all(slot.spec == spec for slot, spec in zip(body.leaves, specs, strict=True)):
        return body
    return known_of(body, ("fitted", *specs), lambda: _build_fitted(body, specs))


def specs_of_stack(loop: Box, body: Body, steps: int | Size) -> list[Spec]:
    """What a loop stacks in so many steps; a body that does not make the next carries of its carries is refused."""
    before, after = ([leaf.spec for leaf in part[: body.carries]] for part in (body.leaves, body.results))
    if len(after) < body.carries or not all(map(_fits, before, after)):
        raise loop.shape_error(
            f"found a body that makes {', '.join(map(str, after)) or 'nothing'} of its carries "
            f"{', '.join(map(str, before))}, needs carries of the same shapes and dtypes"
        )
    return [Spec((steps, *result.shape), result.dtype) for result in body.results[body.carries :]]


def _fits(before: Spec, after: Spec) -> bool:
    """Whether a carry may be the next one: it has the same dtype, and sizes that may be the same numbers."""
    alike = before.dtype == after.dtype and len(before.shape) == len(after.shape)
    return alike and all(map(same, before.shape, after.shape))


def _build_fitted(body: Body, specs: Sequence[Spec]) -> Body:
    new = {
        slot: slot if slot.spec == spec else type(slot)(shape=spec.shape, dtype=spec.dtype)
        for slot, spec in zip(body.leaves, specs, strict=True)
    }
    results = on_leaves(body.results, new)
    return Body(*new.values(), *results, **body.setting_values())


def on_leaves(results: Sequence[Box], new: Mapping[Box, Box]) -> tuple[Box, ...]:
    """The same boxes on other leaves, where what follows known shapes is fixed."""
    return specialise(Graph(*results), new).outputs


def with_outputs(body: Body, more: Iterable[Box]) -> Body:
    """The body that stacks more than before."""
    return Body(*body.children, *more, **body.setting_values())


def replace_boxes(results: Sequence[Box], new: Mapping[Box, Box]) -> list[Box]:
    """The same boxes with others in the place of some that they read."""
    stands = dict(new)
    for box in topological_order(results):
        if box not in stands and any(child in stands for child in box.children):
            stands[box] = box.with_children(*[stands.get(child, child) for child in box.children])
    return [stands.get(box, box) for box in results]


def hoist_outer(results: Sequence[Box], slots: Iterable[Box]) -> tuple[list[Box], list[Box], list[Box]]:
    """Boxes outside of the body that the outputs read, a slot for each, and the outputs reading the slots instead.

    A constant stays in the body, unless it belongs to one call of a function that is being traced.
    """
    order = topological_order(results)
    within = set(slots)
    for box in order:
        if any(child in within for child in box.children):
            within.add(box)
    edge = [child for box in order if box in within for child in box.children]
    outside = [box for box in dict.fromkeys([*edge, *results]) if box not in within and type(box) is not Constant]
    outers: list[Box] = [OuterInput(shape=box.shape, dtype=box.dtype) for box in outside]
    return outside, outers, replace_boxes(results, dict(zip(outside, outers, strict=True)))


_known: dict[int, dict[Hashable, Any]] = {}
"""What was made of each body that lives, by its id: boxes compare to boxes, so they are no keys of a weak dict."""


def known_of(body: Body, key: Hashable, make: Callable[[], T]) -> T:
    """What was made of a body under a key; made now, where it was not."""
    known = _known.get(id(body))
    if known is None:
        known = _known[id(body)] = {}
        weakref.finalize(body, _known.pop, id(body), None).atexit = False
    if key not in known:
        if len(known) >= _MOST_KNOWN:
            known.clear()
        known[key] = make()
    return known[key]  # type: ignore[no-any-return]


_MOST_KNOWN = 32
"""Things that are kept of one body: more than the derivatives of one loop for a few shapes."""


# What a loop is given and what its functions return, as boxes, and what is refused of it.


def list_leaves(who: str, what: str, given: Any) -> list[Any]:
    """The boxes and arrays of a carry or of inputs, out of their containers."""
    read = [part if isinstance(part, Box) else np.asarray(part) for part in _parts(given)]
    for part in read:
        if not isinstance(part, Box) and part.dtype.kind not in "biufc":
            raise UsageError(
                f"{who}: found an array of dtype {part.dtype} in {what}, needs boxes or arrays of numbers, in tuples, "
                f"lists, dicts or dataclasses"
            )
    return read


def returned_boxes(who: str, body: Callable[..., Any], given: Any, before: Any = None) -> list[Box]:
    """What the body returned, as boxes; an array of its own is a constant. Dicts are read in the order of `before`."""
    try:
        parts = _parts(_in_order(given, before))
        return [part if isinstance(part, Box) else Constant(part) for part in parts]
    except KeyError as error:
        raise UsageError(
            f"{who}: {name_of(body)} returned a dict with other keys than the carry has, needs {error.args[0]}"
        ) from None
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{who}: {name_of(body)} returned {found_text(given)}, needs boxes, in a tuple or alone ({error})"
        ) from None


def _parts(value: Any) -> list[Any]:
    """The leaves of tuples, lists, dicts and dataclasses, but for None."""
    return [leaf for _, leaf in paths(value, "") if leaf is not None]


def _is_container(value: Any) -> bool:
    return isinstance(value, tuple | list | dict) or (
        dataclasses.is_dataclass(value) and not isinstance(value, Box | type)
    )


def _contents(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return list(value)
    if isinstance(value, dict):
        return list(value.values())
    return [getattr(value, field.name) for field in dataclasses.fields(value)]


def _in_order(value: Any, pattern: Any) -> Any:
    """A value whose dicts have the order of those in a pattern; refused where they have other keys."""
    if isinstance(pattern, dict) and isinstance(value, dict):
        if value.keys() != pattern.keys():
            raise KeyError(", ".join(map(repr, pattern)))
        return {key: _in_order(value[key], part) for key, part in pattern.items()}
    if type(pattern) is dict or not (_is_container(pattern) and _is_container(value)):
        return value
    pairs = list(zip(_contents(value), _contents(pattern), strict=False))
    return [_in_order(*pair) for pair in pairs] if len(pairs) == len(_contents(value)) else value


def check_carry(who: str, body: Callable[..., Any], before: Sequence[Box], after: Sequence[Box]) -> None:
    """Refuse a step after which the next one would not fit."""
    if len(before) != len(after):
        raise UsageError(
            f"{who}: {name_of(body)} returned a carry of {len(after)} arrays, needs {len(before)}, as the first one has"
        )
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        which = f"carry[{i}]" if len(before) > 1 else "carry"
        line = f"\n  built at {new.built_at}"
        if len(old.shape) != len(new.shape) or not all(map(same, old.shape, new.shape)):
            raise ShapeError(
                f"{who}: {name_of(body)} makes of {which} {old.spec} one of {new.spec}, needs the same shape after "
                f"each step; give the first carry the shape that it has later{line}"
            )
        if old.dtype != new.dtype:
            raise DtypeError(
                f"{who}: {name_of(body)} makes of {which} {old.spec} one of {new.spec}, needs the same dtype after "
                f"each step; give the first carry with dtype {str(new.dtype)!r}, or convert the next one with "
                f".astype({str(old.dtype)!r}){line}"
            )


def like(container: Any, parts: Sequence[Any]) -> Any:
    """The parts in containers as they were given, a tuple for a list; None for nothing."""
    return _fill_container(container, iter(parts))


def _fill_container(container: Any, parts: Iterator[Any]) -> Any:
    if container is None:
        return None
    if not _is_container(container):
        return next(parts)
    new = [_fill_container(part, parts) for part in _contents(container)]
    if isinstance(container, dict):
        return dict(zip(container, new, strict=True))
    if isinstance(container, tuple | list):
        return type(container)(*new) if hasattr(container, "_fields") else tuple(new)
    names = [field.name for field in dataclasses.fields(container)]
    return dataclasses.replace(container, **dict(zip(names, new, strict=True)))


def name_of(body: Callable[..., Any]) -> str:
    """The name of a function, as errors call it."""
    return getattr(body, "__qualname__", None) or type(body).__name__


def found_text(value: Any) -> str:
    """What a function returned, in words for an error."""
    return f"{len(value)} things" if isinstance(value, tuple | list) else f"a {type(value).__name__}"

"""Copies of boxes by `copy` and `pickle`: what leads to a parameter is made anew, and no chain is too long."""

from __future__ import annotations

import copy
import copyreg
import sys
import threading
import types
import weakref
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Self, SupportsIndex

import numpy as np

from flowgraph.box.node import ALIKE, OF_A_CALL, Node
from flowgraph.errors import FlowgraphError, UsageError

_NAMED = (type, types.FunctionType, types.BuiltinFunctionType)
_FIXED = (
    bool, int, float, complex, str, bytes, types.NoneType, types.EllipsisType, range, np.ufunc, np.generic, np.dtype,
    types.ModuleType, *_NAMED,
)  # fmt: skip
"""Types of settings that a copy shares, as it shares arrays: they cannot change, or must not."""

_BY_CODE = frozenset({"cloudpickle", "dill"})
"""Packages that pickle code; others, such as joblib, have them inside."""

_DEEPEST = 20
"""Depth of boxes in one another at which pickle writes all boxes below first, children before parents."""


def deep_copy(box: Any, memo: dict[int, Any]) -> Any:
    """The copy of a box: `Box.__deepcopy__`, without recursion.

    A copy has parameters of its own, and so have the boxes that lead to one; what leads to none cannot change, and is
    shared, as in the copy of a tuple. What stands twice in the original, in two graphs of one list say, stands twice in
    the copy.
    """
    for each in children_first(box, memo):
        if id(each) in memo:  # a setting of another box may have been copied with it
            continue
        ours = type(each).__deepcopy__ is type(box).__deepcopy__
        memo[id(each)] = each._copy_alone(memo, {}) if ours or each is box else copy.deepcopy(each, memo)
    return memo[id(box)]


def copy_box(box: Any, memo: dict[int, Any], own: Mapping[str, Any]) -> Any:
    """The copy of a box whose children are copied, or the box itself where nothing differs.

    `own` is what the copy has in place of what stands in the box.
    """
    state = box.__dict__
    rest = {name: value for name, value in state.items() if _may_change(name, value) and name not in own}
    children = tuple([memo[id(child)] for child in box.children])
    made = object.__new__(type(box))
    if rest:
        memo[id(box)] = made  # for a setting in which the box itself stands
    settings = {name: _copied_setting(box, name, value, memo) for name, value in rest.items()}
    same = all(new is old for new, old in zip(children, box.children, strict=True))
    if same and not own and all(settings[name] is rest[name] for name in rest):
        return box
    stay = {name: value for name, value in state.items() if name not in OF_A_CALL}
    made.__dict__.update({**stay, "children": children, **settings, **own})
    return made


def _copied_setting(box: Node, name: str, value: object, memo: dict[int, Any]) -> Any:
    try:
        return copy.deepcopy(value, memo)
    except FlowgraphError:
        raise
    except Exception as error:
        raise UsageError(
            f"{box.title}: found a {type(value).__name__} as {name}, of which there is no copy ({error}); give "
            f"its class a __deepcopy__, which may return self, or keep it outside of the box\n  built at {box.built_at}"
        ) from error


def reduce_box(box: Any, protocol: SupportsIndex) -> Any:
    """What pickle writes of a box: `Box.__reduce_ex__`; where boxes stand too deep, those below it come first."""
    state = box.__getstate__()
    refuse_unpicklable(box, state if isinstance(state, dict) else {}, protocol)
    now = _Pickling.now()
    below = _InOrder(children_first(box, ())[:-1]) if now.depth >= _DEEPEST else None
    done = _Done(now)
    now.depth += 1
    return _blank, (type(box),), (below, state, done), None, None, _set_state


def read_state(box: Any, state: dict[str, Any]) -> None:
    """Set the state that pickle has read: `Box.__setstate__`."""
    state["outputs"] = tuple([spec._replace(dtype=_numpys_own(spec.dtype)) for spec in state["outputs"]])
    if "dtype" in state:
        state["dtype"] = _numpys_own(state["dtype"])
    box.__dict__.update(state)


class _Pickling:
    """The depth of nested boxes in the pickling of this thread.

    It belongs to what pickle keeps until it has ended or failed, and is forgotten with it.
    """

    _here = threading.local()

    def __init__(self) -> None:
        self.depth = 0

    @classmethod
    def now(cls) -> _Pickling:
        """The current pickling of this thread, or a new one."""
        last: Callable[[], _Pickling | None] | None = getattr(cls._here, "last", None)
        pickling = last() if last is not None else None
        if pickling is None:
            pickling = cls()
            cls._here.last = weakref.ref(pickling)
        return pickling


class _Done:
    """Marks the end of a box in a pickle, where the depth decreases."""

    def __init__(self, now: _Pickling) -> None:
        self.now = now
        self.depth = now.depth

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        self.now.depth = self.depth
        return types.NoneType, ()


class _InOrder:
    """Boxes in topological order, so that pickle, which is recursive, never meets a box whose children are missing."""

    def __init__(self, boxes: Sequence[Any]) -> None:
        self.boxes = boxes

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        now = _Pickling.now()
        done = _Done(now)
        now.depth = 0
        return _hold_boxes, (*self.boxes, done)


def _hold_boxes(*boxes: Any) -> None:
    """The boxes that pickle has read, to which later boxes refer."""


def _blank(cls: type[Any]) -> Any:
    """A box before its state is read."""
    return object.__new__(cls)


def _set_state(box: Any, state: tuple[Any, Any, None]) -> None:
    """Set the state of a box once its children exist."""
    box.__setstate__(state[1])


def children_first(top: Any, known: Collection[int]) -> list[Any]:
    """The box, its ancestors and the boxes in their settings, in topological order; without recursion.

    What has its id among the known, and what only such boxes lead to, is left out.
    """
    order: list[Any] = []
    seen = {id(top)}
    stack = [(top, _boxes_before(top))]
    while stack:
        box, rest = stack[-1]
        for needed in rest:
            if id(needed) not in seen and id(needed) not in known:
                seen.add(id(needed))
                stack.append((needed, _boxes_before(needed)))
                break
        else:
            order.append(box)
            stack.pop()
    return order


def _boxes_before(box: Any) -> Iterator[Any]:
    yield from box.children
    for name, value in box.__dict__.items():
        if name not in ALIKE:
            yield from _boxes_in(value)


def _boxes_in(value: object) -> Iterator[Any]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple | frozenset):
        for part in value:
            yield from _boxes_in(part)


def _may_change(name: str, value: object) -> bool:
    """Whether an attribute of a box must be copied with it."""
    return name not in ALIKE and not _is_fixed(value)


def _is_fixed(value: object) -> bool:
    if isinstance(value, tuple | frozenset):
        return all(map(_is_fixed, value))
    if isinstance(value, slice):
        return all(map(_is_fixed, (value.start, value.stop, value.step)))
    if isinstance(value, np.ndarray):
        return not value.dtype.hasobject
    return isinstance(value, _FIXED)


def _numpys_own(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """NumPy's own object for a dtype, of which pickle makes another one: plans compare by identity."""
    own = np.dtype(dtype.char)
    return own if own == dtype else dtype


class Picklable:
    """A class whose objects name what in them cannot be pickled; they are copied as Python copies any object."""

    def __copy__(self) -> Self:
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        return made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        made = memo[id(self)] = object.__new__(type(self))
        vars(made).update(copy.deepcopy(vars(self), memo))
        return made

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        refuse_unpicklable(self, vars(self), protocol)
        return super().__reduce_ex__(protocol)


def refuse_unpicklable(owner: object, members: Mapping[str, Any], protocol: SupportsIndex) -> None:
    """Refuse what pickle cannot write down, in the name of who holds it: a lambda, an open file, a local class."""
    for name, value in (("class", type(owner)), *members.items()):
        why = None if name in ALIKE else _why_unpicklable(value, protocol)
        if why is not None:
            who = owner.title if isinstance(owner, Node) else type(owner).__name__
            line = f"\n  built at {owner.built_at}" if isinstance(owner, Node) else ""
            raise UsageError(f"{who}: found {repr(value)[:60]} as {name}, which cannot be pickled: {why}{line}")


def _why_unpicklable(value: Any, protocol: Any) -> str | None:
    if isinstance(value, _NAMED):
        return _why_nameless(value)
    if isinstance(value, tuple):
        return next(filter(None, [_why_unpicklable(part, protocol) for part in value]), None)
    known = isinstance(value, Node) or (_is_fixed(value) and not isinstance(value, types.ModuleType))
    if known or type(value) in copyreg.dispatch_table:
        return None
    try:
        value.__reduce_ex__(max(protocol, 2))  # below it knows neither lists nor dicts, which pickle writes by itself
    except FlowgraphError:
        raise
    except Exception as error:
        return f"{error}; give its class a __reduce__, or make it in the process that uses it"
    cls: Any = type(value)
    plain = cls.__reduce_ex__ is object.__reduce_ex__ and cls.__reduce__ is object.__reduce__
    return _why_nameless(cls) if plain else None


def _why_nameless(named: Any) -> str | None:
    """Why a function or class cannot be written down by its name, as pickle does."""
    if _has_its_name(named) or _is_code_pickled():
        return None
    return (
        f"{named.__qualname__!r} is not found by this name in the module {named.__module__!r}; define it there with "
        f"def or class, outside of every function, or pickle with cloudpickle, which writes down its code"
    )


def _is_code_pickled() -> bool:
    """Whether a pickle is at work that writes down the code of functions and classes.

    A method that pickle calls is not told who pickles, and the stack says it; this is asked only before a refusal.
    """
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None and _BY_CODE.isdisjoint(str(frame.f_globals.get("__name__")).split(".")):
        frame = frame.f_back
    return frame is not None


def _has_its_name(named: Any) -> bool:
    """Whether a function or class is found where pickle looks for it."""
    target: Any = sys.modules.get(named.__module__)
    for part in named.__qualname__.split("."):
        target = getattr(target, part, None)
    return target is named

"""What is known of every box: the line and scope in which it was built, what its class declares, state and texts."""

from __future__ import annotations

import functools
import itertools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import CodeType
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from flowgraph.box.vocabulary import Example, Interval, Names, Role, Saturates, Slopes, Value
from flowgraph.errors import FrozenError, ShapeError, UnknownAttributeError, UsageError
from flowgraph.printable import near_names, printable, why_not_a_name
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Spec, shape_text

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_NUMPY = os.path.dirname(np.__file__) + os.sep
_scope: ContextVar[str] = ContextVar("flowgraph_scope", default="")


class Line(NamedTuple):
    """A line of the user's code, and the expression there: its first and last line, its first and last column."""

    path: str
    number: int
    expression: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{os.path.basename(self.path)}:{self.number}"


def users_instruction(above: int = 1) -> tuple[CodeType, int]:
    """Where the user's code is: the innermost code of the call stack that is neither flowgraph's nor NumPy's.

    It is looked for so many calls above, every one of which would take as long as some steps in a dict.
    """
    try:
        frame: Any = sys._getframe(above)
        while inside[frame.f_code.co_filename]:
            frame = frame.f_back
    except (ValueError, AttributeError):  # the stack ends before: the outermost code
        frame = sys._getframe(1)
        while frame.f_back is not None:
            frame = frame.f_back
    return frame.f_code, frame.f_lasti


@functools.lru_cache(1024)
def line_of(code: CodeType, instruction: int) -> Line:
    """The line of an instruction, with the place of the expression that it belongs to, where Python keeps that."""
    place = next(itertools.islice(code.co_positions(), instruction // 2, None))
    return Line(code.co_filename, place[0] or code.co_firstlineno, () if None in place else place)  # type: ignore[arg-type]


class _Inside(dict[str, bool]):
    """Whether a file is one of flowgraph's own, or of NumPy's: found out once for each."""

    def __missing__(self, path: str) -> bool:
        self[path] = path.startswith((_HERE, _NUMPY))
        return self[path]


inside = _Inside()


running: ContextVar[Any] = ContextVar("flowgraph_trace", default=None)
current = running.get
"""The trace that is going on, if any: the call of a function on boxes, as `flowgraph.box.tape` has it."""

FIXED = object()
"""The mark of a box of a call that depends on no argument."""


def is_built_in(cls: type[Any]) -> bool:
    """Whether a class is one of flowgraph's own; a class of boxes says it as `built_in`."""
    return cls.__module__.startswith("flowgraph.")


def full_name(cls: type[Any]) -> str:
    """The name of a class with that of its module."""
    return f"{cls.__module__}.{cls.__qualname__}"


@contextmanager
def scope(name: str) -> Iterator[None]:
    """Group the boxes built inside: their names begin with "name/", and a picture draws them in one frame.

    `name` is printable text without "/" and without spaces at its ends; scopes may stand inside each other.

    Parameters
    ----------
    name : str
        Printable text without "/" and without spaces at its ends.

    Yields
    ------
    None

    Raises
    ------
    UsageError
        If the name is no such text.

    Examples
    --------
    >>> import flowgraph as fg
    >>> with fg.scope("layer1"):
    ...     W = fg.Parameter([[1.0]], name="W")
    >>> W.name
    'layer1/W'
    """
    problem = why_not_a_name(name)
    if problem is None and "/" in name:
        problem = "needs a name without '/'; nest scopes for a path of names"
    if problem is not None:
        raise UsageError(f"scope: found {name!r}, {problem}")
    with reopen_scope(f"{_scope.get()}{name}/"):
        yield


def current_scope() -> str:
    """The path of the scopes that are open, "" or "layer1/" or "net/layer1/"."""
    return _scope.get()


@contextmanager
def reopen_scope(path: str) -> Iterator[None]:
    """Open again the scopes of a path that `current_scope` gave, in place of those that are open now."""
    token = _scope.set(path)
    try:
        yield
    finally:
        _scope.reset(token)


OF_EVERY_BOX = frozenset({"children", "name", "scope", "built_at", "outputs", "shape", "dtype"})
"""What every box holds beside its settings; one of several outputs has no shape and dtype of its own."""
_OF_EVERY = len(OF_EVERY_BOX)

OF_A_CALL = frozenset({"computed", "mark", "since", "is_argument"})
"""What a box has beside that while a function is called: on a tape its value, whether it is differentiated, and from
where on; of an argument, that it stands for one."""

ALIKE = OF_EVERY_BOX | OF_A_CALL | {"differentiable_wrt"}
"""What two boxes that differ in nothing but their children have in common, and the children."""


class Node:
    """A node of the DAG: the declarations of a box, its attributes, and texts made of both.

    The files that a box is put together from read it as a node, so none of them needs the class `Box`.
    """

    numpy: ClassVar[Any] = ()
    symbol: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    derivative: ClassVar[str] = ""
    role: ClassVar[Role] = "box"
    signature: ClassVar[Any] = None
    core: ClassVar[Any] = None
    domain: ClassVar[Mapping[str, Interval]] = {}
    kinks: ClassVar[tuple[float, ...]] = ()
    surrogate: ClassVar[Callable[..., Any] | None] = None
    """The function that bprop is the gradient of, where fprop is piecewise constant: a method, as fprop is one."""

    constant_children: ClassVar[Names] = frozenset()
    not_implemented_children: ClassVar[Names] = frozenset()
    examples: ClassVar[tuple[Example, ...] | None] = ()
    analytic: ClassVar[bool] = True
    slopes: ClassVar[Slopes] = ""
    saturates: ClassVar[Saturates] = ""
    remedies: ClassVar[Mapping[str, str | Callable[[Sequence[Any]], str]]] = {}
    public: ClassVar[bool] = True
    aliases: ClassVar[tuple[str, ...]] = ()
    """What other libraries call it; `fg.<alias>` is refused by a message that names the box."""

    arithmetic: ClassVar[bool] = True
    by_element: ClassVar[bool] = False
    """Whether it works element by element."""

    calls_back: ClassVar[bool] = False
    """Whether its fprop or bprop calls a function that a user wrote, which may give something else in each call."""

    built_in: ClassVar[bool] = False
    """Whether the class is one of flowgraph's own, the methods of which are tested to be pure and to write nowhere."""

    child_names: ClassVar[tuple[str, ...]] = ()
    variadic: ClassVar[bool] = False
    settings: ClassVar[Mapping[str, Any]] = {}
    default_settings: ClassVar[dict[str, Any]] = {}
    """The settings that may be left out, with what they are then."""
    has_bprop: ClassVar[bool] = False
    is_plain: ClassVar[bool] = False
    """Whether the class is one of flowgraph's own, with a bprop for all but the `constant_places` of its children."""
    infers_first: ClassVar[bool] = False
    """Whether its fprop reads shape or dtype of the box, or its infer refuses what its fprop would take."""
    constant_places: ClassVar[frozenset[int]] = frozenset()
    takes_needs: ClassVar[bool] = False

    children: tuple[Any, ...]
    name: str | None = None
    scope: str = ""
    outputs: tuple[Spec, ...]
    is_derivative: bool = False
    is_argument: bool = False

    def fprop(self, *values: Value, **_: Any) -> Value:
        """The value of the box, computed from the values of its children.

        A subclass names the children, `fprop(self, a, b)`; type checkers accept that as an override of this signature.

        Parameters
        ----------
        *values : array
            The value of each child.

        Returns
        -------
        array or tuple of arrays
            The value; a tuple for a box of several outputs.

        Raises
        ------
        UsageError
            If the class declares no `fprop`.
        """
        raise UsageError(
            f"{type(self).__name__}: declares no fprop; define fprop(self, *values of the children) in the class"
        )

    @property
    def built_at(self) -> Line:
        """The line of the user's code that built the box, looked up from the instruction that did."""
        built: Line | tuple[CodeType, int] = self.__dict__["built_at"]
        return built if isinstance(built, Line) else line_of(*built)

    @property
    def spec(self) -> Spec:
        """Shape and dtype of the value.

        Raises
        ------
        UsageError
            If the box has several outputs; `box[0].spec` is that of the first.
        """
        if len(self.outputs) != 1:
            raise UsageError(f"{self.title}: found a box of {len(self.outputs)} outputs used as one; take box[0], ...")
        return self.outputs[0]

    def names_of_children(self) -> tuple[str, ...]:
        """The name of each child: the names of the parameters of `fprop`, numbered `a[0]`, `a[1]` for `*a`.

        Returns
        -------
        tuple of str
            One name per child.
        """
        if not self.variadic:
            return self.child_names
        *first, last = self.child_names
        return (*first, *(f"{last}[{i}]" for i in range(len(self.children) - len(first))))

    def setting_values(self) -> dict[str, Any]:
        """The settings of the box.

        Returns
        -------
        dict
            Values of the settings by name.
        """
        return {name: getattr(self, name) for name in self.settings}

    def slopes_of(self, position: int) -> Slopes:
        """What is known about the derivative with respect to one child: by default the `slopes` of the class.

        Parameters
        ----------
        position : int
            Number of the child, from 0 on.

        Returns
        -------
        str
            As the class variable `slopes`; "" where nothing is known.
        """
        return self.slopes

    def axis_labels(self) -> Any:
        """How axes move through the box, where neither `Elementwise` nor signature nor core say it.

        Returns
        -------
        AxisLabels or None
            The labels of the axes of the children and of the value, as `flowgraph.box.axes` reads them; None where
            the declarations say it, or nothing does.
        """
        return None

    @property
    def constant(self) -> tuple[bool, ...]:
        """For each child, whether no gradient is ever sent to it."""
        if not self.constant_children:
            return (False,) * len(self.children)
        return tuple(name.partition("[")[0] in self.constant_children for name in self.names_of_children())

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Floating-point operations of one fprop.

        Parameters
        ----------
        shape : tuple of int
            Shape of the value.
        *shapes : tuple of int
            Shape of each child.

        Returns
        -------
        int or None
            0 for a box that declares `arithmetic = False`, such as a transpose; None where there is no rule.
        """
        return None if self.arithmetic else 0

    @property
    def title(self) -> str:
        """Class and name of the box, as errors print them."""
        who = type(self).__name__
        if self.name or not self.scope:
            return f"{who} {self.name!r}" if self.name else who
        return f"{who} in {printable(self.scope[:-1])!r}"

    def shape_error(self, problem: str, *notes: str) -> ShapeError:
        """A ShapeError that names this box, its children, and the lines that built them; the caller raises it.

        Parameters
        ----------
        problem : str
            What was found and what is needed.
        *notes : str
            Further lines of the message.

        Returns
        -------
        ShapeError
            The error.
        """
        return ShapeError("\n  ".join([f"{self.title}: {problem}", *self.lineup(), *notes]))

    def lineup(self) -> list[str]:
        """One line per child, for an error: name of the argument, name of the box, shape, the line that built it.

        Returns
        -------
        list of str
            The lines, aligned; empty for a box without children.
        """
        if not self.children:
            return []
        labels = self.names_of_children()
        names = [repr(child.name or child.symbol) for child in self.children]
        shapes = [" and ".join(shape_text(spec.shape) for spec in child.outputs) for child in self.children]
        wide = [max((len(text) for text in column), default=0) for column in (labels, names, shapes)]
        return [
            f"{label:<{wide[0]}} = {name:<{wide[1]}}  {shape:<{wide[2]}}  built at {child.built_at}"
            for label, name, shape, child in zip(labels, names, shapes, self.children, strict=True)
        ]

    def __repr__(self) -> str:
        shapes = ", ".join(f"{shape_text(spec.shape)} {spec.dtype}" for spec in self.outputs)
        settings = "".join(f", {name}={_short(value)}" for name, value in self.setting_values().items())
        return f"<{self.title}{settings}: {shapes}>"

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "dtype") and "outputs" in self.__dict__:
            return getattr(self.spec, name)
        if name == "outputs" and "shape" in self.__dict__:
            outputs = self.__dict__["outputs"] = (Spec(self.shape, self.dtype),)
            return outputs
        raise UnknownAttributeError(_unknown_attribute(self, name))

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenError(_immutable(self, name, f"an assignment to {name!r}"))

    def __delattr__(self, name: str) -> None:
        raise FrozenError(_immutable(self, name, f"del of {name!r}"))

    @classmethod
    def _of_state(cls, state: Mapping[str, Any], **more: Any) -> Self:
        """A box of this state; nothing is inferred, checked or asked of the user's line."""
        box = object.__new__(cls)
        box.__dict__.update(state, **more)
        return box

    def _copy_with(self, **changes: Any) -> Self:
        """A box of the same state, but for the changes."""
        copy = self._of_state(self.__dict__, **changes)
        state, tape = copy.__dict__, current()
        if "children" in changes:
            for name in OF_A_CALL:
                state.pop(name, None)
            copy._compute()
        elif "mark" in state and copy.children and tape is not None and tape.at_once:
            tape.record_copy(copy)
        return copy

    def _compute(self) -> None:
        """Give a copy on other children its value, if a function is differentiated."""
        tape = current()
        if tape is not None and tape.at_once:
            tape.value_of(self)

    def value_before_run(self) -> Any:
        """The value that a leaf has before a run.

        Returns
        -------
        ndarray or None
            That of a constant or a parameter; None where the run gives it.
        """
        return None

    def _on(self, children: tuple[Any, ...], anew: bool = False) -> Self:
        """A box that differs in its children alone; where `anew`, what is known of the value is to be inferred."""
        copy = object.__new__(type(self))
        state = copy.__dict__
        state.update(self.__dict__)
        state["children"] = children
        # not inherited are the box for which a plan made this one, and what was cached
        state.setdefault("outputs", self.outputs)
        state.setdefault("name", None)
        state.setdefault("scope", "")
        state.pop("computed", None)
        state.pop("mark", None)
        state.pop("since", None)
        state.pop("built_for", None)
        state.pop("differentiable_wrt", None)
        state.pop("is_derivative", None)
        # a box of several outputs has neither shape nor dtype; what exceeds the count was cached when asked for
        if len(state) > len(self.settings) + (_OF_EVERY if "shape" in state else _OF_EVERY - 2):
            for name in state.keys() - OF_EVERY_BOX - self.settings.keys():
                del state[name]
        if anew:
            for name in ("outputs", "shape", "dtype"):
                state.pop(name, None)
            state["name"], state["scope"] = None, current_scope()  # by which an error calls a box that is built
        else:
            copy._compute()
        return copy

    def _place(self, name: str | None, scope: str, built_at: Any = None) -> None:
        """Name a box that nobody has seen yet, and say where in the user's code it stands."""
        self.__dict__.update(name=name, scope=scope)
        if built_at is not None:
            self.__dict__["built_at"] = built_at

    def _mark_derivative(self) -> None:
        """Note of a box that nobody has seen yet that it is a derivative."""
        self.__dict__["is_derivative"] = True

    def _mark_argument(self) -> None:
        """Note of a box that nobody has seen yet that it stands for its child, an argument of a call."""
        self.__dict__["is_argument"] = True


def _short(setting: object) -> str:
    if isinstance(setting, np.ndarray):
        return f"array({setting.tolist()})" if setting.size <= 8 else f"array of {shape_text(setting.shape)}"
    return repr(setting)


def _unknown_attribute(box: Node, name: str) -> str:
    """The error for an attribute that a box does not have: where its value is found, or names like this one."""
    text = f"{type(box).__name__}: a box has no {name!r}"
    if name.startswith("_"):  # looked for by NumPy, notebooks and debuggers, which read no text
        return text
    if callable(getattr(np, name, None)):
        return f"{text}; use np.{name}(box){_line(box)}"
    known = [attribute for attribute in (*dir(type(box)), "shape", "dtype") if not attribute.startswith("_")]
    near = near_names(name, known, 0.6)
    words = f"near it: {', '.join(near)}" if near else "use the NumPy function for it"
    return (
        f"{text}; {words}; its value lives in a "
        f"run, fg.Graph(box).fprop(...)[box], its gradient in run.bprop()[box], or as a box in fg.gradient{_line(box)}"
    )


def _immutable(box: Node, name: str, what: str) -> str:
    """The error for a write to a box: how another box is made instead."""
    if "name" not in box.__dict__:
        return (
            f"{type(box).__name__}: found {what} before the box is made, but a box is immutable; declare it in "
            f"the class, {name}: float, and give it by keyword"
        )
    way_out = {
        "name": "box.named('...') is the same box under another name",
        "children": "box.with_children(...) is the same box on others",
        "value": "an input is fed, graph.fprop(x=...); an fg.Parameter has a value to assign",
        "grad": "gradients are in what run.bprop() returns",
    }.get(name, "build another box")
    if name in box.settings:
        way_out = f"build another box with {name}="
    return f"{box.title}: found {what}, but a box is immutable; {way_out}{_line(box)}"


def _line(box: Node) -> str:
    return f"\n  built at {box.built_at}" if "built_at" in box.__dict__ else ""

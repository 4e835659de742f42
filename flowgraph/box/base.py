"""The box: an operation in the DAG, declared once by its fprop and its bprop, pure and immutable."""

from __future__ import annotations

import dataclasses
import functools
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, Self, SupportsIndex, TypeAlias, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import copying, numpy_dispatch
from flowgraph.box.array_interface import ArrayMethods
from flowgraph.box.arrays import Array, again, array_of, frozen_copy, is_foreign, read_dtype
from flowgraph.box.attached import OnBox
from flowgraph.box.help_text import HelpText
from flowgraph.box.inference import read_spec, try_dtypes, try_fprop
from flowgraph.box.node import FIXED, OF_A_CALL, Node, current, current_scope, full_name, is_built_in, users_instruction
from flowgraph.box.settings import (
    BoxSignature,
    check_kinds,
    check_misspelt,
    check_setting_names,
    check_words,
    read_bprop,
    read_fprop,
    read_settings,
    read_signature,
)
from flowgraph.box.standing_in import StandIn
from flowgraph.errors import DeclarationError, DtypeError, ShapeError, UsageError
from flowgraph.printable import why_not_a_name
from flowgraph.shapes.size import Shape
from flowgraph.shapes.spec import Signature, SignatureMismatchError, Spec, shape_text

_FLOAT64 = np.dtype(np.float64)
_dtypes_of_numbers: dict[Any, np.dtype[Any]] = {}
"""The dtype that a class gives a number of Python beside a box: by class, side, kind of number, dtype of the box."""

registry: dict[str, type[Box]] = {}
"""Every box class by name; tests, docs, pictures and checks find a new class here."""


def registry_name(cls: type[Box]) -> str:
    """The plain name of flowgraph's own classes, the full one of others, so that neither hides the other."""
    return cls.__name__ if cls.built_in else full_name(cls)


class Box(ArrayMethods["Box"], OnBox):
    """An operation in the DAG, with children that it reads and settings that never change.

    A subclass declares `fprop(self, *values)` and, unless fprop is made of differentiable NumPy calls,
    `bprop(self, grad, value, *values)`, which returns the vector-Jacobian product for each child: a tuple of one
    gradient per child, None for a constant child. Both are written in plain NumPy and hold no state: values live in
    a `Run`. A cycle cannot be built, since a box is given its children when it is made and never changes them.

    Two boxes are equal only if they are one object; `==` builds a comparison, as on arrays.

    Source: Larochelle, Training neural networks, "flow graph".

    Parameters
    ----------
    *children : box or array_like
        What the box reads, in the order of the parameters of `fprop`; numbers and arrays become constants.
    name : str, optional
        Name of the node, in tables, pictures and errors; a graph numbers boxes that have none.
    **settings
        The annotated fields of the class, by keyword.

    Raises
    ------
    UsageError
        If the number of children does not fit `fprop`, or a setting is unknown or not of its type.
    ShapeError
        If the shapes of the children do not fit; raised on the line that builds the box.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> class Scaled(fg.Box):
    ...     factor: float = 2.0
    ...     def fprop(self, a):
    ...         return self.factor * a
    >>> w = fg.Parameter([1.0, 2.0], name="w")
    >>> fg.Graph(fg.sum(Scaled(w, factor=3.0))).fprop().bprop()[w].tolist()
    [3.0, 3.0]
    >>> del fg.registry[next(name for name, cls in fg.registry.items() if cls is Scaled)]
    """

    __signature__: ClassVar[Any] = BoxSignature()
    children: tuple[Box, ...]

    def __init_subclass__(cls, abstract: bool = False, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        type.__setattr__(cls, "parts", Box.parts if "fprop" in vars(cls) and "parts" not in vars(cls) else cls.parts)
        own = {n: a for n, a in vars(cls).get("__annotations__", {}).items() if "ClassVar" not in str(a)}
        check_setting_names(cls, own)
        cls.built_in = is_built_in(cls)
        written = vars(cls).get("__doc__")
        if own or len(cls.__bases__) > 1 or not hasattr(cls, "__dataclass_fields__"):  # else all is inherited
            try:
                dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
            except ValueError as error:  # a list as a default is one list for all boxes
                problem = str(error).partition(" is not allowed")[0]
                raise DeclarationError(
                    f"{cls.__name__}: {problem} would be one object for all boxes; leave it out, or write a tuple"
                ) from None
            _read_fields(cls)
        if abstract:
            return
        if cls.fprop is Node.fprop and users_instruction()[0] is types.new_class.__code__:
            # A pickle that holds the code of a class (cloudpickle) makes it empty, and then sets what it had: its
            # methods, and what was read from them here when it was defined.
            registry.setdefault(registry_name(cls), cls)
            return
        if not cls.built_in:  # of which a test does it once, and not every import
            check_misspelt(cls, own)
            check_kinds(cls)
        read_fprop(cls)
        read_bprop(cls)
        check_words(cls)
        cls.symbol = vars(cls).get("symbol") or cls.__name__.lower()
        if isinstance(cls.signature, str):
            cls.signature = read_signature(cls)
        registry[registry_name(cls)] = cls
        if cls.__init__ is Box.__init__ and not isinstance(written, HelpText):
            type.__setattr__(cls, "__doc__", HelpText(written))
        if "numpy" in vars(cls):
            numpy_dispatch.register(cls, cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,))

    def __init__(self, *children: Any, name: str | None = None, **settings: Any) -> None:
        if (trace := current()) is not None and trace.at_once:
            if name is not None:
                self.__dict__["name"] = current_scope() + _valid(name)
            if self.settings or settings:
                self._set(settings)
            trace.compute(self, children if len(children) == len(self.child_names) else self._adopt(children))
            return
        self._start(name)
        if self.settings or settings:
            self._set(settings)
        self.__dict__["children"] = self._adopt(children)
        self._infer()

    def _adopt_beside(self, given: Sequence[Any], built_at: Any) -> tuple[Box, ...]:
        """The children of a box on a tape; a number or an array beside a box becomes a constant that is computed.

        One number in a function of two, an array of float64: what arithmetic is made of goes without the general way.
        """
        if len(given) == 2 and self.by_element and any(isinstance(child, Box) for child in given):
            first, second = given
            number, box = (first, second) if isinstance(second, Box) else (second, first)
            dtype = self._dtype_beside(number, number is first, box.dtype, given)
            if dtype is not None:
                constant = Constant._beside(dtype.type(number), built_at)
                return (constant, box) if number is first else (box, constant)
        children: list[Box] = []
        for child in given:
            if isinstance(child, Box):
                children.append(child)
            elif type(child) is np.ndarray and child.dtype is _FLOAT64:
                children.append(Constant._beside(child.copy(), built_at))
            else:
                return self._adopt(given, built_at)
        return tuple(children)

    def _dtype_beside(self, number: Any, first: bool, dtype: Any, given: Sequence[Any]) -> Any:
        """The dtype of floats that a number gets beside a box of a dtype; None where it is no such number."""
        kind = type(number)
        if kind is np.float64:
            return _FLOAT64
        if kind is not float and kind is not int:
            return None
        key = (type(self), first, kind, dtype)
        if key not in _dtypes_of_numbers:
            _dtypes_of_numbers[key] = self._dtype_of(0 if first else 1, given)
        result = _dtypes_of_numbers[key]
        return result if result is not None and result.kind == "f" else None

    def check_settings(self) -> None:
        """Refuse settings that make no sense; called before the children are read."""

    def _start(self, name: str | None) -> None:
        """Where in the user's code and under which name the box is built."""
        state = self.__dict__
        state["built_at"] = users_instruction(3)  # above this call and that of __init__
        state["scope"], state["name"] = current_scope(), None if name is None else current_scope() + _valid(name)

    def _set(self, given: dict[str, Any]) -> None:
        self.__dict__.update(read_settings(type(self), given))
        self.check_settings()

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Shape and dtype of the value; overridden by a box that reads a child with several outputs.

        Returns
        -------
        Spec or sequence of Spec
            One for each output of the box.
        """
        return self.infer(*[out[0] if len(out := child.outputs) == 1 else child.spec for child in self.children])

    def parts(self, *children: Any) -> Any:
        """What the box is made of: boxes on its children, by default those that its fprop builds on boxes.

        Every back end without a rule for the box computes them in its place, so they have to give the bits of `fprop`.
        A class whose fprop is one call of NumPy, or reads values, may declare them. A class with an fprop of its own
        does not inherit them.

        Parameters
        ----------
        *children : Box
            The children, or boxes in their place.

        Returns
        -------
        Box or tuple of Box or None
            A box for each output; None where the box, with its settings, is made of no others.

        Examples
        --------
        >>> import flowgraph as fg
        >>> a = fg.Input("a", shape=(2,))
        >>> type(fg.boxes.Degrees(a).parts(a)).__name__
        'Multiply'
        """
        return self.fprop(*children)

    def infer(self, *specs: Any, **_: Any) -> Spec | Sequence[Spec]:
        """Shape and dtype of the value from those of the children: by the signature, else by a trial fprop.

        Parameters
        ----------
        *specs : Spec
            Shape and dtype of each child.

        Returns
        -------
        Spec or sequence of Spec
            One for each output of the box.

        Raises
        ------
        ShapeError
            If the shapes of the children do not fit the signature, or `fprop` refuses them.
        """
        if self.signature is None:
            return try_fprop(self, specs)
        return self.infer_by(self.signature, *specs)

    def infer_by(self, signature: Signature, *specs: Spec) -> Spec | tuple[Spec, ...]:
        """Shape and dtype by a given signature, for a box whose signature depends on its settings.

        Parameters
        ----------
        signature : Signature
            The signature.
        *specs : Spec
            Shape and dtype of each child.

        Returns
        -------
        Spec or tuple of Spec
            Shape by the signature, dtype by a trial fprop; of each output.

        Raises
        ------
        ShapeError
            If the shapes do not fit the signature.
        """
        shapes, dtypes = zip(*specs, strict=True)
        try:
            results = signature.result(shapes, self.names_of_children())
        except SignatureMismatchError as mismatch:
            raise self.shape_error(str(mismatch), f"signature {signature.text}") from None
        known = (*map(len, shapes), *dtypes)
        kinds = try_dtypes(self, known, lambda: map(Spec, signature.small_shapes(shapes), dtypes), signature)
        return Spec(results[0], kinds[0]) if len(results) == 1 else tuple(map(Spec, results, kinds))

    def _infer(self) -> None:
        """Find out shape and dtype of the value."""
        state = self.__dict__
        outputs = self.infer_from_children()
        if type(outputs) is Spec:
            if not isinstance(outputs[1], np.dtype):
                outputs = read_spec(self, outputs)
            state["outputs"] = (outputs,)
            state["shape"], state["dtype"] = outputs
        elif not isinstance(outputs, tuple | list):
            read_spec(self, outputs)
        else:
            state["outputs"] = tuple([read_spec(self, spec) for spec in outputs])

    def with_children(self, *children: Any) -> Box:
        """The same operation with other children, under the same name and with the same line of the user's code.

        Parameters
        ----------
        *children : Box or array_like
            As many as the class takes.

        Returns
        -------
        Box
            A new box.
        """
        return self._with(children)

    def _with(self, children: tuple[Any, ...]) -> Box:
        if self._specs_stay(children):
            return self._on(children)
        if type(self).__init__ is Box.__init__:
            copy = self._on(self._adopt(children), anew=True)
            copy._infer()
        else:
            copy = type(self)(*children, **self.setting_values())
        copy._place(self.name, self.scope, self.__dict__["built_at"])
        return copy

    def _specs_stay(self, children: Sequence[Any]) -> bool:
        """Whether shape and dtype of the value are those that were inferred, so that nothing has to be checked again.

        A constant may be held against an axis by its numbers, as an index is; and a size that is known in a run only
        has another name for other children.
        """
        mine = self.children
        if len(children) != len(mine) or type(self).__init__ is not Box.__init__:
            return False
        for new, old in zip(children, mine, strict=False):
            if new is old:
                continue
            if not isinstance(new, Box) or isinstance(new, Constant) or isinstance(old, Constant):
                return False
            if new.outputs != old.outputs:
                return False
        for spec in self.outputs:
            for size in spec[0]:
                if not isinstance(size, int) and size.unknown:
                    return False
        return True

    @functools.cached_property
    def differentiable_wrt(self) -> tuple[bool, ...]:
        """For each child, whether a gradient may pass to it: real or complex values on both sides, no constant."""
        if not any(spec.dtype.kind in "fc" for spec in self.outputs):
            return (False,) * len(self.children)
        of_floats = [any(spec.dtype.kind in "fc" for spec in child.outputs) for child in self.children]
        return tuple([floats and not never for floats, never in zip(of_floats, self.constant, strict=True)])

    def named(self, name: str) -> Box:
        """A copy of the box under another name.

        Parameters
        ----------
        name : str
            The new name, without "/".

        Returns
        -------
        Box
            A new box with the same children and settings.
        """
        copy = self._copy_with()
        copy._start(name)
        return copy

    @classmethod
    def apply(cls, *values: Any, **settings: Any) -> Any:
        """Build the box if a value is a box, else compute its value on arrays.

        Parameters
        ----------
        *values : Box or array_like
            One for each child.
        **settings
            The settings of the class.

        Returns
        -------
        Box or array
            A box if one of the values is a box, else the value of `fprop`.

        Raises
        ------
        ShapeError
            If the shapes of the children do not fit, of arrays as of boxes.
        """
        if any(isinstance(value, _BOXES) for value in values):
            return cls(*values, **settings)
        box = cls._of_state({"children": (), "name": None, "scope": ""})
        box._set(settings)
        foreign = next((value for value in values if is_foreign(value)), None)
        if foreign is not None:
            return foreign.value_of_box(box, values)
        arrays = [array_of(cls.__name__, value) for value in values]
        try:
            if cls.role == "loss":  # which never broadcasts, and NumPy would
                box.infer(*[Spec(a.shape, a.dtype) for a in arrays])
            return box.fprop(*arrays)
        except (FloatingPointError, RuntimeWarning) as error:
            return again(error, box.fprop, *arrays)
        except (ValueError, TypeError, IndexError):
            cls(*arrays, **settings)  # says which children do not fit, where it is their shapes or dtypes
            raise

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return copying.deep_copy(self, memo)

    def _copy_alone(self, memo: dict[int, Any], own: Mapping[str, Any]) -> Any:
        """The copy of this box alone, its children being copied; with its `own` in place of what stands here."""
        return copying.copy_box(self, memo, own)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Any:
        plain = type(self).__reduce__ is object.__reduce__
        return copying.reduce_box(self, protocol) if plain else self.__reduce__()

    def __getstate__(self) -> Any:
        state = {name: value for name, value in self.__dict__.items() if name not in OF_A_CALL}
        return state | {"built_at": self.built_at, "outputs": self.outputs, "name": self.name, "scope": self.scope}

    def __setstate__(self, state: dict[str, Any]) -> None:
        copying.read_state(self, state)

    def _adopt(self, children: Sequence[Any], built_at: Any = None) -> tuple[Box, ...]:
        """The children as boxes; numbers and arrays become constants."""
        fixed = len(self.child_names) - self.variadic
        if len(children) != fixed and (len(children) < fixed or not self.variadic):
            raise UsageError(
                f"{type(self).__name__}: found {len(children)} children, needs {'at least ' * self.variadic}"
                f"{fixed} ({', '.join(self.child_names)}); settings are given by keyword"
            )
        for child in children:
            if not isinstance(child, Box):
                break
        else:
            return tuple(children)
        children = [
            join_boxes(child, type(self).__name__) if isinstance(child, list | tuple | StandIn) else child
            for child in children
        ]
        return tuple([
            child if isinstance(child, Box)
            else Constant(child, dtype=self._dtype_of(place, children)) if built_at is None
            else Constant._beside(frozen_copy(child, self._dtype_of(place, children)), built_at)
            for place, child in enumerate(children)
        ])  # fmt: skip

    def _dtype_of(self, place: int, children: Sequence[Any]) -> Any:
        """The dtype of the constant made of the number at a place among the children; None keeps NumPy's."""
        return None


def _read_fields(cls: type[Box]) -> None:
    """Note the settings of a class and their defaults."""
    cls.settings = {field.name: field for field in dataclasses.fields(cast(Any, cls))}
    cls.default_settings = {
        name: field.default for name, field in cls.settings.items() if field.default is not dataclasses.MISSING
    }


def _valid(name: Any) -> str:
    if isinstance(name, str) and name.isascii() and name.isidentifier():
        return name
    problem = why_not_a_name(name)
    if problem is not None:
        raise UsageError(f"name: found {name!r}, {problem}")
    return name  # type: ignore[no-any-return]


Built: TypeAlias = Box | Array
"""A box where a user gives one. NumPy's own annotations say that np.tanh(box) is an array, though it is a box, so that
an array passes the type checker; it is refused at run time."""


class Leaf(Box, abstract=True):
    """A box without children: its value comes from outside the graph.

    Parameters
    ----------
    *children
        None: a leaf reads no other box.
    name : str, optional
        Name of the node, in tables, pictures and errors.
    **settings
        Those of the class of leaf: `Input`, `Parameter`, `Constant` or `Random`.

    Examples
    --------
    >>> import flowgraph as fg
    >>> isinstance(fg.Input("x"), fg.Leaf), fg.Input("x").children
    (True, ())
    """

    def fprop(self) -> NoReturn:
        """Refuse: a leaf has no children to compute from, and the run gives it its value.

        Raises
        ------
        UsageError
            In every call.
        """
        raise UsageError(
            f"{self.title}: found a call of fprop, but a leaf has none: its value is given to the run, "
            f"graph.fprop(x=...)"
        )

    def _set_spec(self, shape: Shape, dtype: DTypeLike) -> None:
        """Set shape and dtype of a leaf, which has no children and no inference."""
        native = read_dtype(self, dtype)
        self.__dict__.update(children=(), outputs=(Spec(shape, native),), shape=shape, dtype=native)

    def _with_shape(self, shape: Shape) -> Any:
        """A copy of the leaf that has another shape."""
        copy = self._on(())
        copy._set_spec(shape, self.dtype)
        return copy

    def _copy_alone(self, memo: dict[int, Any], own: Mapping[str, Any]) -> Any:
        """The leaf itself, which never changes, unless the copy has something of its own."""
        return super()._copy_alone(memo, own) if own else self


class Constant(Leaf):
    """An array that never changes; it is made wherever an array or a number is given as a child.

    Parameters
    ----------
    value : array_like
        The number or array; it is copied and made read-only.
    dtype, name : dtype_like and str, optional
        Dtype of the copy, by default the one that NumPy gives, and name of the node.

    Examples
    --------
    >>> import flowgraph as fg
    >>> fg.Constant([1.0, 2.0], name="c")
    <Constant 'c', value=array([1.0, 2.0]): (2,) float64>
    """

    value: Array

    @classmethod
    def _beside(cls, value: Any, built_at: Any) -> Constant:
        """The constant of a number or an array, its own, beside a box on a tape."""
        box = object.__new__(cls)
        computed = value if value.ndim else value[()]
        box.__dict__.update(
            children=(), computed=computed, shape=value.shape, dtype=value.dtype, built_at=built_at, mark=FIXED
        )
        return box

    def __init__(self, value: Any, *, dtype: Any = None, name: str | None = None) -> None:
        self._start(name)
        self.__dict__["value"] = frozen_copy(value, dtype)
        self._set_spec(self.value.shape, self.value.dtype)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["value"] = frozen_copy(self.value, self.dtype)  # an array is writable when pickle has read it

    def __getstate__(self) -> Any:
        return super().__getstate__() | {"value": self.value}

    def __getattr__(self, name: str) -> Any:
        if (
            name == "value" and "computed" in self.__dict__
        ):  # of a number on a tape, whose value is hardly ever asked for
            self.__dict__["value"] = frozen_copy(self.__dict__["computed"])
            return self.__dict__["value"]
        return super().__getattr__(name)

    def value_before_run(self) -> Array:
        """The value.

        Returns
        -------
        ndarray
            Read-only.
        """
        return self.value


_BOXES = (Box, StandIn)


def holds_box(value: object) -> bool:
    """Whether a value is a box, or a list or tuple with one in it, however deep."""
    if isinstance(value, list | tuple):
        return any(map(holds_box, value))
    return isinstance(value, _BOXES)


def join_boxes(value: Any, who: str = "array") -> Any:
    """What NumPy makes of an array_like: an array, and of lists and tuples with boxes in them one box."""
    if isinstance(value, Box):
        if len(value.outputs) != 1:
            raise UsageError(f"array: found {value.title}, which has {len(value.outputs)} outputs; give one of them")
        return value
    if isinstance(value, StandIn):
        return value.box
    if not holds_box(value):
        return array_of(who, value)
    parts = [join_boxes(part, who) for part in value]
    shapes = [part.shape for part in parts]
    other = next((shape for shape in shapes if len(shape) != len(shapes[0])), None)
    if other is not None:
        raise ShapeError(
            f"array: found elements of the shapes {shape_text(shapes[0])} and {shape_text(other)} in one list, needs "
            f"one shape; join what differs with np.concatenate or np.hstack"
        )
    return np.stack([part if isinstance(part, Box) else Constant(part) for part in parts])


def operand(who: str, value: Any) -> Any:
    """A box as it is, everything else as an array of numbers or booleans."""
    if isinstance(value, Box) or is_foreign(value):
        return value
    if isinstance(value, StandIn):
        return value.box
    array = array_of(who, value)
    if array.dtype.kind not in "biufc":
        raise DtypeError(f"{who}: found dtype {array.dtype}, needs numbers or booleans")
    return array


F = TypeVar("F", bound=Callable[..., Any])

public_functions: dict[str, Callable[..., Any]] = {}


def public(function: F) -> F:
    """Export a function beside the boxes, such as `fg.relu`, under its name, which must be unique."""
    name = function.__name__
    known = public_functions.setdefault(name, function)
    assert (known.__module__, known.__qualname__) == (function.__module__, function.__qualname__), f"{name}: taken"
    return function

"""The box: an operation in the DAG, declared once by its `fprop` and its `bprop`, pure and immutable."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

import numpy as np

from flowgraph.box import concrete_values, numpy_dispatch
from flowgraph.box.array_interface import ArrayMethods
from flowgraph.box.copying import Copying, is_code_pickled
from flowgraph.box.declaration import check_setting_names, read_bprop, read_fprop, read_signature
from flowgraph.box.description import Description
from flowgraph.box.inference import try_dtype, try_fprop
from flowgraph.box.missing_attributes import immutable, unknown_attribute
from flowgraph.box.naming import Line, current_scope, users_line
from flowgraph.box.underflow import again
from flowgraph.box.value import Value
from flowgraph.errors import DtypeError, FrozenError, UnknownAttributeError, UsageError
from flowgraph.printable import why_not_a_name
from flowgraph.shapes.signature import Signature, SignatureMismatchError
from flowgraph.shapes.size import Shape, product
from flowgraph.shapes.spec import Spec, broadcast

Array = np.ndarray[Any, Any]

registry: dict[str, type[Box]] = {}
"""Every box class by name; tests, docs, pictures and checks find a new class here."""


def registry_name(cls: type[Box]) -> str:
    """The plain name of flowgraph's own classes, the full one of others, so that neither hides the other."""
    return cls.__name__ if cls.__module__.startswith("flowgraph.") else f"{cls.__module__}.{cls.__qualname__}"


_SCALARS = (bool, int, float, complex)


class Box(ArrayMethods, Description, Copying):
    """An operation in the DAG, with children that it reads and settings that never change.

    A subclass declares `fprop(self, *values)` and, unless fprop is made of differentiable NumPy calls,
    `bprop(self, grad, value, *values)`, which returns the vector-Jacobian product for each child: a tuple of one
    gradient per child, None for a constant child. Both are written in plain NumPy and hold no state: values live in
    a `Run`. A cycle cannot be built, since a box is given its children when it is made and never changes them.

    Two boxes are equal only if they are one object; `==` builds a comparison, as on arrays.

    Source: Larochelle, Training neural networks, "flow graph".
    """

    numpy: ClassVar[Any] = ()
    symbol: ClassVar[str] = ""
    formula: ClassVar[str] = ""
    derivative: ClassVar[str] = ""
    role: ClassVar[str] = "box"
    signature: ClassVar[Any] = None
    domain: ClassVar[Mapping[str, Any]] = {}
    kinks: ClassVar[tuple[float, ...]] = ()
    constant_children: ClassVar[Any] = frozenset()
    underived_children: ClassVar[Any] = frozenset()
    examples: ClassVar[tuple[Any, ...] | None] = ()
    public: ClassVar[bool] = True
    arithmetic: ClassVar[bool] = True

    has_bprop: ClassVar[bool] = False
    takes_needs: ClassVar[bool] = False

    children: tuple[Box, ...]
    name: str | None
    scope: str
    built_at: Line
    outputs: tuple[Spec, ...]

    def __init_subclass__(cls, abstract: bool = False, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        own = {n: a for n, a in vars(cls).get("__annotations__", {}).items() if "ClassVar" not in str(a)}
        check_setting_names(cls, own)
        dataclasses.dataclass(init=False, repr=False, eq=False)(cls)
        cls.settings = {field.name: field for field in dataclasses.fields(cast(Any, cls))}
        if abstract:
            return
        if cls.fprop is Box.fprop and is_code_pickled():  # by which a class is made first, and then gets what it had
            registry.setdefault(registry_name(cls), cls)
            return
        read_fprop(cls)
        read_bprop(cls)
        cls.symbol = vars(cls).get("symbol") or cls.__name__.lower()
        if isinstance(cls.signature, str):
            cls.signature = read_signature(cls)
        registry[registry_name(cls)] = cls
        if "numpy" in vars(cls):
            numpy_dispatch.register(cls, cls.numpy if isinstance(cls.numpy, tuple) else (cls.numpy,))

    def __init__(self, *children: Any, name: str | None = None, **settings: Any) -> None:
        self._start(name)
        state = self.__dict__
        if self.settings or settings:
            self._set(settings)
        state["children"] = self._adopt(children)
        outputs = self.infer_from_children()
        if type(outputs) is Spec:
            state["outputs"] = (outputs,)
            state["shape"], state["dtype"] = outputs
        else:
            state["outputs"] = tuple(outputs)

    def fprop(self, *values: Value, **_: Any) -> Value:
        """The value of the box from the values of its children.

        A subclass names them, fprop(self, a, b), which type checkers allow to override a signature of this form alone.
        """
        raise UsageError(f"{type(self).__name__}: has no fprop; a box declares one")

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Shape and dtype of the value; every child but that of a Part has one output."""
        return self.infer(*[child.spec for child in self.children])

    def infer(self, *specs: Any, **_: Any) -> Spec | Sequence[Spec]:
        """Shape and dtype of the value from those of the children: by the signature, else by a trial fprop."""
        if self.signature is None:
            return try_fprop(self, specs)
        return self.infer_by(self.signature, *specs)

    def with_children(self, *children: Any) -> Box:
        """The same operation on other children, at the same place of the user's code."""
        twin = type(self)(*children, **self.setting_values())
        twin.__dict__.update(built_at=self.built_at, scope=self.scope, name=self.name)
        return twin

    def infer_by(self, signature: Signature, *specs: Spec) -> Spec:
        """Shape and dtype by a given signature, for a box that has one per case."""
        try:
            (shape,) = signature.result([spec.shape for spec in specs], self.names_of_children())
        except SignatureMismatchError as mismatch:
            raise self.shape_error(str(mismatch), f"signature {signature.text}") from None
        return Spec(shape, try_dtype(self, specs, signature))

    def check_settings(self) -> None:
        """Refuse settings that make no sense; called before the children are read."""

    @functools.cached_property
    def passes(self) -> tuple[bool, ...]:
        """For each child, whether a gradient may pass to it: real or complex values on both sides, no constant."""
        if not any(spec.dtype.kind in "fc" for spec in self.outputs):
            return (False,) * len(self.children)
        constant = self.constant if self.constant_children else (False,) * len(self.children)
        return tuple(
            [
                not never and any(spec.dtype.kind in "fc" for spec in child.outputs)
                for never, child in zip(constant, self.children, strict=True)
            ]
        )

    @property
    def constant(self) -> tuple[bool, ...]:
        """For each child, whether no gradient is ever sent to it."""
        return tuple(name.partition("[")[0] in self.constant_children for name in self.names_of_children())

    @property
    def spec(self) -> Spec:
        """Shape and dtype of the value."""
        if len(self.outputs) != 1:
            raise UsageError(f"{self.title}: found a box of {len(self.outputs)} outputs used as one; take box[0], ...")
        return self.outputs[0]

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """Floating-point operations of one fprop, given the shapes of the value and of the children.

        0 for a box that declares `arithmetic = False`, such as a transpose; None where there is no rule.
        """
        return None if self.arithmetic else 0

    def named(self, name: str) -> Box:
        """The same box under another name: a new box with the same children and settings."""
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin._start(name)
        return twin

    @classmethod
    def apply(cls, *values: Any, **settings: Any) -> Any:
        """The box on boxes, the value on arrays: what a function of both kinds is made of."""
        if any(isinstance(value, Box) for value in values):
            return cls(*values, **settings)
        box = object.__new__(cls)
        box.__dict__.update(children=(), name=None, scope="")
        box._set(settings)
        arrays = [np.asarray(value) for value in values]
        try:
            return box.fprop(*arrays)
        except (FloatingPointError, RuntimeWarning) as error:
            return again(error, box.fprop, *arrays)

    def __getattr__(self, name: str) -> Any:
        if name in ("shape", "dtype") and "outputs" in self.__dict__:
            return getattr(self.spec, name)
        raise UnknownAttributeError(unknown_attribute(self, name))

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenError(immutable(self, name, f"an assignment to {name!r}"))

    def __delattr__(self, name: str) -> None:
        raise FrozenError(immutable(self, name, f"del of {name!r}"))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **keywords: Any) -> Any:
        return numpy_dispatch.call_ufunc(ufunc, method, inputs, keywords)

    def __array_function__(self, function: Any, types: Any, args: Any, keywords: Any) -> Any:
        return numpy_dispatch.call_function(function, args, keywords)

    def _start(self, name: str | None) -> None:
        """Where in the user's code and under which name the box is built."""
        scope = current_scope()
        self.__dict__.update(built_at=users_line(), scope=scope, name=None if name is None else scope + _valid(name))

    def _set(self, given: dict[str, Any]) -> None:
        unknown = given.keys() - self.settings.keys()
        if unknown:
            raise UsageError(
                f"{type(self).__name__}: found {sorted(unknown)[0]}=, but its settings are "
                f"{', '.join(self.settings) or 'none'}; children are given by position"
            )
        for name, field in self.settings.items():
            if name in given:
                self.__dict__[name] = given[name]
            elif field.default_factory is not dataclasses.MISSING:
                self.__dict__[name] = field.default_factory()
            elif field.default is not dataclasses.MISSING:
                self.__dict__[name] = field.default
            else:
                raise UsageError(f"{type(self).__name__}: needs the setting {name}=")
        self.check_settings()

    def _adopt(self, children: Sequence[Any]) -> tuple[Box, ...]:
        """The children as boxes; numbers and arrays become constants."""
        fixed = len(self.child_names) - self.variadic
        if len(children) < fixed or (len(children) > fixed and not self.variadic):
            raise UsageError(
                f"{type(self).__name__}: found {len(children)} children, needs {'at least ' * self.variadic}"
                f"{fixed} ({', '.join(self.child_names)}); settings are given by keyword"
            )
        if all(isinstance(child, Box) for child in children):
            return tuple(children)
        return tuple(
            child if isinstance(child, Box) else Constant(child, dtype=self._dtype_of(child, children))
            for child in children
        )

    def _dtype_of(self, number: Any, children: Sequence[Any]) -> Any:
        """None keeps the dtype that NumPy gives to what is no Python number."""
        return None


class Elementwise(Box, abstract=True):
    """A box that works element by element: children broadcast, and the engine sums their gradients back."""

    def infer(self, *specs: Any) -> Spec:
        """The broadcast shape, the dtype of a trial fprop on one element."""
        shape = broadcast([spec.shape for spec in specs])
        if shape is None:
            raise self.shape_error("the shapes of the children do not broadcast")
        return Spec(shape, try_dtype(self, specs, None))

    def flops(self, shape: Shape, *shapes: Shape) -> Any:
        """One per element."""
        return product(shape)

    def _dtype_of(self, number: Any, children: Sequence[Any]) -> Any:
        """A Python number takes the dtype of what it meets, so it never widens float32."""
        if type(number) not in _SCALARS:
            return None
        if len(children) == 2 and type(number) is not complex:
            other = children[children[0] is number]
            if isinstance(other, Box) and other.dtype.kind == "f":
                return other.dtype
        met = [c.dtype if isinstance(c, Box) else np.asarray(c).dtype for c in children if type(c) not in _SCALARS]
        dtype = np.result_type(*met, number)
        if dtype.kind in "iu" and not np.iinfo(dtype).min <= number <= np.iinfo(dtype).max:
            return self._dtype_beyond(number, met)
        return dtype

    def _dtype_beyond(self, number: int, met: Sequence[np.dtype[Any]]) -> Any:
        """The dtype of a whole number that is beyond the integers that it meets: as in NumPy, floats where the box
        computes with floats, and any that holds it where the box only compares."""
        for ufunc in self.numpy if isinstance(self.numpy, tuple) else (self.numpy,):
            if isinstance(ufunc, np.ufunc) and ufunc.nin == len(met) + 1:
                *needed, result = ufunc.resolve_dtypes((*met, int, None))
                if needed[-1].kind in "fc":
                    return needed[-1]
                if result.kind == "b":
                    return np.float64 if np.asarray(number).dtype.kind == "O" else np.asarray(number).dtype
        raise DtypeError(
            f"{type(self).__name__}: found {number}, which the dtype {np.result_type(*met)} of what it meets does not "
            f"hold; convert that to a wider dtype, box.astype(int)"
        )


class Leaf(Box, abstract=True):
    """A box without children: its value comes from outside the graph."""

    def fprop(self) -> Any:
        """A leaf reads nothing: the run gives it its value."""
        raise UsageError(f"{self.title}: a leaf has no fprop; its value is given to the run")

    def _read(self, shape: Shape, dtype: Any) -> None:
        """What a leaf has in place of children and inference."""
        found = np.dtype(dtype)
        native = found if found.isnative else found.newbyteorder("=")  # NumPy's own object: plans compare by identity
        self.__dict__.update(children=(), outputs=(Spec(shape, native),), shape=shape, dtype=native)

    def _copied(self, memo: dict[int, Any], own: Mapping[str, Any]) -> Any:
        """The leaf itself, which never changes, unless the copy has something of its own."""
        return super()._copied(memo, own) if own else self


class Constant(Leaf):
    """An array that never changes; it is made wherever an array or a number is given as a child."""

    value: Array

    def __new__(cls, *_: Any, **__: Any) -> Constant:
        """While a function is traced, a constant of that call."""
        trace = concrete_values.current()
        if cls is not Constant or trace is None or trace.constants is None:
            return object.__new__(cls)
        return object.__new__(trace.constants)

    def __init__(self, value: Any, *, dtype: Any = None, name: str | None = None) -> None:
        self._start(name)
        self.__dict__["value"] = frozen_copy(value, dtype)
        self._read(self.value.shape, self.value.dtype)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__["value"] = frozen_copy(self.value, self.dtype)  # an array is writable when pickle has read it

    @property
    def held(self) -> Array:
        """The value, for who only reads it while a graph runs."""
        return self.value

    def holds(self, predicate: Callable[[Array], bool]) -> bool:
        """Whether the value has a property."""
        return predicate(self.value)


def frozen_copy(value: Any, dtype: Any = None) -> Array:
    """A read-only array of one's own, of numbers or truth values."""
    array = np.array(value, dtype=dtype)
    array = array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
    if array.dtype.kind not in "biufc":
        dense = "; give matrix.toarray()" if hasattr(value, "toarray") else ""
        raise DtypeError(
            f"constant: found dtype {array.dtype} ({str(value)[:60]}), needs numbers or truth values{dense}"
        )
    array.setflags(write=False)
    return array


def _valid(name: Any) -> str:
    problem = why_not_a_name(name)
    if problem is not None:
        raise UsageError(f"name: found {name!r}, {problem}")
    return name  # type: ignore[no-any-return]

"""What every adapter of a framework has in common, and those of the two small ones, autograd and MyGrad."""

from __future__ import annotations

import copy
import dataclasses
import functools
import importlib
import inspect
import re
import sys
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.code_contents import reachable_values
from flowgraph.checking.target import Inputs, attribute, is_float_array, parameter_names, parameters_of


class Opened(NamedTuple):
    """The members of a value with what to append to its name, and how to build the value of them again.

    `text` gives the expression for that from those of the members, where there is one. `fixed`: the shapes of the
    members are bound to something that is not among them.
    """

    members: list[tuple[str, Any]]
    build: Callable[[list[Any]], Any]
    text: Callable[..., str] | None = None
    fixed: bool = False


class ArrayKind(NamedTuple):
    """The array types of a framework.

    `to_numpy` gives the NumPy array of a framework's own array, and anything else unchanged; `opened` takes apart what
    only this framework knows, such as a registered pytree or a complex array, and gives None for everything else.
    """

    to_numpy: Callable[[Any], Any]
    opened: Callable[[Any], Opened | None] = lambda value: None


class _Leaf(NamedTuple):
    name: str
    value: Any
    fixed: bool


Nest: TypeAlias = Callable[[Iterator[Any], bool], Any]
"""The value of its next leaves, or its expression of theirs, where there is one."""


@dataclass(frozen=True)
class Arguments:
    """`inputs` are NumPy arrays and settings, one name each, `originals` what they were in the framework.

    A list, tuple, dict or dataclass that holds an array is taken apart, and so is what the framework knows to take
    apart; everything else is passed as it is; `nests` put it together, the last but `own` of them for `keywords`.
    `fixed` are the positions whose shape cannot be another one. The inputs from `first_own` on are no arguments but
    parameters of the function itself, `own` of them before they were taken apart.
    """

    inputs: Inputs
    originals: Inputs
    names: tuple[str, ...]
    nests: tuple[Nest, ...]
    keywords: tuple[str, ...]
    fixed: frozenset[int]
    own: int
    first_own: int

    @classmethod
    def of(
        cls,
        function: Callable[..., Any],
        given: Sequence[Any],
        keywords: Mapping[str, Any],
        kind: ArrayKind,
        own: Mapping[str, Any],
    ) -> Arguments:
        """The positional arguments of a call, those by name, and the function's own parameters, taken apart."""
        leaves: list[_Leaf] = []
        named = [*zip(parameter_names(_function_of_names(function), len(given)), given, strict=True), *keywords.items()]
        nests = [_taken_apart(value, name, kind, False, leaves) for name, value in named]
        first_own = len(leaves)
        nests += [_taken_apart(value, name, kind, True, leaves) for name, value in own.items()]
        return cls(
            tuple(kind.to_numpy(leaf.value) for leaf in leaves),
            tuple(leaf.value for leaf in leaves),
            tuple(leaf.name for leaf in leaves),
            tuple(nests),
            tuple(keywords),
            frozenset(place for place, leaf in enumerate(leaves) if leaf.fixed),
            len(own),
            first_own,
        )

    def put_together(self, values: Iterable[Any], written: bool = False) -> tuple[list[Any], dict[str, Any], list[Any]]:
        """The arguments of the call, those by name, and the function's own, with `values` where `inputs` were.

        With `written` of expressions the expressions, None where there is none.
        """
        iterator = iter(values)
        whole = [nest(iterator, written) for nest in self.nests]
        given = len(whole) - self.own
        positional = given - len(self.keywords)
        by_name = dict(zip(self.keywords, whole[positional:given], strict=True))
        return whole[:positional], by_name, whole[given:]


def arrays_in(value: Value) -> Iterator[Any]:
    """The leaves of nested lists, tuples, dicts and dataclasses."""
    opened = _open_container(value)
    if opened is None:
        yield value
        return
    for _, member in opened.members:
        yield from arrays_in(member)


def _function_of_names(function: Any) -> Callable[..., Any]:
    """The function whose signature has the names: forward of a module or autograd.Function, or a wrapped one."""
    forward = attribute(function, "forward")
    if not callable(forward):
        return next(filter(callable, (attribute(function, name) for name in ("fun", "make_node"))), function)
    with_context = inspect.isclass(function) and next((parameter.name for parameter in parameters_of(forward)), "")
    return functools.partial(forward, None) if with_context in ("ctx", "context") else forward


def _taken_apart(value: Value, name: str, kind: ArrayKind, fixed: bool, leaves: list[_Leaf]) -> Nest:
    """What puts the value together again; its leaves are added to the others."""
    opened = kind.opened(value) or (_open_container(value) if _holds_arrays(value, kind) else None)
    if opened is None:
        leaves.append(_Leaf(name.lstrip("."), value, fixed))
        return lambda values, written: next(values)
    build, text, fixed = opened.build, opened.text, fixed or opened.fixed
    nests = [_taken_apart(member, name + label, kind, fixed, leaves) for label, member in opened.members]

    def together(values: Iterator[Any], written: bool) -> Any:
        members = [nest(values, written) for nest in nests]
        if not written:
            return build(members)
        return None if text is None or None in members else text(*members)

    return together


def _holds_arrays(value: Value, kind: ArrayKind) -> bool:
    return any(
        kind.opened(leaf) is not None or isinstance(kind.to_numpy(leaf), np.ndarray) for leaf in arrays_in(value)
    )


def _open_container(value: Value) -> Opened | None:
    """The members of what Python itself has to hold several values; None for anything else."""
    if isinstance(value, dict):
        keys = list(value)
        return Opened(
            [(f".{key}", value[key]) for key in keys],
            lambda parts: type(value)(zip(keys, parts, strict=True)),
            lambda *texts: "{" + ", ".join(f"{key!r}: {text}" for key, text in zip(keys, texts, strict=True)) + "}",
        )
    if isinstance(value, list | tuple):
        members = [(f".{place}", member) for place, member in enumerate(value)]
        if hasattr(value, "_fields"):
            return Opened(members, lambda parts: type(value)(*parts))
        return Opened(members, type(value), lambda *texts: f"{type(value).__name__}([{', '.join(texts)}])")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [member.name for member in dataclasses.fields(value)]
        members = [(f".{name}", getattr(value, name)) for name in names if hasattr(value, name)]
        return Opened(members, lambda parts: _with_fields(value, [label[1:] for label, _ in members], parts))
    return None


def _with_fields(value: Value, names: Sequence[str], members: Sequence[Any]) -> Any:
    """A copy with other fields, made without the constructor, which may compute or check something."""
    made = copy.copy(value)
    for name, member in zip(names, members, strict=True):
        object.__setattr__(made, name, member)
    return made


KEPT = 16  # runs whose graphs are kept; what is older is run again
REFUSAL = re.compile(
    r"not (yet |currently )?(implemented|supported)|only .* (is|are) supported|can't handle"
    r"|reverse-mode differentiation does not work",
    re.IGNORECASE,
)
Pullback = Callable[[tuple[Any, ...]], Sequence[Any]]


class Adapter(ABC):
    """fprop and bprop on NumPy arrays of a function that a framework differentiates.

    What a run needs for its gradient is kept with the output that it gave, so that a bprop comes from that very run,
    as it does in the framework: a function that keeps state outside of its run is then found out.
    """

    framework: str
    kind: ArrayKind
    words: tuple[str, str]  # for the forward and the backward pass
    gives_one = True  # array, and no container of some
    beside: tuple[str, ...] = ()  # what the function reads of its own and no gradient is asked of

    def __init__(self, function: Callable[..., Any], given: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        self.function = function
        self.arguments = Arguments.of(function, given, keywords, self.kind, self.own(given, keywords))
        self.differentiated = self.differentiated_inputs()
        self.start()

    @classmethod
    @abstractmethod
    def recognises(cls, function: Any, leaves: Sequence[Any]) -> bool:
        """Whether the function or one of its arguments belongs to the framework, which has been imported."""

    def own(self, given: Sequence[Any], keywords: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters of the function itself, by name."""
        return {}

    def differentiated_inputs(self) -> tuple[int, ...]:
        """The inputs that are differentiated: every array of floats."""
        return tuple(i for i, x in enumerate(self.arguments.inputs) if is_float_array(x))

    def start(self) -> None:
        """Forget what was kept of runs."""
        self._runs: deque[tuple[Any, Pullback]] = deque(maxlen=KEPT)
        self._refusals: dict[Hashable, str] = {}

    def one_thread(self) -> AbstractContextManager[None]:
        """Runs of the framework within it take one thread: the seconds of the processor count each that waits."""
        return nullcontext()

    def of_subset(self, differentiated: tuple[int, ...]) -> Self:
        """The same function where only some of the inputs need a gradient."""
        made = copy.copy(self)
        made.differentiated = differentiated
        made.start()
        return made

    def call_function(self, leaves: Sequence[Any]) -> Any:
        """The result of the function for these leaves, in the framework's own types."""
        positional, keywords, _ = self.arguments.put_together(leaves)
        return self.function(*positional, **keywords)

    @abstractmethod
    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The float arrays that the function gives, and what pulls a gradient of each back to the differentiated."""

    @abstractmethod
    def second(
        self, grads: Sequence[Value], gradients: object, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        """The bprop of bprop: (by grad, None, *by inputs); what goes through the output is in what goes by inputs."""

    def fprop(self, *inputs: Value) -> Value:
        """The outputs as NumPy arrays; how to pull gradients back is kept for bprop."""
        parts, pull = self.run(inputs)
        if not parts:
            raise TypeError(
                f"{self.framework}: the function returned no array of floats, and only floats have gradients; "
                f"return the result that is differentiated"
            )
        output = parts[0] if len(parts) == 1 else tuple(parts)
        self._refuse_missing(inputs, parts, pull)
        self._runs.append((output, pull))
        return output

    def bprop(self, grad: Value, output: Value, *inputs: Value) -> tuple[Value, ...]:
        """The gradients by the framework, None for inputs that are not differentiated."""
        pull = next((pull for known, pull in self._runs if known is output), None)
        if pull is None:
            _, pull = self.run(inputs)
            self._runs.append((output, pull))
        return self._each(pull(grad if isinstance(grad, tuple) else (grad,)), inputs)

    def _each(self, gradients: Sequence[Any], inputs: Inputs) -> tuple[Any, ...]:
        """What was found for the differentiated inputs, in the order of all; None for the others."""
        places = dict(zip(self.differentiated, gradients, strict=True))
        return tuple(places.get(i) for i in range(len(inputs)))

    def _with_active(self, values: Sequence[Any], active: Sequence[Any]) -> list[Any]:
        """The values with others for the differentiated inputs."""
        places = dict(zip(self.differentiated, active, strict=True))
        return [places.get(i, x) for i, x in enumerate(values)]

    def _refuse_missing(self, inputs: Inputs, parts: list[Any], pull: Pullback) -> None:
        """A gradient that the framework says it does not have is no mistake: such inputs are outside of the domain."""
        forms = [(x.shape, x.dtype) if isinstance(x, np.ndarray) else repr(x) for x in inputs]
        key = tuple(None if i in self.differentiated and type(x) is float else forms[i] for i, x in enumerate(inputs))
        if key not in self._refusals:
            self._refusals[key] = ""
            try:
                pull(tuple(np.ones_like(part) for part in parts))
            except Exception as error:
                if isinstance(error, NotImplementedError) or REFUSAL.search(str(error)):
                    self._refusals[key] = str(error)
        if self._refusals[key]:
            raise NotImplementedError(self._refusals[key])


def wide_enough(value: Value) -> Any:
    """No framework but NumPy's own has a type wider than float64, and silence about it would be mistaken for one."""
    if is_float_array(value) and value.dtype.itemsize > 8:
        raise TypeError(f"found dtype {value.dtype}, which the framework does not have; give float64")
    return value


def open_complex(value: Value) -> Opened | None:
    """Complex arrays in two parts."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "c":
        return None
    parts = [(".real", value.real.copy()), (".imag", value.imag.copy())]
    return Opened(parts, lambda pair: pair[0] + 1j * pair[1], "({} + 1j * {})".format)


def is_of(function: Any, package: str) -> bool:
    """Whether a function or class is defined in a package."""
    module = attribute(function, "__module__")
    return type(module) is str and module.partition(".")[0] == package


def names(function: Callable[..., Any], package: str, is_primitive: Callable[[Any], bool]) -> bool:
    """A primitive or function of the package, or one whose code names its modules, functions or primitives."""
    if is_of(function, package) or is_primitive(function):
        return True
    for value in reachable_values(function):
        named = attribute(value, "__name__") if type(value).__name__ == "module" else None
        if (isinstance(named, str) and named.partition(".")[0] == package) or is_primitive(value):
            return True
        if inspect.isroutine(value) and is_of(value, package):
            return True
    return False


class AutogradCode(Adapter):
    """Gradients come from autograd's make_vjp."""

    framework = "autograd"
    kind = ArrayKind(lambda value: value, open_complex)
    words = ("forward", "vjp")

    @classmethod
    def recognises(cls, function: Any, leaves: Sequence[Any]) -> bool:
        """By what the code names: its arguments are NumPy's."""
        return names(function, "autograd", lambda value: attribute(value, "_is_autograd_primitive") is True)

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        outputs = self._values(inputs)
        kept: list[Any] = []

        def pull(grads: tuple[Any, ...]) -> Any:
            if not kept:
                kept.append(_pullback(*self._of_active(inputs)))
            return kept[0](tuple(np.conj(g) for g in grads))

        return outputs, pull

    def second(
        self, grads: Sequence[Value], gradients: object, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        """The bprop of bprop, by make_vjp twice."""
        together = importlib.import_module("autograd.builtins").tuple
        function, active = self._of_active(inputs)
        of_each = [
            np.zeros_like(x) if grads[i] is None else grads[i] for i, x in zip(self.differentiated, active, strict=True)
        ]

        def first(arriving: Value, *values: Value) -> Any:
            return together(_pullback(function, values)(together((arriving,))))

        by_grad, *by_active = _pullback(first, [grad, *active])(tuple(of_each))
        return (by_grad, None, *self._each(by_active, inputs))

    def _of_active(self, inputs: Inputs) -> tuple[Callable[..., Any], list[Any]]:
        together = importlib.import_module("autograd.builtins").tuple

        def function(*active: Any) -> Any:
            return together(tuple(self._values(self._with_active(inputs, active))))

        return function, [inputs[i] for i in self.differentiated]

    def _values(self, inputs: Sequence[Any]) -> list[Any]:
        result = self.call_function(inputs)
        self.gives_one = not isinstance(getattr(result, "_value", result), tuple | list | dict)
        if isinstance(getattr(result, "_value", None), tuple | list):  # a box that holds several arrays
            result = [result[k] for k in range(len(result))]
        return [y for y in arrays_in(result) if getattr(y, "dtype", np.asarray(0.0).dtype).kind in "fc"]


def _pullback(function: Callable[..., Any], values: Sequence[Any]) -> Callable[[Any], Any]:
    make_vjp = importlib.import_module("autograd").make_vjp
    return make_vjp(function, tuple(range(len(values))))(*values)[0]  # type: ignore[no-any-return]


def to_numpy(value: Value) -> Any:
    """The array of a tensor."""
    return np.array(value.data) if isinstance(value, sys.modules["mygrad"].Tensor) else value


class MygradCode(Adapter):
    """Gradients come from Tensor.backward, which forgets the graph: every bprop runs the function again."""

    framework = "mygrad"
    kind = ArrayKind(to_numpy)
    words = ("forward", "backward")

    @classmethod
    def recognises(cls, function: Any, leaves: Sequence[Any]) -> bool:
        """By a tensor among the arguments."""
        return is_of(function, "mygrad") or any(isinstance(x, sys.modules["mygrad"].Tensor) for x in leaves)

    def run(self, inputs: Inputs) -> tuple[list[Any], Pullback]:
        """The outputs, and the function that pulls gradients back through them."""
        outputs = [y.data.copy() for y in self._run(inputs)[1]]

        def pull(grads: tuple[Any, ...]) -> list[Any]:
            totals: list[Any] = [None] * len(self.differentiated)
            for k, g in enumerate(grads):
                active, tensors = self._run(inputs)
                tensors[k].backward(np.array(g))
                for n, x in enumerate(active):
                    if x.grad is not None:
                        totals[n] = x.grad if totals[n] is None else totals[n] + x.grad
            return totals

        return outputs, pull

    def second(
        self, grads: Sequence[Value], gradients: object, grad: Value, output: Value, *inputs: Any
    ) -> tuple[Any, ...]:
        """Refused: MyGrad has no second derivatives."""
        raise NotImplementedError("mygrad: gradients cannot be differentiated again; check with order=1")

    def _run(self, inputs: Inputs) -> tuple[list[Any], list[Any]]:
        tensor = sys.modules["mygrad"].tensor
        values = [
            tensor(x.copy(), constant=i not in self.differentiated) if isinstance(x, np.ndarray) and x.dtype.kind == "f"
            else x
            for i, x in enumerate(inputs)
        ]  # fmt: skip
        result = self.call_function(values)
        tensors = [y for y in arrays_in(result) if isinstance(y, sys.modules["mygrad"].Tensor)]
        return [values[i] for i in self.differentiated], [y for y in tensors if y.dtype.kind == "f"]

"""What is checked: a pair of callables, the example they are checked at, and what their author declares."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, TypeAlias, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray

from flowgraph.box.vocabulary import Value

Array: TypeAlias = NDArray[Any]
Inputs: TypeAlias = tuple[Any, ...]
Made = TypeVar("Made")
LARGEST_CACHE = 256  # what is made for the shapes and settings that test cases repeat; beyond, memory grows for nothing


def is_float_array(value: Value) -> bool:
    """Whether a value is an array or a NumPy number of a float type."""
    return isinstance(value, np.ndarray | np.floating) and np.issubdtype(np.asarray(value).dtype, np.floating)


def in_double(x: object) -> object:
    """Numbers are compared in float64, whatever the example's type: differences need its digits."""
    if is_float_array(x) and np.asarray(x).dtype != np.float64:
        return np.asarray(x).astype(np.float64)
    return x


@dataclass(frozen=True)
class Shown:
    """A mistake to reproduce: by which element of which input it is seen, and the step of a difference, if any.

    `needing` are the inputs that need a gradient.
    """

    inputs: Inputs
    grad: Any
    child: int | None
    index: tuple[int, ...] | None
    step: float | None
    needing: tuple[int, ...]


@dataclass(frozen=True)
class Target:
    """One operation to check.

    Parameters
    ----------
    fprop : function
        `fprop(*inputs)` gives an array, a number, or a tuple of them.
    bprop : function
        `bprop(grad, output, *inputs)` gives one gradient per input.
    inputs : tuple
        The example.
    names : tuple of str
        Names of the inputs.
    name : str
        Name of the operation.
    differentiated : tuple of int
        Positions of the inputs whose gradient is compared.
    constant : frozenset of int
        Positions of those whose gradient must be None although they are floats.
    domain : mapping of int to (float, float)
        Bounds of the values of an input, by position.
    kinks : tuple of float
        Values at which a slope may jump.
    valid : function, optional
        It says whether derived inputs are still within the contract.
    second : function, optional
        The bprop of bprop, `second(grads, gradients, grad, output, *inputs)`, with one gradient per argument of bprop.
    code : tuple of function
        Functions in which branches and thresholds are looked for.
    strict_types : bool
        Whether a gradient wider than its float32 input is a failure, and not a warning.
    definition : tuple of str
        Lines of Python that define fprop and bprop in the code that reproduces a mistake.
    may_share : bool
        Whether a gradient may share memory with what was given, since nobody will write to it.
    defaulted : int
        Number of last inputs that are keywords with a default, for which bprop returns nothing.
    arriving : int
        Number of first inputs that are incoming gradients, of a bprop that is checked as an operation.
    annotations : mapping of str to type
        Types of inputs; settings of another type are outside of the contract.
    role : str
        What the differentiated inputs are called together, such as parameters.
    beside : tuple of str
        What the operation reads and no gradient is asked of.
    fixed_shapes : frozenset of int
        Positions of inputs whose shape is bound to what is not among the inputs, as of the parameters of a layer.
    has_more_examples : bool
        Whether an input without elements is checked in another example.
    none_leaves_out : bool
        Whether a gradient of None means that none is to be asked for, and not that it is 0.
    remark : str
        What the first line of the report says beside the verdict.
    snippet : function, optional
        It gives the code that reproduces a mistake, of what is `Shown`, where fprop and bprop are a framework's.

    Examples
    --------
    >>> import numpy as np
    >>> from flowgraph.checking import Target, check_target
    >>> target = Target(np.exp, lambda grad, h, x: (grad * h,), (np.array([0.5]),), ("x",), "exp", (0,))
    >>> check_target(target).verdict
    'pass'
    """

    fprop: Callable[..., Any]
    bprop: Callable[..., Any]
    inputs: Inputs
    names: tuple[str, ...]
    name: str
    differentiated: tuple[int, ...]
    constant: frozenset[int] = frozenset()
    domain: Mapping[int, tuple[float, float]] = field(default_factory=dict)
    kinks: tuple[float, ...] = ()
    valid: Callable[..., Any] | None = None
    second: Callable[..., Any] | None = None
    code: tuple[Callable[..., Any], ...] = ()
    strict_types: bool = False
    definition: tuple[str, ...] = ()
    may_share: bool = False
    defaulted: int = 0
    arriving: int = 0
    annotations: Mapping[str, Any] = field(default_factory=dict)
    role: str = ""
    beside: tuple[str, ...] = ()
    fixed_shapes: frozenset[int] = frozenset()
    has_more_examples: bool = False
    none_leaves_out: bool = False
    remark: str = ""
    snippet: Callable[[Shown], str] | None = None

    @classmethod
    def of_functions(
        cls,
        fprop: Callable[..., Any],
        bprop: Callable[..., Any],
        inputs: Inputs,
        names: Sequence[str] | None = None,
        valid: Callable[..., Any] | None = None,
        second: Callable[..., Any] | None = None,
    ) -> Target:
        """A target made of an fprop and a bprop; its float inputs are differentiated.

        Parameters
        ----------
        fprop : function
            `fprop(*inputs)` returns an array, a number or a tuple of them.
        bprop : function
            `bprop(grad, output, *inputs)` returns one gradient per input, None for one that is not differentiated.
        inputs : tuple
            The arguments at which it is checked; arrays are copied.
        names : sequence of str, optional
            Names of the inputs; by default those of the parameters of `fprop`.
        valid : function, optional
            `valid(*inputs)` says whether inputs are allowed; the checker then tries no others.
        second : function, optional
            The bprop of bprop, `second(grads, gradients, grad, output, *inputs)`, checked too.

        Returns
        -------
        Target
            What `fg.check` works on.

        Raises
        ------
        TypeError
            If no input is a float or a float array.
        ValueError
            If there are not as many names as inputs.
        """
        inputs = tuple(x.copy() if isinstance(x, np.ndarray) else x for x in inputs)  # the caller's stay as they are
        differentiated = tuple(i for i, value in enumerate(inputs) if is_float_array(value) or type(value) is float)
        if not differentiated:
            kinds = ", ".join(type(value).__name__ for value in inputs) or "nothing"
            way_out = "write 2.0 for 2, np.array([1.0, 2.0]) for a list"
            if any(np.iscomplexobj(value) for value in inputs):
                way_out = "check the function of real and imaginary parts, lambda re, im: f(re + 1j * im)"
            raise TypeError(
                f"check: {name_of(fprop)} was given {kinds}; at least one float array or float is needed to "
                f"differentiate: {way_out}"
            )
        names = tuple(names) if names is not None else parameter_names(fprop, len(inputs))
        if len(names) != len(inputs):
            raise ValueError(f"check: {len(names)} names were given for {len(inputs)} inputs; give one name each")
        code = (fprop, bprop) if second is None else (fprop, bprop, second)
        return cls(
            fprop,
            bprop,
            inputs,
            names,
            name_of(fprop),
            differentiated,
            valid=valid,
            second=second,
            code=code,
            annotations=annotations_of(fprop),
            none_leaves_out=True,
        )


def short_text(value: Value) -> str:
    """A value in a few words."""
    text = str(value.tolist()) if isinstance(value, np.ndarray) else repr(value)
    return text if len(text) < 40 else text[:37] + "..."


def form_of(inputs: Iterable[Any], moved: Collection[int]) -> Hashable:
    """What is the same for inputs of which those in `moved` differ in their values alone, and the others not at all."""
    arrays = (x if i not in moved or isinstance(x, np.ndarray) else np.asarray(x) for i, x in enumerate(inputs))
    return tuple((x.shape, x.dtype) if i in moved else _itself(x) for i, x in enumerate(arrays))


def _itself(x: Value) -> Hashable:
    if isinstance(x, np.ndarray):
        return x.shape, x.dtype, x.tobytes()
    if isinstance(x, float | tuple):  # -0.0 is equal to 0.0, which a graph may tell apart
        return type(x), repr(x)
    try:
        hash(x)
    except TypeError:  # such as a list
        return type(x), repr(x)
    return type(x), x


def by_form(
    made: dict[Hashable, Made], inputs: Iterable[Any], moved: Collection[int], make: Callable[[], Made]
) -> Made:
    """What was made for inputs of this form; it is made where the form is new."""
    key = form_of(inputs, moved)
    if key not in made:
        if len(made) >= LARGEST_CACHE:
            made.clear()
        made[key] = make()
    return made[key]


def without_first(valid: Callable[..., Any] | None, count: int) -> Callable[..., Any] | None:
    """A condition that is not asked of the first inputs, the incoming gradients of a bprop."""
    return None if valid is None else lambda *inputs: valid(*inputs[count:])


def attribute(thing: object, name: str) -> Any:
    """An attribute; None where there is none, or asking for it raises, which what others have written may do."""
    try:
        return getattr(thing, name, None)
    except Exception:
        return None


def code_of(function: object) -> CodeType | None:
    """The code of a function or method; None of what is not written in Python."""
    code = attribute(attribute(function, "__func__") or function, "__code__")
    return code if type(code) is CodeType else None


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function as its module has it, that of the class for a callable object."""
    name = attribute(function, "__qualname__")
    return (name if type(name) is str and name else type(function).__qualname__).replace("<locals>.", "")


def annotations_of(function: Callable[..., Any]) -> Mapping[str, Any]:
    """The types that a function or a class declares, by name; none where they cannot be read."""
    try:
        inspect.unwrap(function)  # raises for what wraps itself, which get_type_hints follows for ever
        return get_type_hints(function, include_extras=True)
    except Exception:  # a name that is imported for type checkers alone, a built-in function
        return {}


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters of a function; none where it does not tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except Exception:  # what is written in C, and what says of itself what is not so
        return []


def parameter_names(function: Any, count: int) -> tuple[str, ...]:
    """The names of the first parameters of `function`; x0, x1 ... where it does not tell."""
    if issubclass(type(function), np.ufunc):  # older releases give it no signature; isinstance asks for its __class__
        names = ["x"] if function.nin == 1 else [f"x{i + 1}" for i in range(function.nin)]
    else:
        positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [parameter.name for parameter in parameters_of(function) if parameter.kind in positional]
    return (*names[:count], *(f"x{i}" for i in range(len(names), count)))

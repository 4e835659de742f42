"""A function of JAX as a graph of boxes."""

from __future__ import annotations

import inspect
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, reduce
from typing import Any, cast

import jax
import numpy as np
from jax.extend.core import Literal

from flowgraph.box import Box, Constant, Value
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.node import current_scope, reopen_scope
from flowgraph.box.vocabulary import Foreign
from flowgraph.boxes import Digamma, Erf, Erfc, Erfinv, GammaLn, MaxPool, MeanPool, relu, sigmoid, silu
from flowgraph.boxes.engine.passing_on import StopGradient
from flowgraph.checking.frameworks import jax_numpy
from flowgraph.errors import DtypeError, UnsupportedError, UsageError
from flowgraph.graph import Graph
from flowgraph.interop.rules import (
    CONVOLUTIONS,
    NoBoxesError,
    RuleTable,
    Translation,
    fit_dtype,
    pad_or_cut,
    shortest,
    shortest_padding,
)
from flowgraph.peers import function_of_jaxpr, scan_parameters
from flowgraph.shapes.spec import Spec

PRIMITIVES = RuleTable()


def primitive_rule(*names: str) -> Callable[[Translation], Translation]:
    """Register how a primitive of JAX becomes boxes, by its name: "dot_general".

    "function:relu" is a function of JAX's own that is traced as a call and has no parameters but its arrays.

    The rule takes boxes or numbers by position, arrays where all of them are constants, and the parameters of the
    primitive by name; its result is converted to the dtype that JAX gives. An equation with a parameter that its rule
    does not take, and that may change its numbers, is a box that calls JAX.
    """
    return PRIMITIVES.rule_for(*names)


def quotient(a: Foreign, b: Foreign) -> Any:
    """The quotient, towards 0 for whole numbers."""
    return (a - np.fmod(a, b)) // b if a.dtype.kind in "iu" else a / b


def round_array(a: Foreign, *, rounding_method: Foreign) -> Any:
    """To whole numbers: halves to even ones, or away from 0."""
    if rounding_method == jax.lax.RoundingMethod.TO_NEAREST_EVEN:
        return np.rint(a)
    whole = np.trunc(a)
    return np.where(np.abs(a - whole) < 0.5, whole, whole + np.sign(a))


def pad(a: Foreign, value: Foreign, *, padding_config: Foreign) -> Any:
    """A number around, or fewer elements where the padding is below 0."""
    if any(inside for _, _, inside in padding_config):
        raise NoBoxesError("pad between elements")
    constant: Any = getattr(value, "value", value)
    if isinstance(constant, Box):
        raise NoBoxesError("pad with a number that is computed")
    pairs = [(before, after) for before, after, _ in padding_config]
    return pad_or_cut(a, pairs, constant_values=np.asarray(constant)[()])


_BOXES: dict[str, Callable[..., Any]] = {
    "logistic": sigmoid, "erf": Erf, "erfc": Erfc, "erf_inv": Erfinv, "lgamma": GammaLn, "digamma": Digamma,
    "real": np.real, "imag": np.imag, "conj": np.conj, "complex": lambda a, b: a + 1j * b,
    "stop_gradient": StopGradient, "optimization_barrier": lambda *arrays: arrays,
    "function:relu": relu, "function:silu": silu, "function:logaddexp": np.logaddexp,
}  # fmt: skip
_RULES: dict[str, Callable[..., Any]] = {
    **jax_numpy.PRIMITIVES, **jax_numpy.OF_FLOATS, "div": quotient, "round": round_array, "pad": pad,
    **{name: jax_numpy.plain(function) for name, function in _BOXES.items()},
}  # fmt: skip
for _name, _rule in _RULES.items():
    primitive_rule(_name)(_rule)


@primitive_rule("gather")
def gather_elements(
    a: Foreign, indices: Foreign, *, dimension_numbers: Foreign, slice_sizes: Foreign, mode: Foreign,
    fill_value: Foreign,
) -> Any:  # fmt: skip
    """Elements along some adjacent axes, at places that an array gives.

    What lies outside is the nearest element, which gets no gradient unless the mode is to clip, or a number to fill in.
    """
    axes = tuple(dimension_numbers.start_index_map)
    first, after = axes[0], axes[-1] + 1
    if axes != tuple(range(first, after)) or tuple(dimension_numbers.collapsed_slice_dims) != axes:
        raise NoBoxesError("gather of slices, or along axes that are not adjacent")
    rest = [place for place in range(len(a.shape)) if place not in axes]
    new = len(indices.shape) - 1
    offset = tuple(place if place < first else place - len(axes) + new for place in rest)
    batched = getattr(dimension_numbers, "operand_batching_dims", ())
    if batched or tuple(dimension_numbers.offset_dims) != offset or any(slice_sizes[i] != a.shape[i] for i in rest):
        raise NoBoxesError("gather of parts of the other axes")
    modes = jax.lax.GatherScatterMode
    if mode not in (modes.CLIP, modes.FILL_OR_DROP, modes.PROMISE_IN_BOUNDS) or 0 in a.shape:
        raise NoBoxesError("gather of another mode, or of nothing")
    lasts = [min(a.shape[axis] - 1, int(np.iinfo(indices.dtype).max)) for axis in axes]
    indices = indices.value if isinstance(indices, Constant) else indices
    places = [indices[..., number] for number in range(len(axes))]
    nearest = [np.clip(place, 0, last) for place, last in zip(places, lasts, strict=True)]
    found = a[(*(slice(None) for _ in range(first)), *nearest)]
    inside = reduce(np.logical_and, (place == near for place, near in zip(places, nearest, strict=True)))
    if mode == modes.CLIP or (isinstance(inside, np.ndarray | np.generic) and inside.all()):
        return found
    where = np.reshape(inside, (*inside.shape, *(1,) * (len(a.shape) - after)))
    return np.where(where, found, StopGradient(found) if fill_value is None else a.dtype.type(fill_value))


@primitive_rule("conv_general_dilated")
def convolution(  # noqa: PLR0913  the parameters of the primitive
    x: Foreign, w: Foreign, *, window_strides: Foreign,
    padding: Foreign, lhs_dilation: Foreign, rhs_dilation: Foreign, dimension_numbers: Foreign,
    feature_group_count: int, batch_group_count: int, preferred_element_type: Foreign,
) -> Any:  # fmt: skip
    """A convolution, its axes in any order."""
    if set(lhs_dilation) - {1} or batch_group_count != 1 or len(x.shape) not in CONVOLUTIONS:
        raise NoBoxesError("a transposed convolution")
    if any(number < 0 for pair in padding for number in pair):
        raise NoBoxesError("a convolution of a part of its input")
    of_x, of_w, of_h = dimension_numbers
    x, w = jax_numpy.wide(preferred_element_type, x, w)
    h = CONVOLUTIONS[len(x.shape)](
        _in_order(x, of_x), _in_order(w, of_w), stride=shortest(tuple(window_strides)),
        padding=shortest_padding(padding), dilation=shortest(tuple(rhs_dilation)), groups=feature_group_count,
    )  # fmt: skip
    return _in_order(h, np.argsort(of_h).tolist())


def _in_order(a: Foreign, axes: Foreign) -> Any:
    return a if list(axes) == list(range(len(axes))) else np.transpose(a, tuple(axes))


def make_pooling(pooling: Foreign, by_size: bool) -> Callable[..., Any]:
    """A pooling over the axes whose window is larger than 1, which are moved to the end; times the size of a window."""

    def rule(
        a: Foreign, *, window_dimensions: Foreign, window_strides: Foreign, padding: Foreign, base_dilation: Foreign,
        window_dilation: Foreign,
    ) -> Any:  # fmt: skip
        rows = list(zip(window_dimensions, window_strides, padding, window_dilation, strict=True))
        axes = [i for i, row in enumerate(rows) if row != (1, 1, (0, 0), 1)]
        if set(base_dilation) - {1} or not axes:
            raise NoBoxesError("pooling between elements")
        if any(2 * number > rows[i][0] for i in axes for number in rows[i][2]):
            raise NoBoxesError("padding of more than half of the window")
        order = [i for i in range(len(rows)) if i not in axes] + axes
        size, stride, pads, dilation = (tuple(rows[i][column] for i in axes) for column in range(4))
        h = pooling(
            _in_order(a, order), size=shortest(size) if len(size) == 2 else size,
            stride=None if stride == size else shortest(stride), padding=shortest_padding(pads),
            dilation=shortest(dilation),
        )  # fmt: skip
        h = _in_order(h, np.argsort(order).tolist())
        return h * math.prod(window_dimensions) if by_size else h

    return rule


primitive_rule("reduce_window_max")(make_pooling(MaxPool, by_size=False))
primitive_rule("reduce_window_sum")(make_pooling(MeanPool, by_size=True))

INLINED = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "checkpoint", "remat2")
"""Primitives that call a function, which becomes boxes itself."""

OWN_DERIVATIVE = ("custom_jvp_call", "custom_vjp_call")
"""Those of them whose function has a derivative of its own."""

MOST_UNROLLED = 400
"""Boxes of a scan, about, up to which its steps become boxes one after the other; a longer one is a single box."""

_PACKAGE = jax.__file__.rpartition("/")[0]


def graph_of(
    f: Callable[..., Any], *examples: Foreign, parameters: int | Iterable[int] = (), **named: Foreign
) -> Graph:
    """The graph of a function of JAX, from its jaxpr.

    Parameters
    ----------
    f
        A function of arrays, or of dicts, lists and tuples of arrays.
    *examples, **named
        What it is called with. Each array becomes an input of its shape and dtype, called as its argument and its path
        in it: 'batch/x'.
    parameters
        The places of the arguments whose arrays are parameters of the graph instead, with these values, called by
        their paths alone: 'layer1/W'.

    Returns
    -------
    Graph
        Its outputs are the arrays that the function returns, its inputs stand in the order of the arguments. Functions
        under `jax.jit` and `jax.named_scope` are scopes. Primitives that no box stands for, loops, and functions of
        yours with `jax.custom_vjp` or `jax.custom_jvp` are boxes that call JAX (`JaxOperation`). A short `jax.lax.scan`
        is unrolled.

    Raises
    ------
    UsageError
        If a place in `parameters` is none of the arguments.
    UnsupportedError
        Where the function draws random numbers: their keys are no arrays of NumPy.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> from flowgraph.interop.jax.graphs import graph_of
    >>> def net(layer, x):
    ...     return jnp.tanh(x @ layer["W"])
    >>> graph_of(net, {"W": jnp.ones((3, 2))}, jnp.ones((4, 3)), parameters=0)
    <Graph of 4 boxes: tanh>
    """
    if not callable(f):
        raise UsageError(f"graph_of: found a {type(f).__name__}, needs a function of JAX")
    places = {parameters} if isinstance(parameters, int) else set(parameters)
    strange = [place for place in places if place not in range(len(examples))]
    if strange:
        raise UsageError(f"graph_of: found parameters={strange[0]}, needs places of the {len(examples)} arguments")
    closed = jax.make_jaxpr(f)(*examples, **named)
    leaves = leaves_of(f, examples, named, places, closed)
    outputs = _Translation().run(closed.jaxpr, closed.consts, leaves, current_scope())
    boxes = [output if isinstance(output, Box) else Constant(output) for output in outputs]
    read = Graph(*boxes)
    return Graph(*boxes, along=[leaf for leaf in leaves if leaf in read])


def leaves_of(f: Foreign, examples: Foreign, named: Foreign, parameters: set[int], closed: Foreign) -> list[Box]:
    """The leaf for each array of the arguments."""
    names = _argument_names(f, len(examples))
    flat, _ = jax.tree_util.tree_flatten_with_path((examples, named))
    leaves: list[Box] = []
    for (path, value), variable in zip(flat, closed.jaxpr.invars, strict=True):
        place = path[1].idx if path[0].idx == 0 else None
        parts = [_text(key) for key in path[2:]]
        trained = place in parameters
        if not trained or not parts:
            parts.insert(0, _text(path[1]) if place is None else names[place])
        *scopes, last = "/".join(parts).split("/")
        dtype = _dtype_of(variable.aval, last)
        with reopen_scope(current_scope() + "".join(f"{scope}/" for scope in scopes)):
            if trained:
                leaves.append(Parameter(np.array(value, dtype), name=last))
            else:
                leaves.append(Input(last, shape=tuple(variable.aval.shape), dtype=dtype))
    return leaves


def _argument_names(f: Foreign, count: int) -> list[str]:
    """The names of positional arguments, x0, x1, ... where they have none."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    names = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    return [*names[:count], *(f"x{place}" for place in range(len(names), count))]


def _text(key: Foreign) -> str:
    """One step of a path into a container."""
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


class _Translation:
    """The boxes for the equations of a jaxpr and of those inside it."""

    def __init__(self) -> None:
        self._scopes: Counter[str] = Counter()

    def run(self, jaxpr: Foreign, constants: Sequence[Any], arguments: Sequence[Any], scope: str) -> list[Any]:
        """The outputs of a jaxpr at these arguments, boxes or numbers."""
        known: dict[Any, Any] = dict(
            zip(jaxpr.constvars, (Constant(np.asarray(constant)) for constant in constants), strict=True)
        )
        known.update(zip(jaxpr.invars, arguments, strict=True))

        def read_variable(variable: Foreign) -> Any:
            if isinstance(variable, Literal):
                return np.asarray(variable.val, variable.aval.dtype)[()]  # type: ignore[attr-defined]
            return known[variable]

        for equation in jaxpr.eqns:
            path = scope + "".join(f"{part}/" for part in str(equation.source_info.name_stack).split("/") if part)
            with reopen_scope(path):
                results = self._equation(jaxpr, equation, [*map(read_variable, equation.invars)], path)
            known.update(zip(equation.outvars, results, strict=True))
        return [read_variable(variable) for variable in jaxpr.outvars]

    def _equation(self, jaxpr: Foreign, equation: Foreign, given: list[Any], path: str) -> Sequence[Any]:
        """The results of one equation of a jaxpr, by boxes, or by one box that calls JAX."""
        name, settings = equation.primitive.name, equation.params
        try:
            if name in INLINED:
                return self._call(name, equation, given, path)
            if name in _STRUCTURES:
                known = scan_parameters(settings) if name == "scan" else settings
                return cast(
                    Sequence[Any], _STRUCTURES[name](self, given, path, **_read_parameters(_STRUCTURES[name], known))
                )
            rule = PRIMITIVES.of([name])
            if rule is None:
                return _opaque(jaxpr, equation, given)
            are_numbers = all(isinstance(one, Constant | np.generic) for one in given)
            made = rule(
                *(getattr(one, "value", one) if are_numbers else one for one in given),
                **_read_parameters(rule, settings),
            )
            results = made if equation.primitive.multiple_results else [made]
            return [_fit_result(name, result, out.aval) for result, out in zip(results, equation.outvars, strict=True)]
        except NoBoxesError:
            return _opaque(jaxpr, equation, given)

    def _call(self, name: str, equation: Foreign, given: Sequence[Any], path: str) -> Sequence[Any]:
        """A call of a function, whose equations become boxes, but of one of the user's with a derivative of its own."""
        settings = equation.params
        inner = settings.get("jaxpr", settings.get("call_jaxpr"))
        jaxpr: Foreign = getattr(inner, "jaxpr", inner)
        if inner is None or len(jaxpr.invars) != len(given):
            raise NoBoxesError("a call with other parameters than are known")
        if not _is_of_jax(inner):
            if name in OWN_DERIVATIVE:
                raise NoBoxesError("a derivative of its own")
        elif (whole := PRIMITIVES.of([f"function:{_name_of(inner)}"])) is not None:
            return [_fit_result(name, whole(*given), equation.outvars[0].aval)]
        return self._inline_call(inner, given, self._scope_of(path, settings.get("name"), inner))

    def _inline_call(self, inner: Foreign, given: Sequence[Any], path: str) -> list[Any]:
        jaxpr, constants = (inner.jaxpr, inner.consts) if hasattr(inner, "jaxpr") else (inner, ())
        return self.run(jaxpr, constants, given, path)

    def _scope_of(self, path: str, name: Foreign, inner: Foreign) -> str:
        """A scope of its own for each call of a function that is more than one operation."""
        jaxpr: Foreign = getattr(inner, "jaxpr", inner)
        if not isinstance(name, str) or name.startswith(("_", "<")) or len(jaxpr.eqns) < 2:
            return path
        self._scopes[path + name] += 1
        number = self._scopes[path + name]
        return f"{path}{name}{f'_{number}' if number > 1 else ''}/"

    def _unroll_scan(  # noqa: PLR0913  the parameters of the primitive
        self, given: Sequence[Any], path: str, *, jaxpr: Foreign, length: int, reverse: bool, num_consts: int,
        num_carry: int, linear: Foreign = (), unroll: Foreign = 1, _split_transpose: bool = False,
    ) -> list[Any]:  # fmt: skip
        """The steps of a short scan one after the other."""
        step_of: Foreign = getattr(jaxpr, "jaxpr", jaxpr)
        if length * len(step_of.eqns) > MOST_UNROLLED:
            raise NoBoxesError("a long scan")
        last = num_consts + num_carry
        fixed, carry, sequences = given[:num_consts], list(given[num_consts:last]), given[last:]
        steps: list[list[Any]] = []
        for step in reversed(range(length)) if reverse else range(length):
            results = self._inline_call(jaxpr, [*fixed, *carry, *(rows[step] for rows in sequences)], path)
            carry = results[: len(carry)]
            steps.append(results[len(carry) :])
        steps = steps[::-1] if reverse else steps
        stacked = [np.stack(column) for column in zip(*steps, strict=True)]
        return [*carry, *stacked]

    def _branch(
        self, given: Sequence[Any], path: str, *, branches: Foreign, branches_platforms: Foreign = None
    ) -> list[Any]:
        """The branch that the CPU takes, where branches are for platforms."""
        if not branches_platforms:
            raise NoBoxesError("a branch that depends on numbers")
        return self._inline_call(branches[_place_of_the_cpu(branches_platforms)], given[1:], path)

    def _platform(self, given: Sequence[Any], path: str, *, platforms: Foreign) -> list[Any]:
        """The number of the platform on which it runs."""
        return [np.int32(_place_of_the_cpu(platforms))]


_STRUCTURES: dict[str, Callable[..., Any]] = {
    "scan": _Translation._unroll_scan,
    "cond": _Translation._branch,
    "platform_index": _Translation._platform,
}
"""Primitives whose parameters hold jaxprs or say which of them runs."""


def _read_parameters(rule: Callable[..., Any], parameters: Foreign) -> dict[str, Any]:
    """What a rule takes of the parameters of an equation; there are no boxes for parameters that it does not know."""
    taken = jax_numpy.settings_of(rule, parameters)
    if taken is None:
        raise NoBoxesError("parameters that are not known")
    return taken


def _place_of_the_cpu(platforms: Sequence[Any]) -> int:
    """Which of the branches for platforms the CPU takes: one that names it, or that of all others, None."""
    return next(place for place, names in enumerate(platforms) if names is None or "cpu" in names)


def _fit_result(name: str, made: Foreign, aval: Foreign) -> Box:
    return fit_dtype(f"graph_of: the rule for {name}", made, aval.shape, _dtype_of(aval, name))


def _opaque(jaxpr: Foreign, equation: Foreign, given: Sequence[Any]) -> Sequence[Any]:
    """A box that calls JAX."""
    name = equation.primitive.name
    if not equation.outvars:  # such as jax.debug.print
        return ()
    specs = tuple(Spec(tuple(out.aval.shape), _dtype_of(out.aval, name)) for out in equation.outvars)
    read = {
        variable: value
        for variable, value in zip(equation.invars, given, strict=True)
        if not isinstance(variable, Literal)
    }
    alone = jaxpr.replace(constvars=[], invars=list(read), outvars=equation.outvars, eqns=[equation])
    box: Any = JaxOperation(*read.values(), jaxpr=alone, specs=specs, name=name)
    return [box] if len(specs) == 1 else list(box)


def _dtype_of(aval: Foreign, who: str) -> Any:
    """NumPy's dtype of an array."""
    if jax.numpy.issubdtype(aval.dtype, jax.dtypes.extended):
        raise UnsupportedError(
            f"graph_of: found {who} of {aval.dtype}, a key of random numbers, for which there is no box; draw outside "
            f"of the function, and give it what was drawn"
        )
    dtype = np.dtype(aval.dtype)
    if dtype.kind not in "biufc":
        raise DtypeError(f"graph_of: found {who} of {dtype}, which NumPy computes nothing with; use float32 or float64")
    return dtype


def _name_of(inner: Foreign) -> str:
    """The name of a function."""
    jaxpr: Foreign = getattr(inner, "jaxpr", inner)
    return str(jaxpr.debug_info.func_src_info).partition(" at ")[0]


def _is_of_jax(inner: Foreign) -> bool:
    """Whether a function belongs to JAX, so that its derivative is that of its definition."""
    jaxpr: Foreign = getattr(inner, "jaxpr", inner)
    return str(jaxpr.debug_info.func_src_info).rpartition(" at ")[2].startswith(_PACKAGE)


class JaxOperation(Box):
    """A primitive of JAX, or a loop or a function with a derivative of its own, that JAX computes and differentiates.

    h = operation(arrays)        the vector-Jacobian product of JAX

    `jaxpr` is of one equation, `specs` are the shapes and dtypes of its results.
    """

    jaxpr: Any
    specs: Any

    public = False
    symbol = "jax"
    examples = None  # it is tested with functions of JAX that have no boxes

    def fprop(self, *arrays: Value) -> Value:
        """What JAX computes."""
        results = tuple(np.array(result)[()] for result in self._function(*arrays))
        return results if len(self.outputs) > 1 else results[0]

    def bprop(self, grad: Value, h: Value, *arrays: Value) -> tuple[Value, ...]:
        """What JAX sends back to each array of floats."""
        wanted = [place for place, array in enumerate(arrays) if array.dtype.kind in "fc"]

        def of_floats(*floats: Foreign) -> Any:
            given = dict(zip(wanted, floats, strict=True))
            results = self._function(*(given.get(place, array) for place, array in enumerate(arrays)))
            return [result for result in results if np.dtype(result.dtype).kind in "fc"]

        values, send = jax.vjp(of_floats, *(jax.numpy.asarray(arrays[place]) for place in wanted))
        grads = zip(grad if isinstance(grad, tuple) else (grad,), self.specs, strict=True)
        arriving = zip(values, (part for part, spec in grads if spec.dtype.kind in "fc"), strict=True)
        sent = send([jax.numpy.zeros_like(v) if g is None else jax.numpy.asarray(g) for v, g in arriving])
        parts: list[Any] = [None] * len(arrays)
        for place, gradient in zip(wanted, sent, strict=True):
            parts[place] = np.array(gradient)[()]
        return tuple(parts)

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """What JAX says of the results."""
        return list(self.specs) if len(self.specs) > 1 else self.specs[0]

    @cached_property
    def _function(self) -> Any:
        """The equation as a function of arrays."""
        return function_of_jaxpr(self.jaxpr)

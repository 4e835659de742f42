"""What an update rule is: new values from gradients, for all numbers, weights only, or rows that are looked up."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, ClassVar, NamedTuple

import numpy as np

from flowgraph.box import Box, Constant, Elementwise, Value
from flowgraph.box.kinds import Flag
from flowgraph.box.leaves import Input, Parameter
from flowgraph.box.node import reopen_scope
from flowgraph.boxes.elementwise.arithmetic import Add, Divide, Multiply, Negative, Positive, Subtract
from flowgraph.boxes.elementwise.complex_numbers import Cast
from flowgraph.boxes.elementwise.selection import Maximum, Minimum
from flowgraph.boxes.indexing.index import Index, IndexAdd, find_row_numbers
from flowgraph.boxes.indexing.scatter import SetAt
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.topology import Boxes
from flowgraph.shapes.indexing import ARRAY
from flowgraph.training.settings import SETTINGS, kinds_of, set_frozen
from flowgraph.training.weights import reads_shape_only


class Lookups(NamedTuple):
    """The terms of a gradient: what lookups of rows add to it, and what anything else does; and their sums."""

    of_rows: list[IndexAdd]
    others: list[Box]
    sums: set[Box]


def lookups_in(grad: Box) -> Lookups:
    """The terms that a gradient is made of by what leaves zeros zero: sums, multiples, limits of each number."""
    lookups = Lookups([], [], set())
    seen: set[Box] = set()
    stack = [grad]
    while stack:
        box = stack.pop()
        if box in seen:
            continue
        seen.add(box)
        inner = _terms(box)
        if inner is not None:
            stack += reversed(inner)
            if len(inner) > 1:
                lookups.sums.add(box)
        elif isinstance(box, IndexAdd) and find_row_numbers(box) is not None:
            lookups.of_rows.append(box)
        else:
            lookups.others.append(box)
    return lookups


def _terms(box: Box) -> list[Box] | None:
    """The children outside of whose rows the value of a box is 0; None where there are none."""
    if isinstance(box, Add | Subtract | Negative | Positive | Cast):
        return list(box.children) if all(child.shape == box.shape for child in box.children) else None
    if isinstance(box, Multiply | Minimum | Maximum):
        for place, factor in enumerate(box.children):
            if factor.shape == () and (isinstance(box, Multiply) or _limits_no_zero(box, factor)):
                return [box.children[1 - place]]
    if isinstance(box, Divide) and box.children[1].shape == ():
        return [box.children[0]]
    return None


def _limits_no_zero(box: Box, limit: Box) -> bool:
    """Whether 0 lies within a limit of each number."""
    if not isinstance(limit, Constant):
        return False
    number: Any = limit.value
    return bool(number >= 0 if isinstance(box, Minimum) else number <= 0)


def _rows_of(lookups: Lookups) -> Any:
    """The numbers of all rows that are looked up; a row may be named several times."""
    named = list(dict.fromkeys(rows for box in lookups.of_rows if (rows := find_row_numbers(box)) is not None))
    if len(named) == 1:
        return named[0]
    flat: list[Any] = [rows if rows.dtype == np.intp else rows.astype(np.intp) for rows in named]
    return np.concatenate([rows.reshape(-1) for rows in flat])


def at_rows(new: Mapping[Parameter, Box], lookups: Lookups) -> dict[Parameter, Box]:
    """The update in which parameters of one shape get their new values at the rows of the lookups, and nowhere else.

    The new values are computed at the rows: what works element by element does so for a part of the elements too. Where
    a row is named twice its value is computed twice, from the same numbers. Rows are taken of the sum of several terms
    of the gradient, which plans make one of.
    """
    rows = _rows_of(lookups)
    computed: dict[Box, Any] = {}
    return {
        parameter: SetAt(parameter, _take_rows(box, rows, lookups.sums, computed), rows, index=(ARRAY,))
        for parameter, box in new.items()
    }


def _take_rows(wanted: Box, rows: Box, sums: Container[Box], computed: dict[Box, Any]) -> Any:
    """The rows of a box; `computed` are those of others."""
    stack = [wanted]
    while stack:
        box = stack[-1]
        inner = _is_by_element(box, wanted.shape) and box not in sums
        missing = [child for child in box.children if child not in computed] if inner else []
        if missing:
            stack += missing
            continue
        stack.pop()
        if box in computed:
            continue
        if inner:
            computed[box] = box.with_children(*[computed[child] for child in box.children])
        else:
            computed[box] = box if box.shape == () else Index(box, rows, index=(ARRAY,))
    return computed[wanted]


def _is_by_element(box: Box, shape: tuple[Any, ...]) -> bool:
    """Whether each row of a value follows from the rows of the children."""
    return (
        isinstance(box, Elementwise)
        and box.shape == shape
        and bool(box.children)
        and all(child.shape in (shape, ()) for child in box.children)
    )


def other_use(who: str, parameter: Parameter, lookups: Lookups, grads: Mapping[Parameter, Box]) -> UsageError:
    """The error for a table of which rows are looked up, and that has a gradient for other rows too."""
    reader = _other_reader(parameter, Graph(*grads.values()))
    if reader is None:
        what = f"whose gradient has a term of another kind, {type(lookups.others[0]).__name__}\n  "
    else:
        what = f"which {reader.title} reads as a whole\n  built at {reader.built_at}\n  "
    return UsageError(
        f"{who}: found lazy=True and the table {parameter.title}, of which rows are looked up, but {what}"
        f"needs tables of which rows are looked up and nothing else, because a penalty or a product has a gradient for "
        f"every row; leave the penalty out, or let AdamW decay the rows that are looked up, or leave lazy=True out"
    )


def no_table(who: str, grads: Mapping[Parameter, Box]) -> UsageError:
    """The error for a lazy rule that has nothing to leave out."""
    names = ", ".join(parameter.name or parameter.title for parameter in grads)
    return UsageError(
        f"{who}: found lazy=True, but of none of the parameters ({names}) rows are looked up, so that it would do "
        f"nothing; needs a table that is read as table[numbers], with whole numbers, or leave lazy=True out"
    )


def _other_reader(parameter: Parameter, graph: Graph) -> Box | None:
    """The first box of a graph that reads the values of a parameter otherwise than by rows."""
    for box in graph.boxes:
        by_rows = isinstance(box, Index) and find_row_numbers(box) is not None
        if not by_rows and any(
            child is parameter and not reads_shape_only(box, place) for place, child in enumerate(box.children)
        ):
            return box
    return None


def by_parameter(who: str, grads: Mapping[Parameter, Any]) -> Mapping[Parameter, Any]:
    """The gradients, which an error asks for by parameter."""
    if not isinstance(grads, Mapping):
        raise UsageError(
            f"{who}: found a {type(grads).__name__} of gradients, needs a dict, "
            f"dict(zip(parameters, fg.gradient(loss, parameters)))"
        )
    return grads


Updates = dict[Parameter, Box]


@dataclass(frozen=True)
class Rule:
    """How a parameter changes in a step: `updates` gives, for parameters and their gradients, boxes of new values.

    What a rule remembers from step to step (a velocity, a mean of squares) are parameters too, and so updated by the
    same plan. A rule of your own gives in `change` the new value of one parameter, and of its own state.

    Examples
    --------
    >>> import numpy as np, flowgraph as fg
    >>> from flowgraph.training import Rule
    >>> class Signed(Rule):
    ...     def change(self, parameter, grad, rate, count):
    ...         return {parameter: parameter - rate * np.sign(grad)}
    >>> w = fg.Parameter(np.array([0.5, -0.5]), name="w")
    >>> fg.Graph(Signed().updates({w: 2 * w}, 0.125)[w]).fprop().outputs[0]
    array([ 0.375, -0.375])
    """

    default_rate: ClassVar[float] = 0.01
    counts_steps: ClassVar[bool] = False
    rests_without_gradient: ClassVar[bool] = False

    @property
    def gain(self) -> float | None:
        """By how many rates a steady gradient moves a parameter, None where that depends on the gradient."""
        return None

    @property
    def is_lazy(self) -> bool:
        """Whether the user asked for updates of the rows of tables that are looked up, and of no other."""
        return False

    def __post_init__(self) -> None:
        for setting in fields(self):
            set_frozen(self, setting.name, self.read_setting(setting.name, getattr(self, setting.name)))

    def read_setting(self, setting: str, value: object) -> Any:
        """Check one setting of the rule and return it as it is kept.

        Parameters
        ----------
        setting : str
            Name of the setting.
        value : object
            What the user gave.

        Returns
        -------
        object
            What the annotation of the setting says, `Annotated[float, Number(0)]`; without one a float from 0 up to,
            not including, 1.

        Raises
        ------
        UsageError
            If the value is not allowed.
        """
        own: Any = type(self)
        return kinds_of(own).get(setting, SETTINGS["dropout"]).read_setting(self.name, setting, value)

    @property
    def name(self) -> str:
        """The name of the rule."""
        return type(self).__name__

    @property
    def needs_weights(self) -> bool:
        """Whether the rule does not know yet which parameters are weights."""
        return False

    def of_weights(self, weights: Sequence[Parameter]) -> Rule:
        """The rule for a model with these weights.

        Parameters
        ----------
        weights : sequence of Parameter
            The parameters that count as weights, not as biases.

        Returns
        -------
        Rule
            This rule, unless it treats weights differently, as AdamW and Proximal do.
        """
        return self

    @property
    def penalty(self) -> Any:
        """What the rule minimises besides the objective: a scalar box, or None."""
        return None

    def updates(self, grads: Mapping[Parameter, Any], rate: Value) -> Updates:
        """The new values of the parameters and of the state of the rule after one step.

        Parameters
        ----------
        grads : mapping of Parameter to Box
            The gradient of each parameter, of its shape.
        rate : Box or number, shape ()
            The learning rate.

        Returns
        -------
        dict of Parameter to Box
            New values, as `fg.compile(updates=...)` takes them.

        Raises
        ------
        UsageError
            If `grads` is no mapping, or a parameter is complex and the rule squares gradients, or if the rule is lazy
            and there is no table of which rows are looked up, or one that is read in another way too.
        """
        updates: Updates = {}
        grads = by_parameter(self.name, grads)
        rate = rate if isinstance(rate, Box) else np.asarray(rate)
        tables = self._looked_up(grads)
        counts: dict[Any, Any] = {}
        for parameter, grad in grads.items():
            if parameter.dtype.kind == "c" and self.gain is None:
                raise UsageError(
                    f"{self.name}: found {parameter.title} of dtype {parameter.dtype}, but the square of a gradient is "
                    f"of real numbers; needs SGD, Momentum or Nesterov"
                )
            own = rate if rate.dtype == parameter.dtype else rate.astype(parameter.dtype)
            if self.counts_steps and parameter.dtype not in counts:
                counter = Parameter(np.zeros((), parameter.dtype), name=f"steps_{parameter.dtype}")
                counts[parameter.dtype] = updates[counter] = counter + 1
            changed = self.change(parameter, grad, own, counts.get(parameter.dtype))
            updates.update(at_rows(changed, tables[parameter]) if parameter in tables else changed)
        return updates

    def _looked_up(self, grads: Mapping[Parameter, Box]) -> dict[Parameter, Lookups]:
        """The lookups of each table of which no row but theirs is to move."""
        if not self.is_lazy and not self.rests_without_gradient:
            return {}
        of_grads = {parameter: lookups_in(grad) for parameter, grad in grads.items()}
        tables = {parameter: lookups for parameter, lookups in of_grads.items() if lookups.of_rows}
        if self.is_lazy:
            for parameter, lookups in tables.items():
                if lookups.others:
                    raise other_use(self.name, parameter, lookups, grads)
            if not tables:
                raise no_table(self.name, grads)
        return {parameter: lookups for parameter, lookups in tables.items() if not lookups.others}

    def change(self, parameter: Parameter, grad: Value, rate: Value, count: Value) -> Updates:
        """The new values of one parameter and of its state; every rule overrides it.

        Parameters
        ----------
        parameter : Parameter
            The parameter theta.
        grad : Box
            Its gradient, of its shape.
        rate : Box, shape ()
            The learning rate, in the dtype of the parameter.
        count : Box, shape (), or None
            The number of this step, from 1 on, for a rule with `counts_steps`.

        Returns
        -------
        dict of Parameter to Box
            New values of the parameter and of what `state` returned.
        """
        raise NotImplementedError

    def graph(self, shape: tuple[int, ...] = (3, 2)) -> Graph:
        """The flow graph of one step on one parameter theta, to print or to draw.

        Parameters
        ----------
        shape : tuple of int, default (3, 2)
            The shape of theta.

        Returns
        -------
        Graph
            Its inputs are "grad" and "rate", of a lazy rule also "rows", of which "grad" are the gradients; its outputs
            are the new values.
        """
        grad: Box
        theta, grad = Parameter(np.zeros(shape), name="theta"), Input("grad", shape=shape)
        if self.is_lazy:
            rows = Input("rows", shape=("N",), dtype=int)
            grad = IndexAdd(Input("grad", shape=("N", *shape[1:])), theta, rows, index=(ARRAY,))
        return Graph(*self.of_weights([theta]).updates({theta: grad}, Input("rate")).values())

    def state(self, parameter: Parameter, name: str) -> Any:
        """A parameter that keeps what the rule remembers about a parameter, such as its velocity.

        Parameters
        ----------
        parameter : Parameter
            The parameter that is trained.
        name : str
            What is remembered; it is appended to the name of the parameter.

        Returns
        -------
        Parameter
            Zeros of the shape and dtype of the parameter.
        """
        with reopen_scope(""):
            title = f"{parameter.name}/{name}" if parameter.name else None
            return Parameter(np.zeros_like(parameter.value), name=title)


@dataclass(frozen=True, repr=False)
class LazyRule(Rule):
    """A rule that can leave the rows of a table as they are in a step that does not look them up."""

    lazy: Annotated[bool, Flag()] = field(default=False, kw_only=True)

    @property
    def is_lazy(self) -> bool:
        """Whether `lazy` was asked for."""
        return self.lazy

    def __repr__(self) -> str:
        shown = [f"{part.name}={getattr(self, part.name)!r}" for part in fields(self) if part.name != "lazy"]
        return f"{self.name}({', '.join([*shown, *['lazy=True'] * self.lazy])})"


@dataclass(frozen=True)
class OnWeights(Rule):
    """A rule that changes weights in another way than biases: those in `parameters`, or those of the objective."""

    parameters: Sequence[Parameter] | None = field(default=None, kw_only=True)

    @property
    def strength(self) -> float:
        """How strongly it acts on weights, 0 for not at all."""
        raise NotImplementedError

    @property
    def needs_weights(self) -> bool:
        """Whether the rule acts on weights but does not know them."""
        return self.strength > 0 and self.parameters is None

    def of_weights(self, weights: Sequence[Parameter]) -> Rule:
        """A copy of the rule that acts on these parameters."""
        return replace(self, parameters=weights)

    def read_setting(self, setting: str, value: object) -> Any:
        """Check one setting; `parameters` becomes a list without repetitions."""
        if setting != "parameters":
            return super().read_setting(setting, value)
        return None if value is None else _read_parameters(self.name, value)

    def updates(self, grads: Mapping[Parameter, Any], rate: Value) -> Updates:
        """The new values by the rule, whose decay or penalty acts on weights only.

        Raises
        ------
        UsageError
            If the rule does not know the weights of the model, or one of `parameters` is not trained.
        """
        names = ", ".join(parameter.name or parameter.title for parameter in by_parameter(self.name, grads))
        if self.needs_weights:
            raise UsageError(
                f"{self.name}: found parameters ({names}) of which it does not know the weights; fg.fit reads them off "
                f"the objective, elsewhere it needs parameters=[...], those to act on"
            )
        for parameter in self.parameters or ():
            if parameter not in grads:
                raise UsageError(
                    f"{self.name}: found {parameter.title} among parameters=, which is not trained; needs some of "
                    f"those that are: {names}"
                )
        return super().updates(grads, rate)

    def acts_on(self, parameter: Parameter) -> bool:
        """Whether the decay or the penalty acts on a parameter.

        Parameters
        ----------
        parameter : Parameter
            A parameter that is trained.

        Returns
        -------
        bool
            True for a weight, if the strength is above 0.
        """
        return self.strength > 0 and self.parameters is not None and parameter in self.parameters


def _read_parameters(who: str, value: object) -> Boxes:
    listed = [value] if isinstance(value, Parameter) else value
    if not isinstance(listed, Sequence) or not all(isinstance(parameter, Parameter) for parameter in listed):
        raise UsageError(f"{who}: found parameters={value!r}, needs a list of parameters, [W1, W2] or mlp.weights")
    if not listed:
        raise UsageError(f"{who}: found parameters=[], on which it would not act at all; leave them out, or name some")
    return Boxes(dict.fromkeys(listed))

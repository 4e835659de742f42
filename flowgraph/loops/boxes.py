"""The boxes of loops, Scan and While, and how they run on NumPy's arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from flowgraph.box import Array, Box, Value
from flowgraph.box.leaves import new_lock
from flowgraph.errors import StepLimitError, UsageError
from flowgraph.graph import Graph
from flowgraph.loops.body import Body, fit_body, known_of, specs_of_stack
from flowgraph.loops.reverse import by_child, gradients_asked, reverse_of, values_of_steps
from flowgraph.plan.backends import Backend
from flowgraph.plan.rebuild import shape_of
from flowgraph.plan.store import Store
from flowgraph.shapes.size import Size, unknown
from flowgraph.shapes.spec import Spec, same

# The steps of a loop on arrays: as Python's numbers where the body is small, else by the plan of the body.


def run(body: Body, arrays: Sequence[Array], length: int, reverse: bool) -> tuple[Any, ...]:
    """The last carries, and what was stacked."""
    runner = known_of(body, "runner", lambda: Runner(body))
    return runner(arrays, length, reverse)


class Runner:
    """The compiled body of one loop.

    A body whose values are all few float64 runs as arithmetic of Python's floats, in one function for all steps.
    Where that is not what NumPy would compute (a division by zero, an overflow), the steps run again as calls of NumPy,
    which warn as it does.
    """

    def __init__(self, body: Body) -> None:
        self.body = body
        self.carries, self.elements = body.carries, body.elements
        self.leaves = body.leaves
        self.results = body.results
        self.lock = new_lock()  # the step writes to buffers of its own
        from flowgraph.loops.numbers import in_numbers  # the passes with it, which an import need not load

        self.numbers = in_numbers(body)
        self._loop: Callable[..., Any] | None = None

    def __call__(self, arrays: Sequence[Array], length: int, reverse: bool) -> tuple[Any, ...]:
        """The last carries and what was stacked."""
        if self.numbers is not None and length:
            results = self.numbers(arrays, length, reverse)
            if results is not None:
                return results
        with self.lock:
            return self._by_calls(arrays, length, reverse)

    def _by_calls(self, arrays: Sequence[Array], length: int, reverse: bool) -> tuple[Any, ...]:
        if self._loop is None:
            self._loop = _bind_loop(self, _function(self.body))
        stacks = [np.empty((length, *shape_of(result)), result.dtype) for result in self.results[self.carries :]]
        order = range(length - 1, -1, -1) if reverse else range(length)
        inner = self.carries + self.elements
        state, inputs, outers = arrays[: self.carries], arrays[self.carries : inner], arrays[inner:]
        last = self._loop(order, *[value[()] for value in state], *inputs, *[outer[()] for outer in outers], *stacks)
        # copies, so that no carry shares its memory with a stack or another carry
        return (*map(_copy, last), *stacks)


def _bind_loop(runner: Runner, step: Callable[..., Any]) -> Callable[..., Any]:
    """The loop as a function of the steps, the first carries, inputs, what is read from outside, and the stacks.

    The step returns arrays that its next call writes over, so what it hands on is copied, or read where it is stacked.
    """
    carries, count = runner.carries, len(runner.results)
    state, new = [f"s{i}" for i in range(carries)], [f"r{i}" for i in range(count)]
    inputs = [f"x{i}" for i in range(runner.elements)]
    outers = [f"p{i}" for i in range(len(runner.leaves) - carries - len(inputs))]
    stacks = [f"y{i}" for i in range(count - carries)]
    given = [*state, *(f"{name}[t]" for name in inputs), *outers]
    lines = [f"{''.join(f'{name}, ' for name in new)} = step({', '.join(given)})"] if new else []
    lines += [f"{stack}[t] = {name}" for stack, name in zip(stacks, new[carries:], strict=True)]
    where = {result: f"{stack}[t]" for stack, result in zip(stacks, runner.results[carries:], strict=True)}
    for name, result, value in zip(state, new, runner.results, strict=False):
        lines.append(f"{name} = {where.get(value, f'{result}.copy()') if value.shape else result}")
    head = f"def loop({', '.join(['order', *state, *inputs, *outers, *stacks])}):"
    text = [head, "    for t in order:", *(f"        {line}" for line in lines or ["pass"])]
    space: dict[str, Any] = {"step": step}
    exec(compile("\n".join([*text, f"    return ({''.join(f'{name}, ' for name in state)})"]), "<loop>", "exec"), space)
    loop: Callable[..., Any] = space["loop"]
    return loop


# The box of a loop over the first axis of its inputs.


class Scan(Box):
    """A loop: the body runs once for each element along the first axis of the inputs.

    cₜ₊₁, yₜ = body(cₜ, xₜ, p)        the value is the last c, and the y stacked

    The children are the first carries, the inputs, and what every step reads from outside. `fg.scan` builds it.

    Source: Bradbury et al., JAX, `jax.lax.scan`; Griewank and Walther, Evaluating Derivatives, chapter 3.2 (reverse
    mode of a sequence of steps).
    """

    body: Body
    length: int | None = None
    reverse: bool = False

    symbol = "scan"
    public = False
    examples = None  # it holds a graph; tests/loops tests it with random ones

    def fprop(self, *values: Value) -> Value:
        """The last carries and what was stacked."""
        if any(isinstance(value, Box) for value in values):
            return Scan(*values, **self.setting_values())
        arrays = [np.asarray(value) for value in values]
        specs = [Spec(array.shape, array.dtype) for array in arrays]
        body = fit_body(self.body, self.of_step(specs))
        results = run(body, arrays, int(self._length(specs[body.carries : body.carries + body.elements])), self.reverse)
        return results[0] if len(results) == 1 else results

    def bprop(self, grad: Value, h: Value, *values: Value, needs: tuple[bool, ...] | None = None) -> tuple[Value, ...]:
        """A loop over the same steps in the other order, of the vector-Jacobian product of one."""
        body = fit_body(self.body, self.of_step([Spec(value.shape, value.dtype) for value in values]))
        elements = values[body.carries : body.carries + body.elements]
        return _gradients(self, body, grad, h, values, needs, self._length_of(elements), not self.reverse)

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the new carries, and of what is stacked, with the steps as the first axis."""
        specs = [child.spec for child in self.children]
        body = fit_body(self.body, self.of_step(specs))
        steps = self._length(specs[body.carries : body.carries + body.elements])
        specs_of_outputs = [*specs[: body.carries], *specs_of_stack(self, body, steps)]
        return specs_of_outputs if len(specs_of_outputs) > 1 else specs_of_outputs[0]

    def of_step(self, specs: Sequence[Spec]) -> list[Spec]:
        """Shape and dtype of the children as one step reads them: scanned inputs without their first axis."""
        body = self.body
        if len(specs) != body.slots:
            raise UsageError(f"{self.title}: found {len(specs)} children, needs {body.slots}, as its body has slots")
        of_elements = range(body.carries, body.carries + body.elements)
        for i in of_elements:
            if not specs[i].shape:
                raise self.shape_error("found an input without axes, needs a first axis to loop over")
        return [Spec(spec.shape[1:], spec.dtype) if i in of_elements else spec for i, spec in enumerate(specs)]

    def _length(self, elements: Sequence[Spec]) -> int | Size:
        """The number of steps, in which all inputs and the setting agree."""
        if not elements:
            return self._steps()
        lengths = [spec.shape[0] for spec in elements]
        if self.length is not None:
            lengths.append(self.length)
        first = next((size for size in lengths if isinstance(size, int)), lengths[0])
        for size in lengths:
            if not same(size, first):
                raise self.shape_error(f"found inputs of {first} and of {size} steps, needs first axes of one length")
        return first

    def _steps(self) -> int:
        if self.length is None or self.length < 0:
            raise UsageError(f"{self.title}: found no inputs and length={self.length}, needs length= from 0")
        return self.length

    def _length_of(self, elements: Sequence[Value]) -> int | None:
        """The number of steps as a setting; None where only a run knows it."""
        steps = elements[0].shape[0] if elements else self.length
        return steps if isinstance(steps, int) and not isinstance(steps, Size) else None


def _gradients(
    box: Any, body: Body, grad: Value, h: Value, values: Sequence[Value], needs: tuple[bool, ...] | None,
    length: int | None, reverse: bool,
) -> tuple[Value, ...]:  # fmt: skip
    """The gradients of a loop, by one over the steps that were taken, in the other order."""
    arrived, wanted = gradients_asked(body, grad, needs)
    of_steps = arrived[body.carries :]
    back = reverse_of(body, tuple([part is not None for part in of_steps]), wanted, counted=isinstance(box, While))
    elements = values[body.carries : body.carries + body.elements]
    outers = values[body.carries + body.elements :]

    def again(body: Body) -> Any:
        return type(box).apply(*values, **{**box.setting_values(), "body": body})

    first = [np.zeros_like(values[i]) if arrived[i] is None else arrived[i] for i in back.flowing]
    gradients = Scan.apply(
        *first,
        *[np.zeros_like(outers[i]) for i in back.summed],
        *values_of_steps(body, back.kept, h, again),
        *[elements[i] for i in back.read],
        *[part for part in of_steps if part is not None],
        *[outers[i] for i in back.outers],
        body=back.body,
        length=length,
        reverse=reverse,
    )
    return by_child(body, back, gradients, wanted)


# The steps of a while loop on arrays, by the plans of its condition and of its body.


class WhileRunner:
    """The compiled condition and body of one loop."""

    def __init__(self, body: Body, condition: Body) -> None:
        self.body, self.condition = body, condition
        self.lock = new_lock()  # the plans write to buffers of their own
        self._holds = _function(condition)
        self._step = _function(body)
        given = set(body.leaves)
        self._own = [result not in given for result in body.results]  # what the next step would write over

    def __call__(self, arrays: Sequence[Array], max_steps: int) -> tuple[tuple[Any, ...] | None, str]:
        """The last carries and what was stacked; None, and what is known of it, where the condition holds on."""
        carries = self.body.carries
        state, outers = [carry[()] for carry in arrays[:carries]], [outer[()] for outer in arrays[carries:]]
        before, stacks = state, [[] for _ in self.body.results[carries:]]  # type: ignore[var-annotated]
        steps = 0
        with self.lock:
            while self._holds(*state, *outers)[0]:
                if steps == max_steps:
                    return None, _why_endless(before, state, steps)
                results = self._step(*state, *outers)
                new = [_copy(result) if own else result for result, own in zip(results, self._own, strict=True)]
                before, state = state, new[:carries]
                for stack, result in zip(stacks, new[carries:], strict=True):
                    stack.append(result)
                steps += 1
        shapes = [((steps, *shape_of(result)), result.dtype) for result in self.body.results[carries:]]
        stacked = [np.array(stack, dtype).reshape(shape) for stack, (shape, dtype) in zip(stacks, shapes, strict=True)]
        return (*map(_copy, state), *stacked), ""


def _function(body: Body) -> Callable[..., Any]:
    """The function of the slots that computes the results of a body."""
    leaves: dict[Box, Box] = {slot: slot for slot in body.leaves}
    made = Backend("numpy").specialise_graph(Graph(*body.results), Store({}), leaves, (), frozenset())
    function: Callable[..., Any] = made.functions[0]
    return function


def _copy(value: Any) -> Any:
    return value.copy() if type(value) is np.ndarray else value


def _why_endless(before: Sequence[Any], state: Sequence[Any], steps: int) -> str:
    """A hint why the loop does not end: the last step changed nothing, or a carry is not finite."""
    pairs = zip(before, state, strict=True)
    if steps and all(np.array_equal(old, new, equal_nan=new.dtype.kind in "fc") for old, new in pairs):
        return " (the last step changed nothing, so no later one will)"
    strange = [i for i, carry in enumerate(state) if carry.dtype.kind in "fc" and not np.isfinite(carry).all()]
    return f" (carry[{strange[0]}] is not finite)" if strange else ""


# The box of a loop that runs for as long as a condition holds.


class While(Box):
    """A loop: the body runs on its own result for as long as the condition holds.

    cₜ₊₁, yₜ = body(cₜ, p) while condition(cₜ, p)        the value is the last c, and the y stacked

    The children are the first carries, and what every step reads from outside. The number of steps is known in a run.
    `fg.while_loop` builds it.

    Source: Bradbury et al., JAX, `jax.lax.while_loop`; Griewank and Walther, Evaluating Derivatives, chapter 3.2
    (reverse mode of a sequence of steps).
    """

    body: Body
    condition: Body
    max_steps: int

    symbol = "while"
    public = False
    examples = None  # it holds graphs; tests/loops tests it with random ones

    def fprop(self, *values: Value) -> Value:
        """The last carries and what was stacked."""
        if any(isinstance(value, Box) for value in values):
            return While(*values, **self.setting_values())
        arrays = [np.asarray(value) for value in values]
        specs = [Spec(array.shape, array.dtype) for array in arrays]
        body, condition = fit_body(self.body, specs), fit_body(self.condition, specs)
        runner = known_of(body, ("while", id(condition)), lambda: WhileRunner(body, condition))
        results, why = runner(arrays, self.max_steps)
        if results is None:
            raise StepLimitError(
                f"{self.title}: found the condition true after {self.max_steps:,} steps, needs one that becomes false"
                f"{why}; give while_loop a larger max_steps= if the loop needs more\n"
                f"  built at {self.built_at if 'built_at' in self.__dict__ else 'this call'}"
            )
        return results[0] if len(results) == 1 else results

    def bprop(self, grad: Value, h: Value, *values: Value, needs: tuple[bool, ...] | None = None) -> tuple[Value, ...]:
        """A loop over the steps that were taken, in the other order, of the vector-Jacobian product of one."""
        body = fit_body(self.body, [Spec(value.shape, value.dtype) for value in values])
        return _gradients(self, body, grad, h, values, needs, None, True)

    def infer_from_children(self) -> Spec | Sequence[Spec]:
        """Those of the carries, and of what is stacked, with as many steps as a run takes as the first axis."""
        specs = [child.spec for child in self.children]
        slots = self.body.slots
        if not len(specs) == slots == self.condition.slots or self.body.elements or self.max_steps < 0:
            raise UsageError(
                f"{self.title}: found {len(specs)} children and max_steps={self.max_steps}, needs {slots}, "
                f"as its body and its condition have slots, none for an element, and a number from 0"
            )
        body, holds = fit_body(self.body, specs), fit_body(self.condition, specs).results
        if [result.spec for result in holds] != [Spec((), np.dtype(bool))]:
            raise self.shape_error(
                f"found a condition {', '.join(str(result.spec) for result in holds)}, needs one bool without axes"
            )
        of_steps = specs_of_stack(self, body, unknown())
        outputs = [*[carry.spec for carry in body.results[: body.carries]], *of_steps]
        return outputs if len(outputs) > 1 else outputs[0]

"""Loops and checkpoints on arrays of JAX: by `jax.lax.scan`, `jax.lax.while_loop` and barriers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp

from flowgraph.box import Box, Value
from flowgraph.errors import UnsupportedError
from flowgraph.graph import Graph
from flowgraph.loops.body import Body, fit_body, known_of
from flowgraph.loops.boxes import Scan, While
from flowgraph.loops.checkpoint import Recomputed
from flowgraph.plan.jax.array import note_refused
from flowgraph.plan.jax.evaluation import evaluate
from flowgraph.plan.jax.rules import rule_for
from flowgraph.plan.passes.inlining import without_unread
from flowgraph.plan.rebuild import owner_of
from flowgraph.shapes.spec import Spec


@rule_for(Scan)
def _scan(box: Scan, *given: Value) -> Any:
    """The carries are those of the loop of JAX; what the body stacks is what that stacks."""
    values = [jnp.asarray(argument) for argument in given]
    body = fit_body(box.body, box.of_step([Spec(value.shape, value.dtype) for value in values]))
    inner = body.carries + body.elements
    outers = values[inner:]

    def step(carry: Any, elements: Any) -> Any:
        results = _results(body, [*carry, *elements, *outers])
        return results[: body.carries], results[body.carries :]

    elements = tuple(values[body.carries : inner])
    length = None if elements else box.length
    last, stacks = jax.lax.scan(step, tuple(values[: body.carries]), elements, length, box.reverse)
    return _one_or_all((*last, *stacks))


@rule_for(While)
def _while(box: While, *given: Value) -> Any:
    """The carries of the loop of JAX, which counts the steps; one that does not end is refused, and NumPy says why."""
    body = box.body
    if len(body.results) > body.carries:
        who = owner_of(box)
        raise UnsupportedError(
            f"{who.title}: found a while loop that keeps the carries of its steps for a gradient, and JAX compiles for "
            f'a given number of them; use backend="numpy", or fg.scan with length= the most steps and '
            f"np.where for those that are not needed\n  built at {who.built_at}"
        )
    values = [jnp.asarray(argument) for argument in given]
    specs = [Spec(value.shape, value.dtype) for value in values]
    body, condition = fit_body(body, specs), fit_body(box.condition, specs)
    outers = values[body.carries :]

    def holds(state: Any) -> Any:
        return _results(condition, [*state[1], *outers])[0]

    def step(state: Any) -> Any:
        return state[0] + 1, _results(body, [*state[1], *outers])

    first = (jnp.asarray(0), tuple(values[: body.carries]))
    last = jax.lax.while_loop(lambda state: (state[0] < box.max_steps) & holds(state), step, first)
    note_refused([holds(last)])
    return _one_or_all(last[1])


@rule_for(Recomputed)
def _compute_again(box: Recomputed, *given: Value) -> Any:
    """The results of the body; in the backward pass behind a barrier, so that XLA computes them again."""
    values = tuple([jnp.asarray(argument) for argument in given])
    body = fit_body(box.body, [Spec(value.shape, value.dtype) for value in values])
    barrier: Any = jax.lax.optimization_barrier
    return _one_or_all(_results(body, barrier(values) if box.after else values))


def _results(body: Body, slots: Sequence[Any]) -> tuple[Any, ...]:
    """What one step makes of these values of the slots, in the dtypes that the body says."""
    graph = known_of(body, "read", lambda: without_unread(Graph(*body.results)))
    values: dict[Box, Any] = dict(zip(body.leaves, slots, strict=True))
    evaluate(graph.boxes, values)
    return tuple([jnp.asarray(values[output]) for output in graph.outputs])


def _one_or_all(results: tuple[Any, ...]) -> Any:
    return results[0] if len(results) == 1 else results

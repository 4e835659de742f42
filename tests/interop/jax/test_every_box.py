"""Every registered box on all its declared examples: value and gradients under jit are those of the graph."""

import re
import warnings
from contextlib import contextmanager

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UnsupportedError
from flowgraph.interop.jax import function
from tests.cases import cases
from tests.derivatives.test_other_shapes import namings
from tests.releases import is_older
from tests.test_contract import BOXES

GAUGE = 1e-7
"""How far factorisations of other libraries may be apart where a gradient is divided by the distance of eigenvalues."""


def built(case):
    """The graph of a box on inputs, and those; a mask, which says how large the value is, stays a constant."""
    for shapes in ([a.shape for a in case.children], next(namings(case))):
        leaves = [
            fg.Constant(a) if a.dtype == bool else fg.Input(f"child{i}", shape=shape, dtype=a.dtype)
            for i, (shape, a) in enumerate(zip(shapes, case.children, strict=True))
        ]
        try:
            box = case.cls(*leaves, **case.settings)
        except (fg.FlowgraphError, TypeError, ValueError):
            continue
        return fg.Graph(*([box] if len(box.outputs) == 1 else list(box))), leaves
    return None


class Example:
    """One case of a box: the function of JAX, what it is fed with, and what the graph says."""

    def __init__(self, case, graph, leaves):
        self.case, self.function = case, function(graph)
        self.feeds = {leaf.name: a for leaf, a in zip(leaves, case.children, strict=True) if leaf in graph.inputs}
        run = graph.fprop(self.feeds)
        self.values = [np.asarray(run[box]) for box in graph.outputs]
        self.floats = [place for place, value in enumerate(self.values) if value.dtype.kind in "fc"]
        wrt = [leaf for place, leaf in enumerate(leaves) if place in case.floats and leaf in graph.inputs]
        self.wrt = [leaf.name for leaf in wrt] if self.floats else []
        seeds = {graph.outputs[place]: self.seed(place) for place in self.floats}
        grads = run.bprop(seeds, wrt=wrt, unused="zeros") if self.wrt else {}
        self.grads = [np.asarray(grads[leaf]) for leaf in wrt] if self.wrt else []

    def seed(self, place):
        value = self.values[place]
        return np.cos(np.arange(value.size).reshape(value.shape)).astype(value.dtype)

    def traced(self, feeds):
        def outputs(moved):
            found = self.function({}, {**feeds, **moved})
            return found if isinstance(found, tuple) else (found,)

        if not self.wrt:
            return outputs({}), {}
        found, pull = jax.vjp(outputs, {name: feeds[name] for name in self.wrt})
        seeds = [
            jnp.asarray(self.seed(place)) if place in self.floats else np.zeros(value.shape, jax.dtypes.float0)
            for place, value in enumerate(self.values)
        ]
        return found, pull(tuple(seeds))[0]

    def compare(self, values, grads):
        for found, expected in zip(values, self.values, strict=True):
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype), str(self.case)
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9, err_msg=f"{self.case}: value")
        for name, expected in zip(self.wrt, self.grads, strict=True):
            np.testing.assert_allclose(
                np.conj(grads[name]), expected, rtol=GAUGE, atol=1e-9, err_msg=f"{self.case}: gradient by {name}"
            )


OF_NUMBERS = ("Nonzero",)
"""Boxes the size of whose value follows from numbers, for which XLA compiles no program."""


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_what_has_no_twin_is_refused_by_name(name):
    for case in cases(BOXES[name]):
        graph, leaves = built(case)
        feeds = {leaf.name: a for leaf, a in zip(leaves, case.children, strict=True) if leaf in graph.inputs}
        if not feeds:
            continue
        match = rf"(?s){name}: JAX cannot compute it: .*rule_for\({name}\).*built at test_every_box.py"
        with jax.enable_x64(True), pytest.raises(UnsupportedError, match=match):
            function(graph)({}, feeds)


@contextmanager
def skip_what_older_jax_lacks():
    """Skip what a release of JAX before 0.12 has no function for."""
    try:
        yield
    except UnsupportedError as error:
        missing = re.search(r"it calls (\S+), which JAX does not have", str(error))
        if missing is None or not is_older("jax", "0.12"):
            raise
        pytest.skip(f"JAX {jax.__version__} has no {missing[1]}")


@pytest.mark.sampled(one_in=24)
@pytest.mark.parametrize("name", [name for name in BOXES if name not in OF_NUMBERS])
def test_value_and_gradient_are_those_of_the_graph(name):
    with jax.enable_x64(True), skip_what_older_jax_lacks(), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of the graph, at the ends of a domain
        made = [(case, built(case)) for case in cases(BOXES[name])]
        examples = [Example(case, *found) for case, found in made if found is not None]
        assert examples, f"{name}: no example of it can be fed"
        program = jax.jit(
            lambda feeds: [example.traced(one) for example, one in zip(examples, feeds, strict=True)],
            compiler_options={"xla_backend_optimization_level": 0},
        )
        found = program([jax.tree.map(jnp.asarray, example.feeds) for example in examples])
        for example, (values, grads) in zip(examples, found, strict=True):
            example.compare(values, grads)

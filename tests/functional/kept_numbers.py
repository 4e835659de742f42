"""Features of functions that read numbers which parameters, graphs, caches and contexts keep."""

import decimal
import functools

import numpy as onp

import flowgraph as fg
from tests.functional.features import feature


@feature
def value_of_a_parameter(step):
    weights = fg.Parameter(onp.arange(3.0), name="weights")

    def term(np, x, i):
        return np.sum(x * weights.value)

    def change():
        weights.value = weights.value + step()

    return term, change


@feature
def value_of_a_parameter_that_a_plan_updates(step):
    net = {"scale": fg.Parameter(1.0, name="scale")}
    plan = fg.compile([], updates={net["scale"]: 0.5 * net["scale"] + 1.0})

    def term(np, x, i):
        return np.sum(x) * float(net["scale"].value)

    return term, plan


@feature
def value_of_a_graph(step):
    shift = fg.Parameter(1.0, name="shift")
    graph = fg.Graph(fg.Input("r") * shift)

    def term(np, x, i):
        return np.sum(x**2) * graph.fprop(r=2.0).outputs[0]

    def change():
        shift.value = shift.value + step()

    return term, change


@feature
def a_cache_that_is_cleared_now_and_then(step):
    numbers = {"scale": 1.0}

    @functools.lru_cache
    def scale():
        return numbers["scale"]

    def term(np, x, i):
        return np.sum(x) * scale()

    def change():
        if step() % 2:
            numbers["scale"] += 1.0
        else:
            scale.cache_clear()

    return term, change


@feature
def a_ufunc_of_python(step):
    numbers = {"scale": 1.0}
    scale = onp.frompyfunc(lambda at: at + numbers["scale"], 1, 1)

    def term(np, x, i):
        return np.sum(x) * float(scale(0.5))

    def change():
        numbers["scale"] += 1.0

    return term, change


@feature
def a_property_of_a_metaclass(step):
    numbers = {"scale": 1.0}

    class Scaled(type):
        @property
        def scale(cls):
            return numbers["scale"]

    class Model(metaclass=Scaled):
        pass

    def term(np, x, i):
        return np.sum(x) * Model.scale

    def change():
        numbers["scale"] += 1.0

    return term, change


@feature
def a_context_of_decimal_numbers(step):
    context = decimal.Context(prec=3)

    def term(np, x, i):
        decimal.setcontext(context)
        return np.sum(x) * float(decimal.Decimal(1) / decimal.getcontext().prec)

    def change():
        context.prec += 1

    return term, change

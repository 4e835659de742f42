"""Features of functions that draw, or that do something else for each number that they are given."""

import itertools
import random

import numpy as onp

from tests.functional.features import feature
from tests.functional.objects import Model


@feature
def legacy_generator(step):
    generator = onp.random.RandomState(1)

    def term(np, x, i):
        return np.sum((x + generator.randn(3)) ** 2)

    return term, lambda: None


@feature
def generator_of_an_attribute(step):
    model = Model()

    def term(np, x, i):
        return np.sum(x * model.rng.rand(3))

    return term, lambda: None


@feature
def bound_method_of_a_generator(step):
    draw = onp.random.default_rng(2).normal

    def term(np, x, i):
        return np.sum(x * draw(size=3))

    return term, lambda: None


@feature
def a_coin(step):
    generator = onp.random.default_rng(3)

    def term(np, x, i):
        return np.sum(x**2) if generator.random() < 0.5 else np.sum(x)

    return term, lambda: None


@feature
def pythons_generator(step):
    generator = random.Random(4)

    def term(np, x, i):
        return np.sum(x) * generator.random()

    return term, lambda: None


@feature
def a_generator_function(step):
    def numbers():
        yield from itertools.cycle([1.0, 1.0, 2.0])

    running = numbers()

    def term(np, x, i):
        return np.sum(x) * next(running)

    return term, lambda: None


@feature
def an_iterator_over_batches(step):
    batches = itertools.cycle(iter([onp.full(3, k) for k in (1.0, 2.0, 3.0)]))

    def term(np, x, i):
        return np.sum(x * next(batches))

    return term, lambda: None


@feature
def drawn_in_one_branch_only(step):
    generator = onp.random.RandomState(6)

    def term(np, x, i):
        return np.sum(x * generator.rand(3)) if x[0] > 0 else np.sum(x)

    return term, lambda: None


@feature
def branch_on_the_argument(step):
    def term(np, x, i):
        return np.sum(x**3) if x[0] > x[1] else np.sum(x)

    return term, lambda: None


@feature
def number_that_is_not_used(step):
    return lambda np, x, i: np.sum(np.tanh(x)), lambda: None


@feature
def number_in_arithmetic(step):
    return lambda np, x, i: np.sum(x) / (1.0 + i) + np.sum(x * (0.1 * i)), lambda: None


@feature
def number_as_an_index(step):
    batches = [onp.full(3, float(k)) for k in range(40)]
    return lambda np, x, i: np.sum(x * batches[i % 40]), lambda: None


@feature
def number_in_control_flow(step):
    return lambda np, x, i: np.sum(x**2) if i % 3 == 0 else sum(x[j] for j in range(i % 3)), lambda: None


@feature
def no_number_but_a_constant(step):
    return lambda np, x, i: 0.0 if i % 2 else np.sum(x), lambda: None

"""Functions that read the world outside of their arguments, and worlds that change between the calls.

A function is called in each call of its derivative, so that the way in which Python finds a value, by a closure, an
attribute or a dict, tells nothing: what differs here is what becomes of the value in the graph.

A feature is made anew for each world: `term(np, x, i)` is what the function adds to its result, `change()` is what
happens to the world between two calls. Two worlds of one recipe go through the same.
"""

import itertools

import numpy as onp

FEATURES = {}

UNKNOWN_TO_AUTOGRAD = {"a_set", "a_work_array_of_its_own", "a_work_array_from_outside"}
"""It cannot differentiate by way of an int, and takes arrays that change in place at their last values."""


def feature(make):
    FEATURES[make.__name__] = make
    return make


def world(names, np):
    """The function of these features on a NumPy, and what changes its world."""
    count = itertools.count(1)
    terms, changes = zip(*[FEATURES[name](lambda: next(count)) for name in names], strict=True)

    def f(x, i):
        total = 0
        for term in terms:
            total = total + term(np, x, i)
        return total

    return f, changes


@feature
def closure_number(step):
    scale = 1.0

    def term(np, x, i):
        return np.sum(x * scale)

    def change():
        nonlocal scale
        scale += 1.0

    return term, change


@feature
def closure_array_rebound(step):
    weights = onp.arange(3.0)

    def term(np, x, i):
        return np.sum(x * weights)

    def change():
        nonlocal weights
        weights = weights + 1.0

    return term, change


@feature
def closure_array_in_place(step):
    weights = onp.arange(3.0)

    def term(np, x, i):
        return np.sum(x * weights)

    def change():
        weights[step() % 3] += 1.0

    return term, change


@feature
def large_array_in_place(step):
    weights = onp.ones((3, 20_000))

    def term(np, x, i):
        return np.sum(np.dot(x, weights)) / 20_000

    def change():
        weights[:, step() :: 2] += 1.0

    return term, change


@feature
def array_read_by_numpy_alone(step):
    weights = onp.arange(3.0)

    def term(np, x, i):
        return np.sum(x) * float(weights.mean()) if weights[0] < 3 else np.sum(x**2)

    def change():
        weights[...] += 1.0

    return term, change


@feature
def masks_and_indices(step):
    mask = onp.array([True, False, True])
    places = onp.array([0, 1, 1])

    def term(np, x, i):
        return np.sum(x[mask]) + np.sum(x[places] ** 2)

    def change():
        mask[step() % 3] ^= True
        places[:] = (places + 1) % 3

    return term, change


@feature
def a_set(step):
    chosen = {0}

    def term(np, x, i):
        return sum(x[j] for j in sorted(chosen))

    def change():
        chosen.symmetric_difference_update({step() % 3})

    return term, change


@feature
def every_third_call(step):
    count = itertools.count()

    def term(np, x, i):
        return np.sum(x**2) if next(count) % 3 == 0 else np.sum(x)

    return term, lambda: None


@feature
def a_work_array_of_its_own(step):
    def term(np, x, i):
        work = onp.ones(3)
        first = np.sum(x * work)
        work[:] = 5.0
        return first + np.sum(x**2 * work)

    return term, lambda: None


@feature
def a_work_array_from_outside(step):
    work = onp.ones(3)

    def term(np, x, i):
        work[:] = 1.0
        first = np.sum(x * work)
        work[:] = 5.0
        return first + np.sum(x**2 * work)

    return term, lambda: None


@feature
def legacy_generator(step):
    generator = onp.random.RandomState(1)

    def term(np, x, i):
        return np.sum((x + generator.randn(3)) ** 2)

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

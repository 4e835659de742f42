"""Features of functions that read names, objects, containers and arrays outside of their arguments."""

import collections
import functools
import itertools

import numpy as onp

from tests.functional.features import feature
from tests.functional.objects import Model

GLOBAL = 1.0
ARRAY = onp.arange(3.0)


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
def global_names(step):
    def term(np, x, i):
        return np.sum(x * GLOBAL + ARRAY)

    def change():
        globals()["GLOBAL"] = 1.0 + step() % 3

    return term, change


@feature
def nested_dict(step):
    table = {"rate": 1.0, "deep": {"er": [1.0, {"est": 2.0}]}}

    def term(np, x, i):
        return np.sum(x * table["deep"]["er"][1]["est"])

    def change():
        table["deep"]["er"][1]["est"] += 1.0

    return term, change


@feature
def dict_of_other_keys(step):
    table = {"a": 1.0}

    def term(np, x, i):
        return np.sum(x) * sum(len(key) * value for key, value in table.items())

    def change():
        value = table.popitem()[1]
        table["a" * (1 + step() % 4)] = value

    return term, change


@feature
def elements_of_a_deque(step):
    recent = collections.deque([1.0, 2.0], maxlen=2)

    def term(np, x, i):
        return np.sum(x) * sum(recent)

    def change():
        recent.append(float(step()))

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
def default_argument(step):
    def inner(x, scale=1.0):
        return x * scale

    def term(np, x, i):
        return np.sum(inner(x))

    def change():
        inner.__defaults__ = (1.0 + step() % 4,)

    return term, change


@feature
def attribute_of_a_function(step):
    def term(np, x, i):
        return np.sum(x * term.rate)

    def change():
        term.rate += 1.0

    term.rate = 1.0
    return term, change


@feature
def partial_with_an_array(step):
    weights = onp.ones(3)
    scaled = functools.partial(lambda w, np, x: np.sum(w * x), weights)

    def term(np, x, i):
        return scaled(np, x)

    def change():
        weights[0] += 1.0

    return term, change


@feature
def memoised_helper(step):
    rate = [1.0]

    @functools.cache
    def table(n):
        return n * 2.0

    def term(np, x, i):
        return np.sum(x) * table(int(rate[0]))

    def change():
        rate[0] += 1.0

    return term, change


@feature
def a_count_of_its_own(step):
    model = Model()

    def term(np, x, i):
        model.calls += 1
        return np.sum(x) / model.calls

    return term, lambda: None


@feature
def a_list_that_it_appends_to(step):
    model = Model()

    def term(np, x, i):
        model.history.append(1.0)
        return np.sum(x) * len(model.history)

    return term, lambda: None


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

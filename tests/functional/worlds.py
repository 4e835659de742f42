"""Functions that read the world outside of their arguments in many ways, and worlds that change between the calls.

A feature is made anew for each world: `term(np, x, i)` is what the function adds to its result, `change()` is what
happens to the world between two calls. Two worlds of one recipe go through the same.
"""

import collections
import functools
import itertools
import random
import types

import numpy as onp

FEATURES = {}

UNKNOWN_TO_AUTOGRAD = {"a_set", "a_work_array_of_its_own", "a_work_array_from_outside"}
"""It cannot differentiate by way of an int, and takes arrays that change in place at their last values."""


def feature(make):
    FEATURES[make.__name__] = make
    return make


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


class Inner:
    def __init__(self):
        self.rate = 1.0


class Model:
    factor = 1.0

    def __init__(self):
        self.inner = Inner()
        self.history = []
        self.calls = 0
        self.rng = onp.random.RandomState(5)

    def predict(self, np, x):
        return np.sum(x * self.inner.rate) * self.factor

    @property
    def doubled(self):
        return 2 * self.inner.rate


@feature
def attribute_of_an_attribute(step):
    model = Model()

    def term(np, x, i):
        return model.predict(np, x) + np.sum(x) * model.doubled

    def change():
        model.inner.rate += 1.0

    return term, change


@feature
def attribute_that_hides_that_of_the_class(step):
    model = Model()

    def term(np, x, i):
        return model.predict(np, x)

    def change():
        model.factor = 1.0 + step() % 5

    return term, change


@feature
def attribute_by_its_name_in_a_text(step):
    model = Model()

    def term(np, x, i):
        return np.sum(x) * getattr(model, "fac" + "tor")

    def change():
        model.factor = 1.0 + step() % 5

    return term, change


@feature
def class_attribute(step):
    class Settings:
        rate = 1.0

    def term(np, x, i):
        return np.sum(x * Settings.rate)

    def change():
        Settings.rate += 1.0

    return term, change


class Slotted:
    __slots__ = ("rate",)


@feature
def slots(step):
    one = Slotted()
    one.rate = 1.0

    def term(np, x, i):
        return np.sum(x * one.rate)

    def change():
        one.rate += 1.0

    return term, change


@feature
def module_attribute(step):
    module = types.ModuleType("another_of_a_user")
    module.scale = 1.0

    def term(np, x, i):
        return np.sum(x * module.scale)

    def change():
        module.scale += 1.0

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

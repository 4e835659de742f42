"""A function that reads what cannot be watched is called in each call: clocks, files, iterators, draws of all kinds."""

import contextvars
import copy
import datetime
import gc
import io
import itertools
import os
import pickle
import random
import secrets
import threading
import time
import uuid
import weakref
from sys import getrecursionlimit, setrecursionlimit
from time import perf_counter
from unittest import mock

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.functional import grad, jacobian
from flowgraph.functional.generators import states
from flowgraph.functional.outside import Outside


def imports_a_clock(x):
    import time

    return x * time.perf_counter()


def of_a_module_that_is_imported_inside(x):
    import secrets

    return x * secrets.randbits(40)


class Sampler:
    def __init__(self):
        self.parts = {"deep": [np.random.default_rng(3)]}

    def __call__(self, x):
        return x * self.parts["deep"][0].normal()


DRAWS = {
    "time": lambda x: x * time.perf_counter(),
    "perf_counter": lambda x: x * perf_counter(),
    "imported inside": imports_a_clock,
    "secrets inside": of_a_module_that_is_imported_inside,
    "datetime": lambda x: x * datetime.datetime.now().timestamp(),
    "urandom": lambda x: x * int.from_bytes(os.urandom(4), "little"),
    "secrets": lambda x: x * secrets.randbits(40),
    "system random": lambda x: x * random.SystemRandom().random(),
    "uuid": lambda x: x * (uuid.uuid4().int % 10**9),
    "a new generator": lambda x: x * np.random.default_rng().normal(),
    "a new bit generator": lambda x: x * np.random.Generator(np.random.PCG64()).normal(),
    "np.random": lambda x: x * np.random.rand(),  # noqa: NPY002
    "random": lambda x: x * random.random(),
    "deep inside": Sampler(),
    "a closed generator": (lambda draw: lambda x: x * draw())(np.random.default_rng(0).normal),
    "a legacy generator": (lambda draw: lambda x: x * draw())(np.random.RandomState(0).rand),
    "a legacy generator of another kind": (lambda draw: lambda x: x * draw())(
        np.random.RandomState(np.random.PCG64(0)).rand
    ),
    "a choice": lambda x: x * (1.0 + random.randrange(10**6)),
    "in a branch": lambda x: x * np.random.rand() if x > 0 else x,  # noqa: NPY002
}


@pytest.mark.parametrize("name", DRAWS)
def test_what_draws_draws_in_each_call(name):
    slope = grad(DRAWS[name])
    assert len({float(slope(1.0)) for _ in range(8)}) == 8


def set_in_a_file(path):
    def value_is(value):
        path.write_text(str(value))

    def read(x):
        with open(path) as file:
            return x * float(file.read())

    return read, value_is


def set_in_an_npy_file(path):
    file = path.with_suffix(".npy")
    return lambda x: x * np.load(file), lambda value: np.save(file, value)


def set_in_the_environment(path):
    def value_is(value):
        os.environ["FLOWGRAPH_TEST_RATE"] = str(value)

    return lambda x: x * float(os.environ["FLOWGRAPH_TEST_RATE"]), value_is


def set_in_a_context(path):
    variable = contextvars.ContextVar("rate", default=0.0)
    return lambda x: x * variable.get(), variable.set


def set_in_a_thread(path):
    local = threading.local()
    return lambda x: x * local.rate, lambda value: setattr(local, "rate", value)


def set_by_an_iterator(path):
    values = []
    waiting = iter(values.pop, None)
    return lambda x: x * next(waiting), lambda value: values.extend([value] * 9)


def set_in_an_array_of_objects(path):
    box = np.array([None], dtype=object)
    return lambda x: x * box[0], lambda value: box.__setitem__(0, value)


def set_in_a_large_table(path):
    table = dict.fromkeys(range(5000), 1.0)
    return lambda x: x * table[4999], lambda value: table.update({4999: value})


def set_in_a_mask(path):
    array = np.ma.masked_array([1.0, 0.0], mask=[False, True])
    return lambda x: x * array.sum(), lambda value: array.__setitem__(0, value)


def set_in_a_polynomial_of_numpy(path):
    polynomial = np.polynomial.Polynomial([0.0, 1.0])
    return lambda x: x * polynomial(1.0), lambda value: polynomial.coef.__setitem__(1, value)


def set_in_the_interpreter(path):
    return lambda x: x * (getrecursionlimit() - 3000), lambda value: setrecursionlimit(3000 + int(value))


class Buffer(io.StringIO):
    """An object of a user's class whose content is no attribute."""


def set_in_an_object_without_attributes(path):
    buffer = Buffer()

    def value_is(value):
        buffer.seek(0)
        buffer.write(f"{value:5}")

    return lambda x: x * float(buffer.getvalue()), value_is


def set_by_a_global_of_a_builtin_name(path):
    space = {}
    exec("def f(x): return x * float(abs(-1.0))", space)
    return space["f"], lambda value: space.update(abs=lambda number: value)


def set_in_a_memory_map(path):
    array = np.memmap(path, dtype=float, mode="w+", shape=(1,))
    return lambda x: x * array[0], lambda value: array.__setitem__(0, value)


@pytest.mark.parametrize(
    "make",
    [
        set_in_a_file, set_in_an_npy_file, set_in_the_environment, set_in_a_context, set_in_a_thread,
        set_by_an_iterator, set_in_an_array_of_objects, set_in_a_large_table, set_in_a_mask,
        set_in_a_polynomial_of_numpy, set_in_a_memory_map, set_in_the_interpreter, set_in_an_object_without_attributes,
        set_by_a_global_of_a_builtin_name,
    ],
)  # fmt: skip
def test_what_is_read_from_anywhere_is_read_again(make, tmp_path, monkeypatch):
    monkeypatch.setenv("FLOWGRAPH_TEST_RATE", "0")
    limit = getrecursionlimit()
    f, value_is = make(tmp_path / "rate")
    slope = grad(f)
    for value in (1.0, 2.0, 5.0):
        value_is(value)
        found = [float(slope(3.0)) for _ in range(5)]
        value_is(value)
        assert found == [value] * 5
    setrecursionlimit(limit)


def test_what_cannot_be_watched_is_said():
    running = itertools.count()
    sees = {
        "a itertools.count": lambda x: x * next(running),
        "time": lambda x: x * time.time(),
        "open()": set_in_a_file(None)[0],
        "more than 256": lambda x: LARGE[x],
        "arrays of more than 256 kB": lambda x: MANY * x,
    }
    for what, f in sees.items():
        assert what in Outside(f).blind
    assert Outside(lambda x: FROZEN * x + np.sum(x) + SMALL).blind is None


LARGE = list(range(1000))
MANY = np.ones(100_000)
SMALL = np.ones(3)
FROZEN = np.ones(100_000)
FROZEN.setflags(write=False)


class Raises:
    def __init__(self, rate):
        self.rate = rate

    def __getattr__(self, name):
        raise RuntimeError(f"no {name}")


class Hides:
    @property
    def __dict__(self):
        raise RuntimeError("not to be looked at")


def test_objects_that_do_not_like_to_be_looked_at_do_no_harm():
    raising, hiding, mocked = Raises(2.0), Hides(), mock.MagicMock()
    mocked.rate = 2.0
    for f in (
        lambda x: x * raising.rate,
        lambda x: x * (1.0 + (hiding is not None)),
        lambda x: x * mocked.rate,
        lambda x: x * len({raising, hiding}),
    ):
        slope = grad(f)
        assert [slope(1.0) for _ in range(5)] == [2.0] * 5
    raising.rate = mocked.rate = 3.0
    assert grad(lambda x: x * raising.rate)(1.0) == 3.0
    assert grad(lambda x: x * mocked.rate)(1.0) == 3.0


def total(x):
    return np.sum(x**2)


def test_a_derivative_can_be_pickled_and_copied_without_its_memory():
    slope = grad(total, seed=3)
    for _ in range(4):
        slope(SMALL)
    for other in (
        pickle.loads(pickle.dumps(slope)),
        copy.deepcopy(slope),
        copy.deepcopy({"slope": [slope]})["slope"][0],
    ):
        np.testing.assert_array_equal(other(SMALL), 2 * SMALL)
        assert (other._seed, other._memory is not slope._memory) == (3, True)


def test_arguments_and_results_that_cannot_be_hashed():
    slope = jacobian(lambda x, chosen: {"a": x * len(chosen), "of": {1, 2}})
    for chosen in ({1}, {1, 2}, {1}, {1, 2, 3}):
        np.testing.assert_array_equal(slope(SMALL, chosen)["a"], len(chosen) * np.eye(3))


def test_large_arrays_that_a_function_read_are_not_kept():
    big = np.ones(100_000)
    seen = weakref.ref(big)

    def f(x):
        return x * big.sum() * 1e-5

    slope = grad(f)
    for _ in range(8):
        slope(1.0)
    big = np.full(100_000, 2.0)
    gc.collect()
    assert seen() is None
    assert slope(1.0) == pytest.approx(2.0)


@pytest.mark.parametrize("first", [fg.Parameter(2.0), fg.Constant(2.0), np.tanh(fg.Constant(3.0))], ids=repr)
@pytest.mark.parametrize("deep", [False, True])
def test_a_box_from_outside_that_has_no_value_any_more_is_refused(first, deep):
    """However the calls before it went."""
    box = first

    def f(x):
        return np.sin(x) * box + np.cos(x)

    slope = grad(f)
    assert len({float(slope(1.0)) for _ in range(4)}) == 1
    box = np.tanh(fg.Input("y")) if deep else fg.Input("y")
    for _ in range(3):
        with pytest.raises(UsageError, match=r"Input 'y', built at .* found an input from outside of the function"):
            slope(1.0)


@pytest.mark.parametrize(
    "generator",
    [
        np.random.RandomState(0),
        np.random.RandomState(np.random.PCG64(0)),
        np.random.default_rng(0),
        np.random.Generator(np.random.MT19937(0)),
        random.Random(0),
    ],
    ids=["RandomState", "RandomState of PCG64", "Generator", "Generator of MT19937", "Random"],
)
def test_where_a_generator_stands_is_seen(generator):
    before = states([generator])
    assert states([generator]) == before
    generator.random() if isinstance(generator, random.Random) else generator.standard_normal()
    assert states([generator]) != before


def test_what_derivatives_are_made_of_is_no_box_for_users():
    inner = {name: cls for name, cls in fg.registry.items() if cls.__module__.startswith("flowgraph.functional")}
    assert [name for name, cls in inner.items() if cls.public] == []

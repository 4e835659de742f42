"""Called means computed: what a function sees, reads and keeps while it is differentiated is what plain NumPy has."""

import gc
import multiprocessing
import operator
import os
import pickle
import threading
import warnings
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import NotDifferentiableError, UsageError
from flowgraph.functional import (
    checkpoint,
    custom_vjp,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    make_vjp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from tests.box.test_refusals import ByOneOnly

X = np.array([0.3, -0.7, 1.2])

TRANSFORMS = {
    "grad": lambda f: grad(lambda x: np.sum(f(x))),
    "value_and_grad": lambda f: value_and_grad(lambda x: np.sum(f(x))),
    "elementwise_grad": elementwise_grad,
    "jacobian": jacobian,
    "hessian": lambda f: hessian(lambda x: np.sum(f(x))),
    "vjp": lambda f: lambda x: vjp(f)(x, X),
    "jvp": lambda f: lambda x: jvp(f)(x, X),
    "hvp": lambda f: lambda x: hvp(lambda x: np.sum(f(x)))(x, X),
    "make_vjp": lambda f: lambda x: make_vjp(f)(x)[0](X),
}
each = pytest.mark.parametrize("name", TRANSFORMS)


@each
def test_a_function_sees_the_numbers_that_numpy_has(name, capsys):
    seen = []

    def f(x):
        y = np.tanh(x)
        seen.append((str(y), f"{np.sum(y):.3f}", f"{y}", bool(np.sum(y) > 0), len(y), y.shape, int(np.argmax(y))))
        seen.append((y[y > 0].shape, len(y[y > 0]), y[y > 0].size, [int(i) for i in np.flatnonzero(y > 0)]))
        print(y)
        return y * x

    TRANSFORMS[name](f)(X)
    found = seen[:2]
    printed = capsys.readouterr().out.splitlines()[0]
    seen.clear()
    f(X)
    assert found == seen
    assert printed == capsys.readouterr().out.splitlines()[0]


def test_a_box_says_its_numbers_where_a_debugger_asks():
    texts = []
    grad(lambda x: (texts.append(repr(x * 2)), np.sum(x))[1])(X)
    assert texts == ["<Multiply: (3,) float64 = [ 0.6 -1.4  2.4]>"]


@each
@pytest.mark.parametrize("convert", [float, complex, np.asarray, operator.index], ids=lambda kind: kind.__name__)
def test_what_would_lose_the_gradient_is_refused(name, convert):
    with pytest.raises((UsageError, TypeError)) as raised:
        TRANSFORMS[name](lambda x: x * convert(x[0]))(X)
    assert convert is operator.index or "carry no gradient" in str(raised.value)


@each
def test_the_elements_of_a_list_carry_their_gradient(name):
    found = TRANSFORMS[name](lambda x: np.stack(list(np.sin(x))) * x)(X)
    needed = TRANSFORMS[name](lambda x: np.sin(x) * x)(X)
    for one, other in zip(found, needed, strict=True) if isinstance(found, tuple) else [(found, needed)]:
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_numbers_that_carry_no_gradient_may_be_read():
    assert grad(lambda x: np.sum(x) * float(stop_gradient(x[1])))(X).tolist() == [-0.7] * 3
    assert grad(lambda x: np.sum(x) * np.asarray(stop_gradient(x))[2])(X).tolist() == [1.2] * 3
    assert grad(lambda x: np.sum(x) * float(np.argmax(x)))(X).tolist() == [2.0] * 3


def test_an_inner_derivative_is_lost_to_no_number():
    """A number of what an inner derivative is taken by would lose its gradient too."""
    with pytest.raises(UsageError, match="carry no gradient"):
        grad(lambda x: np.sum(x) * grad(lambda t: t * float(t))(2.0))(X)


ARGUMENTS = [
    2, 2.5, "text", None, True, ..., b"bytes", [1, 2], (3.0, X), {"a": X}, {1, 2}, range(3), slice(None, 2), X, X > 0,
    np.arange(3), np.float32(0.5), np.ma.masked_array(X, X > 1), np.array(["a", "b"]), np.array([1, 2], ">i2"),
    np.datetime64("2020-01-01"), np.random.default_rng(0), object(), len, lambda: 3, iter([1, 2]), pickle,
    X.astype(object), memoryview(b"abc"),
]  # fmt: skip


@each
@pytest.mark.parametrize("place", range(len(ARGUMENTS)))
def test_an_argument_that_nobody_differentiates_by_is_what_was_given(name, place):
    given_, seen = ARGUMENTS[place], []

    def f(x, other, *, keyword):
        seen.extend([other, keyword])
        return x * 2

    if name in ("vjp", "jvp", "hvp", "make_vjp"):
        transform = {"vjp": vjp, "jvp": jvp, "hvp": hvp, "make_vjp": make_vjp}[name]
        g = f if name != "hvp" else lambda *args, **keywords: np.sum(f(*args, **keywords))
        arguments = (X, given_) if name == "make_vjp" else (X, given_, X)
        transform(g)(*arguments, keyword=given_)
    else:
        g = f if name in ("jacobian", "elementwise_grad") else lambda *args, **keywords: np.sum(f(*args, **keywords))
        {"grad": grad, "value_and_grad": value_and_grad, "elementwise_grad": elementwise_grad, "jacobian": jacobian,
         "hessian": hessian}[name](g)(X, given_, keyword=given_)  # fmt: skip
    assert all(one is given_ for one in seen)


@each
def test_an_array_counts_with_its_numbers_at_the_moment_at_which_it_meets_a_box(name):
    array = X.copy()

    def f(x):
        y = np.sin(x) * array
        array[:] = array * 2
        z = y * array
        array[:] = 0.0
        return z

    found = TRANSFORMS[name](f)(X)
    assert (array == 0).all()
    needed = TRANSFORMS[name](lambda x: np.sin(x) * X * (2 * X))(X)
    for one, other in zip(found, needed, strict=True) if isinstance(found, tuple) else [(found, needed)]:
        np.testing.assert_allclose(one, other, rtol=1e-14)


def test_a_view_made_before_is_read_as_it_is():
    base = np.zeros(6)
    view = base[::2]

    def f(x):
        base[:] = 1.0
        y = x * view
        base[:] = 7.0
        return np.sum(y)

    assert grad(f)(X).tolist() == [1.0, 1.0, 1.0]


def test_settings_of_numpy_hold_inside():
    with pytest.raises(FloatingPointError), np.errstate(all="raise"):
        grad(lambda x: np.sum(np.log(x - 0.3)))(X)

    def f(x):
        with np.errstate(invalid="raise"):
            return np.sum(np.sqrt(x))

    with pytest.raises(FloatingPointError):
        grad(f)(X)
    with pytest.warns(RuntimeWarning, match="invalid value"):
        grad(lambda x: np.sum(np.sqrt(x)))(X)


def test_errors_leave_nothing_behind():
    calls = []

    def f(x):
        calls.append(1)
        if len(calls) % 2:
            raise KeyError("midway")
        return np.sum(x * x)

    slope = grad(f)
    for _ in range(3):
        with pytest.raises(KeyError, match="midway"):
            slope(X)
        np.testing.assert_array_equal(slope(X), 2 * X)
    with pytest.raises(UsageError, match="no value before a run"):
        float(fg.Parameter(1.0) * 2)


def test_an_error_names_the_line_of_the_user():
    with pytest.raises(fg.ShapeError, match=r"test_calls.py"):
        grad(lambda x: np.sum(x @ np.ones((2, 2))))(X)
    with pytest.raises(IndexError, match=r"test_calls.py"):
        grad(lambda x: x[np.array([5])][0])(X)


def test_nothing_is_kept():
    class Marked(np.ndarray):
        pass

    made = []

    def f(x):
        array = np.ones(3).view(Marked)
        made.append(weakref.ref(array))
        y = x * 2.0
        made.append(weakref.ref(y))
        return np.sum(y * np.asarray(array))

    slope = grad(f)
    for _ in range(3):
        slope(X)
    gc.collect()
    assert [ref for ref in made if ref() is not None] == []


def test_a_box_that_is_kept_is_refused_by_name():
    kept = []

    def f(x):
        kept.append(np.tanh(x))
        return np.sum(kept[0] * x)

    grad(f)(X)
    with pytest.raises(UsageError, match="Tanh: found a box that the function has kept from another call"):
        grad(f)(X)


def test_recursion_and_calls_inside_of_calls():
    def power(x, n):
        return x * power(x, n - 1) if n else 1.0

    assert grad(power)(2.0, 5) == 5 * 2.0**4
    inner = grad(lambda t: t**3)
    assert grad(lambda x: inner(x) * grad(inner)(x))(2.0) == pytest.approx(3 * 6 * 3 * 4)

    def terms(x):
        for k in range(1, 4):
            yield x**k

    assert grad(lambda x: sum(terms(x)))(2.0) == 1 + 4 + 12


def test_a_derivative_inside_that_the_result_does_not_need():
    """By what does not depend on the argument of the call: it has its own gradient, and sends none."""
    found = grad(lambda x: np.sum(x * grad(lambda t: np.sum(np.sin(t) * x))(X)))(X)
    np.testing.assert_allclose(found, 2 * X * np.cos(X))


@each
def test_threads_go_side_by_side(name):
    derived = TRANSFORMS[name](lambda x: np.sin(x) * x)
    needed = derived(X)
    found = []

    def work():
        for _ in range(5):
            found.append(derived(X))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 20
    for one in found:
        for a, b in zip(one, needed, strict=True) if isinstance(one, tuple) else [(one, needed)]:
            np.testing.assert_array_equal(a, b)


LATE = {
    "a box of another thread": lambda y: in_a_thread(lambda: np.sin(y)),
    "a copy under a name": lambda y: np.sin(y).named("h"),
    "a copy on other children": lambda y: np.sin(y * 0).with_children(y),
    "a copy of a copy": lambda y: np.sin(y * 0).named("h").with_children(y).named("g"),
    "a map": lambda y: vmap(np.sin)(y),
    "a checkpoint": lambda y: checkpoint(np.sin)(y),
    "a part": lambda y: np.split(np.sin(np.concatenate([y, y])), 2)[1],
    "a loop": lambda y: fg.scan(lambda c, e: (c, np.sin(e)), 0.0, y)[1],
}


def in_a_thread(call):
    results = []
    thread = threading.Thread(target=lambda: results.append(call()))
    thread.start()
    thread.join()
    return results[0]


@each
@pytest.mark.parametrize("late", LATE)
def test_what_is_computed_late_or_copied_sends_its_gradient(name, late):
    found = TRANSFORMS[name](lambda x: LATE[late](x * x) * x)(X)
    needed = TRANSFORMS[name](lambda x: np.sin(x * x) * x)(X)
    for one, other in zip(found, needed, strict=True) if isinstance(found, tuple) else [(found, needed)]:
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def test_a_gradient_that_is_lost_raises(monkeypatch):
    """Were a box forgotten on the tape, its gradient would be a silent zero."""
    from flowgraph.box.tape import Tape

    keep = Tape._keep

    def forgetful(self, box, *rest):
        keep(self, box, *rest)
        if type(box).__name__ == "Sin":
            self.recorded.pop()

    monkeypatch.setattr(Tape, "_keep", forgetful)
    with pytest.raises(fg.FlowgraphError, match="Sin: a gradient arrived at a box that the tape of this call"):
        grad(lambda x: np.sum(np.sin(x) * x))(X)


def test_a_function_with_a_bprop_is_called_once():
    calls = []

    @custom_vjp
    def h(x):
        calls.append(1)
        return x * len(calls)

    h.bprop(lambda grad, value, x: (grad * value,))
    value, slope = value_and_grad(lambda x: h(x) if h(x) > 0 else x)(3.0)
    assert len(calls) == 2
    assert (value, slope) == (6.0, 6.0)


def test_the_pull_of_make_vjp_is_of_the_call():
    calls, scale, x = [], np.array([1.0, 2.0, 3.0]), X.copy()

    def f(x):
        calls.append(1)
        return np.sin(x) * scale

    pull, value = make_vjp(f)(x)
    scale[:], x[:] = 0.0, 5.0
    for vector in (np.ones(3), X, np.ones(3)):
        np.testing.assert_allclose(pull(vector), vector * np.cos(X) * [1, 2, 3])
    np.testing.assert_allclose(value, np.sin(X) * [1, 2, 3])
    assert calls == [1]


@given(
    st.lists(st.sampled_from(["<", ">"]), min_size=2, max_size=2), st.lists(st.integers(0, 2), min_size=1, max_size=4)
)
def test_a_call_knows_nothing_of_the_one_before(orders, places):
    slope = grad(lambda x, i: np.sum(x[i] ** 2))
    for order in orders:
        needed = np.zeros(3)
        np.add.at(needed, places, 2 * X[places])
        np.testing.assert_allclose(slope(X, np.array(places, f"{order}i2")), needed)
    zeros = [slope_of_zero(sign) for sign in (0.0, -0.0, 0.0)]
    assert list(map(str, zeros)) == ["inf", "-inf", "inf"]


def slope_of_zero(sign):
    with np.errstate(divide="ignore"):
        return grad(lambda x: x * (1.0 / np.float64(sign)))(2.0)


def test_equal_calls_have_equal_bits():
    slope = grad(lambda x: np.sum(np.exp(np.sin(x) * 1.1) / (1 + x * x)))
    first = slope(X).tobytes()
    assert {slope(X).tobytes() for _ in range(200)} == {first}


def test_copies_and_pickles_derive_the_same():
    slope = grad(np.prod)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(slope))(X), slope(X))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no os.fork")
def test_a_forked_child_goes_on():
    slope = grad(lambda x: np.sum(x * x))
    slope(X)
    context = multiprocessing.get_context("fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Python warns of forks while threads run
        child = context.Process(target=lambda: os._exit(int(not np.array_equal(slope(X), 2 * X))))
        child.start()
    child.join()
    assert child.exitcode == 0


def test_debug_mode_checks_each_box_of_a_call():
    class Narrow(fg.Box):
        def fprop(self, a):
            return a.astype(np.float32) if a.size > 2 else a

        def infer(self, a):
            return a

        def bprop(self, grad, h, a):
            return (grad,)

    try:
        with fg.debug():
            np.testing.assert_allclose(grad(lambda x: np.sum(np.sin(x) * x))(X), np.sin(X) + X * np.cos(X))
            with pytest.raises(fg.FlowgraphError, match="Narrow: fprop gave dtype float32"):
                grad(lambda x: np.sum(Narrow(x)))(X)
    finally:
        del fg.registry[next(name for name, cls in fg.registry.items() if cls is Narrow)]


def test_a_derivative_that_is_not_implemented_is_refused_and_not_zero():
    assert grad(lambda a: ByOneOnly(a, 3.0))(2.0) == 3.0
    for transform in (grad, lambda f: jacobian(grad(f)), lambda f: grad(lambda x: grad(f)(x) * 2)):
        with pytest.raises(NotDifferentiableError, match="derivative by 'n' is not implemented"):
            transform(lambda n: ByOneOnly(2.0, n) * n)(2.0)


def test_vjp_at_arguments_gives_the_value_and_a_function_as_in_jax():
    calls = []

    def f(x, y):
        calls.append(1)
        return {"a": x * y["b"], "c": np.sum(y["b"] ** 2)}

    y = {"b": np.array([2.0, 3.0, 5.0])}
    value, product = vjp(f, X, y)
    np.testing.assert_array_equal(value["a"], X * y["b"])
    for scale in (1.0, 2.0):
        of_x, of_y = product({"a": scale * np.ones(3), "c": 1.0})
        np.testing.assert_allclose(of_x, scale * y["b"])
        np.testing.assert_allclose(of_y["b"], scale * X + 2 * y["b"])
    assert calls == [1]
    (of_x,) = vjp(np.sin, 0.5)[1](1.0)
    assert of_x == np.cos(0.5)
    np.testing.assert_allclose(grad(lambda x: np.sum(vjp(np.sin, x)[1](np.ones(3))[0]))(X), -np.sin(X))


@pytest.mark.parametrize("argnums", [1, np.int64(1), (0, 1), [0, 1], (np.int64(0),)])
def test_a_place_is_no_argument_of_vjp(argnums):
    x, y = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    found = vjp(lambda x, y: x * y, argnums)(x, y, np.ones(2))
    needed = {0: y, 1: x}
    if isinstance(argnums, tuple | list):
        assert [part.tolist() for part in found] == [needed[int(place)].tolist() for place in argnums]
    else:
        assert found.tolist() == x.tolist()
    with pytest.raises(UsageError, match="has_aux"):
        vjp(np.sin, 1.0, has_aux=True)

"""The code to reproduce a mistake of JAX and MyGrad code runs, and shows the mistake."""

import numpy as np
import pytest

import flowgraph as fg

X = np.random.default_rng(0).normal(size=(2, 3))


def run(failure):
    """What the code of a failure prints, by the word in front of it."""
    printed = {}
    exec(failure.code, {"print": lambda word, value: printed.update({word.strip(): float(value)})})
    return printed


def test_jax():
    jax = pytest.importorskip("jax", reason="jax is not installed")

    def of_dict(arrays, *, power):
        import jax

        @jax.custom_vjp
        def doubled(x):
            return 2 * x

        doubled.defvjp(lambda x: (2 * x, None), lambda kept, grad: (grad,))
        return doubled(arrays["x"]) ** power * arrays["w"]

    report = fg.check(of_dict, {"x": jax.numpy.asarray(abs(X) + 1), "w": jax.numpy.asarray(X)}, power=2, budget=300)
    failure = next(one for one in report.failures if one.kind == "value")
    assert failure.child == "arrays.x"
    before = jax.config.jax_enable_x64
    try:
        shown = run(failure)
    finally:
        jax.config.update("jax_enable_x64", before)
    assert shown["vjp"] == pytest.approx(failure.analytic, rel=1e-9)
    assert shown["numeric"] == pytest.approx(failure.numeric, rel=1e-3)
    assert shown["numeric"] != pytest.approx(shown["vjp"], rel=1e-3)


def test_mygrad():
    mygrad = pytest.importorskip("mygrad", reason="mygrad is not installed")

    def constant_inside(x):
        return x * x.data

    failure = fg.check(constant_inside, mygrad.tensor(X), budget=300).failures[0]
    shown = run(failure)
    assert shown["backward"] == pytest.approx(failure.analytic, rel=1e-9)
    assert shown["numeric"] == pytest.approx(failure.numeric, rel=1e-3)

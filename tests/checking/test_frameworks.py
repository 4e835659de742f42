"""fg.check of functions of torch, JAX, autograd and MyGrad: recognised, run in float64, caught and passed."""

import subprocess
import sys

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.extend import defvjp, primitive

import flowgraph as fg
from flowgraph.checking.frameworks import framework_target

X = np.random.default_rng(0).normal(size=(3, 4))
W = np.random.default_rng(1).normal(size=(4, 2))


@primitive
def square(x):
    return x * x


defvjp(square, lambda ans, x: lambda g: 2 * g * x)


@primitive
def half_square(x):
    return x * x


defvjp(half_square, lambda ans, x: lambda g: g * x)


def dense(x, w):
    return anp.sin(anp.dot(x, w))


def of_list(arrays, axis):
    return anp.concatenate([anp.sin(a) for a in arrays], axis)


@pytest.mark.parametrize(
    ("function", "inputs"), [(anp.tanh, (X,)), (square, (X,)), (dense, (X, W)), (of_list, ([X, X + 1], 1))]
)
def test_autograd_code_is_recognised_and_passes(function, inputs):
    report = fg.check(function, *inputs, valid=lambda *values: values[-1] is not None)
    assert report.passed, report
    assert report.resolution < 1e-9


def test_autograd_a_wrong_vjp_is_caught_and_named():
    failure = fg.check(half_square, X).failures[0]
    assert failure.child == "x"
    assert "2 times" in failure.diagnosis


def test_autograd_the_reproducing_code_runs():
    failure = fg.check(anp.repeat, X, 2, -1, valid=lambda x, n, axis: type(n) is int and axis == -1).failures[0]
    printed = {}
    exec(failure.code, {"print": lambda word, value: printed.update({word.strip(): float(value)})})
    assert printed["bprop"] == pytest.approx(failure.analytic)
    assert printed["numeric"] == pytest.approx(failure.numeric, abs=1e-6)


def test_autograd_where_it_must_be_said():
    assert framework_target(lambda x: x * x, (X,)) is None
    assert fg.check(lambda x: x * x, X, framework="autograd").passed


def test_autograd_second_order():
    assert fg.check(dense, X, W, order=2).passed


def test_autograd_several_outputs_and_what_is_not_differentiable():
    def parts(x):
        return anp.sin(x), anp.sum(x * x, 0)

    assert fg.check(parts, X).passed
    with pytest.raises(NotImplementedError, match="cumprod"):
        fg.check(anp.cumprod, X)


def test_floats_beside_arrays_are_settings():
    target = framework_target(anp.clip, (X, -0.5, 0.5))
    assert target.differentiated == (0,)
    assert target.names[0] == "a"


def test_errors_say_what_is_needed():
    with pytest.raises(ValueError, match="torch, jax, mygrad, autograd"):
        fg.check(np.sin, X, framework="tensorflow")
    with pytest.raises(TypeError, match="at least one autograd array"):
        fg.check(anp.tanh, 2, framework="autograd")
    with pytest.raises(ValueError, match="2 names were given for 1"):
        fg.check(anp.tanh, X, names=("a", "b"))


def test_no_framework_is_imported():
    code = "import sys, flowgraph as fg, numpy as np; fg.check(np.tanh, np.ones(2));"
    code += "assert not {'torch', 'jax', 'autograd', 'mygrad'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture(scope="module")
def torch():
    found = pytest.importorskip("torch", reason="torch is not installed")
    found.set_num_threads(1)
    return found


@pytest.fixture(scope="module")
def jax():
    return pytest.importorskip("jax", reason="jax is not installed")


def test_torch_functions(torch):
    x = torch.tensor(X, dtype=torch.float32)
    assert fg.check(torch.tanh, x).passed
    assert fg.check(torch.logsumexp, x, 1, order=2).passed
    assert fg.check(torch.nn.functional.cross_entropy, x, torch.tensor([0, 1, 3])).passed
    assert "torch.hypot" in str(fg.check(torch.hypot, x, x + 1))


def test_torch_only_what_requires_a_gradient_if_anything_does(torch):
    x, y = torch.tensor(X, requires_grad=True), torch.tensor(X + 1)
    assert framework_target(torch.mul, (x, y)).differentiated == (0,)
    assert framework_target(torch.mul, (x.detach(), y)).differentiated == (0, 1)


def test_torch_module_with_its_parameters(torch):
    module = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    before = [p.clone() for p in module.parameters()]
    report = fg.check(module, torch.tensor(X), budget=4000)
    assert report.passed, report
    target = framework_target(module, (torch.tensor(X),))
    assert target.names == ("input", "0.weight", "0.bias", "2.weight", "2.bias")
    assert all(torch.equal(p, q) and p.dtype == torch.float32 for p, q in zip(module.parameters(), before, strict=True))


def test_torch_random_functions_draw_the_same_again(torch):
    state = torch.get_rng_state()
    assert fg.check(torch.nn.functional.dropout, torch.tensor(X), valid=lambda x: x.size > 0).verdict == "pass"
    assert torch.equal(state, torch.get_rng_state())


def test_torch_custom_functions(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            (x,) = ctx.saved_tensors
            return 2 * grad * x

    class Stale(Square):
        @staticmethod
        def forward(ctx, x):
            Stale.kept = x
            return x * x

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad * Stale.kept

    class InPlace(Square):
        @staticmethod
        def backward(ctx, grad):
            return grad.mul_(2 * ctx.saved_tensors[0])

    x = torch.tensor(X)
    assert fg.check(Square, x).passed
    assert framework_target(Square, (x,)).names == ("x",)
    assert "latest fprop" in str(fg.check(Stale, x))
    assert "incoming gradient in place" in str(fg.check(InPlace, x))
    with pytest.raises(NotImplementedError, match="backward would raise"):
        fg.check(lambda x: (x * x).detach(), x)


def test_jax_functions(jax):
    jnp = jax.numpy
    x = jnp.asarray(X)
    report = fg.check(jnp.tanh, x)
    assert report.passed
    assert report.resolution < 1e-9
    assert not jax.config.jax_enable_x64
    target = framework_target(lambda p, x: jnp.tanh(x @ p["w"] + p["b"]), ({"w": jnp.ones((4, 2)), "b": x[0, :2]}, x))
    assert target.names == ("p.w", "p.b", "x")
    assert fg.checking.check_target(target, seconds=1.5).passed


def test_jax_custom_vjp(jax):
    @jax.custom_vjp
    def square(x):
        return x * x

    square.defvjp(lambda x: (x * x, x), lambda x, grad: (grad * x,))
    failure = fg.check(square, jax.numpy.asarray(X)).failures[0]
    assert failure.child == "x"
    assert "2 times" in failure.diagnosis


def test_jax_what_cannot_be_compiled_runs_as_it_stands(jax):
    def branches(x):
        return x * x if x[0, 0] > 100 else jax.numpy.sin(x)

    target = framework_target(branches, (jax.numpy.asarray(X),))
    output = target.fprop(X)
    np.testing.assert_allclose(output, np.sin(X))
    np.testing.assert_allclose(target.bprop(np.ones_like(X), output, X)[0], np.cos(X))


def test_mygrad_functions():
    mygrad = pytest.importorskip("mygrad", reason="mygrad is not installed")
    x = mygrad.tensor(X)
    assert fg.check(mygrad.tanh, x).passed
    assert fg.check(lambda x: x * x, x).passed

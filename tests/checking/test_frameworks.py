"""fg.check of functions of torch, JAX, autograd and MyGrad: recognised, run in float64, caught and passed."""

import contextlib
import importlib
import io
import json
import subprocess
import sys
import warnings

import autograd.numpy as anp
import numpy as np
import pytest
from autograd.extend import defvjp, primitive

import flowgraph as fg
from flowgraph.checking.frameworks.adapter import names
from flowgraph.checking.frameworks.check_framework import framework_target

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
    assert printed["vjp"] == pytest.approx(failure.analytic)
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
    refused = fg.check(anp.cumprod, X)
    assert refused.verdict == "undecided"
    assert "no backward pass" in str(refused)
    assert "cumprod" in str(refused)


def test_floats_beside_arrays_are_settings():
    target = framework_target(anp.clip, (X, -0.5, 0.5))
    assert target.differentiated == (0,)
    assert target.names[0] == "a"


def test_errors_say_what_is_needed():
    with pytest.raises(ValueError, match="torch, jax, mygrad, autograd, pytensor"):
        fg.check(np.sin, X, framework="tensorflow")
    with pytest.raises(TypeError, match="at least one autograd array"):
        fg.check(anp.tanh, 2, framework="autograd")
    with pytest.raises(ValueError, match="2 names were given for 1"):
        fg.check(anp.tanh, X, names=("a", "b"))


def test_no_framework_is_imported():
    code = "import sys, flowgraph as fg, numpy as np; fg.check(np.tanh, np.ones(2));"
    code += "assert not {'torch', 'jax', 'autograd', 'mygrad', 'pytensor'} & set(sys.modules)"
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


def test_torch_takes_one_thread_for_a_check(torch):
    torch.set_num_threads(2)
    threads = []
    try:
        assert fg.check(lambda x: threads.append(torch.get_num_threads()) or torch.sin(x), torch.tensor(X[0])).passed
        assert torch.get_num_threads() == 2
        assert set(threads[2:]) == {1}  # after what finds out whose function it is
    finally:
        torch.set_num_threads(1)


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
    assert "backward depends on the latest forward" in str(fg.check(Stale, x))
    assert "incoming gradient in place" in str(fg.check(InPlace, x))
    detached = fg.check(lambda x: (x * x).detach(), x)
    assert detached.verdict == "undecided"
    assert "backward would raise" in str(detached)


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


def test_a_function_of_a_package_is_recognised_however_the_code_reaches_it():
    def in_closure(dumps):
        return lambda x: dumps(x)

    for reaching in (json.dumps, in_closure(json.dumps), lambda x, dumps=json.dumps: dumps(x), lambda x: json.dumps(x)):
        assert names(reaching, "json", lambda value: False)
        assert not names(reaching, "js", lambda value: False)
    assert not names(in_closure(len), "json", lambda value: False)


def cube_of_pytensor(factor):
    pt = pytest.importorskip("pytensor.tensor", reason="pytensor is not installed")
    graph = importlib.import_module("pytensor.graph")

    class Cube(graph.op.Op):
        __props__ = ("factor",)

        def __init__(self, factor):
            self.factor = factor

        def make_node(self, x):
            x = pt.as_tensor_variable(x)
            return graph.basic.Apply(self, [x], [x.type()])

        def perform(self, node, inputs, outputs):
            outputs[0][0] = inputs[0] ** 3

        def L_op(self, inputs, outputs, grads):
            return [self.factor * grads[0] * inputs[0] ** 2]

    return Cube(factor)


@pytest.mark.parametrize(("factor", "verdict"), [(3, "pass"), (2, "fail")])
def test_an_op_of_pytensor_is_checked_by_its_l_op(factor, verdict):
    report = fg.check(cube_of_pytensor(factor), X)
    assert (report.verdict, report.checked, report.words) == (verdict, ["x"], ("perform", "L_op")), str(report)
    if report.failures:
        assert "3/2" in report.failures[0].diagnosis
        assert "L_op" in str(report)
        code = report.failures[0].code.replace("# fill in: function = your Cube", "#")
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(code, {"function": cube_of_pytensor(factor)})
        told = [float(line.split()[-1]) for line in printed.getvalue().splitlines()]
        assert np.isclose(1.5 * told[0], told[1], rtol=1e-4)


def test_functions_of_pytensor_and_second_derivatives():
    cube = cube_of_pytensor(3)
    assert fg.check(cube, X, order=2).verdict == "pass"
    assert fg.check(cube_of_pytensor(2), X, order=2, framework="pytensor").verdict == "fail"
    pt = importlib.import_module("pytensor.tensor")
    assert fg.check(lambda x, w: pt.tanh(x) @ w, X, X.T.copy()).passed
    assert fg.check(pt.sqr, X).name == "Sqr"


def test_torch_keyword_arguments(torch):
    x = torch.tensor(X)
    target = framework_target(torch.softmax, (x,), keywords={"dim": 1})
    assert target.names[-1] == "dim"
    assert fg.check(torch.softmax, x, dim=1, budget=1500).passed
    wrong = fg.check(lambda x, *, factor: Scaled(torch).apply(x, factor), x, factor=3.0, budget=1500)
    assert wrong.verdict == "fail"
    assert fg.check(np.sum, X, axis=0, budget=1500).passed  # NumPy's functions take them too


def Scaled(torch):
    class WrongScale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            return x * factor

        @staticmethod
        def backward(ctx, grad):
            return grad, None

    return WrongScale


def test_torch_complex_and_sparse_inputs(torch):
    z = torch.tensor(X[0] + 1j * X[1])
    assert framework_target(torch.abs, (z,)).names[0].endswith(".real")
    assert fg.check(lambda z: (z * z).real + z.abs(), z, budget=1500).passed
    assert fg.check(lambda z: z * z.conj() * 2j, z, budget=1500).passed
    matrix = torch.eye(3).to_sparse()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the format is in beta state
        compressed = matrix.to_sparse_csr()
    for made in (matrix, compressed):
        target = framework_target(torch.sparse.mm, (made, torch.tensor(X)))
        assert [np.shape(x) for x in target.inputs] == [(3,), (3, 4)]
        assert fg.check(torch.sparse.mm, made, torch.tensor(X), budget=1500).passed

    class WrongSquare(torch.autograd.Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, grad):
            return 2 * grad * ctx.saved_tensors[0]  # the conjugate is missing

    assert fg.check(WrongSquare, z, budget=1500).verdict == "fail"


def test_torch_outputs_and_inputs_in_dataclasses(torch):
    import dataclasses

    @dataclasses.dataclass(frozen=True)
    class Pair:
        first: object
        second: object
        word: str = "kept"

    def both(pair):
        return Pair(pair.first * pair.second, pair.second.sin(), pair.word)

    given = Pair(torch.tensor(X), torch.tensor(X + 1))
    assert framework_target(both, (given,)).names == ("pair.first", "pair.second", "pair.word")
    assert fg.check(both, given, budget=1500).passed


def test_torch_float32_from_outside_of_the_arguments_is_said(torch):
    outside = torch.nn.Linear(4, 2)
    with pytest.raises(fg.errors.UsageError, match=r"\.double\(\) your module"):
        fg.check(lambda x: outside(x), torch.tensor(X))


def test_torch_functions_that_write_into_their_inputs(torch):
    assert fg.check(torch.nn.functional.relu_, torch.tensor(X), budget=1500).passed
    assert fg.check(lambda x: x.mul_(2).sin_(), torch.tensor(X), budget=1500).passed


def test_torch_every_subset_of_the_inputs_that_need_a_gradient(torch):
    class OnlyTogether(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, b):
            ctx.save_for_backward(x, w)
            return x * w + b

        @staticmethod
        def backward(ctx, grad):
            x, w = ctx.saved_tensors
            needs = ctx.needs_input_grad
            return (grad * w if needs[0] else None, grad * x if all(needs[:2]) else None, grad if needs[2] else None)

    x = torch.tensor(X)
    report = fg.check(OnlyTogether, x, x + 1, x + 2, budget=1500)
    assert {failure.child for failure in report.failures} == {"w"}
    assert "only w needs a gradient" in report.failures[0].test_case
    assert fg.check(torch.addcmul, x, x + 1, x + 2, budget=1500).passed


@pytest.mark.parametrize("kind", ["float32", "float16", "bfloat16"])
def test_torch_narrow_types_inside_are_no_mistakes(torch, kind):
    narrow = getattr(torch, kind)
    right = fg.check(lambda x: torch.sin(x.to(narrow)).to(x.dtype), torch.tensor(X))
    if kind == "float32":
        assert right.verdict == "pass", right
        assert 1e-6 < right.resolution < 1e-2
    else:  # a pass says how little was seen
        assert right.verdict == "undecided" or right.passed, right
        assert "narrow type" in str(right) if right.verdict == "undecided" else right.resolution > 1e-3
        assert "above inf" not in str(right)


def test_torch_a_wrong_factor_is_seen_in_float32(torch):
    class WrongFactor(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad):
            return 1.8 * grad * ctx.saved_tensors[0]

    report = fg.check(lambda x: WrongFactor.apply(x.float()).double(), torch.tensor(X), budget=1500)
    assert report.verdict == "fail"
    assert fg.check(lambda x: torch.relu(x.float()).double(), torch.tensor(X), budget=1500).verdict != "fail"


def test_jax_numpy_arrays_and_compiled_functions(jax):
    def function(x):
        return jax.numpy.tanh(x) * 2

    assert framework_target(function, (X,)) is not None
    assert fg.check(jax.jit(function), X, budget=1500).passed


def pytree(jax):
    @jax.tree_util.register_pytree_with_keys_class
    class Layer:
        def __init__(self, weight, bias, activation):
            self.weight, self.bias, self.activation = weight, bias, activation

        def __call__(self, x):
            return self.activation(x @ self.weight + self.bias)

        def tree_flatten_with_keys(self):
            named = [(jax.tree_util.GetAttrKey(name), getattr(self, name)) for name in ("weight", "bias")]
            return named, self.activation

        @classmethod
        def tree_unflatten(cls, activation, children):
            return cls(*children, activation)

    return Layer


def test_jax_registered_pytrees_are_arguments_and_callables(jax):
    layer = pytree(jax)(jax.numpy.asarray(W), jax.numpy.zeros(2), jax.numpy.tanh)
    x = jax.numpy.asarray(X)
    assert framework_target(layer, (x,)).names == ("x", "weight", "bias")
    assert framework_target(lambda layer, x: layer(x), (layer, x)).names == ("layer.weight", "layer.bias", "x")
    assert fg.check(layer, x, budget=1500).passed

    @jax.custom_vjp
    def scaled(x, w):
        return x @ w

    scaled.defvjp(lambda x, w: (x @ w, (x, w)), lambda kept, grad: (grad @ kept[1].T, 2 * kept[0].T @ grad))
    wrong = pytree(jax)(jax.numpy.asarray(W), jax.numpy.zeros(2), lambda y: y)
    wrong.__class__.__call__ = lambda self, x: scaled(x, self.weight) + self.bias
    assert {failure.child for failure in fg.check(wrong, x, budget=1500).failures} == {"weight"}


def test_jax_complex_inputs(jax):
    z = jax.numpy.asarray(X[0] + 1j * X[1])
    assert fg.check(lambda z: jax.numpy.abs(z) ** 2 + (z * z).real, z, budget=1500).passed


def test_jax_without_a_reverse_mode_is_undecided(jax):
    def doubled(x):
        return jax.lax.while_loop(lambda state: state[0] < 3, lambda state: (state[0] + 1, state[1] * 2), (0, x))[1]

    report = fg.check(doubled, jax.numpy.asarray(X))
    assert report.verdict == "undecided"
    assert "Reverse-mode" in str(report)


def test_effort_bounds_the_calls_and_the_seconds(torch):
    counts = {}
    for effort in ("fast", "normal"):
        report = fg.check(torch.sin, torch.tensor(X), effort=effort)
        assert report.passed
        counts[effort] = report.evaluations
    assert counts["fast"] < counts["normal"]
    assert counts["fast"] <= 2400
    assert fg.check(np.sin, X, bprop=lambda grad, output, x: (grad * np.cos(x),), effort="fast").evaluations <= 2400
    with pytest.raises(fg.errors.UsageError, match="fast, normal, thorough"):
        fg.check(np.sin, X, effort="slow")

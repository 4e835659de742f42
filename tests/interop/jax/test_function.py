"""Graphs as functions of JAX: values, gradients and transformations, held against the graph and against JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DtypeError, FeedError, ShapeError, UnsupportedError, UsageError
from flowgraph.interop.jax import function, on_host, parameters, rule_for
from flowgraph.plan.jax.rules import RULES
from tests.registry import unregistered

X = np.random.default_rng(0).normal(size=(6, 4))
Y = np.array([0, 1, 2, 0, 1, 2])


@pytest.fixture(autouse=True)
def _wide():
    with jax.enable_x64(True):
        yield


def classifier(dtype=float):
    x, y = fg.Input("x", shape=("N", 4), dtype=dtype), fg.Input("y", shape=("N",), dtype=int)
    mlp = fg.MLP([4, 5, 3], rng=0, dtype=dtype)
    return fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x), y)) + 0.1 * fg.L2(*mlp.weights))


def test_jit_and_grad_are_those_of_the_graph():
    graph = classifier()
    run = graph.fprop(x=X, y=Y)
    value, grads = jax.jit(jax.value_and_grad(function(graph)))(parameters(graph), {"x": X, "y": Y})
    np.testing.assert_allclose(value, float(run), rtol=1e-14)
    expected = run.bprop()
    for name, grad in grads.items():
        np.testing.assert_allclose(grad, expected[name], rtol=1e-12, atol=1e-15)


def test_vmap_over_an_ensemble():
    graph, f = classifier(), function(classifier())
    several = [{name: value + i for name, value in parameters(graph).items()} for i in range(3)]
    stacked = jax.tree.map(lambda *values: jnp.stack(values), *several)
    feeds = {"x": X, "y": Y}
    found = jax.vmap(jax.grad(f), in_axes=(0, None))(stacked, feeds)
    for i, one in enumerate(several):
        expected = jax.grad(f)(one, feeds)
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][i], value, rtol=1e-10, atol=1e-14)


def test_second_derivatives_are_those_of_the_gradient_graph():
    x, w = fg.Input("x", shape=("N", 4)), fg.Parameter(np.ones((4, 2)) / 3, name="w")
    loss = fg.mean(np.tanh(x @ w) ** 3)
    hessian = fg.Graph(fg.hessian(loss, [w])).fprop(x=X)
    found = jax.jit(jax.hessian(function(fg.Graph(loss))))({"w": w.value}, {"x": X})["w"]["w"]
    np.testing.assert_allclose(found.reshape(8, 8), np.asarray(hessian.outputs[0]).reshape(8, 8), atol=1e-13)


def test_shard_map_over_the_batch():
    graph = classifier()
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:1]), ("data",))
    spec = jax.sharding.PartitionSpec
    f = function(graph)

    def grads(values, x, y):
        return jax.grad(lambda values: jax.lax.pmean(f(values, {"x": x, "y": y}), "data"))(values)

    sharded = jax.shard_map(grads, mesh=mesh, in_specs=(spec(), spec("data"), spec("data")), out_specs=spec())
    found = jax.jit(sharded)(parameters(graph), X, Y)
    expected = graph.fprop(x=X, y=Y).bprop()
    for name, grad in found.items():
        np.testing.assert_allclose(grad, expected[name], rtol=1e-12, atol=1e-15)


def test_a_branch_that_is_not_taken_gets_an_exact_zero():
    x = fg.Input("x", shape=("N",))
    f = function(fg.Graph(np.sum(np.where(x > 0, np.log(x), 0))))
    found = jax.grad(lambda x: f({}, {"x": x}))(jnp.array([0.0, 2.0]))
    assert found.tolist() == [0.0, 0.5]


def test_the_gradient_is_that_of_bprop_not_of_fprop():
    with unregistered():

        class Straight(fg.Elementwise):
            def fprop(self, a):
                return np.round(a)

            def bprop(self, grad, h, a):
                return (grad,)

    f = function(fg.Graph(np.sum(Straight(fg.Input("a", shape=("N",))) * 2)))
    assert jax.grad(lambda a: f({}, {"a": a}))(jnp.array([0.3, 1.7])).tolist() == [2.0, 2.0]


def test_a_label_that_is_no_class_makes_the_result_nan():
    graph = classifier()
    f = jax.jit(function(graph))
    assert np.isfinite(f(parameters(graph), {"x": X, "y": Y}))
    assert np.isnan(f(parameters(graph), {"x": X, "y": Y + 1}))
    assert np.isnan(f(parameters(graph), {"x": X, "y": Y - 1}))


@pytest.mark.sampled(one_in=8)
@pytest.mark.parametrize("build", [
    lambda a, i: a[i], lambda a, i: a[..., i], lambda a, i: fg.add_at(a, i, 1.0), lambda a, i: fg.set_at(a, i, 1.0),
])  # fmt: skip
@pytest.mark.parametrize("outside", [3, -4])
def test_a_place_outside_of_an_array_is_nan_and_refused_by_a_plan(build, outside):
    a, i = fg.Input("a", shape=(3,)), fg.Input("i", shape=("N",), dtype=int)
    graph = fg.Graph(build(a, i))
    f, plan = function(graph), fg.compile(graph, backend="jax")
    for places in ([0, -1], [0, outside]):
        feeds = {"a": np.arange(3.0), "i": np.array(places)}
        if outside in places:
            assert np.isnan(f({}, feeds)).all()
            with pytest.raises(IndexError):
                plan(feeds)
        else:
            expected = graph.fprop(feeds).outputs[0]
            np.testing.assert_array_equal(f({}, feeds), expected)
            np.testing.assert_array_equal(plan(feeds)[0], expected)


def test_a_loss_of_what_a_factorisation_leaves_open_has_no_gradient():
    a = fg.Input("a", shape=(3, 3))
    values, vectors = np.linalg.eigh(a)
    open_, closed = (function(fg.Graph(loss)) for loss in (np.sum(vectors[0]), np.sum(values**2)))
    equal = jnp.diag(jnp.array([1.0, 1.0, 2.0]))
    assert np.isnan(jax.grad(lambda a: open_({}, {"a": a}))(equal)).any()
    assert np.isfinite(jax.grad(lambda a: closed({}, {"a": a}))(equal)).all()


def test_random_leaves_draw_from_the_key():
    x = fg.Input("x", shape=("N", 4))
    noise = [fg.Random(lambda g, shape: g.normal(1.0, 2.0, size=shape), shape=("N", 4)) for _ in range(2)]
    f = jax.jit(function(fg.Graph(x + noise[0], x + noise[1])))
    feeds = {"x": np.zeros((5000, 4))}
    one, other = f({}, feeds, jax.random.key(0))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(one, f({}, feeds, jax.random.key(0))[0])
    assert not np.array_equal(one, f({}, feeds, jax.random.key(1))[0])
    assert abs(float(one.mean()) - 1) < 0.1
    assert abs(float(one.std()) - 2) < 0.1
    with pytest.raises(UsageError, match=r"found no key; needs f\(parameters, inputs, jax.random.key"):
        f({}, feeds)


@pytest.mark.sampled(one_in=12)
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("random", ()), ("uniform", (2.0, 5.0)), ("standard_normal", ()), ("normal", (1.0, 2.0)),
        ("gumbel", (1.0, 2.0)),
        ("exponential", (2.0,)), ("laplace", (1.0, 2.0)), ("gamma", (2.0, 3.0)), ("poisson", (3.0,)),
        ("binomial", (5, 0.3)), ("integers", (2, 9)), ("lognormal", (0.0, 0.5)),
    ],
)  # fmt: skip
def test_draws_have_the_distribution_of_numpys(name, arguments):
    leaf = fg.Random(lambda g, shape: getattr(g, name)(*arguments, size=shape), shape=(20000,))
    found = function(fg.Graph(leaf * 1.0))({}, {}, jax.random.key(3))
    expected = getattr(np.random.default_rng(4), name)(*arguments, size=20000)
    for measure in (np.mean, np.std):
        error = 6 * np.std(expected) / np.sqrt(20000) * 3
        assert abs(measure(found) - measure(expected)) < error


def test_what_is_given_is_held_against_the_graph():
    graph = classifier()
    f, p, feeds = function(graph), parameters(graph), {"x": X, "y": Y}
    with pytest.raises(FeedError, match="found no 'y' among inputs, needs x, y"):
        f(p, {"x": X})
    with pytest.raises(FeedError, match="found 'z' among inputs"):
        f(p, {**feeds, "z": X})
    with pytest.raises(FeedError, match="found a list as parameters, needs a dict"):
        f([1.0], feeds)
    with pytest.raises(ShapeError, match=r"x: found the shape \(6, 2\), needs \(N, 4\)"):
        f(p, {**feeds, "x": X[:, :2]})
    with pytest.raises(ShapeError, match="N = 6"):
        f(p, {**feeds, "y": Y[:3]})
    for dtype in (jnp.bfloat16, jnp.float8_e4m3fn):
        with pytest.raises(DtypeError, match=r"x: found dtype (bfloat16|float8_e4m3fn), needs float64"):
            f(p, {**feeds, "x": jnp.asarray(X, dtype)})
    name = next(iter(p))
    with pytest.raises(DtypeError, match=f"{name}: found dtype float32, needs float64"):
        f({**p, name: p[name].astype(np.float32)}, feeds)
    with pytest.raises(UsageError, match="needs a Graph or a box"):
        function(lambda x: x)


def test_narrow_jax_refuses_a_wide_graph_and_runs_a_narrow_one():
    wide, narrow = classifier(), classifier(np.float32)
    with jax.enable_x64(False):
        with pytest.raises(DtypeError, match="the graph computes in float64, and JAX would narrow it to float32"):
            function(wide)(parameters(wide), {"x": X, "y": Y})
        feeds = {"x": X.astype(np.float32), "y": Y}
        grads = jax.jit(jax.grad(function(narrow)))(parameters(narrow), feeds)
        expected = narrow.fprop(feeds).bprop()
        for name, grad in grads.items():
            assert grad.dtype == np.float32
            np.testing.assert_allclose(grad, expected[name], rtol=1e-4, atol=1e-6)
        big = fg.Graph(fg.Input("i", dtype=int) + 2**40)
        with pytest.raises(DtypeError, match="found numbers beyond int32"):
            function(big)({}, {"i": 1})


def test_a_box_without_a_twin_is_refused_by_name_before_anything_runs():
    ran = []
    with unregistered():

        class Before(fg.Elementwise):
            def fprop(self, a):
                ran.append(type(a))
                return a + 1

            def bprop(self, grad, h, a):
                return (grad,)

        class Loop(fg.Elementwise):
            def fprop(self, a):
                return np.vectorize(lambda one: 2 * one if one > 0 else one, otypes=[float])(a)

            def bprop(self, grad, h, a):
                return (np.where(a > 0, 2 * grad, grad),)

    box = Loop(Before(fg.Input("a", shape=("N",))), name="loop")
    f = function(fg.Graph(box))
    ran.clear()  # of the trial by which the dtype was found
    with pytest.raises(UnsupportedError, match=r"(?s)Loop 'loop': JAX cannot compute it: it makes a.*rule_for\("
                                               r"Loop\).*built at test_function.py"):  # fmt: skip
        f({}, {"a": np.ones(3)})
    assert np.ndarray not in ran
    try:
        rule_for(Loop)(on_host)
        a = jnp.array([-1.0, 3.0])
        found, pull = jax.vjp(lambda a: f({}, {"a": a}), a)
        assert found.tolist() == [0.0, 8.0]
        assert pull(jnp.ones(2))[0].tolist() == [1.0, 2.0]
        assert jax.jit(jax.vmap(lambda a: f({}, {"a": a})))(jnp.stack([a, -a])).tolist() == [[0.0, 8.0], [4.0, -2.0]]
        rule_for(Loop)(lambda box, a: jnp.where(a > 0, 2 * a, a))
        assert f({}, {"a": jnp.array([-1.0, 3.0, 1.0])}).tolist() == [0.0, 8.0, 4.0]
    finally:
        RULES.by_class.pop(Loop, None)


def test_a_mask_from_outside_is_refused_and_a_constant_one_is_not():
    a, mask = fg.Input("a", shape=(3,)), fg.Input("mask", shape=(3,), dtype=bool)
    with pytest.raises(
        UnsupportedError, match=r"(?s)Index: JAX cannot compute it: a mask takes as many elements.*np.where"
    ):
        function(fg.Graph(fg.sum(a[mask])))({}, {"a": np.ones(3), "mask": np.array([True, False, True])})
    f = function(fg.Graph(fg.sum(a[np.array([True, False, True])] ** 2)))
    assert jax.jit(jax.grad(lambda a: f({}, {"a": a})))(jnp.arange(3.0)).tolist() == [0.0, 0.0, 4.0]


def test_a_foreign_dtype_is_refused_when_the_function_is_made():
    if np.dtype(np.longdouble).itemsize == 8:
        pytest.skip("longdouble is float64 on this platform")
    with pytest.raises(DtypeError, match=r"found dtype (float128|longdouble), which JAX does not have"):
        function(fg.Graph(fg.Input("a", dtype=np.longdouble) * 2))

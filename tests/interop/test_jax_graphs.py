"""Functions of JAX as graphs: JAX's own values and gradients, names, scopes, and what they look like."""

import numpy as np
import pytest

import flowgraph as fg

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402

from flowgraph.interop.jax.graphs import (  # noqa: E402  # noqa: E402
    MOST_UNROLLED,
    PRIMITIVES,
    JaxOperation,
    graph_of,
    leaves_of,
    primitive_rule,
)


@pytest.fixture(autouse=True)
def _double_precision():
    with jax.enable_x64(True):
        yield


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).normal(size=shape)


def agrees(f, *examples, opaque=(), tolerance=1e-10):
    """Values and gradients by every array are those of JAX; returns the graph."""
    graph = graph_of(f, *examples)
    assert {box.jaxpr.eqns[0].primitive.name for box in graph.boxes if isinstance(box, JaxOperation)} == set(opaque)
    flat, tree = jax.tree.flatten(examples)
    floats = [place for place, one in enumerate(flat) if np.asarray(one).dtype.kind in "fc"]

    def of_floats(*given):
        every = dict(zip(floats, given, strict=True))
        return jax.tree.leaves(f(*jax.tree.unflatten(tree, [every.get(i, one) for i, one in enumerate(flat)])))

    values, send = jax.vjp(of_floats, *(jnp.asarray(flat[place]) for place in floats))
    known = {box.name: box for box in graph.inputs}
    leaves = [known.get(name) for name in names_of_leaves(f, examples)]
    run = graph.fprop({box: one for box, one in zip(leaves, flat, strict=True) if box is not None})
    for array, expected in zip(run.outputs, values, strict=True):
        assert array.dtype == expected.dtype
        np.testing.assert_allclose(array, expected, rtol=tolerance, atol=tolerance)
    seeds = [
        normal(*one.shape, seed=i).astype(one.dtype) if is_real(one) else zero(one) for i, one in enumerate(values)
    ]
    sent = {}
    for box, seed, value in zip(graph.outputs, seeds, values, strict=True):
        if is_real(value):
            sent[box] = sent.get(box, 0) + seed
    wanted = {box: place for place, box in enumerate(leaves) if box is not None and place in floats}
    grads = run.bprop(sent, wrt=list(wanted), unused="zeros")
    expected = dict(zip(floats, send(seeds), strict=True))
    for box, place in wanted.items():
        np.testing.assert_allclose(grads[box], expected[place], rtol=tolerance, atol=tolerance, err_msg=box.name)
    return graph


def is_real(value):
    return np.dtype(value.dtype).kind == "f"


def zero(value):
    return np.zeros(value.shape, jax.dtypes.float0)


def names_of_leaves(f, examples):
    """The name of each array of the arguments, whether the outputs read it or not."""
    return [leaf.name for leaf in leaves_of(f, examples, {}, set(), jax.make_jaxpr(f)(*examples))]


X = normal(4, 5)

FUNCTIONS = {
    "arithmetic": lambda x: (x + 2) * 3 - x / 4 + 1 / (x * x + 1) - (5 - x) ** 3 + x**2 + (x * x + 1) ** -2,
    "functions": lambda x: jnp.exp(x) + jnp.log1p(x * x) + jnp.sin(x) + jax.lax.erf(x) + jax.lax.rsqrt(x * x + 1),
    "activations": lambda x: [
        g(x) for g in (jax.nn.relu, jax.nn.gelu, jax.nn.silu, jax.nn.softplus, jax.nn.sigmoid, jax.nn.elu,
                       jax.nn.leaky_relu, jax.nn.relu6, jax.nn.softmax, jax.nn.log_softmax, jax.nn.log_sigmoid)
    ],
    "at a kink": lambda x: jax.nn.relu(x * 0),
    "choices": lambda x: jnp.where(x > 0, jnp.clip(x, -0.5, 0.5), jnp.maximum(x, -x)) + jnp.sign(x) * jnp.abs(x),
    "statistics": lambda x: jnp.var(x, 1).sum() + x.std() + jnp.mean(x) + jnp.linalg.norm(x) + x.prod(1).sum(),
    "extremes": lambda x: [x.max(1), x.min(), x.argmax(0), jax.nn.logsumexp(x, 1), jnp.ptp(x)],
    "sums": lambda x: jnp.cumsum(x, 1).sum(0) + jnp.cumprod(x, 0)[-1] + jax.lax.cumsum(x, 0, reverse=True)[0],
    "shapes": lambda x: jnp.concatenate([x.T.reshape(4, 5), jnp.roll(x, 1, 0)[::-1], x[1:, ::2].repeat(2, 1)[:, :5]]),
    "indices": lambda x: x[jnp.array([0, 2])].sum() + x[:, jnp.array([3, 3, 1])].sum(0) + x[-1, 2],
    "padding": lambda x: jnp.pad(x, ((1, 2), (0, 1))).sum(0)[:-1] * jnp.pad(x, 1, mode="edge")[0, :-2],
    "products": lambda x: (x @ x.T) @ x + jnp.einsum("ij,kj,kl->il", x, x, x) + jnp.outer(x[0, :4], x[1]),
    "batches of products": lambda x: jax.vmap(lambda a: jnp.outer(a, a) @ a)(x) + jnp.tensordot(x, jnp.eye(5), 1),
    "triangles": lambda x: jnp.tril(x) + jnp.triu(x, 1) * 2 + jnp.trace(x) + jnp.eye(4, 5),
    "whole numbers": lambda x: [(x * 10).astype(int) // 3, (x > 0) & (x < 1) | ~(x > -1), jnp.round(x), x % 0.3],
    "by platform": lambda x: jnp.diagonal(x[:, :4]) * 2,
    "stopped": lambda x: x * jax.lax.stop_gradient(x),
    "remembered less": jax.checkpoint(lambda x: jnp.sin(jnp.sin(x))),
}  # fmt: skip


def test_functions():
    graph = agrees(lambda x: [f(x) for f in FUNCTIONS.values()], X)
    assert {type(box) for box in graph.boxes} >= {fg.Einsum, fg.CumSum, fg.Erf, fg.ReLU, fg.MatMul}
    assert len(graph.inputs) == 1


def conv(x, w, **settings):
    return jax.lax.conv_general_dilated(x, w, **settings)


@pytest.mark.sampled(one_in=6)
def test_convolutions_and_pooling():
    def images(x, w, v):
        places = ("NHWC", "HWIO", "NHWC")
        pool = (jax.lax.max, jax.lax.add)
        windows = {"window_dimensions": (1, 1, 2, 2), "window_strides": (1, 1, 2, 2), "padding": "VALID"}
        return [
            conv(x, w, window_strides=(1, 2), padding="SAME"),
            conv(x, w, window_strides=(1, 1), padding=((1, 0), (0, 2)), rhs_dilation=(2, 1)),
            conv(x.transpose(0, 2, 3, 1), v, window_strides=(1, 1), padding="VALID", dimension_numbers=places),
            *(jax.lax.reduce_window(x, init, one, **windows) for one, init in zip(pool, (-np.inf, 0.0), strict=True)),
        ]

    agrees(images, normal(2, 3, 6, 7), normal(4, 3, 3, 2), normal(2, 2, 3, 4))
    agrees(
        lambda x, w: conv(x, w, window_strides=(1,), padding="SAME", feature_group_count=2),
        normal(2, 4, 6),
        normal(6, 2, 3),
    )


def network(params, batch):
    h = batch["x"]
    for layer in params["layers"]:
        with jax.named_scope(f"dense{layer['W'].shape[1]}"):
            h = jnp.tanh(h @ layer["W"] + layer["b"])
    return -jnp.mean(jax.nn.log_softmax(h)[jnp.arange(len(h)), batch["y"]])


PARAMS = {"layers": [{"W": normal(5, 4), "b": normal(4)}, {"W": normal(4, 3), "b": normal(3)}]}
BATCH = {"x": X, "y": np.array([0, 2, 1, 1])}


def test_a_network_of_containers_has_names_scopes_and_parameters():
    agrees(network, PARAMS, BATCH)
    graph = graph_of(network, PARAMS, BATCH, parameters=0)
    assert {box.name for box in graph.inputs} == {"batch/x", "batch/y"}
    assert {box.name for box in graph.parameters} == {f"layers/{i}/{name}" for i in (0, 1) for name in "Wb"}
    assert {"dense4/", "dense3/"} <= {box.scope for box in graph.boxes}
    grads = graph.fprop({"batch/x": BATCH["x"], "batch/y": BATCH["y"]}).bprop()
    expected = jax.grad(network)(PARAMS, BATCH)
    np.testing.assert_allclose(grads["layers/0/W"], expected["layers"][0]["W"], rtol=1e-10)


def test_functions_under_jit_are_scopes_one_for_each_call():
    @jax.jit
    def block(x):
        return jnp.sin(x) * x + 1

    graph = agrees(lambda x: block(block(x)), X)
    assert {"block/", "block_2/"} <= {box.scope for box in graph.boxes}


def test_short_scans_are_unrolled_and_long_ones_are_boxes():
    def rnn(W, xs, reverse=False):
        def step(h, x):
            h = jnp.tanh(h @ W + x)
            return h, h * 2

        return jax.lax.scan(step, jnp.zeros(5), xs, reverse=reverse)

    agrees(rnn, normal(5, 5), X)
    agrees(lambda W, xs: rnn(W, xs, True), normal(5, 5), X)
    long = normal(MOST_UNROLLED, 5)
    graph = agrees(rnn, normal(5, 5), long, opaque=["scan"])
    assert len(graph) < 10
    assert "scan" in graph.to_dot()


@pytest.mark.sampled(one_in=6)
def test_loops_branches_and_what_has_no_boxes():
    agrees(lambda x: jax.lax.cond(x.sum() > 0, jnp.sin, jnp.cos, x), X, opaque=["cond"])
    agrees(lambda x: jax.lax.fori_loop(0, 3, lambda i, h: h * x, x), X, opaque=[])
    agrees(lambda x: jnp.sort(x, 1)[:, 0] + jax.scipy.special.i0(x)[:, 0], X, opaque=["sort", "bessel_i0e"])
    graph = graph_of(lambda x: jax.lax.while_loop(lambda h: h.sum() < 9, lambda h: h + 1, x), X)
    np.testing.assert_allclose(graph.fprop(x=X).outputs[0].sum(), 9, atol=20)


def test_a_derivative_of_ones_own_is_kept():
    @jax.custom_vjp
    def straight(x):
        return jnp.round(x)

    straight.defvjp(lambda x: (jnp.round(x), None), lambda _, g: (g,))

    @jax.custom_jvp
    def doubled(x):
        return x * 1

    doubled.defjvp(lambda x, t: (x[0], 2 * t[0]))
    agrees(lambda x: straight(x) * doubled(x), X, opaque=["custom_vjp_call", "custom_jvp_call"])


def test_single_precision_and_complex_values():
    with jax.enable_x64(False):
        graph = agrees(lambda x: jnp.tanh(x) @ jnp.ones(5), X.astype(np.float32), tolerance=1e-5)
    assert {box.dtype for box in graph.boxes} == {np.dtype("float32")}
    agrees(lambda x: jnp.real(jnp.exp(1j * x) * jnp.conj(x + 2j)), X)


def test_arguments_that_nothing_reads_and_outputs_that_read_nothing():
    graph = graph_of(lambda x, y: (jnp.zeros(3), y, 2.0), X, X)
    run = graph.fprop(y=X)
    np.testing.assert_array_equal(run.outputs[1], X)
    assert run.outputs[0].tolist() == [0, 0, 0]
    assert run.outputs[2] == 2


def test_a_picture_of_a_function_is_one_call(tmp_path):
    path = fg.render(network, PARAMS, jax.tree.map(jnp.asarray, BATCH), tmp_path / "net.dot")
    assert "dense4" in path.read_text()


def test_what_no_graph_stands_for_is_an_error():
    key = jax.random.key(0)
    for call, words in (
        (lambda: graph_of(lambda k: jax.random.normal(k, (3,)), key), "key of random numbers"),
        (lambda: graph_of(lambda x: x + jax.random.normal(jax.random.key(0), (3,)), normal(3)), "draw outside"),
        (lambda: graph_of(3, X), "found a int"),
        (lambda: graph_of(jnp.sin, X, parameters=1), "found parameters=1"),
        (lambda: graph_of(jnp.sin, X.astype(jnp.bfloat16)), "bfloat16"),
    ):
        with pytest.raises((fg.FlowgraphError, TypeError), match=words):
            call()


def test_a_rule_of_ones_own():
    before = PRIMITIVES.of(["sinh"])
    try:
        primitive_rule("sinh")(lambda a, **_: (np.exp(a) - np.exp(-a)) / 2)
        assert any(isinstance(box, fg.Exp) for box in agrees(jnp.sinh, X).boxes)
        primitive_rule("sinh")(lambda a, **_: a[:1])
        with pytest.raises(TypeError, match=r"the rule for sinh gave the shape \(1, 5\), needs \(4, 5\)"):
            graph_of(jnp.sinh, X)
    finally:
        primitive_rule("sinh")(before)

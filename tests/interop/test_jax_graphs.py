"""Functions of JAX as graphs: JAX's own values and gradients, names, scopes, and what they look like."""

import inspect
from functools import partial
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402
from jax import lax  # noqa: E402

from flowgraph.checking.frameworks.jax_numpy import settings_of  # noqa: E402
from flowgraph.interop.jax import graphs  # noqa: E402
from flowgraph.interop.jax.graphs import (  # noqa: E402
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
    by_jax = {box.jaxpr.eqns[0].primitive.name for box in graph.boxes if isinstance(box, JaxOperation)}
    assert opaque is None or by_jax == set(opaque)
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
    if not sent:
        return graph
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


FLOATS, BYTES, IMAGES = normal(3, 4), np.array([[100, -128, 3], [127, 5, -7], [64, 2, 90]], np.int8), normal(2, 2, 4, 4)
PLACES = np.array([[0, 1], [2, 7], [-1, -9]])
CASES = {
    "reduce_precision": [(partial(lax.reduce_precision, exponent_bits=e, mantissa_bits=m), FLOATS)
                         for e, m in ((8, 7), (5, 10), (11, 52))],
    "mul": [(partial(lax.mul, out_dtype=dtype), BYTES, BYTES) for dtype in (None, np.int8, np.int32, np.float32)],
    "dot_general": [
        (partial(lax.dot_general, dimension_numbers=(((1,), (axis,)), ((), ())), **settings), a, a)
        for axis, a in ((0, BYTES), (1, BYTES), (1, FLOATS))
        for settings in (
            {}, {"preferred_element_type": np.int32 if a is BYTES else np.float64}, {"precision": "highest"},
            *([{"precision": lax.DotAlgorithmPreset.F16_F16_F16}] if a is FLOATS else []),
        )
    ],
    "conv_general_dilated": [
        (partial(conv, **{"window_strides": (1, 1), "padding": "SAME"} | settings), a, a[..., :2, :2])
        for a in (IMAGES, (IMAGES * 40).astype(np.int8))
        for settings in (
            {}, {"window_strides": (2, 1), "padding": "VALID"}, {"padding": ((0, 1), (2, 0))}, {"rhs_dilation": (1, 2)},
            {"lhs_dilation": (2, 1), "padding": ((0, 1), (1, 0))}, {"batch_group_count": 2}, {"precision": "highest"},
            {"dimension_numbers": ("CNHW", "IOHW", "CNWH")},
            {"preferred_element_type": np.float64 if a is IMAGES else np.int32},
        )
    ] + [(partial(conv, window_strides=(1, 1), padding="SAME", feature_group_count=2), IMAGES, IMAGES[:, :1])],
    "reduce_window_max, reduce_window_sum": [
        (lambda a, init=init, one=one, settings=settings: lax.reduce_window(a, init, one, **settings), FLOATS)
        for init, one in ((-np.inf, lax.max), (0.0, lax.add))
        for settings in (
            {"window_dimensions": (1, 2), "window_strides": (1, 1), "padding": "VALID"},
            {"window_dimensions": (2, 2), "window_strides": (1, 2), "padding": "SAME"},
            {"window_dimensions": (2, 2), "window_strides": (1, 1), "padding": "SAME", "base_dilation": (1, 2)},
            {"window_dimensions": (2, 2), "window_strides": (1, 1), "padding": "SAME", "window_dilation": (1, 2)},
        )[: 4 if one is lax.add else 3]  # JAX has no gradient of a dilated maximum
    ] + [(partial(lax.reduce_window, init_value=np.int8(-128), computation=lax.max, window_dimensions=(1, 2),
                  window_strides=(1, 1), padding="VALID", window_dilation=(1, 2)), BYTES)],
    "gather": [
        (lambda a, mode=mode, fill=fill, sizes=sizes, of=of: lax.gather(
            a, PLACES[:, :len(of.start_index_map)], of, sizes, mode=mode, fill_value=fill), FLOATS)
        for mode, fill in (("clip", None), ("fill", None), ("fill", -1.0), ("promise_in_bounds", None))
        for sizes, of in (
            ((1, 4), lax.GatherDimensionNumbers((1,), (0,), (0,))),
            ((3, 1), lax.GatherDimensionNumbers((0,), (1,), (1,))),
            ((1, 1), lax.GatherDimensionNumbers((), (0, 1), (0, 1))),
            ((1, 2), lax.GatherDimensionNumbers((1,), (0,), (0, 1))),
        )
    ],
    "round": [(partial(lax.round, rounding_method=method), np.array([0.5, -0.5, 1.5, -2.5, np.nextafter(0.5, 0), 2e16]))
              for method in lax.RoundingMethod],
    "div": [(lax.div, FLOATS, FLOATS + 1), (lax.div, np.array([2**62 + 1, -(2**62) - 1, 7]), np.array([1, 3, -2]))],
    "integer_pow": [(partial(lax.integer_pow, y=y), FLOATS) for y in (2, 3, -2)],
    "argmax, argmin": [(partial(f, axis=axis, index_dtype=dtype), FLOATS)
                       for f, axis, dtype in product((lax.argmax, lax.argmin), (0, 1), (np.int32, np.uint8))],
    "cumsum, cumprod": [(partial(f, axis=axis, reverse=reverse), FLOATS)
                        for f, axis, reverse in product((lax.cumsum, lax.cumprod), (0, 1), (False, True))],
    "reductions": [(lambda a, f=f, axis=axis: f(a, axis=axis), a)
                   for f, axis in product((jnp.sum, jnp.max, jnp.min, jnp.prod, jnp.all, jnp.any), (0, 1, None))
                   for a in (FLOATS, BYTES)],
    "moves": [
        (lambda a: [lax.reshape(a, (2, 6)), lax.reshape(a, (4, 3), (1, 0)), lax.squeeze(a[None], (0,)),
                    lax.squeeze(a[:, None], (1,)), lax.transpose(a[None], (2, 1, 0)), lax.transpose(a, (1, 0)),
                    lax.rev(a, (0,)), lax.rev(a, (1,)), lax.slice(a, (1, 0), (3, 4), (1, 2)),
                    lax.slice(a, (0, 1), (2, 2)), lax.concatenate([a, a], 0), lax.concatenate([a, a], 1),
                    *lax.split(a, (1, 2)), *lax.split(a, (1, 3), 1), lax.broadcast_in_dim(a, (3, 4, 2), (0, 1)),
                    lax.broadcast_in_dim(a, (2, 3, 4), (1, 2)), lax.pad(a, 2.0, ((1, 0, 0), (-1, 2, 0))),
                    lax.pad(a, 0.0, ((0, 0, 1), (0, 0, 0))), a.astype(np.int8), a.astype(np.float32),
                    lax.broadcasted_iota(np.int32, (3, 4), 1) * a, lax.broadcasted_iota(np.uint8, (4, 3), 0) * a.T,
                    *lax.optimization_barrier((a, a + 1)), lax.optimization_barrier(a) * 2], FLOATS),
    ],
}  # fmt: skip
"""Functions that together give each parameter of each primitive with a rule several values."""

RULES = {name: PRIMITIVES.of([name]) for name in PRIMITIVES.names}


@pytest.mark.parametrize("name", CASES)
def test_every_value_of_a_parameter_has_the_numbers_of_jax(name):
    for f, *arrays in CASES[name]:
        agrees(f, *arrays, opaque=None, tolerance=1e-6)


def test_the_cases_give_each_parameter_that_a_rule_takes_two_values():
    seen = {}
    for f, *arrays in (case for cases in CASES.values() for case in cases):
        for equation in equations(jax.make_jaxpr(f)(*arrays).jaxpr):
            for parameter, value in equation.params.items():
                seen.setdefault((equation.primitive.name, parameter), set()).add(str(value))
    taken = {(name, one.name) for name, rule in RULES.items()
             for one in inspect.signature(rule).parameters.values() if one.kind is one.KEYWORD_ONLY}  # fmt: skip
    assert {pair for pair in taken if len(seen.get(pair, ())) < 2} == set()


def equations(jaxpr):
    """All equations, those of functions that are called too."""
    for equation in jaxpr.eqns:
        yield equation
        inner = equation.params.get("jaxpr")
        if inner is not None:
            yield from equations(getattr(inner, "jaxpr", inner))


def test_no_rule_stands_for_an_equation_with_a_parameter_that_it_does_not_take_or_without_one_that_it_needs():
    for name, rule in {**RULES, **graphs._STRUCTURES}.items():
        parameters = [one for one in inspect.signature(rule).parameters.values() if one.kind is one.KEYWORD_ONLY]
        settings = {one.name: 0 for one in parameters}
        assert settings_of(rule, settings) is not None
        assert settings_of(rule, {**settings, "of_a_later_version": None}) is None, name
        for one in parameters:
            less = {other: value for other, value in settings.items() if other != one.name}
            assert (settings_of(rule, less) is None) == (one.default is one.empty), name


@pytest.mark.parametrize(
    "rename",
    [lambda parameters: {**parameters, "of_a_later_version": 1}, lambda parameters: {}],
    ids=["more", "none"],
)
def test_an_equation_whose_parameters_are_not_known_is_a_box_that_calls_jax(monkeypatch, rename):
    monkeypatch.setattr(graphs, "scan_parameters", rename)

    def sums(x):
        return jax.lax.scan(lambda total, row: (total + row, total * row), jnp.zeros(5), x)

    agrees(sums, X, opaque=["scan"])


@given(st.data())
@pytest.mark.sampled(one_in=4)
def test_places_outside_of_an_array_have_values_and_gradients_of_jax(data):
    shape = data.draw(st.tuples(*[st.integers(1, 4)] * 2))
    axis, mode = data.draw(st.integers(0, 1)), data.draw(st.sampled_from([None, "clip", "fill"]))
    dtype = np.dtype(data.draw(st.sampled_from([np.int64, np.int32, np.int8, np.uint8])))
    near = st.integers(0 if dtype.kind == "u" else -9, 9)
    places = np.array(data.draw(st.lists(st.lists(near, min_size=2, max_size=2), min_size=1, max_size=3)), dtype)
    number = data.draw(st.sampled_from([None, -1.0]))
    ways = {
        "take": lambda x, i: jnp.take(x, i, axis=axis, mode=mode),
        "get": lambda x, i: x.at[(slice(None),) * axis + (i,)].get(mode=mode, fill_value=number),
        "index": lambda x, i: x[i] if axis == 0 else x[:, i],
        "both": lambda x, i: x.at[i, i].get(mode=mode),
        "along": lambda x, i: jnp.take_along_axis(x, i[:1, :1], axis=axis, mode=mode),
        "number": lambda x, i: x[i[0, 0]],
    }
    f = ways[data.draw(st.sampled_from(sorted(ways)))]
    x = normal(*shape)
    agrees(f, x, places, opaque=None)
    agrees(lambda x: f(x, jnp.asarray(places)), x, opaque=None)


def test_all_boxes_stand_in_the_scope_that_is_open():
    def layer(parameters, x):
        return jax.jit(lambda x: jnp.tanh(x @ parameters["W"]))(x)

    with fg.scope("a"):
        graph = graph_of(layer, {"W": np.ones((2, 3))}, np.ones((4, 2)), parameters=0)
    assert all(str(graph.names[box]).startswith("a/") for box in graph.boxes if not isinstance(box, fg.Constant))

"""A graph as a module of PyTorch in training and in evaluation, and under the transforms of torch.func."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.box.random_draws import Draw, draws
from tests.interop.small_mlp import normal

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.func import functional_call, grad, hessian, jacfwd, jacrev, jvp, vmap  # noqa: E402

from flowgraph.interop.torch import graph_of, module  # noqa: E402

X = fg.Input("x", shape=("N", 3))


def double(*shape):
    return torch.randn(shape, dtype=torch.float64)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@given(st.lists(st.sampled_from(["norm", "dropout", "tanh"]), min_size=1, max_size=5), st.integers(0, 2**31))
@settings(max_examples=20)
def test_layers_train_and_are_used_as_those_of_pytorch(kinds, seed):
    torch.manual_seed(seed)
    h, layers, updates = X, [], {}
    for number, kind in enumerate(kinds):
        if kind == "norm":
            with fg.scope(f"norm{number}"):
                norm = fg.BatchNorm(3)
            updates |= norm.updates(h)
            h = norm(h, training=True)
            layers.append(nn.BatchNorm1d(3))
        else:
            h = fg.dropout(h, 0.0 if "norm" in kinds else 0.5) if kind == "dropout" else np.tanh(h)
            layers.append(nn.Dropout(0.0 if "norm" in kinds else 0.5) if kind == "dropout" else nn.Tanh())
    ours, theirs = nn.Sequential(module(h, updates=updates)), nn.Sequential(*layers).double()
    for _ in range(3):
        x = double(6, 3)
        found, expected = ours(x), theirs(x)
        if "dropout" not in kinds or "norm" in kinds:
            torch.testing.assert_close(found, expected)
    ours.eval(), theirs.eval()
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    torch.testing.assert_close(ours(one), theirs(other))
    ours(one).sum().backward(), theirs(other).sum().backward()
    torch.testing.assert_close(one.grad, other.grad)
    if "dropout" in kinds and "norm" not in kinds:
        big = torch.ones(99, 3, dtype=torch.float64)
        assert not torch.equal(ours.train()(big), ours(big))


def test_running_statistics_are_buffers_which_files_and_copies_hold():
    with fg.scope("norm"):
        norm = fg.BatchNorm(3)
    made = module(norm(X, training=True), updates=norm.updates(X))
    assert [name for name, _ in made.named_buffers()] == ["norm.mean", "norm.variance"]
    assert [name for name, _ in made.named_parameters()] == ["norm.scale", "norm.shift"]
    made(double(5, 3) + 4).sum().backward()
    assert made.copy_to_graph() is made.graph
    assert norm.mean.value.min() > 0.1
    single = module(norm(X)).float().eval()
    single.load_state_dict(made.state_dict())
    x = double(2, 3)
    torch.testing.assert_close(single(x.float()).double(), made.eval()(x), rtol=1e-5, atol=1e-6)


def test_a_graph_of_a_module_that_trains_is_used_as_the_module_is():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(0.5)).double()
    net(double(4, 1, 5, 5))
    with pytest.warns(UserWarning, match="running_mean"):
        made = module(graph_of(net, double(4, 1, 5, 5), batch_axis="N"))
    x = double(3, 1, 5, 5)
    torch.testing.assert_close(made.eval()(x), net.eval()(x))


def test_the_gradient_of_a_graph_that_trains_is_that_of_the_graph_in_use():
    norm = fg.BatchNorm(3)
    (dx,) = fg.gradient(fg.sum(np.tanh(norm(X, training=True))), [X])
    (in_use,) = fg.gradient(fg.sum(np.tanh(norm(X))), [X])
    x = double(4, 3)
    torch.testing.assert_close(module(dx, updates={}).eval()(x), module(in_use).eval()(x))


def refused(call, *words):
    with pytest.raises(fg.FlowgraphError) as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_what_says_nothing_of_its_value_in_evaluation_is_refused():
    x = double(2, 3)
    made = module(fg.Random(lambda g, shape: g.normal(size=shape), shape=("N", 3), name="noise") * X)
    assert made(x).shape == (2, 3)
    refused(lambda: made.eval()(x), "Random 'noise'", "in_evaluation", ".train()", "built at")
    refused(lambda: module(fg.BatchNorm(3)(X, training=True))(x), "'mean'", "updates=norm.updates(x)", ".eval()")
    inner = fg.scan(lambda c, row: (c, fg.BatchNorm(3)(X * row[0], training=True)), 0.0, X)[1]
    refused(lambda: module(inner), "in the body of Scan", "training=False")
    z = fg.Input("z", shape=("N", 3))
    refused(lambda: module(X * 2, updates=fg.BatchNorm(3).updates(z)), "updates", "same inputs")


def test_a_draw_declares_what_stands_for_it_in_evaluation():
    @dataclass(frozen=True)
    class Noise(Draw):
        scale: float
        in_evaluation: ClassVar[float | None] = 0.0

        def __call__(self, generator, shape):
            return generator.normal(0, self.scale, shape)

    try:
        made = module(X + fg.Random(Noise(0.5), shape=("N", 3))).eval()
        x = double(2, 3)
        assert torch.equal(made(x), x)
        assert not torch.equal(made.train()(x), x)
    finally:
        del draws[Noise.key]


def pairs():
    """Graphs as modules, and the same functions of PyTorch of the weight and the input."""
    w = fg.Parameter(normal(3, 3), name="w")
    yield module(np.tanh(X @ w)), lambda w, x: torch.tanh(x @ w)
    yield module(fg.sum(fg.softmax(X @ w, axis=1) * X, axis=1)), lambda w, x: (torch.softmax(x @ w, 1) * x).sum(1)
    yield module(fg.dropout(np.sin(X @ w), 0.5)).eval(), lambda w, x: torch.sin(x @ w)


TRANSFORMS = {
    "vmap": lambda f, w, x: vmap(f, (None, 0))(w, x),
    "vmap of all": lambda f, w, x: vmap(f, (0, 1))(torch.stack([w, w * 2]), torch.stack([x[0], x[1]], 1)),
    "vmap of vmap": lambda f, w, x: vmap(vmap(f, (0, None)), (None, 0))(torch.stack([w, w * 2]), x),
    "grad": lambda f, w, x: grad(lambda w: f(w, x[0]).sum())(w),
    "a gradient of each example": lambda f, w, x: vmap(grad(lambda w, x: f(w, x).sum()), (None, 0))(w, x),
    "the gradient of vmap": lambda f, w, x: grad(lambda w: vmap(f, (None, 0))(w, x).sum())(w),
    "jacrev": lambda f, w, x: jacrev(f, (0, 1))(w, x[0]),
    "jacfwd": lambda f, w, x: jacfwd(f, (0, 1))(w, x[0]),
    "jvp": lambda f, w, x: jvp(f, (w, x[0]), (w + 1, x[1])),
    "hessian": lambda f, w, x: hessian(lambda w: f(w, x[0]).sum())(w),
    "hessian of each example": lambda f, w, x: vmap(hessian(lambda x: f(w, x).sum()))(x[:, :1]),
}


@pytest.mark.filterwarnings("ignore:.*torch.jit.script")  # of PyTorch about its own forward mode
@pytest.mark.parametrize("transform", TRANSFORMS)
def test_torch_func_transforms_a_module_as_a_function_of_pytorch(transform):
    for made, function in pairs():
        x = double(2, 4, 3)
        w = made.w.detach()
        found = TRANSFORMS[transform](lambda w, x, made=made: functional_call(made, {"w": w}, (x,)), w, x)
        torch.testing.assert_close(found, TRANSFORMS[transform](function, w, x))


def test_a_module_under_vmap_trains():
    made, function = next(pairs())
    x = double(2, 4, 3)
    vmap(made)(x).sum().backward()
    w = made.w.detach().clone().requires_grad_()
    function(w, x).sum().backward()
    torch.testing.assert_close(made.w.grad, w.grad)


def test_what_vmap_cannot_do_is_refused_with_the_way_out():
    x = double(2, 4, 3)
    drops = module(fg.dropout(X, 0.5))
    first, second = vmap(drops, randomness="same")(torch.ones_like(x))
    assert torch.equal(first, second)
    refused(lambda: vmap(drops, randomness="different")(x), "randomness='same'")
    norm = fg.BatchNorm(3)
    refused(lambda: vmap(module(norm(X, training=True), updates=norm.updates(X)))(x), "under vmap", ".eval()")
    made = next(pairs())[0]
    refused(lambda: torch.autograd.functional.jacobian(made, x[0], vectorize=True), "vectorize=True", "torch.func.vmap")

"""Elements by their places: what PyTorch sorts, selects, scatters and measures, as boxes that ONNX has too."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg

torch = pytest.importorskip("torch")
from flowgraph.interop.torch import graph_of  # noqa: E402
from flowgraph.interop.torch.operations.places import largest, sort_along  # noqa: E402
from tests.boxes.indexing.test_order_along import arrays  # noqa: E402
from tests.interop.torch_agreement import agrees, double  # noqa: E402
from tests.seed import seed_of_tree  # noqa: E402


class Drawn(NamedTuple):
    """Settings of a case: an axis, two numbers, two choices."""

    dim: int
    k: int
    step: int
    first: bool
    second: bool


def places(rng, shape, size):
    return torch.tensor(rng.integers(0, size, shape))


def apart(rng, shape, dim, size):
    """Places of which no line along the axis has one twice."""
    lines = np.moveaxis(np.empty(shape, int), dim, -1)
    for line in np.ndindex(lines.shape[:-1]):
        lines[line] = rng.permutation(size)[: lines.shape[-1]]
    return torch.tensor(np.ascontiguousarray(np.moveaxis(lines, -1, dim)))


def zeros():
    return torch.zeros(4, 5, dtype=torch.float64)


CASES = {
    "sort": lambda s, rng, a, b: (lambda a: a.sort(s.dim, descending=s.first), (a,)),
    "stable": lambda s, rng, a, b: (
        lambda a: torch.sort((a * 2).round() / 2 + a * 0, dim=s.dim, descending=s.first, stable=True), (a,)
    ),
    "topk": lambda s, rng, a, b: (lambda a: a.topk(s.k, s.dim, s.first), (a,)),
    "kthvalue": lambda s, rng, a, b: (lambda a: a.kthvalue(s.k, s.dim, s.first), (a,)),
    "scatter": lambda s, rng, a, b: (
        lambda a, i: zeros().scatter(s.dim, i, a[:3, :4]) * 2, (a, apart(rng, (3, 4), s.dim, (4, 5)[s.dim]))
    ),
    "scatter a number": lambda s, rng, a, b: (
        lambda a, i: a.scatter(s.dim, i, 2.5), (a, apart(rng, (3, 4), s.dim, (4, 5)[s.dim]))
    ),
    "scatter_add": lambda s, rng, a, b: (
        lambda a, b, i: a.scatter_add(s.dim, i, b[:3, :4]), (a, b, places(rng, (3, 4), 4))
    ),
    "scatter_reduce": lambda s, rng, a, b: (
        lambda a, b, i: a.scatter_reduce(s.dim, i, b[:3, :4], "sum"), (a, b, places(rng, (3, 4), 4))
    ),
    "index_put": lambda s, rng, a, b: (
        lambda a, b, i, j: a.index_put((i, j), b[0, :3]), (a, b, torch.tensor([3, 0, 2]), places(rng, 3, 5))
    ),
    "index_put adds": lambda s, rng, a, b: (
        lambda a, b, i: a.index_put((i,), b, accumulate=True), (a, b, places(rng, 4, 4))
    ),
    "a row is written": lambda s, rng, a, b: (_written, (a, b)),
    "a mask": lambda s, rng, a, b: (lambda a, b: a.masked_scatter(a > 0, b), (a, b)),
    "index_add": lambda s, rng, a, b: (
        lambda a, b, i: a.index_add(0, i, b, alpha=1 if s.first else -2.0), (a, b, places(rng, 4, 4))
    ),
    "index_copy": lambda s, rng, a, b: (
        lambda a, b, i: a.index_copy(1, i, b), (a, b, torch.tensor(rng.permutation(5)))
    ),
    "unfold": lambda s, rng, a, b: (
        lambda a: a.unfold(s.dim, s.k, s.step), (a,)
    ),
    "cdist": lambda s, rng, a, b: (
        lambda a, b: torch.cdist(a, b[:3], p=(1.0, 2.0, float("inf"))[s.step - 1]), (a, b)
    ),
    "pdist": lambda s, rng, a, b: (torch.pdist, (a,)),
    "searchsorted": lambda s, rng, a, b: (
        lambda a, b: torch.searchsorted(a.sort(-1)[0], b, right=s.first) * a, (a, b)
    ),
    "bucketize": lambda s, rng, a, b: (
        lambda a: torch.bucketize(a, torch.tensor([-1.0, 0.0, 0.5]).double(), right=s.first) * a, (a,)
    ),
}  # fmt: skip


def _written(a, b):
    copy = a.clone()
    copy[1] = b[2] * 2
    copy[:, 3] += b[:, 0]
    return copy


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("name", CASES)
def test_values_gradients_and_boxes(name):
    """Of settings that the seed of the tree draws; an export takes too long for more of them."""
    rng = np.random.default_rng([seed_of_tree(), *name.encode()])
    torch.manual_seed(int(rng.integers(1000)))
    choices = [bool(one) for one in rng.random(2) < 0.5]
    settings = Drawn(int(rng.integers(-2, 2)), int(rng.integers(1, 5)), int(rng.integers(1, 4)), *choices)
    target, examples = CASES[name](settings, rng, double(4, 5), double(4, 5))
    agrees(target, *examples)


def test_what_cannot_be_ordered_is_the_largest():
    a = torch.tensor([[2.0, np.nan, 1.0, 3.0], [1.0, 1.0, np.nan, np.nan]], dtype=torch.float64)
    for call in (lambda a: a.sort(1, descending=True)[0], lambda a: a.sort(1)[0], lambda a: a.topk(2)[0]):
        graph = graph_of(call, a)
        np.testing.assert_array_equal(graph.fprop({graph.inputs[0]: a.numpy()}).outputs[0], call(a).numpy())


def test_a_distance_of_zero_has_the_gradient_of_pytorch():
    a = double(3, 4)
    for p in (1.0, 2.0, float("inf")):
        agrees(lambda a, p=p: torch.cdist(a, a.detach().clone() * 1.0, p=p), a)


class Experts(torch.nn.Module):
    """Each row goes through the two experts of three that a gate gives most."""

    def __init__(self):
        super().__init__()
        self.gate = torch.nn.Linear(4, 3)
        self.experts = torch.nn.ModuleList(torch.nn.Linear(4, 2) for _ in range(3))

    def forward(self, x):
        scores, chosen = self.gate(x).topk(2, dim=-1)
        weights = torch.zeros(x.shape[0], 3, dtype=x.dtype).scatter(1, chosen, scores.softmax(-1))
        return sum(weights[:, i, None] * expert(x) for i, expert in enumerate(self.experts))


class Quantised(torch.nn.Module):
    """The nearest code stands for each row."""

    def __init__(self):
        super().__init__()
        self.codes = torch.nn.Embedding(6, 4)

    def forward(self, x):
        nearest = self.codes(torch.cdist(x, self.codes.weight).argmin(1))
        return x + (nearest - x).detach(), ((nearest - x.detach()) ** 2).mean()


class Convolved(torch.nn.Module):
    """Sums over the neighbours in a graph of edges."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(4, 3)

    def forward(self, x, edges):
        h = self.linear(x)
        degree = torch.zeros(x.shape[0], dtype=x.dtype).index_add(
            0, edges[1], torch.ones(edges.shape[1], dtype=x.dtype)
        )
        return torch.zeros_like(h).index_add(0, edges[1], h[edges[0]]) / (degree[:, None] + 1)


EDGES = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 0, 1, 2]])


@pytest.mark.parametrize(
    ("make", "examples"), [(Experts, (double(5, 4),)), (Quantised, (double(5, 4),)), (Convolved, (double(5, 4), EDGES))]
)
def test_networks_of_places_are_written_for_onnx(make, examples, tmp_path):
    torch.manual_seed(1)
    net = make().double().eval()
    graph = agrees(net, *examples)
    fg.save(tmp_path / "net.onnx", graph)
    feeds = {box.name: one.numpy() for box, one in zip(graph.inputs, examples, strict=True)}
    again = fg.load(tmp_path / "net.onnx").fprop(feeds)
    for wanted, found in zip(graph.fprop(feeds).outputs, again.outputs, strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(a=arrays(("i1", "i2", "i4", "i8", "u1", "f2", "f4", "f8")), data=st.data(), descending=st.booleans())
def test_the_elements_of_any_dtype_are_those_of_pytorch(a, data, descending):
    """The rules themselves, without an export; of equal elements, topk may name any."""
    x, tensor = fg.Input("x", shape=a.shape, dtype=a.dtype), torch.tensor(a)
    dim = data.draw(st.integers(-a.ndim, a.ndim - 1))
    k = data.draw(st.integers(0, a.shape[dim]))
    values, places = largest(x, k, dim, descending)
    run = fg.Graph(*sort_along(x, dim, descending), values, places).fprop(x=a)
    for found, needed in zip(run.outputs, tensor.sort(dim=dim, descending=descending, stable=True), strict=False):
        np.testing.assert_array_equal(found, needed.numpy())
    np.testing.assert_array_equal(run[values], tensor.topk(k, dim, descending)[0].numpy())
    np.testing.assert_array_equal(np.take_along_axis(a, run[places], dim), run[values])

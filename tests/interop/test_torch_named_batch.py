"""Graphs of PyTorch for every batch size: of each operation with a rule, and of sizes that programs compute with."""

import copy
import os
import random
import sys
import zlib

import numpy as np
import pytest

import flowgraph as fg
from tests.seed import share_of_tree

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from flowgraph.interop.torch import graph_of  # noqa: E402
from flowgraph.interop.torch.operations import RULES  # noqa: E402
from flowgraph.peers import NAMES, existing  # noqa: E402

N = "the size of the batch"
ATTEMPTS = 1500
"""Arguments that are drawn for an operation, of which few fit."""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are forked")
SHAPES = ((4,), (4,), (4, 4), (3, 4, 4), (2, 5, 6), ())
"""Of the axes behind the batch."""


def overloads_of(name):
    """The operations of a rule: one overload, or all of tensors that return what they compute."""
    packet, _, overload = name.removeprefix("aten.").partition(".")
    operation = getattr(torch.ops.aten, packet)
    found = [getattr(operation, one) for one in ([overload] if overload else operation.overloads())]
    return [one for one in found if overload or not (one._schema.is_mutable or "Dimname" in str(one._schema))]


def tensor(rng, rows, tail, kind):
    """Rows for a batch of any size that begin with those of a smaller one."""
    made = np.random.default_rng(rng).uniform(0.1, 0.9, (12, *tail))
    chosen = made if rows is None else made[:rows]
    return torch.tensor({"float": chosen, "int": (chosen * 3).astype(np.int64), "bool": chosen > 0.5}[kind])


def drawn(rng, kind, size):
    """A description of an argument of a kind of PyTorch's schemas; `size` says whether N may stand in it."""
    if kind.startswith("Optional"):
        return None if rng.random() < 0.5 else drawn(rng, kind[9:-1], size)
    if kind.startswith("List"):
        parts = [drawn(rng, kind[5:-1], size) for _ in range(rng.choice((1, 2, 2, 3)))]
        return [parts[0]] * len(parts) if kind == "List[Tensor]" and rng.random() < 0.7 else parts
    if kind == "Tensor":
        what = rng.choice(("float", "float", "float", "int", "bool"))
        return ("tensor", rng.random() < 0.8, rng.choice(SHAPES), what, rng.randrange(9))
    choices = {
        "int": [0, 1, 1, 2, -1, 3, *[N] * 2 * size], "number": [0.5, 2, 1, *[N] * 2 * size], "bool": [True, False],
        "float": [0.25, 1.0, 0.0], "str": ["mean", "none", "constant", "reflect", "ij,jk->ik", "i...->..."],
    }  # fmt: skip
    return rng.choice(choices.get(kind, [None]))


class Call(nn.Module):
    """One call of an operation, in which N is the number of rows of the first tensor."""

    def __init__(self, operation, positional, named):
        super().__init__()
        self.operation, self.positional, self.named = operation, positional, named

    def tensors(self, rows):
        """The tensors of a batch of so many rows; those without a batch are the same for all."""
        found = []
        for one in torch.utils._pytree.tree_leaves((self.positional, self.named), is_leaf=is_tensor):
            if is_tensor(one) and one[1]:
                found.append(tensor(one[4], rows, one[2], one[3]))
        return found

    def forward(self, *tensors):
        given, rows = iter(tensors), tensors[0].shape[0]

        def read(one):
            if is_tensor(one):
                return next(given) if one[1] else tensor(one[4], 4, one[2], one[3])
            return rows if one is N else one

        positional, named = torch.utils._pytree.tree_map(read, (self.positional, self.named), is_leaf=is_tensor)
        return self.operation(*positional, **named)


def is_tensor(one):
    return isinstance(one, tuple) and one[:1] == ("tensor",)


def is_repeated(call, rows):
    """Whether a call computes the same again: it draws nothing."""
    one, other = (torch.utils._pytree.tree_leaves(call(*call.tensors(rows))) for _ in range(2))
    return all(not isinstance(a, torch.Tensor) or torch.equal(a, b) for a, b in zip(one, other, strict=True))


def call_of(name, attempt):
    """One of the calls that are tried of an operation."""
    rng = random.Random(zlib.crc32(f"{name} {attempt}".encode()))
    given, named, operation = [], {}, rng.choice(overloads_of(name))
    for one in operation._schema.arguments:
        if one.kwarg_only and rng.random() < 0.9:
            continue
        if one.has_default_value() and rng.random() < 0.6:
            break
        value = drawn(rng, str(one.type), attempt % 2 == 0)
        if one.kwarg_only:
            named[one.name] = value
        else:
            given.append(value)
    return Call(operation, given, named)


def calls(name, count):
    """Calls of an operation that PyTorch computes for batches of three sizes.

    They are tried in a process of their own: some operations of PyTorch do not check what they are given, and crash.
    """
    read, write = os.pipe()
    child = os.fork()
    if not child:
        torch.set_num_threads(1)
        found = 0
        for attempt in range(ATTEMPTS):
            try:
                call = call_of(name, attempt)
                if call.tensors(2) and all(map(is_repeated, [call] * 3, (2, 4, 7))):
                    os.write(write, f"{attempt} ".encode())
                    found += 1
            except Exception:  # PyTorch takes no such arguments
                continue
            if found == count:
                break
        os._exit(0)
    os.close(write)
    with open(read) as pipe:
        attempts = pipe.read().split()
    crashed = os.waitpid(child, 0)[1]
    return [] if crashed else [call_of(name, int(attempt)) for attempt in attempts]


def agrees_for_every_batch(call, tensors_of, sizes):
    """Whether the graph of one batch has PyTorch's values for others; refusals name what they refuse."""
    try:
        graph = graph_of(call, *tensors_of(4), batch_axis="N")
    except fg.FlowgraphError as error:
        return str(error)
    for rows in sizes:
        tensors = tensors_of(rows)
        names = {f"tensors_{place}": one.numpy() for place, one in enumerate(tensors)}
        feeds = {box: names[box.name] for box in graph.inputs}
        found, wanted = graph.fprop(feeds).outputs, torch.utils._pytree.tree_leaves(call(*tensors))
        for array, one in zip(found, wanted, strict=True):
            expected = one.detach().numpy() if isinstance(one, torch.Tensor) else np.asarray(one)
            assert np.shape(array) == expected.shape, (call.__dict__, rows)
            np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6, equal_nan=True)
    return None


UNTRIED = {"aten._assert_tensor_metadata", "aten.empty.memory_format", "aten.empty_like"}
UNTRIED |= {"aten.searchsorted.Tensor", "aten.bucketize.Tensor"}  # of numbers in no order their result is any
UNTRIED |= {one for one in RULES.names if "native_batch_norm_legit" in one}
UNTRIED |= {one.removeprefix("torch.ops.") for one in NAMES if one.startswith("torch.ops.") and not existing(one)}
"""Operations without a value, that this release does not have, and some that check nothing of what they are given.

Layers are tried of the last.
"""


@pytest.mark.sampled(one_in=150)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [one for one in RULES.names if one not in UNTRIED])
def test_every_operation_with_a_rule_serves_every_batch_or_is_refused_by_its_name(name):
    for call in calls(name, 2):
        refused = agrees_for_every_batch(call, call.tensors, (4, 2, 7))
        assert refused is None or "torch.export" in refused or name.split(".")[1].lstrip("_") in refused, refused


@pytest.mark.sampled(one_in=4)
@pytest.mark.filterwarnings("ignore")
def test_calls_are_found_for_most_operations():
    names = share_of_tree([one for one in RULES.names if one not in UNTRIED], 12)
    assert sum(bool(calls(name, 1)) for name in names) > 0.7 * len(names)


LAYERS = {
    "instance": (nn.InstanceNorm2d(3, affine=True), (3, 4, 5)), "batch": (nn.BatchNorm2d(3), (3, 4, 5)),
    "transposed": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), (4, 4, 3)),
    "transposed1d": (nn.ConvTranspose1d(2, 3, 4, stride=3, dilation=2), (2, 5)), "group": (nn.GroupNorm(2, 4), (4, 3)),
    "lstm": (nn.LSTM(3, 4, batch_first=True, bidirectional=True), (3, 3)), "cell": (nn.GRUCell(3, 4), (3,)),
    "attention": (nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), (3, 4)),
    "local": (nn.LocalResponseNorm(2), (4, 3)),
    "adaptive": (nn.AdaptiveAvgPool2d(3), (3, 7, 8)), "shuffled": (nn.PixelShuffle(2), (8, 2, 3)),
    "enlarged": (nn.Upsample(scale_factor=1.5, mode="bilinear"), (2, 4, 6)), "flat": (nn.Flatten(), (3, 4)),
}  # fmt: skip


@pytest.mark.sampled(one_in=12)
def test_layers_serve_every_batch():
    modules = nn.ModuleDict({name: layer for name, (layer, _) in LAYERS.items()}).double().eval()

    def call(*tensors):
        return [one(x) for one, x in zip(modules.values(), tensors, strict=True)]

    def tensors_of(rows):
        return [torch.randn(rows, *shape, dtype=torch.float64) for _, shape in LAYERS.values()]

    assert agrees_for_every_batch(call, tensors_of, (1, 4, 6)) is None


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_of_32_bits_computes_in_no_more(name):
    """A number of NumPy's, such as the root of a size, would widen all behind it."""
    layer, shape = LAYERS[name]
    graph = graph_of(copy.deepcopy(layer).float().eval(), torch.randn(2, *shape))
    assert {box.dtype.name for box in graph if box.children and len(box.outputs) == 1} <= {"float32", "int64", "bool"}


SIZES = {
    "arange": lambda x: x + torch.arange(x.shape[0])[:, None] + torch.arange(1, 2 * x.shape[0] + 1).sum(),
    "eye": lambda x: torch.eye(x.shape[0], dtype=x.dtype) @ x + torch.eye(3, x.shape[0], dtype=x.dtype).sum(),
    "a divisor": lambda x: [x.sum() / x.shape[0], x / (x.shape[0] + 1) ** 0.5, x.long() * x.shape[0]],
    "shapes": lambda x: [x.view(x.shape[0], 1, -1), x.reshape(3 * x.shape[0]), x[:1].expand(x.shape[0], 3)],
    "filled": lambda x: [
        torch.zeros(x.shape[0], x.shape[0]), torch.full((2 * x.shape[0] + 1, 2), 1.5), x.new_ones(x.shape),
    ],
    "repeated": lambda x: x.sum(0)[None].repeat(x.shape[0], 2),
    "picked": lambda x: x[torch.arange(x.shape[0]), torch.zeros(x.shape[0], dtype=torch.long)],
    "causal": lambda x: nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True),
    "of another axis": lambda x: nn.functional.scaled_dot_product_attention(x.T, x.T, x.T),
}  # fmt: skip


@pytest.mark.sampled(one_in=9)
@pytest.mark.parametrize("name", SIZES)
def test_the_size_of_the_batch_is_a_size_and_a_number(name):
    def call(*tensors):
        return SIZES[name](*tensors)

    assert agrees_for_every_batch(call, lambda n: [torch.rand(n, 3, dtype=torch.float64)], (2, 4, 7)) is None


class Counted(nn.Module):
    def forward(self, x):
        return torch.bincount((x > 0).long()), x


@pytest.mark.parametrize(("target", "words"), [
    (nn.Sequential(nn.Identity(), Counted()), ["bincount", "the module '1' (Counted)", "size N", "leave batch_axis"]),
    (lambda x: x.unbind(0), ["torch.export cannot export", "specialized", "leave batch_axis"]),
    (lambda x: x + torch.rand_like(x), ["aten.rand_like", "draws random numbers"]),
])  # fmt: skip
def test_what_no_graph_says_for_every_batch_is_refused_with_the_way_out(target, words):
    with pytest.raises(fg.FlowgraphError) as error:
        graph_of(target, torch.rand(4, dtype=torch.float64), batch_axis="N")
    for word in words:
        assert word in str(error.value)


def test_a_result_that_only_pytorch_has_is_not_left_out():
    x = torch.randn(3, 1, 4, 4)
    graph = graph_of(nn.MaxPool2d(2, return_indices=True), x, batch_axis="N")
    values, places = graph.fprop({graph.inputs[0]: x.numpy()}).outputs
    wanted = nn.functional.max_pool2d(x, 2, return_indices=True)
    np.testing.assert_array_equal(values, wanted[0].numpy())
    np.testing.assert_array_equal(places, wanted[1].numpy())

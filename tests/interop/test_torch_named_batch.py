"""Graphs of PyTorch for every batch size: of each operation with a rule, and of sizes that programs compute with."""

import random
import zlib

import numpy as np
import pytest

import flowgraph as fg
from tests.commit import share_of_commit

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from flowgraph.interop.torch import graph_of  # noqa: E402
from flowgraph.interop.torch.rules import RULES  # noqa: E402

N = "the size of the batch"
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


def calls(name, count):
    """Calls of an operation that PyTorch computes for batches of three sizes."""
    overloads = overloads_of(name)
    rng = random.Random(zlib.crc32(name.encode()))
    found = []
    for attempt in range(3000):
        given, named, operation = [], {}, rng.choice(overloads)
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
        call = Call(operation, given, named)
        try:
            if call.tensors(2) and all(map(is_repeated, [call] * 3, (2, 4, 7))):
                found.append(call)
        except Exception:  # PyTorch takes no such arguments
            continue
        if len(found) == count:
            break
    return found


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
            expected = one.numpy() if isinstance(one, torch.Tensor) else np.asarray(one)
            assert np.shape(array) == expected.shape, (call.__dict__, rows)
            np.testing.assert_allclose(array, expected, rtol=1e-5, atol=1e-6, equal_nan=True)
    return None


UNTRIED = {"aten._assert_tensor_metadata", "aten.empty.memory_format", "aten.empty_like"}
"""Operations without a value."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", share_of_commit([one for one in RULES.names if one not in UNTRIED], 12))
def test_every_operation_with_a_rule_serves_every_batch_or_is_refused_by_its_name(name):
    for call in calls(name, 2):
        refused = agrees_for_every_batch(call, call.tensors, (4, 2, 7))
        assert refused is None or "torch.export" in refused or name.split(".")[1].lstrip("_") in refused, refused


def test_calls_are_found_for_most_operations():
    names = share_of_commit([one for one in RULES.names if one not in UNTRIED], 12)
    with np.errstate(all="ignore"):
        assert sum(bool(calls(name, 1)) for name in names) > 0.7 * len(names)

"""The state of a graph as a module of PyTorch: memory, names, copies, files, dtypes, and what is refused."""

import copy
import pickle

import numpy as np
import pytest

import flowgraph as fg
from tests.interop.small_mlp import mlp, normal
from tests.registry import unregister

torch = pytest.importorskip("torch")

from flowgraph.interop.torch import module  # noqa: E402
from flowgraph.interop.torch.symbolic_sizes import array_of, tensor_of  # noqa: E402


@unregister
class Addresses(fg.Box):
    """Notes where the array lies that it is given.

    h = a
    """

    seen = []

    def fprop(self, a):
        self.seen.append(a.ctypes.data)
        return np.array(a)

    def bprop(self, grad, h, a):
        return (grad * 1,)


def test_tensors_on_the_cpu_are_not_copied():
    tensor = torch.zeros(4, 5, dtype=torch.float64)
    for one in (tensor, tensor.T, tensor[1:, ::2]):
        assert np.shares_memory(array_of(one), tensor.numpy())
    array = np.zeros((4, 5))
    assert tensor_of(array).data_ptr() == array.ctypes.data
    Addresses.seen.clear()
    w = fg.Parameter(np.ones((4, 5)), name="w")
    made = module(Addresses(fg.Input("x", shape=(4, 5))) + Addresses(w))
    made(tensor).sum().backward()
    assert {tensor.data_ptr(), made.w.data_ptr()} <= set(Addresses.seen)


def test_a_result_is_memory_of_its_own():
    x = fg.Input("x", shape=(3,))
    made = module([x, x + 1])
    given = torch.zeros(3, dtype=torch.float64)
    same, more = made(given)
    same += 5
    again = made(given)[1]
    again += 7
    assert given.tolist() == [0, 0, 0]
    assert more.tolist() == [1, 1, 1]


def test_whole_numbers_have_no_gradient():
    loss, scores = mlp()
    made = module([loss, np.argmax(scores, axis=1), scores])
    loss, best, scores = made(torch.tensor(normal(4, 3)), torch.arange(4))
    assert loss.requires_grad
    assert scores.requires_grad
    assert not best.requires_grad
    assert best.dtype == torch.int64
    np.testing.assert_array_equal(best.numpy(), scores.detach().numpy().argmax(1))


def test_a_gradient_that_arrives_at_one_output_only():
    loss, scores = mlp()
    made = module([loss, scores])
    x, y = torch.tensor(normal(4, 3)), torch.arange(4)
    for place in (0, 1):
        made.zero_grad()
        made(x, y)[place].sum().backward()
        alone = module([loss, scores][place])
        (alone(x, y) if place == 0 else alone(x)).sum().backward()
        for one, other in zip(made.parameters(), alone.parameters(), strict=True):
            np.testing.assert_allclose(one.grad.numpy(), other.grad.numpy(), rtol=1e-12)


def test_what_an_output_does_not_depend_on_gets_no_gradient():
    a, b = (fg.Parameter([1.0, 2.0], name=name) for name in "ab")
    made = module([a * 2, fg.sum(b) + (b > 0)])
    made()[0].sum().backward()
    assert made.a.grad.tolist() == [2, 2]
    assert made.b.grad is None


def test_frozen_parameters_get_none():
    made = module(mlp()[0])
    made.layer1.W.requires_grad_(False)
    made(torch.tensor(normal(4, 3)), torch.arange(4)).backward()
    assert made.layer1.W.grad is None
    assert made.layer2.W.grad is not None


def test_random_leaves_follow_the_seed_of_pytorch():
    x = fg.Input("x", shape=("N", 6))
    made = module(fg.dropout(x, 0.5))
    given = torch.ones(50, 6, dtype=torch.float64, requires_grad=True)
    torch.manual_seed(3)
    first = made(given)
    second = made(given)
    torch.manual_seed(3)
    assert torch.equal(first, made(given))
    assert not torch.equal(first, second)
    first.sum().backward()
    assert torch.equal(given.grad, first), "the gradient belongs to another draw than the value"


def test_names_become_paths():
    made = module(mlp()[0])
    assert list(made.state_dict()) == [name for name, _ in made.named_parameters()]
    assert set(made.state_dict()) == {"layer1.W", "layer1.b", "layer2.W"}
    assert "x (N, 3) float64, y (N,) int64" in repr(made)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_a_copy_has_parameters_of_its_own(copied):
    made = module(mlp()[0])
    x, y = torch.tensor(normal(4, 3)), torch.arange(4)
    before = float(made(x, y).detach())
    other = copied(made)
    assert float(other(x, y).detach()) == before
    with torch.no_grad():
        other.layer1.W.zero_()
    assert float(made(x, y).detach()) == before
    assert float(other(x, y).detach()) != before


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_to_another_dtype_the_whole_graph_computes_in_it(dtype):
    loss, scores = mlp()
    made = module([loss + 0.5 * fg.L2(*fg.Graph(loss).parameters), scores * np.float64(2.0)])
    x, y = torch.tensor(normal(4, 3)), torch.arange(4)
    exact = made(x, y)
    assert made.to(dtype) is made
    found = made(x.to(dtype), y)
    assert {one.dtype for one in (*found, *made.parameters())} == {dtype}
    for one, other in zip(found, exact, strict=True):
        np.testing.assert_allclose(one.detach().float(), other.detach(), rtol=100 * torch.finfo(dtype).eps, atol=0.02)
    found[0].backward()
    assert made.layer1.W.grad.dtype == dtype
    made.double()
    np.testing.assert_allclose(made(x, y)[1].detach(), exact[1].detach(), rtol=0.05, atol=0.05)


def refused(call, kind, *words):
    with pytest.raises(kind) as error:
        call()
    for word in words:
        assert word in str(error.value)


def test_what_does_not_fit_is_one_error_with_the_way_out():
    made = module(mlp()[0])
    x, y = torch.tensor(normal(4, 3)), torch.arange(4)
    refused(lambda: made(x.float(), y), TypeError, "'x'", "torch.float32", ".to(torch.float64)", "module.to(")
    refused(lambda: made(x, y.double()), TypeError, "'y'", "torch.float64", "torch.int64")
    refused(lambda: made(x[:, :2], y), ValueError, "x: found the shape (4, 2), needs (N, 3)", "built at")
    refused(lambda: made(x[0], y), ValueError, "'x'", "(3,)", "(N, 3)")
    refused(lambda: made(x, y[:3]), ValueError, "N = 4")
    refused(lambda: made(x), ValueError, "needs the input 'y'", "called with x, y")
    refused(lambda: made(x, y, x), ValueError, "found 3 tensors, needs 2")
    refused(lambda: made(x, y, y=y), ValueError, "by position and by name")
    refused(lambda: made(x, z=y), ValueError, "'z'", "x, y")
    refused(lambda: made(x.detach().numpy(), y), ValueError, "ndarray", "torch.as_tensor")
    refused(lambda: made(x.detach().to_sparse(), y), ValueError, "to_dense")
    refused(lambda: made(x.to("meta"), y), TypeError, "meta", ".cpu()", "interop.jax")


def test_no_move_to_what_numpy_does_not_have_and_nothing_is_half_moved():
    made = module(mlp()[0])
    refused(lambda: made.to("meta"), TypeError, "meta", "CPU")
    refused(lambda: made.bfloat16(), TypeError, "torch.bfloat16", "torch.float32")
    with pytest.warns(UserWarning, match="Complex modules"):
        refused(lambda: made.to(torch.complex128), TypeError, "complex128")
    assert {one.dtype for one in made.parameters()} == {torch.float64}
    assert made(torch.tensor(normal(4, 3)), torch.arange(4)).dtype == torch.float64
    made.layer1.W = torch.nn.Parameter(made.layer1.W.detach().float())
    refused(lambda: made(torch.tensor(normal(4, 3)), torch.arange(4)), ValueError, "'layer1.W'", "module.to(dtype)")


def test_names_that_pytorch_does_not_take():
    for name in ("a.b", "forward", "training"):
        parameter = fg.Parameter(1.0, name=name)
        refused(lambda parameter=parameter: module(parameter * 2), TypeError, repr(name), "name=")
    q = np.linalg.qr(fg.Parameter(np.eye(2), name="a"))[0].children[0]
    refused(lambda: module(q), TypeError, "several parts")


def test_a_leaf_changed_in_place_before_backward_is_noticed():
    made = module(mlp()[0])
    loss = made(torch.tensor(normal(4, 3)), torch.arange(4))
    with torch.no_grad():
        made.layer1.W += 1
    refused(loss.backward, RuntimeError, "modified by an inplace operation")


def test_without_a_gradient_nothing_is_kept():
    made = module(mlp()[0])
    with torch.no_grad():
        assert not made(torch.tensor(normal(4, 3)), torch.arange(4)).requires_grad


def test_a_module_without_parameters_follows_to():
    """`.to` with nothing to move must not leave the inputs behind, since errors advise it."""
    tanh = module(np.tanh(fg.Input("a", shape=("N", 3))))
    net = torch.nn.Sequential(torch.nn.Linear(3, 3), tanh.to(torch.float32), torch.nn.Linear(3, 1))
    net(torch.ones(4, 3)).sum().backward()
    assert net[0].weight.grad.abs().sum() > 0
    assert tanh.double()(torch.ones(1, 3, dtype=torch.float64)).dtype == torch.float64
    with pytest.raises(fg.FlowgraphError, match="meta"):
        tanh.to("meta")

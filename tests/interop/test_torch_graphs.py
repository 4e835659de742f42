"""Nets of PyTorch as graphs: their scopes, any batch size, what is frozen, opaque or refused, rules of one's own."""

import copy
import pickle
import warnings

import numpy as np
import pytest

import flowgraph as fg

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from flowgraph.interop.torch import graph_of, module, rule_for  # noqa: E402
from flowgraph.interop.torch.operations import RULES  # noqa: E402
from flowgraph.peers import NAMES, existing  # noqa: E402
from tests.interop.torch_agreement import agrees, double  # noqa: E402


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 5), nn.ReLU(), nn.MaxPool2d(2)
        )
        self.classifier = nn.Sequential(nn.Linear(24, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 10))

    def forward(self, image):
        return self.classifier(self.features(image).flatten(1))


def test_a_net_of_modules_folds_as_the_modules_do():
    graph = agrees(LeNet().double().eval(), double(2, 1, 16, 16))
    scopes = {box.scope for box in graph.boxes}
    assert {"features/0/", "features/1/", "classifier/3/"} <= scopes
    assert [graph.names[box] for box in graph.inputs] == ["image"]
    dot = graph.to_dot(collapse=["features", "classifier"])
    assert "features" in dot
    assert "classifier" in dot
    assert len(dot.splitlines()) < len(graph.to_dot(collapse=False).splitlines()) / 2


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.TransformerEncoderLayer(4, 2, 8, batch_first=True)
        self.lstm = nn.LSTM(4, 3, batch_first=True)
        self.norm = nn.GroupNorm(3, 3)

    def forward(self, words):
        return self.norm(self.lstm(self.encoder(words))[0].transpose(1, 2)).mean(2)


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize(("make", "shape"), [(LeNet, (1, 16, 16)), (Recurrent, (3, 4))])
def test_one_graph_for_every_batch_size(make, shape):
    net = make().double().eval()
    graph = graph_of(net, double(2, *shape), batch_axis="N")
    assert graph.inputs[0].shape == ("N", *shape)
    for count in (1, 2, 5):
        x = double(count, *shape)
        run = graph.fprop({graph.inputs[0]: x.numpy()})
        found = net(x)
        np.testing.assert_allclose(run.outputs[0], found.detach().numpy(), rtol=1e-10, atol=1e-10)
        net.zero_grad()
        found.sum().backward()
        grads = run.bprop(np.ones_like(run.outputs[0]))
        for name, one in net.named_parameters():
            np.testing.assert_allclose(grads[name.replace(".", "/")], one.grad.numpy(), rtol=1e-9, atol=1e-10)


def test_frozen_parameters_and_buffers_are_constants():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).eval()
    net[0].weight.requires_grad_(False)
    graph = graph_of(net, torch.randn(2, 3))
    assert {graph.names[box] for box in graph.parameters} == {"0/bias", "1/weight", "1/bias"}
    assert isinstance(graph["0/weight"], fg.Constant)
    with torch.no_grad():
        net[0].bias += 1
    assert not np.allclose(graph["0/bias"].value, net[0].bias.detach().numpy()), "the graph has copies"


def test_dropout_that_trains_is_a_random_leaf():
    graph = graph_of(nn.Dropout(0.25), torch.ones(1000))
    assert len(graph.randoms) == 1
    first, again, other = (graph.fprop(input=np.ones(1000, np.float32), seed=seed).outputs[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert set(first) == {np.float32(0), np.float32(4 / 3)}


def test_arguments_that_are_no_tensors_and_several_results():
    def f(pair, scale, *, shift):
        return {"a": pair[0] * scale, "b": (pair[1] + shift, 3)}

    graph = graph_of(f, (torch.ones(2), torch.ones(3)), 2.0, shift=torch.ones(3))
    assert len(graph.inputs) == 3
    run = graph.fprop({box: np.full(box.shape, 5, box.dtype) for box in graph.inputs})
    assert [one.tolist() for one in run.outputs] == [[10, 10], [10, 10, 10], 3]


class Weighted(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.tensor([2.0, 3.0]))

    def forward(self, a, b, c):
        return a * self.w + 5 * b - 7 * c


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("objects", ["aab", "aba", "baa", "aaa", "waa", "waw", "www"])
def test_which_arguments_are_one_object_is_nothing_to_a_graph(objects):
    net = Weighted()
    pool = {"a": torch.zeros(2), "b": torch.ones(2), "w": net.w}
    graph = graph_of(net, *(pool[name] for name in objects))
    assert [graph.names[box] for box in graph.inputs] == ["a", "b", "c"]
    assert [graph.names[box] for box in graph.parameters] == ["w"]
    others = [torch.randn(2) for _ in range(3)]
    found = graph.fprop({box: other.numpy() for box, other in zip(graph.inputs, others, strict=True)}).outputs[0]
    np.testing.assert_allclose(found, net(*others).detach(), rtol=1e-6)


class Ordered(nn.Module):
    """Reads its arguments in an order that is drawn, some of them not at all."""

    def __init__(self, read):
        super().__init__()
        self.read = read

    def forward(self, a, b, c, *, e, d):
        result = torch.zeros(2)
        for power, name in enumerate(self.read):
            result = torch.sin(result) + {"a": a, "b": b, "c": c, "d": d, "e": e}[name] ** (power + 1)
        return result


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("read", ["abcde", "edcba", "dba", "cb", "e", "bcea"])
def test_a_module_there_and_back_takes_its_arguments_as_before(read, tmp_path):
    """By position and by name, those that nothing reads included; in copies and after a file, too."""
    net, tensors = Ordered(read), dict(zip("abced", torch.randn(5, 2), strict=True))
    graph = graph_of(net, *(tensors[name] for name in "abc"), d=tensors["d"], e=tensors["e"])
    others = dict(zip("abced", torch.randn(5, 2), strict=True))
    needed = net(*(others[name] for name in "abc"), d=others["d"], e=others["e"])
    stored = fg.load(fg.save(tmp_path / "net.safetensors", graph))
    for again in map(module, (graph, copy.deepcopy(graph), pickle.loads(pickle.dumps(graph)), stored)):
        assert [box.name for box in again.graph.inputs] == list("abced")
        torch.testing.assert_close(again(*others.values()), needed)
        torch.testing.assert_close(again(**others), needed)


def test_an_opaque_box_has_values_gradients_a_name_and_a_picture():
    graph = agrees(lambda x: torch.linalg.matrix_exp(x * 0.3) * 2, double(3, 3), opaque=["linalg_matrix_exp"])
    assert graph["linalg_matrix_exp"].children
    assert "linalg_matrix_exp" in graph.to_dot()
    agrees(lambda x: torch.frexp(x), double(4), opaque=["frexp"])
    agrees(
        lambda x: torch.logcumsumexp(x, 1) * torch.linalg.matrix_exp(x),
        double(3, 3),
        opaque=["logcumsumexp", "linalg_matrix_exp"],
    )


def test_a_picture_of_a_module_is_one_call(tmp_path):
    net = nn.Sequential(nn.Linear(3, 4), nn.Tanh())
    path = fg.render(net, torch.ones(2, 3), tmp_path / "net.svg")
    assert "weight" in path.read_text()
    assert "tanh" in fg.render(torch.tanh, torch.ones(3), tmp_path / "function.dot").read_text()


def test_what_no_graph_stands_for_is_an_error():
    def branches(x):
        return x if x.sum() > 0 else -x

    for call, words in (
        (lambda: graph_of(branches, torch.ones(3)), "torch.export cannot export branches"),
        (
            lambda: graph_of(torch.add, (torch.ones(3), torch.ones(3))),
            "given one by one, not as a tuple: a, b in place of",
        ),
        (lambda: graph_of(lambda x: x + torch.rand(3), torch.ones(3)), "draws random numbers"),
        (lambda: graph_of(3, torch.ones(3)), "found a int"),
        (lambda: graph_of(nn.ReLU(), torch.ones(3, device="meta")), "found a tensor on meta"),
        (lambda: graph_of(nn.ReLU(), torch.ones(3, dtype=torch.bfloat16)), "torch.bfloat16"),
    ):
        with pytest.raises((fg.FlowgraphError, TypeError), match=words), warnings.catch_warnings():
            call()


def test_a_rule_of_ones_own():
    before = RULES.of(["aten.sinh"])
    try:
        rule_for("aten.sinh")(lambda a: (np.exp(a) - np.exp(-a)) / 2)
        graph = agrees(torch.sinh, double(3))
        assert any(isinstance(box, fg.Exp) for box in graph.boxes)
        rule_for("aten.sinh")(lambda a: a[:1])
        with pytest.raises(TypeError, match=r"the rule for aten.sinh.default gave the shape \(1,\), needs \(3,\)"):
            graph_of(torch.sinh, double(3))
    finally:
        rule_for("aten.sinh")(before)


def test_every_rule_is_for_an_operation_that_pytorch_has():
    for name in RULES.names:
        packet, _, overload = name.removeprefix("aten.").partition(".")
        if f"torch.ops.aten.{packet}" in NAMES and not existing(f"torch.ops.aten.{packet}"):
            continue
        operation = getattr(torch.ops.aten, packet)
        assert not overload or overload in operation.overloads(), name


class _Judge(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.LeakyReLU(0.2), torch.nn.Linear(5, 1))

    def forward(self, image):
        return self.body(image)


def test_adversarial_nets_are_one_graph():
    """The judge stands on data and on what the generator makes, with one set of parameters."""
    torch.manual_seed(0)
    generator = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4)).double()
    judge = _Judge().double()
    z, x = torch.randn(6, 3).double(), torch.randn(6, 4).double()
    with fg.scope("generator"):
        make = graph_of(generator, z, batch_axis="N")
    with fg.scope("judge"):
        score = graph_of(judge, x, batch_axis="N")
    noise, image = fg.Input("noise", shape=("N", 3)), fg.Input("image", shape=("N", 4))
    fake, real = score(make(noise)), score(image)
    loss = np.mean(np.logaddexp(0.0, fake)) + np.mean(np.logaddexp(0.0, -real))
    graph = fg.Graph(loss)
    assert len(graph.parameters) == 8
    run = graph.fprop(noise=z.numpy(), image=x.numpy())
    soft = torch.nn.functional.softplus
    wanted = soft(judge(generator(z))).mean() + soft(-judge(x)).mean()
    wanted.backward()
    np.testing.assert_allclose(float(run), wanted.item())
    grads = run.bprop()
    for scope, net in (("generator", generator), ("judge", judge)):
        for name, parameter in net.named_parameters():
            found = grads[f"{scope}/{name.replace('.', '/')}"]
            np.testing.assert_allclose(found, parameter.grad.numpy(), atol=1e-14)


class Twice(nn.Module):
    """A layer under two names, and a weight that two layers share."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = self.first
        self.out = nn.Linear(3, 3, bias=False)
        self.last = nn.Linear(3, 3, bias=False)
        self.last.weight = self.out.weight

    def forward(self, a):
        return self.last(torch.sin(self.out(self.second(torch.tanh(self.first(a))))))


class Own(torch.autograd.Function):
    """A backward of one's own, somewhere in the process: modules are run once more where there is one."""

    @staticmethod
    def forward(ctx, a):
        return 2 * a

    @staticmethod
    def backward(ctx, grad):
        return 2 * grad


def test_what_has_several_names_is_one_parameter_by_its_first_and_the_module_stays_as_it_was():
    torch.manual_seed(0)
    net, a = Twice(), torch.randn(5, 3)
    before = dict(net.named_parameters(remove_duplicate=False))
    graph = graph_of(net, a)
    after = dict(net.named_parameters(remove_duplicate=False))
    assert [*after] == [*before]
    assert all(after[name] is before[name] for name in before)
    assert {graph.names[box].replace("/", ".") for box in graph.parameters} == {
        name for name, _ in net.named_parameters()
    }
    net(a).sum().backward()
    run = graph.fprop(a=a.numpy())
    np.testing.assert_allclose(run.outputs[0], net(a).detach().numpy(), rtol=1e-5)
    grads = run.bprop(grad=np.ones((5, 3), np.float32))
    for name, parameter in net.named_parameters():
        np.testing.assert_allclose(grads[name.replace(".", "/")], parameter.grad.numpy(), rtol=1e-4, atol=1e-6)

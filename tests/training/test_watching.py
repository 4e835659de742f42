"""fg.watch: the numbers are those of the layers, it costs what it may, and says which layer died."""

from __future__ import annotations

import re
import time
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.training.watching import SHARE, WHAT, Numbers, Watch, numbers_of

RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(40, 6)), np.arange(40) % 3
INPUTS = fg.Constant(X)


def trained(watch: Watch | None, epochs: int = 3, dead: int = 0) -> fg.MLP:
    """A network of three layers after some epochs, of whose second layer some units are dead from the beginning."""
    mlp = fg.MLP([6, 8, 8, 3], hidden="relu", rng=0)
    mlp.biases[1].value = mlp.biases[1].value - 1e3 * (np.arange(8) < dead)
    callbacks = [] if watch is None else [watch]
    fg.fit(mlp, (X, Y), epochs=epochs, batch_size=10, callbacks=callbacks, checks=False, progress=False)
    return mlp


def test_a_training_that_is_watched_gives_the_same_bits() -> None:
    one, other = trained(Watch(every=1)), trained(None)
    for parameter, alike in zip(fg.Graph(one(INPUTS)).parameters, fg.Graph(other(INPUTS)).parameters, strict=True):
        assert parameter.value.tobytes() == alike.value.tobytes()


def test_the_numbers_are_those_of_the_layers_after_the_step() -> None:
    seen = Watch(every=1)
    mlp = trained(seen)
    assert seen.steps == list(range(1, 13))
    graph = fg.Graph(fg.mean(fg.NegativeLogLikelihood(mlp(INPUTS), Y)))
    run = graph.fprop()
    grads = run.bprop()
    for layer in ("layer1", "layer2", "layer3"):
        last = [box for box in graph.boxes if box.scope == f"{layer}/" and isinstance(box, fg.ReLU | fg.Affine)][-1]
        kept = {what: seen.seen[layer][what][-1] for what in WHAT}
        assert kept["values"][:3] == pytest.approx(numbers_of(run[last])[:3])  # type: ignore[index]
        own = np.concatenate([grads[box].ravel() for box in graph.parameters if box.scope == f"{layer}/"])
        assert kept["gradients"][:3] == pytest.approx(numbers_of(own)[:3])  # type: ignore[index]
        assert all(one is not None and one.rms > 0 for one in seen.seen[layer]["updates"])


def test_updates_are_what_parameters_moved_by() -> None:
    seen = Watch(every=1)
    values: list[np.ndarray] = []
    mlp = fg.MLP([6, 3], rng=0)
    before = np.concatenate([box.value.ravel() for box in (*mlp.weights, *mlp.biases)])

    class Note(fg.Callback):
        def on_step(self, trainer: fg.Trainer) -> None:
            values.append(np.concatenate([box.value.ravel() for box in (*mlp.weights, *mlp.biases)]))

    fg.fit(mlp, (X, Y), epochs=1, batch_size=10, callbacks=[seen, Note()], checks=False, progress=False)
    for update, old, new in zip(seen.seen["layer1"]["updates"], [before, *values], values, strict=False):
        assert update is not None
        assert update.rms == pytest.approx(numbers_of(new - old).rms)


def test_dead_units_are_counted_and_said_with_the_step() -> None:
    seen = Watch(every=1)
    trained(seen, dead=5)
    assert "layer2: 5 of 8 units dead since step 1" in seen.findings
    assert "layer2: 5 of 8 units dead since step 1" in str(seen)
    assert "5 of 8 dead" in seen.svg()
    late = Watch()
    for step, dead in enumerate((0, 2, 4, 4), 1):
        late._note(step, {"a": {"values": Numbers(0, 1, 1, 8, dead), "gradients": Numbers(0, 1, 1)}})
    assert late.findings == ["a: 4 of 8 units dead since step 3"]
    for step, size in ((5, 1e-5), (6, float("nan"))):
        late._note(step, {"a": {"gradients": Numbers(0, 1, size)}, "b": {"gradients": Numbers(0, 1, 1.0)}})
        expected = (
            "not finite since step 6" if size != size else "below a thousandth of the largest layer's since step 5"
        )
        assert any(one.startswith("a: gradients") and one.endswith(expected) for one in late.findings)


@given(st.lists(st.floats(1e-4, 1.0), min_size=20, max_size=200), st.floats(1e-5, 5.0))
def test_a_watch_takes_no_more_than_its_share_whatever_steps_and_looks_cost(steps: list[float], cost: float) -> None:
    """Up to the last look, which may begin as soon as those before are paid."""
    now = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "process_time", lambda: now)
        seen = Watch()
        for number, length in enumerate(steps, 1):
            now += length
            if seen._due(number):
                now += cost
                seen.seconds += cost
                seen._note(number, {})
    assert seen.seconds - cost <= SHARE * now + 1e-9
    assert seen.steps[0] == 1
    assert [number for number in range(1, 30) if Watch(every=7)._due(number)] == [1, 8, 15, 22, 29]


def test_a_module_of_pytorch_is_watched_by_hooks_that_go() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
    with torch.no_grad():
        net[0].bias[:5] -= 1e3
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    inputs, targets = torch.tensor(X, dtype=torch.float32), torch.tensor(Y)
    moved = []
    with fg.watch(net, every=1) as seen:
        for _ in range(4):
            before = net[2].weight.detach().numpy().copy(), net[2].bias.detach().numpy().copy()
            optimizer.zero_grad()
            hidden = net[:2](inputs)
            torch.nn.functional.cross_entropy(net(inputs), targets).backward()
            optimizer.step()
            after = net[2].weight.detach().numpy(), net[2].bias.detach().numpy()
            moved.append(numbers_of(np.concatenate([(b - a).ravel() for a, b in zip(before, after, strict=True)])).rms)
            net.eval()
            net(inputs)
            net.train()
    assert seen.steps == [1, 2, 3, 4]
    assert [one.rms for one in seen.seen["2"]["updates"]] == pytest.approx(moved, rel=1e-4)
    assert seen.seen["1"]["values"][-1].rms == pytest.approx(numbers_of(hidden.detach().numpy()).rms, rel=1e-5)
    assert "1: 5 of 8 units dead since step 1" in seen.findings
    assert not net._forward_pre_hooks
    assert not any(module._forward_hooks for module in net.modules())
    optimizer.zero_grad()
    net(inputs)
    assert seen.steps == [1, 2, 3, 4]


def test_the_picture_describes_itself_and_has_a_cell_for_each_look() -> None:
    seen = Watch(every=1)
    trained(seen, dead=5)
    for theme in ("light", "dark", "print"):
        root = ElementTree.fromstring(seen.svg(theme))
        words = [part.text or "" for part in root.iter() if part.tag.endswith("title")]
        assert len([one for one in words if re.match(r"layer\d, step \d+: gradients", one)]) == 3 * len(seen.steps)
        assert any(part.tag.endswith("desc") and "5 of 8 units dead" in (part.text or "") for part in root)
    assert "nothing seen yet" in str(Watch())
    assert ElementTree.fromstring(Watch().svg()) is not None


def test_what_cannot_be_watched_is_said() -> None:
    for model in (3, np.tanh, None):
        with pytest.raises(UsageError, match=r"needs a model that fg\.fit trains, or a module of PyTorch"):
            fg.watch(model)
    for every in (0, True, 1.5):
        with pytest.raises(UsageError, match=r"watch: found every=.*, needs a whole number from 1 on"):
            fg.watch(fg.MLP([2, 2], rng=0), every=every)  # type: ignore[arg-type]


def test_what_was_seen_goes_to_tensorboard_once() -> None:
    seen = Watch(every=1)
    trained(seen)

    class Writer:
        def __init__(self) -> None:
            self.written: list[tuple[str, float, int]] = []

        def add_scalar(self, tag: str, value: float, step: int) -> None:
            self.written.append((tag, value, step))

    writer = Writer()
    seen.write(writer)
    seen.write(writer)
    sizes = [(step, value) for tag, value, step in writer.written if tag == "layer2/gradients rms"]
    assert [step for step, _ in sizes] == seen.steps
    assert [value for _, value in sizes] == [one.rms for one in seen.seen["layer2"]["gradients"] if one is not None]

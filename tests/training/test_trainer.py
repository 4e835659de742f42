"""The trainer: every example once per epoch, a state from which it goes on bit by bit, early stopping, Ctrl-C."""

import math
import signal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.errors import FeedError, UsageError
from flowgraph.training import Problem, Trainer, examples
from flowgraph.training.early_stopping import Lookout
from flowgraph.training.examples import epoch_order
from flowgraph.training.history import Epoch
from flowgraph.training.objective import mlp_problem

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(23, 3)), RNG.integers(0, 2, 23)
VALID = RNG.normal(size=(11, 3)), RNG.integers(0, 2, 11)


def line(dtype=float):
    """The mean squared distance of numbers from a parameter."""
    x = fg.Input("x", shape=("N",), dtype=dtype)
    w = fg.Parameter(np.zeros((), dtype), name="w")
    return w, Problem(fg.mean((x - w) ** 2))


def network(dropout=0.3, **settings):
    """A trainer of a small network with dropout, on 23 examples in batches of 5."""
    mlp = fg.MLP([3, 6, 2], rng=0, dropout=dropout)
    settings = {"batch_size": 5, "seed": 4, **settings}
    return Trainer(mlp_problem(mlp, Y, l2=1e-3), (X, Y), VALID, **settings)


class Seen(fg.Callback):
    """Notes what it is told."""

    def __init__(self):
        self.told = []

    def on_start(self, trainer, epochs):
        self.told.append(("start", epochs))

    def on_step(self, trainer):
        self.told.append(("step", trainer.updates))

    def on_epoch(self, trainer, epoch):
        self.told.append(("epoch", epoch.number))

    def on_stop(self, trainer):
        self.told.append(("stop", trainer.stopped))

    def on_end(self, trainer):
        self.told.append(("end", trainer.epoch))


def test_an_epoch_visits_every_example_once_in_an_order_that_the_seed_fixes():
    orders = [epoch_order(100, 7, seed, epoch) for seed, epoch in ((0, 0), (0, 0), (0, 1), (1, 0))]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert np.array_equal(orders[0], orders[1])
    assert not np.array_equal(orders[0], orders[2])
    assert not np.array_equal(orders[0], orders[3])


@given(
    count=st.integers(1, 40),
    size=st.integers(1, 12) | st.none(),
    epoch=st.integers(0, 3),
    taken=st.integers(0, 5),
    at_once=st.integers(0, 600),
)
def test_batches_are_the_examples_in_their_order_however_many_are_gathered_at_once(count, size, epoch, taken, at_once):
    _, problem = line()
    (box,) = problem.inputs
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(examples, "GATHERED", at_once)
        batches = examples.Shuffled(examples.Fed({box: np.arange(float(count))}), size, 0)
    size = batches.size
    start = min(taken * size, count)
    batches.begin(epoch, start)
    order = epoch_order(count, size, 0, epoch)
    for begin in range(start, count, size):
        assert batches.more
        batch = batches.take()
        assert batch.size == len(batch.arrays[box])
        np.testing.assert_array_equal(batch.arrays[box], order[begin : begin + size])
    assert not batches.more
    assert batches.steps == -(-count // size)


@pytest.mark.parametrize("batch_size", [1, 4, 10, None])
def test_the_mean_counts_a_smaller_batch_by_its_size(batch_size):
    w, problem = line()
    data = np.arange(10.0)
    trainer = Trainer(problem, {"x": data}, rule="sgd", learning_rate=1e-300, batch_size=batch_size)
    history = trainer.run(1)
    assert history["train_loss"] == [pytest.approx(np.mean(data**2))]
    assert abs(w.value) < 1e-290
    assert trainer.updates == (1 if batch_size is None else -(-10 // batch_size))


@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_steps_by_hand(batch_size):
    """Each step goes down the mean gradient of its batch: w becomes w − α · mean 2 (w − x)."""
    w, problem = line()
    data = np.array([1.0, 5.0, 2.0, -3.0, 0.5])
    Trainer(problem, {"x": data}, rule="sgd", learning_rate=0.1, batch_size=batch_size, seed=3).run(2)
    found, size = 0.0, batch_size or 5
    for epoch in range(2):
        order = epoch_order(5, size, 3, epoch)
        for start in range(0, 5, size):
            batch = data[order[start : start + size]]
            found -= 0.1 * np.mean(2 * (found - batch))
    assert float(w.value) == pytest.approx(found)


def test_the_schedule_is_asked_for_every_update():
    w, problem = line()
    rates = fg.schedules.Step(0.4, every=2, factor=0.5)
    history = Trainer(problem, {"x": np.ones(3)}, rule="sgd", learning_rate=rates, batch_size=1).run(1)
    assert float(w.value) == pytest.approx(1 - (1 - 0.8) * (1 - 0.8) * (1 - 0.4))
    assert history["learning_rate"] == [0.2]


@pytest.mark.parametrize("average", [None, 0.9])
@pytest.mark.parametrize("rule", ["sgd", "adam"])
def test_a_state_after_a_run_gives_the_same_bits(rule, average):
    """Though the model has been given its averages then, which training does not go on from."""
    first, second = (network(rule=rule, average=average) for _ in range(2))
    first.run(2)
    second.restore(first.state())
    assert first.run(4)["train_loss"] == second.run(4)["train_loss"]
    for name, value in first.values().items():
        assert np.array_equal(second.values()[name], value)


@given(
    batch_size=st.integers(1, 25) | st.none(),
    parts=st.lists(st.integers(1, 3), max_size=3),
    rule=st.sampled_from(["sgd", "adam"]),
    seed=st.integers(0, 2**40),
)
@settings(max_examples=10)
def test_steps_are_the_same_whether_one_listens_or_not(batch_size, parts, rule, seed):
    """Heard step by step, done by hand, or run epoch by epoch in several runs: the same bits, and the same history."""
    given = {"rule": rule, "batch_size": batch_size, "seed": seed}
    mlps = [fg.MLP([3, 6, 2], rng=0, dropout=0.3) for _ in range(3)]
    quiet, heard, by_hand = (Trainer(mlp_problem(mlp, Y, l2=1e-3), (X, Y), **given) for mlp in mlps)
    for epochs in np.cumsum(parts):
        found = quiet.run(int(epochs))
        heard.run(int(epochs), [Seen()])
    for _ in range(sum(parts)):
        while by_hand.batches.more:
            by_hand.step()
        by_hand.end_epoch()
    by_hand.put_back_best()
    for other in (heard, by_hand):
        assert without_seconds(other.state().record) == without_seconds(quiet.state().record)
        assert all(np.array_equal(value, quiet.values()[name]) for name, value in other.values().items())
    assert not parts or len(found) == sum(parts)


def without_seconds(record):
    """A record of a training without the time that it took."""
    return {**record, "seconds": 0, "history": [{**epoch, "seconds": 0} for epoch in record["history"]]}


@pytest.mark.parametrize("pressed", [1, 3, 5, 7])
def test_control_c_between_callbacks_ends_after_the_step_that_it_came_in(pressed):
    """Without a listener that hears of each step too; the training that goes on from there has the bits of a whole."""
    first, states = network(dropout=0.0), []
    taken = first.batches.take

    def take():
        if first.updates + 1 == pressed:
            signal.raise_signal(signal.SIGINT)
        return taken()

    first.batches.take = take
    stopping = fg.Callback()
    stopping.on_stop = lambda trainer: states.append(trainer.state())
    assert first.run(3, [stopping]).ended == "ended: interrupted"
    assert first.updates == pressed
    assert all(np.array_equal(first.values()[name], value) for name, value in first.lookout.parameters.items())
    second, whole = network(dropout=0.0), network(dropout=0.0)
    second.restore(states[0])
    assert second.run(3)["train_loss"] == whole.run(3)["train_loss"]


def test_a_state_is_a_copy():
    trainer = network()
    state = trainer.state()
    trainer.run(1)
    assert state.record["updates"] == 0
    assert any(not np.array_equal(state.arrays[name], value) for name, value in trainer.state().arrays.items())


def test_restoring_refuses_what_does_not_fit():
    state = network().state()
    with pytest.raises(UsageError, match=r"found a state with batch_size 5, but this trainer has 6; give the trainer"):
        network(batch_size=6).restore(state)
    with pytest.raises(UsageError, match=r"a state with rule 'Adam\(.*\)', but this trainer has 'SGD\(\)'"):
        network(rule="sgd").restore(state)
    with pytest.raises(UsageError, match=r"found a state with average None, but this trainer has 0.9"):
        network(average=0.9).restore(state)
    state.arrays["parameter/layer1/W"] = np.zeros((2, 2))
    with pytest.raises(FeedError, match=r"found float64 of shape \(2, 2\) for 'parameter/layer1/W', needs float64 of"):
        network().restore(state)
    del state.arrays["parameter/layer1/W"]
    with pytest.raises(FeedError, match=r"found no array for 'parameter/layer1/W'"):
        network().restore(state)


def test_callbacks_hear_everything_in_order():
    _, problem = line()
    seen, epochs = Seen(), []
    trainer = Trainer(problem, {"x": np.ones(3)}, batch_size=2)
    trainer.run(2, [seen, lambda trainer, epoch: epochs.append((trainer.updates, epoch.number))])
    assert seen.told == [
        ("start", 2), ("step", 1), ("step", 2), ("epoch", 1), ("step", 3), ("step", 4), ("epoch", 2), ("stop", None),
        ("end", 2),
    ]  # fmt: skip
    assert epochs == [(2, 1), (4, 2)]


@pytest.mark.parametrize("updates", [1, 2, 3, 4])
def test_a_stop_after_any_step_ends_there(updates):
    _, problem = line()

    class Stop(fg.Callback):
        def on_step(self, trainer):
            if trainer.updates == updates:
                trainer.stop("enough")

    trainer = Trainer(problem, {"x": np.ones(3)}, batch_size=2)
    trainer.run(9, [Stop()])
    assert trainer.updates == updates


def test_callbacks_are_closed_after_an_error():
    _, problem = line()
    seen = Seen()

    def fail(trainer, epoch):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Trainer(problem, {"x": np.ones(3)}).run(9, [seen, fail])
    assert seen.told[-1] == ("end", 1)
    assert ("stop", None) not in seen.told


def test_a_loss_that_is_no_number_ends_training():
    _, problem = line()
    with np.errstate(all="ignore"):
        history = Trainer(problem, {"x": np.ones(3)}, rule="sgd", learning_rate=1e200).run(9)
    assert len(history) < 9
    assert "try a smaller learning rate" in history.ended


def test_gradient_norms_are_means_over_the_steps():
    mlp = fg.MLP([3, 4, 2], rng=0)
    problem = mlp_problem(mlp, Y)
    sums = np.zeros(2)
    for part in np.split(epoch_order(23, 8, 5, 0), [8, 16]):
        grads = problem.graph.fprop(x=X[part], y=Y[part]).bprop()
        sums += [np.sqrt((grads[layer.W] ** 2).sum() + (grads[layer.b] ** 2).sum()) for layer in mlp.layers]
    trainer = Trainer(problem, (X, Y), batch_size=8, seed=5, rule="sgd", learning_rate=1e-30)
    history = trainer.run(2)
    assert [history["gradient_norm layer1"][0], history["gradient_norm layer2"][0]] == pytest.approx(sums / 3)
    assert history["gradient_norm layer1"][1] == pytest.approx(sums[0] / 3, rel=0.2)


def test_what_it_refuses():
    with pytest.raises(UsageError, match=r"callbacks: found 3, needs a function of \(trainer, epoch\)"):
        Trainer(line()[1], {"x": [1.0]}).run(1, [3])


def test_an_epoch_is_neither_left_early_nor_overrun():
    training = network()
    training.step()
    with pytest.raises(UsageError, match=r"end_epoch: found 5 of 23 examples seen in epoch 1"):
        training.end_epoch()
    while training.position < 23:
        training.step()
    before = training.values()
    with pytest.raises(UsageError, match=r"step: found no example left in epoch 1, needs end_epoch\(\)"):
        training.step()
    assert all(np.array_equal(value, before[name]) for name, value in training.values().items())


def look(losses, errors=None, **settings):
    """The lookout after some epochs, and why it would stop after each."""
    lookout, verdicts = Lookout(fg.EarlyStopping(**settings)), []
    for number, loss in enumerate(losses, 1):
        error = errors[number - 1] if errors else None
        epoch = Epoch(number, number, 0.1, 0.0, 1.0, 1.0, valid_objective=loss, valid_error=error)
        lookout.see(epoch, lambda number=number: {"w": np.array(float(number))})
        verdicts.append(lookout.verdict())
    return lookout, verdicts


SLOW = {"patience": 3, "minimum_improvement": 0.1}
LOOKS = {
    "patience is over": ([3, 2, 2.5, 2.1, 2.2], {"patience": 3}, "no better validation objective for 3 epochs", 2),
    "a hill is looked over": ([3, 2, 2.5, 1.5], {"patience": 2}, None, 4),
    "small improvements are kept": ([3, 2.99, 2.98, 2.97], SLOW, "no better validation objective for 3 epochs", 4),
    "what they add up to renews it": ([3, 2.96, 2.92, 2.88, 2.84], SLOW, None, 5),
    "without patience": ([1.0, *[2.0] * 50], {"patience": None}, None, 1),
    "no number is the best": ([math.nan, 2.0, math.nan], {"patience": 2}, None, 2),
    "of the error": ([3, 2, 1], {"watch": "error", "patience": 1}, "no better validation error for 1 epoch", 2),
}


@pytest.mark.parametrize("case", LOOKS)
def test_it_stops_when_patience_is_over_and_keeps_the_best(case):
    losses, given, verdict, best = LOOKS[case]
    lookout, verdicts = look(losses, [0.2, 0.1, 0.1] if "watch" in given else None, **given)
    assert verdicts == [None] * (len(losses) - 1) + [verdict]
    assert lookout.best_epoch == best == lookout.parameters["w"]


def test_training_stops_and_the_best_parameters_come_back():
    """Labels that cannot be learnt: the validation loss rises while the training loss falls."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 5)), rng.integers(0, 2, 60)
    mlp = fg.MLP([5, 40, 2], rng=0)
    problem = mlp_problem(mlp, y)
    kept = {}
    trainer = Trainer(problem, (X[:30], y[:30]), (X[30:], y[30:]), learning_rate=0.05, early_stopping=4)
    history = trainer.run(200, [lambda trainer, epoch: kept.setdefault(epoch.number, trainer.values())])
    best = int(np.argmin(history["valid_objective"])) + 1
    assert len(history) == best + 4 < 200
    assert history.best.number == history.best_epoch == best
    assert history.ended == "ended: no better validation objective for 4 epochs"
    for name, value in kept[best].items():
        assert np.array_equal(trainer.values()[name], value)


def test_control_c_twice_ends_at_once():
    class Press(fg.Callback):
        def on_step(self, trainer):
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        network().run(9, [Press()])
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("reason", ["a callback", "early stopping", "a loss that is not finite", "none"])
def test_control_c_is_known_of_whatever_else_ends_the_training(reason):
    """What trains many networks, as a search does, has to end with it, though this one had come to its end."""

    class Press(fg.Callback):
        def on_step(self, trainer):
            if not trainer.batches.more:
                signal.raise_signal(signal.SIGINT)

        def on_epoch(self, trainer, epoch):
            if reason == "a callback":
                trainer.stop("enough")

    settings = {"learning_rate": 1e300} if reason == "a loss that is not finite" else {}
    trainer = network(**settings, early_stopping=1 if reason == "early stopping" else None)
    assert not trainer.interrupted
    with np.errstate(all="ignore"):
        trainer.run(3, [Press()])
    assert trainer.interrupted
    assert (trainer.epoch, trainer.stopped is None) == (1, False)

"""Data that are no arrays in memory: functions and iterators that give batches, loaders, files mapped into memory."""

import itertools
import tracemalloc

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import FeedError, UsageError
from flowgraph.training import Trainer
from flowgraph.training.examples import epoch_order

RNG = np.random.default_rng(0)
X = RNG.normal(size=(50, 4))
Y = (X[:, 0] > 0).astype(int)
QUIET = {"checks": False, "progress": False}


def mlp():
    return fg.MLP([4, 5, 2], rng=0)


class Loader:
    """What PyTorch's DataLoader is: gone through in each epoch, with a length, without an index."""

    def __init__(self, as_dict=False):
        self.epoch, self.as_dict = -1, as_dict

    def __len__(self):
        return 7

    def __iter__(self):
        self.epoch += 1
        order = epoch_order(50, 8, 3, max(self.epoch - 1, 0))
        for start in range(0, 50, 8):
            x, y = X[order[start : start + 8]], Y[order[start : start + 8]]
            yield {"x": x, "y": y} if self.as_dict else (x, y)


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("called", [False, True])
def test_a_stream_of_the_batches_of_arrays_trains_as_these(as_dict, called):
    """The first pass only looks at shapes; the second is the first epoch."""
    found, expected = mlp(), mlp()
    loader = Loader(as_dict)
    loader.epoch = -1
    history = fg.fit(found, (lambda: iter(loader)) if called else loader, (X, Y), epochs=3, **QUIET)
    arrays = fg.fit(expected, (X, Y), (X, Y), epochs=3, batch_size=8, seed=3, **QUIET)
    for column in ("train_objective", "train_error", "valid_objective", "updates"):
        assert history[column] == arrays[column]
    assert all((a.value == b.value).all() for a, b in zip(found.parameters, expected.parameters, strict=True))


def test_no_more_batches_are_asked_for_than_are_used():
    given = []

    def batches():
        for number in itertools.count():
            given.append(number)
            yield X[:8], Y[:8]

    history = fg.fit(mlp(), batches(), steps_per_epoch=3, epochs=4, **QUIET)
    assert history["updates"] == [3, 6, 9, 12]
    assert len(given) <= 13


def test_an_iterator_gives_each_batch_once():
    parts = [(X[i : i + 10], Y[i : i + 10]) for i in range(0, 50, 10)]
    seen = []

    def record(trainer, epoch):
        seen.append(trainer.updates)

    history = fg.fit(mlp(), iter(parts), epochs=9, callbacks=[record], **QUIET)
    assert seen == [5]
    assert history.ended == "ended: the data ended after epoch 1; a function that returns them gives them again"


def test_the_checks_before_training_see_the_first_batch():
    bad = np.where(np.arange(4) == 2, np.nan, X[:8])
    with pytest.raises(ValueError, match=r"found nan|nan in 'x' at row 0, column 2"):
        fg.fit(mlp(), lambda: iter([(bad, Y[:8])]), progress=False)


def test_it_goes_on_in_the_middle_of_an_epoch():
    def stream():
        return iter([(X[i : i + 8], Y[i : i + 8]) for i in range(0, 50, 8)])

    first, second, whole = (Trainer(mlp(), stream) for _ in range(3))
    for _ in range(3):
        first.step()
    second.restore(first.state())
    found, expected = second.run(2), whole.run(2)
    assert found["train_objective"] == expected["train_objective"]
    assert found["gradient_norm layer1"] == expected["gradient_norm layer1"]


def test_each_batch_of_a_stream_has_its_own_weights():
    x, y, w = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",)), fg.Input("w", shape=("N",))
    theta = fg.Parameter(np.zeros(4), name="theta")
    problem = fg.Problem(fg.mean(fg.SquaredError(x @ theta, y)), sample_weight=w)
    batch = {"x": X[:5], "y": np.ones(5), "w": np.full(5, 3.0)}
    assert fg.fit(problem, lambda: iter([batch]), epochs=1, **QUIET).best.train_loss == pytest.approx(3.0)


@pytest.mark.parametrize(
    ("data", "settings", "error", "text"),
    [
        (lambda: iter([]), {}, FeedError, "found a stream without a batch"),
        (lambda: 3, {}, FeedError, "found int from the function that gives data"),
        (Loader(), {"valid": 0.2}, UsageError, "found valid=0.2 beside a stream of batches"),
        (Loader(), {"sample_weight": np.ones(50)}, UsageError, "found sample_weight= beside a stream of batches"),
        (Loader(), {"metrics": np.dot}, UsageError, "found metrics= beside a stream of batches alone"),
        ((X, Y), {"steps_per_epoch": 3}, UsageError, "found steps_per_epoch=3 for data that are arrays"),
    ],
)
def test_what_no_stream_can_do_is_refused(data, settings, error, text):
    with pytest.raises(error, match=text):
        fg.fit(mlp(), data, **settings, **QUIET)


@pytest.fixture
def mapped(tmp_path):
    """64 MB of float32 in a file, and their classes."""
    path = tmp_path / "x.npy"
    x = np.lib.format.open_memmap(path, "w+", np.float32, (40_000, 400))
    x[:] = np.linspace(-1, 1, 400, dtype=np.float32)
    x[::2] *= -1
    x.flush()
    return np.load(path, mmap_mode="r"), np.arange(40_000) % 2


@pytest.mark.parametrize("valid", [None, 0.25])
def test_a_mapped_file_is_read_batch_by_batch(mapped, valid):
    """With checks, another dtype than the model's, and a share held out, memory grows by a small part of the file."""
    x, y = mapped
    model = fg.MLP([400, 2], rng=0)
    tracemalloc.start()
    history = fg.fit(model, (x, y), valid, epochs=1, batch_size=1000, learning_rate=0.01, progress=False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes / 3
    assert history.best.train_error < 0.5


def test_a_mapped_file_trains_as_an_array_does(mapped):
    x, y = mapped[0][:500], mapped[1][:500]
    both = []
    for data in (x, np.array(x)):
        model = fg.MLP([400, 2], rng=0)
        both.append(fg.fit(model, (data, y), 0.2, epochs=2, **QUIET))
    for column in ("train_objective", "valid_objective"):
        assert both[0][column] == both[1][column]


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("streamed", [True, False])
def test_a_number_that_is_not_finite_is_named_and_not_the_learning_rate(streamed, value):
    X, y = np.ones((12, 2)), np.arange(12) % 2
    X[7, 1] = value
    data = (lambda: iter([(X[:6], y[:6]), (X[6:], y[6:])])) if streamed else (X, y)
    settings = {"epochs": 3, "progress": False, "checks": False, "batch_size": None if streamed else 12}
    with np.errstate(all="ignore"):
        history = fg.fit(fg.MLP([2, 3, 2], rng=0), data, **settings)
        X[7, 1] = 1.0
        x, t, w = fg.Input("x", shape=("N", 2)), fg.Input("y", shape=("N",)), fg.Parameter([0.0, 0.0], name="w")
        too_fast = fg.fit(fg.mean((x @ w - t) ** 2), {x: X, t: y}, learning_rate=1e200, rule="sgd", **settings)
    step, place = (2, [1, 1]) if streamed else (1, [7, 1])
    assert f"'x' are not finite in the batch of step {step}, such as {value} at {place}" in history.ended
    assert "learning rate" not in history.ended
    assert "try a smaller learning rate" in too_fast.ended

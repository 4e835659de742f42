"""Parameters that are not trained but carried along: running statistics, averages of weights, counts."""

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import DtypeError, ShapeError, UsageError
from flowgraph.training import Checkpoint, EarlyStopping, Evaluator, Problem, Trainer, load_checkpoint
from flowgraph.training.examples import epoch_order

RNG = np.random.default_rng(0)
X, Y = RNG.normal(3.0, 2.0, size=(37, 4)), RNG.integers(0, 2, 37)
VALID = RNG.normal(3.0, 2.0, size=(11, 4)), RNG.integers(0, 2, 11)
QUIET = {"checks": False, "progress": False}
SHARE = 0.2


class Normalised:
    """A network with batch normalisation, which trains on the statistics of the batch and predicts by running ones."""

    def __init__(self):
        rng = np.random.default_rng(7)
        self.x, self.y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",), dtype=int)
        self.W, self.V = (fg.Parameter(rng.normal(size=shape), name=n) for n, shape in (("W", (4, 3)), ("V", (3, 2))))
        self.scale, self.shift = fg.Parameter(np.ones(3), name="scale"), fg.Parameter(np.zeros(3), name="shift")
        self.mean, self.var = fg.Parameter(np.zeros(3), name="mean"), fg.Parameter(np.ones(3), name="var")
        a = self.x @ self.W
        batch = np.mean(a, axis=0), np.var(a, axis=0)
        self.objective = self._objective(a, *batch)
        self.evaluate = self._objective(a, self.mean, self.var)
        self.updates = {
            running: (1 - SHARE) * running + SHARE * now
            for running, now in zip((self.mean, self.var), batch, strict=True)
        }

    def _objective(self, a, mean, var):
        h = np.tanh(self.scale * (a - mean) / np.sqrt(var + 1e-5) + self.shift)
        return fg.mean(fg.SoftmaxCrossEntropy(h @ self.V, self.y)) + 1e-3 * fg.L2(self.W, self.V)

    def problem(self):
        return Problem(self.objective, evaluate=self.evaluate, updates=self.updates)

    def trainer(self, **settings):
        settings = {"batch_size": 8, "seed": 4, "learning_rate": 0.05, "early_stopping": EarlyStopping(4)} | settings
        return Trainer(self.problem(), (X, Y), VALID, **settings)


def test_each_step_applies_the_updates_with_the_values_before_it():
    """By hand: the statistics of a batch are those under the weights that the step then changes."""
    net = Normalised()
    trainer = net.trainer(rule="sgd")
    mean, var = np.zeros(3), np.ones(3)
    order = epoch_order(37, 8, 4, 0)
    for start in (0, 8, 16, 24, 32):
        a = X[order[start : start + 8]] @ net.W.value
        mean, var = (1 - SHARE) * mean + SHARE * a.mean(axis=0), (1 - SHARE) * var + SHARE * a.var(axis=0)
        trainer.step()
        np.testing.assert_allclose(net.mean.value, mean)
        np.testing.assert_allclose(net.var.value, var)


def test_the_validation_objective_is_that_of_the_running_statistics():
    net = Normalised()
    settings = {"evaluate": net.evaluate, "updates": net.updates, "batch_size": 8, "seed": 4}
    history = fg.fit(net.objective, (X, Y), VALID, epochs=1, **settings, **QUIET)
    data = dict(zip(("x", "y"), VALID, strict=True))
    assert history.best.valid_objective == pytest.approx(float(fg.Graph(net.evaluate).fprop(data)), rel=1e-12)
    a = VALID[0] @ net.W.value
    h = np.tanh(net.scale.value * (a - net.mean.value) / np.sqrt(net.var.value + 1e-5) + net.shift.value)
    run = fg.Graph(fg.SoftmaxCrossEntropy(h @ net.V.value, VALID[1])).fprop()
    assert history.best.valid_loss == pytest.approx(run.outputs[0].mean())
    assert history.best.valid_error == np.mean((h @ net.V.value).argmax(axis=1) != VALID[1])
    assert history.best.valid_objective != pytest.approx(float(fg.Graph(net.objective).fprop(data)), rel=1e-3)


def test_they_are_neither_trained_nor_regularized_nor_checked():
    net = Normalised()
    problem = net.problem()
    names = {"mean", "var"}
    assert {p.name for p in problem.parameters} == {"W", "V", "scale", "shift"}
    assert not names & {p.name for p in problem.weights("AdamW")}
    trainer = net.trainer(rule="adamw")
    remembered = [name for name in trainer.state().arrays if name.startswith("rule/")]
    assert any("/W/" in name for name in remembered)
    assert not any(f"/{name}/" in one for one in remembered for name in names)
    history = trainer.run(1)
    assert not any(name in column for column in history.columns for name in names)
    net.mean.value = np.full(3, np.inf)
    assert fg.preflight(problem, (X, Y)).passed


def test_the_gradient_of_what_is_not_trained_is_not_looked_at():
    """That of a square root at 0 is infinite."""
    x, w, lag = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w"), fg.Parameter(0.0, name="lag")
    problem = Problem(fg.mean((x - w) ** 2) + np.sqrt(lag), updates={lag: lag * 1.0})
    assert "passed  gradients: finite" in str(fg.preflight(problem, {x: np.zeros(4)}))


def test_a_parameter_that_the_objective_reads_is_not_trained_if_it_is_in_updates():
    x, w, lag = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w"), fg.Parameter(2.0, name="lag")
    objective = fg.mean((x - w) ** 2) + (w - lag) ** 2
    updates = {lag: 0.5 * lag + 0.5 * w}
    fg.fit(objective, {x: np.zeros(4)}, rule="sgd", learning_rate=0.1, updates=updates, epochs=1, **QUIET)
    assert float(lag.value) == 1.5
    assert float(w.value) == pytest.approx(1 - 0.1 * (2 * 1 + 2 * (1 - 2)))


def test_the_average_of_the_weights_of_a_network():
    """Each average is taken of the weights before the step."""
    mlp = fg.MLP([4, 3, 2], rng=0)
    averages = [fg.Parameter(np.array(W.value), name=f"average{i}") for i, W in enumerate(mlp.weights)]
    seen = [[np.array(W.value) for W in mlp.weights]]
    updates = {average: 0.9 * average + 0.1 * W for average, W in zip(averages, mlp.weights, strict=True)}

    class See(fg.Callback):
        def on_step(self, trainer):
            seen.append([np.array(W.value) for W in mlp.weights])

    fg.fit(mlp, (X, Y), updates=updates, epochs=2, callbacks=[See()], **QUIET)
    for i, average in enumerate(averages):
        needed = seen[0][i]
        for values in seen[:-1]:
            needed = 0.9 * needed + 0.1 * values[i]
        np.testing.assert_allclose(average.value, needed)


def test_the_best_epoch_gives_them_back_too():
    net, kept = Normalised(), []
    trainer = net.trainer(learning_rate=0.3)
    history = trainer.run(30, [lambda trainer, epoch: kept.append(trainer.values())])
    assert history.best_epoch < len(history)
    assert {"mean", "var"} < set(trainer.values())
    for name, value in trainer.values().items():
        assert np.array_equal(value, kept[history.best_epoch - 1][name]), name
    found = Evaluator(trainer.problem).measure(VALID)
    assert found["objective"] == pytest.approx(history.best.valid_objective, rel=1e-12)
    assert net.mean.home is net.var.home is None, "they are free of the memory of the plan"


def test_a_checkpoint_has_them_and_refuses_other_updates(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    Normalised().trainer().run(2, [Checkpoint(path)])
    state = load_checkpoint(path)
    assert {"parameter/mean", "parameter/var", "best/mean", "best/var"} <= set(state.arrays)
    resumed, whole = Normalised().trainer(), Normalised().trainer()
    resumed.restore(load_checkpoint(path))
    assert resumed.run(5)["train_objective"] == whole.run(5)["train_objective"]
    for change in ("updates", "evaluate"):
        net = Normalised()
        if change == "updates":
            net.updates[net.mean] = 0.5 * net.mean + 0.5 * np.mean(net.x @ net.W, axis=0)
        else:
            net.evaluate = net.evaluate + 1.0
        with pytest.raises(UsageError, match=f"resume: .* was written in a training with another {change}"):
            net.trainer().restore(load_checkpoint(path))


def test_what_is_refused():
    net = Normalised()
    other, twin = fg.Input("x", shape=("N", 4)), fg.Parameter(np.zeros(3), name="twin")
    everything = {p: p * 1.0 for p in fg.Graph(net.objective).parameters}
    foreign = {net.mean: np.mean(other, axis=0)[:3]}
    for match, keywords in [
        (r"Problem: found updates=.*, needs a dict of parameters that are not trained to", {"updates": [net.mean]}),
        (r"Problem: found updates=", {"updates": {net.mean: 3.0}}),
        (r"Problem: found updates=", {"updates": {net.x: net.x}}),
        (r"the new value of Parameter 'mean' reads Input 'x', built at .*, which the obj", {"updates": foreign}),
        (r"depends on no parameter but those in updates, so there is nothing", {"updates": everything}),
        (r"evaluate reads Parameter 'mean', built at .*, which is neither trained", {"evaluate": net.evaluate}),
        (r"the new value of Parameter 'mean' reads Parameter 'twin'", {"updates": {net.mean: net.mean + twin}}),
    ]:
        with pytest.raises(UsageError, match=match):
            Problem(net.objective, **keywords)
    with pytest.raises(ShapeError, match=r"found a new value of shape \(4,\) for Parameter 'mean'"):
        Trainer(net.objective, (X, Y), updates={net.mean: np.mean(net.x, axis=0)})
    with pytest.raises(DtypeError, match=r"found a new value of dtype float32 for Parameter 'mean'"):
        Trainer(net.objective, (X, Y), updates={net.mean: net.mean.astype("float32")})
    for keyword in ("evaluate", "updates"):
        with pytest.raises(UsageError, match=r"fit: found evaluate= or updates= beside a Problem, which has its own"):
            fg.fit(net.problem(), (X, Y), **{keyword: getattr(net, keyword)})
    with pytest.raises(UsageError, match=r"fit: found evaluate= for an MLP, which is evaluated without dropout"):
        fg.fit(fg.MLP([4, 2]), (X, Y), evaluate=net.evaluate)
    for minimise in (fg.lbfgs, fg.newton):
        with pytest.raises(
            UsageError, match=rf"{minimise.__name__}: found a problem with updates=, which belong to the"
        ):
            minimise(net.problem(), (X, Y))

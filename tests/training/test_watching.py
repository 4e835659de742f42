"""What is shown of a training, chosen by and recorded is the number that is minimised, whatever the objective is."""

import csv

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.training import EarlyStopping, Evaluator, Trainer
from flowgraph.training.evaluation import BATCH

RNG = np.random.default_rng(0)


QUIET = {"checks": False, "progress": False}


def classes():
    """Scores of three classes by a linear layer, the losses of the examples, and how to draw some."""
    x, t = fg.Input("x", shape=("N", 4)), fg.Input("t", shape=("N",), dtype=int)
    layer = fg.Linear(4, 3, rng=0)

    def draw(count, rng):
        return {x: rng.normal(size=(count, 4)), t: rng.integers(0, 3, count)}

    return t, layer, fg.SoftmaxCrossEntropy(layer(x), t), draw


def regularised():
    _, layer, losses, draw = classes()
    return fg.objective(losses, fg.L2(layer.W), 0.3), draw


def class_weights():
    t, _, losses, draw = classes()
    return fg.mean(fg.Constant([1.0, 100.0, 10.0])[t] * losses), draw


def two_losses():
    x, t = fg.Input("x", shape=("N", 4)), fg.Input("t", shape=("N",), dtype=int)
    one, two = fg.Linear(4, 3, rng=0), fg.Parameter(np.ones(4), name="v")
    number = fg.Input("number", shape=("N",))

    def draw(count, rng):
        return {x: rng.normal(size=(count, 4)), t: rng.integers(0, 3, count), number: rng.normal(size=count)}

    whole = fg.mean(fg.SoftmaxCrossEntropy(one(x), t)) + 5 * fg.mean(fg.SquaredError(x @ two, number)) + fg.L1(two)
    return whole, draw


def variational():
    """A variational autoencoder of eight pixels: the cross entropy is summed over them, and has a term beside it."""
    x = fg.Input("x", shape=("N", 8))
    with fg.scope("to"):
        encode = fg.Linear(8, 4, rng=0)
    with fg.scope("fro"):
        decode = fg.Linear(2, 8, rng=1)
    a = encode(x)
    mean, log_variance = a[:, :2], a[:, 2:]
    noise = fg.Random(lambda generator, shape: generator.normal(size=shape), shape=("N", 2), name="noise")
    logits = decode(mean + np.exp(log_variance / 2) * noise)
    divergence = 0.5 * np.sum(mean**2 + np.exp(log_variance) - log_variance - 1, axis=1)
    return fg.mean(np.sum(fg.BinaryCrossEntropy(logits, x), axis=1) + divergence), lambda count, rng: {
        x: (rng.random((count, 8)) < 0.3).astype(float)
    }


def no_loss_box():
    x, w = fg.Input("x", shape=("N",)), fg.Parameter(0.5, name="w")
    return fg.mean((x - w) ** 4), lambda count, rng: {x: rng.normal(size=count)}


def loss_named_twice():
    objective, draw = class_weights()
    return fg.Problem(objective, loss=objective), draw


CASES = [regularised, class_weights, two_losses, variational, no_loss_box, loss_named_twice]


def problem_and_data(case):
    model, draw = case()
    return model if isinstance(model, fg.Problem) else fg.Problem(model), draw


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("count", [50, 2 * BATCH + 100])
def test_what_is_shown_of_validation_is_the_objective_on_the_whole_set(case, count):
    """Evaluated in parts; a random leaf draws anew in each, so that with one only a mean can be compared."""
    problem, draw = problem_and_data(case)
    data = draw(count, RNG)
    found = Evaluator(problem).measure(data, seed=5)["objective"]
    random = bool(problem.graph.randoms)
    assert found == pytest.approx(float(problem.graph.fprop(data, seed=5)), rel=0.1 if random else 1e-12)


@pytest.mark.parametrize("case", CASES)
def test_what_is_shown_of_training_is_the_objective_that_a_step_goes_down(case):
    problem, draw = problem_and_data(case)
    train = draw(40, RNG)
    trainer = Trainer(problem, train, batch_size=None, rule="sgd", learning_rate=1e-3)
    start = float(problem.graph.fprop(train, seed=1))
    assert trainer.run(1)["train_objective"] == [pytest.approx(start, rel=1e-12)]


@pytest.mark.parametrize("case", CASES)
def test_the_best_epoch_is_that_of_the_smallest_validation_objective(case):
    """A rate that is too high lets it rise and fall: the parameters that come back are those of its minimum."""
    problem, draw = problem_and_data(case)
    train, valid = draw(40, RNG), draw(30, RNG)
    kept = []
    trainer = Trainer(problem, train, valid, rule="rmsprop", learning_rate=0.2, batch_size=10)
    history = trainer.run(12, [lambda trainer, epoch: kept.append(trainer.values())])
    objectives = history["valid_objective"]
    assert history.best_epoch == int(np.argmin(objectives)) + 1
    assert history.best.valid_objective == min(objectives)
    for name, value in trainer.values().items():
        assert np.array_equal(value, kept[history.best_epoch - 1][name])


@pytest.mark.parametrize("case", CASES)
def test_the_record_has_both_parts_of_every_measure(case, tmp_path):
    problem, draw = problem_and_data(case)
    history = fg.fit(problem, draw(40, RNG), draw(30, RNG), epochs=2, **QUIET)
    rows = list(csv.DictReader(history.to_csv(tmp_path / "history.csv").read_text().splitlines()))
    measures = ("objective", "loss", "error")
    assert [c for c in history.columns if c.startswith(("train_", "valid_"))] == [
        f"{part}_{measure}" for part in ("train", "valid") for measure in measures
    ]
    for measure in measures:
        assert (rows[0][f"train_{measure}"] == "") == (rows[0][f"valid_{measure}"] == "")
    table = str(history).splitlines()[0]
    assert "train objective" in table
    assert "valid objective" in table


def test_class_weights_are_in_what_is_shown():
    """Once it was the mean of the losses without their weights."""
    t, _, losses, draw = classes()
    weights = np.array([1.0, 100.0, 10.0])
    data = draw(40, RNG)
    run = fg.Graph(losses).fprop(data)
    needed = float(np.mean(weights[data[t]] * run[losses]))
    objective = fg.mean(fg.Constant(weights)[t] * losses)
    history = fg.fit(objective, data, data, rule="sgd", learning_rate=1e-9, batch_size=None, epochs=1, **QUIET)
    for part in ("train", "valid"):
        for measure in ("objective", "loss"):
            assert getattr(history.best, f"{part}_{measure}") == pytest.approx(needed, rel=1e-6)


def test_an_autoencoder_is_not_chosen_by_its_wrong_pixels():
    """The epoch with the fewest wrong pixels is often another one than that of the smallest objective."""
    by_pixels, by_objective = [], []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        problem, draw = problem_and_data(variational)
        history = fg.fit(problem, draw(40, rng), draw(30, rng), learning_rate=0.05, epochs=20, **QUIET)
        by_pixels.append(int(np.argmin(history["valid_error"])) + 1)
        by_objective.append(int(np.argmin(history["valid_objective"])) + 1)
        assert history.best_epoch == by_objective[-1]
        assert history["train_loss"] == history["train_objective"]
    assert by_pixels != by_objective


def test_a_loss_given_as_the_loss_is_the_same_in_both_parts():
    """Once the training column showed the unweighted loss, and the validation column the weighted one."""
    problem, draw = problem_and_data(loss_named_twice)
    data = draw(40, RNG)
    best = fg.fit(problem, data, data, rule="sgd", learning_rate=1e-9, batch_size=None, epochs=1, **QUIET).best
    assert best.train_loss == best.train_objective == pytest.approx(best.valid_loss, rel=1e-6)


@pytest.mark.parametrize("watch", ["objective", "loss", "error"])
def test_the_best_epoch_may_be_chosen_by_another_measure_by_its_name(watch):
    """With noisy labels and a regularizer the three disagree."""
    t, layer, losses, draw = classes()
    rng = np.random.default_rng(1)

    def learnable(count):
        data = draw(count, rng)
        x = next(box for box in data if box is not t)
        return data | {t: (data[x][:, :3] + rng.normal(size=(count, 3))).argmax(axis=1)}

    problem = fg.Problem(fg.mean(losses) + 0.1 * fg.L2(layer.W))
    train, valid = learnable(30), learnable(40)
    stopping = EarlyStopping(None, watch)
    history = fg.fit(problem, train, valid, epochs=25, learning_rate=0.05, early_stopping=stopping, **QUIET)
    best = {what: int(np.argmin(history[f"valid_{what}"])) + 1 for what in ("objective", "loss", "error")}
    assert len(set(best.values())) == 3
    assert history.best_epoch == best[watch]
    assert history.watch == watch


def test_dropout_is_in_what_is_trained_and_not_in_what_is_evaluated():
    mlp = fg.MLP([4, 16, 2], rng=0, dropout=0.5)
    X, y = RNG.normal(size=(60, 4)), RNG.integers(0, 2, 60)
    history = fg.fit(mlp, (X, y), (X, y), l2=0.1, epochs=1, **QUIET)
    f = fg.Graph(mlp(fg.Input("x", shape=("N", 4)))).fprop(x=X).outputs[0]
    loss = -np.mean(np.log(f[np.arange(60), y]))
    assert history.best.valid_loss == pytest.approx(loss)
    assert history.best.valid_objective == pytest.approx(loss + 0.1 * sum((W.value**2).sum() for W in mlp.weights))


def test_draws_of_an_evaluation_differ_by_epoch_and_repeat_by_seed():
    """The noise of an autoencoder on validation data is neither frozen nor lost when a training is taken up again."""
    found = []
    for seed in (0, 0, 1):
        problem, draw = problem_and_data(variational)
        data = draw(20, np.random.default_rng(0))
        trainer = Trainer(problem, data, data, rule="sgd", learning_rate=1e-300, seed=seed)
        found.append(trainer.run(3)["valid_objective"])
    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) == 3


def test_the_parts_of_an_evaluation_draw_apart():
    """Were the draws of both parts the same, so would be the means of the noise."""
    x, w = fg.Input("x", shape=("N",)), fg.Parameter(1.0, name="w")
    noise = fg.Random(lambda generator, shape: generator.normal(size=shape), shape=("N",), name="noise")
    evaluator = Evaluator(fg.Problem(fg.mean(w * noise + 0 * x)))
    one, two = (evaluator.measure({x: np.zeros(count)}, seed=3)["objective"] for count in (BATCH, 2 * BATCH))
    assert one != two


def test_the_error_is_there_where_one_loss_of_classes_is():
    names = {case.__name__ for case in CASES if problem_and_data(case)[0].error is not None}
    assert names == {"regularised", "class_weights", "two_losses", "variational", "loss_named_twice"} - {"two_losses"}


def test_what_cannot_be_watched_is_refused():
    problem, draw = problem_and_data(no_loss_box)
    data = draw(5, RNG)
    with pytest.raises(
        UsageError, match=r"fit: found EarlyStopping\(.*'error'.*\) for an objective without one loss of"
    ):
        fg.fit(problem, data, data, early_stopping=EarlyStopping(watch="error"))
    with pytest.raises(UsageError, match=r"fit: found early_stopping=3 without validation data, .* needs valid="):
        fg.fit(problem, data, early_stopping=3)
    with pytest.raises(UsageError, match=r"Problem: found Parameter 'pair' as loss=, needs a scalar box of floats"):
        fg.Problem(problem.objective, loss=fg.Parameter([1.0, 2.0], name="pair"))
    with pytest.raises(UsageError, match=r"fit: found evaluate= without validation data, on which it would be"):
        fg.fit(problem.objective, data, evaluate=problem.objective * 2)
    best = fg.fit(problem, data, data, epochs=1, **QUIET).best
    with pytest.raises(
        UsageError, match=r"Epoch: found the measure 'accuracy', needs one of 'objective', 'loss', 'err"
    ):
        best.valid("accuracy")
    for name in ("evaluate", "loss", "error"):
        with pytest.raises(UsageError, match=rf"Problem: found float as {name}=, needs a scalar box of floats"):
            fg.Problem(problem.objective, **{name: 0.5})


def test_a_state_that_watched_something_else_is_refused():
    problem, draw = problem_and_data(regularised)
    data = draw(20, RNG)

    def trainer(watch):
        return Trainer(problem, data, data, early_stopping=EarlyStopping(5, watch))

    state = trainer("objective").state()
    with pytest.raises(UsageError, match=r"restore: found a state with watch 'objective', but this trainer has 'loss'"):
        trainer("loss").restore(state)
    del state.record["sums"]
    with pytest.raises(
        UsageError, match=r"restore: found a state of an older flowgraph, which measured something else"
    ):
        trainer("objective").restore(state)

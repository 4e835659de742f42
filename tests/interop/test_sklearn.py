"""The estimators are scikit-learn's: its own checks pass, and what it builds of estimators works with them."""

import copy
import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight

import flowgraph as fg
from flowgraph.interop.sklearn import FlowgraphClassifier, FlowgraphRegressor
from flowgraph.peers import install_command

with pytest.MonkeyPatch.context() as patch:
    patch.setenv("SCIPY_ARRAY_API", "1")  # scikit-learn 1.6 asks for it beside array-api-compat
    from sklearn.utils.estimator_checks import parametrize_with_checks

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
LABELS = (X[:, 0] > 0).astype(int) + (X[:, 1] > 0.5)
NUMBERS = X[:, 0] * 2 - X[:, 1]
TIMES = RNG.integers(1, 4, 60)
QUICK = {"hidden_layer_sizes": (8,), "learning_rate": 0.05, "batch_size": 16, "random_state": 0}


def outputs(model):
    """What tells two networks apart."""
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@parametrize_with_checks([FlowgraphClassifier(), FlowgraphRegressor()])
def test_every_check_of_scikit_learn(estimator, check):
    check(estimator)


def estimators():
    """Each class with data for it."""
    return [(FlowgraphClassifier, LABELS), (FlowgraphRegressor, NUMBERS)]


@pytest.mark.parametrize(("cls", "y"), estimators())
def test_partial_fits_and_warm_starts_are_one_training(cls, y):
    """With all that the rule remembers, to the bit."""
    whole = cls(**QUICK, epochs=6).fit(X, y)
    parts = cls(**QUICK)
    for _ in range(6):
        parts.partial_fit(X, y, **({"classes": np.unique(y)} if cls is FlowgraphClassifier else {}))
    warm = cls(**QUICK, epochs=3, warm_start=True).fit(X, y).fit(X, y)
    for other in (parts, warm):
        assert (outputs(other) == outputs(whole)).all()
        assert other.n_iter_ == 6
        assert other.loss_curve_ == whole.loss_curve_


def doubled(prediction, target):
    """A loss of either kind of target."""
    return 2 * (fg.SoftmaxCrossEntropy if np.issubdtype(target.dtype, np.integer) else fg.SquaredError)(
        prediction, target
    )


def seen(trainer, epoch):
    """A callback that has an effect on the result."""
    trainer.stop("seen")


WARM = {"epochs": 3, "warm_start": True, "dropout": 0.2, "early_stopping": 2}
CHANGES = {
    "activation": ["tanh"], "dropout": 0.5, "loss": doubled, "rule": fg.Adam(beta1=0.5), "learning_rate": 0.5,
    "batch_size": 7, "epochs": 1, "l1": 1.0, "l2": 1.0, "clip_norm": 1e-3, "average": 0.99, "early_stopping": False,
    "validation_fraction": 0.5, "callbacks": [seen], "warm_start": False, "random_state": 7,
    "class_weight": {0: 9.0, 1: 1.0, 2: 1.0},
}  # fmt: skip
REFUSED = {"hidden_layer_sizes": (77,), "backend": "fortran", "metrics": ["unknown"]}


@pytest.mark.parametrize(("cls", "y"), estimators())
def test_what_is_changed_between_warm_fits_takes_effect_or_is_refused(cls, y):
    once, twice = cls(**QUICK | WARM).fit(X, y), cls(**QUICK | WARM).fit(X, y).fit(X, y)
    assert {*CHANGES, *REFUSED} >= once.get_params().keys()
    for name in once.get_params():
        changed = copy.deepcopy(once)
        changed.set_params(**{name: {**CHANGES, **REFUSED}[name]})
        if name in REFUSED:
            with pytest.raises((ValueError, fg.FlowgraphError), match=r"77|fortran|unknown"):
                changed.fit(X, y)
        else:
            assert (outputs(changed.fit(X, y)) != outputs(twice)).any(), name


@pytest.mark.parametrize("settings", [{}, {"average": 0.9}, {"rule": "sgd", "clip_norm": 0.1}])
@pytest.mark.parametrize(("cls", "y"), estimators())
def test_what_is_measured_between_warm_fits_changes_no_training(cls, y, settings):
    given = QUICK | {"epochs": 3, "dropout": 0.2, "warm_start": True} | settings
    plain = cls(**given).fit(X, y).fit(X, y)
    changed = cls(**given).fit(X, y).set_params(metrics=[lambda targets, predicted: 0.0]).fit(X, y)
    assert (outputs(changed) == outputs(plain)).all()
    assert changed.loss_curve_ == plain.loss_curve_
    watched = cls(**given).fit(X, y).fit(X, y, eval_set=(X, y))
    assert watched.loss_curve_ == plain.loss_curve_


@pytest.mark.parametrize(("cls", "y"), estimators())
def test_copies_predict_alike_and_do_not_carry_the_examples(cls, y, tmp_path):
    x = np.repeat(X, 400, axis=0)
    model = cls(**QUICK, epochs=1).fit(x, np.repeat(y, 400))
    joblib.dump(model, tmp_path / "model.joblib")
    dumped = pickle.dumps(model)
    assert len(dumped) < x.nbytes / 4
    for other in (pickle.loads(dumped), copy.deepcopy(model), joblib.load(tmp_path / "model.joblib")):
        assert (outputs(other) == outputs(model)).all()
        first, second = (one.partial_fit(X, y) for one in (copy.deepcopy(other), copy.deepcopy(model)))
        assert (outputs(first) == outputs(second)).all()
    assert clone(model).get_params() == model.get_params()


@pytest.mark.parametrize(("cls", "y"), estimators())
def test_a_grid_search_over_a_pipeline_in_two_processes(cls, y):
    pipeline = make_pipeline(StandardScaler(), cls(**QUICK, epochs=5))
    name = cls.__name__.lower()
    grid = {f"{name}__activation": ["tanh", ["relu"]], f"{name}__rule": ["adam", fg.Momentum(0.9)]}
    search = GridSearchCV(pipeline, grid, n_jobs=2, cv=2, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 4
    assert search.predict(X).shape == (60,)


def test_names_of_classes_and_their_probabilities():
    names = np.array(["low", "mid", "top"])
    model = FlowgraphClassifier(**QUICK, epochs=60).fit(X, names[LABELS])
    assert model.classes_.tolist() == ["low", "mid", "top"]
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), p)
    assert (model.predict(X) == names[p.argmax(axis=1)]).all()
    assert model.score(X, names[LABELS]) > 0.9
    h = X
    for W, b in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
        h = np.maximum(h @ W + b, 0)
    a = h @ model.coefs_[-1] + model.intercepts_[-1]
    np.testing.assert_allclose(np.log(p), a - np.log(np.exp(a).sum(axis=1, keepdims=True)), atol=1e-12)


def test_two_classes_have_an_output_each_whose_difference_is_the_logit():
    model = FlowgraphClassifier(**QUICK, epochs=5).fit(X, LABELS > 0)
    h = np.maximum(X @ model.coefs_[0] + model.intercepts_[0], 0)
    (W, b) = (layer[-1][..., 1] - layer[-1][..., 0] for layer in (model.coefs_, model.intercepts_))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], 1 / (1 + np.exp(-(h @ W + b))))


@pytest.mark.parametrize("weights", ["balanced", {"a": 5.0, "b": 1.0}])
def test_weights_of_classes_are_weights_of_their_examples(weights):
    y = np.where(LABELS == 0, "a", "b")
    by_hand = compute_sample_weight(weights, y)
    found = FlowgraphClassifier(**QUICK, epochs=5, class_weight=weights).fit(X, y, sample_weight=TIMES)
    expected = FlowgraphClassifier(**QUICK, epochs=5).fit(X, y, sample_weight=TIMES * by_hand)
    np.testing.assert_allclose(outputs(found), outputs(expected), rtol=1e-9)


def focal(scores, targets):
    """A graph around a loss of fg: Lin et al. 2017, Focal loss, with gamma 2."""
    log_p = -fg.SoftmaxCrossEntropy(scores, targets)
    return -((1 - np.exp(log_p)) ** 2) * log_p


def absolute(prediction, target):
    return np.abs(prediction - target)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_loss_that_is_any_graph(weighted):
    """Trained by the number that it is: after one step of all examples nothing else has been minimised."""
    weights = TIMES.astype(float) if weighted else np.ones(60)
    given = {"sample_weight": TIMES} if weighted else {}
    one = QUICK | {"epochs": 1, "batch_size": None, "rule": "sgd", "learning_rate": 1e-12}
    classifier = FlowgraphClassifier(**one, loss=focal).fit(X, LABELS, **given)
    p = classifier.predict_proba(X)[np.arange(60), LABELS]
    assert classifier.loss_curve_[0] == pytest.approx(np.average(-((1 - p) ** 2) * np.log(p), weights=weights))
    regressor = FlowgraphRegressor(**one, loss=absolute).fit(X, NUMBERS, **given)
    expected = np.average(np.abs(regressor.predict(X) - NUMBERS), weights=weights)
    assert regressor.loss_curve_[0] == pytest.approx(expected)


def test_a_loss_that_is_one_number_is_weighted_by_the_losses_in_it():
    def whole(prediction, target):
        return fg.mean((prediction - target) ** 2)

    def whole_of_losses(prediction, target):
        return fg.mean(fg.SquaredError(prediction, target))

    model = FlowgraphRegressor(**QUICK, epochs=1, loss=whole).fit(X, NUMBERS)
    plain = FlowgraphRegressor(**QUICK, epochs=1).fit(X, NUMBERS)
    np.testing.assert_allclose(outputs(model), outputs(plain))
    with pytest.raises(fg.FlowgraphError, match="found no loss of examples"):
        model.partial_fit(X, NUMBERS, sample_weight=TIMES)
    model, plain = (
        FlowgraphRegressor(**QUICK, epochs=1, loss=loss).fit(X, NUMBERS, sample_weight=TIMES)
        for loss in (whole_of_losses, None)
    )
    np.testing.assert_allclose(outputs(model), outputs(plain))


def test_dropout_and_an_activation_for_each_layer():
    model = FlowgraphClassifier((8, 6), ["tanh", fg.relu], dropout=[0.5, 0.0], epochs=2, random_state=0).fit(X, LABELS)
    kinds = [type(box).__name__ for box in fg.Graph(model.model_(fg.Input("x", shape=("N", 4)))) if box.children]
    assert kinds == ["Affine", "Tanh", "Affine", "ReLU", "Affine", "Softmax"]
    assert (model.predict_proba(X) == model.predict_proba(X)).all()
    plain = FlowgraphClassifier((8, 6), ["tanh", fg.relu], epochs=2, random_state=0).fit(X, LABELS)
    assert (model.coefs_[0] != plain.coefs_[0]).any()


@pytest.mark.parametrize(("cls", "y"), estimators())
def test_a_set_to_validate_on_chooses_the_epoch(cls, y):
    heard = []

    class See(fg.Callback):
        def on_epoch(self, trainer, epoch):
            heard.append(epoch.number)

    metric = accuracy_score if cls is FlowgraphClassifier else r2_score
    model = cls(**QUICK, epochs=40, early_stopping=3, metrics=[metric], callbacks=[See()])
    names = np.array(["low", "mid", "top"])[y] if cls is FlowgraphClassifier else y
    model.fit(X[:40], names[:40], eval_set=[(X[40:], names[40:])])
    history = model.history_
    assert heard == list(range(1, len(history) + 1))
    assert history.best.valid_objective == min(history["valid_objective"])
    found = history.best.metrics[f"valid_{metric.__name__}"]
    assert found == pytest.approx(model.score(X[40:], names[40:]))


@pytest.mark.parametrize(("cls", "y"), estimators())
def test_early_stopping_holds_examples_out(cls, y):
    model = cls(**QUICK, epochs=3, early_stopping=True, validation_fraction=0.25).fit(X, y, sample_weight=TIMES)
    assert all(value is not None for value in model.history_["valid_objective"])


def test_several_numbers_and_float32():
    y = np.stack([NUMBERS, -NUMBERS], axis=1)
    model = FlowgraphRegressor(**QUICK, epochs=3).fit(X.astype(np.float32), y)
    assert model.predict(X.astype(np.float32)).shape == (60, 2)
    assert model.coefs_[0].dtype == np.float32
    assert model.predict(X).dtype == np.float32


def test_no_seed_draws_anew():
    first, second = (FlowgraphRegressor((5,), epochs=1).fit(X, NUMBERS) for _ in range(2))
    assert (outputs(first) != outputs(second)).any()


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: FlowgraphClassifier(**QUICK).partial_fit(X, LABELS), "classes must be passed on the first call"),
        (
            lambda: FlowgraphClassifier(**QUICK, class_weight="balanced").partial_fit(X, LABELS, [0, 1, 2]),
            "class_weight='balanced', which needs all examples",
        ),
        (
            lambda: FlowgraphClassifier(**QUICK, epochs=1).fit(X, LABELS).partial_fit(X, LABELS + 7),
            r"found the class .*8.*, which is none of \[0 1 2\]",
        ),
        (
            lambda: FlowgraphClassifier(**QUICK, epochs=1, warm_start=True).fit(X, LABELS).fit(X, LABELS > 1),
            "warm_start: found the classes",
        ),
        (
            lambda: FlowgraphRegressor(**QUICK, warm_start=True).fit(X, NUMBERS).fit(X[:, :2], NUMBERS),
            r"found layers of \(2, 8, 1\) units to go on from a network of \(4, 8, 1\), needs those it has",
        ),
        (lambda: FlowgraphRegressor(**QUICK).fit(X, NUMBERS, eval_set=[(X, NUMBERS)] * 2), "found 2 sets, needs one"),
        (lambda: FlowgraphRegressor(**QUICK).fit(X, NUMBERS, eval_set=X), "found ndarray, needs"),
        (lambda: FlowgraphRegressor(**QUICK).fit(X, NUMBERS, -TIMES - 1), "[Nn]egative"),
    ],
)
def test_what_makes_no_sense_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_without_scikit_learn_the_extra_is_named():
    code = "import sys; sys.modules['sklearn.base'] = None; import flowgraph.interop.sklearn"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"needs scikit-learn; run: {install_command('sklearn')}" in found.stderr

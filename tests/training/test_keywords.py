"""Keywords, by the signatures: a misspelt one is named with the nearest, a number that makes no sense is refused."""

import inspect
import re
import tempfile
from dataclasses import fields

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import schedules, search, training
from flowgraph.cli import main
from flowgraph.errors import FlowgraphError, UsageError
from flowgraph.experiment import TrainSettings, trade_off
from flowgraph.experiment.settings import descriptions
from flowgraph.training.settings import ELSEWHERE, SETTINGS, kinds_of, nearest, read_setting

X, Y = np.eye(4), np.arange(4) % 2
FIXED = schedules.Fixed(0.1)
NUMBERS = fg.Input("numbers", shape=("N",))
LOSSES = (NUMBERS - fg.Parameter(0.0, name="place")) ** 2


def mlp():
    return fg.MLP([4, 2], rng=0)


BASE = {
    fg.fit: lambda: {"model": mlp(), "data": (X, Y), "valid": (X, Y), "epochs": 1, "progress": False, "checks": False},
    fg.Trainer: lambda: {"model": mlp(), "train": (X, Y), "valid": (X, Y)},
    fg.Problem: lambda: {"objective": fg.mean(LOSSES)},
    fg.MLP: lambda: {"sizes": [4, 3, 2]},
    fg.watch: lambda: {"model": mlp()},
    **dict.fromkeys((fg.EarlyStopping, training.Watch, fg.SGD, fg.Momentum, fg.Nesterov, fg.RMSProp, fg.Adagrad,
                     fg.Adam, fg.AdamW), dict),
    **dict.fromkeys((fg.Linear, fg.glorot_uniform, fg.he_uniform, fg.he_normal, training.zeros),
                    lambda: {"fan_in": 3, "fan_out": 2}),
    fg.Proximal: lambda: {"rule": fg.SGD(), "l1": 0.1},
    fg.Clipped: lambda: {"rule": fg.SGD(), "norm": 1.0, "value": 1.0},
    fg.BatchNorm: lambda: {"features": 3},
    fg.LayerNorm: lambda: {"shape": 3},
    fg.Embedding: lambda: {"count": 3, "size": 2},
    **dict.fromkeys((fg.RNN, fg.LSTM, fg.GRU), lambda: {"inputs": 3, "hidden": 2}),
    fg.MultiHeadAttention: lambda: {"size": 4, "heads": 2},
    fg.ConvLayer: lambda: {"channels": 3, "filters": 2, "size": 3},
    **dict.fromkeys((fg.lbfgs, fg.newton), lambda: {"model": mlp(), "data": (X, Y), "steps": 1}),
    fg.preflight: lambda: {"model": mlp(), "data": (X, Y)},
    fg.objective: lambda: {"losses": LOSSES, "regularizer": fg.L2(LOSSES), "strength": 1.0},
    fg.dropout: lambda: {"h": NUMBERS, "rate": 0.5},
    training.constant: lambda: {"value": 1.0},
    training.Checkpoint: lambda: {"path": tempfile.mktemp()},
    training.bias_variance: lambda: {
        "fit": lambda X, y, setting, seed: lambda x: x, "settings": [1], "training": (X[:, 0], X[:, 0]), "x": X[:, 0],
        "truth": X[:, 0], "training_sets": 3,
    },
    schedules.Fixed: lambda: {"alpha": 0.1},
    schedules.InverseTime: lambda: {"alpha": 0.1, "delta": 0.1},
    schedules.Power: lambda: {"alpha": 0.1, "delta": 0.6},
    schedules.FixedFirst: lambda: {"alpha": 0.1, "updates": 3, "then": FIXED},
    schedules.Step: lambda: {"alpha": 0.1, "every": 3},
    schedules.Cosine: lambda: {"alpha": 0.1, "updates": 3},
    schedules.OneCycle: lambda: {"alpha": 0.1, "updates": 3},
    schedules.WarmUp: lambda: {"updates": 3, "then": FIXED},
    search.search: lambda: {
        "train": lambda s, a: 0.0, "space": {"a": search.Whole(1, 2)}, "sampler": "random", "trials": 1,
    },
    **dict.fromkeys((search.Uniform, search.LogUniform), lambda: {"low": 0.5, "high": 1.0}),
    search.Whole: lambda: {"low": 1, "high": 2},
    search.Choice: lambda: {"values": [1]},
    trade_off: lambda: {
        "settings": TrainSettings("moons", epochs=1), "name": "l2", "values": [0.1], "training_sets": 3,
    },
    TrainSettings: lambda: {"source": "moons"},
}  # fmt: skip
"""Every public function that takes settings, and what it can be called with."""

RECORDS = {
    "BiasVariance", "Callback", "Epoch", "Evaluator", "History", "Minimum", "Preflight", "PreflightError",
    "PreflightWarning", "Rule", "SaddleError", "State", "TooLargeError", "load_checkpoint", "resume",
    "save_checkpoint", "schedules", "Attempt", "SearchResult", "Trial", "read_space", "select",
}  # fmt: skip
"""Public names that are results, bases and errors, or take what they take by position."""

NUMERIC = re.compile(r"\b(int|float)\b")
WRONG = {"-1": -1, "nan": np.nan, "inf": np.inf, "'x'": "x", "None": None, "True": True, "[0.5]": [0.5]}
FINE = {
    ("MLP", "dropout", "[0.5]"), ("constant", "value", "-1"), ("Uniform", "low", "-1"), ("Whole", "low", "-1"),
}  # fmt: skip
"""What is documented: a rate per hidden layer, numbers below 0 in a range; None wherever it is annotated."""
EMPTY_RANGES = {("Uniform", "high", "-1"), ("LogUniform", "high", "-1"), ("Whole", "high", "-1")}


def parameters(function):
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [one for one in inspect.signature(function).parameters.values() if one.kind in kinds]


def numbers():
    """A function, one of its numbers, and a wrong one."""
    for function in BASE:
        for parameter in parameters(function):
            annotation = str(parameter.annotation)
            if NUMERIC.search(annotation) and not annotation.startswith("Callable"):
                for text in WRONG:
                    name = f"{function.__name__}-{parameter.name}={text}"
                    yield pytest.param(function, parameter.name, text, id=name)


def misspellings(name):
    """A letter less, doubled, replaced or in the place of its neighbour."""
    for i in range(len(name)):
        yield name[:i] + name[i + 1 :]
        yield name[:i] + name[i] + name[i:]
        yield name[:i] + "q" + name[i + 1 :]
        yield name[:i] + name[i : i + 2][::-1] + name[i + 2 :]


def test_no_public_function_is_left_out():
    known = {function.__name__ for function in BASE}
    own = {one.__name__ for one in schedules.Schedule.__subclasses__() if one.__module__ == schedules.__name__}
    public = {*training.__all__, *search.__all__, *own}
    assert len(own) == 8
    assert public - RECORDS <= known
    assert not RECORDS & known


@pytest.mark.parametrize("function", BASE, ids=lambda function: function.__name__)
def test_what_it_is_called_with_is_right(function):
    function(**BASE[function]())


@pytest.mark.parametrize("function", BASE, ids=lambda function: function.__name__)
def test_a_misspelt_keyword_is_named_with_the_nearest(function):
    known = [parameter.name for parameter in parameters(function)]
    for name in known:
        for wrong in {*misspellings(name)} - {*known, "", *ELSEWHERE}:
            with pytest.raises(UsageError) as caught:
                function(**{wrong: 1})
            who, found, needed = re.split(r": found the keyword |, which it does not take; needs ", str(caught.value))
            assert (who, found) == (function.__name__, f"{wrong}=")
            assert f"{name}=" in needed.replace(",", "").split(), (wrong, needed)


@pytest.mark.parametrize(
    ("function", "wrong", "right"),
    [
        (fg.fit, "lr", "learning_rate"), (fg.fit, "optimizer", "rule"), (fg.fit, "random_state", "seed"),
        (fg.fit, "epoch", "epochs"), (fg.fit, "batchsize", "batch_size"), (fg.fit, "BatchSize", "batch_size"),
        (fg.fit, "verbose", "progress"), (fg.fit, "validation_data", "valid"), (fg.fit, "max_iter", "epochs"),
        (fg.fit, "weight_decay", "l2"), (fg.AdamW, "weight_decay", "decay"), (fg.Momentum, "momentum", "beta"),
        (fg.MLP, "random_state", "rng"), (fg.MLP, "activation", "hidden"), (fg.EarlyStopping, "monitor", "watch"),
        (fg.EarlyStopping, "min_delta", "minimum_improvement"), (schedules.Step, "gamma", "factor"),
        (schedules.Step, "step_size", "every"), (schedules.Cosine, "T_max", "updates"), (fg.Adam, "eps", "epsilon"),
        (fg.lbfgs, "tol", "tolerance"), (fg.lbfgs, "max_iter", "steps"), (search.search, "n_trials", "trials"),
    ],
)  # fmt: skip
def test_the_words_of_other_frameworks(function, wrong, right):
    needed = f"{function.__name__}: found the keyword {wrong}=, which it does not take; needs {right}="
    with pytest.raises(UsageError, match=f"^{re.escape(needed)}"):
        function(**{wrong: 1})


def test_a_word_of_another_framework_is_taken_only_where_it_has_a_counterpart():
    every = {parameter.name for function in BASE for parameter in parameters(function)}
    assert every >= {one for names in ELSEWHERE.values() for one in names}
    assert nearest("optimizer", ["beta", "decay"]) == []
    with pytest.raises(UsageError, match=r"SGD: found the keyword lr=, which .* fg.fit\(learning_rate="):
        fg.SGD(lr=0.1)
    with pytest.raises(UsageError, match=r"SGD: found the keyword momentum=, .*; see fg.Momentum"):
        fg.SGD(momentum=0.9)
    with pytest.raises(UsageError, match=r"Adam: found the keyword weight_decay=, .*; see fg.AdamW\(decay="):
        fg.Adam(weight_decay=0.1)


def test_signatures_and_docstrings_stay():
    assert str(inspect.signature(fg.AdamW)).startswith("(beta1: 'float' = 0.9, beta2")
    assert list(inspect.signature(fg.fit).parameters)[:3] == ["model", "data", "valid"]
    assert fg.fit.__doc__.startswith("Train a model")


@pytest.mark.parametrize(("function", "name", "text"), [*numbers()])
def test_a_number_that_makes_no_sense_is_refused(function, name, text):
    """Each names the setting; what is documented to be taken is taken."""
    given = BASE[function]() | {name: WRONG[text]}
    key = (function.__name__, name, text)
    annotation = str(inspect.signature(function).parameters[name].annotation)
    if key in FINE or (text == "None" and text in annotation and name not in ("strength", "trials")):
        function(**given)
        return
    with pytest.raises(FlowgraphError) as caught:
        function(**given)
    words = str(caught.value)
    assert re.search(rf"\b{name}\b", words) or key in EMPTY_RANGES, words
    assert "found" in words
    assert "needs" in words


def test_every_documented_exception_is_one_of_the_numbers():
    keys = {(param.values[0].__name__, param.values[1], param.values[2]) for param in numbers()}
    assert keys >= FINE | EMPTY_RANGES


@pytest.mark.parametrize("wrong", [0.1, None, "x", fg.SGD()])
@pytest.mark.parametrize("kind", [schedules.FixedFirst, schedules.WarmUp])
def test_a_schedule_that_follows_is_one(kind, wrong):
    with pytest.raises(UsageError, match=rf"{kind.__name__}: found then=.*, needs a schedule"):
        kind(**{**BASE[kind](), "then": wrong})


def test_what_no_table_has():
    with pytest.raises(UsageError, match=r"FixedFirst: found alpha=-1.0, needs a number above 0"):
        schedules.FixedFirst(-1.0, -3, FIXED)
    for wrong in (-1, "x", 1.5):
        for make in (lambda rng: fg.MLP([4, 2], rng=rng), lambda rng: fg.Linear(4, 2, rng=rng)):
            with pytest.raises(UsageError, match=r"found rng=.*, needs a seed, a whole number from 0 on, or a N"):
                make(wrong)
    for sizes in (5, None, "x", [4], [4, 0], [4, 2.5]):
        with pytest.raises(UsageError, match=r"MLP: found sizes .*, needs two numbers or more"):
            fg.MLP(sizes)
    with pytest.raises(UsageError, match=r"fit: found callbacks=<.*>, needs a list of them"):
        fg.fit(mlp(), (X, Y), callbacks=print)
    with pytest.raises(UsageError, match=r"restore: found str as the state, needs trainer.state\(\) or load"):
        fg.fit(mlp(), (X, Y), resume="checkpoint.safetensors")
    for wrong, right in (("trails", "trials"), ("storag", "storage")):
        with pytest.raises(UsageError, match=rf"search: found the keyword {wrong}=, .* needs {right}="):
            search.select(TrainSettings("moons"), {"l2": search.Choice([0.1])}, tempfile.mkdtemp(), **{wrong: 1})
    with pytest.raises(UsageError, match=r"search: found jobs=0, needs a whole number from 1 on"):
        search.select(TrainSettings("moons"), {"l2": search.Choice([0.1])}, tempfile.mktemp(), jobs=0)


def test_a_setting_has_one_default_and_one_range_wherever_it_is_taken():
    """What a signature says of a setting of a training is what all others say of it."""
    taken = {}
    for function in (fg.fit, fg.Trainer, TrainSettings):
        for parameter in parameters(function):
            if parameter.name in SETTINGS:
                taken.setdefault(parameter.name, set()).add(parameter.default)
    assert {"epochs", "batch_size", "l2", "seed", "average"} <= taken.keys()
    assert all(len(defaults) == 1 for defaults in taken.values()), taken
    kinds = kinds_of(TrainSettings)
    assert all(kinds[name] == SETTINGS[name] for name in kinds.keys() & SETTINGS.keys())


# fmt: off
REFUSED = {"epochs": 0, "batch_size": 0, "patience": 0, "steps_per_epoch": 0, "seed": -1,
           "learning_rate": 0, "decay": -1, "dropout": 1, "l1": -1, "l2": -1, "average": 1,
           "clip_norm": 0, "clip_value": 0, "watch": "accuracy"}
# fmt: on
"""Of each setting of a training the first number, or a word, that it does not take."""


@pytest.mark.parametrize("name", SETTINGS)
def test_the_range_of_a_setting_ends_where_it_should(name):
    with pytest.raises(UsageError, match=f"fit: found {name}={REFUSED[name]!r}, needs"):
        read_setting("fit", name, REFUSED[name])


def test_each_setting_of_an_experiment_is_read_described_and_an_option():
    names = [field.name for field in fields(TrainSettings)]
    assert list(kinds_of(TrainSettings)) == names
    assert list(descriptions()) == names
    options = {option.name for option in main.commands["train"].params}
    assert options >= set(names[1:])
    for command in ("search", "bias-variance"):
        assert {option.name for option in main.commands[command].params} >= set(names[1:])

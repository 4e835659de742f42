"""The report of a training, and the bias-variance trade-off of an experiment."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

from flowgraph.cli import main
from flowgraph.cli.train import settings_of
from flowgraph.cli.train import train as command
from flowgraph.errors import UsageError
from flowgraph.experiment import Experiment, RunFolder, TrainSettings, trade_off, train
from flowgraph.experiment.training import _options, advice_of_run
from flowgraph.training import Epoch, History, Trainer
from flowgraph.training.evaluation import predict
from flowgraph.training.history import Advice
from tests.browser import in_a_browser
from tests.training.browser import cut
from tests.training.wellformed import check_page

BASES = [
    TrainSettings("iris"),
    TrainSettings("iris", hidden=(64, 32), l2=1e-4, dropout=0.1, learning_rate=0.3, epochs=7),
    TrainSettings("iris", hidden=(), dropout=0.5, rule="momentum"),
]
ADVICE = [
    Advice("more", "epochs", 2), Advice("smaller", "learning_rate", 0.1), Advice("l2", "l2", 10, 1e-4),
    Advice("drop", "dropout", 1.5, 0.2), Advice("larger", "hidden", 2),
]  # fmt: skip


@pytest.mark.parametrize("base", BASES, ids=range(len(BASES)))
@pytest.mark.parametrize("advice", ADVICE, ids=lambda one: one.setting)
def test_advice_is_an_option_that_changes_its_setting(base, advice):
    options = _options(advice, base)
    if not options:
        assert (advice.setting, getattr(base, advice.setting)) in {("hidden", ()), ("dropout", 0.5)}
        return
    found = settings_of("iris", settings_alone(command.make_context("train", ["iris", *options.split()]).params))
    changed = getattr(found, advice.setting)
    assert changed != getattr(base, advice.setting)
    before = base.update_rule.default_rate if getattr(base, advice.setting) is None else getattr(base, advice.setting)
    if before and advice.setting != "hidden":
        assert (changed > before) == (advice.factor > 1)


def settings_alone(params):
    known = TrainSettings("iris").as_dict()
    return {name: value for name, value in params.items() if name in known and name != "source"}


def test_more_epochs_go_on_with_the_run(tmp_path):
    falling = [Epoch(n, n, 0.1, 0.0, 0.9**n, 0.9**n, valid_objective=0.9**n, valid_loss=0.9**n) for n in range(1, 30)]
    run = RunFolder(tmp_path / "a run")
    told = advice_of_run(History(falling, best_epoch=29, ended="ended"), TrainSettings("iris", epochs=29), run)
    assert f"flowgraph train --resume --epochs 58 -o &#x27;{tmp_path}/a run&#x27;" in told


@pytest.fixture(scope="module", params=["classes", "numbers"])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    rows = [f"{a},{b},{a + b if request.param == 'numbers' else 'yes' if a > b else 'no'}" for a, b in x]
    (folder / "points.csv").write_text("\n".join(["a,b,target", *rows]) + "\n")
    train(
        TrainSettings(str(folder / "points.csv"), "target", hidden=(4,), epochs=12, l2=1e-3),
        folder / "run",
        checks=False,
    )
    return request.param, folder / "run"


def test_the_page_answers_and_links_what_is_there(run):
    kind, folder = run
    page = (folder / "report.html").read_text(encoding="utf-8")
    check_page(page, folder)
    assert "points.csv: 2 → 4 →" in page
    assert "Did it converge?" in page
    assert "Does it over-fit?" in page
    assert ("true class" in page) == (kind == "classes")
    assert ("mean absolute error" in page) == (kind == "numbers")
    chosen = page[page.index("<h2>Settings") : page.index("all others")]
    assert "0.001" in chosen
    assert "seed" not in chosen
    assert "0.001, the usual one of adam" in page


@in_a_browser
def test_nothing_in_the_page_is_cut(run):
    assert cut((run[1] / "report.html").read_text(encoding="utf-8")) == []


MOONS = TrainSettings("moons", epochs=4, learning_rate=0.02, hidden=(8,))


def test_a_strong_regularizer_trades_variance_for_bias():
    trained = []
    settings = MOONS.with_values({"epochs": 20, "learning_rate": 0.05})
    weak, strong = trade_off(settings, "l2", [0.003, 0.3], training_sets=5, on_training=lambda: trained.append(1))
    assert strong.squared_bias > weak.squared_bias
    assert strong.variance < weak.variance
    assert len(trained) == 10


def test_the_parts_against_the_definition():
    """The same trainings one by one, and the parts by np.mean and np.var."""
    (row,) = trade_off(MOONS, "l2", [0.01], training_sets=3)
    raw = Experiment(MOONS).raw
    outputs = []
    for number in range(3):
        rows = np.random.default_rng([0, number]).integers(0, len(raw.train), len(raw.train))
        settings = MOONS.with_values({"l2": 0.01, "seed": number})
        experiment = Experiment(settings, raw=replace(raw, train=raw.train.take(rows)))
        experiment.trainer(validated=False).run(4)
        outputs.append(predict(experiment.predictor, raw.valid.x))
    variance = np.var(outputs, axis=0, ddof=1).sum(axis=1).mean()
    distance = ((np.mean(outputs, axis=0) - np.eye(2)[raw.valid.y]) ** 2).sum(axis=1).mean()
    assert row.variance == pytest.approx(variance)
    assert row.squared_bias == pytest.approx(distance - variance / 3)


def test_numbers_are_compared_in_their_own_unit(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 1))
    np.savez(tmp_path / "line.npz", x=x, y=1000 + 50 * x[:, 0])
    settings = TrainSettings(str(tmp_path / "line.npz"), "y", hidden=(), learning_rate=0.05)
    short, long = trade_off(settings, "epochs", [1, 60], training_sets=3)
    assert long.squared_bias < 25 < 250 < short.squared_bias


def test_settings_that_say_what_is_compared_are_not_varied():
    for name in ("seed", "patience", "test"):
        with pytest.raises(UsageError, match=f"found '{name}', which says what is compared"):
            trade_off(MOONS, name, [1])


def test_numbers_have_no_error_to_watch(tmp_path):
    np.savez(tmp_path / "line.npz", x=np.arange(20.0)[:, None], y=np.arange(20) / 7)
    with pytest.raises(UsageError, match="found watch='error' for numbers, which have none; watch the objective"):
        Experiment(TrainSettings(str(tmp_path / "line.npz"), "y", watch="error"))


def test_ctrl_c_ends_it_and_no_half_trained_network_counts(monkeypatch):
    monkeypatch.setattr(Trainer, "_run_steps", lambda self, listeners: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        trade_off(MOONS, "l2", [0.01], training_sets=3)


def run_of_trade_off(*arguments):
    return CliRunner().invoke(main, ["bias-variance", *map(str, arguments)])


def test_from_the_command_line(tmp_path):
    few = ["--training-sets", "3", "--epochs", "2"]
    result = run_of_trade_off("moons", "--vary", "hidden=1|16", *few, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    found = trade_off(TrainSettings("moons", epochs=2), "hidden", [1, 16], training_sets=3)
    assert str(found) in result.output
    lines = (tmp_path / "out" / "bias_variance.csv").read_text().splitlines()
    assert lines[0].startswith("setting,squared_bias,variance,squared_error,squared_bias_uncertainty")
    assert [float(value) for value in lines[2].split(",")[:3]] == [
        16,
        found.rows[1].squared_bias,
        found.rows[1].variance,
    ]
    assert "hidden" in (tmp_path / "out" / "bias_variance.svg").read_text()


def test_what_cannot_vary_is_said_with_its_exit_code(tmp_path):
    for vary, text in (("seed", "found 'seed', which says what is compared"), ("size", "needs one of source")):
        result = run_of_trade_off("moons", "--vary", f"{vary}=1|2", "-o", tmp_path / "out")
        assert (result.exit_code, text in result.output) == (3, True), result.output
    assert not (tmp_path / "out").exists()

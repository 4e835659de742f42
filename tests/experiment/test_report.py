"""The report of a training: its advice is options that the command takes, its links are there, nothing is cut."""

import numpy as np
import pytest

from flowgraph.cli.train import settings_of
from flowgraph.cli.train import train as command
from flowgraph.experiment import RunFolder, TrainSettings, train
from flowgraph.experiment.training import _options, advice_of_run
from flowgraph.training import Epoch, History
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
    assert ("error at most" in page) == (kind == "numbers")
    chosen = page[page.index("<h2>Settings") : page.index("all others")]
    assert "0.001" in chosen
    assert "seed" not in chosen
    assert "0.001, the usual one of adam" in page


@in_a_browser
def test_nothing_in_the_page_is_cut(run):
    assert cut((run[1] / "report.html").read_text(encoding="utf-8")) == []

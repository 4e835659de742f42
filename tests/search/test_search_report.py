"""What the trials of a search say, and the page that shows it."""

import re

import numpy as np
import pytest

from flowgraph.experiment import TrainSettings
from flowgraph.search import Choice, LogUniform, SearchResult, Trial, Uniform, select
from flowgraph.search.result import influences
from flowgraph.search.space import read_space
from tests.browser import in_a_browser
from tests.training.browser import cut
from tests.training.wellformed import check_page, read

SPACE = {"rate": LogUniform(1e-4, 1.0), "shift": Uniform(-1.0, 1.0), "kind": Choice(("a", "b"))}


def result(value, count=40, seed=0, space=SPACE):
    """Random trials with values by a function of their settings."""
    rng = np.random.default_rng(seed)
    trials = []
    for number in range(count):
        settings = {"rate": float(10 ** rng.uniform(-4, 0)), "shift": float(rng.uniform(-1, 1)),
                    "kind": str(rng.choice(["a", "b"]))}  # fmt: skip
        trials.append(Trial(number, settings, "complete", float(value(settings, rng)), 0, 0.1))
    return SearchResult(trials, [space], "loss")


def bowl(settings, rng):
    return 0.1 + (np.log10(settings["rate"]) + 2) ** 2


def answers(found):
    return {finding.question: finding.answer for finding in found.diagnosis}


def test_the_setting_that_matters_is_named():
    found = result(bowl)
    assert answers(found)["Why?"] == "Most depends on rate."
    first = influences(found)[0]
    assert first.explained > 0.5
    low, high = first.best_group
    assert low < 1e-2 < high or abs(np.log10(low) + 2) < 0.6
    kinds = result(lambda settings, rng: (settings["kind"] == "a") + 0.01 * rng.random())
    assert influences(kinds)[0].name == "kind"
    assert influences(kinds)[0].best_group == ("b", "b")


def test_noise_is_put_down_to_no_setting():
    """By chance a group stands out now and then; among many searches it must be rare."""
    told = [answers(result(lambda settings, rng: 1 + rng.random(), seed=seed))["Why?"] for seed in range(40)]
    shares = [one.explained - one.by_chance for seed in range(40)
              for one in influences(result(lambda settings, rng: 1 + rng.random(), seed=seed))]  # fmt: skip
    assert abs(np.mean(shares)) < 0.02, "groups explain as much as they do by chance"
    assert told.count("No setting stands out by itself.") > 20


def test_the_margin():
    assert answers(result(lambda settings, rng: 1 + 0.01 * rng.random()))["Is it the best by a clear margin?"] == "No."
    made = result(lambda settings, rng: 1 + 0.01 * rng.random())
    made.trials[7] = Trial(7, made.trials[7].settings, "complete", 0.2, 0, 0.1)
    assert answers(made)["Is it the best by a clear margin?"] == "Yes."


@pytest.mark.parametrize(("towards", "end"), [(1e-4, "low"), (1.0, "high")])
def test_a_best_value_at_an_end_widens_the_range_there(towards, end):
    made = result(lambda settings, rng: abs(np.log10(settings["rate"] / towards)))
    made.trials[0] = Trial(0, {**made.trials[0].settings, "rate": towards}, "complete", -1.0, 0, 0.1)
    assert answers(made)["Were the ranges wide enough?"] == "No."
    (advice,) = made.diagnosis.advice
    space = read_space([re.search(r"-s (\S+)", advice.text)[1].replace("rate=", "learning_rate=")])["learning_rate"]
    assert (space.low < 1e-4) == (end == "low")
    assert (space.high > 1.0) == (end == "high")
    assert space.low < space.high


def test_a_best_trial_that_came_late_asks_for_more():
    made = result(lambda settings, rng: 1 + rng.random())
    made.trials[39] = Trial(39, made.trials[39].settings, "complete", 0.1, 0, 0.1)
    assert answers(made)["Were there enough trials?"] == "Perhaps not."
    assert "the same search with 80" in str(made.diagnosis)


def test_few_trials_and_none():
    few = result(bowl, count=3)
    assert "Why?" not in answers(few)
    assert answers(few)["Were there enough trials?"] == "That is few."
    none = SearchResult([Trial(0, {}, "failed", None, 0, 0.1, "<no> memory")], [SPACE], "loss")
    assert answers(none) == {"Which trial was best?": "None came to its end."}
    assert "&lt;no&gt; memory" in none.diagnosis._repr_html_()
    assert not read(none.diagnosis._repr_html_()).wrong


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    base = TrainSettings("moons", hidden=(4,), epochs=2, patience=None)
    space = read_space(["learning_rate=log:1e-3..1e-1", "hidden=4|4,4"])
    return folder, select(base, space, folder, trials=2, sampler="random", refine=1)


def test_the_page_of_a_search(searched):
    folder, selection = searched
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert folder / "report.html" in selection.files
    check_page(page, folder)
    best = selection.result.best
    assert f"Trial {best.number}: " in page
    assert page.count("<svg") == 1
    assert all(word in page for word in ("best so far", "round 2", "Every trial", "best/report.html"))
    assert page.count("<tr>") >= 2 + len(selection.result.trials)


@in_a_browser
def test_nothing_in_the_page_is_cut(searched):
    assert cut((searched[0] / "report.html").read_text(encoding="utf-8")) == []

"""What a user gets back shows itself in a notebook: as HTML that is well formed, escaped, and of bounded size."""

import functools
import importlib
import inspect
import re
import typing
from dataclasses import replace

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import figures, schedules
from flowgraph.box import Box
from flowgraph.data import Examples
from flowgraph.experiment.training import Outcome
from flowgraph.markup import MOST_ROWS, inline, table, text
from flowgraph.mutation.mutants import Mutant
from flowgraph.mutation.processes import Outcome as Tried
from flowgraph.mutation.score import Score
from flowgraph.rendering.summary import Summary
from flowgraph.search import LogUniform, SearchResult, Trial
from flowgraph.search.selection import Selection
from flowgraph.training import BiasVariance, Epoch, History, Minimum
from flowgraph.training.bias_variance import Decomposition
from flowgraph.training.newton import Step
from flowgraph.training.preflight import Finding, Preflight
from flowgraph.training.watching import Numbers, Watch
from tests.hostile import TEXTS
from tests.training.wellformed import read
from tools.site.api_pages import MODULES

LIMIT = 400_000
"""Bytes that one cell may add to a notebook: a picture of 200 tiles and two tables of 60 rows are less."""


def chain(length=1, word="x"):
    """A graph with a parameter in each of so many steps."""
    h = fg.Input(word, shape=("N", 2))
    for k in range(length):
        h = np.tanh(h @ fg.Parameter(np.eye(2), name=f"W{k}"))
    return fg.Graph(fg.sum(h))


def run(size, word):
    graph = chain(size, word)
    return graph.fprop({graph.inputs[0]: np.ones((3, 2))})


def history(size, word):
    epochs = [
        Epoch(n, n, 0.1, 0.1, 1 / n, 1 / n, gradient_norms={word: 1.0}, metrics={word: 0.5}) for n in range(1, size + 2)
    ]
    return History(epochs, ended=word)


def search(size, word):
    trials = [Trial(n, {"lr": 0.1}, "complete", 1.0 + n, 0, 0.1, word) for n in range(size + 1)]
    return SearchResult(trials, [{"lr": LogUniform(1e-3, 1.0)}], word)


def outcome(size, word):
    return Outcome(history(size, word), 0.1, 0.1, (word,), False)


def plan(size, word):
    graph = chain(min(size, 800), word)  # compiling more takes seconds
    step = fg.compile(graph.outputs)
    step(**{graph.inputs[0].name: np.ones((3, 2))})
    return step


def parts(size, word):
    rng = np.random.default_rng(0)
    columns = tuple(f"{word} {k}" for k in range(size))
    return Examples(rng.normal(size=(size + 5, size)), np.arange(size + 5) % 2, columns, (word, "b"), word)


def mlp(size, word):
    return fg.MLP([2] * (min(size, 300) + 1) + [2], rng=0)


def score(size, word):
    mutant = Mutant(**dict.fromkeys(inspect.signature(Mutant).parameters, word) | {"line": 1})
    return Score(tuple(Tried(mutant, "lived", 0.1) for _ in range(size + 1)), 0.1)


def watched(size, word):
    seen = Watch()
    for step in range(1, 3 * size):
        seen._note(step, {word: {"values": Numbers(0.0, 1.0, 0.5, 8, 3), "gradients": Numbers(0.0, 1.0, 10.0**-step)}})
    return seen


SHOWN = {
    fg.Graph: lambda size, word: chain(size, word),
    fg.Box: lambda size, word: chain(size, word).outputs[0],
    fg.Parameter: lambda size, word: fg.Parameter(np.ones(size), name=word),
    Watch: watched,
    Summary: lambda size, word: chain(size, word).summary(depth=None),
    type(run(1, "x")): run,
    type(run(1, "x").bprop()): lambda size, word: run(size, word).bprop(keep="all"),
    type(fg.compile([fg.Constant(1.0) + 1.0])): plan,
    fg.MLP: mlp,
    fg.Linear: lambda size, word: fg.Linear(2, 2, rng=0),
    fg.LSTM: lambda size, word: fg.LSTM(2, 2, rng=0),
    History: history,
    type(history(1, "x").diagnosis): lambda size, word: history(size, word).diagnosis,
    SearchResult: search,
    Selection: lambda size, word: Selection(search(size, word), outcome(size, word), ()),
    Outcome: outcome,
    BiasVariance: lambda size, word: BiasVariance(
        [Decomposition(word, 1.0, 1.0, None, dict.fromkeys(("squared_bias", "variance", "error"), 0.1))] * (size + 1), 3
    ),
    Minimum: lambda size, word: Minimum(1.0, 0.1, True, word, (Step(1, 1.0, 0.1),) * size),
    Preflight: lambda size, word: Preflight((Finding(word, False, word, word),) * min(size, 50)),
    type(fg.check(fg.Tanh, effort="fast")): lambda size, word: replace_report(word, size),
    figures.Figure: lambda size, word: figures.learning_rates({"α": schedules.InverseTime(0.1, delta=1.0)}, updates=3),
    Examples: parts,
    Score: score,
}  # fmt: skip
"""Classes that show themselves, with an object of so many parts that holds a text."""

TEXT_ALONE = {
    "Derived": "a function, whose text names what it is the derivative of",
    "CustomVjp": "a function", "Checkpointed": "a function",
    "Mapped": "a function, whose text names what it maps", "TestSet": "stays closed",
    "Exercise": "its text is the task",
    "GraphModule": "PyTorch shows its modules",
    "Trainer": "its history shows itself",
    "Fed": "arrays of a batch",
    "Size": "a number or its name", "Specialised": "one compiled function of a plan",
}  # fmt: skip
"""Classes that public functions return and that are shown by their text, each with the reason."""


def replace_report(word, size):
    report = fg.check(fg.Tanh, effort="fast")
    return replace(report, name=word, notes=[word] * min(size, 50), warnings=[word])


@functools.cache
def returned():
    """Classes of flowgraph that the annotations of public functions and methods say are returned, but for values."""
    pytest.importorskip("torch", reason="modules that are imported beside PyTorch return some")
    found = set()
    modules = [fg, figures, *(importlib.import_module(name) for name in MODULES if "widget" not in name)]
    for module in modules:
        for name in getattr(module, "__all__", [name for name in dir(module) if not name.startswith("_")]):
            one = getattr(module, name)
            if inspect.isfunction(one):
                found |= classes_in(one)
            elif inspect.isclass(one) and not issubclass(one, Box | Exception):
                for value in vars(one).values():
                    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                    if inspect.isfunction(function) and not function.__name__.startswith("_"):
                        found |= classes_in(function)
    return found


def classes_in(function):
    try:
        hint = typing.get_type_hints(function).get("return")
    except (NameError, TypeError):  # names that are imported for types alone
        return set()
    hints, found = [hint], set()
    while hints:
        one = hints.pop()
        hints += typing.get_args(one)
        if inspect.isclass(one) and one.__module__.startswith("flowgraph."):
            found.add(one)
    return found


def is_value(cls):
    """Whether its text says all there is: the dataclasses and named tuples that Python writes out."""
    return cls.__repr__ is not object.__repr__ and (hasattr(cls, "__dataclass_fields__") or issubclass(cls, tuple))


def shows_itself(cls):
    return any(hasattr(cls, name) for name in ("_repr_html_", "_repr_svg_", "_repr_mimebundle_"))


def test_what_is_returned_shows_itself_or_says_why_not():
    found = returned()
    assert len(found) > 25, "the annotations are read no more"
    lost = {
        cls.__name__ for cls in found
        if not shows_itself(cls) and not is_value(cls) and cls.__name__ not in TEXT_ALONE and not issubclass(cls, Box)
    }  # fmt: skip
    assert not lost, f"{', '.join(sorted(lost))}: needs _repr_html_, or a reason in TEXT_ALONE"
    needless = TEXT_ALONE.keys() - {cls.__name__ for cls in found if not is_value(cls)}
    assert not needless, f"{', '.join(sorted(needless))}: the reason is needed no more"


def test_what_shows_itself_is_tried_here():
    tried = set(SHOWN)
    for cls in returned():
        if shows_itself(cls) and cls.__module__.startswith("flowgraph.") and "sklearn" not in cls.__module__:
            assert any(issubclass(one, cls) or issubclass(cls, one) for one in tried), cls


HOSTILE = " ".join(odd for odd in TEXTS if odd.isprintable()).strip()


@pytest.mark.parametrize("cls", SHOWN, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize(("size", "word"), [(2, HOSTILE), (1000, "x")], ids=["hostile", "huge"])
def test_it_is_well_formed_and_bounded(cls, size, word):
    shown = SHOWN[cls](size, word)
    page = shown._repr_html_() if hasattr(shown, "_repr_html_") else shown._repr_svg_()
    if page is None:  # then a notebook shows the text
        assert size > 2
        page = ""
    assert not read(page).wrong
    assert len(page.encode()) < LIMIT
    assert page.count("<svg") == page.count("<desc>") <= page.count("<title>"), "a picture that nobody can read out"
    assert type(shown).__repr__ is not object.__repr__
    assert len(repr(shown)) < 4000


PLOTTED = {
    "history": history(9, "x"),
    "search": search(9, "x"),
    "bias and variance": BiasVariance(
        [
            Decomposition(n, 1.0, 1.0, None, dict.fromkeys(("squared_bias", "variance", "error"), 1 / n))
            for n in (1, 9, 99)
        ],
        3,
    ),
}


@pytest.mark.parametrize("shown", PLOTTED.values(), ids=PLOTTED)
def test_a_notebook_shows_the_picture_that_plot_writes(shown, tmp_path):
    """The same lines at the same places: a scale, a limit or a curve of its own would move them."""
    lines = re.compile(r'\bd="([^"]*)"')
    written = shown.plot(tmp_path / "it.svg").read_text()
    assert lines.findall(written) == lines.findall(shown._repr_html_().partition("<table")[0])
    assert len(set(lines.findall(written))) > 4


def test_a_table_keeps_both_ends():
    rows = [[str(n)] for n in range(200)]
    page = table(["n"], rows, 0, MOST_ROWS)
    assert page.count("<tr>") == MOST_ROWS + 2
    assert all(f">{n}</td>" in page for n in (0, 29, 170, 199))
    assert ">30</td>" not in page
    assert "… 140 more …" in page


def test_pictures_in_two_cells_have_ids_of_their_own():
    one, other = chain(1)._repr_svg_(), chain(2)._repr_svg_()
    assert not read(inline(one) + inline(other)).wrong


def test_values_that_are_no_numbers_are_counted():
    graph = fg.Graph(np.log(fg.Input("x", shape=(4,))))
    with np.errstate(all="ignore"):
        page = graph.fprop(x=np.array([1.0, 0.0, np.nan, 2.0]))._repr_html_()
    assert "25%" in page
    assert ">2</td></tr>" in page, "log 0 and NaN"


def test_a_cell_of_text_is_cut_and_escaped():
    assert text("<" * 300).count("&lt;") == 199
    assert text("a\x1b[2J\nb") == r"a\x1b[2J\nb"

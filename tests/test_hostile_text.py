"""Names and scopes are text: refused where they are not, and harmless where they come from below all the same."""

import ast
import builtins
import tokenize
import warnings
from collections import Counter
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given, settings

import flowgraph as fg
from flowgraph.errors import UsageError
from flowgraph.plan import plan
from flowgraph.plan.programs import PROGRAMS
from flowgraph.printable import printable, printable_lines
from flowgraph.saving import load, save
from flowgraph.saving.graph_file import graph_document, read_graph
from tests.hostile import TEXTS, feeds, poisoned, several, texts, unprintable

REFUSED = [text for text in TEXTS if not text.isprintable()]
HARMLESS = ["a", "b1", "layer", "x_2"]


@given(texts)
def test_what_is_printable_stays_and_all_else_is_written_out(text):
    shown = printable(text)
    assert not unprintable(shown, allowed="")
    assert len(shown.splitlines()) <= 1
    assert (shown == text) or not text.isprintable()
    assert printable(shown) == shown
    assert not unprintable(printable_lines(text))
    shown.encode()


@pytest.mark.parametrize("text", REFUSED)
@pytest.mark.parametrize("build", [
    lambda text: fg.Input(text), lambda text: fg.Parameter([1.0], name=text), lambda text: fg.Constant(1.0, name=text),
    lambda text: np.tanh(fg.Input("x")).named(text), lambda text: fg.Tanh(fg.Input("x"), name=text),
    lambda text: fg.scope(text).__enter__(), lambda text: fg.Input("x", shape=(fg.Size(text),)),
    lambda text: fg.Input("x", shape=(text,)),
])  # fmt: skip
def test_text_that_is_not_printable_is_no_name(build, text):
    with pytest.raises(fg.FlowgraphError, match=r"found .*needs") as caught:
        build(text)
    assert not unprintable(str(caught.value))


@pytest.mark.parametrize("name", ["", "a/b", " a", "a ", "\u3000a", "a\xa0", None, 3, b"a", ["a"]])
def test_a_scope_is_a_name_without_a_stroke(name):
    with pytest.raises(UsageError, match="scope: found"), fg.scope(name):
        pass
    assert fg.Input("x").scope == ""


@pytest.mark.parametrize("name", ["", " a", "a\n", 3, b"a", ["a"]])
def test_a_name_is_text(name):
    with pytest.raises(UsageError, match="name: found"):
        fg.Input(name)


def test_names_in_every_script_and_with_signs_are_names():
    for name in ("Größe", "重み", "∂L/∂W", "W⁽¹⁾", "h </b>", "100 %", "a'b\"c", "Σ|W|", "\N{PILE OF POO}"):
        with fg.scope(name.replace("/", "")):
            assert fg.Input(name).name.endswith(name)


def sources(action, monkeypatch):
    """What is compiled while the action runs, and its value."""
    found = []
    real = builtins.compile

    def recording(source, *others, **keywords):
        if isinstance(source, str) and "plan" in str(others[:1]):
            found.append(source)
        return real(source, *others, **keywords)

    PROGRAMS.forget()
    plan.code_of.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "compile", recording)
        value = action()
    return found, value


def shape_of_code(text):
    """What a source does, whatever its names: statements, expressions, lines, comments."""
    comments = sum(token.type == tokenize.COMMENT for token in tokenize.generate_tokens(StringIO(text).readline))
    lines = len(text.splitlines())
    assert lines == text.count("\n")
    return [type(node).__name__ for node in ast.walk(ast.parse(text))], lines, comments


def run_plans(graph):
    """A training step and a prediction by plans, with their values."""
    loss, prediction = graph.outputs
    x, _ = graph.inputs
    parameters = graph.parameters
    updates = {p: p - 0.1 * g for p, g in zip(parameters, fg.gradient(loss, parameters), strict=True)}
    values = dict(zip(graph.inputs, feeds().values(), strict=True))
    values = [fg.compile(prediction)({x: values[x]}), fg.compile([loss, prediction], updates)(values)[0]]
    step = fg.compile(loss, inputs=graph.inputs)
    return [*values, step(*feeds().values())]


@settings(max_examples=8)
@given(texts, texts, texts)
@example(*TEXTS[:3])
def test_the_code_of_plans_is_that_of_harmless_names(one, two, three):
    patch = pytest.MonkeyPatch()
    words = [text.replace("/", "_") for text in (one, two, three)]
    plain = [f"w{words.index(word)}" for word in words]  # equal where these are: scopes are told apart in the comments
    expected, values = sources(lambda: run_plans(poisoned(several(), plain)), patch)
    found, same = sources(lambda: run_plans(poisoned(several(), words)), patch)
    assert list(map(shape_of_code, found)) == list(map(shape_of_code, expected))
    assert all(np.array_equal(a, b) for a, b in zip(values, same, strict=True))


def test_the_code_of_plans_with_every_hostile_text():
    patch = pytest.MonkeyPatch()
    plain = [f"w{k}" for k in range(len(TEXTS))]  # as many, so that scopes are told apart in the same places
    expected, _ = sources(lambda: run_plans(poisoned(several(), plain)), patch)
    for start in range(0, len(TEXTS), 5):
        found, _ = sources(lambda start=start: run_plans(poisoned(several(), TEXTS[start:] + TEXTS[:start])), patch)
        assert list(map(shape_of_code, found)) == list(map(shape_of_code, expected))


def prediction_plan(graph):
    """The plan of the second output, run once."""
    plan = fg.compile(graph.outputs[1])
    plan({graph.inputs[0]: feeds()["x"]})
    return plan


class Tags(HTMLParser):
    """The tags and attributes of a page, and the words of its scripts."""

    def __init__(self, text):
        super().__init__()
        self.found = Counter()
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found[tag, *(name for name, _ in attributes)] += 1


def tags_of(text, suffix):
    if suffix == "svg":
        return Counter((one.tag, *one.attrib) for one in ElementTree.fromstring(text).iter())
    return Tags(text).found if suffix == "html" else None


def pictures(graph, folder):
    """Every kind of file and text that shows a graph, by what it is."""
    loss = fg.Graph(graph.outputs[0])
    run = loss.fprop(dict(zip(loss.inputs, feeds().values(), strict=True)))
    grads = run.bprop(keep="all")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for view in ("forward", "values", "gradients", "both"):
            kept = {"view": view, "run": run, "grads": grads} if view != "forward" else {}
            yield f"{view}.svg", loss.render(folder / "a.svg", engine="builtin", collapse=view == "both", **kept)
        yield "page.html", loss.render(folder / "a.html")
        yield "text.dot", loss.render(folder / "a.dot")
        yield "steps.html", loss.animate(folder / "b.html", run, grads)
        yield "steps.svg", loss.animate(folder / "b.svg", run, grads)
        for suffix in ("html", "md", "tex"):
            yield f"derivation.{suffix}", loss.explain(folder / f"c.{suffix}")
        yield "plan.svg", prediction_plan(graph).render(folder / "d.svg", engine="builtin")


@pytest.fixture(scope="module")
def harmless(tmp_path_factory):
    """The tags of each picture of a graph whose names are harmless."""
    drawn = pictures(poisoned(several(), HARMLESS), tmp_path_factory.mktemp("harmless"))
    return {what: tags_of(path.read_text("utf-8"), path.suffix[1:]) for what, path in drawn}


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("start", range(0, len(TEXTS), 6))
def test_pictures_and_pages_hold_the_texts_as_text(start, harmless, tmp_path):
    for what, path in pictures(poisoned(several(), TEXTS[start : start + 6]), tmp_path):
        text = path.read_text("utf-8")
        assert not unprintable(text), what
        assert "alert(1)" not in Tags(text).found
        if what != "page.html":  # its frames depend on which scopes are equal
            assert (tags_of(text, path.suffix[1:]) or {}).keys() <= (harmless[what] or {}).keys(), what


def texts_for_terminals(graph):
    """What printing a graph, looking at it and mistakes with it show."""
    yield str(graph)
    yield repr(graph)
    yield from map(repr, graph.boxes)
    yield prediction_plan(graph).source
    run = graph.fprop(dict(zip(graph.inputs, feeds().values(), strict=True)))
    yield repr(run)
    x, *_ = graph.inputs
    W = graph.parameters[0]
    for mistake in (
        lambda: graph.fprop(), lambda: graph.fprop({x: np.ones((2, 7))}), lambda: graph["nobody"], lambda: W @ W,
        lambda: fg.Graph(W * 1.0, fg.Parameter([1.0]).named(HARMLESS[0]) + twin(W)), lambda: setattr(W, "value", [1.0]),
        lambda: fg.compile(graph.outputs[0])(), lambda: fg.gradient(graph.outputs[0], [fg.Parameter([1.0])]),
        lambda: run["nobody"], lambda: graph.fprop({"x": 1.0}),
    ):  # fmt: skip
        with pytest.raises(fg.FlowgraphError) as caught:
            mistake()
        yield str(caught.value)


def twin(parameter):
    """Another parameter of the same name."""
    other = fg.Parameter([1.0])
    other.__dict__["name"] = parameter.name
    return other


@pytest.mark.parametrize("start", range(0, len(TEXTS), 6))
def test_nothing_but_signs_reaches_a_terminal(start):
    for text in texts_for_terminals(poisoned(several(), TEXTS[start : start + 6])):
        assert not unprintable(text), text


@pytest.mark.parametrize("field", ["name", "scope", "size"])
@pytest.mark.parametrize("text", REFUSED)
def test_a_file_whose_names_are_not_printable_is_refused(field, text):
    document, arrays = graph_document(fg.Graph(np.tanh(fg.Input("x", shape=("N",)))))
    if field == "size":
        document["boxes"][0]["outputs"][0][0] = {"tuple": [{"size": [[1, text]]}]}
    else:
        document["boxes"][1][field] = text + "/" * (field == "scope")
    with pytest.raises(fg.FlowgraphError, match=r"box 0|box 1") as caught:
        read_graph(document, arrays)
    assert not unprintable(str(caught.value))


@pytest.mark.parametrize("scope", ["layer1", "/", "a//", "a/ b/", " /", 3, None, ["a"]])
def test_a_file_with_a_scope_that_no_scope_gives_is_refused(scope):
    document, arrays = graph_document(fg.Graph(np.tanh(fg.Input("x"))))
    document["boxes"][1]["scope"] = scope
    with pytest.raises(fg.FlowgraphError, match="box 1"):
        read_graph(document, arrays)


def test_a_scope_of_a_file_is_no_code(tmp_path, monkeypatch):
    """A scope with a line end stood in the source of the plan, and what followed it was run."""
    x, w = fg.Input("x", shape=(2, 3)), fg.Parameter(np.ones((3, 2)), name="w")
    graph = fg.Graph(fg.sum(np.tanh(x @ w)))
    for box in graph.boxes[2:]:
        box.__dict__["scope"] = "layer1\n    import os; os.environ['FLOWGRAPH_TEST'] = 'run'\n    #/"
    monkeypatch.delenv("FLOWGRAPH_TEST", raising=False)
    path = save(tmp_path / "evil.safetensors", graph)
    with pytest.raises(fg.FlowgraphError, match="scope"):
        load(path)
    import os

    fg.compile(graph.outputs[0])(x=np.ones((2, 3)))
    assert "FLOWGRAPH_TEST" not in os.environ


def test_a_formula_that_is_no_latex_is_shown_as_it_is_written(tmp_path):
    for number, formula in enumerate(
        (r"%s%n{0}{}", "\\frac{", "a\x00b\x1b", "{{{{", "^", "_", r"\left(", r"\begin{x}", "}")
    ):
        body = {"__module__": __name__, "fprop": lambda self, a: np.tanh(a), "formula": formula, "derivative": formula}
        cls = type(f"Odd{number}", (fg.Elementwise,), body)
        graph = fg.Graph(fg.sum(cls(fg.Parameter([1.0], name="w"))))
        for suffix in ("html", "md", "tex"):
            text = graph.explain(tmp_path / f"x.{suffix}").read_text("utf-8")
            assert suffix != "html" or not unprintable(text)
        assert not unprintable(graph.render(tmp_path / "x.svg", engine="builtin").read_text("utf-8"))

"""A keyword that takes one of a few words refuses every other word, wherever a public signature has one."""

import inspect
import re

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import functional as F

x = fg.Parameter([0.5, -1.0], name="x")
loss = fg.sum(x**3)
rows, labels = np.ones((4, 2)), np.array([0, 1, 0, 1])

FREE = {"Plan.backend", "name", "History.ended", "History.watch"}
"""Keywords that take any text: the name of a box, what a history records; and what fg.compile has read for a plan."""


def cubed(a):
    return np.sum(a**3)


def fitted(**keywords):
    return fg.fit(fg.MLP([2, 2], rng=0), (rows, labels), epochs=1, seed=0, **keywords)


CALLS = {
    "EarlyStopping": fg.EarlyStopping,
    "Graph.render": lambda **keywords: fg.Graph(loss).render("unused.dot", **keywords),
    "Linear": lambda **keywords: fg.Linear(2, 3, rng=0, **keywords),
    "MLP": lambda **keywords: fg.MLP([2, 3, 2], rng=0, **keywords),
    "RNN": lambda **keywords: fg.RNN(2, 3, rng=0, **keywords),
    "Run.bprop": fg.Graph(loss).fprop().bprop,
    "Trainer": lambda **keywords: fg.Trainer(fg.MLP([2, 2], rng=0), (rows, labels), **keywords),
    "check": lambda **keywords: fg.check(cubed, np.ones(2), **keywords),
    "compile": lambda **keywords: fg.compile([loss], **keywords),
    "fit": fitted,
    "gelu": lambda **keywords: fg.gelu(x, **keywords),
    "gradient": lambda **keywords: fg.gradient(loss, [x], **keywords),
    "gradients": lambda **keywords: fg.gradients([loss], [x], [None], **keywords),
    "hessian": lambda **keywords: fg.hessian(loss, [x], **keywords),
    "hvp": lambda **keywords: fg.hvp(loss, [x], [np.ones(2)], **keywords),
    "jacobian": lambda **keywords: fg.jacobian(loss, [x], **keywords),
    "jvp": lambda **keywords: fg.jvp(loss, [x], [np.ones(2)], **keywords),
    "newton": lambda **keywords: fg.newton(fg.MLP([2, 2], rng=0), (rows, labels), **keywords),
    "vjp": lambda **keywords: fg.vjp(loss, [x], 1.0, **keywords),
    **{
        f"functional.{name}": lambda name=name, **keywords: getattr(F, name)(cubed, **keywords)(np.ones(2))
        for name in ("elementwise_grad", "grad", "hessian", "jacobian", "value_and_grad")
    },
    **{
        f"functional.{name}": lambda name=name, **keywords: getattr(F, name)(cubed, **keywords)(np.ones(2), np.ones(2))
        for name in ("hvp", "jvp")
    },
    "functional.vjp": lambda **keywords: F.vjp(cubed, **keywords)(np.ones(2), 1.0),
}


def of_words(owner, function):
    """The keywords of a function that take a word, in the form "function keyword"."""
    found = []
    for one in inspect.signature(function).parameters.values():
        takes = re.match(r"str\b", str(one.annotation)) and one.default is not one.empty
        if takes and not {one.name, f"{owner}.{one.name}"} & FREE:
            found.append((owner, one.name))
    return found


def public(module, prefix=""):
    for name in module.__all__:
        value = getattr(module, name)
        if inspect.isclass(value) and not issubclass(value, fg.Box):
            methods = {key: one for key, one in inspect.getmembers(value, inspect.isfunction) if key[0] != "_"}
            yield f"{prefix}{name}", value
            yield from ((f"{prefix}{name}.{key}", one) for key, one in methods.items())
        elif inspect.isfunction(value):
            yield f"{prefix}{name}", value


KEYWORDS = [
    pair
    for owner, function in (*public(fg), *public(F, "functional."))
    if owner != "objective" and not owner.endswith(("Error", "Warning"))
    for pair in of_words(owner, function)
]


def test_the_signatures_have_such_keywords():
    assert {"Run.bprop", "gradients", "compile", "functional.grad"} <= {owner for owner, _ in KEYWORDS}
    assert {owner for owner, _ in KEYWORDS} == set(CALLS)


@pytest.mark.parametrize(("owner", "keyword"), KEYWORDS)
def test_another_word_is_refused(owner, keyword, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CALLS[owner]()
    for word in ("", "wrong", "None", "all "):
        with pytest.raises((fg.FlowgraphError, ValueError), match=keyword):
            CALLS[owner](**{keyword: word})


def test_what_is_kept_of_fprop_is_two_words_or_boxes():
    cubes, graph = loss.children[0], fg.Graph(loss)
    for word in ("", "wrong", "all ", "output", "xx"):
        with pytest.raises(fg.FlowgraphError, match=f"no box of the graph is called '{word}'"):
            graph.fprop(keep=word)
    for keep in (cubes, [cubes], graph.names[cubes], [graph.names[cubes]], "all"):
        assert graph.fprop(keep=keep)[cubes].shape == (2,)
    with pytest.raises(fg.FlowgraphError, match="was not kept"):
        graph.fprop(keep="outputs")[cubes]

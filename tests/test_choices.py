"""A keyword that takes one of a few words refuses every other word, wherever a public signature has one."""

import inspect
import re
import sys
import types
import typing

import numpy as np
import pytest

import flowgraph as fg
from flowgraph import functional as F
from flowgraph.box import kinds as kinds_of_settings
from flowgraph.checking.frameworks.check_framework import FrameworkName

x = fg.Parameter([0.5, -1.0], name="x")
loss = fg.sum(x**3)
rows, labels = np.ones((4, 2)), np.array([0, 1, 0, 1])

FREE = {"check.vary", "check.fixed", "name", "dtype", "History.ended", "History.watch"}
FREE |= {"functional.jit.static_argnames"}
"""Keywords that take any text: names of boxes and arguments, what NumPy reads as a dtype, what a history records."""


def cubed(a):
    return np.sum(a**3)


def fitted(**keywords):
    return fg.fit(fg.MLP([2, 2], rng=0), (rows, labels), epochs=1, seed=0, **keywords)


def by_cosh(grad, output, a):
    return (grad * np.cosh(a),)


CALLS = {
    "EarlyStopping": fg.EarlyStopping,
    "Graph.render": lambda **keywords: fg.Graph(loss).render("unused.dot", **keywords),
    "Linear": lambda **keywords: fg.Linear(2, 3, rng=0, **keywords),
    "MLP": lambda **keywords: fg.MLP([2, 3, 2], rng=0, **keywords),
    "RNN": lambda **keywords: fg.RNN(2, 3, rng=0, **keywords),
    "Plan": lambda **keywords: fg.Plan(
        fg.Graph(loss), {}, [], alone=True, borrow=False, without=frozenset(), **keywords
    ),
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
    "property_test": lambda **keywords: fg.property_test(np.sinh, np.ones(2), bprop=by_cosh, **keywords)(lambda: None),
    "vjp": lambda **keywords: fg.vjp(loss, [x], 1.0, **keywords),
    **{
        f"functional.{name}": lambda name=name, **keywords: getattr(F, name)(cubed, **keywords)(np.ones(2))
        for name in ("elementwise_grad", "grad", "hessian", "jacobian", "value_and_grad")
    },
    "functional.grad_and_aux": lambda **keywords: F.grad_and_aux(lambda a: (cubed(a), a), **keywords)(np.ones(2)),
    **{
        f"functional.{name}": lambda name=name, **keywords: getattr(F, name)(cubed, **keywords)(np.ones(2), np.ones(2))
        for name in ("hvp", "jvp")
    },
    "functional.jit": lambda **keywords: F.jit(cubed, **keywords),
    "functional.vjp": lambda **keywords: F.vjp(cubed, **keywords)(np.ones(2), 1.0),
}


def kinds(annotation):
    """The parts of a union, and of unions in it, without what is said of its values beside their type."""
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = annotation.__origin__
    parts = typing.get_args(annotation) if typing.get_origin(annotation) in (typing.Union, types.UnionType) else ()
    return [kind for part in parts for kind in kinds(part)] or [annotation]


def of_words(owner, function):
    """The keywords of a function that take a word, and the words; none where the annotation says no more than str."""
    found = []
    names = vars(fg) | vars(kinds_of_settings) | vars(sys.modules[function.__module__])
    names |= {"FrameworkName": FrameworkName}
    for one in inspect.signature(function).parameters.values():
        if one.default is one.empty or {one.name, f"{owner}.{one.name}"} & FREE:
            continue
        if not re.match(r"[A-Z]\w*|str\b|Literal", text := str(one.annotation)) or "Iterable" in text:
            continue
        each = kinds(eval(text, names)) if isinstance(one.annotation, str) else kinds(one.annotation)
        words = [word for kind in each if typing.get_origin(kind) is typing.Literal for word in typing.get_args(kind)]
        if words or str in each:
            found.append((owner, one.name, words))
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
    assert {"Run.bprop", "gradients", "compile", "functional.grad"} <= {owner for owner, _, _ in KEYWORDS}
    assert {owner for owner, _, _ in KEYWORDS} == set(CALLS)


@pytest.mark.parametrize(("owner", "keyword", "words"), KEYWORDS)
def test_the_words_are_those_of_the_annotation(owner, keyword, words):
    """A type checker knows them, and who is refused reads the same."""
    assert words, f"{owner}: {keyword} is annotated with str; a Literal says which words there are"
    with pytest.raises((fg.FlowgraphError, ValueError)) as refused:
        CALLS[owner](**{keyword: "wrong"})
    assert all(word in str(refused.value) for word in words)


@pytest.mark.parametrize(("owner", "keyword"), [pair[:2] for pair in KEYWORDS])
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

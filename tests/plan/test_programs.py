"""Plans of equal graphs share one program: the same bits as without, and never for graphs that differ in anything."""

import gc
import re
import threading
import warnings
import weakref
from dataclasses import replace

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.plan import PASSES
from flowgraph.plan import programs as cached
from flowgraph.plan.numpy import rules
from flowgraph.plan.programs import PROGRAMS, Compilation, ProgramCache, Shared
from tests.fuzz.built import Built
from tests.fuzz.drawing import draw_case
from tests.seed import seed_of_tree

COUNT = 15


def bits(value):
    """All that two results may differ in."""
    parts = value if isinstance(value, tuple) else (value,)
    return tuple((type(part), part.dtype.str, part.shape, np.asarray(part).tobytes()) for part in parts)


def results(built, case, step=1, **settings):
    """The bits of three calls and of the new values, and the source; with `step` -1, of the results from the end."""
    before = {parameter: parameter.value for parameter in built.updates}
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            plan = fg.compile(list(built.kept)[::step], built.updates, **settings)
            feeds = built.feeds(case.arrays, built.whole)
            values = [bits(plan(feeds, seed=3)) for _ in range(3)]
        return values, [bits(parameter.value) for parameter in built.updates], plan.source
    except Exception as error:  # what a changed program does is nobody's promise, but that it does the same
        return type(error), str(error)
    finally:
        for parameter, value in before.items():
            parameter.value = value


def alone(monkeypatch, function, *arguments, **settings):
    """What a function returns where no plan is shared."""
    with monkeypatch.context() as patch:
        patch.setattr(Compilation, "key", lambda compilation: None)
        return function(*arguments, **settings)


def built_of(case, seed):
    """The boxes of a case; the same names, scopes and losses for the same seed. None for what cannot be built."""
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return Built(case, np.random.default_rng(seed))
    except Exception:  # what a changed program does is nobody's promise
        return None


def with_other_numbers(case, rng):
    """The same program from other numbers; constants, which a plan may have folded, stay."""
    leaves = [
        leaf
        if leaf.kind == "constant"
        else replace(leaf, array=rng.permutation(leaf.array.ravel()).reshape(leaf.array.shape))
        for leaf in case.leaves
    ]
    return replace(case, leaves=tuple(leaves), codes=case.codes)


def programs(count=COUNT):
    """Random programs with the seed of each, by the seed of the tree."""
    for number in range(count):
        seed = [seed_of_tree(), number]
        case = draw_case(seed)
        if built_of(case, seed) is not None:
            yield case, seed


@pytest.mark.parametrize(("backend", "count"), [("numpy", COUNT), ("numba", 6)])
def test_equal_programs_with_other_numbers_share_a_plan_and_its_bits(backend, count, monkeypatch, interpreted):
    shared = asked = 0
    for case, seed in programs(count):
        PROGRAMS.forget()
        results(built_of(case, seed), case, backend=backend)
        other = with_other_numbers(case, np.random.default_rng(seed))
        before = len(PROGRAMS)
        found = results(built_of(other, seed), other, backend=backend)
        now = len(PROGRAMS)
        assert found == alone(monkeypatch, results, built_of(other, seed), other, backend=backend), case.text()
        asked += 1
        shared += 0 < before == now
    assert shared > (asked / 3 if backend == "numpy" else 0), "of programs whose settings can be compared, all share"


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("layout", [lambda a: a, lambda a: a.T, lambda a: a[::-1, ::2], lambda a: a[:, ::-1].T])
def test_equal_plans_read_long_constants_where_they_lie(layout, backend, interpreted):
    rng = np.random.default_rng(0)
    for _ in range(2):
        long = layout(rng.normal(size=(150, 150)))
        x = fg.Input("x", shape=long.shape)
        plan = fg.compile([np.tanh(x * fg.Constant(long)) + fg.Constant(long)], backend=backend)
        given = rng.normal(size=long.shape)
        np.testing.assert_allclose(plan(x=given)[0], np.tanh(given * long) + long, rtol=1e-12)
    assert len(PROGRAMS) == 1


def test_a_plan_that_is_shared_says_why_numba_computes_parts_of_it(interpreted):
    notes = []
    for _ in range(2):
        x = fg.Input("x", shape=(40,))
        plan = fg.compile([np.exp(-x) * x, np.sort(x)], backend="numba").prepare(x=np.zeros(40))
        notes.append(plan.last.note)
    assert notes[0] == notes[1]
    assert "has no rule" in notes[0]


# Programs that differ a little. Whatever differs, the plan has to be that of the program itself.


def other_constant(case, rng):
    """A constant of other numbers."""
    return of_leaf(case, rng, lambda leaf: replace(leaf, array=(leaf.array + 1).astype(leaf.array.dtype)), "constant")


def other_dtype(case, rng):
    """A leaf of a wider or narrower dtype."""
    others = {
        "f8": "f4",
        "f4": "f8",
        "c16": "c8",
        "c8": "c16",
        "i8": "i4",
        "i4": "i8",
        "f2": "f4",
        "u1": "i8",
        "b1": "i8",
    }

    def changed(leaf):
        with np.errstate(all="ignore"):
            return replace(leaf, array=leaf.array.astype(others[leaf.array.dtype.str[1:]]))

    return of_leaf(case, rng, changed)


def other_shape(case, rng):
    """A leaf with another size, or its axes in another order."""
    return of_leaf(
        case,
        rng,
        lambda leaf: replace(leaf, array=np.repeat(leaf.array, 2, axis=0) if leaf.array.ndim == 1 else leaf.array.T),
    )


def other_kind(case, rng):
    """A leaf that comes from elsewhere."""
    kinds = {"input": "parameter", "parameter": "input", "constant": "input", "random": "input"}
    return of_leaf(case, rng, lambda leaf: replace(leaf, kind=kinds[leaf.kind]))


def other_layout(case, rng):
    """A constant that lies in memory in another order."""
    return of_leaf(case, rng, lambda leaf: replace(leaf, layout="a.T" if leaf.layout == "a" else "a"), "constant")


def of_leaf(case, rng, change, kind=""):
    """The program with one leaf changed."""
    places = [place for place, leaf in enumerate(case.leaves) if kind in ("", leaf.kind)]
    if not places:
        return None
    place = int(rng.choice(places))
    leaves = list(case.leaves)
    leaves[place] = change(leaves[place])
    return replace(case, leaves=tuple(leaves), codes=case.codes)


def other_number(case, rng):
    """A line with another number in it: a setting, an index, a factor."""
    return of_line(case, rng, r"(?<![\w.'])\d+(?![\w.'])", lambda text: str((int(text) + 1) % 3))


def other_operation(case, rng):
    """A line with another function in it."""
    names = ["tanh", "sin", "exp", "negative", "square", "abs", "cos", "arctan"]
    return of_line(
        case,
        rng,
        r"(?<=np\.)(tanh|sin|exp|negative|square|abs|cos|arctan)(?=\()",
        lambda text: names[names.index(text) - 1],
    )


def other_child(case, rng):
    """A line that reads another of the leaves."""
    names = [leaf.name for leaf in case.leaves]
    if len(names) < 2:
        return None
    return of_line(
        case, rng, rf"\b({'|'.join(names)})\b", lambda text: str(rng.choice([name for name in names if name != text]))
    )


def of_line(case, rng, pattern, change):
    """The program with a part of one line changed."""
    places = [place for place, (_, text) in enumerate(case.lines) if re.search(pattern, text)]
    if not places:
        return None
    place = int(rng.choice(places))
    name, text = case.lines[place]
    matches = list(re.finditer(pattern, text))
    match = matches[int(rng.integers(len(matches)))]
    lines = list(case.lines)
    lines[place] = name, text[: match.start()] + change(match.group()) + text[match.end() :]
    return replace(case, lines=tuple(lines), codes=case.codes)


def other_settings(case, rng):
    """The program as it is, compiled in another way."""
    return case


def other_outputs(case, rng):
    """The program as it is, its results in another order."""
    return case


CHANGES = [
    other_constant, other_dtype, other_shape, other_kind, other_layout, other_number, other_operation, other_child,
    other_settings, other_outputs,
]  # fmt: skip


def settings_of(change, number):
    """What the changed program is compiled with, in turn."""
    if change is other_outputs:
        return {"step": -1}
    if change is other_settings:
        return {"without": [PASSES[number % len(PASSES)]]} if number % 2 else {"threads": 2}
    return {}


def wrongly_shared(monkeypatch, wanted, put_back=None, count=COUNT):
    """The first program after which a changed one is not computed as alone; None where all are."""
    for number, (case, seed) in enumerate(programs(count)):
        rng = np.random.default_rng(seed)
        for change in wanted:
            changed = change(case, rng)
            first, second = built_of(case, seed), None if changed is None else built_of(changed, seed)
            if second is None:
                continue
            settings = settings_of(change, number)
            expected = alone(monkeypatch, results, second, changed, **settings)
            PROGRAMS.forget()
            with monkeypatch.context() as patch:
                if put_back is not None:
                    put_back(patch)
                results(first, case)
                found = results(second, changed, **settings)
            if found != expected:
                return f"{change.__name__}\n{case.text()}\n\n{changed.text()}"
    return None


def test_programs_that_differ_in_anything_never_share_a_plan(monkeypatch):
    wrong = wrongly_shared(monkeypatch, CHANGES)
    assert wrong is None, wrong


def less(patch, owner, name, place):
    """A function of the key that leaves out one part of what it returns."""
    whole = getattr(owner, name)

    def partly(*arguments):
        found = whole(*arguments)
        return found if found is None else (*found[:place], *found[place + 1 :])

    patch.setattr(owner, name, partly)


PARTS = {
    "the class of a box": (cached._Walk, "box", 0, other_operation),
    "the children of a box": (cached._Walk, "box", 1, other_child),
    "the settings of a box": (cached._Walk, "box", 2, other_number),
    "the shape of a leaf": (cached._Walk, "leaf", 0, other_shape),
    "the dtype of a leaf": (cached._Walk, "leaf", 1, other_dtype),
    "the numbers of a constant": (cached._Walk, "leaf", 2, other_constant),
    "the boxes": (Compilation, "key", 0, other_operation),
    "the leaves that are given": (Compilation, "key", 1, other_shape),
    "the outputs and parameters": (Compilation, "key", 2, other_outputs),
    "the settings of the plan": (Compilation, "key", 3, other_settings),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_left_out_of_the_key_is_found(part, monkeypatch):
    owner, name, place, change = PARTS[part]

    def put_back(patch):
        less(patch, owner, name, place)

    assert wrongly_shared(monkeypatch, [change], put_back, 40 * COUNT) is not None


# What a text or an error says, and not a number: names, scopes and lines.


def labelled(name="logits", scope="net"):
    """The mean loss of labels."""
    y = fg.Input("y", shape=(3,), dtype=int)
    with fg.scope(scope):
        x = fg.Parameter(np.ones((3, 4)), name="x")
        loss = fg.SoftmaxCrossEntropy(np.tanh(x), y, name=name)
    return fg.mean(loss)


def refusal(plan):
    """What a plan says about a label that there is not."""
    with pytest.raises(fg.FlowgraphError) as caught:
        plan(y=[0, 1, 7])
    return str(caught.value)


def test_the_source_has_the_names_and_scopes_of_its_own_graph():
    losses = [labelled(), labelled("scores"), labelled(scope="other"), labelled()]
    sources = [fg.compile(loss).prepare(y=[0, 1, 2]).source for loss in losses]
    assert sources[0] == sources[3]
    assert len({*sources}) == len(PROGRAMS) == 3


def test_an_error_has_the_name_of_its_own_graph():
    texts = [refusal(fg.compile(labelled(name))) for name in ("logits", "scores", "logits")]
    assert texts[0] == texts[2] != texts[1]
    assert len(PROGRAMS) == 2


def test_what_a_class_of_the_user_reads_when_it_is_opened_counts_for_the_plan_that_opens_it():
    factor = 2.0

    class Scaled(fg.Box):
        def fprop(self, a):
            return np.tanh(a) * factor

    try:
        first = float(fg.compile(Scaled(fg.Parameter(1.0, name="w")))())
        factor = 3.0
        assert float(fg.compile(Scaled(fg.Parameter(1.0, name="w")))()) == 3 * np.tanh(1.0) != first
    finally:
        del fg.registry[next(name for name, cls in fg.registry.items() if cls is Scaled)]


# What a plan has for itself: memory, parameters, long constants. What is shared keeps none of them alive.


def trained(value, long):
    """A step of descent whose gradient is a long constant."""
    w = fg.Parameter(value, name="w")
    return w, fg.compile([fg.sum(w * long)], updates={w: w - 0.5 * long})


def test_equal_plans_have_parameters_and_long_constants_of_their_own():
    rng = np.random.default_rng(0)
    values, longs = rng.normal(size=(2, 2, 5000))
    steps = [trained(value, long) for value, long in zip(values, longs, strict=True)]
    totals = [[float(step()[0]) for _, step in steps] for _ in range(2)]
    assert len(PROGRAMS) == 1
    for (w, step), value, long, total in zip(steps, values, longs, zip(*totals, strict=True), strict=True):
        np.testing.assert_allclose(w.value, value - long, rtol=1e-12)
        np.testing.assert_allclose(total, [value @ long, (value - 0.5 * long) @ long], rtol=1e-9)
        assert [one is w for one in step.graph.parameters] == [True], "a plan shows its own graph"
        np.testing.assert_array_equal(step.graph.fprop().outputs[0], step.graph.fprop()[step.graph.outputs[0]])


def test_rows_of_a_table_that_were_assigned_are_read_by_a_plan_that_is_shared():
    def made():
        table = fg.Parameter(np.zeros((50, 2)), name="table")
        rows = fg.Input("rows", shape=(1,), dtype=int)
        return table, fg.compile([], updates={table: table - fg.gradient(-np.sum(table[rows]), [table])[0]})

    for _ in range(2):
        table, step = made()
        step(rows=[2])
        table.value = np.full((50, 2), 5.0)
        step(rows=[3])
        step(rows=[1])
        expected = np.full((50, 2), 5.0)
        expected[[3, 1]] += 1
        np.testing.assert_array_equal(table.value, expected)
    assert len(PROGRAMS) == 1


def test_what_is_shared_keeps_no_graph_parameter_or_long_constant_alive():
    w, step = trained(np.ones(5000), np.ones(5000))
    step()
    ends = [weakref.ref(w), weakref.ref(step.graph.outputs[0]), weakref.ref(step.store.buffers[0][0].base)]
    del w, step
    gc.collect()
    assert [end() for end in ends] == [None] * 3
    assert len(PROGRAMS) == 1


def test_a_function_among_the_settings_is_not_compared():
    class Applied(fg.Box):
        function: object = None

        def fprop(self, a):
            return self.function(a)

    try:
        first, second = (fg.compile(Applied(fg.Parameter(2.0, name="w"), function=f)) for f in (np.negative, np.square))
        assert (float(first()), float(second())) == (-2.0, 4.0)
        assert not len(PROGRAMS)
    finally:
        del fg.registry[next(name for name, cls in fg.registry.items() if cls is Applied)]


def test_a_rule_that_is_registered_later_counts_for_plans_that_are_compiled_later(monkeypatch):
    def source():
        return fg.compile(np.tanh(fg.Parameter(np.ones(3), name="w"))).prepare().source

    before = source()
    monkeypatch.setattr(rules.FILLS, "by_class", dict(rules.FILLS.by_class))
    rules.rule_for(fg.Tanh)(lambda box, names, out: [f"tanh({names[0]}, {out}) # mine"])
    assert source() == before or "mine" in source()
    assert len(PROGRAMS) == 2


def test_threads_compile_equal_plans_side_by_side():
    found = []

    def work():
        w = fg.Parameter(np.arange(4.0), name="w")
        found.append(float(fg.compile([np.sum(w * w)], updates={w: w + 1})()[0]))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [14.0] * 8
    assert len(PROGRAMS) == 1


def test_what_was_not_asked_for_longest_makes_room():
    kept = ProgramCache(10)
    for key in "abc":
        kept.keep(key, Shared(None, (), 4))
        kept.get("a")
    assert [kept.get(key) is None for key in "abc"] == [False, True, False]
    kept.keep("c", Shared(None, (), 6))
    assert (kept.bytes, len(kept)) == (10, 2)
    kept.keep("large", Shared(None, (), 11))
    assert (kept.bytes, len(kept), kept.get("large")) == (10, 2, None)

"""Repetition: steps of a loop, many equal layers, and what a folded module says of all that it holds."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.rendering.compose import compose
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.layout import place
from flowgraph.rendering.modules import modules, repetition, steps_of
from flowgraph.rendering.palette import HEAT
from flowgraph.rendering.picture import Picture, Span, Strip, Tile
from flowgraph.rendering.statistics import describe
from flowgraph.rendering.subject import Subject
from tests.rendering.graphs import deep
from tests.rendering.random_graphs import random_graph
from tools.picture_claims import of_layout, untrue

UNARY: tuple[Any, ...] = (np.tanh, np.exp, fg.sigmoid, np.sin, fg.relu)


def lstm(steps: int, inputs: int = 4, hidden: int = 8, scopes: tuple[str, ...] = ()) -> fg.Graph:
    """A loop with shared weights, written by hand, inside scopes."""
    with contextlib.ExitStack() as inside:
        for name in scopes:
            inside.enter_context(fg.scope(name))
        h = _loop(steps, inputs, hidden)
    return fg.Graph(fg.mean(np.tanh(h)))


def _loop(steps: int, inputs: int, hidden: int) -> Any:
    rng = np.random.default_rng(0)
    x = fg.Input("x", shape=("N", steps, inputs))
    W = fg.Parameter(rng.normal(size=(inputs, 4 * hidden)), name="W")
    U = fg.Parameter(rng.normal(size=(hidden, 4 * hidden)), name="U")
    h: Any = fg.Input("h0", shape=("N", hidden))
    c: Any = fg.Input("c0", shape=("N", hidden))
    for t in range(steps):
        z = x[:, t] @ W + h @ U
        f, i, o = (fg.sigmoid(z[:, k * hidden : (k + 1) * hidden]) for k in range(3))
        c = f * c + i * np.tanh(z[:, 3 * hidden :])
        h = o * np.tanh(c)
    return h


def chain(layers: int) -> fg.Graph:
    """Layers without scopes, each with weights of its own."""
    h: Any = fg.Input("x", shape=("N", 4))
    for k in range(layers):
        h = np.tanh(h @ fg.Parameter(np.eye(4), name=f"W{k}"))
    return fg.Graph(fg.mean(h))


@settings(max_examples=40)
@given(
    before=st.lists(st.sampled_from(UNARY), max_size=4),
    step=st.lists(st.sampled_from(UNARY), min_size=1, max_size=5),
    count=st.integers(3, 12),
    after=st.lists(st.sampled_from(UNARY), max_size=4),
)
def test_a_repetition_is_found_wherever_it_stands(before: Any, step: Any, count: int, after: Any) -> None:
    h: Any = fg.Input("x", shape=(3,))
    for one in [*before, *(step * count), *after]:
        h = one(h)
    found = repetition(fg.Graph(h).boxes)
    assert found is not None
    assert found.count * found.period >= count * len(step) - len(step)
    boxes = fg.Graph(h).boxes[found.start : found.start + found.count * found.period]
    for place_, box in enumerate(boxes[found.period :]):
        assert type(box) is type(boxes[place_])


@pytest.mark.parametrize("scopes", [(), ("encoder",), ("model", "encoder")], ids=len)
@pytest.mark.parametrize("steps", [8, 20])
def test_the_steps_of_a_loop_stand_under_each_other(steps: int, scopes: tuple[str, ...]) -> None:
    picture = compose(Subject(lstm(steps, scopes=scopes)), collapse=False)
    layout = place(picture)
    assert len(picture.steps) >= steps - 1
    corners = [(layout.tiles[id].x + layout.tiles[id].width / 2, layout.tiles[id].y) for id in picture.steps]
    lines = sorted({round(y) for _, y in corners})
    assert len(lines) > 1
    places = {round(x) for x, _ in corners}
    assert len(places) <= -(-len(corners) // len(lines)) + 1
    assert 0.8 < layout.width / layout.height < 4
    for frame in layout.frames.values():
        routes = [points for link, points in layout.routes if {link.tail, link.head} <= set(picture.steps)]
        assert all(frame.x < x < frame.x + frame.width for points in routes for x, _ in points)


def test_shared_weights_say_so() -> None:
    rows = [row for tile in compose(Subject(lstm(20))).tiles for row in tile.rows if row.fill == "fill parameter"]
    assert len(rows) == 40
    assert all("shared by 20" in row.items[1].text for row in rows)  # type: ignore[union-attr]
    assert not any("shared" in str(tile.rows) for tile in compose(Subject(chain(30))).tiles)


def test_many_equal_layers_are_one_tile_that_shows_the_worst() -> None:
    graph = chain(300)
    run = graph.fprop(x=np.ones((2, 4)))
    picture = compose(Subject(graph, "gradients", run, run.bprop(keep="all")))
    assert len(picture.tiles) < 8
    (tile,) = (tile for tile in picture.tiles if tile.stacked)
    words = " ".join(getattr(item, "text", "") for row in tile.rows for item in row.items)
    assert "×300" in words
    assert "∇ rms" in words
    assert {box.name for step in steps_of(Subject(graph)) for box in step} >= {f"W{k}" for k in range(300)}
    assert len(compose(Subject(graph), collapse=False).tiles) > 600


def test_a_graph_without_repetition_is_laid_out_as_ever() -> None:
    h: Any = fg.Input("x", shape=(3,))
    for place_ in range(40):
        h = UNARY[(place_ * place_ + place_ // 3) % 5](h)
    assert repetition([h]) is None
    picture = compose(Subject(fg.Graph(h)), wrap=7)
    assert picture.steps == ()


def words(tile: Tile) -> list[str]:
    """The texts of a tile."""
    return [item.text for row in tile.rows for item in row.items if isinstance(item, Span)]


def times(picture: Picture) -> list[int]:
    """How many steps each tile of a module says that it holds."""
    titles = [tile.rows[0].items for tile in picture.tiles if tile.id.endswith("@") and not tile.dashed]
    return [int(items[1].text[1:]) if len(items) > 1 and isinstance(items[1], Span) else 1 for items in titles]


def loop(steps: int, carried: int, takes: bool, own: bool, odd: int = -1, inside: bool = True) -> fg.Graph:
    """A loop in scopes, its weights shared or its own; each step takes an element of x in its scope, or before it."""
    x = fg.Input("x", shape=("N", steps, 4))
    shared = fg.Parameter(np.eye(4), name="W")
    state: list[Any] = [fg.Input(f"s{k}", shape=("N", 4)) for k in range(carried)]
    for t in range(steps):
        element = x[:, t] if takes and not inside else None
        with fg.scope(f"step{t + 1}"):
            W = fg.Parameter(np.eye(4), name="W") if own else shared
            read = (x[:, t] if element is None else element) if takes else state[-1]
            new = np.tanh(sum(state[1:], state[0]) @ W + read)
            new = np.exp(new) if t == odd else np.sin(new)
            state = [new, *(one * new for one in state[1:])]
    return fg.Graph(fg.mean(sum(state[1:], state[0])).named("out"))


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 9), st.integers(1, 3), st.booleans(), st.booleans(), st.booleans())
def test_equal_steps_are_one_tile_that_says_how_many(
    steps: int, carried: int, takes: bool, own: bool, inside: bool
) -> None:
    picture = picture_of(loop(steps, carried, takes, own, inside=inside), collapse=True)
    assert times(picture) == [steps]
    tile = next(tile for tile in picture.tiles if tile.id.endswith("@"))
    assert len(tile.carried.split(", ")) == carried
    assert ("each step reads x[:, t]" in words(tile)) == takes
    assert untrue(of_layout(picture)) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(3, 9), st.data())
def test_a_step_that_differs_stays_apart(steps: int, data: st.DataObject) -> None:
    odd = data.draw(st.integers(0, steps - 1))
    picture = picture_of(loop(steps, 2, takes=True, own=False, odd=odd), collapse=True)
    assert times(picture) == [count for count in (odd, 1, steps - 1 - odd) if count]


def seen(picture: Picture) -> tuple[Any, ...]:
    """What a reader of a picture sees, without the places."""
    tiles = [(tile.id, tile.kind, tile.rows, tile.carried) for tile in picture.tiles]
    return tiles, Counter((link.tail, link.head) for link in picture.links)


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 6), st.booleans(), st.data())
def test_which_steps_of_a_loop_are_read_or_are_outputs_is_seen(steps: int, closed: bool, data: st.DataObject) -> None:
    """Else two programs have one picture: the product with the first state was drawn as that with the second."""
    some = st.lists(st.integers(0, steps - 1), min_size=3, max_size=3)
    (read, marked), (other, mark) = (data.draw(st.tuples(some, st.sets(st.integers(0, steps - 2)))) for _ in range(2))

    def drawn(read: list[int], outputs: set[int]) -> tuple[Any, ...]:
        h: Any = fg.Input("h", shape=("N", 4))
        states = [h := _step(h, f"step{t}") for t in range(steps)]
        with fg.scope("head") if closed else contextlib.nullcontext():
            end = states[-1] + sum(states[t] for t in read)
        return seen(picture_of(fg.Graph(fg.mean(end), *(states[t] for t in sorted(outputs))), collapse=True))

    same = {*read, steps - 1}, marked
    assert (drawn(read, marked) == drawn(other, mark)) <= (same == ({*other, steps - 1}, mark))


def _step(h: Any, scope: str) -> Any:
    with fg.scope(scope):
        return np.tanh(np.sin(h)).named("h")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=2, max_size=7))
def test_parameters_of_a_loop_are_shared_by_all_steps_or_each_steps_own(order: list[int]) -> None:
    weights = [fg.Parameter(np.eye(4), name=f"W{k}") for k in range(3)]
    h: Any = fg.Input("h", shape=("N", 4))
    for t, k in enumerate(order):
        with fg.scope(f"step{t}"):
            h = np.tanh(h @ weights[k])
    picture = picture_of(fg.Graph(h), collapse=True)
    said = [text for tile in picture.tiles if tile.id.endswith("@") for text in words(tile) if "parameters" in text]
    start = 0
    for count, text in zip(times(picture), said, strict=True):
        read, others = order[start : start + count], order[:start] + order[start + count :]
        assert len(set(read)) in (1, count)
        own, both = 16 * len(set(read)), 16 * len(set(read) & set(others))
        if len(set(read)) < count or (count == 1 and both):
            assert text == "16 parameters, shared"
        elif count > 1 and both == own:
            assert text == f"{count} × 16 parameters, shared"
        else:
            assert text == f"{own} parameters" + (f", {both} shared" if both else "")
        start += count


@settings(max_examples=40, deadline=None)
@given(st.integers(3, 8), st.integers(2, 3))
def test_a_step_that_reads_one_farther_before_is_no_step_of_a_loop(steps: int, back: int) -> None:
    values: list[Any] = [fg.Input(f"x{k}", shape=("N",)) for k in range(back)]
    for t in range(steps):
        with fg.scope(f"step{t}"):
            values.append(np.tanh(values[-1] + np.sin(values[-back])))
    assert max(times(picture_of(fg.Graph(values[-1]), collapse=True))) <= back


@given(st.lists(st.sampled_from(["inside", "read", "output"]), min_size=1, max_size=6), st.booleans())
def test_a_closed_scope_says_each_result_and_whether_it_holds_the_output(uses: list[str], inside: bool) -> None:
    x = fg.Input("x", shape=("N", 7))
    with fg.scope("part"):
        made = [np.sin(x[:, : k + 1]) for k in range(len(uses))]
        end = sum(fg.sum(one) for one in made)
    read = sum(
        [fg.mean(one) for one, use in zip(made, uses, strict=True) if use == "read"], 0.0 if inside else np.exp(end)
    )
    outputs = [one for one, use in zip(made, uses, strict=True) if use == "output"]
    graph = fg.Graph(*([end] if inside else []), *([read] if "read" in uses or not inside else []), *outputs)
    closed, opened = (picture_of(graph, collapse=how) for how in (True, False))
    (tile,) = [tile for tile in closed.tiles if tile.id.endswith("@")]
    (said,) = [text.removeprefix("→ ") for text in words(tile) if text.startswith("→ ")]
    shapes = [f"N×{k + 1}" for k, use in enumerate(uses) if use != "inside"] + ["scalar"]
    assert sorted(said.split(", ")) == sorted(shapes) if len(shapes) <= 4 else said == f"{len(shapes)} results"
    assert {tile.kind for tile in closed.tiles} & {"output", "loss"} == {t.kind for t in opened.tiles} & {
        "output",
        "loss",
    }


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 7), st.booleans(), st.data())
def test_what_each_step_reads_is_said_or_nothing_is(steps: int, inside: bool, data: st.DataObject) -> None:
    """It stood as x[:, t] on steps that read every second, one after a permutation, or always the same."""
    places = st.lists(st.integers(0, 9), min_size=steps, max_size=steps)
    ordered = st.builds(lambda a, b: [a + b * t for t in range(steps)], st.integers(0, 9), st.integers(-2, 2))
    index = st.one_of(places, ordered.filter(lambda found: min(found) >= 0 and max(found) < 20))

    def said(order: list[int], other: list[int] | None = None, wide: bool = False) -> list[str]:
        x: Any = fg.Input("x", shape=("N", 24, 4))
        h: Any = fg.Input("h", shape=("N", 4))
        for t, at in enumerate(order):
            before = None if inside else x[:, at]
            with fg.scope(f"step{t}"):
                element = fg.sum(x[:, at : at + 3], axis=1) if wide else x[:, at] if before is None else before
                h = np.tanh(h * element + (0 if other is None else x[:, other[t]]))
        picture = picture_of(fg.Graph(h), collapse=True)
        assert sum(times(picture)) == steps
        return [text for tile in picture.tiles for text in words(tile) if "each step reads" in text]

    one, two = data.draw(index), data.draw(index)
    assert said(one) != said(two) or one == two or not said(one)
    assert not said(one, two) or one == two or len(set(one)) < steps
    assert not said(one, wide=True) or len(set(one)) < steps
    assert said(list(range(steps))) == ["each step reads x[:, t]"]


def test_a_value_from_two_steps_before_is_no_loop() -> None:
    """Drawn as one tile, the steps would read what is computed from them outside."""
    values: list[Any] = [fg.Input("x", shape=("N",)), fg.Input("y", shape=("N",))]
    for t in range(6):
        with fg.scope(f"step{t + 1}"):
            h = np.tanh(values[-1])
            values.append(np.sin(h + np.exp(values[-2])))
        values[-1] = values[-1] if t % 2 else np.cos(values[-1])
    picture = picture_of(fg.Graph(values[-1]), collapse=True)
    assert sum(times(picture)) == 6
    assert untrue(of_layout(picture)) == []


@pytest.mark.parametrize("seed", range(30))
def test_no_step_of_a_random_graph_is_lost(seed: int) -> None:
    subject = Subject(random_graph(seed, 80))
    found = modules(subject, True)
    assert len({path for module in found for path in module.paths}) == sum(len(module.paths) for module in found)
    for module in found:
        assert len(module.stages or [module.boxes]) == len(module.paths)
    picture = compose(subject, collapse=True)
    assert sum(times(picture)) == sum(len(module.paths) for module in found)
    operations = [tile.rows[1].items[0].text.split(" · ") for tile in picture.tiles if tile.stacked]  # type: ignore[union-attr]
    for module, said in zip(found, operations, strict=True):
        assert ("…" in said) == bool({type(box).symbol for box in module.tail} - set(said))


def test_layers_with_weights_of_their_own_fold_too() -> None:
    (tile,) = [tile for tile in picture_of(deep(50)).tiles if tile.stacked]
    assert "×50" in words(tile)
    assert tile.carried == "h"


def test_titles_say_what_scopes_are_and_close_those_that_hold_no_others() -> None:
    picture = picture_of(deep(3), titles={f"layer{k}": f"layer{k} · Dense" for k in (1, 2, 3)})
    assert [words(tile)[0] for tile in picture.tiles if tile.stacked] == ["layer1–3 · Dense"]
    picture = picture_of(deep(3), titles={"layer2": "the second"})
    assert "the second" in [words(tile)[0] for tile in picture.tiles]


LAYERS = 40
GRAPH = deep(LAYERS)
RUN = GRAPH.fprop(x=np.ones((2, 4)))
GRADS = RUN.bprop(keep="all")
BAD = {
    "NaN": (np.nan, "∇ NaN in 1 of 40", "not a number"),
    "infinite": (np.inf, "∇ Inf in 1 of 40", "not a number"),
    "zero": (0.0, "∇ exactly 0 in 1 of 40", f"heat {-HEAT}"),
    "vanishing": (1e-30, "∇ rms 1e−30 … 1", f"heat {-HEAT}"),
    "exploding": (1e30, "∇ rms 1 … 1e30", f"heat {HEAT}"),
}


def subject_of(view: str, what: str, bad: fg.Box | None = None, value: float = 1.0) -> Subject:
    """A deep network in which every value or gradient is 1, but one."""
    subject = Subject(GRAPH, view, RUN, GRADS)
    for box in GRAPH.boxes:
        array = np.full(np.shape(RUN[box]), value if box is bad else 1.0)
        subject._statistics[what, box] = describe(array)
    return subject


def module_of(picture: Picture) -> tuple[Tile, str, list[Strip]]:
    """The first tile of folded layers, its words, its strips."""
    tile = next(tile for tile in picture.tiles if tile.stacked)
    items = [item for row in tile.rows for item in row.items]
    words = " ".join(item.text for item in items if isinstance(item, Span))
    return tile, words, [item for item in items if isinstance(item, Strip)]


@given(layer=st.integers(1, LAYERS), name=st.sampled_from(["W", "a", "h"]), kind=st.sampled_from(sorted(BAD)))
def test_one_bad_gradient_anywhere_is_the_colour_the_words_and_a_cell_of_the_strip(
    layer: int, name: str, kind: str
) -> None:
    measure = layer == LAYERS and name == "a"  # against the output layer's all others are coloured
    assume(not measure or kind not in ("vanishing", "exploding"))
    value, words, role = BAD[kind]
    tile, said, (strip,) = module_of(compose(subject_of("gradients", "gradient", GRAPH[f"layer{layer}/{name}"], value)))
    assert tile.fill == role
    assert words in said
    (place,) = (place for place, cell in enumerate(strip.cells) if cell == role)
    assert abs(place / len(strip.cells) - (layer - 0.5) / LAYERS) < 1.1 / len(strip.cells)


@given(layer=st.integers(1, LAYERS), name=st.sampled_from(["a", "h"]), bad=st.sampled_from([np.nan, 0.0]))
def test_one_bad_value_anywhere_is_said(layer: int, name: str, bad: float) -> None:
    _, said, strips = module_of(compose(subject_of("values", "value", GRAPH[f"layer{layer}/{name}"], bad)))
    assert f"{'NaN' if bad else 'exactly 0'} in 1 of 40" in said
    (odd,) = set(strips[0].cells) - {"value 15"}
    assert odd == ("not a number" if bad else "value 0")


def test_a_sound_network_says_its_range() -> None:
    tile, said, _ = module_of(compose(subject_of("gradients", "gradient")))
    assert "∇ rms 1 " in said
    assert "in 1 of" not in said
    assert tile.fill == "heat 0"


def test_a_scope_by_itself_shows_its_boxes_from_first_to_last() -> None:
    picture = compose(subject_of("gradients", "gradient", GRAPH["layer1/h"], 0.0), collapse=["layer1"])
    _, said, (strip,) = module_of(picture)
    assert "∇ exactly 0 in 1 of 3" in said
    assert strip.cells == ("heat 0", "heat 0", f"heat {-HEAT}")
    assert "first" in said
    assert "last" in said


@pytest.mark.parametrize("view", ["values", "gradients", "both"])
def test_what_was_not_computed_is_never_a_number(view: str) -> None:
    picture = compose(Subject(GRAPH, view, GRAPH.fprop(x=np.ones((2, 4)), keep="outputs")))
    tile, said, strips = module_of(picture)
    assert not strips
    assert not re.search(r"∇ (rms )?\d|\d … ", said)
    assert ("∇ not computed" in said) == (view == "gradients")
    assert tile.fill == ("not computed" if view == "gradients" else "fill box")

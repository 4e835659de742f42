from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.rendering.files import picture_of
from flowgraph.rendering.labels import memory_of
from flowgraph.rendering.picture import Span


def training_step() -> fg.Plan:
    x = fg.Input("x", shape=(8, 4))
    W = fg.Parameter(np.eye(4), name="W")
    b = fg.Parameter(np.zeros(4), name="b")
    loss = fg.mean(np.tanh(np.exp(x @ W + b)).named("h")).named("loss")
    gradients = fg.gradient(loss, [W, b])
    return fg.compile([loss], updates={p: p - 0.1 * g for p, g in zip((W, b), gradients, strict=True)})


def words(plan: fg.Plan) -> tuple[Any, Any]:
    latest = plan._latest()
    return latest, memory_of(latest.schedule)


def test_every_value_that_fills_a_buffer_names_it() -> None:
    latest, memory = words(training_step())
    for box, kind in latest.schedule.kinds.items():
        assert (box in memory.words) == bool(box.children)
        if kind == "fill":
            assert memory.words[box].startswith("buffer ")
    shared = [text.split(",")[0] for box, text in memory.words.items() if box in memory.in_place]
    assert shared
    assert "new W" in " ".join(memory.words.values())
    assert f"{len(memory.in_place)} written in place" in memory.summary


def test_what_is_written_in_place_has_the_buffer_of_its_child_and_a_thick_link() -> None:
    latest, memory = words(training_step())
    picture = picture_of(latest.graph, memory=memory)
    thick = {(link.tail, link.head) for link in picture.links if link.role == "value"}
    for box, child in memory.in_place.items():
        assert memory.words[box].split(",")[0] == memory.words[child].split(",")[0]
        assert (picture.owners[latest.graph.names[child]], picture.owners[latest.graph.names[box]]) in thick
    spans = [item for tile in picture.tiles for row in tile.rows for item in row.items if isinstance(item, Span)]
    assert sum(span.bold and span.role == "value" for span in spans) == len(memory.in_place)


def test_a_plan_draws_itself(tmp_path: Path) -> None:
    plan = training_step()
    for suffix in ("svg", "html", "dot"):
        path = plan.render(tmp_path / f"plan.{suffix}")
        assert "in place of" in path.read_text(encoding="utf-8")


def test_the_words_of_memory_name_boxes_as_their_tiles_do() -> None:
    latest, memory = words(training_step())
    picture = picture_of(latest.graph, memory=memory)
    spans = [item for tile in picture.tiles for row in tile.rows for item in row.items if isinstance(item, Span)]
    shown = {span.text for span in spans if span.bold}
    named = [found for text in memory.words.values() for found in re.findall(r"(?:in place|view) of (.*)", text)]
    assert named
    for one in named:
        assert one in shown

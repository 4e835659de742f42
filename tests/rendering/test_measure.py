"""No text leaves its tile: measured by a browser in the pictures of the gallery, the documentation and the demo."""

from __future__ import annotations

import string
from pathlib import Path

import numpy as np
import pytest
from matplotlib.ft2font import FT2Font

import flowgraph as fg
from flowgraph.experiment.demo import Examples, build_network, write_pictures
from flowgraph.rendering import files, measure
from flowgraph.rendering.animation import page
from tests.browser import in_a_browser
from tests.rendering.browser import texts_outside
from tests.rendering.graphs import deep, feeds, lecture, nasty

DOCS = Path(__file__).parents[2] / "docs"
WIDTHS = [(390, 844), (1920, 1080)]


def nested(layers: int = 2) -> fg.Graph:
    """A network in a scope of scopes, whose names are long."""
    with fg.scope("encoder"):
        mlp = fg.MLP([8] * layers + [4], rng=0)
    x, y = fg.Input("x", shape=("N", 8)), fg.Input("y", shape=("N",), dtype=int)
    return fg.Graph(fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x), y)))


def drawn(graph: fg.Graph, values: object) -> list[str]:
    run = graph.fprop(values)
    grads = run.bprop(keep="all") if graph.parameters else None
    return [
        graph.to_svg(view=view, run=run, grads=grads, theme=theme, engine="builtin")
        for view in ("forward", "values", "gradients", "both", "backward")
        for theme in ("auto", "dark")
    ]


@pytest.fixture(scope="module")
def pictures() -> str:
    """Those of the documentation, and of graphs with long names, many decimals and folded modules, in every view."""
    rng = np.random.default_rng(0)
    kept = [path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*/*.svg"))]
    examples = {"x": rng.normal(size=(5, 8)), "y": rng.integers(0, 4, 5)}
    odd = nasty()
    svgs = [
        *kept,
        *drawn(lecture(), feeds()),
        *drawn(nested(), examples),
        *drawn(nested(50), examples),
        *drawn(deep(20), {"x": rng.normal(size=(5, 4)) * 1e-30}),
        *drawn(odd, {odd.inputs[0]: np.full((2, 3), -1e-7)}),
    ]
    assert len(kept) > 240
    return "".join(svgs)


SIGNS = (
    string.ascii_letters
    + string.digits
    + string.punctuation
    + " ×±−÷·…→←≤≥≠∞½²³∇∂√∏∑αβγδεζηθικλμνξπρστφχψωΔΘΛΞΠΣΦΨΩ₀₁⁽⁾ᵀ"
)


@pytest.mark.parametrize("bold", [False, True])
def test_no_sign_of_a_png_is_wider_than_its_estimate(bold: bool) -> None:
    """So no name of any signs is: a text is as wide as its signs."""
    fonts = files._own_fonts()
    assert fonts is not None
    font = FT2Font(str(fonts[bold]))
    font.set_size(100, 72)
    widths = {sign: font.load_char(ord(sign)).linearHoriAdvance / 65536 for sign in SIGNS}
    assert not {sign: width for sign, width in widths.items() if width > measure.text_width(sign, 100, bold) + 0.01}


@in_a_browser
@pytest.mark.parametrize("size", WIDTHS)
def test_no_text_leaves_its_tile(pictures: str, size: tuple[int, int]) -> None:
    assert texts_outside(pictures, size) == []


@in_a_browser
@pytest.mark.parametrize("layers", [2, 50])
def test_no_text_leaves_its_tile_in_any_step(layers: int) -> None:
    graph = nested(layers)
    rng = np.random.default_rng(0)
    run = graph.fprop(x=rng.normal(size=(5, 8)) * 1e-5, y=rng.integers(0, 4, 5))
    assert texts_outside(page(graph, run, run.bprop(keep="all")), WIDTHS[0]) == []


@in_a_browser
def test_no_text_leaves_its_tile_in_the_pictures_of_the_demo(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    examples = Examples(rng.normal(size=(32, 64)), rng.integers(0, 10, 32))
    written = write_pictures(build_network(128, 0.001, 0), examples, tmp_path)
    still = [path.read_text(encoding="utf-8") for path in written if path.suffix == ".svg"]
    assert texts_outside("".join(still)) == []
    (steps,) = (path for path in written if path.name == "steps.html")
    assert texts_outside(steps.read_text(encoding="utf-8")) == []


@in_a_browser
def test_a_text_that_does_leave_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "text_width", lambda *text: 20.0)
    assert any("softmax" in one for one in texts_outside(lecture().to_svg(engine="builtin")))

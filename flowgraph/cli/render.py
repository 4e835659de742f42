"""flowgraph render, animate, explain and gallery: pictures, steps and derivations from the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import click
import numpy as np

from flowgraph.box import Box, Leaf
from flowgraph.cli.check import locate, on_inputs, read_feeds
from flowgraph.cli.ends import ToRead
from flowgraph.errors import UsageError
from flowgraph.graph import Graph
from flowgraph.graph.graph import Run
from flowgraph.rendering.compose import DETAILS, DIRECTIONS
from flowgraph.rendering.engines import ENGINES
from flowgraph.rendering.fitting import PAGES, SLIDES
from flowgraph.rendering.gallery import box_graph
from flowgraph.rendering.gallery import gallery as write_gallery
from flowgraph.rendering.palette import THEME_NAMES
from flowgraph.rendering.views import VIEWS, View
from flowgraph.saving.replacing import FORMATS

_F = TypeVar("_F", bound=Callable[..., Any])
_PATH = click.Path(dir_okay=False, path_type=Path)


class _Inches(click.ParamType):  # type: ignore[type-arg]
    """A width, or a width and a height with an x between."""

    name = "width[xheight]"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float | tuple[float, ...]:
        """The numbers of the text."""
        try:
            numbers = tuple(float(part) for part in str(value).split("x"))
        except ValueError:
            self.fail(f"found {value!r}, needs inches such as 3.3 or 3.3x9.5", param, ctx)
        return numbers[0] if len(numbers) == 1 else numbers


def _common(default: str) -> Callable[[_F], _F]:
    def add_arguments(function: _F) -> _F:
        out = click.option("-o", "--out", type=_PATH, default=Path(default), help="What to write.", show_default=True)
        return click.argument("target")(out(function))

    return add_arguments


def _with_run(function: _F) -> _F:
    feeds = click.option("--feeds", type=ToRead(), help=".npz with the inputs; others are drawn.")
    seed = click.option("--seed", type=click.IntRange(min=0), default=0, help="Fixes what is drawn.", show_default=True)
    return feeds(seed(function))


@click.command()
@_common("graph.svg")
@click.option("--view", type=click.Choice(list(VIEWS)), default="forward", show_default=True)
@click.option("--theme", type=click.Choice(THEME_NAMES), default="auto", show_default=True)
@click.option("--direction", type=click.Choice(DIRECTIONS), default="right", show_default=True)
@click.option("--detail", type=click.Choice(DETAILS), default="auto", show_default=True)
@click.option("--collapse", multiple=True, help="A scope drawn as one tile; may be given again.")
@click.option("--wrap", type=click.IntRange(min=0), help="Columns of a line, 0 for one line [where it gets too long].")
@click.option("--depth", type=click.IntRange(min=0), help="Scopes in so many others are one tile each.")
@click.option("--inches", type=_Inches(), help="What an svg, pdf or tex is to fit: 3.3, or 3.3x9.5.")
@click.option("--page", type=click.Choice(list(PAGES)), help="The page of text that it is to fit.")
@click.option("--slide", type=click.Choice(list(SLIDES)), help="The slide that an svg, png or pdf is to fit.")
@click.option("--engine", type=click.Choice(ENGINES), default="auto", show_default=True)
@click.option("--timeout", type=float, default=20.0, help="Seconds for the engine.", show_default=True)
@_with_run
def render(
    target: str, out: Path, view: str, feeds: Path | None, seed: int, collapse: tuple[str, ...], wrap: int | None,
    **settings: Any,
) -> None:  # fmt: skip
    """Draw TARGET into a file whose suffix says the format: svg, png, pdf, html, tex or dot.

    TARGET is mymodule:graph, path/to/file.py:graph, a function without parameters that returns a graph, a box class,
    or a file that fg.save wrote. Views other than forward show a run: on the arrays of --feeds, else on drawn numbers.
    """
    if collapse:
        settings["collapse"] = list(collapse)
    if wrap is not None:
        settings["wrap"] = wrap
    graph = graph_of(target)
    if VIEWS[view].rows != "none":
        settings["run"] = run = _run(graph, feeds, seed)
        settings["grads"] = run.bprop(keep="all") if _has_gradient(graph) else None
    click.echo(f"wrote {graph.render(out, view=cast(View, view), **settings)}")


@click.command()
@_common("graph.html")
@_with_run
def animate(target: str, out: Path, feeds: Path | None, seed: int) -> None:
    """Write a page (.html) that steps through fprop and bprop of TARGET, or a picture that plays itself (.svg).

    TARGET and --feeds as for flowgraph render.
    """
    graph = graph_of(target)
    run = _run(graph, feeds, seed)
    grads = run.bprop(keep="all") if _has_gradient(graph) else None
    click.echo(f"wrote {graph.animate(out, run, grads)}")


@click.command()
@_common("backprop.html")
@click.option("--wrt", multiple=True, help="Only the gradients that lead to this box; may be given again.")
def explain(target: str, out: Path, wrt: tuple[str, ...]) -> None:
    """Write the derivation of the gradients of TARGET into a .html, .md or .tex; TARGET as for flowgraph render."""
    click.echo(f"wrote {graph_of(target).explain(out, wrt or None)}")


@click.command()
@click.argument("out", type=_PATH, default=Path("gallery.html"))
def gallery(out: Path) -> None:
    """Write every box of flowgraph with its formula and its picture into OUT: one .html, or an .md with a folder."""
    click.echo(f"wrote {write_gallery(out)}")


def graph_of(target: str) -> Graph:
    """The graph that a target of the command line means."""
    path = Path(target)
    if path.suffix.lower() in (".safetensors", *FORMATS) or (path.is_file() and path.suffix != ".py"):
        from flowgraph.saving import load

        return load(target)
    ((name, thing), *others) = locate(target)
    if others:
        names = ", ".join([name, *(other for other, _ in others)])
        raise UsageError(f"render: {target} defines several boxes ({names}); name one, {target}:{name}")
    if isinstance(thing, type) and issubclass(thing, Box) and not issubclass(thing, Leaf):
        return box_graph(thing)
    if isinstance(thing, Graph):
        return thing
    if isinstance(thing, Box):
        return Graph(thing)
    raise UsageError(f"render: {target} is a {type(thing).__name__}, needs a graph, a box or a box class")


def _run(graph: Graph, feeds: Path | None, seed: int) -> Run:
    rng = np.random.default_rng(seed)
    return on_inputs(graph, read_feeds(feeds), rng, lambda fed: graph.fprop(fed, seed=seed))


def _has_gradient(graph: Graph) -> bool:
    return len(graph.outputs) == 1 and graph.outputs[0].outputs[0].shape == () and bool(graph.parameters)

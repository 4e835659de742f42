"""A picture of anything that a graph can be made of: boxes, plans, functions, the networks of other libraries."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowgraph.box import Box
from flowgraph.errors import UsageError
from flowgraph.functional.mapping import trace
from flowgraph.graph import Graph
from flowgraph.plan import Plan
from flowgraph.rendering import files
from flowgraph.rendering.foreign import graph_maker_of
from flowgraph.saving.replacing import format_of


def render(subject: Any, *examples_and_path: Any, **settings: Any) -> Path:
    """Draw a graph, or what one can be made of, into a file, and return its path.

    Parameters
    ----------
    subject : Graph, Box, list of Box, Plan, function or path
        What is drawn; a function may be one of NumPy, PyTorch (or an `nn.Module`) or JAX, a path that of a file which
        `fg.load` reads.
    *examples_and_path : array_like, then str or path
        What a function is called with, then the path, whose suffix says the format: .svg, .png, .pdf, .eps,
        .html, .tex, .dot or .mmd.
    **settings
        Those of `Graph.render`: `view`, `run`, `grads`, `collapse`, `theme`, `engine` and others.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    UsageError
        If the suffix of the path is no format.
    RenderError
        If a program or package is missing that the format needs.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> folder = tempfile.mkdtemp()
    >>> fg.render(lambda x, w: np.tanh(x @ w), np.ones((2, 3)), np.ones(3), f"{folder}/net.svg").name
    'net.svg'
    """
    if not examples_and_path or not isinstance(examples_and_path[-1], str | os.PathLike):
        what = f"a {type(examples_and_path[-1]).__name__}" if examples_and_path else "nothing"
        raise UsageError(f'render: found {what} as the last argument, needs the path of the file, "net.svg"')
    *examples, path = examples_and_path
    if isinstance(subject, Plan) and not examples:
        drawn: Path = subject.render(path, **settings)
        return drawn
    if callable(getattr(subject, "named_modules", None)):
        settings.setdefault("titles", subject)
    elif isinstance(subject, str | os.PathLike) and (format := format_of(subject)) is not None:
        settings.setdefault("titles", format.module_titles(subject))
    return files.render(graph_to_draw(subject, examples), path, **settings)


def graph_to_draw(subject: Any, examples: Sequence[Any]) -> Graph:
    """The graph of what `render` is given; of the name of a file, what `fg.load` reads from it."""
    if isinstance(subject, str | os.PathLike):
        from flowgraph.saving import load

        subject = load(subject)
    boxes = [subject] if isinstance(subject, Box) else list(subject) if isinstance(subject, list | tuple) else []
    known = subject if isinstance(subject, Graph | Plan) else Graph(*boxes) if boxes else None
    if known is not None:
        if examples:
            raise UsageError(
                f"render: found {len(examples)} arguments between a {type(known).__name__} and the path, needs none; "
                f"values are drawn with run="
            )
        return known  # type: ignore[return-value]
    maker = graph_maker_of((subject, *_elements(examples)))
    if maker is not None:
        graph: Graph = maker(subject, *examples)
        return graph
    if not callable(subject):
        raise UsageError(
            f"render: found a {type(subject).__name__}, needs a graph, boxes, a plan, a function with examples of its "
            f"arguments, or a network of PyTorch or JAX with such examples"
        )
    from flowgraph.checking.target import parameter_names

    return trace(subject, **dict(zip(parameter_names(subject, len(examples)), examples, strict=True)))


def _elements(examples: Sequence[Any]) -> list[Any]:
    """The elements of nested containers."""
    elements, waiting = [], list(examples)
    while waiting:
        part = waiting.pop(0)
        if isinstance(part, dict | list | tuple):
            waiting.extend(part.values() if isinstance(part, dict) else part)
        else:
            elements.append(part)
    return elements

"""The learning curve: objective and errors by epoch, in one picture that reads on light and dark pages."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

BLUE, VERMILION, GREY = "#0072B2", "#D55E00", "#7B8794"


class Epoch(NamedTuple):
    """What is measured after an epoch: the mean objective, and the shares of examples that are wrong."""

    number: int
    objective: float
    train_error: float
    valid_error: float


def learning_curve_svg(epochs: Sequence[Epoch], best: int) -> str:
    """Objective above, errors below, the chosen epoch marked; transparent, so that the page shows through."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: dict[Any, Any] = {
        "svg.fonttype": "none", "svg.hashsalt": "flowgraph", "font.family": "sans-serif", "text.color": GREY,
        "axes.edgecolor": GREY, "axes.labelcolor": GREY, "xtick.color": GREY, "ytick.color": GREY,
    }  # fmt: skip
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(7, 5.2), layout="constrained")
        FigureCanvasSVG(figure)
        above, below = figure.subplots(2, 1, sharex=True)
        numbers = [epoch.number for epoch in epochs]
        above.plot(numbers, [epoch.objective for epoch in epochs], color=BLUE)
        above.set(ylabel="objective (train)", yscale="log")
        below.plot(numbers, [100 * epoch.train_error for epoch in epochs], color=BLUE, label="train")
        below.plot(numbers, [100 * epoch.valid_error for epoch in epochs], color=VERMILION, label="valid")
        below.axvline(best, color=GREY, linestyle=":", label=f"chosen: epoch {best}")
        below.set(xlabel="epoch", ylabel="error in %", ylim=(0, None))
        below.legend(frameon=False)
        for axes in (above, below):
            axes.spines[["top", "right"]].set_visible(False)
            axes.patch.set_alpha(0)
        figure.patch.set_alpha(0)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()

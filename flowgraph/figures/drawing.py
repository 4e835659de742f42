"""A figure with the numbers that it shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flowgraph.errors import install_hint
from flowgraph.training.picture_style import STYLE, figure_bytes, write_picture

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#A8437A", "#E69F00", "#7B8794")
"""Of lines, in their order; distinct for every kind of colour vision (Okabe and Ito)."""


class Figure:
    """A picture by matplotlib and the numbers in it, `data`; a notebook shows it.

    Parameters
    ----------
    draw : function
        It draws on a figure of matplotlib.
    data : mapping of str to array
        The numbers that are shown.
    size : (float, float), default (6.2, 4)
        Width and height in inches.

    Examples
    --------
    >>> from flowgraph import figures, schedules
    >>> shown = figures.learning_rates({"α/t": schedules.InverseTime(0.1, delta=1.0)}, updates=3)
    >>> shown.data["α/t"].round(3)
    array([0.05 , 0.033, 0.025])
    """

    def __init__(
        self, draw: Callable[[Any], None], data: Mapping[str, Any], size: tuple[float, float] = (6.2, 4)
    ) -> None:
        self._draw, self.data, self._size = draw, data, size

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the figure into a file.

        Parameters
        ----------
        path : str or path
            A .svg, .png or .pdf file.

        Returns
        -------
        Path
            The file that was written.

        Raises
        ------
        UsageError
            If the suffix is none of these.
        """
        return write_picture(Path(path), self._bytes)

    def _bytes(self, suffix: str) -> bytes:
        try:
            import matplotlib
            from matplotlib import figure as of_matplotlib
        except ImportError:
            raise ImportError(f"figures: need matplotlib; run: {install_hint('training')}") from None
        with matplotlib.rc_context(STYLE):
            figure = of_matplotlib.Figure(figsize=self._size, layout="constrained")
            axes = figure.subplots()
            self._draw(axes)
            axes.spines[["top", "right"]].set_visible(False)
            axes.patch.set_alpha(0)
            figure.patch.set_alpha(0)
            return figure_bytes(figure, suffix)

    def __repr__(self) -> str:
        return f"<Figure of {', '.join(map(str, self.data))}>"

    def _repr_svg_(self) -> str:
        return self._bytes(".svg").decode()

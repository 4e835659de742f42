"""Two-way pictures for notebooks, by anywidget: JupyterLab, VS Code, marimo. All other pictures need no widget.

>>> import flowgraph as fg
>>> from flowgraph.interop.widget import GraphWidget
>>> x = fg.Input("x", shape=(2,))
>>> widget = GraphWidget(fg.Graph(fg.sum(x * x).named("loss")), x=[1.0, 2.0])  # the last line of a cell shows it
>>> widget.select("loss")                    # or a click on the box
>>> widget.value
array(5.)
"""

from flowgraph.interop.widget.widgets import GraphWidget, TrainingWidget

__all__ = ["GraphWidget", "TrainingWidget"]

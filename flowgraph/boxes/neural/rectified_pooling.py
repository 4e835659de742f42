"""The gradient of pooling over what a rectifier gives, in one box: plans make it of two."""

from __future__ import annotations

import numpy as np

from flowgraph.box import Value
from flowgraph.box.example import example
from flowgraph.boxes.neural.pooling import Pooling, SpreadToLargest
from flowgraph.shapes.spec import Spec, same, shape_text

_STEPS = np.array([[[0.5, 0.5, -1.0, 2.0], [0.0, 0.1, -2.0, 2.0], [0.0, -3.0, -1.0, -2.0], [-1.0, 0.0, -1.0, -3.0]]])


class SpreadToRectified(Pooling):
    """The gradient of `MaxPool` of np.maximum(source, floor) by the source.

    h = Σ of the shares of `SpreadToLargest` where a > floor, half of them where a = floor, else 0

    `largest` is what the pooling gives, by which the largest are found. All that lies below the floor ties with what is
    at it.

    Parameters
    ----------
    floor : float, default 0.0
        The lower limit, in the unit of `source`.
    half : bool, default True
        Whether half of a share passes at the floor, as for np.maximum; else none, as for `ReLU`.
    """

    floor: float = 0.0
    half: bool = True

    public = False
    symbol = "to the rectified"
    formula = r"\textstyle\sum_i g_i 1_{a = h_i > c} / k_i"
    derivative = r"1_{a = h > c} / k"
    constant_children = frozenset({"source", "largest"})
    examples = (
        example((1, 2, 2), _STEPS, np.array([[[0.5, 2.0], [0.0, 0.0]]])),
        example((1, 2, 2), _STEPS, np.array([[[0.5, 2.0], [0.0, 0.0]]]), half=False),
        example((1, 1, 3), _STEPS, np.array([[[0.5, 0.5, 2.0]]]), size=(4, 2), stride=1, floor=0.25),
    )

    def fprop(self, g: Value, source: Value, largest: Value) -> Value:
        settings = self.setting_values()
        floor, half = settings.pop("floor"), settings.pop("half")
        sent = SpreadToLargest.apply(g, np.maximum(source, floor), **settings)
        if not half:
            return np.where(source > floor, sent, 0)
        return np.where(source >= floor, np.where(source == floor, sent / 2, sent), 0)

    def infer(self, g: Spec, source: Spec, largest: Spec) -> Spec:
        """The shape of what was pooled."""
        self.check_pooled(g, source)
        if len(g.shape) != len(largest.shape) or not all(map(same, g.shape, largest.shape)):
            raise self.shape_error(f"needs {shape_text(g.shape)} of the gradient and of the largest")
        return Spec(source.shape, g.dtype)

"""The matrix products of the step alone, with out, in the shapes and transposes of the step: no step is faster."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.peers.mlp.case import Case


class Step:
    """Three products per weight, two at the input."""

    def __init__(self, case: Case) -> None:
        weights, _ = case.parameters()
        rng = np.random.default_rng(0)
        values = [rng.standard_normal((case.batch, m)).astype(case.dtype) for m in case.widths]
        self.triples = []
        for w, h, a in zip(weights, values, values[1:], strict=False):
            out = np.empty_like(a), np.empty_like(w), np.empty_like(h)
            self.triples.append((h, w, a, h.T, w.T, *out))

    def __call__(self, x: Any, y: Any, rate: float) -> float:
        """All products once."""
        for h, w, _, _, _, out, _, _ in self.triples:
            h.dot(w, out)
        for h, _, a, hT, wT, _, dw, dh in reversed(self.triples):
            hT.dot(a, dw)
            if h is not self.triples[0][0]:
                a.dot(wT, dh)
        return 0.0

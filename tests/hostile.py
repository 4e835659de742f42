"""Texts that would do harm where they are taken for code, markup or commands, and graphs that hold them.

No such name can be given; a graph whose boxes were changed from below stands for every way around the checks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

import flowgraph as fg

TEXTS = (
    "layer1\n    import os; os.system('id')\n    #", "a\rraise SystemExit", "b\u2028raise SystemExit", "c\u2029d",
    "e\x85f", "g\x0bh", "i\x0cj", "k\x1cl\x1dm\x1en", "\x1b]0;title\x07", "\x1b[2J\x9b31m", "nul\x00nul",
    "\u202egnp.exe", "\ufeffx", "zero\u200bwidth", "\ud800", "\udfff\ud800", "\ufffe\uffff", "\ue000\U000f0000", "'''",
    '"""', "\\", "\\\n", "}", "{0}{}%s%n", "]]><b>", "--><b>", "</script><script>alert(1)</script>",
    "</title></svg><b>", '" onload="alert(1)', "&amp;&#10;", "$x$ \\input{a}", "[a](javascript:alert(1))",
    "# not a comment", "def step(): pass", "t\tt", "\N{FAMILY}\u200d\N{FAMILY}", "; import os", "`id`",
)  # fmt: skip

texts = st.one_of(st.sampled_from(TEXTS), st.text(min_size=1, max_size=12))


def unprintable(text: str, allowed: str = "\n") -> list[str]:
    """The characters of a text that a terminal or an XML reader takes for more than signs."""
    return [
        c for c in text if c not in allowed and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
    ]


def several() -> fg.Graph:
    """A graph in nested scopes, with parameters, settings of every kind and boxes of several outputs."""
    x, y = fg.Input("x", shape=("N", 4)), fg.Input("y", shape=("N",), dtype=int)
    with fg.scope("net"), fg.scope("layer1"):
        W1, b1 = fg.Parameter(np.linspace(-1, 1, 12).reshape(4, 3), name="W"), fg.Parameter(np.zeros(3), name="b")
        h = fg.LeakyReLU(x @ W1 + b1, slope=0.1, name="h")
    with fg.scope("net"), fg.scope("layer2"):
        W2 = fg.Parameter(np.ones((3, 4)) / 5, name="W")
        left, right = np.split(np.einsum("ni,ij->nj", h, W2), 2, axis=1)
        joined = np.concatenate([left, np.pad(right, ((0, 0), (1, 0)))[:, 1:]], axis=1)
    with fg.scope("loss"):
        loss = fg.mean(fg.SoftmaxCrossEntropy(np.transpose(np.transpose(joined)) - 1.0, y)) + 1e-3 * fg.L2(W1, W2)
    return fg.Graph(loss.named("objective"), np.exp(joined))


def feeds() -> dict[str, Any]:
    """What `several` reads, by place."""
    return {"x": np.linspace(0, 1, 12).reshape(3, 4), "y": np.array([0, 1, 3])}


def poisoned(graph: fg.Graph, words: Sequence[str]) -> fg.Graph:
    """The graph with these texts for names and scopes, put into its boxes from below; numbers keep them apart."""
    for place, box in enumerate(graph.boxes):
        text = words[place % len(words)]
        scope = "".join(f"{words[(place + i) % len(words)].replace('/', '_')}/" for i in range(box.scope.count("/")))
        if isinstance(box, fg.Input | fg.Parameter) or place % 3 == 0:
            box.__dict__["name"] = f"{scope}{text}{place}"
        else:
            box.__dict__["name"] = None
        box.__dict__["scope"] = scope
    return fg.Graph(*graph.outputs)

"""pygam: the slopes of its links."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from benchmarks.outside.entry import Case, Package
from benchmarks.outside.examples import uniform

PACKAGE = Package("pygam", "numpy", held_out=True, second=True)


def _link(name: str) -> Case:
    from pygam import links

    link: Any = getattr(links, name)()
    binomial = SimpleNamespace(levels=1)
    return Case(
        lambda mu: link.link(mu, binomial), (uniform(4),), lambda grad, value, mu: (grad * link.gradient(mu, binomial),)
    )


for _name in ("LogitLink", "LogLink", "InverseLink", "InvSquaredLink"):
    PACKAGE.add(_name, lambda name=_name: _link(name))
